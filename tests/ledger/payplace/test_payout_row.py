"""Rows are leaves: the same octets, the same refusals, and sums that cannot wrap around."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.payplace.payout_leaf import PayoutLeaf, empty_leaf, read_leaf, write_leaf
from ledger.payplace.payout_row import Sums, add_income, read_row, row_of, without, write_row
from wire.errors import DecodeError

MERCHANT, CHANNELS = bytes(range(32)), 60
AMOUNTS = st.dictionaries(st.integers(0, CHANNELS - 1), st.integers(1, 2**40))


def _row(amounts):
    return read_row(write_leaf(PayoutLeaf(MERCHANT, amounts)), CHANNELS)


def _amounts(row):
    return dict(zip(row.channels.tolist(), row.amounts.tolist(), strict=True))


@given(AMOUNTS)
def test_a_row_is_the_leaf(amounts):
    octets = write_leaf(PayoutLeaf(MERCHANT, amounts))
    row = read_row(octets, CHANNELS)
    assert _amounts(row) == amounts
    assert write_row(row) == octets
    channels = np.array(sorted(amounts), np.int64)
    rebuilt = row_of(MERCHANT, channels, np.array([amounts[c] for c in sorted(amounts)], np.int64))
    assert write_row(rebuilt) == octets


@given(AMOUNTS, st.data())
def test_rows_and_leaves_refuse_the_same(amounts, data):
    octets = bytearray(write_leaf(PayoutLeaf(MERCHANT, amounts)))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(32, len(octets) - 1))] = data.draw(st.integers(0, 255))
    del octets[data.draw(st.integers(36, len(octets))) :]
    try:
        leaf = read_leaf(bytes(octets))
    except DecodeError:
        with pytest.raises(DecodeError):
            read_row(bytes(octets), 2**32)
        return
    assert _amounts(read_row(bytes(octets), 2**32)) == leaf.amounts


@given(AMOUNTS, AMOUNTS)
def test_income_is_added_and_the_old_row_stays(amounts, income):
    """Fault P7: the printed Algorithm 5 changes the last block's entries through an alias."""
    before = _row(amounts)
    octets = write_row(before)
    after = add_income(before, income)
    expected = {c: amounts.get(c, 0) + income.get(c, 0) for c in amounts.keys() | income.keys()}
    assert _amounts(after) == expected
    assert write_row(after) == write_leaf(PayoutLeaf(MERCHANT, expected))
    assert write_row(before) == octets


@given(AMOUNTS, AMOUNTS)
def test_what_was_paid_is_taken_away(amounts, paid):
    rest = without(_row(amounts), _row(paid))
    expected = {c: amount - paid.get(c, 0) for c, amount in amounts.items() if amount > paid.get(c, 0)}
    assert _amounts(rest) == expected


@given(st.lists(AMOUNTS, max_size=5))
def test_sums(rows):
    sums = Sums.over(CHANNELS)
    for amounts in rows:
        sums.add(_row(amounts))
    assert sums.totals.tolist() == [sum(row.get(c, 0) for row in rows) for c in range(CHANNELS)]


@pytest.mark.parametrize("channels", [[3], [3, 7]])
def test_no_sum_wraps_around(channels):
    """Three amounts of 2^63 - 1 would add up to a small number in 64 bits."""
    sums = Sums.over(CHANNELS)
    row = _row(dict.fromkeys(channels, 2**63 - 1))
    sums.add(row)
    with pytest.raises(DecodeError, match="more than there can be"):
        sums.add(row)


def test_an_income_past_the_largest_number_is_refused():
    with pytest.raises(OverflowError):
        add_income(_row({3: 2**63 - 1}), {3: 1})


def test_channels_that_do_not_exist_are_refused():
    octets = write_leaf(PayoutLeaf(MERCHANT, {CHANNELS - 1: 1}))
    read_row(octets, CHANNELS)
    with pytest.raises(DecodeError):
        read_row(octets, CHANNELS - 1)
    assert not len(read_row(empty_leaf(MERCHANT), 0).amounts)
