"""Counting the packets of UEs on the user plane's device: nftables rules, and set elements as netlink messages.

A cell shapes by itself, so that nothing is queued here: a UE has an element in a set of each direction, and the element
counts. UEs in a slice that is for sale, and that did not buy it, stand in sets of another table, and reach the lobby
only. An IPv6 UE makes up addresses below its /64 as it likes, so that it is known by that. An element carries its
session's slot as a comment, by which the next run finds it again. Only text and bytes.
Reference: Linux include/uapi/linux/netfilter/nf_tables.h; libnftnl's udata (type 0 is an element's comment); 3GPP
TS 23.501 clause 5.8.2.2 (a PDU session's prefix).
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network
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
from tc_shaper.nfnetlink import read_element_counters
from tc_shaper.tree import Direction

_NFGENMSG = struct.Struct("!BBH")
_FAMILY_INET = 1
_SUBSYSTEM_NFTABLES = 10
_NEWSETELEM, _GETSETELEM, _DELSETELEM = 12, 13, 14
_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS = 1, 2, 3
_ELEM_KEY, _ELEM_USERDATA = 1, 6
_DATA_VALUE = 1
_COMMENT = 0
_PREFIX = 64
_MOST = 65_535
_PER_MESSAGE = 500
"""A list of elements is one attribute, whose length is 16 bits."""
_NEIGHBOURS = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert }"


@dataclass(frozen=True, slots=True)
class CountedUe:
    """A UE whose packets are counted, and the slot of its session."""

    slot: int
    address: IPv4Address | IPv6Address


class UeElement(NamedTuple):
    """One set element from a dump or an echo. An IPv6 `address` is its prefix's first."""

    direction: Direction
    address: IPv4Address | IPv6Address
    slot: int
    counters: ElementCounters


def counted_as(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The address by which a UE's packets are known: its own, or the first of its prefix."""
    if isinstance(address, IPv4Address):
        return address
    return IPv6Network((int(address), _PREFIX), strict=False).network_address


def plan_ue_rules(table: str, device: str) -> str:
    """The table, for the `nft` program; loading it again keeps elements and counters. Down is what leaves by the
    device, after any translation of addresses; up is what comes by it, before any.
    """
    sets = "\n".join(
        f"  set {direction.value}{version} {{ type {kind}; size {_MOST}; counter; }}"
        for direction in Direction
        for version, kind in ((4, "ipv4_addr"), (6, "ipv6_addr"))
    )
    prefix = f"& {IPv6Network(('::', _PREFIX)).netmask}"
    hooks = {
        "down": "type filter hook postrouting priority 300; policy accept;",
        "up": "type filter hook prerouting priority -300; policy accept;",
    }
    rules = {
        "down": (f'oifname "{device}" ip daddr @down4', f'oifname "{device}" ip6 daddr {prefix} @down6'),
        "up": (f'iifname "{device}" ip saddr @up4', f'iifname "{device}" ip6 saddr {prefix} @up6'),
    }
    chains = "\n".join(f"  chain {name} {{ {hook} }}" for name, hook in hooks.items())
    flush = "\n".join(f"flush chain inet {table} {name}" for name in hooks)
    lines = "\n".join(f"  chain {name} {{\n    {one}\n    {two}\n  }}" for name, (one, two) in rules.items())
    return f"table inet {table} {{\n{sets}\n{chains}\n}}\n{flush}\ntable inet {table} {{\n{lines}\n}}\n"


def plan_ue_gate(table: str, device: str, lobby_port: int) -> str:
    """The table of UEs that bought nothing, for the `nft` program; loading it again keeps who stands in it. They reach
    the lobby's UDP port at this machine, and nothing else comes or goes by the device for them.
    """
    sets = "\n".join(
        f"  set idle{version} {{ type {kind}; }}" for version, kind in ((4, "ipv4_addr"), (6, "ipv6_addr"))
    )
    prefix = f"& {IPv6Network(('::', _PREFIX)).netmask}"
    hooks = {
        "up": ("prerouting priority -290", "iifname", "saddr", "fib daddr type", "dport"),
        "down": ("postrouting priority 290", "oifname", "daddr", "fib saddr type", "sport"),
    }
    chains = "\n".join(
        f"  chain {name} {{ type filter hook {hook}; policy accept; }}" for name, (hook, *_) in hooks.items()
    )
    flush = "\n".join(f"flush chain inet {table} {name}" for name in hooks)
    lines = "\n".join(
        f"  chain {name} {{\n"
        f"    {here} local udp {port} {lobby_port} accept\n    {here} {{ local, multicast }} {_NEIGHBOURS} accept\n"
        f'    {match} "{device}" ip {side} @idle4 drop\n    {match} "{device}" ip6 {side} {prefix} @idle6 drop\n  }}'
        for name, (_, match, side, here, port) in hooks.items()
    )
    return f"table inet {table} {{\n{sets}\n{chains}\n}}\n{flush}\ntable inet {table} {{\n{lines}\n}}\n"


def set_idle(table: str, ues: Iterable[IPv4Address | IPv6Address]) -> list[Message]:
    """Exactly these stand in the gate's table, as one transaction's changes. ENOENT where there is no such table."""
    known = sorted({counted_as(ue).packed for ue in ues})
    changes: list[Message] = []
    for version, size in ((4, 4), (6, 16)):
        name = f"idle{version}"
        changes.append(_message(_DELSETELEM, NLM_F_ACK, table, name, ()))
        items = [
            nested(1, nested(_ELEM_KEY, attribute(_DATA_VALUE, key))) for key in known if len(key) == size
        ]
        changes += [
            _message(_NEWSETELEM, NLM_F_ACK | NLM_F_CREATE, table, name, items[start : start + _PER_MESSAGE])
            for start in range(0, len(items), _PER_MESSAGE)
        ]
    return changes


def add_ue(table: str, ue: CountedUe) -> list[Message]:
    """Count it from zero in both directions. EEXIST where it is counted already."""
    comment = f"slot {ue.slot}".encode() + b"\0"
    item = nested(
        1,
        nested(_ELEM_KEY, attribute(_DATA_VALUE, counted_as(ue.address).packed)),
        attribute(_ELEM_USERDATA, bytes((_COMMENT, len(comment))) + comment),
    )
    flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
    return [
        _message(_NEWSETELEM, flags, table, f"{direction.value}{ue.address.version}", (item,))
        for direction in Direction
    ]


def remove_ue(table: str, address: IPv4Address | IPv6Address) -> list[Message]:
    """Count it no more; the kernel echoes the last counters. ENOENT where it is not counted."""
    item = nested(1, nested(_ELEM_KEY, attribute(_DATA_VALUE, counted_as(address).packed)))
    flags = NLM_F_ACK | NLM_F_ECHO
    return [
        _message(_DELSETELEM, flags, table, f"{direction.value}{address.version}", (item,))
        for direction in Direction
    ]


def dump_ues(table: str) -> list[Message]:
    """All elements: one dump for each set."""
    return [
        _message(_GETSETELEM, 0, table, f"{direction.value}{version}", ())
        for direction in Direction
        for version in (4, 6)
    ]


def read_ues(message: Message) -> Iterator[UeElement]:
    """The elements of one answer; an answer of another kind has none."""
    if message.kind >> 8 != _SUBSYSTEM_NFTABLES or message.kind & 0xFF not in (_NEWSETELEM, _DELSETELEM):
        return
    attributes = read_attributes(message.body, _NFGENMSG.size)
    name = attributes[_LIST_SET].rstrip(b"\0").decode()
    direction, size = Direction(name[:-1]), 4 if name.endswith("4") else 16
    for _, item in iterate_attributes(attributes.get(_LIST_ELEMENTS, b"")):
        inside = read_attributes(item)
        key = read_attributes(inside[_ELEM_KEY])[_DATA_VALUE][:size]
        address = IPv4Address(key) if size == 4 else IPv6Address(key)
        slot = _read_slot(inside.get(_ELEM_USERDATA, b""))
        yield UeElement(direction, address, slot, read_element_counters(inside))


def _read_slot(userdata: bytes) -> int:
    """0 where somebody else made the element."""
    words = userdata[2:].rstrip(b"\0").split(b" ")
    return int(words[1]) if len(words) == 2 and words[0] == b"slot" and words[1].isdigit() else 0


def _message(kind: int, flags: int, table: str, name: str, items: Sequence[bytes]) -> Message:
    """About elements of the set of that name; a removal without elements empties it."""
    body = (
        _NFGENMSG.pack(_FAMILY_INET, 0, 0)
        + attribute(_LIST_TABLE, table.encode() + b"\0")
        + attribute(_LIST_SET, name.encode() + b"\0")
        + (nested(_LIST_ELEMENTS, *items) if items else b"")
    )
    return Message(_SUBSYSTEM_NFTABLES << 8 | kind, flags, body)
