"""Faults of the printed algorithms of chapter 6: for each, the printed form, an example that it fails on, and ours.

The printed forms are written here as they stand, on the smallest data that they need; ours are the contract's, and the
rule by which an honest merchant signs (`tests.payplace_market`, the same as ledger/payplace/merchant_check.py).
Reference: thesis 6.5.2, Algorithms 4 to 7.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ledger.payplace.generating import Period, next_leaves
from ledger.payplace.payout_leaf import PayoutLeaf, leaf_hash_of, write_leaf
from tests.payplace_contract import ACCOUNT_UBC, PythonContract
from tests.payplace_market import Amounts, Market, Merchant
from wire.errors import VerificationError
from wire.merkle import merkle_path, merkle_root, verify_path

C1, C2 = 8, 9
Payout = tuple[int, str, str]
"""(mu', merchant, consumer) as the thesis writes T'."""


def printed_algorithm_4(
    mine: str,
    block: Mapping[str, list[Payout]],
    before: list[Payout],
    paid: Mapping[str, int],
    withdrawn: Mapping[str, int],
) -> bool:
    """Whether merchant `mine` signs, by lines 2 to 22 as printed. KeyErrors of the print are left in."""
    spent, balance = dict[str, int](), dict[str, int]()
    for amount, _, consumer in block[mine]:
        for amount_before, _, consumer_before in before:
            if consumer_before == consumer and amount_before > amount:
                return False
        if consumer not in paid:
            return False
        balance[consumer] = paid[consumer]
        spent[consumer] = amount
    for merchant, payouts in block.items():
        if merchant == mine:
            continue
        for _amount, _, consumer in payouts:
            if consumer in spent:
                spent[consumer] += paid[consumer]  # line 20: mu(T), the consumer's whole balance
            if spent[consumer] > balance[consumer] - withdrawn.get(consumer, 0):
                return False
    return True


class Stage:
    """A market with two merchants and two consumers, and a window that is open."""

    def __init__(self, *paid: int) -> None:
        self.contract = PythonContract(10)
        self.market = Market(self.contract, 0)
        self.p1, self.p2 = self.market.join(1), self.market.join(2)
        self.c1, self.c2 = self.market.deposit(C1, 70), self.market.deposit(C2, 20)
        for consumer, amount_ubc in zip((C1, C2), paid, strict=True):
            if amount_ubc:
                self.market.pay(consumer, amount_ubc)

    def would_sign(self, merchant: Merchant, payouts: Mapping[bytes, Amounts]) -> bool:
        self.market.go_to_window()
        return self.market.would_sign(merchant, self.market.block(payouts))


def test_p1_line_20_adds_the_whole_balance_and_an_honest_block_is_refused_by_all() -> None:
    block = {"p1": [(10, "p1", "c1"), (10, "p1", "c2")], "p2": [(10, "p2", "c1")]}
    paid = {"c1": 20, "c2": 10}
    assert not printed_algorithm_4("p1", {"p1": block["p1"], "p2": block["p2"]}, [], paid, {})
    assert not printed_algorithm_4("p2", {"p2": block["p2"], "p1": block["p1"][:1]}, [], paid, {})
    stage = Stage(20, 10)
    payouts: dict[bytes, Amounts] = {stage.p1.id: {stage.c1: 10, stage.c2: 10}, stage.p2.id: {stage.c1: 10}}
    assert stage.would_sign(stage.p1, payouts)
    assert stage.would_sign(stage.p2, payouts)


def test_p2_a_sole_merchant_signs_for_what_nobody_has_paid() -> None:
    assert printed_algorithm_4("p1", {"p1": [(500, "p1", "c1")]}, [], {"c1": 20}, {})
    stage = Stage(20, 0)
    assert not stage.would_sign(stage.p1, {stage.p1.id: {stage.c1: 21}})
    assert stage.would_sign(stage.p1, {stage.p1.id: {stage.c1: 20}})


def test_p2_a_consumer_that_only_others_have_is_a_key_error() -> None:
    block = {"p1": [(10, "p1", "c1")], "p2": [(10, "p2", "c2")]}
    with pytest.raises(KeyError):
        printed_algorithm_4("p1", block, [], {"c1": 20, "c2": 10}, {})
    stage = Stage(20, 10)
    assert stage.would_sign(stage.p1, {stage.p1.id: {stage.c1: 10}, stage.p2.id: {stage.c2: 10}})


def test_p3_a_consumer_that_was_dropped_is_not_seen() -> None:
    before = [(10, "p1", "c1"), (10, "p1", "c2")]
    assert printed_algorithm_4("p1", {"p1": [(10, "p1", "c1")]}, before, {"c1": 20, "c2": 10}, {})
    stage = Stage(20, 10)
    assert stage.market.period({stage.p1.id: {stage.c1: 10, stage.c2: 10}}) == ""
    assert not stage.would_sign(stage.p1, {stage.p1.id: {stage.c1: 10}})
    assert stage.would_sign(stage.p1, {stage.p1.id: {stage.c1: 10, stage.c2: 10}})


def test_p4_who_is_missing_and_earns_more_is_no_superset() -> None:
    """Algorithm 6 line 25 and Algorithm 4 line 15 compare sets of whole transactions."""
    before, now = {(10, "p", "c1")}, {(15, "p", "c1")}
    assert not now >= before
    stage = Stage(20, 10)
    old: dict[bytes, Amounts] = {stage.p2.id: {stage.c1: 10}}
    assert stage.market.period(old) == ""
    more: dict[bytes, Amounts] = {stage.p2.id: {stage.c1: 15}}
    assert stage.market.period(more, [stage.p2]) == ""
    assert stage.market.period(more, [stage.p2]) == ""
    assert stage.contract.channel(0, stage.c1).reserved == ((1, 10),), "and it is held to what it signed"


def test_p5_the_new_blocks_path_leads_to_no_old_root() -> None:
    """Algorithm 6 line 23 checks P_p(M(kappa)) against both roots."""
    old = [leaf_hash_of(write_leaf(PayoutLeaf(bytes(31) + bytes([n]), {0: 10}))) for n in range(4)]
    new = [*old[:3], leaf_hash_of(write_leaf(PayoutLeaf(bytes(31) + b"\3", {0: 20})))]
    path = merkle_path(new, 2)
    with pytest.raises(VerificationError):
        verify_path(merkle_root(old), old[2], 2, 4, path)
    stage = Stage(20, 10)
    assert stage.market.period({stage.p1.id: {stage.c1: 5}, stage.p2.id: {stage.c1: 10}}) == ""
    payouts: dict[bytes, Amounts] = {stage.p1.id: {stage.c1: 10}, stage.p2.id: {stage.c1: 10}}
    assert stage.market.period(payouts, [stage.p2]) == ""


def printed_line_19(
    paid_ubc: int,
    withdrawn_ubc: int,
    reserved: Mapping[int, int],
    missed: int,
    amount_ubc: int,
    from_missed: int,
) -> int:
    """`reserved`: by how many blocks were missed. The sum runs from eta down to `from_missed`."""
    kept_ubc = sum(ubc for blocks, ubc in reserved.items() if blocks >= from_missed)
    return min(max(paid_ubc - kept_ubc - withdrawn_ubc, 0), amount_ubc)


@pytest.mark.parametrize("missed", [1, 2, 3])
def test_p6_a_missing_merchants_own_reservation_is_kept_from_itself(missed: int) -> None:
    """The sum has the merchant's own cohort in it; printed in Algorithm 7 up to x - 1, in Theorem 11 too."""
    assert printed_line_19(10, 0, {missed: 10}, missed, 10, missed - 1) == 0
    assert printed_line_19(10, 0, {missed: 10}, missed, 10, missed) == 0
    assert printed_line_19(10, 0, {missed: 10}, missed, 10, missed + 1) == 10
    stage = Stage(10, 0)
    assert stage.market.period({stage.p1.id: {stage.c1: 10}}) == ""
    for _ in range(missed):
        assert stage.market.period({stage.p1.id: {stage.c1: 10}}, [stage.p1]) == ""
    assert stage.market.withdraw(stage.p1) == ""
    assert stage.contract.balance(1) == ACCOUNT_UBC + 10
    assert stage.contract.channel(0, stage.c1).reserved == (), "and released when it is paid"


def test_p6_a_reservation_that_is_not_released_on_payment_takes_from_those_who_come_later() -> None:
    """Printed, N changes only when the merchant signs again."""
    stage = Stage(20, 0)
    both: dict[bytes, Amounts] = {stage.p1.id: {stage.c1: 10}, stage.p2.id: {stage.c1: 10}}
    assert stage.market.period(both) == ""
    assert stage.market.period(both, [stage.p1]) == ""
    assert stage.market.withdraw(stage.p1) == ""
    assert printed_line_19(20, 10, {1: 10}, 0, 10, 1) == 0, "what p2 would be paid"
    assert stage.market.withdraw(stage.p2) == ""
    assert stage.contract.balance(2) == ACCOUNT_UBC + 10


def test_p7_a_block_made_in_place_changes_the_one_before() -> None:
    """Algorithm 5 line 11 adds to transactions that are the last block's own."""
    last = {"p1": [[10, "c1"]]}
    now = {"p1": last["p1"]}
    now["p1"][0][0] += 5  # type: ignore[operator]
    assert last["p1"] == [[15, "c1"]], "the leaf that was signed for 10 is gone"
    merchant = bytes(32)
    before = write_leaf(PayoutLeaf(merchant, {0: 10}))
    root = leaf_hash_of(before)
    made = list(next_leaves([before], Period([merchant], {merchant: {0: 5}}, {}), 1))
    assert made == [write_leaf(PayoutLeaf(merchant, {0: 15}))]
    assert leaf_hash_of(before) == root
