"""nftables map elements as netlink messages: which station goes to which class, and what it sent. Only bytes.

The table, its maps and its rules are made once by the `nft` program from `ruleset`; on the hot path only elements come
and go, in one transaction for both directions. The map itself carries the counter, so each element gets its own.
Reference: Linux include/uapi/linux/netfilter/{nfnetlink,nf_tables}.h. Lengths and counters are big-endian.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tc_shaper import nft_set
from tc_shaper.attributes import Message, attribute, iterate_attributes, read_attributes
from tc_shaper.counters import ElementCounters
from tc_shaper.nft_set import (
    ELEM_DATA,
    ELEM_EXPR,
    ELEM_EXPRESSIONS,
    ELEM_KEY,
    ELEM_TIMEOUT,
    FAMILY_NETDEV,
    NFGENMSG,
    SUBSYSTEM_NFTABLES,
    NftSet,
    read_value,
)
from tc_shaper.rtnetlink import minor, root_of
from tc_shaper.tree import Direction
from wire.ids import MacAddress

NETFILTER_PROTOCOL = 12
_BATCH_BEGIN, _BATCH_END = 16, 17
_GETOBJ = 19
_OBJ_TABLE, _OBJ_NAME, _OBJ_DATA = 1, 2, 4
_EXPR_DATA = 2
_COUNTER_BYTES, _COUNTER_PACKETS = 1, 2
_CLASSID = struct.Struct("=I")
_U64 = struct.Struct("!Q")


class Element(NamedTuple):
    """One map element from a dump or an echo."""

    station: MacAddress
    slot: int
    counters: ElementCounters


def batch(changes: Sequence[Message]) -> list[Message]:
    """The changes as one transaction: all or nothing."""
    begin = Message(_BATCH_BEGIN, 0, NFGENMSG.pack(0, 0, SUBSYSTEM_NFTABLES))
    end = Message(_BATCH_END, 0, NFGENMSG.pack(0, 0, SUBSYSTEM_NFTABLES))
    return [begin, *changes, end]


def add_elements(
    table: str, direction: Direction, elements: Sequence[tuple[MacAddress, int, int]]
) -> Iterator[Message]:
    """Station, slot and seconds until the kernel removes it (0: never). EEXIST where a station has one
    already.
    """
    items = [
        nft_set.element(
            station.octets,
            nft_set.value(ELEM_DATA, _CLASSID.pack(root_of(direction) | slot)),
            *([attribute(ELEM_TIMEOUT, _U64.pack(timeout_s * 1_000))] if timeout_s else []),
        )
        for station, slot, timeout_s in elements
    ]
    return nft_set.add(_map(table, direction), items)


def remove_elements(table: str, direction: Direction, stations: Sequence[MacAddress]) -> Iterator[Message]:
    """Refused with ENOENT where a station has none. The kernel echoes the last counters."""
    return nft_set.remove(_map(table, direction), [nft_set.element(station.octets) for station in stations])


def dump_elements(table: str, direction: Direction) -> Message:
    """All elements of one direction's map."""
    return nft_set.dump(_map(table, direction))


def read_elements(message: Message) -> tuple[Direction, list[Element]]:
    """The direction whose map it is, and the elements, of one answer."""
    name, elements = nft_set.read_elements(message)
    return Direction(name), [_read_element(attributes) for attributes in elements]


def dump_counters(table: str) -> Message:
    """All named counters of the table."""
    body = NFGENMSG.pack(FAMILY_NETDEV, 0, 0) + attribute(_OBJ_TABLE, table.encode() + b"\0")
    return Message(SUBSYSTEM_NFTABLES << 8 | _GETOBJ, 0, body)


def read_counter(message: Message) -> tuple[str, ElementCounters]:
    """A named counter and its value."""
    attributes = read_attributes(message.body, NFGENMSG.size)
    counter = read_attributes(attributes.get(_OBJ_DATA, b""))
    name = attributes.get(_OBJ_NAME, b"").rstrip(b"\0").decode()
    return name, _read_counter(counter)


def _read_element(attributes: dict[int, bytes]) -> Element:
    data = read_value(attributes, ELEM_DATA) or bytes(4)
    station = MacAddress(read_value(attributes, ELEM_KEY)[:6])
    return Element(station, minor(_CLASSID.unpack(data)[0]), read_element_counters(attributes))


def read_element_counters(attributes: dict[int, bytes]) -> ElementCounters:
    """One expression stands alone; with several, the counter is the first of a list."""
    expression = attributes.get(ELEM_EXPR)
    if expression is None:
        expression = next(
            (item for _, item in iterate_attributes(attributes.get(ELEM_EXPRESSIONS, b""))), b""
        )
    return _read_counter(read_attributes(read_attributes(expression).get(_EXPR_DATA, b"")))


def _read_counter(counter: dict[int, bytes]) -> ElementCounters:
    if _COUNTER_BYTES not in counter:
        return ElementCounters()
    return ElementCounters(_U64.unpack(counter[_COUNTER_BYTES])[0], _U64.unpack(counter[_COUNTER_PACKETS])[0])


def _map(table: str, direction: Direction) -> NftSet:
    return NftSet(FAMILY_NETDEV, table, direction.value)
