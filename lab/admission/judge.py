"""What the evenings have to show, and whether they do. Pure: outcomes come in, findings go out.

An evening at which the machine did not keep time is judged by nobody: claims about it are left out, and said to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.admission.measuring import Outcome
from lab.playing import Finding

KEPT, WASTED, WASTED_WITHOUT = 0.99, 0.05, 0.40
"""Of admitted sessions satisfied; of bytes in failed sessions with admission and without (the reference's bar)."""
LATENCY_MS, LATENCY_INCENTIVE_MS = 50.0, 20.0
THEIR_LATENCY_MS = (250.0, 750.0)
DISTANCE_SHARE = 0.80
FEW = 0.05
"""Of all wishes: hardly anybody."""
BROKEN = 0.90
"""Fewer admitted sessions satisfied than this is a guarantee that was not one."""
KEEPERS = (
    "30-floors", "30-incentive", "40-floors", "75-clients-40-incentive", "50-floors", "50-incentive", "n-60-floors",
)  # fmt: skip
"""Admission and floors, on an air that carries what they count with."""


def judge(outcomes: Sequence[Outcome]) -> list[Finding]:
    """A finding for each claim of whose evenings something was played, and all that was played is fit."""
    fit = {each.scenario.name: each for each in outcomes if not each.unfit}
    late = {each.scenario.name for each in outcomes if each.unfit}

    def played(names: Sequence[str]) -> list[Outcome]:
        return [] if late.intersection(names) else [fit[name] for name in names if name in fit]

    found: list[Finding | None] = [
        _crowd(fit.get("g-crowd")),
        _kept(played(KEEPERS)),
        _in_time(played(KEEPERS)),
        _everybody(played(("50-incentive", "75-clients-40-incentive"))),
        _beside_others(fit),
        _beyond_the_air(fit.get("50-sold-of-g")),
    ]
    return [finding for finding in found if finding is not None]


def left_out(outcomes: Sequence[Outcome]) -> list[str]:
    """Which evenings were not judged, and why."""
    return [f"{each.scenario.name}: {'; '.join(each.unfit)}" for each in outcomes if each.unfit]


def _crowd(crowd: Outcome | None) -> Finding | None:
    if crowd is None:
        return None
    latency = crowd.latency_ms or 0.0
    low, high = THEIR_LATENCY_MS
    return Finding(
        "without admission a crowd at 802.11g wastes more than 40 % and waits 250 to 750 ms",
        crowd.wasted_share > WASTED_WITHOUT and low <= latency <= high,
        f"{crowd.wasted_share:.0%} wasted, {latency:.0f} ms, {crowd.satisfied} of {crowd.wishes} satisfied",
    )


def _kept(keepers: Sequence[Outcome]) -> Finding | None:
    if not keepers:
        return None
    least = min(each.satisfied_share for each in keepers)
    most = max(each.wasted_share for each in keepers)
    return Finding(
        "with admission and floors the admitted are satisfied, and less than 5 % is wasted",
        least >= KEPT and most < WASTED,
        f"{least:.1%} or more in each of {len(keepers)} evenings, {most:.1%} wasted at most",
    )


def _in_time(keepers: Sequence[Outcome]) -> Finding | None:
    if not keepers:
        return None
    worst = max(each.latency_worst_ms or 0.0 for each in keepers)
    eager = max((each.latency_worst_ms or 0.0 for each in keepers if each.scenario.incentive), default=0.0)
    near = min(
        (each.below_20_share if each.scenario.incentive else each.below_40_share) or 0.0 for each in keepers
    )
    return Finding(
        "real time waits less than 50 ms (20 with incentives), and 80 % of its packets are within 40 ms (20)",
        worst < LATENCY_MS and eager <= LATENCY_INCENTIVE_MS and near >= DISTANCE_SHARE,
        f"the worst session's mean is {worst:.1f} ms ({eager:.1f}); {near:.1%} or more",
    )


def _everybody(eager: Sequence[Outcome]) -> Finding | None:
    if not eager:
        return None
    refused = sum(each.refused for each in eager)
    wishes = sum(each.wishes for each in eager)
    return Finding(
        "with incentives hardly anybody (fewer than 5 %) is refused: 50 clients at 50 Mbit/s, 75 at 40",
        refused < FEW * wishes,
        f"{refused} of {wishes} refused",
    )


def _beside_others(fit: Mapping[str, Outcome]) -> Finding | None:
    """Which part of it is the floor's shows the fourth evening, where only the grouping is as with floors."""
    names = ("30-others-floors", "30-others-one-queue", "30-others-turns", "30-others-one-turn")
    if not all(name in fit for name in names):
        return None
    floors, queue, turns, grouped = (fit[name] for name in names)
    return Finding(
        "beside refused sessions that go on regardless floors keep what admission promised, and neither one queue nor "
        "a turn for each does",
        floors.satisfied_share >= KEPT and max(queue.satisfied_share, turns.satisfied_share) < BROKEN,
        f"{floors.satisfied} of {floors.admitted} satisfied with floors, {queue.satisfied} in one queue, "
        f"{turns.satisfied} with a turn for each; {grouped.satisfied} if all that was refused takes one turn together",
    )


def _beyond_the_air(beyond: Outcome | None) -> Finding | None:
    if beyond is None:
        return None
    return Finding(
        "50 Mbit/s admitted on an air that carries 30.5 are not kept (U11)",
        beyond.satisfied_share < BROKEN,
        f"{beyond.satisfied} of {beyond.admitted} satisfied, {beyond.wasted_share:.0%} wasted, "
        f"{beyond.latency_ms or 0:.0f} ms",
    )
