"""A run that never was: entries as a receiver would have left them, for whoever measures or judges."""

from __future__ import annotations

from collections.abc import Callable

from lab.admission.experiment import Played
from lab.admission.packets import ENTRY, ReceiverReport, SenderReport
from lab.admission.plan import Lane, Plan

WALL_NS = 1_700_000_000_000_000_000
Delay = Callable[[Lane, int], float | None]
"""Of the lane's packet of that number, in seconds; None if it never came."""


def at_once(lane: Lane, number: int) -> float | None:
    """A machine without any queue."""
    del lane, number
    return 0.001


def never(lane: Lane, number: int) -> None:
    """Nothing comes."""
    del lane, number


def played(plan: Plan, delay: Delay, *, late_p99_ms: float = 0.5, overflowed: int = 0) -> Played:
    """All packets left when they were due, and came so much later."""
    entries = bytearray()
    for lane in plan.lanes:
        for number in range(lane.flow.packets):
            late_s = delay(lane, number)
            if late_s is not None:
                sent_ns = WALL_NS + round((lane.flow.begin_s + number * lane.flow.gap_s) * 1e9)
                entries += ENTRY.pack(lane.flow.number, number, sent_ns, sent_ns + round(late_s * 1e9))
    sender = SenderReport(
        sent={lane.flow.number: lane.flow.packets for lane in plan.lanes},
        late_p50_ms=0.1,
        late_p99_ms=late_p99_ms,
        late_most_ms=late_p99_ms,
        refused=0,
        processor_s=0.0,
        clock_moved_ms=0.0,
        real_time=True,
    )
    receiver = ReceiverReport(len(entries) // ENTRY.size, overflowed, 0.0)
    return Played(plan, bytes(entries), sender, receiver, 0, 0.0, 0.0, (), 0.0)
