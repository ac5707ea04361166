"""BSON: the documents of MongoDB's wire protocol, as far as a subscriber store needs them.

In: bytes of one document. Out: dicts, lists and plain values, and the other way round. What is read can be written
again byte for byte, also what nobody here understands (`Opaque`): a document that is changed in one place is the same
in every other. Integers keep their width, because Open5GS reads 32-bit integers only and passes over the others
without a word: an `int` is 32 bits wide, a wider one is an `Int64`.
Reference: bsonspec.org, version 1.1. Numbers are little endian.
Promise: `read_document` returns a value or raises DecodeError, whatever the bytes, in time linear in their number.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from wire.errors import DecodeError

MAX_DOCUMENT_BYTES = 1 << 20
"""A subscriber has some thousand bytes; MongoDB itself takes 16 MiB."""
MAX_DEPTH = 32
"""A subscriber document has eleven levels; MongoDB itself takes 100."""

_FIXED_BYTES = {0x06: 0, 0x07: 12, 0x09: 8, 0x11: 8, 0x13: 16, 0x7F: 0, 0xFF: 0}
"""Kinds that are kept as they are: undefined, object id, time, timestamp, decimal, largest and smallest key."""
_PREFIXED_BYTES = {0x05: 5, 0x0C: 16, 0x0D: 4, 0x0E: 4, 0x0F: 0}
"""Kept too, of a length that they tell (binary, pointer, code, symbol, code with scope), and what that leaves out."""
_REGEX = 0x0B

_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")
_I64 = struct.Struct("<q")
_F64 = struct.Struct("<d")


class Kind:
    """The octet before a name that says what kind of value follows it: those that are understood."""

    DOUBLE, TEXT, DOCUMENT, ARRAY, BOOLEAN, NULL = 0x01, 0x02, 0x03, 0x04, 0x08, 0x0A
    INT32, INT64 = 0x10, 0x12


class Int64(int):
    """An integer that stands in 64 bits, whatever its value."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Opaque:
    """A value of a kind that is only carried: its kind, and its bytes."""

    kind: int
    octets: bytes


Value: TypeAlias = "float | int | str | bool | Opaque | Sequence[Value] | Mapping[str, Value] | None"
Document: TypeAlias = dict[str, Value]


# ---- Writing


def write_document(document: Mapping[str, Value]) -> bytes:
    """The bytes of a document. An integer outside 32 bits that is no Int64 is our own mistake: the core ignores it."""
    body = b"".join(_write_element(name, value) for name, value in document.items())
    return _U32.pack(len(body) + 5) + body + b"\0"


def _write_element(name: str, value: Value) -> bytes:
    kind, octets = _write_value(value)
    return bytes((kind,)) + name.encode() + b"\0" + octets


def _write_value(value: Value) -> tuple[int, bytes]:
    match value:
        case bool():
            return Kind.BOOLEAN, bytes((value,))
        case Int64():
            return Kind.INT64, _I64.pack(value)
        case int():
            assert -(1 << 31) <= value < 1 << 31, f"{value} does not fit into 32 bits"
            return Kind.INT32, _I32.pack(value)
        case float():
            return Kind.DOUBLE, _F64.pack(value)
        case str():
            octets = value.encode()
            return Kind.TEXT, _U32.pack(len(octets) + 1) + octets + b"\0"
        case None:
            return Kind.NULL, b""
        case Opaque():
            return value.kind, value.octets
        case Mapping():
            return Kind.DOCUMENT, write_document(value)
        case _:
            return Kind.ARRAY, write_document({str(at): item for at, item in enumerate(value)})


# ---- Reading


def read_document(data: bytes) -> Document:
    """From bytes that are one document and nothing more. Raises DecodeError."""
    if len(data) > MAX_DOCUMENT_BYTES:
        raise DecodeError(f"bson: {len(data)} bytes, at most {MAX_DOCUMENT_BYTES} are accepted")
    document, end = _read_document(data, 0, len(data), 0)
    if end != len(data):
        raise DecodeError(f"bson: {len(data) - end} bytes after the document")
    return document


def _read_document(data: bytes, at: int, limit: int, depth: int) -> tuple[Document, int]:
    """The document at `at`, which ends by `limit`, and where it ends."""
    if depth > MAX_DEPTH:
        raise DecodeError(f"bson: more than {MAX_DEPTH} levels at byte {at}")
    end = at + _read_u32(data, at, limit)
    if not at + 5 <= end <= limit or data[end - 1] != 0:
        raise DecodeError(f"bson: the document at byte {at} does not end in a zero within {limit} bytes")
    at += 4
    last = end - 1
    document: Document = {}
    while at < last:
        kind = data[at]
        name, at = _read_name(data, at + 1, last)
        if name in document:
            raise DecodeError(f"bson: {name!r} twice in one document")
        document[name], at = _read_value(kind, data, at, last, depth)
    return document, end


def _read_value(kind: int, data: bytes, at: int, limit: int, depth: int) -> tuple[Value, int]:
    match kind:
        case Kind.DOCUMENT:
            return _read_document(data, at, limit, depth + 1)
        case Kind.ARRAY:
            items, end = _read_document(data, at, limit, depth + 1)
            if any(name != str(index) for index, name in enumerate(items)):
                raise DecodeError(f"bson: the array at byte {at} is not numbered 0, 1, 2")
            return list(items.values()), end
        case Kind.TEXT:
            return _read_text(data, at, limit)
        case Kind.INT32:
            return _I32.unpack(_take(data, at, 4, limit))[0], at + 4
        case Kind.INT64:
            return Int64(_I64.unpack(_take(data, at, 8, limit))[0]), at + 8
        case Kind.DOUBLE:
            return _F64.unpack(_take(data, at, 8, limit))[0], at + 8
        case Kind.BOOLEAN:
            flag = _take(data, at, 1, limit)[0]
            if flag > 1:
                raise DecodeError(f"bson: {flag} at byte {at} is no boolean")
            return flag == 1, at + 1
        case Kind.NULL:
            return None, at
        case _:
            octets = _take(data, at, _opaque_bytes(kind, data, at, limit), limit)
            return Opaque(kind, octets), at + len(octets)


def _read_text(data: bytes, at: int, limit: int) -> tuple[str, int]:
    size = _read_u32(data, at, limit)
    octets = _take(data, at + 4, size, limit)
    if not octets.endswith(b"\0"):
        raise DecodeError(f"bson: the text at byte {at} does not end in a zero")
    return _utf8(octets[:-1], at), at + 4 + size


def _read_name(data: bytes, at: int, limit: int) -> tuple[str, int]:
    end = data.find(b"\0", at, limit)
    if end < 0:
        raise DecodeError(f"bson: the name at byte {at} does not end")
    return _utf8(data[at:end], at), end + 1


def _opaque_bytes(kind: int, data: bytes, at: int, limit: int) -> int:
    if kind in _FIXED_BYTES:
        return _FIXED_BYTES[kind]
    if kind in _PREFIXED_BYTES:
        return _read_u32(data, at, limit) + _PREFIXED_BYTES[kind]
    if kind == _REGEX:
        _, middle = _read_name(data, at, limit)
        return _read_name(data, middle, limit)[1] - at
    raise DecodeError(f"bson: {kind:#04x} at byte {at} is no kind of value")


def _read_u32(data: bytes, at: int, limit: int) -> int:
    size: int = _U32.unpack(_take(data, at, 4, limit))[0]
    return size


def _take(data: bytes, at: int, size: int, limit: int) -> bytes:
    if at + size > limit:
        raise DecodeError(f"bson: {size} bytes at byte {at} do not fit into {limit}")
    return data[at : at + size]


def _utf8(octets: bytes, at: int) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"bson: the text at byte {at} is not UTF-8") from error
