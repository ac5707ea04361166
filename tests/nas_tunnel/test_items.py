"""Items taken from the front of an array: what each method refuses, by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nas_tunnel.items import ItemReader
from wire.cbor import Value, write_cbor
from wire.errors import DecodeError
from wire.ids import PublicKey


def reader(*items: Value) -> ItemReader:
    return ItemReader(write_cbor(list(items)), "note")


def test_items_in_order() -> None:
    key = PublicKey(b"\x02" + bytes(32))
    items = reader(7, b"ab", "cd", key.octets)
    assert items.more()
    assert (items.integer("n"), items.octets("o", 1, 2), items.text("t", 0, 2)) == (7, b"ab", "cd")
    assert items.public_key("k") == key
    assert not items.more()
    items.finish()


def test_what_is_left_is_refused() -> None:
    with pytest.raises(DecodeError, match="note: more items than the message has"):
        reader(1).finish()


def test_only_an_array_has_items() -> None:
    with pytest.raises(DecodeError, match="note: not an array"):
        ItemReader(write_cbor({}), "note")


@pytest.mark.parametrize(
    ("take", "items", "why"),
    [
        (lambda items: items.integer("n"), [], "n is missing"),
        (lambda items: items.integer("n"), [True], "n is not an integer"),
        (lambda items: items.integer("n"), [-1], "n is not an integer within 0"),
        (lambda items: items.integer("n", 5), [6], r"n is not an integer within 0\.\.5"),
        (lambda items: items.octets("o", 1, 2), ["ab"], "o is not a byte string of 1 to 2"),
        (lambda items: items.octets("o", 1, 2), [b""], "o is not a byte string of 1 to 2"),
        (lambda items: items.octets("o", 1, 2), [b"abc"], "o is not a byte string of 1 to 2"),
        (lambda items: items.text("t", 1, 2), ["abc"], "t is not a text of 1 to 2"),
        (lambda items: items.text("t", 1, 2), [b"ab"], "t is not a text"),
        (lambda items: items.public_key("k"), [bytes(33)], "k: not a compressed P-256 public key"),
        (lambda items: items.public_key("k"), [bytes(32)], "k is not a byte string of 33"),
    ],
)
def test_refused(take: Callable[[ItemReader], object], items: list[Value], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        take(reader(*items))
