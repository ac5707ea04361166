"""nftables map elements as netlink messages: which station goes to which class, and what it sent. Only bytes.

The table, its maps and its rules are made once by the `nft` program from `ruleset`; on the hot path only elements come
and go, in one transaction for both directions. The map itself carries the counter, so each element gets its own.
Reference: Linux include/uapi/linux/netfilter/{nfnetlink,nf_tables}.h. Lengths and counters are big-endian.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tc_shaper.attributes import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_ECHO,
    NLM_F_EXCL,
    Message,
    attribute,
    iterate_attributes,
    nested,
    read_attributes,
)
from tc_shaper.counters import ElementCounters
from tc_shaper.rtnetlink import minor, root_of
from tc_shaper.tree import Direction
from wire.ids import MacAddress

NETFILTER_PROTOCOL = 12
_FAMILY_NETDEV = 5
_SUBSYSTEM_NFTABLES = 10
_BATCH_BEGIN, _BATCH_END = 16, 17
_NEWSETELEM, _GETSETELEM, _DELSETELEM = 12, 13, 14
_GETOBJ = 19
_OBJ_TABLE, _OBJ_NAME, _OBJ_DATA = 1, 2, 4
_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS = 1, 2, 3
_ELEM_KEY, _ELEM_DATA, _ELEM_TIMEOUT, _ELEM_EXPR, _ELEM_EXPRESSIONS = 1, 2, 4, 7, 11
_DATA_VALUE = 1
_EXPR_DATA = 2
_COUNTER_BYTES, _COUNTER_PACKETS = 1, 2
_MAX_PER_MESSAGE = 500
"""Elements in one message: its list is one attribute, whose length is 16 bits."""

_NFGENMSG = struct.Struct("!BBH")
_CLASSID = struct.Struct("=I")
_U64 = struct.Struct("!Q")


class Element(NamedTuple):
    """One map element from a dump or an echo."""

    station: MacAddress
    slot: int
    counters: ElementCounters


def batch(changes: Sequence[Message]) -> list[Message]:
    """The changes as one transaction: all or nothing."""
    begin = Message(_BATCH_BEGIN, 0, _NFGENMSG.pack(0, 0, _SUBSYSTEM_NFTABLES))
    end = Message(_BATCH_END, 0, _NFGENMSG.pack(0, 0, _SUBSYSTEM_NFTABLES))
    return [begin, *changes, end]


def add_elements(
    table: str, direction: Direction, elements: Sequence[tuple[MacAddress, int, int]]
) -> Iterator[Message]:
    """Station, slot and seconds until the kernel removes it (0: never). EEXIST where a station has one
    already.
    """
    items = [
        nested(
            1,
            nested(_ELEM_KEY, attribute(_DATA_VALUE, station.octets)),
            nested(_ELEM_DATA, attribute(_DATA_VALUE, _CLASSID.pack(root_of(direction) | slot))),
            *([attribute(_ELEM_TIMEOUT, _U64.pack(timeout_s * 1_000))] if timeout_s else []),
        )
        for station, slot, timeout_s in elements
    ]
    for part in _parts(items):
        yield _message(_NEWSETELEM, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, table, direction, part)


def remove_elements(table: str, direction: Direction, stations: Sequence[MacAddress]) -> Iterator[Message]:
    """Refused with ENOENT where a station has none. The kernel echoes the last counters."""
    items = [nested(1, nested(_ELEM_KEY, attribute(_DATA_VALUE, station.octets))) for station in stations]
    for part in _parts(items):
        yield _message(_DELSETELEM, NLM_F_ACK | NLM_F_ECHO, table, direction, part)


def dump_elements(table: str, direction: Direction) -> Message:
    """All elements of one direction's map."""
    return _message(_GETSETELEM, 0, table, direction, ())


def is_element(message: Message) -> bool:
    """Whether an answer is about elements: an echo is followed by news of the new generation."""
    return message.kind >> 8 == _SUBSYSTEM_NFTABLES and message.kind & 0xFF in (_NEWSETELEM, _DELSETELEM)


def read_elements(message: Message) -> tuple[Direction, list[Element]]:
    """The direction whose map it is, and the elements, of one answer."""
    attributes = read_attributes(message.body, _NFGENMSG.size)
    direction = Direction(attributes[_LIST_SET].rstrip(b"\0").decode())
    items = iterate_attributes(attributes.get(_LIST_ELEMENTS, b""))
    return direction, [_read_element(item) for _, item in items]


def dump_counters(table: str) -> Message:
    """All named counters of the table."""
    body = _NFGENMSG.pack(_FAMILY_NETDEV, 0, 0) + attribute(_OBJ_TABLE, table.encode() + b"\0")
    return Message(_SUBSYSTEM_NFTABLES << 8 | _GETOBJ, 0, body)


def read_counter(message: Message) -> tuple[str, ElementCounters]:
    """A named counter and its value."""
    attributes = read_attributes(message.body, _NFGENMSG.size)
    counter = read_attributes(attributes.get(_OBJ_DATA, b""))
    name = attributes.get(_OBJ_NAME, b"").rstrip(b"\0").decode()
    return name, _read_counter(counter)


def _read_element(item: bytes) -> Element:
    attributes = read_attributes(item)
    key = read_attributes(attributes[_ELEM_KEY])[_DATA_VALUE]
    data = read_attributes(attributes.get(_ELEM_DATA, b"")).get(_DATA_VALUE, bytes(4))
    return Element(MacAddress(key[:6]), minor(_CLASSID.unpack(data)[0]), read_element_counters(attributes))


def read_element_counters(attributes: dict[int, bytes]) -> ElementCounters:
    """One expression stands alone; with several, the counter is the first of a list."""
    expression = attributes.get(_ELEM_EXPR)
    if expression is None:
        expression = next(
            (item for _, item in iterate_attributes(attributes.get(_ELEM_EXPRESSIONS, b""))), b""
        )
    return _read_counter(read_attributes(read_attributes(expression).get(_EXPR_DATA, b"")))


def _read_counter(counter: dict[int, bytes]) -> ElementCounters:
    if _COUNTER_BYTES not in counter:
        return ElementCounters()
    return ElementCounters(_U64.unpack(counter[_COUNTER_BYTES])[0], _U64.unpack(counter[_COUNTER_PACKETS])[0])


def _parts(items: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(items), _MAX_PER_MESSAGE):
        yield items[start : start + _MAX_PER_MESSAGE]


def _message(kind: int, flags: int, table: str, direction: Direction, items: Sequence[bytes]) -> Message:
    body = (
        _NFGENMSG.pack(_FAMILY_NETDEV, 0, 0)
        + attribute(_LIST_TABLE, table.encode() + b"\0")
        + attribute(_LIST_SET, direction.value.encode() + b"\0")
        + (nested(_LIST_ELEMENTS, *items) if items else b"")
    )
    return Message(_SUBSYSTEM_NFTABLES << 8 | kind, flags, body)
