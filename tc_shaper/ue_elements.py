"""Counting the packets of UEs on the user plane's device: nftables rules, and set elements as netlink messages.

A cell shapes by itself, so that nothing is queued here: a UE has an element in a set of each direction, and the element
counts. UEs in a slice that is for sale, and that did not buy it, stand in sets of another table, and reach the lobby
only. An IPv6 UE makes up addresses below its /64 as it likes, so that it is known by that. An element carries its
session's slot as a comment, by which the next run finds it again. Only text and bytes.
Reference: Linux include/uapi/linux/netfilter/nf_tables.h; libnftnl's udata (type 0 is an element's comment); 3GPP
TS 23.501 clause 5.8.2.2 (a PDU session's prefix).
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import NamedTuple

from tc_shaper import nft_set
from tc_shaper.attributes import Message, attribute
from tc_shaper.counters import ElementCounters
from tc_shaper.nfnetlink import read_element_counters
from tc_shaper.nft_set import ELEM_KEY, ELEM_USERDATA, FAMILY_INET, NftSet, read_value
from tc_shaper.tree import Direction
from wire.frozen import dataclass

_COMMENT = 0
_PREFIX = 64
_MOST = 65_535
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
        idle = NftSet(FAMILY_INET, table, f"idle{version}")
        changes.append(nft_set.empty(idle))
        changes += nft_set.add(
            idle, [nft_set.element(key) for key in known if len(key) == size], exclusively=False
        )
    return changes


def add_ue(table: str, ue: CountedUe) -> list[Message]:
    """Count it from zero in both directions. EEXIST where it is counted already."""
    comment = f"slot {ue.slot}".encode() + b"\0"
    item = nft_set.element(
        counted_as(ue.address).packed,
        attribute(ELEM_USERDATA, bytes((_COMMENT, len(comment))) + comment),
    )
    return [message for one in _sets(table, ue.address.version) for message in nft_set.add(one, [item])]


def remove_ue(table: str, address: IPv4Address | IPv6Address) -> list[Message]:
    """Count it no more; the kernel echoes the last counters. ENOENT where it is not counted."""
    item = nft_set.element(counted_as(address).packed)
    return [message for one in _sets(table, address.version) for message in nft_set.remove(one, [item])]


def dump_ues(table: str) -> list[Message]:
    """All elements: one dump for each set."""
    return [nft_set.dump(one) for one in _sets(table, 4, 6)]


def read_ues(message: Message) -> Iterator[UeElement]:
    """The elements of one answer; an answer of another kind has none."""
    if not nft_set.is_element(message):
        return
    name, elements = nft_set.read_elements(message)
    direction, size = Direction(name[:-1]), 4 if name.endswith("4") else 16
    for attributes in elements:
        key = read_value(attributes, ELEM_KEY)[:size]
        address = IPv4Address(key) if size == 4 else IPv6Address(key)
        slot = _read_slot(attributes.get(ELEM_USERDATA, b""))
        yield UeElement(direction, address, slot, read_element_counters(attributes))


def _read_slot(userdata: bytes) -> int:
    """0 where somebody else made the element."""
    words = userdata[2:].rstrip(b"\0").split(b" ")
    return int(words[1]) if len(words) == 2 and words[0] == b"slot" and words[1].isdigit() else 0


def _sets(table: str, *versions: int) -> Iterator[NftSet]:
    """One for each direction and version of IP."""
    for direction in Direction:
        for version in versions:
            yield NftSet(FAMILY_INET, table, f"{direction.value}{version}")
