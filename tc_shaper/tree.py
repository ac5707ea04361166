"""The wanted state of the kernel: classes, leaf queues and map elements of both directions, as a value.

`plan_tree` turns settings, capabilities and sessions into a Tree; `kernel.Shaper.present` reads the same Tree back from
the kernel; `diff` compares the two. Nothing here knows netlink.

One HTB tree per direction: class 1 is the link, class 2 the lobby, class 3 a dead end for everything
unclassified, classes 16.. the pool.
A pool class without a session is idle: a tiny rate and no queue of its own.
Reference: Linux net/sched/sch_htb.c.   Units: bits per second, microseconds, bytes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from enum import Enum

from tc_shaper.settings import MAX_SLOTS, ShaperSettings
from wire.frozen import dataclass
from wire.ids import MacAddress

LINK = 1
LOBBY = 2
NOWHERE = 3
"""Where a packet goes that no rule of ours gave a class: one that was routed back from the uplink, above all,
which passes the egress hook unseen. Its queue takes nothing.
"""
FIRST_SLOT = 16
LAST_SLOT = FIRST_SLOT + MAX_SLOTS - 1
FRAME_BYTES = 1_500
"""Largest IP packet on Ethernet, which every queue must hold several of."""

MIN_RATE_BPS = 1_000
"""HTB refuses a rate of zero, and forgets debts older than a minute: below 1 kbit/s one packet would be such a debt."""
BURST_US = 8_000
"""What a class may save up while it is idle. Enough for a timer that fires late, yet only 0.8 % of a second."""
LEAST_QUEUE_PACKETS = 4
"""A shorter queue starves TCP, which needs three duplicate acknowledgements to mend a loss without a
time-out.
"""
TARGET_US = 5_000
"""The standing delay that CoDel tolerates (RFC 8289, 4.4); half of it for interactive sessions."""
CODEL_STEP_US = 128
"""CoDel keeps time in 1.024 us: whole multiples of this come back from the kernel as they were sent."""
QUANTUM_US = 10_000
"""Spare capacity is lent in turns of this much of the floor, so that a larger guarantee borrows more..."""
MIN_QUANTUM_BYTES = 1_514
"""...but never less than a frame, or a turn sends nothing..."""
MAX_QUANTUM_BYTES = 60_000
"""...and never more than the kernel's own advice, or the turns of others come late."""
MAX_LIFETIME_S = 10 * 366 * 86_400
"""Ten years: far from what a kernel that counts milliseconds in jiffies could overflow with."""


class Direction(Enum):
    """Down is towards the station."""

    DOWN = "down"
    UP = "up"


@dataclass(frozen=True, slots=True)
class SessionShape:
    """What one session is to get. Rates in bits per second at the rate layer; a floor of 0 promises nothing.

    The lifetime counts from the installation and is a backstop for a daemon that dies: the kernel itself ends
    the session `grace_s` later. It is no part of the tree: a session that is there keeps the end that it was
    given, and `change` does not move it. Whose time is over is not installed, so that 0 can mean: no end.
    """

    slot: int
    station: MacAddress
    down_floor_bps: int
    down_ceil_bps: int
    up_floor_bps: int
    up_ceil_bps: int
    lifetime_s: int = 0
    """Seconds from now that are paid for; 0 is no end of the kernel's own."""
    interactive: bool = False
    """Half the waiting time in its queue, where the queue can be told so (bfifo, fq_codel)."""

    def __post_init__(self) -> None:
        if not FIRST_SLOT <= self.slot <= LAST_SLOT:
            raise ValueError(f"slot {self.slot} is outside {FIRST_SLOT}..{LAST_SLOT}")
        if self.station.is_group:
            raise ValueError(f"{self.station} is a group address, no station has it")
        for name, floor, ceil in (
            ("down", self.down_floor_bps, self.down_ceil_bps),
            ("up", self.up_floor_bps, self.up_ceil_bps),
        ):
            if not 0 <= floor <= ceil <= 1_000_000_000_000:
                raise ValueError(f"{name}: want 0 <= floor <= ceiling <= 1 Tbit/s, found {floor} and {ceil}")
        if not 0 <= self.lifetime_s <= MAX_LIFETIME_S:
            raise ValueError(f"lifetime_s: want 0 to {MAX_LIFETIME_S:,}, found {self.lifetime_s}")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this kernel has, and in sentences what it lacks and what is done instead."""

    leaf: str = "bfifo"
    lobby_limits: bool = True
    spoken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClassShape:
    """One HTB class, in whole bytes per second as the kernel keeps it."""

    rate_bytes_s: int
    ceil_bytes_s: int
    burst_us: int
    cburst_us: int
    quantum_bytes: int


@dataclass(frozen=True, slots=True)
class Leaf:
    """The queue of one class: `limit` is bytes for bfifo and for cake's memory, packets for fq_codel; target in us."""

    kind: str
    limit: int
    target_us: int = 0


@dataclass(frozen=True, slots=True)
class Half:
    """One direction: classes and leaves by minor number, and which station's packets go to which slot."""

    classes: Mapping[int, ClassShape] = field(default_factory=dict)
    leaves: Mapping[int, Leaf] = field(default_factory=dict)
    elements: Mapping[MacAddress, int] = field(default_factory=dict)
    lifetimes: Mapping[MacAddress, int] = field(default_factory=dict, compare=False)
    """Seconds that elements which are still to be added will have; those that are there already keep their
    own.
    """


@dataclass(frozen=True, slots=True)
class Tree:
    """Both directions."""

    down: Half = field(default_factory=Half)
    up: Half = field(default_factory=Half)

    def half(self, direction: Direction) -> Half:
        return self.down if direction is Direction.DOWN else self.up


def plan_tree(settings: ShaperSettings, capabilities: Capabilities, shapes: Iterable[SessionShape]) -> Tree:
    """The state that the kernel should have. Two shapes in one slot or for one station are our own mistake."""
    sessions = list(shapes)
    slots = {shape.slot for shape in sessions}
    assert len(slots) == len(sessions), "two sessions in one slot"
    assert len({shape.station for shape in sessions}) == len(sessions), "two sessions of one station"
    pool = range(FIRST_SLOT, FIRST_SLOT + pool_length(settings, max(slots, default=0)))
    return Tree(
        down=_plan_half(settings, capabilities, Direction.DOWN, sessions, pool),
        up=_plan_half(settings, capabilities, Direction.UP, sessions, pool),
    )


def adopt(empty: Tree, present: Tree) -> Tree:
    """A tree without sessions, plus the sessions that a kernel already holds whole, exactly as they are there.

    Whole is: an element in both directions to the same slot, and class and queue in both. Halves are left out.
    """
    whole = {
        station: slot
        for station, slot in present.down.elements.items()
        if present.up.elements.get(station) == slot
        and slot >= FIRST_SLOT
        and all(slot in half.classes and slot in half.leaves for half in (present.down, present.up))
    }
    return Tree(_adopt_half(empty.down, present.down, whole), _adopt_half(empty.up, present.up, whole))


def _adopt_half(empty: Half, present: Half, whole: Mapping[MacAddress, int]) -> Half:
    idle = {slot: IDLE for slot in present.classes if slot >= FIRST_SLOT}
    kept = {slot: present.classes[slot] for slot in whole.values()}
    leaves = {slot: present.leaves[slot] for slot in whole.values()}
    return Half({**idle, **empty.classes, **kept}, {**empty.leaves, **leaves}, whole)


def pool_length(settings: ShaperSettings, highest_slot: int) -> int:
    """Classes in the pool so that `highest_slot` is one of them: grown in whole chunks, up to what HTB can name."""
    missing = highest_slot - FIRST_SLOT + 1 - settings.pool_size
    chunks = max(0, -(-missing // settings.pool_chunk))
    return min(settings.pool_size + chunks * settings.pool_chunk, MAX_SLOTS)


def plan_class(floor_bps: int, ceil_bps: int) -> ClassShape:
    """A class that is guaranteed the floor and may borrow up to the ceiling; rates are rounded up to whole bytes."""
    rate_bps = max(floor_bps, MIN_RATE_BPS)
    rate_bytes_s = -(-rate_bps // 8)
    quantum = rate_bytes_s * QUANTUM_US // 1_000_000
    return ClassShape(
        rate_bytes_s=rate_bytes_s,
        ceil_bytes_s=-(-max(ceil_bps, rate_bps) // 8),
        burst_us=BURST_US,
        cburst_us=BURST_US,
        quantum_bytes=min(max(quantum, MIN_QUANTUM_BYTES), MAX_QUANTUM_BYTES),
    )


CLOSED = Leaf("bfifo", 1)
"""No packet is that short: all are dropped, and counted."""
IDLE = plan_class(0, 0)
"""A pool class that nobody uses: no packet is sent there, and its rate would harm no one if one were."""


def plan_leaf(settings: ShaperSettings, kind: str, floor_bps: int, *, interactive: bool = False) -> Leaf:
    """The queue of a class with this floor: an AQM whose target is at least one and a half packets, or a
    short FIFO.

    An interactive session's may hold packets for half the time. Of cake there is one kind only.
    """
    rate_bps = max(floor_bps, MIN_RATE_BPS)
    share = 2 if interactive else 1
    match kind:
        case "bfifo":
            by_time = rate_bps * settings.fifo_ms // (8_000 * share)
            return Leaf(kind, max(by_time, LEAST_QUEUE_PACKETS * FRAME_BYTES))
        case "fq_codel":
            target_us = max(TARGET_US // share, 3 * FRAME_BYTES * 8 * 1_000_000 // (2 * rate_bps))
            return Leaf(kind, 1_024, -(-target_us // CODEL_STEP_US) * CODEL_STEP_US)
        case "cake":
            return Leaf(kind, 1_048_576)
        case _:
            raise AssertionError(f"no such leaf: {kind}")


def plan_session(
    settings: ShaperSettings, capabilities: Capabilities, direction: Direction, shape: SessionShape
) -> tuple[ClassShape, Leaf]:
    """Class and queue of one session in one direction."""
    down = direction is Direction.DOWN
    floor_bps = shape.down_floor_bps if down else shape.up_floor_bps
    ceil_bps = shape.down_ceil_bps if down else shape.up_ceil_bps
    return plan_class(floor_bps, ceil_bps), plan_leaf(
        settings, capabilities.leaf, floor_bps, interactive=shape.interactive
    )


def _plan_half(
    settings: ShaperSettings,
    capabilities: Capabilities,
    direction: Direction,
    sessions: list[SessionShape],
    pool: range,
) -> Half:
    down = direction is Direction.DOWN
    link_bps = settings.downlink_capacity_bps if down else settings.uplink_capacity_bps
    lobby_bps = min(settings.lobby_bps, link_bps)
    classes = dict.fromkeys(pool, IDLE)
    classes[LINK] = replace(
        plan_class(link_bps, link_bps), quantum_bytes=MAX_QUANTUM_BYTES
    )  # an inner class takes no turns
    classes[LOBBY] = plan_class(lobby_bps, lobby_bps)
    classes[NOWHERE] = IDLE
    leaves = {LOBBY: plan_leaf(settings, capabilities.leaf, lobby_bps), NOWHERE: CLOSED}
    for shape in sessions:
        classes[shape.slot], leaves[shape.slot] = plan_session(settings, capabilities, direction, shape)
    return Half(
        classes,
        leaves,
        {shape.station: shape.slot for shape in sessions},
        {shape.station: shape.lifetime_s for shape in sessions},
    )
