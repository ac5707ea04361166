"""From what was received to what each session got, and what became of the evening.

A session is satisfied as the thesis has it: its mean bit rate was kept for its whole duration and, if it is in real
time, its packets came less than 40 ms apart. How much of that has to hold is chosen here (95 %). Wasted is what was
delivered to sessions that were not satisfied. Jitter is given in both readings: distances between packets, and
RFC 3550's smoothed change of the transit time, which is what iPerf reports.
Units: milliseconds, Mbit/s of IP packets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from lab.admission.evening import Kind, by_minute
from lab.admission.experiment import Played, unfit
from lab.admission.plan import BEGIN_S, Lane, Plan, Role, Scenario

KEPT_SHARE = 0.95
"""Of the rate, and of the distances between packets."""
REAL_TIME_MS, BEST_MS = 40.0, 20.0
JITTER_SHARE = 16
"""RFC 3550, 6.4.1: a sixteenth of each change."""
ENTRY = np.dtype([("flow", "<u4"), ("number", "<u4"), ("sent", "<u8"), ("taken", "<u8")])
Floats = npt.NDArray[np.float64]
Entries = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class SessionGot:
    """One session's packets. Shares are of its distances between packets; a session that got none has 0."""

    number: int
    kind: Kind
    rate_mbps: float
    sent: int
    received: int
    mean_mbps: float
    latency_ms: float
    latency_p95_ms: float
    below_40_share: float
    below_20_share: float
    satisfied: bool


@dataclass(frozen=True, slots=True)
class Minute:
    """Of the evening: what was asked for, admitted and delivered, and how long real-time packets took."""

    asked_mbps: float
    admitted_mbps: float
    delivered_mbps: float
    latency_ms: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One evening. Latency and distances are of conferences; None where there were none."""

    scenario: Scenario
    minute_s: float
    wishes: int
    refused: int
    satisfied: int
    wasted_share: float
    busiest_mbps: float
    latency_ms: float | None
    latency_p95_ms: float | None
    latency_worst_ms: float | None
    """The mean of the session that had the worst."""
    below_40_share: float | None
    below_20_share: float | None
    jitter_below_40_share: float | None
    """By RFC 3550, of packets."""
    jitter_below_20_share: float | None
    browsing_kept_share: float
    """Of clients whose browsing kept its rate."""
    others_got_share: float | None
    """Of what refused sessions sent regardless."""
    distances: tuple[tuple[float, float], ...]
    """Distribution of distances between packets: so many ms, this share is below."""
    sessions: tuple[SessionGot, ...]
    by_minute: tuple[Minute, ...]
    unfit: tuple[str, ...]
    """Why the machine cannot judge by this run; empty if it can."""
    late_p99_ms: float
    late_most_ms: float
    real_time: bool
    sender_processor_s: float
    receiver_processor_s: float
    changes: int
    change_most_ms: float
    spoken: tuple[str, ...]
    load: float

    @property
    def admitted(self) -> int:
        return self.wishes - self.refused

    @property
    def satisfied_share(self) -> float:
        """Of those let in; 1 of none."""
        return self.satisfied / self.admitted if self.admitted else 1.0


@dataclass(frozen=True, slots=True)
class _Packets:
    """Of one lane, as they came: numbers, milliseconds."""

    sent_ms: Floats
    taken_ms: Floats

    @property
    def latency_ms(self) -> Floats:
        return self.taken_ms - self.sent_ms

    @property
    def distances_ms(self) -> Floats:
        return np.diff(self.taken_ms)

    @property
    def jitter_ms(self) -> Floats:
        """RFC 3550 after each packet but the first."""
        changes = np.abs(np.diff(self.latency_ms))
        if not len(changes):
            return changes
        smooth: Floats = np.asarray(
            lfilter([1 / JITTER_SHARE], [1, 1 / JITTER_SHARE - 1], changes), dtype=np.float64
        )
        return smooth


DISTANCES_MS = (1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0, 120.0, 200.0, 400.0)


def measure(played: Played) -> Outcome:
    """The whole evening."""
    plan = played.plan
    entries = np.frombuffer(played.entries, ENTRY)
    began_ms = _began_ms(plan, entries)
    packets = _by_lane(plan, entries, began_ms)
    sessions = [_session(lane, packets[lane.flow.number]) for lane in plan.lanes if lane.role is Role.SESSION]
    calls = [
        packets[lane.flow.number]
        for lane in plan.lanes
        if lane.role is Role.SESSION and lane.wish is not None and lane.wish.kind is Kind.CONFERENCE
    ]
    latency, distances, jitter = (
        np.concatenate([np.empty(0), *(getattr(each, what) for each in calls)])
        for what in ("latency_ms", "distances_ms", "jitter_ms")
    )
    got = sum(each.received * _bytes(plan, each.number) for each in sessions)
    lost = sum(each.received * _bytes(plan, each.number) for each in sessions if not each.satisfied)
    minutes = _minutes(plan, entries, packets, began_ms)
    return Outcome(
        scenario=plan.scenario,
        minute_s=plan.minute_s,
        wishes=len(plan.wishes),
        refused=len(plan.wishes) - len(plan.admitted),
        satisfied=sum(each.satisfied for each in sessions),
        wasted_share=lost / got if got else 0.0,
        busiest_mbps=max((each.delivered_mbps for each in minutes), default=0.0),
        latency_ms=_mean(latency),
        latency_p95_ms=float(np.quantile(latency, 0.95)) if len(latency) else None,
        latency_worst_ms=max((each.latency_ms for each in sessions if each.kind is Kind.CONFERENCE and each.received),
                             default=None),
        below_40_share=_mean(distances < REAL_TIME_MS),
        below_20_share=_mean(distances < BEST_MS),
        jitter_below_40_share=_mean(jitter < REAL_TIME_MS),
        jitter_below_20_share=_mean(jitter < BEST_MS),
        browsing_kept_share=_browsing(plan, packets),
        others_got_share=_others(plan, packets),
        distances=tuple((at, float((distances < at).mean())) for at in DISTANCES_MS) if len(distances) else (),
        sessions=tuple(sessions),
        by_minute=minutes,
        unfit=unfit(played),
        late_p99_ms=played.sender.late_p99_ms,
        late_most_ms=played.sender.late_most_ms,
        real_time=played.sender.real_time,
        sender_processor_s=played.sender.processor_s,
        receiver_processor_s=played.receiver.processor_s,
        changes=played.changes,
        change_most_ms=played.change_most_ms,
        spoken=played.spoken,
        load=played.load,
    )  # fmt: skip


def _began_ms(plan: Plan, entries: Entries) -> float:
    """When second 0 of the run was on the wall clock: what left earliest by its own plan left when it was due."""
    if not len(entries):
        return 0.0
    begins = np.array([lane.flow.begin_s for lane in plan.lanes]) * 1e3
    gaps = np.array([lane.flow.gap_s for lane in plan.lanes]) * 1e3
    due_ms = begins[entries["flow"]] + entries["number"] * gaps[entries["flow"]]
    return float((entries["sent"] / 1e6 - due_ms).min())


def _by_lane(plan: Plan, entries: Entries, began_ms: float) -> list[_Packets]:
    order = np.lexsort((entries["number"], entries["flow"]))
    ordered = entries[order]
    edges = np.searchsorted(ordered["flow"], np.arange(len(plan.lanes) + 1))
    return [
        _Packets(
            ordered["sent"][low:high] / 1e6 - began_ms, ordered["taken"][low:high] / 1e6 - began_ms
        )
        for low, high in pairwise(edges)
    ]  # fmt: skip


def _session(lane: Lane, packets: _Packets) -> SessionGot:
    wish, flow = lane.wish, lane.flow
    assert wish is not None, "a session answers a wish"
    received, distances = len(packets.sent_ms), packets.distances_ms
    mean_mbps = received * flow.ip_bytes * 8 / (flow.packets * flow.gap_s) / 1e6
    below_40 = float((distances < REAL_TIME_MS).mean()) if len(distances) else 0.0
    kept = mean_mbps >= KEPT_SHARE * wish.rate_mbps
    in_time = wish.kind is not Kind.CONFERENCE or below_40 >= KEPT_SHARE
    latency = packets.latency_ms
    return SessionGot(
        number=wish.number,
        kind=wish.kind,
        rate_mbps=wish.rate_mbps,
        sent=flow.packets,
        received=received,
        mean_mbps=mean_mbps,
        latency_ms=float(latency.mean()) if received else math.nan,
        latency_p95_ms=float(np.quantile(latency, 0.95)) if received else math.nan,
        below_40_share=below_40,
        below_20_share=float((distances < BEST_MS).mean()) if len(distances) else 0.0,
        satisfied=bool(kept and in_time),
    )


def _bytes(plan: Plan, wish: int) -> int:
    return next(
        lane.flow.ip_bytes for lane in plan.lanes if lane.wish is not None and lane.wish.number == wish
    )


def _minutes(
    plan: Plan, entries: Entries, packets: Sequence[_Packets], began_ms: float
) -> tuple[Minute, ...]:
    edges = (BEGIN_S + np.arange(plan.scenario.minutes + 1) * plan.minute_s) * 1e3
    sizes = np.array([lane.flow.ip_bytes for lane in plan.lanes])
    taken_ms = entries["taken"] / 1e6 - began_ms
    delivered, _ = np.histogram(taken_ms, edges, weights=sizes[entries["flow"]] * 8.0)
    calls = [
        packets[lane.flow.number]
        for lane in plan.lanes
        if lane.role is Role.SESSION and lane.wish is not None and lane.wish.kind is Kind.CONFERENCE
    ]
    sent = np.concatenate([np.empty(0), *(each.sent_ms for each in calls)])
    latency = np.concatenate([np.empty(0), *(each.latency_ms for each in calls)])
    counts, _ = np.histogram(sent, edges)
    sums, _ = np.histogram(sent, edges, weights=latency)
    scenario = plan.scenario
    asked = by_minute(plan.wishes, scenario.clients)
    admitted = by_minute([each for each in plan.wishes if each.number in plan.admitted], scenario.clients)
    return tuple(
        Minute(
            asked[minute],
            admitted[minute],
            float(delivered[minute]) / plan.minute_s / 1e6,
            float(sums[minute] / counts[minute]) if counts[minute] else None,
        )
        for minute in range(scenario.minutes)
    )


def _browsing(plan: Plan, packets: Sequence[_Packets]) -> float:
    kept = [
        len(packets[lane.flow.number].sent_ms) >= KEPT_SHARE * lane.flow.packets
        for lane in plan.lanes
        if lane.role is Role.BROWSING
    ]
    return sum(kept) / len(kept) if kept else 1.0


def _others(plan: Plan, packets: Sequence[_Packets]) -> float | None:
    lanes = [lane for lane in plan.lanes if lane.role is Role.REFUSED]
    sent = sum(lane.flow.packets * lane.flow.ip_bytes for lane in lanes)
    got = sum(len(packets[lane.flow.number].sent_ms) * lane.flow.ip_bytes for lane in lanes)
    return got / sent if sent else None


def _mean(values: Floats | npt.NDArray[np.bool_]) -> float | None:
    return float(np.mean(values)) if len(values) else None
