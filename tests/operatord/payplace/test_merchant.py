"""What a merchant does when its operator lies: it does not sign, it keeps the evidence, and it is paid what is its."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ledger.payplace import bls
from ledger.payplace.generating import Period, next_leaves
from ledger.payplace.merchant_check import BlockRefused, Rule
from ledger.payplace.payout_block import HEAD_SIZE, BlockHead, read_block_head, split_block, write_block_head
from operatord.payplace.embedded_chain import EmbeddedAccount
from operatord.payplace.merchant import Idle, Signed, Withdrawn
from tests.ledger.payplace.payouts import leaf, tree_of
from tests.operatord.payplace.market import COLLECT_S, OPERATOR, OPERATOR_BLS, TIMES, Market
from wire.create import Create
from wire.errors import ShellError
from wire.keys import PrivateKey
from wire.payplace_actions import PayplaceAction
from wire.payplace_notarisation import Notarise
from wire.payplace_registration import RegisterOperator
from wire.payplace_shift import FinishShift, Shift


@pytest.fixture
def market(tmp_path):
    market = Market(tmp_path)
    yield market
    market.close()


class Gone:
    """An operator that has left, with all of its data."""

    def __getattr__(self, name: str) -> object:
        raise ShellError("operator", "nobody answers")


THIEF = PrivateKey.from_secret(9_000)


def shift_everything(market: Market, consumer: int, amount_ubc: int = 1_000_000) -> None:
    """To an operator that this consumer has made up."""
    market.must(Create(THIEF.public), THIEF)
    instance, secret = EmbeddedAccount(market.chain, THIEF, THIEF.public).instance, bls.SecretKey(9_001)
    possession = secret.prove_possession(instance, THIEF.public.octets)
    market.must(RegisterOperator(TIMES, secret.public.eip2537, possession.eip2537), THIEF)
    market.must(Shift(OPERATOR.public, THIEF.public, amount_ubc), market.consumers[consumer])


class Liar:
    """An operator's office that serves another block than the one that an honest one made."""

    def __init__(self, market: Market, payouts: dict[bytes, dict[int, int]], *, withhold: int = 0) -> None:
        self.market = market
        self.taken: list[bytes] = []
        self.signatures: list[bls.Signature] = []
        leaves = [leaf(merchant, payouts[merchant]) for merchant in sorted(payouts)]
        operator = market.account.operator()
        number = (market.chain.now_s - operator.start_s) // operator.period_s
        self.head = BlockHead(
            market.account.instance,
            number,
            market.chain.now_s,
            operator.root,
            len(leaves),
            tree_of(leaves).root,
        )
        octets = b"".join((write_block_head(self.head), *leaves))
        self.octets = octets[: len(octets) - withhold]

    def announcement(self) -> bytes:
        return write_block_head(self.head) + OPERATOR_BLS.sign(self.head.commitment).compressed

    def block(self, root: bytes) -> Iterator[bytes]:
        return iter([self.octets]) if root == self.head.root else self.market.settler.block(root)

    def take_signature(self, merchant: bytes, period: int, octets: bytes) -> None:
        self.taken.append(merchant)
        self.signatures.append(bls.Signature.of_compressed(octets))

    def __getattr__(self, name: str) -> object:
        return getattr(self.market.settler, name)


def refuses(market, rule, office, number=0):
    merchant = market.merchant(number, office)
    with pytest.raises(BlockRefused) as caught:
        merchant.watch()
    assert caught.value.rule is rule, str(caught.value)
    assert office.taken == []


def honest(market):
    """After one honest period in which both merchants earned 900 of consumer 0."""
    market.pay(0, 0, 1_000)
    market.pay(0, 1, 1_000)
    market.round(1)
    market.to_window(2)
    first, second = market.merchants
    return first.id, second.id, OPERATOR_BLS.public.merchant_id


def test_an_operator_that_spends_twice_gets_no_signature(market):
    first, second, operator = honest(market)
    office = Liar(market, {first: {0: 1_500}, second: {0: 1_500}, operator: {0: 200}})
    refuses(market, Rule.DOUBLE_SPEND, office, 0)
    refuses(market, Rule.DOUBLE_SPEND, office, 1)


def test_an_operator_that_omits_a_merchant_gets_no_signature_of_the_others(market):
    first, second, operator = honest(market)
    office = Liar(market, {first: {0: 1_800}, operator: {0: 200}})
    refuses(market, Rule.MERCHANT_OMITTED, office, 0)
    refuses(market, Rule.MERCHANT_OMITTED, office, 1)
    assert second not in office.octets


def test_an_operator_that_lowers_an_income_gets_no_signature(market):
    first, second, operator = honest(market)
    office = Liar(market, {first: {0: 900}, second: {0: 800}, operator: {0: 300}})
    refuses(market, Rule.PAYOUT_FELL, office, 0)
    refuses(market, Rule.PAYOUT_FELL, office, 1)


def test_an_operator_that_withholds_a_block_gets_no_signature(market):
    first, second, operator = honest(market)
    market.pay(1, 0, 10)
    payouts = {first: {0: 900, 1: 9}, second: {0: 900}, operator: {0: 200, 1: 1}}
    office = Liar(market, payouts, withhold=1)
    refuses(market, Rule.MALFORMED, office)
    office.octets += b"x" * 10_000
    refuses(market, Rule.MALFORMED, office)
    office.octets = Liar(market, payouts).octets
    assert isinstance(market.merchant(0, office).watch(), Signed), "it is asked for again"


def test_two_blocks_of_a_period_are_evidence(market):
    """Each is good in itself. Whoever signed one signs no other, and has both announcements."""
    first, second, operator = honest(market)
    one = Liar(market, {first: {0: 900}, second: {0: 900}, operator: {0: 200}})
    market.chain.now_s += 1
    other = Liar(market, {first: {0: 900}, second: {0: 900}, operator: {0: 200}})
    signer, another = market.merchant(0, one), market.merchant(1, other)
    assert isinstance(signer.watch(), Signed)
    assert isinstance(another.watch(), Signed)
    signatures = [*one.signatures, *other.signatures, OPERATOR_BLS.sign(one.head.commitment)]
    total = bls.aggregate_signatures(signatures).eip2537
    assert market.account.submit(Notarise(one.head.root, one.head.tau_s, total)) == "bad_aggregate"
    with pytest.raises(BlockRefused) as caught:
        market.merchant(0, other).watch()
    assert caught.value.rule is Rule.TWO_BLOCKS
    evidence = (market.folder / "merchant-0" / "two-blocks-2").read_bytes()
    heads = [read_block_head(evidence[at : at + HEAD_SIZE]) for at in (0, HEAD_SIZE + 48)]
    assert heads == [one.head, other.head]


def test_an_announcement_that_the_operator_did_not_sign_is_refused(market):
    first, second, operator = honest(market)
    office = Liar(market, {first: {0: 900}, second: {0: 900}, operator: {0: 200}})
    forged = (
        office.announcement()[:HEAD_SIZE] + market.merchants[0]._key.sign(office.head.commitment).compressed
    )
    office.announcement = lambda: forged  # type: ignore[method-assign]
    refuses(market, Rule.MALFORMED, office)


def test_a_withdrawal_needs_nobody_but_the_chain(market):
    honest(market)
    market.to_open(2)
    merchant = market.merchant(1, Gone())
    assert merchant.confirmed_ubc() == 900
    assert merchant.withdraw().reason == ""
    assert market.balance(market.owners[1]) == 900


def test_a_merchant_that_was_away_holds_its_own_payouts_against_the_operator(market):
    """The others colluded: they signed a block in which the absent merchant has nothing."""
    first, second, operator = honest(market)
    market.to_window(2)
    market.turns()
    market.merchants[0].watch()
    market.to_window(2, COLLECT_S)
    market.turns()
    market.to_window(3)
    office = Liar(market, {first: {0: 900}, second: {}, operator: {0: 200}})
    refuses(market, Rule.PAYOUT_FELL, office, 1)
    refuses(market, Rule.PAYOUT_FELL, office, 0)
    market.to_open(3)
    assert market.merchants[1].withdraw().reason == ""
    assert market.balance(market.owners[1]) == 900


def test_a_newcomer_fetches_the_block_before(market):
    honest(market)
    market.pay(1, 0, 10)
    market.turns()
    (market.folder / "merchant-0" / "blocks" / f"{market.account.operator().root.hex()}.block").unlink()
    assert isinstance(market.merchants[0].watch(), Signed)


def test_who_has_signed_sends_the_same_signature_again(market):
    honest(market)
    market.turns()
    assert market.merchants[0].watch() == Signed(market.store.block()[0], 900, again=False)
    assert market.merchants[0].watch() == Signed(market.store.block()[0], 900, again=True)


def test_who_has_signed_asks_for_no_list_of_merchants_again(market):
    market.pay(0, 0, 1_000)
    market.to_window(1)
    market.turns()
    asked, account = list[str](), market.account_of(market.owners[0])

    class Noting:
        def __getattr__(self, name: str) -> object:
            asked.append(name)
            return getattr(account, name)

    merchant = market.merchant(0, market.settler, Noting())
    assert merchant.watch().again is False
    assert "merchants" in asked
    asked.clear()
    for _ in range(5):
        assert merchant.watch().again is True
    assert "merchants" not in asked


def test_there_is_not_always_something_to_sign(market):
    assert market.merchants[0].watch() == Idle("no window runs")
    market.to_window(1)
    assert market.merchants[0].watch() == Idle("no block is announced")
    market.turns()
    stranger = market.merchant(7, market.settler, market.account)
    assert stranger.watch() == Idle("not registered")
    market.round(1)
    assert market.merchants[0].watch() == Idle("no window runs"), "it has its block"


def test_an_honest_block_of_the_liars_is_what_the_operator_makes(market):
    """The liar's tools make an honest block, too: so its lies are refused for what they say."""
    first, second, operator = honest(market)
    before = list(split_block(market.store.chunks(market.account.operator().root), 10))[1:]
    leaves = list(next_leaves(before, Period(sorted([first, second, operator]), {first: {0: 1}}), 10))
    assert len(leaves) == 3
    office = Liar(market, {first: {0: 900}, second: {0: 900}, operator: {0: 200}})
    assert isinstance(market.merchant(0, office).watch(), Signed)
    assert office.taken == [first]


# ---- Consumers who shift away what a notarised block assigns


def test_a_merchant_contests_by_itself_while_its_operator_is_gone(market):
    """Outside of a window, with no new income, and nobody else looks."""
    market.pay(0, 0, 1_000_000)
    market.round(1)
    market.to_open(1)
    told = list[str]()
    merchant = market.merchant(0, Gone(), tell=told.append)
    assert merchant.watch() == Idle("no window runs")
    shift_everything(market, 0)
    market.chain.now_s += TIMES.challenge_s // 2
    assert merchant.watch() == Idle("no window runs")
    assert told == [f"merchant: {market.consumers[0].public} shifts what it has spent: contested"]
    market.chain.now_s += TIMES.challenge_s
    finish = FinishShift(OPERATOR.public, market.consumers[0].public)
    assert market.chain.do(finish, THIEF) == "no_shift"
    assert merchant.withdraw().reason == ""
    assert market.balance(market.owners[0]) == 900_000


def test_a_merchant_that_is_missing_contests_for_what_it_is_held_to(market):
    market.pay(0, 1, 1_000_000)
    market.round(1)
    market.round(2, signers=[0])
    shift_everything(market, 0)
    market.to_open(2)
    market.merchant(1, Gone()).watch()
    assert market.account.channel(0).shift is None


def test_all_consumers_are_looked_at_several_times_in_a_challenge_period_and_not_at_every_look(market):
    market.pay(0, 0, 1_000_000)
    market.round(1)
    market.to_open(1)
    asked, chain = list[int](), market.account_of(market.owners[0])

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(chain, name)

        def channels(self, numbers):
            asked.append(market.chain.now_s)
            return chain.channels(numbers)

    merchant = market.merchant(0, Gone(), Counting())
    end_s = market.chain.now_s + TIMES.challenge_s
    while market.chain.now_s < end_s:
        merchant.guard()
        market.chain.now_s += 5
    times = sorted(set(asked))
    assert 4 <= len(times) <= 5
    assert max(after - before for before, after in itertools.pairwise(times)) <= TIMES.challenge_s // 3


def test_what_a_block_assigns_is_contested_before_it_is_judged(market):
    """The operator is in league: it shows the micropayment, and does not contest."""
    market.pay(0, 0, 1_000_000)
    market.to_window(1)
    market.settler.turn()
    shift_everything(market, 0)
    assert isinstance(market.merchants[0].watch(), Signed)
    assert market.account.channel(0).shift is None


def test_who_shifts_what_is_not_spent_is_left_alone(market):
    market.pay(0, 0, 1_000)
    market.round(1)
    market.to_open(1)
    shift_everything(market, 0, 999_000)
    account = market.account_of(market.owners[0])
    market.merchant(0, Gone(), account).guard()
    assert account.submitted == []
    assert market.account.channel(0).shift is not None


def test_what_is_not_all_there_is_not_taken_unless_the_merchant_says_so(market):
    """Nobody contested in time; a later deposit may still cover it."""
    market.pay(0, 0, 1_000_000)
    market.round(1)
    market.to_open(1)
    shift_everything(market, 0, 300_000)
    market.chain.now_s += TIMES.challenge_s
    market.must(FinishShift(OPERATOR.public, market.consumers[0].public), THIEF)
    market.to_open(3)
    merchant = market.merchants[0]
    assert merchant.confirmed_ubc() == 900_000
    assert (
        merchant.withdraw().reason
        == "not_fully_covered: 700000 of 900000 ubc are there now, the rest would be lost"
    )
    assert market.balance(market.owners[0]) == 0
    assert merchant.confirmed_ubc() == 900_000
    assert merchant.withdraw(accept_less=True) == Withdrawn("", 700_000, 200_000)
    assert market.balance(market.owners[0]) == 700_000


class Late(EmbeddedAccount):
    """What it submits is executed only when somebody has shifted what was there, and nobody has contested it."""

    market: Market

    def submit(self, action: PayplaceAction) -> str:
        shift_everything(self.market, 0, 300_000)
        self.market.chain.now_s += TIMES.challenge_s
        self.market.must(FinishShift(OPERATOR.public, self.market.consumers[0].public), THIEF)
        self.market.to_open(3)
        return EmbeddedAccount.submit(self, action)


@pytest.mark.parametrize("accept_less", [False, True])
def test_what_goes_between_looking_and_taking_is_not_given_up(market, accept_less):
    """The contract is told the least that is accepted, and strikes nothing: less is what was there."""
    market.pay(0, 0, 1_000_000)
    market.round(1)
    market.to_open(1)
    late = Late(market.chain, market.owners[0], OPERATOR.public)
    late.market = market
    merchant = market.merchant(0, Gone(), late)
    assert merchant.confirmed_ubc() == 900_000
    assert merchant.withdraw(accept_less=accept_less).reason == "not_fully_covered"
    assert (market.balance(market.owners[0]), merchant.confirmed_ubc()) == (0, 900_000)


# ---- An operator that wants to fill its merchants' disks


def test_a_block_of_more_leaves_than_merchants_is_not_fetched(market):
    first, second, operator = honest(market)
    office = Liar(market, {first: {0: 901}, second: {0: 900}, operator: {0: 200}})
    office.head = replace(office.head, leaves=2**32 - 1)
    office.block = lambda _: pytest.fail("nothing is fetched")  # type: ignore[method-assign, assignment]
    refuses(market, Rule.MALFORMED, office)


def test_a_block_that_does_not_end_is_left(market):
    first, second, operator = honest(market)
    office = Liar(market, {first: {0: 901}, second: {0: 900}, operator: {0: 200}})
    written = list[int]()

    def endless(_root: bytes) -> Iterator[bytes]:
        while True:
            written.append(1_000)
            yield bytes(1_000)

    office.block = endless  # type: ignore[method-assign, assignment]
    refuses(market, Rule.MALFORMED, office)
    assert sum(written) <= 2_000


def test_a_leaf_of_somebody_who_is_no_merchant_is_refused(market):
    first, second, operator = honest(market)
    assert second != bytes(32)
    office = Liar(market, {bytes(32): {0: 1}, first: {0: 900}, operator: {0: 200}})
    refuses(market, Rule.MALFORMED, office)
