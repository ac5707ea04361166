"""Plays one scenario: starts receiver and sender, changes the tree as sessions come and go, and keeps what was seen.

Nothing here judges: what came is measuring.py's, whether the machine kept time `Kept`'s.
"""

from __future__ import annotations

import os
import select
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.admission.packets import (
    ReceiverReport,
    SenderReport,
    read_receiver_report,
    read_sender_report,
    write_flows,
)
from lab.admission.plan import LEAD_S, Change, Plan
from lab.admission.real_time import going_first
from lab.admission.stage import set_stage
from lab.bench.shaper_rig import station_mac
from lab.processes import Household
from tc_shaper.kernel import Shaper
from tc_shaper.tree import FIRST_SLOT

ROOT = Path(__file__).parents[2]
DRAIN_S = 1.0
"""After the last packet was due: longer than the air's queue takes to empty."""
SLACK_S = 60.0
"""For sender and receiver to start and to write, on a machine that is busy."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a run left: the receiver's entries (packets.ENTRY), how everybody kept time, what the shaper said."""

    plan: Plan
    entries: bytes
    sender: SenderReport
    receiver: ReceiverReport
    changes: int
    change_late_most_ms: float
    change_most_ms: float
    """The longest that one change of the tree took."""
    spoken: tuple[str, ...]
    load: float
    """Processes that wanted a processor, mean of the last minute, when it ended."""


def play(plan: Plan, folder: Path, tell: Callable[[str], None] = lambda _: None) -> Played:
    """Run it, in real time. Raises ShellError where the kernel or a program refuses. Only inside the sandbox."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    flows, sent, entries, taken = (
        folder / name for name in ("flows.json", "sent.json", "entries.bin", "taken.json")
    )
    flows.write_text(write_flows([lane.flow for lane in plan.lanes]), encoding="utf-8")
    with set_stage(plan) as stage, Household(folder / "logs") as household:
        module: list[str | Path] = [sys.executable, "-m", "lab.admission.receiver", entries, taken]
        receiver = household.start("receiver", module, namespace=stage.crowd, folder=ROOT)
        receiver.wait_for_line("^ready", SLACK_S)
        module = [sys.executable, "-m", "lab.admission.sender", flows, sent]
        sender = household.start("sender", module, namespace=stage.world, folder=ROOT)
        start_s = int(sender.wait_for_line(r"^start (\d+)$", SLACK_S)[1]) / 1e9
        driven = drive(stage.shaper, plan.changes, start_s, tell)
        sender.wait(max(0.0, start_s + plan.ends_s - time.monotonic()) + SLACK_S)
        _until(start_s + plan.ends_s + DRAIN_S)
        receiver.process.terminate()
        receiver.wait(SLACK_S)
        spoken = stage.shaper.capabilities.spoken if stage.shaper is not None else ()
    return Played(
        plan,
        entries.read_bytes(),
        read_sender_report(sent.read_text(encoding="utf-8")),
        read_receiver_report(taken.read_text(encoding="utf-8")),
        len(driven),
        max((late_ms for late_ms, _ in driven), default=0.0),
        max((took_ms for _, took_ms in driven), default=0.0),
        spoken,
        os.getloadavg()[0],
    )


def drive(
    shaper: Shaper | None, changes: Sequence[Change], start_s: float, tell: Callable[[str], None]
) -> list[tuple[float, float]]:
    """Make each change when it is due; of each how late it was done, and how long it took, in milliseconds."""
    assert shaper is not None or not changes, "changes of no tree"
    there: set[int] = set()
    driven: list[tuple[float, float]] = []
    told_s = start_s
    with going_first():
        for change in changes:
            _until(start_s + change.at_s)
            began_s = time.monotonic()
            assert shaper is not None
            if change.shape is None:
                shaper.remove(FIRST_SLOT + change.station - 1, station_mac(change.station))
                there.discard(change.station)
            elif change.station in there:
                shaper.change(change.shape)
            else:
                shaper.install(change.shape)
                there.add(change.station)
            ended_s = time.monotonic()
            driven.append(((ended_s - start_s - change.at_s) * 1_000, (ended_s - began_s) * 1_000))
            if ended_s - told_s > 10:
                told_s = ended_s
                tell(f"{len(there)} classes, {len(driven)} of {len(changes)} changes made")
    return driven


def unfit(played: Played) -> tuple[str, ...]:
    """Why this run says nothing about the shaper: the machine did not keep time. Empty if it did."""
    sender, receiver = played.sender, played.receiver
    faults = {
        f"1 % of the packets left {sender.late_p99_ms:.1f} ms late or more (at most {LATE_P99_MS:g})": (
            sender.late_p99_ms > LATE_P99_MS
        ),
        f"a packet left {sender.late_most_ms:.0f} ms late (at most {LATE_MOST_MS:g})": (
            sender.late_most_ms > LATE_MOST_MS
        ),
        f"the sender's kernel refused {sender.refused} packets": sender.refused > 0,
        f"the receiver had no room for {receiver.overflowed} packets": receiver.overflowed > 0,
        f"the wall clock moved {sender.clock_moved_ms:.1f} ms against the steady one": (
            sender.clock_moved_ms > CLOCK_MS
        ),
        f"a change of the tree came {played.change_late_most_ms:.0f} ms late (at most {LEAD_S * 1_000:g})": (
            played.change_late_most_ms > LEAD_S * 1_000
        ),
    }
    return tuple(fault for fault, there in faults.items() if there)


LATE_P99_MS, LATE_MOST_MS, CLOCK_MS = 5.0, 150.0, 1.0
"""A packet in 6.7 ms may be one place late; 40 ms are what is judged by."""


def _until(at_s: float) -> None:
    while (left_s := at_s - time.monotonic()) > 0:
        select.select([], [], [], left_s)
