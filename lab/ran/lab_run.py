"""One run of the cellular laboratory: every scenario, and the values that the page and result.json are made of.

Nothing is judged twice: what a scenario promises is one `Claim` each, with the number that decides it.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.percentile import percentile
from lab.ran.fading import STATIC
from lab.ran.late_joiner import Acquisition
from lab.ran.scenarios import Drop, FullCell, FullShop, Pause, drops, full_cell, full_shop, paused
from lab.ran.session_waste import Admission, Waste, run_sessions

Tell = Callable[[str], None]

KEPT_GOAL, BACK_GOAL_S, WASTE_GOAL = 0.99, 2.0, 0.05
LOADS = (1.0, 2.0, 3.0, 4.0)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How long the cell is looked at."""

    seeds: tuple[int, ...] = (1, 2, 3)
    full_s: int = 40
    drop_seeds: tuple[int, ...] = (1, 2, 3)
    drop_buyers: int = 4
    shop_s: int = 15
    waste_s: int = 300
    loads: tuple[float, ...] = LOADS


QUICK = Sizes(seeds=(1,), full_s=6, drop_seeds=(1,), drop_buyers=1, shop_s=4, waste_s=60, loads=(1.0, 2.0))


@dataclass(frozen=True, slots=True)
class Claim:
    """What was promised, in words; what was seen, in words; whether it held."""

    what: str
    seen: str
    held: bool


@dataclass(frozen=True, slots=True)
class LabRun:
    """Everything that was seen."""

    full: tuple[FullCell, ...]
    unsliced: tuple[FullCell, ...]
    still_drops: tuple[Drop, ...]
    fixed_drops: tuple[Drop, ...]
    fading_drops: tuple[Drop, ...]
    pause: Pause
    shop: FullShop
    waste: tuple[Waste, ...]
    joiners: tuple[Acquisition, ...]


def run_lab(sizes: Sizes, joiners: Callable[[], list[Acquisition]], tell: Tell) -> LabRun:
    """Play everything; `joiners` makes the late joiners of each carriage."""
    tell("twenty UEs, half as much load again as the cell carries, floors sold to as many as fit")
    full = tuple(full_cell(seed, seconds=sizes.full_s) for seed in sizes.seeds)
    tell("the same UEs and loads without slices")
    unsliced = tuple(full_cell(seed, seconds=sizes.full_s, sliced=False) for seed in sizes.seeds)
    tell("links that lose 6 dB at once, with the loop and with shares that stay")
    still, fixed, moving = (
        tuple(
            drop
            for seed in sizes.drop_seeds
            for drop in drops(seed, buyers=sizes.drop_buyers, fading=fading, frozen=frozen)
        )
        for fading, frozen in ((STATIC, False), (STATIC, True), (None, False))
    )
    tell("a slice that is paused, a cell that is sold out")
    pause, shop = paused(1), full_shop(1, seconds=sizes.shop_s)
    waste = []
    for load in sizes.loads:
        tell(f"sessions at {load:g} times what admission counts with, let in in three ways")
        waste += [run_sessions(1, load=load, admission=each, seconds=sizes.waste_s) for each in Admission]
    tell("late joiners of each carriage")
    return LabRun(full, unsliced, still, fixed, moving, pause, shop, tuple(waste), tuple(joiners()))


def kept_share(runs: tuple[FullCell, ...]) -> float:
    """Of all seconds of all buyers of several cells."""
    return sum(floor.kept for run in runs for floor in run.floors) / sum(run.windows for run in runs)


def others_share(runs: tuple[FullCell, ...]) -> float:
    """What those without a floor got, as a part of what the cell carries."""
    got = sum(sum(run.others_bps) / len(run.others_bps) for run in runs)
    return got / sum(run.capacity_bps for run in runs)


def claims(run: LabRun) -> list[Claim]:
    """What was promised of a cell, and whether it was so."""
    kept, others = kept_share(run.full), others_share(run.full)
    used = min(each.used_share for each in run.full)
    still = max(drop.short_s for drop in run.still_drops)
    moving = percentile([drop.back_s for drop in run.fading_drops], 0.95)
    guarded = [each for each in run.waste if each.admission is Admission.SLICES]
    worst = max(guarded, key=lambda each: each.wasted_share)
    free = max(
        (each for each in run.waste if each.admission is Admission.NONE), key=lambda each: each.wasted_share
    )
    return [
        Claim(
            "A sold floor is kept in more than 99 % of all seconds",
            f"{kept:.2%} of {sum(each.windows for each in run.full)} seconds reached 95 % of the floor",
            kept > KEPT_GOAL,
        ),
        Claim(
            "Best effort gets the rest",
            f"{others:.0%} of what the cell carries went to those without a floor; {used:.1%} of all PRBs were used",
            used > 0.98 and others > 0.1,
        ),
        Claim(
            "A link that loses 6 dB has its floor again within 2 s",
            f"slowest of {len(run.still_drops)}: {still:.1f} s; with fading, p95: {moving:.1f} s",
            still < BACK_GOAL_S and moving < BACK_GOAL_S,
        ),
        Claim(
            "A paused slice gets nothing, and its floor when it is resumed",
            f"{run.pause.paused_bps / 1e6:.2f} Mbit/s, then {run.pause.after_bps / 1e6:.2f} Mbit/s",
            run.pause.paused_bps == 0 and run.pause.after_bps >= 0.95 * run.pause.floor_bps,
        ),
        Claim(
            "A full cell says no, and nobody who is in suffers",
            f"{run.shop.admitted} of 30 let in, {run.shop.kept_share:.2%} of their seconds kept; the next heard "
            f"“{run.shop.refusal}”",
            run.shop.admitted < 30 and run.shop.kept_share > KEPT_GOAL,
        ),
        Claim(
            "Admission keeps resource blocks out of sessions that fail",
            f"at most {worst.wasted_share:.1%} wasted, where {free.wasted_share:.0%} are if everybody comes in "
            f"({free.load:g} times the forecast)",
            worst.wasted_share < WASTE_GOAL,
        ),
    ]


def as_document(run: LabRun, machine: str, lasted_s: float) -> dict[str, Any]:
    """What result.json holds: claims and numbers, without the points of the charts."""
    judged = claims(run)
    return {
        "ok": all(claim.held for claim in judged),
        "machine": machine,
        "lasted_s": round(lasted_s, 1),
        "claims": [dataclasses.asdict(claim) for claim in judged],
        "kept_share": kept_share(run.full),
        "kept_share_without_slices": kept_share(run.unsliced),
        "others_share": others_share(run.full),
        "reconverged_s": [drop.short_s for drop in run.still_drops],
        "waste": [dataclasses.asdict(each) | {"admission": each.admission.value} for each in run.waste],
        "late_joiners": [
            {
                "carriage": each.carriage,
                "bytes": each.content_bytes,
                "segments": each.segments,
                "bound_ms": each.bound_ms,
                "p50_ms": each.wait_ms(0.5),
                "p99_ms": each.wait_ms(0.99),
            }
            for each in run.joiners
        ],
    }
