"""Traffic control as netlink messages: the HTB tree, its leaf queues and their counters. Bytes only, no socket.

Rates travel as bytes per second with a 64-bit twin for 34 Gbit/s and more; bursts as kernel ticks of 64 ns. The rate
tables of old are not sent: the kernel wants them only from programs that do not name the link layer.
Reference: Linux include/uapi/linux/{rtnetlink,pkt_sched,gen_stats,if_link}.h.
"""

import struct
from typing import NamedTuple

from tc_shaper.attributes import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_ECHO,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    Message,
    attribute,
    nested,
    read_attributes,
)
from tc_shaper.counters import QueueCounters
from tc_shaper.tree import ClassShape, Direction, Leaf

ROUTE_PROTOCOL = 0
MAJORS = {Direction.DOWN: 0x4147, Direction.UP: 0x4148}
"""Handles of our trees, "AG" and "AH": no other program picks them, so such a tree is ours after a restart.

They differ because a packet keeps the priority that it got in the uplink, which must not name a class when
the packet leaves towards a station.
"""
ROOT = MAJORS[Direction.DOWN] << 16
UPLINK_ROOT = MAJORS[Direction.UP] << 16
_STAND_IN = 15
"""A number below the first slot, for the queue of the slot with the number of the tree."""
HEADER_BYTES = -14
"""Added to each frame's length by the size table, so that rates are rates of IP bytes."""

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC = 36, 37, 38
RTM_NEWTCLASS, RTM_DELTCLASS, RTM_GETTCLASS = 40, 41, 42
RTM_NEWTFILTER = 44
_TC_H_ROOT = 0xFFFF_FFFF
_TCA_KIND, _TCA_OPTIONS, _TCA_STATS2, _TCA_STAB = 1, 2, 7, 8
_TCA_HTB_PARMS, _TCA_HTB_INIT, _TCA_HTB_RATE64, _TCA_HTB_CEIL64 = 1, 2, 6, 7
_TCA_STATS_BASIC, _TCA_STATS_QUEUE, _TCA_STATS_PKT64 = 1, 3, 8
_TCA_STAB_BASE = 1
_LINKLAYER_ETHERNET = 1
_ETH_P_ALL = b"\0\3"
"""Protocols are in network order, also here."""
_FILTER_ORDER = 1
_TICK_NS = 64
_U32_MAX = 0xFFFF_FFFF

_TCMSG = struct.Struct("=BxxxiIII")
_IFINFOMSG = struct.Struct("=BxHiII")
_RATESPEC = struct.Struct("=BBHhHI")
_HTB_PARMS = struct.Struct("=12s12sIIIII")
_HTB_INIT = struct.Struct("=IIIII")
_SIZESPEC = struct.Struct("=BBhiIIII")
_BASIC = struct.Struct("=QI")
_QUEUE = struct.Struct("=IIIII")
_U16 = struct.Struct("=H")
_U32 = struct.Struct("=I")
_U64 = struct.Struct("=Q")
_HTB_KIND = attribute(_TCA_KIND, b"htb\0")


def root_of(direction: Direction) -> int:
    """The handle of one direction's tree."""
    return MAJORS[direction] << 16


def leaf_handle(slot: int, root: int = ROOT) -> int:
    """The handle of a slot's queue: its own number, except for the one slot whose number is that of the tree."""
    return (_STAND_IN if slot == root >> 16 else slot) << 16


class Address(NamedTuple):
    """Whose message it is: device, handle and parent."""

    ifindex: int
    handle: int
    parent: int


def minor(handle: int) -> int:
    """The lower half of a handle: the class within its tree."""
    return handle & 0xFFFF


# --- writing


def set_root(ifindex: int, default_minor: int, rate_layer: str, root: int = ROOT) -> Message:
    """The HTB root; unclassified packets go to the class `default_minor`."""
    parts = [_HTB_KIND]
    if rate_layer == "ip":
        size_table = _SIZESPEC.pack(0, 0, 0, HEADER_BYTES, _LINKLAYER_ETHERNET, 0, 0, 0)
        parts.append(nested(_TCA_STAB, attribute(_TCA_STAB_BASE, size_table)))
    parts.append(nested(_TCA_OPTIONS, attribute(_TCA_HTB_INIT, _HTB_INIT.pack(3, 10, default_minor, 0, 0))))
    body = _tcmsg(ifindex, root, _TC_H_ROOT) + b"".join(parts)
    return Message(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body)


def remove_root(ifindex: int, root: int = ROOT) -> Message:
    """Take the whole tree away; the kernel puts its default queue back."""
    return Message(RTM_DELQDISC, NLM_F_ACK, _tcmsg(ifindex, root, _TC_H_ROOT))


def set_class(
    ifindex: int, class_minor: int, parent_minor: int, shape: ClassShape, root: int = ROOT
) -> Message:
    """Change a class in place, or make it. A parent of 0 is the root."""
    parms = _HTB_PARMS.pack(
        _ratespec(shape.rate_bytes_s),
        _ratespec(shape.ceil_bytes_s),
        shape.burst_us * 1_000 // _TICK_NS,
        shape.cburst_us * 1_000 // _TICK_NS,
        shape.quantum_bytes,
        0,
        0,
    )
    options = [attribute(_TCA_HTB_PARMS, parms)]
    if shape.rate_bytes_s > _U32_MAX:
        options.append(attribute(_TCA_HTB_RATE64, _U64.pack(shape.rate_bytes_s)))
    if shape.ceil_bytes_s > _U32_MAX:
        options.append(attribute(_TCA_HTB_CEIL64, _U64.pack(shape.ceil_bytes_s)))
    body = (
        _tcmsg(ifindex, root | class_minor, root | parent_minor) + _HTB_KIND + nested(_TCA_OPTIONS, *options)
    )
    return Message(RTM_NEWTCLASS, NLM_F_ACK | NLM_F_CREATE, body)


def add_leaf(ifindex: int, slot: int, leaf: Leaf, root: int = ROOT) -> Message:
    """A new queue below a class; refused with EEXIST where one of ours is."""
    return Message(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, _leaf_body(ifindex, slot, leaf, root))


def change_leaf(ifindex: int, slot: int, leaf: Leaf, root: int = ROOT) -> Message:
    """Change a queue of the same kind in place with what is in it; else put a new one there."""
    return Message(
        RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, _leaf_body(ifindex, slot, leaf, root)
    )


def remove_leaf(ifindex: int, slot: int, root: int = ROOT) -> Message:
    """Drop a queue and what is in it. The kernel echoes its final counters, which no packet changes any more."""
    return Message(
        RTM_DELQDISC, NLM_F_ACK | NLM_F_ECHO, _tcmsg(ifindex, leaf_handle(slot, root), root | slot)
    )


def classify_by_mark(ifindex: int, root: int = ROOT) -> Message:
    """A filter without options at the root: a packet's mark names its class, whatever its priority became on the way.

    Given again it changes nothing. Reference: Linux net/sched/cls_fw.c, its "old method".
    """
    all_protocols = _U16.unpack(_ETH_P_ALL)[0]
    body = _TCMSG.pack(0, ifindex, 0, root, _FILTER_ORDER << 16 | all_protocols)
    return Message(RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE, body + attribute(_TCA_KIND, b"fw\0"))


def dump_classes(ifindex: int) -> Message:
    """All classes of one device."""
    return Message(RTM_GETTCLASS, 0, _tcmsg(ifindex, 0, 0))


def dump_queues(ifindex: int) -> Message:
    """All queues; the kernel may answer for every device, so look at the answer's ifindex."""
    return Message(RTM_GETQDISC, 0, _tcmsg(ifindex, 0, 0))


def add_link(name: str, kind: str) -> Message:
    """A new virtual device."""
    body = _IFINFOMSG.pack(0, 0, 0, 0, 0) + attribute(3, name.encode() + b"\0")
    return Message(
        RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body + nested(18, attribute(1, kind.encode()))
    )


def remove_link(ifindex: int) -> Message:
    """Remove a virtual device with all that hangs on it."""
    return Message(RTM_DELLINK, NLM_F_ACK, _IFINFOMSG.pack(0, 0, ifindex, 0, 0))


def set_link_up(ifindex: int) -> Message:
    """Let a device carry packets."""
    return Message(RTM_NEWLINK, NLM_F_ACK, _IFINFOMSG.pack(0, 0, ifindex, 1, 1))


def get_link(ifindex: int) -> Message:
    """Ask for one device; one answer."""
    return Message(RTM_GETLINK, NLM_F_ACK, _IFINFOMSG.pack(0, 0, ifindex, 0, 0))


def set_gso_segments(ifindex: int, most: int) -> Message:
    """How many segments the box's own TCP may put into one packet on this device; 1 makes each its own frame."""
    return Message(
        RTM_NEWLINK, NLM_F_ACK, _IFINFOMSG.pack(0, 0, ifindex, 0, 0) + attribute(40, _U32.pack(most))
    )


# --- reading


def read_address(message: Message) -> Address:
    """Whose a class or queue is."""
    _, ifindex, handle, parent, _ = _TCMSG.unpack_from(message.body)
    return Address(ifindex, handle, parent)


def read_class(message: Message) -> ClassShape:
    """The shape of an HTB class from its dump."""
    options = read_attributes(read_attributes(message.body, _TCMSG.size)[_TCA_OPTIONS])
    rate, ceil, buffer, cbuffer, quantum, _, _ = _HTB_PARMS.unpack_from(options[_TCA_HTB_PARMS])
    return ClassShape(
        rate_bytes_s=_read_rate(rate, options.get(_TCA_HTB_RATE64)),
        ceil_bytes_s=_read_rate(ceil, options.get(_TCA_HTB_CEIL64)),
        burst_us=buffer * _TICK_NS // 1_000,
        cburst_us=cbuffer * _TICK_NS // 1_000,
        quantum_bytes=quantum,
    )


def read_leaf(message: Message) -> Leaf:
    """Kind and size of a leaf queue from its dump; an unknown kind has limit 0, so it differs from any that we want."""
    attributes = read_attributes(message.body, _TCMSG.size)
    kind = attributes.get(_TCA_KIND, b"").rstrip(b"\0").decode("ascii", "replace")
    options = attributes.get(_TCA_OPTIONS, b"")
    if kind == "bfifo" and len(options) >= 4:
        return Leaf(kind, _U32.unpack_from(options)[0])
    nest = read_attributes(options)
    if kind == "fq_codel":
        return Leaf(kind, _read_u32(nest, 2), _read_u32(nest, 1))
    if kind == "cake":
        return Leaf(kind, _read_u32(nest, 10))
    return Leaf(kind, 0)


def read_counters(message: Message) -> QueueCounters:
    """Bytes, packets (64 bits where the kernel has them), drops and length of a queue from its dump or last echo."""
    stats = read_attributes(read_attributes(message.body, _TCMSG.size).get(_TCA_STATS2, b""))
    byte_count, packets = _BASIC.unpack_from(stats[_TCA_STATS_BASIC])
    if _TCA_STATS_PKT64 in stats:
        packets = _U64.unpack_from(stats[_TCA_STATS_PKT64])[0]
    waiting, _, drops, *_ = (
        _QUEUE.unpack_from(stats[_TCA_STATS_QUEUE]) if _TCA_STATS_QUEUE in stats else (0, 0, 0)
    )
    return QueueCounters(byte_count, packets, drops, waiting)


def read_overhead(message: Message) -> int:
    """The size table's overhead of a root queue; 0 when it has none."""
    stab = read_attributes(read_attributes(message.body, _TCMSG.size).get(_TCA_STAB, b""))
    return int(_SIZESPEC.unpack_from(stab[_TCA_STAB_BASE])[3]) if _TCA_STAB_BASE in stab else 0


def read_default(message: Message) -> int:
    """The minor number of a root's default class."""
    options = read_attributes(read_attributes(message.body, _TCMSG.size).get(_TCA_OPTIONS, b""))
    return int(_HTB_INIT.unpack_from(options[_TCA_HTB_INIT])[2]) if _TCA_HTB_INIT in options else 0


class Link(NamedTuple):
    """What matters of a device: its kind if virtual, address, the bridge that owns it (0: none), its GSO limit."""

    kind: str
    address: bytes
    master: int
    gso_max_segments: int


def read_link(message: Message) -> Link:
    """A device from its description."""
    attributes = read_attributes(message.body, _IFINFOMSG.size)
    info = read_attributes(attributes.get(18, b""))
    kind = info.get(1, b"").rstrip(b"\0").decode("ascii", "replace")
    return Link(kind, attributes.get(1, b""), _read_u32(attributes, 10), _read_u32(attributes, 40))


# --- parts


def _tcmsg(ifindex: int, handle: int, parent: int) -> bytes:
    return _TCMSG.pack(0, ifindex, handle, parent, 0)


def _ratespec(rate_bytes_s: int) -> bytes:
    return _RATESPEC.pack(0, _LINKLAYER_ETHERNET, 0, 0, 0, min(rate_bytes_s, _U32_MAX))


def _read_rate(ratespec: bytes, rate64: bytes | None) -> int:
    return int(_U64.unpack(rate64)[0]) if rate64 is not None else int(_RATESPEC.unpack(ratespec)[5])


def _read_u32(attributes: dict[int, bytes], kind: int) -> int:
    return int(_U32.unpack_from(attributes[kind])[0]) if kind in attributes else 0


def _leaf_body(ifindex: int, slot: int, leaf: Leaf, root: int) -> bytes:
    kind = attribute(_TCA_KIND, leaf.kind.encode() + b"\0")
    return _tcmsg(ifindex, leaf_handle(slot, root), root | slot) + kind + _leaf_options(leaf)


def _leaf_options(leaf: Leaf) -> bytes:
    match leaf.kind:
        case "bfifo":
            return attribute(_TCA_OPTIONS, _U32.pack(leaf.limit))
        case "fq_codel":
            # target 1, limit 2, interval 3 (microseconds), ecn 4, flows 5: one station needs few, each costs memory
            values = {1: leaf.target_us, 2: leaf.limit, 3: 100_000 + leaf.target_us, 4: 1, 5: 128}
            return nested(
                _TCA_OPTIONS, *(attribute(kind, _U32.pack(value)) for kind, value in values.items())
            )
        case "cake":
            # base rate 2 (0 is unlimited: HTB shapes), diffserv mode 3 (3 is best effort), memory 10
            base = (
                attribute(2, _U64.pack(0)) + attribute(3, _U32.pack(3)) + attribute(10, _U32.pack(leaf.limit))
            )
            return nested(_TCA_OPTIONS, base)
        case _:
            raise AssertionError(f"no such leaf: {leaf.kind}")
