"""What a block says was sold: the consumers' leaves, the sale's leaf, and the tree in which large sales lie high."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.examples import BAND, PROVIDER, QOS, UTC_S
from tests.wire.proving import consumer_row
from wire.cbor import Value, read_cbor, write_cbor
from wire.errors import DecodeError
from wire.merkle import EMPTY_ROOT
from wire.sale_leaf import (
    SaleLeaf,
    SaleTerms,
    climb,
    consumer_leaves,
    integers_of,
    join_sales,
    leaf_content,
    read_terms,
    sale_leaf,
    sales_path,
    sales_root,
    write_terms,
)
from wire.units import U32_MAX, U63_MAX

TERMS = SaleTerms(PROVIDER.public.provider_id, 12, UTC_S, 1_200, BAND, QOS, 1)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def test_leaves_have_four_consumers_and_the_last_what_is_left() -> None:
    keys = consumer_row(6)
    assert consumer_leaves(keys) == [sha(b"\0" + keys[:132]), sha(b"\0" + keys[132:])]
    assert consumer_leaves(consumer_row(1)) == [sha(b"\0" + consumer_row(1))]


def test_shares_stand_beside_the_keys() -> None:
    keys, shares = consumer_row(5), (1, 2, 3, 4, U32_MAX)
    last = keys[132:] + b"\xff\xff\xff\xff"
    assert consumer_leaves(keys, shares)[1] == sha(b"\0" + last)
    assert leaf_content(keys, shares, 4) == last
    assert consumer_leaves(keys, shares)[0] == sha(b"\0" + leaf_content(keys, shares, 2))
    assert consumer_leaves(keys, shares) != consumer_leaves(keys)


def test_the_content_of_a_leaf_is_what_was_hashed() -> None:
    keys = consumer_row(11)
    for position in range(11):
        assert sha(b"\0" + leaf_content(keys, (), position)) == consumer_leaves(keys)[position // 4]


def test_the_leaf_of_a_sale_is_that_of_the_picture() -> None:
    reference, root = bytes(range(14)), b"\x05" * 32
    content = reference + b"\0\0\xc3\x50" + root + write_terms(TERMS)
    assert sale_leaf(reference, 50_000, root, write_terms(TERMS)) == sha(b"\0" + content)


def test_terms_survive_their_bytes() -> None:
    for terms in (TERMS, replace(TERMS, allocations=0), replace(TERMS, epoch=U63_MAX, allocations=U32_MAX)):
        assert read_terms(write_terms(terms)) == terms


@pytest.mark.parametrize(
    ("index", "value", "why"),
    [
        (0, bytes(15), "provider id has 15 bytes"),
        (1, 0, "epoch is 0"),
        (2, U63_MAX, "starts_s is"),
        (3, 0, "duration_s is 0"),
        (3, True, "a boolean at byte"),
        (4, [1, 2], "not 3 integers"),
        (4, [2, 1, 1], "is not a band"),
        (5, [1, 1, 1], "not 4 to 7"),
        (5, [1, 1, 1, 1, 0], "ends in a default"),
        (6, U32_MAX + 1, "allocations is"),
        (6, b"", "not 4 integers"),
    ],
)
def test_terms_that_no_grant_could_say_are_refused(index: int, value: object, why: str) -> None:
    items = read_cbor(write_terms(TERMS))
    assert isinstance(items, list)
    items[index] = value  # type: ignore[call-overload]  # that is what is tried
    with pytest.raises(DecodeError, match=why):
        read_terms(write_cbor(items))


def test_terms_are_seven_items_of_bearable_length() -> None:
    for data in (write_cbor([]), write_cbor({}), write_cbor([b"", 1, 2])):
        with pytest.raises(DecodeError, match="not provider, epoch"):
            read_terms(data)
    with pytest.raises(DecodeError, match="at most 186"):
        read_terms(write_cbor([bytes(200)]))


def test_integers_are_no_booleans() -> None:
    assert integers_of([1, 2], 2) == [1, 2]
    wrong: list[list[Value]] = [[True, 2], [1], [1, b""]]
    for items in wrong:
        with pytest.raises(DecodeError, match="not 2 integers"):
            integers_of(items, 2)


def test_no_sales_and_one() -> None:
    assert sales_root([]) == EMPTY_ROOT
    assert sales_root([SaleLeaf(b"\x07" * 32, 5)]) == b"\x07" * 32
    assert sales_path(join_sales([SaleLeaf(b"\x07" * 32, 5)]), 0) == (0, [])


def test_the_lightest_are_joined_first() -> None:
    """By hand: 1 and 2 make 3, which with the 4 makes 7, which with the 9 is all; of equals the earlier is left."""
    nine, one, four, two = (SaleLeaf(bytes([n]) * 32, n) for n in (9, 1, 4, 2))
    three = sha(b"\1" + one.hash + two.hash)
    seven = sha(b"\1" + three + four.hash)
    assert sales_root([nine, one, four, two]) == sha(b"\1" + seven + nine.hash)
    nodes = join_sales([nine, one, four, two])
    assert sales_path(nodes, 0) == (1, [seven])
    assert sales_path(nodes, 1) == (0, [two.hash, four.hash, nine.hash])
    assert sales_path(nodes, 3) == (1, [one.hash, four.hash, nine.hash])
    alike = [SaleLeaf(bytes([n]) * 32, 1) for n in (1, 2)]
    assert sales_root(alike) == sha(b"\1" + alike[0].hash + alike[1].hash)


def test_a_large_sale_lies_high_among_many() -> None:
    sales = [SaleLeaf(at.to_bytes(32, "big"), 1) for at in range(5_000)] + [SaleLeaf(b"\xff" * 32, 50_000)]
    nodes = join_sales(sales)
    assert len(sales_path(nodes, 5_000)[1]) == 1
    assert len(sales_path(nodes, 17)[1]) <= 14


@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=40))
def test_every_sale_has_a_path_to_the_root(weights: list[int]) -> None:
    sales = [SaleLeaf(at.to_bytes(32, "big"), weight) for at, weight in enumerate(weights)]
    root, nodes = sales_root(sales), join_sales(sales)
    for index, sale in enumerate(sales):
        turns, path = sales_path(nodes, index)
        assert climb(sale.hash, turns, path) == root
        assert 0 <= turns < 1 << len(path)
        assert sale.consumers * 1.6 ** (len(path) - 1) <= sum(weights), (
            "deeper than Fibonacci's numbers allow"
        )
