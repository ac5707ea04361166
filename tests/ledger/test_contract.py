"""The contract as a whole: money is conserved through any story, batches are atomic, replays and views."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.contract import MAX_VALIDITY_S, Applied, apply, apply_batch
from ledger.entries import Account
from ledger.rejection import Reason, Rejected
from tests.ledger_world import ALICE, BOB, CAROL, EXCHANGE, PERIOD_S, PROVIDER, World, buy, offer
from wire.create import Create
from wire.money_actions import Deposit, Transfer, Withdraw
from wire.post_offer import AuctionShare, Reservation
from wire.units import PPM

people = st.sampled_from([ALICE, BOB, CAROL, PROVIDER])
amounts = st.one_of(st.integers(0, 20_000), st.sampled_from([2**62, 2**63 - 1]))


class Bank(RuleBasedStateMachine):
    """Anybody does anything; `World` checks after every merge that money is conserved, and that rejections
    change nothing.
    """

    @initialize()
    def open(self) -> None:
        self.world = World()
        self.total = 20_000

    @rule(who=people)
    def create(self, who) -> None:
        self.world.do(Create(who.public), who)

    @rule(who=st.sampled_from([EXCHANGE, ALICE]), whom=people, amount=amounts)
    def deposit(self, who, whom, amount: int) -> None:
        if self.world.do(Deposit(whom.public, amount), who) is None:
            assert who is EXCHANGE
            self.total += amount

    @rule(who=st.sampled_from([EXCHANGE, ALICE]), whom=people, amount=amounts)
    def withdraw(self, who, whom, amount: int) -> None:
        if self.world.do(Withdraw(whom.public, amount), who) is None:
            assert who is EXCHANGE
            self.total -= amount

    @rule(who=people, whom=people, amount=amounts)
    def transfer(self, who, whom, amount: int) -> None:
        self.world.do(Transfer(whom.public, amount), who)

    @rule(
        price=st.integers(0, 300),
        maximum=st.integers(0, 9),
        volume=st.sampled_from([PPM, 500_000, 1]),
        ahead=st.sampled_from([PPM, 500_000]),
        auction=st.booleans(),
    )
    def post(self, price: int, maximum: int, volume: int, ahead: int, auction: bool) -> None:
        period = self.world.now_s // PERIOD_S
        shares = {ALICE.public: AuctionShare(1, price), BOB.public: AuctionShare(2, price)}
        self.world.do(
            offer(
                price_ubc=price,
                max_allocations=maximum,
                volume_discount_multiplier_ppm=volume,
                reservation_discount_multiplier_ppm=ahead,
                reservations={period + 1: Reservation(price, 3)},
                consumers=shares if auction else {},
            ),
            PROVIDER,
        )

    @rule(
        who=people,
        price=st.integers(0, 900),
        epoch=st.integers(1, 5),
        units=st.integers(1, 4),
        reserve=st.booleans(),
    )
    def buy(self, who, price: int, epoch: int, units: int, reserve: bool) -> None:
        period = self.world.now_s // PERIOD_S + 1
        when = {"period": period, "period_to": period} if reserve else {}
        outcome = self.world.run(self.world.sign(buy(price, epoch, allocations=units, **when), who))
        if isinstance(outcome, Applied):
            assert outcome.sale is not None
            assert outcome.sale.charged_ubc <= price

    @rule(seconds=st.integers(0, 70))
    def wait(self, seconds: int) -> None:
        self.world.wait(seconds)

    @invariant()
    def money_is_what_came_in_less_what_went_out(self) -> None:
        if hasattr(self, "world"):
            entries = self.world.state.entries.values()
            balances = [entry.balance_ubc for entry in entries if isinstance(entry, Account)]
            assert sum(balances) == self.total


Bank.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestBank = Bank.TestCase


def test_a_view_is_never_changed() -> None:
    world = World()
    draft = world.draft()
    before = dict(draft.changes)
    outcome = apply(draft, world.sign(Transfer(BOB.public, 1), ALICE), world.now_s)
    assert isinstance(outcome, Applied)
    assert outcome.issuer == ALICE.public
    assert draft.changes == before
    assert world.balance(ALICE) == 10_000


def test_a_batch_sees_its_own_effects_in_order() -> None:
    world = World()
    batch = [
        world.sign(Create(CAROL.public), CAROL),
        world.sign(Transfer(CAROL.public, 10_000), ALICE),
        world.sign(Transfer(BOB.public, 10_000), CAROL),
    ]
    outcome = apply_batch(world.draft(), batch, world.now_s)
    assert isinstance(outcome, list)
    assert len(outcome) == 3
    backwards = apply_batch(world.draft(), batch[::-1], world.now_s)
    assert isinstance(backwards, tuple)
    assert (backwards[0], backwards[1].reason) == (0, Reason.UNKNOWN_ISSUER)


def test_a_batch_may_not_hold_a_transaction_twice() -> None:
    world = World()
    signed = world.sign(Transfer(BOB.public, 1), ALICE)
    outcome = apply_batch(world.draft(), [signed, signed], world.now_s)
    assert isinstance(outcome, tuple)
    assert (outcome[0], outcome[1].reason) == (1, Reason.REPLAYED)


def test_another_signature_of_the_same_content_is_a_replay() -> None:
    """ECDSA gives anybody a second valid signature (r, n - s); the id covers the content only."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    world = World()
    signed = world.sign(Transfer(BOB.public, 1), ALICE)
    assert isinstance(world.run(signed), Applied)
    signature = signed.envelope.signature
    twin = signature[:32] + (order - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
    outcome = world.run(replace(signed, envelope=replace(signed.envelope, signature=twin)))
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.REPLAYED


def test_an_id_is_remembered_as_long_as_it_could_be_replayed() -> None:
    world = World()
    signed = world.sign(Transfer(BOB.public, 1), ALICE, valid_s=50)
    assert isinstance(world.run(signed), Applied)
    world.wait(50)
    world.must(Transfer(BOB.public, 2), ALICE)
    outcome = world.run(signed)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.REPLAYED
    world.wait(1)
    world.must(Transfer(BOB.public, 3), ALICE)
    outcome = world.run(signed)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.EXPIRED


def test_the_limits_of_validity_are_inclusive() -> None:
    world = World()
    assert isinstance(world.run(world.sign(Transfer(BOB.public, 1), ALICE, valid_s=0)), Applied)
    assert isinstance(world.run(world.sign(Transfer(BOB.public, 1), ALICE, valid_s=MAX_VALIDITY_S)), Applied)


def test_a_transaction_of_another_ledger_does_not_verify_here() -> None:
    world, other = World(), World(genesis=replace(World().genesis, period_s=61))
    signed = other.sign(Transfer(BOB.public, 1), ALICE)
    outcome = world.run(replace(signed, external=world.sign(Transfer(BOB.public, 1), ALICE).external))
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.BAD_SIGNATURE
