"""Messages of ubus, the bus of an OpenWrt router: a header of eight octets, attributes in it, and tables in these.

In: octets from ubusd's socket, which is a stream. Out: a message and how many octets it took, None while one is not
complete, or DecodeError; and the other way round. A table maps names to truth values, whole numbers, texts, tables and
lists of these; a name whose value is None is left out.
Reference: ubus's ubusmsg.h and ubusd_proto.c, libubox's blob.h and blobmsg.h. All numbers are big-endian, and an
attribute begins at a multiple of four. Largest legal size 1,048,576 octets (`UBUS_MAX_MSGLEN`).
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias, Union

from wire.errors import DecodeError

Value: TypeAlias = Union[bool, int, float, str, "Table", "Sequence[Value]", None]
Table: TypeAlias = Mapping[str, Value]

MAX_MESSAGE_BYTES = 1_048_576
MAX_DEPTH = 16
"""Of tables in tables. hostapd's have four, and what goes deeper is nobody's."""
_HEADER = struct.Struct(">BBHI")
_WORD = struct.Struct(">I")
_EXTENDED, _LENGTH = 0x80000000, 0x00FFFFFF
_ARRAY, _TABLE, _STRING, _INT64, _INT32, _INT16, _INT8, _DOUBLE = range(1, 9)
_NUMBERS = {_INT64: ">q", _INT32: ">i", _INT16: ">h", _DOUBLE: ">d"}


class Kind(IntEnum):
    """What a message is, `ubus_msg_type`."""

    HELLO = 0
    STATUS = 1
    DATA = 2
    PING = 3
    LOOKUP = 4
    INVOKE = 5
    ADD_OBJECT = 6
    REMOVE_OBJECT = 7
    SUBSCRIBE = 8
    UNSUBSCRIBE = 9
    NOTIFY = 10


class Attribute(IntEnum):
    """What it says, `ubus_msg_attr`."""

    STATUS = 1
    OBJECT_PATH = 2
    OBJECT_ID = 3
    METHOD = 4
    OBJECT_TYPE = 5
    SIGNATURE = 6
    DATA = 7
    TARGET = 8
    ACTIVE = 9
    NO_REPLY = 10
    SUBSCRIBERS = 11
    USER = 12
    GROUP = 13


class Status(IntEnum):
    """How a request ended, `ubus_msg_status`."""

    OK = 0
    INVALID_COMMAND = 1
    INVALID_ARGUMENT = 2
    METHOD_NOT_FOUND = 3
    NOT_FOUND = 4
    NO_DATA = 5
    PERMISSION_DENIED = 6
    TIMEOUT = 7
    NOT_SUPPORTED = 8
    UNKNOWN_ERROR = 9
    CONNECTION_FAILED = 10


@dataclass(frozen=True, slots=True)
class Message:
    """`sequence` pairs a reply with its request; `peer` is who it is from, or for: a client, or an object."""

    kind: int
    sequence: int
    peer: int = 0
    attributes: Mapping[int, bytes] = field(default_factory=dict)
    """Octets as they came, so that whoever does not care for a table does not pay for it."""

    def number(self, name: Attribute) -> int:
        """Raises DecodeError if it is not there, or is not one."""
        octets = self.attributes.get(name, b"")
        if len(octets) != _WORD.size:
            raise DecodeError(f"ubus: {name.name} is missing, or not a number of 32 bits")
        return int(_WORD.unpack(octets)[0])

    def text(self, name: Attribute) -> str:
        """Raises DecodeError if it is not there."""
        if name not in self.attributes:
            raise DecodeError(f"ubus: {name.name} is missing")
        return _text(self.attributes[name])

    def table(self, name: Attribute) -> dict[str, Value]:
        """Empty if it is not there. Raises DecodeError."""
        return read_table(self.attributes.get(name, b""))


def number(value: int) -> bytes:
    """An attribute of 32 bits."""
    return _WORD.pack(value)


def text(value: str) -> bytes:
    """An attribute that is a text; what is behind a NUL would be lost, and is left out."""
    return value.partition("\0")[0].encode() + b"\0"


def read_message(data: bytes | bytearray) -> tuple[Message, int] | None:
    """The first message in `data`, and its length; None if it is not complete. Raises DecodeError."""
    if len(data) < _HEADER.size + _WORD.size:
        return None
    version, kind, sequence, peer = _HEADER.unpack_from(data)
    length = _WORD.unpack_from(data, _HEADER.size)[0] & _LENGTH
    if version != 0:
        raise DecodeError(f"ubus: version {version}")
    if not _WORD.size <= length <= MAX_MESSAGE_BYTES:
        raise DecodeError(f"ubus: a message of {length} octets")
    end = _HEADER.size + length
    if len(data) < end:
        return None
    attributes = {at: octets for at, _, octets in _attributes(bytes(data[_HEADER.size + _WORD.size : end]))}
    return Message(kind, sequence, peer, attributes), end


def write_message(message: Message) -> bytes:
    inside = b"".join(_attribute(at, octets) for at, octets in message.attributes.items())
    head = _HEADER.pack(0, message.kind, message.sequence, message.peer)
    return head + _WORD.pack(_WORD.size + len(inside)) + inside


def read_table(data: bytes, depth: int = 0) -> dict[str, Value]:
    """Of two entries with one name the last. Raises DecodeError."""
    return dict(_entries(data, depth))


def write_table(table: Table) -> bytes:
    return b"".join(_entry(name, value) for name, value in table.items() if value is not None)


def write_signature(methods: Mapping[str, Mapping[str, type]]) -> bytes:
    """What methods an object has, and what arguments they take, for ADD_OBJECT."""
    kinds = {bool: _INT8, int: _INT32, str: _STRING}
    told = {name: {key: kinds[kind] for key, kind in taken.items()} for name, taken in methods.items()}
    return write_table(told)


# ---- reading


def _attributes(data: bytes) -> Iterator[tuple[int, bool, bytes]]:
    """(id, whether it begins with a name, octets) of each."""
    at = 0
    while at < len(data):
        if len(data) - at < _WORD.size:
            raise DecodeError("ubus: an attribute that is cut off")
        word = _WORD.unpack_from(data, at)[0]
        length = word & _LENGTH
        if not _WORD.size <= length <= len(data) - at:
            raise DecodeError(f"ubus: an attribute of {length} octets where there are {len(data) - at}")
        yield word >> 24 & 0x7F, bool(word & _EXTENDED), data[at + _WORD.size : at + length]
        at += _padded(length)


def _entries(data: bytes, depth: int) -> Iterator[tuple[str, Value]]:
    if depth > MAX_DEPTH:
        raise DecodeError(f"ubus: tables in tables, more than {MAX_DEPTH} deep")
    for kind, named, octets in _attributes(data):
        if not named or len(octets) < 3:
            raise DecodeError("ubus: an entry without a name")
        length = int.from_bytes(octets[:2], "big")
        if len(octets) < 2 + length + 1:
            raise DecodeError("ubus: a name that is cut off")
        yield _text(octets[2 : 2 + length]), _value(kind, octets[_padded(2 + length + 1) :], depth)


def _value(kind: int, data: bytes, depth: int) -> Value:
    if kind in _NUMBERS:
        packing = struct.Struct(_NUMBERS[kind])
        if len(data) != packing.size:
            raise DecodeError(f"ubus: a number of {len(data)} octets, not {packing.size}")
        found: int | float = packing.unpack(data)[0]
        return found
    match kind:
        case 0:
            return None
        case _ if kind == _ARRAY:
            return [value for _, value in _entries(data, depth + 1)]
        case _ if kind == _TABLE:
            return read_table(data, depth + 1)
        case _ if kind == _STRING:
            return _text(data)
        case _ if kind == _INT8 and len(data) == 1:
            return bool(data[0])
    raise DecodeError(f"ubus: a value of type {kind} with {len(data)} octets")


def _text(octets: bytes) -> str:
    return octets.partition(b"\0")[0].decode(errors="replace")


# ---- writing


def _entry(name: str, value: Value) -> bytes:
    kind, octets = _pack(value)
    key = name.encode()
    head = len(key).to_bytes(2, "big") + key + b"\0"
    return _attribute(kind, head.ljust(_padded(len(head)), b"\0") + octets, _EXTENDED)


def _pack(value: Value) -> tuple[int, bytes]:
    match value:
        case bool():
            return _INT8, bytes([value])
        case int() if -(2**31) <= value < 2**31:
            return _INT32, struct.pack(">i", value)
        case int():
            return _INT64, struct.pack(">q", value)
        case str():
            return _STRING, text(value)
        case Mapping():
            return _TABLE, write_table(value)
        case Sequence():
            return _ARRAY, b"".join(_entry("", one) for one in value)
    raise AssertionError(f"ubus has no {value!r}")


def _attribute(kind: int, octets: bytes, flags: int = 0) -> bytes:
    length = _WORD.size + len(octets)
    assert length <= _LENGTH, "longer than any message"
    return (_WORD.pack(flags | kind << 24 | length) + octets).ljust(_padded(length), b"\0")


def _padded(length: int) -> int:
    return -(-length // 4) * 4
