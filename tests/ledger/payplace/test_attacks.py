"""The attacks of the paper's threat model, by name: each is tried in full, and nobody honest loses anything.

Reference: thesis 6.2.2; attacks on 6.7 and on what the paper leaves out are among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from ledger.evm.node import Node, run_node
from ledger.payplace.bls import SecretKey, aggregate_keys, subtract
from ledger.payplace.entries import Status
from ledger.payplace.payout_leaf import PayoutLeaf, empty_leaf, write_leaf
from ledger.payplace.registering import voucher_message
from tests.ledger_world import GENESIS
from tests.payplace_contract import ACCOUNT_UBC, Contract, PythonContract, micropay
from tests.payplace_evm import EvmContract
from tests.payplace_market import TIMES, Amounts, Block, Market, Merchant
from wire.payplace_notarisation import LeafProof
from wire.payplace_withdrawal import Claim, Source

ACCOUNTS = 10
CONSUMER, OTHER_CONSUMER = 8, 9


class Scene:
    """Two honest merchants, two that are in league with the operator, a consumer that has paid 100 of its 500."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.market = Market(self.contract, 0)
        self.alice, self.bob = self.market.join(1), self.market.join(2)
        self.mallory, self.trudy = self.market.join(3, honest=False), self.market.join(4, honest=False)
        self.league = [self.market.own, self.mallory, self.trudy]
        self.channel = self.market.deposit(CONSUMER, 500)
        self.market.pay(CONSUMER, 100)

    def payouts(self, alice: int = 0, bob: int = 0, mallory: int = 0, trudy: int = 0) -> dict[bytes, Amounts]:
        merchants = (self.alice, self.bob, self.mallory, self.trudy)
        amounts = zip(merchants, (alice, bob, mallory, trudy), strict=True)
        return {one.id: {self.channel: amount} if amount else {} for one, amount in amounts}

    def balances(self) -> list[int]:
        return [self.contract.balance(account) - ACCOUNT_UBC for account in range(1, 5)]

    def collude(self, payouts: dict[bytes, Amounts]) -> Block:
        """A block that the league alone signs; all others are named missing."""
        market = self.market
        market.go_to_window()
        block = market.block(payouts)
        rest = [one for one in market.registered() if one not in self.league]
        assert market.mark([one for one in rest if not market._is_missing(one.id)]) == ""
        assert market.notarise(block, self.league) == ""
        market.go_to_open()
        return block

    def take(self, merchant: Merchant, block: Block) -> str:
        claim = Claim(block.proof(merchant.id), len(block.leaves), self.market.sources([self.channel]))
        return self.contract.withdraw(merchant.account, 0, merchant.key, claim)


@pytest.fixture(scope="module", params=["ledger", "evm"])
def node(request: pytest.FixtureRequest) -> Iterator[Node | None]:
    """None: the ledger's own contract, which needs none."""
    if request.param == "ledger":
        yield None
        return
    request.getfixturevalue("evm_contracts")
    with run_node(start_s=GENESIS.time_s - 1_000) as node:
        yield node


@pytest.fixture
def new_scene(node: Node | None) -> Iterator[Callable[[], Scene]]:
    """On the ledger's contract, and on its twin, which is back at its beginning after each test."""
    if node is None:
        yield lambda: Scene(PythonContract(ACCOUNTS))
        return
    begun = node.snapshot()

    def fresh() -> Scene:
        nonlocal begun
        node.revert(begun)
        begun = node.snapshot()
        return Scene(EvmContract(node, ACCOUNTS))

    yield fresh
    node.revert(begun)


@pytest.fixture
def scene(new_scene: Callable[[], Scene]) -> Scene:
    return new_scene()


def test_double_spend_by_the_operator_to_two_merchants(scene: Scene) -> None:
    """It promises the same 100 to Alice and to Bob: neither signs, and without either there is no block for it."""
    scene.market.go_to_window()
    block = scene.market.block(scene.payouts(alice=100, bob=100))
    assert not scene.market.would_sign(scene.alice, block)
    assert not scene.market.would_sign(scene.bob, block)
    assert scene.market.notarise(block, scene.league) == "BAD_AGGREGATE"


def test_double_spend_to_a_merchant_and_a_colluder(new_scene: Callable[[], Scene]) -> None:
    """Alice has 60 confirmed. The league gives itself 100 without her; it gets 40, before or after her."""
    for first in ("alice", "league"):
        scene = new_scene()
        assert scene.market.period(scene.payouts(alice=60)) == ""
        block = scene.collude(scene.payouts(alice=0, mallory=100))
        if first == "alice":
            assert scene.market.withdraw(scene.alice) == ""
        assert scene.take(scene.mallory, block) == ""
        if first == "league":
            assert scene.market.withdraw(scene.alice) == ""
        assert scene.balances() == [60, 0, 40, 0]


def test_re_assigning_notarised_funds(scene: Scene) -> None:
    """What Alice has confirmed is Bob's in the next block: Bob holds the block before, and does not sign."""
    assert scene.market.period(scene.payouts(alice=60, bob=40)) == ""
    scene.market.go_to_window()
    block = scene.market.block(scene.payouts(bob=100))
    assert not scene.market.would_sign(scene.bob, block)
    assert not scene.market.would_sign(scene.alice, block)


def test_re_assigning_while_everybody_else_is_in_the_league(scene: Scene) -> None:
    """Block after block; what was reserved for Alice is hers years later."""
    assert scene.market.period(scene.payouts(alice=60, bob=40)) == ""
    for _ in range(20):
        block = scene.collude(scene.payouts(mallory=50, trudy=50))
        assert scene.take(scene.mallory, block) == ""
        assert scene.take(scene.trudy, block) == ""
    assert scene.balances() == [0, 0, 0, 0]
    for one in (scene.bob, scene.alice):
        assert scene.market.withdraw(one) == ""
    assert scene.balances() == [60, 40, 0, 0]


def test_withholding_data_of_a_commitment(scene: Scene) -> None:
    """The operator notarises a block that Alice never sees: what she had when she last signed is enough to withdraw."""
    assert scene.market.period(scene.payouts(alice=60)) == ""
    claim = scene.alice.claim
    assert claim is not None
    scene.collude(scene.payouts(alice=61, mallory=39))
    record = scene.contract.merchant(0, scene.alice.id)
    assert record is not None
    assert record.status == Status.MISSING
    assert scene.contract.withdraw(1, 0, scene.alice.key, claim) == ""
    assert scene.balances() == [60, 0, 0, 0]


def test_rogue_public_key(scene: Scene) -> None:
    """The operator registers a key that leaves only its own of the sum, and vouches for it; it cannot prove that it
    has its secret.
    """
    mine, market = SecretKey(99), scene.market
    rogue = subtract(mine.public, aggregate_keys([one.secret.public for one in market.registered()]))
    assert rogue is not None
    account = scene.contract.account(5)
    voucher = market.own.secret.sign(
        voucher_message(market.instance, rogue.merchant_id, account, scene.contract.now_s)
    )
    for possession in (
        mine.prove_possession(market.instance, account),
        market.own.secret.prove_possession(market.instance, account),
    ):
        reason = scene.contract.register_merchant(
            5, 0, rogue.eip2537, possession.eip2537, voucher.eip2537, scene.contract.now_s
        )
        assert reason == "BAD_POSSESSION"


def test_a_rogue_key_among_the_missing(scene: Scene) -> None:
    """Theorem 9: the operator signs alone and calls missing whoever makes the sum right. Nobody has that key."""
    mine = SecretKey(99)
    scene.market.go_to_window()
    everybody = aggregate_keys([one.secret.public for one in scene.market.registered()])
    rest = subtract(everybody, mine.public)
    assert rest is not None
    row = LeafProof(empty_leaf(rest.merchant_id), 0, b"")
    assert scene.contract.mark_missing(0, 5, [(rest.eip2537, row)]) == "NOT_REGISTERED"


def test_somebody_elses_proof_of_possession(scene: Scene) -> None:
    """Alice's key and proof, for another account: they say to whom she is paid."""
    market, contract = scene.market, scene.contract
    possession = scene.alice.secret.prove_possession(market.instance, contract.account(1)).eip2537
    other = Market(contract, 7)
    voucher = other.voucher(replace(scene.alice, account=5), contract.now_s)
    reason = contract.register_merchant(5, 7, scene.alice.key, possession, voucher, contract.now_s)
    assert reason == "BAD_POSSESSION"


def test_omitting_a_registered_merchant(scene: Scene) -> None:
    """Neither signed nor named missing: the sum of keys has her in it."""
    assert scene.market.period(scene.payouts(alice=60)) == ""
    scene.market.go_to_window()
    block = scene.market.block(scene.payouts(mallory=100), omit=[scene.alice])
    signers = [one for one in scene.market.registered() if one is not scene.alice]
    assert scene.market.notarise(block, signers) == "BAD_AGGREGATE"
    assert not scene.market.would_sign(scene.bob, block)


def test_naming_a_merchant_missing_by_a_leaf_with_less_in_it(scene: Scene) -> None:
    assert scene.market.period(scene.payouts(alice=60)) == ""
    scene.market.go_to_window()
    new = scene.market.block(scene.payouts(alice=1))
    for row in (
        new.proof(scene.alice.id),
        LeafProof(empty_leaf(scene.alice.id), 0, b""),
        replace(
            scene.market.blocks[scene.market.head].proof(scene.alice.id), leaf=empty_leaf(scene.alice.id)
        ),
    ):
        assert scene.contract.mark_missing(0, 5, [(scene.alice.key, row)]) == "NOT_IN_ROOT"


def test_colluding_merchants_withdrawing_twice(scene: Scene) -> None:
    """By the same leaf; after a block that says it again; after an exit, with the operator's voucher; while missing."""
    contract, market = scene.contract, scene.market
    assert market.period(scene.payouts(mallory=30, trudy=30)) == ""
    claim = scene.mallory.claim
    assert claim is not None
    assert market.withdraw(scene.mallory) == ""
    assert contract.withdraw(3, 0, scene.mallory.key, claim) == "NOTHING_CONFIRMED"
    again = scene.collude(scene.payouts(mallory=30))
    assert contract.withdraw(3, 0, scene.mallory.key, claim) == "NOT_IN_ROOT"
    assert scene.take(scene.mallory, again) == "", "of what the consumer has paid, and nobody is owed"
    channel = contract.channel(0, scene.channel)
    assert channel.withdrawn_ubc <= 100
    assert contract.withdraw(3, 0, scene.mallory.key, claim) == "NOTHING_CONFIRMED"
    assert contract.force_exit(0, scene.mallory.key, claim) == "LEAF_DIFFERS"


def test_withdrawing_twice_while_missing(scene: Scene) -> None:
    contract, market = scene.contract, scene.market
    payouts = scene.payouts(alice=30, mallory=30)
    assert market.period(payouts) == ""
    assert market.period(payouts, [scene.mallory]) == ""
    claim = scene.mallory.claim
    assert claim is not None
    assert market.withdraw(scene.mallory) == ""
    assert contract.withdraw(3, 0, scene.mallory.key, claim) == "NOTHING_CONFIRMED"
    assert market.period(scene.payouts(alice=30), [scene.mallory]) == ""
    assert contract.withdraw(3, 0, scene.mallory.key, claim) == "LEAF_DIFFERS"
    market.go_to_window()
    block = market.block(scene.payouts(alice=30))
    full = [(scene.mallory.key, claim.proof.leaf)]
    signatures = [market.sign(one, block) for one in market.registered()]
    assert market.submit(block, signatures, full) == "LEAF_DIFFERS"


def test_a_colluding_operator_registers_a_merchant_twice(scene: Scene) -> None:
    """Lemma 8 leaves this open; with a record of each merchant it is not."""
    assert scene.market.register(scene.mallory) == "ALREADY_REGISTERED"
    assert scene.market.period(scene.payouts(), [scene.mallory]) == ""
    assert scene.market.register(scene.mallory) == "ALREADY_REGISTERED"


def test_consumer_paying_with_funds_already_assigned(scene: Scene) -> None:
    """It signs for 600 of 500: Alice signs for no more than the deposit, and the contract counts no more."""
    scene.market.pay(CONSUMER, 500)
    scene.market.go_to_window()
    assert not scene.market.would_sign(scene.alice, scene.market.block(scene.payouts(alice=600)))
    block = scene.market.block(scene.payouts(alice=500))
    assert scene.market.would_sign(scene.alice, block)
    assert scene.market.notarise(block, scene.market.registered()) == ""
    scene.market.go_to_open()
    assert scene.market.withdraw(scene.alice) == ""
    assert scene.balances()[0] == 500
    channel = scene.contract.channel(0, scene.channel)
    assert (channel.paid_ubc, channel.withdrawn_ubc) == (500, 500)


def test_replaying_an_older_channel_state(scene: Scene) -> None:
    """An older micropayment takes nothing back from what the contract knows, nor does it help a shift."""
    contract, market = scene.contract, scene.market
    assert market.period(scene.payouts(alice=60, bob=40)) == ""
    assert market.withdraw(scene.bob) == ""
    old = (Source(scene.channel, 5, micropay(contract, 0, CONSUMER, 5)),)
    assert scene.alice.claim is not None
    scene.alice.claim = replace(scene.alice.claim, sources=old)
    assert market.withdraw(scene.alice) == ""
    assert scene.balances() == [60, 40, 0, 0]
    assert contract.channel(0, scene.channel).paid_ubc == 100


def test_re_notarising_an_old_block(scene: Scene) -> None:
    """When Alice had 60 and Mallory 40, and everybody signed. Since then Mallory has nothing and Alice 100."""
    contract, market = scene.contract, scene.market
    market.go_to_window()
    old = market.block(scene.payouts(alice=60, mallory=40))
    signatures = [market.sign(one, old) for one in market.registered()]
    assert market.submit(old, signatures, [], market.registered()) == ""
    market.go_to_open()
    assert market.withdraw(scene.mallory) == ""
    assert market.period(scene.payouts(alice=60)) == ""
    window = market.go_to_window()
    assert market.submit(old, signatures, []) == "TAU_OUTSIDE_WINDOW"
    for tau_s in (contract.now_s, market.start_s + window * TIMES.period_s):
        assert market.submit(replace(old, tau_s=tau_s), signatures, []) == "BAD_AGGREGATE"


def test_an_old_block_in_the_same_window(scene: Scene) -> None:
    """Two blocks were signed in one window, since the first did not go through: only one becomes the head."""
    market = scene.market
    market.go_to_window()
    one, other = market.block(scene.payouts(alice=60)), market.block(scene.payouts(alice=60, mallory=40))
    assert market.notarise(one, market.registered()) == ""
    signatures = [market.sign(signer, other) for signer in market.registered()]
    assert market.submit(other, signatures, []) == "ALREADY_NOTARISED"
    market.go_to_window()
    assert market.submit(replace(other, tau_s=scene.contract.now_s), signatures, []) == "BAD_AGGREGATE"


def test_withdrawing_inside_a_freeze_window(scene: Scene) -> None:
    contract, market = scene.contract, scene.market
    assert market.period(scene.payouts(mallory=30)) == ""
    begin_s = market.start_s + 2 * TIMES.period_s
    for now_s, reason in (
        (begin_s - TIMES.finality_s, "FROZEN"),
        (begin_s, "FROZEN"),
        (begin_s + TIMES.window_s + TIMES.finality_s, "FROZEN"),
        (begin_s + TIMES.window_s + TIMES.finality_s + 1, ""),
    ):
        contract.now_s = now_s
        assert scene.mallory.claim is not None
        assert contract.withdraw(3, 0, scene.mallory.key, scene.mallory.claim) == reason


def test_operator_switch_while_funds_are_spent(scene: Scene) -> None:
    """The consumer moves all 500 to another operator; whoever has its micropayment says that 100 are spent."""
    contract, market = scene.contract, scene.market
    Market(contract, 7)
    assert market.period(scene.payouts(alice=60, bob=40)) == ""
    assert contract.shift(CONSUMER, 0, 7, 500) == ""
    spent = micropay(contract, 0, CONSUMER, 100)
    assert contract.challenge(0, CONSUMER, 100, spent) == ""
    contract.now_s += TIMES.challenge_s
    assert contract.finish_shift(0, CONSUMER) == "NO_SHIFT"
    assert contract.shift(CONSUMER, 0, 7, 401) == "SHIFT_TOO_LARGE"
    assert contract.shift(CONSUMER, 0, 7, 400) == ""
    contract.now_s += TIMES.challenge_s
    assert contract.finish_shift(0, CONSUMER) == ""
    market.go_to_open()
    for one in (scene.alice, scene.bob):
        assert market.withdraw(one) == ""
    assert scene.balances() == [60, 40, 0, 0]


def test_a_merchant_signs_for_no_funds_that_are_on_their_way(scene: Scene) -> None:
    contract, market = scene.contract, scene.market
    Market(contract, 7)
    assert contract.shift(CONSUMER, 0, 7, 450) == ""
    market.go_to_window()
    assert not market.would_sign(scene.alice, market.block(scene.payouts(alice=51)))
    assert market.would_sign(scene.alice, market.block(scene.payouts(alice=50)))


def test_pushing_a_merchant_out_with_less_than_it_has(scene: Scene) -> None:
    contract, market = scene.contract, scene.market
    assert market.period(scene.payouts(alice=20)) == ""
    early = scene.alice.claim
    assert market.period(scene.payouts(alice=60)) == ""
    late = scene.alice.claim
    assert early is not None
    assert late is not None
    old = (Source(scene.channel, 59, micropay(contract, 0, CONSUMER, 59)),)
    assert contract.force_exit(0, scene.alice.key, early) == "NOT_IN_ROOT"
    assert contract.force_exit(0, scene.alice.key, replace(late, sources=())) == "SOURCE_MISSING"
    assert contract.force_exit(0, scene.alice.key, replace(late, sources=old)) == "NOT_FULLY_COVERED"
    assert contract.force_exit(0, scene.alice.key, late) == ""
    assert scene.balances() == [60, 0, 0, 0]


def test_the_league_reserves_before_an_honest_merchant(scene: Scene) -> None:
    """Mallory goes missing with a claim on what was reserved for Alice: hers is the older one, and she is paid."""
    assert scene.market.period(scene.payouts(alice=100)) == ""
    scene.collude(scene.payouts(mallory=100))
    scene.market.go_to_window()
    assert scene.market.mark([scene.mallory]) == ""
    block = scene.market.block(scene.payouts())
    assert scene.market.notarise(block, [scene.market.own, scene.trudy]) == ""
    scene.market.go_to_open()
    assert scene.market.withdraw(scene.mallory) == "NOT_FULLY_COVERED"
    assert scene.market.withdraw(scene.mallory, accept_less=True) == ""
    assert scene.market.withdraw(scene.alice) == ""
    assert scene.balances() == [100, 0, 0, 0]


def test_a_claim_behind_what_is_reserved_pays_nothing_and_takes_nothing(scene: Scene) -> None:
    """Mallory shows a micropayment that does not even cover what is reserved for Alice."""
    assert scene.market.period(scene.payouts(alice=60)) == ""
    block = scene.collude(scene.payouts(mallory=40))
    sources = (Source(scene.channel, 20, micropay(scene.contract, 0, CONSUMER, 20)),)
    claim = Claim(block.proof(scene.mallory.id), len(block.leaves), sources)
    assert scene.contract.withdraw(3, 0, scene.mallory.key, claim) == ""
    assert scene.balances() == [0, 0, 0, 0]
    assert scene.contract.channel(0, scene.channel).withdrawn_ubc == 0
    assert scene.market.withdraw(scene.alice) == ""
    assert scene.balances() == [60, 0, 0, 0]


def test_a_merchant_is_not_brought_back_without_its_signature(scene: Scene) -> None:
    """It would be held to the head, which says what the league likes."""
    market = scene.market
    assert market.period(scene.payouts(alice=60)) == ""
    scene.collude(scene.payouts(mallory=100))
    market.go_to_window()
    block = market.block(scene.payouts(mallory=100))
    returning = [(scene.alice.key, write_leaf(PayoutLeaf(scene.alice.id, {scene.channel: 60})))]
    signatures = [market.sign(one, block) for one in scene.league]
    assert market.submit(block, signatures, returning) == "BAD_AGGREGATE"


def test_what_is_signed_for_another_operator_counts_nowhere_else(scene: Scene) -> None:
    contract = scene.contract
    other = Market(contract, 7)
    copy = other.join(1)
    other.deposit(CONSUMER, 500)
    other.pay(CONSUMER, 300)
    assert scene.market.period(scene.payouts(alice=60)) == ""
    assert copy.id != scene.alice.id
    foreign = other.sources([0])
    assert scene.alice.claim is not None
    claim = replace(scene.alice.claim, sources=foreign)
    assert contract.withdraw(1, 0, scene.alice.key, claim) == "BAD_SOURCE"
