"""The one byte form that is signed, hashed and stored: a strict, deterministic subset of CBOR.

In: bytes of a peer. Out: None, bool, int, bytes, str, list, dict with int, bytes or str keys; or DecodeError, and never
any other exception. Time and memory are linear in the input, unless its integer keys were chosen to collide in Python's
dict, which takes thousands of them: callers read no more than 1,200 bytes from strangers. Refused: indefinite lengths,
integers not in their shortest form, keys out of order or doubled, floats, tags, undefined, deeper nesting than
MAX_DEPTH, bytes after the value.
To Python a bool is an integer, and True is 1: a pattern that asks for either takes both. So `read_cbor` refuses
booleans; `read_cbor_with_booleans` is for those who have some, and ask each integer themselves.
Reference: RFC 8949 clause 4.2.1 (core deterministic encoding).
"""

from typing import TypeAlias

from wire.errors import DecodeError
from wire.units import U64_MAX

Key: TypeAlias = int | bytes | str
Value: TypeAlias = "bool | int | bytes | str | list[Value] | dict[Key, Value] | None"

MAX_DEPTH = 8
"""Nested containers: our deepest message has four; cbor2 allows 400 by default."""

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_FIRST_LONG = b"\x18"
"""Below it a byte is an integer of its own."""
_SIMPLE_VALUES: dict[int, bool | None] = {20: False, 21: True, 22: None}
_NULL_ONLY: dict[int, bool | None] = {22: None}


def _head_of_bytes(size: int) -> bytes:
    return bytes((_BYTES << 5 | size,)) if size < 24 else bytes((_BYTES << 5 | 24, size))


_BYTES_HEADS = tuple(map(_head_of_bytes, range(256)))
"""Of byte strings that are as short as keys, hashes and signatures are."""


def write_cbor(value: Value) -> bytes:
    """The one encoding of a value. Integers from -2**64 to 2**64 - 1."""
    out = bytearray()
    _write(value, out)
    return bytes(out)


def read_cbor(data: bytes) -> Value:
    """The one value that fills `data` to its last byte, without a boolean anywhere in it. Raises DecodeError."""
    return _read_whole(data, _NULL_ONLY)


def read_cbor_with_booleans(data: bytes) -> Value:
    """The same, and booleans where they come. Whoever asks for an integer in it has to say that it is no bool."""
    return _read_whole(data, _SIMPLE_VALUES)


def _read_whole(data: bytes, simple: dict[int, bool | None]) -> Value:
    value, end = _read(data, 0, 0, simple)
    if end != len(data):
        raise DecodeError(f"cbor: {len(data) - end} bytes after the value, which ends at byte {end}")
    return value


def write_head(major: int, argument: int) -> bytes:
    """Major type and argument in the shortest form (RFC 8949 clause 3)."""
    if argument < 24:
        return bytes((major << 5 | argument,))
    if argument < 0x100:
        return bytes((major << 5 | 24, argument))
    if argument < 0x10000:
        return (major << 5 | 25).to_bytes(1, "big") + argument.to_bytes(2, "big")
    if argument < 0x1_0000_0000:
        return (major << 5 | 26).to_bytes(1, "big") + argument.to_bytes(4, "big")
    assert argument <= U64_MAX, f"{argument} does not fit in 64 bits"
    return (major << 5 | 27).to_bytes(1, "big") + argument.to_bytes(8, "big")


def _write(value: Value, out: bytearray) -> None:
    """By exact type, the frequent ones first: all that is signed and stored passes through here."""
    if type(value) is bytes:
        size = len(value)
        out += _BYTES_HEADS[size] if size < 256 else write_head(_BYTES, size)
        out += value
    elif type(value) is int:
        if 0 <= value < 24:
            out.append(value)
        else:
            out += write_head(_UNSIGNED, value) if value >= 0 else write_head(_NEGATIVE, -1 - value)
    elif type(value) is list:
        out += write_head(_ARRAY, len(value))
        for item in value:
            _write(item, out)
    elif type(value) is dict:
        _write_map(value, out)
    else:
        _write_rare(value, out)


def _write_map(value: "dict[Key, Value]", out: bytearray) -> None:
    """Keys in the order of their encodings, which for the labels of our messages is that of the integers."""
    out += write_head(_MAP, len(value))
    previous = -1
    for key in value:
        if type(key) is not int or not previous < key < 24:
            break
        previous = key
    else:
        for key, item in value.items():
            out.append(key)  # type: ignore[arg-type]  # as was just seen
            _write(item, out)
        return
    for encoded, item in sorted((write_cbor(key), item) for key, item in value.items()):
        out += encoded
        _write(item, out)


def _write_rare(value: Value, out: bytearray) -> None:
    """Simple values and texts, and enumerations of integers."""
    if isinstance(value, bool) or value is None:
        out.append(0xF6 if value is None else 0xF5 if value else 0xF4)
    elif isinstance(value, int):
        _write(int(value), out)
    elif isinstance(value, str):
        text = value.encode()
        out += write_head(_TEXT, len(text))
        out += text
    else:
        raise TypeError(f"{type(value).__name__} has no form here")


def _read_head(data: bytes, at: int) -> tuple[int, int, int]:
    """(major type, argument, next position)"""
    if at >= len(data):
        raise DecodeError(f"cbor: ends at byte {at} where a value should begin")
    first = data[at]
    major, information = first >> 5, first & 31
    at += 1
    if information < 24:
        return major, information, at
    if information == 24 and at < len(data) and data[at] >= 24:  # what is as short as keys and hashes
        return major, data[at], at + 1
    if information > 27:
        raise DecodeError(f"cbor: indefinite or reserved length at byte {at - 1}")
    size = 1 << (information - 24)
    argument = int.from_bytes(data[at : at + size], "big")
    if at + size > len(data):
        raise DecodeError(f"cbor: ends inside the {size}-byte argument at byte {at}")
    if argument < 24 or (size > 1 and argument < 1 << (4 * size)):
        raise DecodeError(f"cbor: argument {argument} at byte {at - 1} is not in its shortest form")
    return major, argument, at + size


def _read(data: bytes, at: int, depth: int, simple: dict[int, bool | None]) -> tuple[Value, int]:
    start = at
    major, argument, at = _read_head(data, at)
    if major == _UNSIGNED:
        return argument, at
    if major == _BYTES and argument <= len(data) - at:
        return data[at : at + argument], at + argument
    if major == _NEGATIVE:
        return -1 - argument, at
    if major == _SIMPLE and start + 1 == at and argument in simple:
        return simple[argument], at
    if major == _SIMPLE and start + 1 == at and argument in _SIMPLE_VALUES:
        raise DecodeError(f"cbor: a boolean at byte {start}, where this message has none")
    if major in (_TAG, _SIMPLE):
        raise DecodeError(f"cbor: tag, float or simple value at byte {start} is not in our subset")
    if argument > len(data) - at:
        raise DecodeError(f"cbor: length {argument} at byte {start} exceeds the {len(data) - at} bytes left")
    if major == _TEXT:
        return _read_text(data, at, argument), at + argument
    if depth >= MAX_DEPTH:
        raise DecodeError(f"cbor: nested deeper than {MAX_DEPTH} at byte {start}")
    if major == _ARRAY:
        return _read_array(data, at, argument, depth + 1, simple)
    return _read_map(data, at, argument, depth + 1, simple)


def _read_text(data: bytes, at: int, size: int) -> str:
    try:
        return data[at : at + size].decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"cbor: text at byte {at} is not UTF-8: {error.reason}") from None


def _read_array(
    data: bytes, at: int, count: int, depth: int, simple: dict[int, bool | None]
) -> tuple[Value, int]:
    items: list[Value] = []
    for _ in range(count):
        item, at = _read(data, at, depth, simple)
        items.append(item)
    return items, at


def _read_map(
    data: bytes, at: int, count: int, depth: int, simple: dict[int, bool | None]
) -> tuple[Value, int]:
    items: dict[Key, Value] = {}
    previous = b""
    for _ in range(count):
        if previous < data[at : at + 1] < _FIRST_LONG:  # a label, greater than the one before
            previous = data[at : at + 1]
            items[data[at]], at = _read(data, at + 1, depth, simple)
            continue
        key, end = _read(data, at, depth, simple)
        if isinstance(key, (bool, list, dict)) or key is None:
            raise DecodeError(f"cbor: map key at byte {at} is neither integer, bytes nor text")
        encoded = data[at:end]
        if encoded <= previous:
            raise DecodeError(f"cbor: map key at byte {at} is doubled or out of order")
        previous = encoded
        items[key], at = _read(data, end, depth, simple)
    return items, at
