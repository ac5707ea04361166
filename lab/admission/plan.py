"""A scenario, and what it comes to: which packets flow to whom, and how the tree changes as sessions come and go.

Pure. Every client is two stations, one for its sessions and one that browses. With floors, all that was not admitted
(browsing, and refused sessions where they go on regardless) shares one class whose floor is the room kept for browsing.
In turns (deficit round robin, which is how HTB lends) everybody has a class with no floor; or, where those that were
not admitted take a single turn, they share a class as with floors. In one queue there is no tree at all: the access
point as it comes.
Units: minutes of the evening, seconds of the run, Mbit/s and bit/s of IP.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from lab.admission.evening import CLIENTS, MINUTES, Kind, Wish, admit, browsing, draw
from lab.admission.packets import Flow
from lab.bench.shaper_rig import station_address, station_mac
from tc_shaper.tree import FIRST_SLOT, SessionShape

PACKETS_PER_S = 150
"""Of a conference, at whatever rate: one in 6.7 ms."""
STREAM_BYTES, BROWSING_BYTES = 1_250, 625
BEGIN_S = 0.3
"""Of the run, before the first minute of the evening begins."""
LEAD_S, LINGER_S = 0.15, 0.15
"""A session's class is there so long before its first packet is due, and after its last one was."""
SESSIONS_FROM, BROWSING_FROM, REFUSED_FROM, EVERYBODY_ELSE = 1, 201, 401, 999
"""Numbers of stations: a client's sessions, its browsing, what was refused, and all of the latter in one."""
POOL = 1_000
AIR_SHARE = 1.04
"""What the air carries, in parts of what the shaper gives out: frames are 1.1 % longer than their IP packets, and a box
that is to decide stays below its air."""


QUEUE_PACKETS = 1_000
"""Linux's own default for a device's queue (txqueuelen)."""


class Scheduler(Enum):
    """What orders packets on their way to the stations."""

    FLOORS = "floors (ours)"
    FIFO = "one queue"
    TURNS = "deficit round robin"
    GROUPED = "deficit round robin, one turn for all that was not admitted"


class Role(Enum):
    """What a flow is to admission."""

    SESSION = "session"
    BROWSING = "browsing"
    REFUSED = "refused, and goes on"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One evening. `capacity_mbps` is what admission and the shaper count with, `air_mbps` what the air carries."""

    name: str
    capacity_mbps: float
    air_mbps: float
    clients: int = CLIENTS
    admission: bool = True
    incentive: bool = False
    scheduler: Scheduler = Scheduler.FLOORS
    refused_go_on: bool = False
    minutes: int = MINUTES
    """How much of the evening is played."""
    queue_packets: int = QUEUE_PACKETS
    """Of the air."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Lane:
    """A flow, whose it is, and the wish that it answers, if it is one."""

    flow: Flow
    role: Role
    station: int
    wish: Wish | None = None

    @property
    def bps(self) -> float:
        """Of IP packets."""
        return self.flow.ip_bytes * 8 / self.flow.gap_s


@dataclass(frozen=True, slots=True)
class Change:
    """Of the tree, at a moment of the run: a shape to be there, or (None) a station to be gone."""

    at_s: float
    station: int
    shape: SessionShape | None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is decided before the first packet."""

    scenario: Scenario
    minute_s: float
    wishes: tuple[Wish, ...]
    admitted: frozenset[int]
    lanes: tuple[Lane, ...]
    changes: tuple[Change, ...]

    @property
    def ends_s(self) -> float:
        return max(lane.flow.end_s for lane in self.lanes)


def make_plan(scenario: Scenario, minute_s: float) -> Plan:
    """Admission decides on the drawn wishes in the order of their beginnings: it knows nothing of packets."""
    wishes = tuple(
        wish
        for wish in draw(scenario.seed, incentive=scenario.incentive, clients=scenario.clients)
        if wish.end <= scenario.minutes
    )
    capacity = scenario.capacity_mbps if scenario.admission else float("inf")
    admitted = frozenset(wish.number for wish in admit(wishes, capacity, scenario.clients))
    lanes = tuple(_lanes(scenario, minute_s, wishes, admitted))
    return Plan(scenario, minute_s, wishes, admitted, lanes, _changes(scenario, lanes))


def _lanes(
    scenario: Scenario, minute_s: float, wishes: tuple[Wish, ...], admitted: frozenset[int]
) -> list[Lane]:
    lanes: list[Lane] = []
    together = scenario.scheduler in {Scheduler.FLOORS, Scheduler.GROUPED}
    for wish in wishes:
        if wish.number in admitted:
            role, station = Role.SESSION, SESSIONS_FROM + wish.client
        elif scenario.refused_go_on:
            role, station = Role.REFUSED, EVERYBODY_ELSE if together else REFUSED_FROM + wish.number
        else:
            continue
        lanes.append(Lane(_session_flow(len(lanes), wish, minute_s), role, station, wish))
    for client in range(scenario.clients):
        number, gap_s = len(lanes), BROWSING_BYTES * 8 / (browsing(1) * 1e6)
        begin_s = BEGIN_S + gap_s * client / scenario.clients
        packets = int(scenario.minutes * minute_s / gap_s)
        flow = Flow(number, station_address(number + 1), begin_s, packets, gap_s, BROWSING_BYTES)
        lanes.append(Lane(flow, Role.BROWSING, EVERYBODY_ELSE if together else BROWSING_FROM + client))
    return lanes


def _session_flow(number: int, wish: Wish, minute_s: float) -> Flow:
    bits_per_s = wish.rate_mbps * 1e6
    if wish.kind is Kind.CONFERENCE:
        ip_bytes = round(bits_per_s / PACKETS_PER_S / 8)
    else:
        ip_bytes = STREAM_BYTES
    gap_s = ip_bytes * 8 / bits_per_s
    packets = max(2, round((wish.end - wish.begin) * minute_s / gap_s))
    begin_s = BEGIN_S + wish.begin * minute_s
    return Flow(number, station_address(number + 1), begin_s, packets, gap_s, ip_bytes)


def _changes(scenario: Scenario, lanes: tuple[Lane, ...]) -> tuple[Change, ...]:
    if scenario.scheduler is Scheduler.FIFO:
        return ()
    by_station: dict[int, list[Lane]] = {}
    for lane in sorted(lanes, key=lambda each: each.flow.begin_s):
        by_station.setdefault(lane.station, []).append(lane)
    changes: list[Change] = []
    for station, own in by_station.items():
        if station == EVERYBODY_ELSE:
            floor_bps = (
                round(browsing(scenario.clients) * 1e6) if scenario.scheduler is Scheduler.FLOORS else 0
            )
            changes.append(Change(BEGIN_S - LEAD_S, station, _shape(scenario, station, floor_bps)))
        else:
            changes += _one_after_another(scenario, station, own)
    return tuple(sorted(changes, key=lambda change: change.at_s))


def _one_after_another(scenario: Scenario, station: int, lanes: list[Lane]) -> list[Change]:
    """A class for each flow of a station; it is changed in place where the next one begins before it would be gone."""
    changes: list[Change] = []
    for lane in lanes:
        floor_bps = math.ceil(lane.bps) if scenario.scheduler is Scheduler.FLOORS else 0
        changes.append(Change(lane.flow.begin_s - LEAD_S, station, _shape(scenario, station, floor_bps)))
    gone = Change(lanes[-1].flow.end_s + LINGER_S, station, None)
    between = [
        Change(before.flow.end_s + LINGER_S, station, None)
        for before, after in pairwise(lanes)
        if before.flow.end_s + LINGER_S < after.flow.begin_s - LEAD_S
    ]
    return [*changes, *between, gone]


def _shape(scenario: Scenario, station: int, floor_bps: int) -> SessionShape:
    ceil_bps = round(scenario.capacity_mbps * 1e6)
    return SessionShape(
        FIRST_SLOT + station - 1, station_mac(station), floor_bps, ceil_bps, min(floor_bps, 8_000), ceil_bps
    )
