"""ledger/evm/abi.py: the examples of the specification, round trips, and garbage."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.evm.abi import decode, encode, tuple_of
from wire.errors import DecodeError


def entries(*names: str) -> list[dict[str, Any]]:
    return [{"type": name} for name in names]


def test_the_example_of_the_specification() -> None:
    """`f(uint256,uint32[],bytes10,bytes)` with (0x123, [0x456, 0x789], "1234567890", "Hello, world!")."""
    kind = tuple_of(entries("uint256", "uint32[]", "bytes10", "bytes"))
    values = [0x123, [0x456, 0x789], b"1234567890", b"Hello, world!"]
    words = [
        f"{0x123:064x}", f"{0x80:064x}", b"1234567890".hex().ljust(64, "0"), f"{0xE0:064x}",
        f"{2:064x}", f"{0x456:064x}", f"{0x789:064x}", f"{13:064x}", b"Hello, world!".hex().ljust(64, "0"),
    ]  # fmt: skip
    assert encode(kind, values).hex() == "".join(words)
    assert decode(kind, encode(kind, values)) == values


ROW: dict[str, Any] = {"type": "tuple[]", "components": entries("bytes", "uint32", "bytes32[]")}
NUMBERS = st.tuples(
    st.integers(-(1 << 63), (1 << 63) - 1), st.booleans(), st.binary(min_size=20, max_size=20)
)
PATH = st.lists(st.binary(min_size=32, max_size=32))
ROWS = st.tuples(st.lists(st.tuples(st.binary(), st.integers(0, 9), PATH)))
TEXTS = st.tuples(
    st.lists(st.binary()), st.lists(st.integers(0, 255), min_size=3, max_size=3), st.just("\u00fc")
)
SHAPES: list[Any] = [
    (entries("int64", "bool", "address"), NUMBERS),
    ([ROW], ROWS),
    (entries("bytes[]", "uint8[3]", "string"), TEXTS),
]


def listed(value: object) -> object:
    return [listed(part) for part in value] if isinstance(value, (list, tuple)) else value


@given(st.data())
def test_what_is_written_is_read_again(data: st.DataObject) -> None:
    shape, values = data.draw(st.sampled_from(SHAPES))
    drawn = data.draw(values)
    assert decode(tuple_of(shape), encode(tuple_of(shape), drawn)) == listed(drawn)


@given(st.binary(max_size=300), st.sampled_from([shape for shape, _ in SHAPES]))
def test_any_octets_give_values_or_a_decode_error(octets: bytes, shape: list[dict[str, Any]]) -> None:
    with contextlib.suppress(DecodeError):
        decode(tuple_of(shape), octets)


@pytest.mark.parametrize(
    ("name", "value"), [("uint8", 256), ("uint8", -1), ("address", bytes(19)), ("bytes32", bytes(31))]
)
def test_a_value_that_does_not_fit_is_our_mistake(name: str, value: object) -> None:
    with pytest.raises(ValueError, match="abi: "):
        encode(tuple_of(entries(name)), [value])


def test_a_type_that_is_not_known_is_said() -> None:
    with pytest.raises(DecodeError, match="fixed128x18"):
        tuple_of(entries("fixed128x18"))
