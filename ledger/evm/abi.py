"""The encoding by which the EVM's contracts take arguments and give results.

Types are the dictionaries of a contract's ABI in JSON. Python values: int, bool, bytes (of `bytes`, `bytesN` and, with
20 octets, `address`), str, and sequences for arrays and tuples. Only what the compiler's ABI names is known.
Promise: `decode` returns values or raises DecodeError.
Reference: Contract ABI Specification of Solidity 0.8, "Formal Specification of the Encoding".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wire.errors import DecodeError

WORD = 32
_ARRAY = re.compile(r"^(.*)\[(\d*)\]$")
_SIMPLE = re.compile(r"^(u?int)(\d*)$|^bytes(\d+)$|^(bool|address|bytes|string)$")

Value = Any
"""int, bool, bytes, str, or a sequence of these."""


@dataclass(frozen=True, slots=True)
class Type:
    """One type: `name` is that of an elementary type, or `[]` (with `count` and one part), or `()` with its parts."""

    name: str
    parts: tuple[Type, ...] = ()
    count: int | None = None

    @property
    def is_dynamic(self) -> bool:
        if self.name == "[]":
            return self.count is None or self.parts[0].is_dynamic
        return self.name in {"bytes", "string"} or any(part.is_dynamic for part in self.parts)

    @property
    def head_size(self) -> int:
        """Octets of this type in the head of what holds it."""
        if self.is_dynamic:
            return WORD
        if self.name == "[]":
            assert self.count is not None
            return self.count * self.parts[0].head_size
        return sum(part.head_size for part in self.parts) if self.name == "()" else WORD


def tuple_of(entries: Sequence[Mapping[str, Any]]) -> Type:
    """The type of a list of parameters: `inputs` or `outputs` of the JSON."""
    return Type("()", tuple(_type_of(str(entry["type"]), entry) for entry in entries))


def _type_of(name: str, entry: Mapping[str, Any]) -> Type:
    if found := _ARRAY.match(name):
        count = int(found[2]) if found[2] else None
        return Type("[]", (_type_of(found[1], entry),), count)
    if name == "tuple":
        return tuple_of(entry["components"])
    if not _SIMPLE.match(name):
        raise DecodeError(f"abi: type {name!r} is not known here")
    return Type(name)


# ---- Writing


def encode(kind: Type, value: Value) -> bytes:
    """The octets of a value; ValueError if it does not fit its type."""
    if kind.name == "()":
        return _encode_parts(kind.parts, value)
    if kind.name == "[]":
        if kind.count is not None:
            return _encode_parts(kind.parts * kind.count, value)
        return _number(len(value)) + _encode_parts(kind.parts * len(value), value)
    if kind.name in {"bytes", "string"}:
        octets = value.encode() if isinstance(value, str) else bytes(value)
        return _number(len(octets)) + _pad_right(octets)
    return _encode_word(kind.name, value)


def _encode_parts(kinds: Sequence[Type], values: Sequence[Value]) -> bytes:
    if len(kinds) != len(values):
        raise ValueError(f"abi: {len(values)} values for {len(kinds)} places")
    heads, tails = list[bytes](), list[bytes]()
    offset = sum(kind.head_size for kind in kinds)
    for kind, value in zip(kinds, values, strict=True):
        octets = encode(kind, value)
        if not kind.is_dynamic:
            heads.append(octets)
            continue
        heads.append(_number(offset))
        tails.append(octets)
        offset += len(octets)
    return b"".join(heads + tails)


def _encode_word(name: str, value: Value) -> bytes:
    if name.startswith("bytes"):
        size = int(name[5:])
        if len(value) != size:
            raise ValueError(f"abi: {len(value)} octets for {name}")
        return _pad_right(bytes(value))
    if name == "address":
        if len(value) != 20:
            raise ValueError(f"abi: an address of {len(value)} octets")
        return bytes(12) + bytes(value)
    bits = 1 if name == "bool" else int(_SIMPLE.match(name)[2] or 256)  # type: ignore[index]
    if name.startswith("int"):
        return int(value).to_bytes(WORD, "big", signed=True)
    if not 0 <= int(value) < 1 << bits:
        raise ValueError(f"abi: {value} does not fit {name}")
    return _number(int(value))


def _number(value: int) -> bytes:
    return value.to_bytes(WORD, "big")


def _pad_right(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % WORD)


# ---- Reading


def decode(kind: Type, data: bytes) -> Value:
    """The value of a tuple of results: a list. Raises DecodeError."""
    return _decode(kind, data, 0)


def _decode(kind: Type, data: bytes, at: int) -> Value:
    if kind.name == "()":
        return _decode_parts(kind.parts, data, at)
    if kind.name == "[]":
        if kind.count is not None:
            return _decode_parts(kind.parts * kind.count, data, at)
        count = _read_number(data, at)
        if count * WORD > len(data):
            raise DecodeError(f"abi: an array of {count} in {len(data)} octets")
        return _decode_parts(kind.parts * count, data, at + WORD)
    if kind.name in {"bytes", "string"}:
        size = _read_number(data, at)
        if at + WORD + size > len(data):
            raise DecodeError(f"abi: {size} octets announced, {len(data) - at - WORD} there")
        octets = data[at + WORD : at + WORD + size]
        return octets if kind.name == "bytes" else octets.decode(errors="replace")
    return _decode_word(kind.name, _read(data, at))


def _decode_parts(kinds: Sequence[Type], data: bytes, at: int) -> list[Value]:
    found, head = list[Value](), at
    for kind in kinds:
        found.append(_decode(kind, data, at + _read_number(data, head) if kind.is_dynamic else head))
        head += kind.head_size
    return found


def _decode_word(name: str, word: bytes) -> Value:
    if name.startswith("bytes"):
        return word[: int(name[5:])]
    if name == "address":
        return word[12:]
    if name == "bool":
        return word[-1] == 1
    return int.from_bytes(word, "big", signed=name.startswith("int"))


def _read(data: bytes, at: int) -> bytes:
    if at + WORD > len(data):
        raise DecodeError(f"abi: ends at octet {len(data)}, within a word")
    return data[at : at + WORD]


def _read_number(data: bytes, at: int) -> int:
    return int.from_bytes(_read(data, at), "big")
