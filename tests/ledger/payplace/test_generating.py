"""The next block: Algorithm 5 on the thesis's own example, and what its printed form loses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.payplace.generating import Period, keep_back, next_leaves
from ledger.payplace.payout_leaf import MAX_ENTRIES, empty_leaf, leaf_hash_of, read_leaf
from ledger.payplace.payout_row import entries_of, read_row
from tests.ledger.payplace.payouts import leaf, merchant_id
from wire.keys import PrivateKey
from wire.payplace_notarisation import LeafProof
from wire.payplace_withdrawal import Claim, Source, WithdrawPayout
from wire.transaction import Transaction, sign_transaction

CHANNELS = 8
FIRST, SECOND, THIRD = sorted(merchant_id(number) for number in range(3))
ALL = (FIRST, SECOND, THIRD)


def _next(previous, registered=ALL, income=None, paid=None):
    leaves = list(next_leaves(previous, Period(registered, income or {}, paid or {}), CHANNELS))
    assert [content[:32] for content in leaves] == list(registered)
    return leaves


def _amounts(content):
    return dict(read_leaf(content).amounts)


def test_the_example_of_the_thesis():
    """6.4, Numerical Example: p1 fulfils Ta and Tb, p2 Tc; p1 withdraws; the next block holds only p2's payment."""
    first = _next([], income={FIRST: {1: 10, 2: 10}, SECOND: {1: 10}})
    assert [_amounts(content) for content in first] == [{1: 10, 2: 10}, {1: 10}, {}]
    second = _next(first, paid={FIRST: first[0]})
    assert [_amounts(content) for content in second] == [{}, {1: 10}, {}]


def test_the_last_block_stays_what_it_was():
    """Fault P7: after the printed Algorithm 5 the old leaf's hash no longer matches."""
    first = _next([], income={FIRST: {1: 10}})
    before = [leaf_hash_of(content) for content in first]
    _next(first, income={FIRST: {1: 5}})
    assert [leaf_hash_of(content) for content in first] == before

    printed_last = {FIRST: {1: 10}}
    printed_next = dict(printed_last)  # line 3: T_p = T_p(K(-1)), then line 11 adds in place
    printed_next[FIRST][1] += 5
    assert leaf_hash_of(leaf(FIRST, printed_last[FIRST])) != before[0]


def test_income_is_added_and_newcomers_come():
    first = _next([], registered=(FIRST, THIRD), income={THIRD: {0: 3, 1: 4, 2: 5}})
    second = _next(first, income={SECOND: {7: 1}, THIRD: {1: 6, 5: 2}})
    assert [_amounts(content) for content in second] == [{}, {7: 1}, {0: 3, 1: 10, 2: 5, 5: 2}]


def test_who_left_has_no_leaf():
    first = _next([], income={FIRST: {1: 1}, SECOND: {1: 1}, THIRD: {1: 1}})
    assert [content[:32] for content in _next(first, registered=(SECOND,))] == [SECOND]


def test_a_missing_merchant_that_withdraws_keeps_what_came_after_its_last_signature():
    """It is paid what it last signed for. The printed Algorithm 5 forgets the rest: 15 were earned, 10 paid, 5 lost."""
    signed = _next([], income={FIRST: {1: 10}})
    missed = _next(signed, income={FIRST: {1: 5, 2: 7}})
    after = _next(missed, paid={FIRST: signed[0]}, income={FIRST: {3: 1}})
    assert _amounts(after[0]) == {1: 5, 2: 7, 3: 1}
    printed = {3: 1}
    assert sum(printed.values()) + 10 < 10 + 5 + 7 + 1


def test_income_of_nobody_is_our_own_mistake():
    with pytest.raises(AssertionError):
        Period((FIRST,), {SECOND: {1: 1}})
    with pytest.raises(AssertionError):
        Period((SECOND, FIRST), {})


@settings(max_examples=50)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(ALL), st.dictionaries(st.integers(0, 7), st.integers(1, 99))),
        max_size=6,
    )
)
def test_blocks_add_up(incomes):
    """Whatever is earned over periods is in the last block, once."""
    leaves: list[bytes] = []
    for income in incomes:
        leaves = _next(leaves, income=income)
    earned = {merchant: dict[int, int]() for merchant in ALL}
    for income in incomes:
        for merchant, row in income.items():
            for channel, ubc in row.items():
                earned[merchant][channel] = earned[merchant].get(channel, 0) + ubc
    expected = [leaf(merchant, earned[merchant]) for merchant in ALL]
    assert leaves == (expected if incomes else [])


def test_a_first_block_with_no_income():
    assert _next([]) == [empty_leaf(merchant) for merchant in ALL]


def test_a_leaf_names_as_many_consumers_as_one_transaction_brings():
    """With lone channels, whose leaves are the longest; consumers that it has already always have room."""
    channels = 2 * MAX_ENTRIES + 10
    full = leaf(FIRST, dict.fromkeys(range(0, 2 * MAX_ENTRIES, 2), 1))
    assert entries_of(full) == MAX_ENTRIES
    sources = tuple([Source(channel, 1, bytes(64)) for channel in range(0, 2 * MAX_ENTRIES, 2)])
    proof = LeafProof(full, 0, bytes(32 * 17))
    claim = WithdrawPayout(PrivateKey.from_secret(1).public, Claim(proof, 1, sources), MAX_ENTRIES)
    transaction = sign_transaction(Transaction(claim, bytes(8), 0), PrivateKey.from_secret(1), bytes(16))
    assert len(transaction.envelope.encoded) < 2 * 1024 * 1024
    row = read_row(full, channels)
    assert keep_back(row, {0: 5, 1: 5, 4: 5, channels - 1: 5}) == {0: 5, 4: 5}
    kept = {FIRST: keep_back(row, {0: 5, 1: 5})}
    (after,) = next_leaves([full], Period((FIRST,), kept), channels)
    assert entries_of(after) == MAX_ENTRIES
    empty = read_row(empty_leaf(FIRST), channels)
    assert keep_back(empty, {5: 1, 1: 1, 3: 1}, 2) == {1: 1, 3: 1}


def test_what_was_taken_of_a_leaf_is_not_in_the_next_and_the_rest_is():
    old = leaf(FIRST, {0: 3, 1: 4, 2: 5})
    period = Period((FIRST,), {FIRST: {1: 7}}, {FIRST: leaf(FIRST, {0: 3, 1: 4})})
    assert list(next_leaves([old], period, 3)) == [leaf(FIRST, {1: 7, 2: 5})]


def test_no_leaf_grows_past_what_its_contract_takes():
    old = leaf(FIRST, {0: 3, 2: 4})
    period = Period((FIRST,), {FIRST: keep_back(read_row(old, 9), {2: 1, 4: 1, 6: 1}, 3)})
    assert list(next_leaves([old], period, 9, 3)) == [leaf(FIRST, {0: 3, 2: 5, 4: 1})]
    with pytest.raises(AssertionError, match="kept back"):
        list(next_leaves([old], period, 9, 2))
