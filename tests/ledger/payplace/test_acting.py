"""The rules of PayPlace's contract, one row for each reason in the order of precedence; and what its actions do.

A row breaks its rule and, where it can, later ones too: the first rule that is broken has to be named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from ledger.payplace.acting import parties_of
from ledger.payplace.bls import GROUP_ORDER, SecretKey
from ledger.payplace.entries import Status
from ledger.payplace.key_sums import add_keys, take_keys
from ledger.payplace.payout_leaf import PayoutLeaf, empty_leaf, write_leaf
from ledger.payplace.reserving import MAX_COHORTS
from ledger.rejection import Reason
from tests.payplace_contract import ACCOUNT_UBC, PythonContract, micropay
from tests.payplace_market import TIMES, Amounts, Block, Market, Merchant, secret
from wire.keys import PrivateKey
from wire.payplace_deposit import PayplaceDeposit, Split
from wire.payplace_notarisation import LeafProof, Notarise
from wire.payplace_registration import RegisterMerchant, Times
from wire.payplace_shift import ChallengeShift, FinishShift, Shift
from wire.payplace_summary import PublishSummary
from wire.payplace_withdrawal import Claim, Source, WithdrawPayout

OPERATOR, OTHER = 0, 1
ONE, TWO, THREE = 5, 6, 7
"""Consumers."""
POINT_OF_NOTHING = b"\x40" + bytes(255)


class Town:
    """The worked example of the thesis: two merchants, two consumers, one block; and another operator."""

    def __init__(self, contract: PythonContract | None = None) -> None:
        self.contract = contract or PythonContract(12)
        self.market = Market(self.contract, OPERATOR)
        self.other = Market(self.contract, OTHER)
        self.p1, self.p2 = self.market.join(2), self.market.join(3)
        self.c1, self.c2 = self.market.deposit(ONE, 30), self.market.deposit(TWO, 20)
        self.market.deposit(ONE, 40)
        self.market.pay(ONE, 10)
        self.market.pay(TWO, 10)
        self.market.pay(ONE, 10)
        self.payouts: dict[bytes, Amounts] = {
            self.p1.id: {self.c1: 10, self.c2: 10},
            self.p2.id: {self.c1: 10},
        }
        assert self.market.period(self.payouts) == ""

    def go_to_window(self) -> Town:
        self.market.go_to_window()
        return self

    def missing(self) -> Town:
        """p2 is, since the second block."""
        assert self.market.period(self.payouts, [self.p2]) == ""
        return self

    def claim(self, merchant: Merchant | None = None, **changes: object) -> Claim:
        claim = (merchant or self.p1).claim
        assert claim is not None
        proof = {key: changes.pop(key) for key in ("leaf", "index", "path") if key in changes}
        claim = replace(claim, proof=replace(claim.proof, **proof))  # type: ignore[arg-type]
        return replace(claim, **changes)  # type: ignore[arg-type]

    def withdraw(self, merchant: Merchant | None = None, **changes: object) -> str:
        payee = merchant or self.p1
        return self.contract.withdraw(payee.account, OPERATOR, payee.key, self.claim(merchant, **changes))

    def force(self, merchant: Merchant, claim: Claim) -> str:
        return self.contract.force_exit(OPERATOR, merchant.key, claim)

    def row(self, merchant: Merchant) -> tuple[bytes, LeafProof]:
        return merchant.key, self.market.held(merchant, self.market.blocks[self.market.head])

    def mark(self, *rows: tuple[bytes, LeafProof], leaves: int = 3) -> str:
        return self.contract.mark_missing(OPERATOR, leaves, rows)

    def next_block(self) -> Block:
        return self.market.block(self.payouts)


Deed = Callable[[Town], str]


@dataclass(frozen=True)
class Row:
    reason: Reason
    deed: Deed
    note: str = ""


def register(town: Town, merchant: Merchant, **changes: bytes | int) -> str:
    market, contract = town.market, town.contract
    possession = merchant.secret.prove_possession(market.instance, contract.account(merchant.account)).eip2537
    fields: dict[str, bytes | int] = {"key": merchant.key, "possession": possession, "tau_s": contract.now_s}
    fields |= changes
    fields.setdefault("voucher", market.voucher(merchant, int(fields["tau_s"])))
    return contract.register_merchant(merchant.account, OPERATOR, **fields)  # type: ignore[arg-type]


def newcomer() -> Merchant:
    return Merchant(4, secret(77))


def notarise(town: Town, **changes: object) -> str:
    market = town.go_to_window().market
    block = replace(town.next_block(), **changes)  # type: ignore[arg-type]
    return market.notarise(block, market.registered())


def times(**changes: int) -> Deed:
    def deed(town: Town) -> str:
        proof = secret(8).prove_possession(town.contract.instance(8), town.contract.account(8)).eip2537
        return town.contract.register_operator(8, replace(TIMES, **changes), secret(8).public.eip2537, proof)

    return deed


def open_operator(town: Town, key: bytes, possession: bytes) -> str:
    return town.contract.register_operator(8, TIMES, key, possession)


def notarise_twice(town: Town) -> str:
    assert notarise(town) == ""
    town.contract.now_s += 1
    return town.market.notarise(town.next_block(), town.market.registered())


def exit_and_return(town: Town) -> str:
    assert town.market.withdraw(town.p1, leaving=True) == ""
    return register(town, town.p1)


def many_cohorts(town: Town) -> str:
    """One after the other goes missing, each since another height, all with a claim on the same consumer."""
    market = town.market
    merchants = [Merchant(4, secret(500 + number)) for number in range(MAX_COHORTS + 1)]
    for one in merchants:
        assert register(town, one) == ""
        market.merchants.append(one)
    market.pay(ONE, 30)
    payouts = {**town.payouts, **{one.id: {town.c1: 1} for one in merchants}}
    assert market.period(payouts) == ""
    for number in range(MAX_COHORTS):
        assert market.period(payouts, merchants[: number + 1]) == ""
    market.go_to_window()
    return market.mark([merchants[-1]])


def shift(amount_ubc: int, source: int = OPERATOR, target: int = OTHER, consumer: int = ONE) -> Deed:
    return lambda town: town.contract.shift(consumer, source, target, amount_ubc)


def after(first: Deed, second: Deed) -> Deed:
    def deed(town: Town) -> str:
        assert first(town) == ""
        return second(town)

    return deed


def challenge(amount_ubc: int, operator: int = OPERATOR, consumer: int = ONE) -> Deed:
    def deed(town: Town) -> str:
        signature = micropay(town.contract, operator, consumer, amount_ubc)
        return town.contract.challenge(operator, consumer, amount_ubc, signature)

    return deed


def summary(from_s: int, until_s: int, subject: int = 2) -> Deed:
    def deed(town: Town) -> str:
        now_s = town.contract.now_s
        key = town.contract.keys[subject].public if subject < 12 else PrivateKey.generate().public
        action = PublishSummary(key, now_s + from_s, now_s + until_s, 1, 1, 1, 1)
        return town.contract.do(action, town.contract.keys[3])

    return deed


def deposit(*splits: tuple[int, int]) -> Deed:
    return lambda town: town.contract.deposit(ONE, ONE, splits)


def in_window(deed: Deed) -> Deed:
    return lambda town: deed(town.go_to_window())


def stale(town: Town) -> str:
    tau_s = town.contract.now_s
    voucher = town.market.voucher(newcomer(), tau_s)
    town.market.go_to_window()
    town.market.go_to_open()
    return register(town, newcomer(), voucher=voucher, tau_s=tau_s)


def old_source(town: Town) -> Claim:
    """A micropayment that the consumer signed before it paid for what p1 has."""
    signature = micropay(town.contract, OPERATOR, ONE, 9)
    sources = (Source(town.c1, 9, signature), town.claim().sources[1])
    return town.claim(sources=sources)


def withdraw_for(town: Town, at_least_ubc: int, claim: Claim | None = None) -> str:
    words = (town.p1.account, OPERATOR, town.p1.key, claim or town.claim())
    return town.contract.withdraw(*words, at_least_ubc=at_least_ubc)


def bad_source(town: Town, cumulative_ubc: int = 20, operator: int = OTHER) -> str:
    signature = micropay(town.contract, operator, ONE, 20)
    sources = (Source(town.c1, cumulative_ubc, signature), town.claim().sources[1])
    return town.withdraw(sources=sources)


def unknown_channel(town: Town) -> str:
    market = town.market
    market.go_to_window()
    block = market.block({**town.payouts, town.p1.id: {town.c1: 10, 99: 1}})
    assert market.notarise(block, market.registered()) == ""
    market.go_to_open()
    return town.withdraw()


def all_missing(town: Town) -> str:
    market = town.go_to_window().market
    block = town.next_block()
    assert market.mark(market.registered()) == ""
    return town.contract.notarise(OPERATOR, block.root, block.tau_s, market.own.secret.sign(b"").eip2537, ())


ROWS = [
    Row(Reason.UNKNOWN_ACCOUNT, summary(0, 100, subject=99)),
    Row(Reason.AMOUNT_NOT_POSITIVE, deposit((OPERATOR, 5), (9, 0))),
    Row(Reason.AMOUNT_NOT_POSITIVE, shift(0, target=9)),
    Row(Reason.NO_SUCH_OPERATOR, deposit((OPERATOR, 5), (9, 5), (9, 5))),
    Row(Reason.NO_SUCH_OPERATOR, shift(1, source=9)),
    Row(Reason.NO_SUCH_OPERATOR, shift(1, target=9)),
    Row(Reason.NO_SUCH_OPERATOR, challenge(1, operator=9)),
    Row(Reason.NO_SUCH_OPERATOR, lambda town: town.contract.finish_shift(9, ONE)),
    Row(Reason.NO_SUCH_OPERATOR, lambda town: town.contract.mark_missing(9, 3, [town.row(town.p1)])),
    Row(Reason.NO_SUCH_OPERATOR, lambda town: town.contract.notarise(9, bytes(32), 0, bytes(128), ())),
    Row(Reason.NO_SUCH_OPERATOR, lambda town: town.contract.withdraw(2, 9, town.p1.key, town.claim())),
    Row(Reason.NO_SUCH_OPERATOR, lambda town: town.contract.force_exit(9, town.p1.key, town.claim())),
    Row(Reason.NO_SUCH_OPERATOR, lambda town: town.contract.register_merchant(
        4, 9, bytes(256), bytes(128), bytes(128), 0
    )),
    Row(Reason.OPERATOR_EXISTS, lambda town: town.contract.register_operator(
        OPERATOR, Times(0, 0, 0, 0), bytes(256), bytes(128)
    )),
    Row(Reason.TIMES_REFUSED, times(window_s=0)),
    Row(Reason.TIMES_REFUSED, times(period_s=20)),
    Row(Reason.TIMES_REFUSED, times(challenge_s=109)),
    Row(Reason.TIMES_REFUSED, times(challenge_s=366 * 86_400)),
    Row(Reason.FROZEN, in_window(lambda town: register(town, newcomer(), tau_s=0))),
    Row(Reason.FROZEN, in_window(lambda town: town.withdraw(leaf=b""))),
    Row(Reason.OUTSIDE_WINDOW, lambda town: town.mark((b"", LeafProof(b"", 0, b"")))),
    Row(Reason.OUTSIDE_WINDOW, lambda town: town.contract.notarise(OPERATOR, bytes(32), 0, bytes(128), ())),
    Row(Reason.TAU_OUTSIDE_WINDOW, lambda town: notarise(town, tau_s=town.contract.now_s), "before it"),
    Row(Reason.TAU_OUTSIDE_WINDOW, lambda town: notarise(town, tau_s=town.contract.now_s + 1_000), "in the future"),
    Row(Reason.ALREADY_NOTARISED, notarise_twice),
    Row(Reason.ALREADY_NOTARISED, after(notarise, lambda town: town.mark(town.row(town.p1)))),
    Row(Reason.VOUCHER_STALE, stale),
    Row(Reason.VOUCHER_STALE, lambda town: register(town, newcomer(), tau_s=town.contract.now_s + 1, key=bytes(256))),
    Row(Reason.KEY_REFUSED, lambda town: register(town, newcomer(), key=bytes(256)), "infinity"),
    Row(Reason.KEY_REFUSED, lambda town: register(town, newcomer(), key=POINT_OF_NOTHING)),
    Row(Reason.KEY_REFUSED, lambda town: open_operator(town, bytes(256), bytes(128))),
    Row(Reason.ALREADY_REGISTERED, lambda town: register(town, town.p1, voucher=bytes(128))),
    Row(Reason.ALREADY_REGISTERED, exit_and_return, "before the next block"),
    Row(Reason.BAD_VOUCHER, lambda town: register(town, newcomer(), voucher=bytes(128), possession=bytes(128))),
    Row(Reason.BAD_VOUCHER, lambda town: register(
        town, newcomer(), voucher=town.market.voucher(town.p1, town.contract.now_s)
    ), "for somebody else"),
    Row(Reason.BAD_POSSESSION, lambda town: register(town, newcomer(), possession=bytes(128))),
    Row(Reason.BAD_POSSESSION, lambda town: open_operator(town, secret(8).public.eip2537, bytes(128))),
    Row(Reason.LEAF_MALFORMED, lambda town: town.withdraw(leaf=town.claim().proof.leaf + b"\0")),
    Row(Reason.LEAF_MALFORMED, in_window(lambda town: town.mark((b"", LeafProof(b"", 0, b""))))),
    Row(Reason.LEAF_MALFORMED, lambda town: town.force(town.p1, town.claim(leaf=b""))),
    Row(Reason.NOT_REGISTERED, lambda town: town.withdraw(leaf=empty_leaf(bytes(32)))),
    Row(Reason.NOT_REGISTERED, in_window(lambda town: town.mark((b"", LeafProof(empty_leaf(bytes(32)), 0, b""))))),
    Row(Reason.NOT_THE_PAYEE, lambda town: town.contract.withdraw(3, OPERATOR, town.p1.key, town.claim())),
    Row(Reason.ALREADY_MISSING, lambda town: town.missing().go_to_window().mark(town.row(town.p2))),
    Row(Reason.ALREADY_MISSING, in_window(lambda town: town.mark(town.row(town.p2), town.row(town.p2)))),
    Row(Reason.NOT_MISSING, in_window(lambda town: town.contract.notarise(
        OPERATOR, town.next_block().root, town.contract.now_s, bytes(128), [(town.p1.key, empty_leaf(town.p1.id))]
    ))),
    Row(Reason.NOTHING_CONFIRMED, after(lambda town: town.withdraw(), lambda town: town.withdraw(path=b""))),
    Row(Reason.NOTHING_CONFIRMED, lambda town: town.contract.withdraw(
        OPERATOR, OPERATOR, town.market.own.key, Claim(LeafProof(empty_leaf(town.market.own.id), 0, b""), 3, ())
    ), "nothing in the leaf"),
    Row(Reason.LEAF_DIFFERS, lambda town: town.missing().withdraw(
        town.p2, leaf=write_leaf(PayoutLeaf(town.p2.id, {town.c1: 11}))
    )),
    Row(Reason.LEAF_DIFFERS, after(lambda town: town.withdraw(), in_window(
        lambda town: town.mark((town.p1.key, town.claim().proof))
    )), "nothing is confirmed to it"),
    Row(Reason.LEAF_DIFFERS, after(lambda town: town.withdraw(), lambda town: town.force(town.p1, town.claim()))),
    Row(Reason.LEAF_DIFFERS, lambda town: town.missing().go_to_window().contract.notarise(
        OPERATOR, town.next_block().root, town.contract.now_s, bytes(128), [(town.p2.key, empty_leaf(town.p2.id))]
    ), "it returns by another leaf"),
    Row(Reason.NOT_IN_ROOT, lambda town: town.withdraw(path=bytes(64))),
    Row(Reason.NOT_IN_ROOT, lambda town: town.withdraw(index=7)),
    Row(Reason.NOT_IN_ROOT, lambda town: town.withdraw(leaf=write_leaf(PayoutLeaf(town.p1.id, {town.c1: 11})))),
    Row(Reason.NOT_IN_ROOT, in_window(lambda town: town.mark(town.row(town.p1), leaves=9))),
    Row(Reason.UNKNOWN_CHANNEL, unknown_channel),
    Row(Reason.UNKNOWN_CHANNEL, shift(1, consumer=THREE)),
    Row(Reason.UNKNOWN_CHANNEL, challenge(1, consumer=THREE)),
    Row(Reason.UNKNOWN_CHANNEL, lambda town: town.contract.finish_shift(OPERATOR, THREE)),
    Row(Reason.TOO_MANY_COHORTS, many_cohorts),
    Row(Reason.NO_SIGNERS, all_missing),
    Row(Reason.BAD_AGGREGATE, lambda town: town.go_to_window().market.notarise(town.next_block(), [town.p1])),
    Row(Reason.BAD_AGGREGATE, lambda town: notarise(town, previous_root=bytes(32)), "not after the head"),
    Row(Reason.SOURCE_NOT_IN_LEAF, lambda town: town.withdraw(sources=(Source(9, 1, bytes(64)),))),
    Row(Reason.BAD_SOURCE, bad_source, "signed for another operator"),
    Row(Reason.BAD_SOURCE, lambda town: bad_source(town, 21, OPERATOR), "of another amount"),
    Row(Reason.BAD_SOURCE, after(shift(1), lambda town: town.contract.challenge(OPERATOR, ONE, 70, bytes(64)))),
    Row(Reason.SOURCE_MISSING, lambda town: town.withdraw(sources=town.claim().sources[1:])),
    Row(Reason.NOT_FULLY_COVERED, lambda town: town.force(town.p1, old_source(town)), "to be pushed out"),
    Row(Reason.NOT_FULLY_COVERED, lambda town: withdraw_for(town, 21), "less than is accepted"),
    Row(Reason.NOT_FULLY_COVERED, lambda town: withdraw_for(town, 20, old_source(town)), "a micropayment too old"),
    Row(Reason.DUPLICATE_OPERATOR, deposit((OPERATOR, 5), (OTHER, 5), (OPERATOR, ACCOUNT_UBC))),
    Row(Reason.SAME_OPERATOR, shift(ACCOUNT_UBC, target=OPERATOR)),
    Row(Reason.SHIFT_PENDING, after(shift(1), shift(ACCOUNT_UBC))),
    Row(Reason.NO_SHIFT, challenge(70)),
    Row(Reason.NO_SHIFT, lambda town: town.contract.finish_shift(OPERATOR, ONE)),
    Row(Reason.SHIFT_TOO_LARGE, shift(71)),
    Row(Reason.SHIFT_TOO_LARGE, after(lambda town: town.withdraw(), shift(51)), "what is known to be spent"),
    Row(Reason.CHALLENGE_TOO_LOW, after(shift(50), challenge(20))),
    Row(Reason.CHALLENGE_RUNS, after(shift(50), lambda town: town.contract.finish_shift(OPERATOR, ONE))),
    Row(Reason.SUMMARY_OVERLAPS, after(summary(-60, 0), summary(-1, 60))),
    Row(Reason.SUMMARY_IN_FUTURE, summary(-60, 1)),
    Row(Reason.INSUFFICIENT_FUNDS, deposit((OPERATOR, ACCOUNT_UBC - 100), (OTHER, 101))),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.reason.text} {row.note}")
def test_a_broken_rule_is_named(row: Row) -> None:
    town = Town()
    total = town.contract.total()
    assert row.deed(town) == row.reason.name
    assert town.contract.total() == total


def test_every_reason_of_payplace_has_a_row_and_the_rows_are_in_its_order() -> None:
    named = {row.reason for row in ROWS}
    own = {reason for reason in Reason if Reason.NO_SUCH_OPERATOR <= reason < Reason.CLUB_EXISTS}
    assert own | {Reason.INSUFFICIENT_FUNDS} <= named
    order = [row.reason for row in ROWS]
    assert order == sorted(order)


# ---- What the actions do


def test_the_worked_example_of_the_thesis() -> None:
    """6.4: c1 has 50 left and c2 10; p1 takes 20; the next block has p2's entry only."""
    town = Town()
    contract, market = town.contract, town.market
    assert [contract.channel(OPERATOR, one).deposited_ubc - market.paid[consumer] for one, consumer in (
        (town.c1, ONE), (town.c2, TWO)
    )] == [50, 10]  # fmt: skip
    head, block = contract.operator(OPERATOR), market.blocks[market.head]
    assert (head.height, head.window, head.tau_s, head.channels) == (1, 1, block.tau_s, 2)
    assert market.withdraw(town.p1) == ""
    assert contract.balance(town.p1.account) == ACCOUNT_UBC + 20
    assert market.period({town.p2.id: {town.c1: 10}}) == ""
    assert market.withdraw(town.p2) == ""
    assert contract.balance(town.p2.account) == ACCOUNT_UBC + 10
    channels = [contract.channel(OPERATOR, one) for one in (town.c1, town.c2)]
    assert [(one.deposited_ubc, one.paid_ubc, one.withdrawn_ubc) for one in channels] == [
        (70, 20, 20),
        (20, 10, 10),
    ]


def test_the_state_example_of_the_thesis() -> None:
    """6.5.1: M(-1) = {a}, M(-2) = {b, c, d} with 10, 30, 40, 50 of c1, c5, c1, c5: N(-1) = {c1: 10}, N(-2) = {c1: 40,
    c5: 80}.
    """
    contract = PythonContract(12)
    market = Market(contract, OPERATOR)
    a, b, c, d = (market.join(account) for account in (1, 2, 3, 4))
    c1, c5 = market.deposit(ONE, 100), market.deposit(TWO, 100)
    market.pay(ONE, 50)
    market.pay(TWO, 80)
    payouts: dict[bytes, Amounts] = {a.id: {c1: 10}, b.id: {c5: 30}, c.id: {c1: 40}, d.id: {c5: 50}}
    assert market.period(payouts) == ""
    assert market.period(payouts, [b, c, d]) == ""
    assert market.period(payouts, [a, b, c, d]) == ""
    height = contract.operator(OPERATOR).height
    by_missed = [
        {
            number: dict(contract.channel(OPERATOR, number).reserved).get(height - missed, 0)
            for number in (c1, c5)
        }
        for missed in (1, 2)
    ]
    assert by_missed == [{c1: 10, c5: 0}, {c1: 40, c5: 80}]
    records = [contract.merchant(OPERATOR, one.id) for one in (a, b, c, d)]
    assert [(one.status, height - one.at) for one in records if one] == [
        (Status.MISSING, x) for x in (1, 2, 2, 2)
    ]
    for one, amount_ubc in ((a, 10), (b, 30), (c, 40), (d, 50)):
        assert market.withdraw(one) == ""
        assert contract.balance(one.account) == ACCOUNT_UBC + amount_ubc
    assert contract.channel(OPERATOR, c1).reserved == contract.channel(OPERATOR, c5).reserved == ()


def test_the_sums_of_keys_follow_the_merchants() -> None:
    """apk has everybody, apka those who have to sign; who is missing, returns, is let go or leaves is in and out."""
    town = Town()
    keys = {one.id: one.key for one in (town.market.own, town.p1, town.p2)}

    def sums() -> tuple[bytes, bytes]:
        operator = town.contract.operator(OPERATOR)
        return operator.apk, operator.apka

    def of(*merchants: Merchant) -> bytes:
        return add_keys(b"", [keys[one.id] for one in merchants])

    own, p1, p2 = town.market.own, town.p1, town.p2
    assert sums() == (of(own, p1, p2), of(own, p1, p2))
    town.missing()
    assert sums() == (of(own, p1, p2), of(own, p1))
    assert town.market.period(town.payouts) == ""
    assert sums() == (of(own, p1, p2), of(own, p1, p2))
    assert town.market.withdraw(p1, leaving=True) == ""
    assert sums() == (of(own, p2), of(own, p2))
    town.market.go_to_window()
    assert town.mark(town.row(p2)) == ""
    assert town.force(p2, town.claim(p2)) == ""
    assert sums() == (of(own), of(own))
    assert town.force(own, Claim(town.row(own)[1], 3, ())) == ""
    assert sums() == (b"", b"")


def test_a_sum_of_keys_that_cancel_is_no_key() -> None:
    one, minus = SecretKey(5), SecretKey(GROUP_ORDER - 5)
    assert add_keys(b"", [one.public.eip2537, minus.public.eip2537]) == b""
    assert take_keys(one.public.eip2537, [one.public.eip2537, minus.public.eip2537]) == one.public.eip2537


def test_who_is_made_to_exit_is_paid_even_while_a_block_is_under_way() -> None:
    town = Town()
    market = town.go_to_window().market
    block = town.next_block()
    signers = [market.own, town.p1]
    assert all(market.would_sign(one, block) for one in signers)
    assert town.force(town.p2, town.claim(town.p2)) == ""
    assert town.contract.balance(town.p2.account) == ACCOUNT_UBC + 10
    assert market.notarise(block, signers) == ""
    market.go_to_open()
    assert town.contract.would_pay(town.p1.account, OPERATOR, town.p1.key, town.claim()) == 20
    assert (
        town.contract.withdraw(town.p2.account, OPERATOR, town.p2.key, town.claim(town.p2))
        == "NOT_REGISTERED"
    )


def test_after_an_exit_and_a_block_the_same_key_may_join_again_with_nothing() -> None:
    town = Town()
    old = town.claim()
    assert town.market.withdraw(town.p1, leaving=True) == ""
    assert town.market.period({town.p2.id: town.payouts[town.p2.id]}) == ""
    assert register(town, town.p1) == ""
    reason = town.contract.withdraw(town.p1.account, OPERATOR, town.p1.key, old)
    assert reason == "NOTHING_CONFIRMED"


def test_a_shift_moves_what_is_unspent() -> None:
    town = Town()
    assert town.contract.shift(ONE, OPERATOR, OTHER, 50) == ""
    town.contract.now_s += TIMES.challenge_s
    assert town.contract.finish_shift(OPERATOR, ONE) == ""
    assert town.contract.finish_shift(OPERATOR, ONE) == "NO_SHIFT", "once"
    number = town.contract.channel_number(OTHER, ONE)
    assert number == 0
    assert town.contract.channel(OTHER, number).deposited_ubc == 50
    assert town.contract.channel(OPERATOR, town.c1).deposited_ubc == 20
    assert town.market.withdraw(town.p1) == ""


def test_a_withdrawal_that_shows_spent_funds_ends_their_shift() -> None:
    town = Town()
    town.market.pay(ONE, 30)
    assert town.market.period({**town.payouts, town.p2.id: {town.c1: 40}}) == ""
    assert town.contract.shift(ONE, OPERATOR, OTHER, 50) == ""
    assert town.market.withdraw(town.p2) == ""
    assert town.contract.channel(OPERATOR, town.c1).shift is None


def test_one_of_a_cohort_returns_and_the_others_claim_stays_reserved() -> None:
    town = Town()
    missing = [town.p1, town.p2]
    assert town.market.period(town.payouts, missing) == ""
    assert town.contract.channel(OPERATOR, town.c1).reserved == ((1, 20),)
    assert town.market.period(town.payouts, [town.p2]) == ""
    assert town.contract.channel(OPERATOR, town.c1).reserved == ((1, 10),)
    assert town.contract.channel(OPERATOR, town.c2).reserved == ()


def test_an_action_concerns_whom_it_names() -> None:
    """Their lists of transactions have it."""
    one, two, three = (PrivateKey.from_secret(number).public for number in (1, 2, 3))
    deposit_of = PayplaceDeposit(one, (Split(two, 1), Split(three, 1)))
    assert parties_of(deposit_of) == (one, two, three)
    assert parties_of(RegisterMerchant(one, bytes(256), bytes(128), bytes(128), 0)) == (one,)
    assert parties_of(WithdrawPayout(one, Claim(LeafProof(b"", 0, b""), 0, ()), 0)) == (one,)
    assert parties_of(Shift(one, two, 1)) == parties_of(FinishShift(one, two)) == (one, two)
    assert parties_of(ChallengeShift(one, two, 1, bytes(64))) == (one, two)
    assert parties_of(PublishSummary(one, 0, 1, 0, 0, 0, 0)) == (one,)
    assert parties_of(Notarise(bytes(32), 0, bytes(128))) == ()


def test_what_would_pay_less_than_is_accepted_strikes_nothing() -> None:
    """Of 20 one consumer's 10 are gone by a late shift: all or nothing takes nothing; what waited is paid in full."""
    town = Town()
    contract = town.contract
    assert contract.shift(ONE, OPERATOR, OTHER, 69) == ""
    contract.now_s += TIMES.challenge_s
    assert contract.finish_shift(OPERATOR, ONE) == ""
    town.market.go_to_open()
    before = contract.channel(OPERATOR, town.c1), contract.merchant(OPERATOR, town.p1.id)
    assert withdraw_for(town, 20) == withdraw_for(town, 12) == "NOT_FULLY_COVERED"
    assert (contract.channel(OPERATOR, town.c1), contract.merchant(OPERATOR, town.p1.id)) == before
    assert contract.balance(town.p1.account) == ACCOUNT_UBC
    assert contract.would_pay(town.p1.account, OPERATOR, town.p1.key, town.claim()) == 11
    town.market.deposit(ONE, 9)
    assert withdraw_for(town, 20) == ""
    assert contract.balance(town.p1.account) == ACCOUNT_UBC + 20


def test_a_newcomer_that_misses_its_first_block_is_held_to_nothing() -> None:
    town = Town()
    p3 = town.market.join(4)
    assert town.market.period(town.payouts, [p3]) == ""
    record = town.contract.merchant(OPERATOR, p3.id)
    assert record is not None
    assert (record.status, record.at) == (Status.MISSING, 1)
    assert town.market.period({**town.payouts}) == ""
