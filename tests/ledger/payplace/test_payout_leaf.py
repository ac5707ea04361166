"""Payout leaves: one way to write each, the octets that other contracts rely on, and what is refused."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.payplace.payout_leaf import (
    PayoutLeaf,
    empty_leaf,
    is_at_least,
    leaf_hash_of,
    read_leaf,
    write_leaf,
)
from wire.errors import DecodeError
from wire.merkle import leaf_hash

MERCHANT = bytes(range(32))
AMOUNTS = st.dictionaries(st.integers(0, 40) | st.integers(0, 2**32 - 1), st.integers(1, 2**63 - 1))


def test_the_golden_leaf():
    """The picture of docs/wire/payout_block.md: channels 3, 4, 5 and 9."""
    leaf = PayoutLeaf(MERCHANT, {9: 1, 3: 250_000, 5: 2**32, 4: 7})
    octets = write_leaf(leaf)
    assert octets.hex() == (
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        "00000002" "0000000300000003" "0000000900000001"
        "000000000003d090" "0000000000000007" "0000000100000000" "0000000000000001"
    )  # fmt: skip
    assert leaf_hash_of(octets) == leaf_hash(octets) == hashlib.sha256(b"\0" + octets).digest()
    assert leaf_hash_of(octets).hex() == ("547b2f13cfe8b2a719e5b6841d03e917f6bbf9f74f88b854591b0850317afd79")


def test_a_merchant_without_income_has_a_leaf():
    assert write_leaf(PayoutLeaf(MERCHANT, {})) == empty_leaf(MERCHANT) == MERCHANT + bytes(4)
    assert read_leaf(empty_leaf(MERCHANT)).amounts == {}


@given(AMOUNTS)
def test_what_is_written_is_read(amounts):
    leaf = PayoutLeaf(MERCHANT, amounts)
    assert read_leaf(write_leaf(leaf)) == leaf


@given(AMOUNTS, st.data())
def test_whatever_is_read_is_written_so(amounts, data):
    """A changed octet is another leaf, or none: there are no two ways to write one."""
    octets = bytearray(write_leaf(PayoutLeaf(MERCHANT, amounts)))
    place = data.draw(st.integers(0, len(octets) - 1))
    octets[place] ^= data.draw(st.integers(1, 255))
    try:
        leaf = read_leaf(bytes(octets))
    except DecodeError:
        return
    assert write_leaf(leaf) == bytes(octets)


def _octets(runs: list[tuple[int, int]], amounts: list[int]) -> bytes:
    parts = [MERCHANT, len(runs).to_bytes(4, "big")]
    parts += [number.to_bytes(4, "big") for run in runs for number in run]
    return b"".join((*parts, *(amount.to_bytes(8, "big") for amount in amounts)))


@pytest.mark.parametrize(
    ("why", "octets"),
    [
        ("cut", MERCHANT),
        ("cut in the runs", _octets([(1, 1)], [1])[:40]),
        ("cut in the amounts", _octets([(1, 1)], [1])[:-1]),
        ("longer", _octets([(1, 1)], [1]) + b"\0"),
        ("runs that touch", _octets([(1, 1), (2, 1)], [1, 1])),
        ("runs that descend", _octets([(5, 1), (2, 1)], [1, 1])),
        ("runs that overlap", _octets([(1, 3), (2, 1)], [1, 1, 1, 1])),
        ("an empty run", _octets([(1, 0)], [])),
        ("a zero", _octets([(1, 1)], [0])),
        ("too much", _octets([(1, 1)], [2**63])),
        ("past the last channel", _octets([(2**32 - 1, 2)], [1, 1])),
        ("4 billion runs", MERCHANT + b"\xff" * 4),
    ],
)
def test_other_ways_to_write_it_are_refused(why, octets):
    with pytest.raises(DecodeError):
        read_leaf(octets)


def test_a_leaf_says_only_what_can_be():
    for merchant, amounts in ((b"", {}), (MERCHANT, {1: 0}), (MERCHANT, {-1: 1}), (MERCHANT, {2**32: 1})):
        with pytest.raises(DecodeError):
            PayoutLeaf(merchant, amounts)


def test_at_least_is_componentwise():
    """Fault P4: set inclusion of tuples, as printed, fails as soon as a merchant has earned more."""
    before = PayoutLeaf(MERCHANT, {1: 10, 2: 10})
    more = PayoutLeaf(MERCHANT, {1: 15, 2: 10, 3: 1})
    printed = set(before.amounts.items()) <= set(more.amounts.items())
    assert not printed
    assert is_at_least(more, before)
    for amounts in ({1: 10}, {1: 9, 2: 20}, {1: 20}):
        assert not is_at_least(PayoutLeaf(MERCHANT, amounts), before)
    assert not is_at_least(PayoutLeaf(bytes(32), {1: 15, 2: 10}), before)
