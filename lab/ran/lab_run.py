"""One run of the cellular laboratory: every scenario, and the values that the page and result.json are made of.

Nothing is judged twice: what a scenario promises is one `Claim` each, with the number that decides it.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lab.percentile import percentile
from lab.ran.fading import STATIC
from lab.ran.full_cell import FullCell, Scene, full_cell
from lab.ran.late_joiner import Acquisition
from lab.ran.scenarios import Drop, FullShop, drops, full_shop
from lab.ran.session_waste import FAIR, MAX_CI, Admission, Chosen, Waste, run_sessions

Tell = Callable[[str], None]

KEPT_GOAL, BACK_GOAL_S, WASTE_GOAL = 0.99, 2.0, 0.05
LOADS = (1.0, 2.0, 3.0)
"""Beyond, the forecast is no longer careful enough: docs/cell-lab.md."""
FIND_S = 20
"""One after the other ten UEs are found in."""
WAYS = (
    (Admission.NONE, FAIR),
    (Admission.FORECAST, FAIR),
    (Admission.SLICES, FAIR),
    (Admission.NONE, MAX_CI),
    (Admission.FORECAST, MAX_CI),
    (Admission.BLOCKS, MAX_CI),
)
"""How sessions are let in, and how those who are in are served."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How long the cell is looked at."""

    seeds: tuple[int, ...] = (1, 2, 3)
    full_s: int = 40
    drop_seeds: tuple[int, ...] = (1, 2, 3)
    drop_buyers: int = 4
    shop_s: int = 15
    waste_s: int = 240
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
    told: tuple[FullCell, ...]
    together: tuple[FullCell, ...]
    unsliced: tuple[FullCell, ...]
    still_drops: tuple[Drop, ...]
    fixed_drops: tuple[Drop, ...]
    fading_drops: tuple[Drop, ...]
    shop: FullShop
    waste: tuple[Waste, ...]
    joiners: tuple[Acquisition, ...]


def run_lab(sizes: Sizes, joiners: Callable[[], list[Acquisition]], tell: Tell) -> LabRun:
    """Play everything; `joiners` makes the late joiners of each carriage."""
    tell("twenty UEs, half as much load again as the cell carries, floors sold to as many as fit")
    full = tuple(full_cell(seed, seconds=sizes.full_s) for seed in sizes.seeds)
    tell("the same, if the loop is told which UE is whose")
    told = tuple(full_cell(seed, seconds=sizes.full_s, told=True) for seed in sizes.seeds)
    tell("the same, if all buyers come in one moment")
    together = tuple(
        full_cell(seed, Scene(together=True), seconds=max(FIND_S, sizes.full_s)) for seed in sizes.seeds
    )
    tell("the same UEs and loads without slices")
    unsliced = tuple(full_cell(seed, Scene(sliced=False), seconds=sizes.full_s) for seed in sizes.seeds)
    tell("links that lose 6 dB at once, with the loop and with shares that stay")
    still, fixed, moving = (
        tuple(
            drop
            for seed in sizes.drop_seeds
            for drop in drops(seed, buyers=sizes.drop_buyers, fading=fading, frozen=frozen)
        )
        for fading, frozen in ((STATIC, False), (STATIC, True), (None, False))
    )
    tell("a cell that is sold out")
    shop = full_shop(1, seconds=sizes.shop_s)
    waste = []
    for load in sizes.loads:
        tell(f"sessions at a load of {load:g}, let in and served in {len(WAYS)} ways")
        waste += [
            run_sessions(1, admission=way, seconds=sizes.waste_s, fairness=fairness, chosen=Chosen(load=load))
            for way, fairness in WAYS
        ]
    tell("late joiners of each carriage")
    return LabRun(full, told, together, unsliced, still, fixed, moving, shop, tuple(waste), tuple(joiners()))


def kept_share(runs: Sequence[FullCell]) -> float:
    """Of all seconds of all buyers of several cells."""
    return sum(floor.kept for run in runs for floor in run.floors) / sum(run.windows for run in runs)


def kept_each_s(runs: Sequence[FullCell]) -> float:
    """Seconds with a floor kept, in the mean of all who asked for one: of whoever is refused there are none."""
    return sum(floor.kept for run in runs for floor in run.floors) / sum(run.asked for run in runs)


def begun_share(runs: Sequence[FullCell]) -> float:
    """Of all who paid, those whose very first second was kept."""
    floors = [floor for run in runs for floor in run.floors]
    return sum(floor.began_well for floor in floors) / len(floors)


def pauses_each_minute(runs: Sequence[FullCell]) -> float:
    """How often the slot of a floor in force is paused in a minute, in the mean."""
    return sum(floor.pauses for run in runs for floor in run.floors) / (sum(run.windows for run in runs) / 60)


def refused(runs: Sequence[FullCell]) -> int:
    """Buyers who heard no before they paid."""
    return sum(run.refused for run in runs)


def owed(runs: Sequence[FullCell]) -> int:
    """Buyers whose floor was said not to fit after they paid, or was never in force."""
    return sum(floor.owed for run in runs for floor in run.floors)


def found_share(runs: Sequence[FullCell]) -> float:
    """Of all buyers whose floor was in force to the end, those whose UE was found in the metrics."""
    floors = [floor for run in runs for floor in run.floors if not floor.owed]
    return sum(floor.joined_s is not None for floor in floors) / len(floors)


def weak_share(runs: Sequence[FullCell]) -> float:
    """As `kept_share`, of the buyers at the edge of the cell who paid."""
    weak = [floor for run in runs for floor in run.floors if floor.is_weak]
    return sum(floor.kept for floor in weak) / max(1, sum(len(floor.window_bps) for floor in weak))


def others_share(runs: Sequence[FullCell]) -> float:
    """What those without a floor got, as a part of what the cell carries."""
    got = sum(sum(run.others_bps) / len(run.others_bps) for run in runs)
    return got / sum(run.capacity_bps for run in runs)


def claims(run: LabRun) -> list[Claim]:
    """What was promised of a cell, and whether it was so."""
    kept, others, at_once = kept_share(run.full), others_share(run.full), kept_share(run.together)
    wrong_s = sum(each.wrong_s for each in (*run.full, *run.together))
    used = min(each.used_share for each in run.full)
    still = max(drop.short_s for drop in run.still_drops)
    moving = percentile([drop.bad_s for drop in run.fading_drops], 0.95)
    free, careful, sliced = (
        [each for each in run.waste if each.admission is way and each.fairness == FAIR]
        for way in (Admission.NONE, Admission.FORECAST, Admission.SLICES)
    )
    return [
        Claim(
            "A sold floor is kept in more than 99 % of all seconds",
            f"{kept:.2%} of {sum(each.windows for each in run.full)} seconds reached 95 % of the floor, at the edge "
            f"{weak_share(run.full):.0%}; {refused(run.full)} were refused before they paid, {owed(run.full)} later "
            f"and are owed it. If the loop is told which UE is whose: {kept_share(run.told):.2%}, "
            f"{refused(run.told)} refused, {owed(run.told)} owed",
            kept > KEPT_GOAL,
        ),
        Claim(
            "UEs are found, also if all buyers come in one moment, and nobody is taken for another",
            f"{found_share(run.full):.0%}, and {found_share(run.together):.0%} if they come in one moment (then "
            f"{at_once:.2%} of the seconds were kept); {wrong_s:g} s of a slot with somebody else's UE",
            found_share(run.full) > KEPT_GOAL and found_share(run.together) > KEPT_GOAL and not wrong_s,
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
            "A full cell says no, and nobody who is in suffers",
            f"{run.shop.admitted} of 30 let in, {run.shop.kept_share:.2%} of their seconds kept; the next heard "
            f"“{run.shop.refusal}”",
            run.shop.admitted < 30 and run.shop.kept_share > KEPT_GOAL,
        ),
        Claim(
            "Admission by bit rates, as in the session paper, wastes less and completes more",
            _told(careful, free),
            _worst(careful) < WASTE_GOAL and _completed(careful) >= _completed(free),
        ),
        Claim(
            "A session with a slice of its own does not fail (whole blocks are its price)",
            _told(sliced, free),
            not sum(each.failed for each in sliced) and _completed(sliced) > 0,
        ),
    ]


def _told(runs: Sequence[Waste], free: Sequence[Waste]) -> str:
    """Refusing everybody wastes nothing: so what is made of the cell is told with it, of all loads together."""
    used = sum(each.used_share for each in runs) / len(runs)
    return (
        f"at most {_worst(runs):.1%} of the blocks wasted, {_worst(free):.0%} if everybody comes in; "
        f"{_completed(runs)} sessions completed, {_completed(free)} if everybody comes in; "
        f"{used:.0%} of the blocks in use"
    )


def _worst(runs: Sequence[Waste]) -> float:
    return max(each.wasted_share for each in runs)


def _completed(runs: Sequence[Waste]) -> int:
    return sum(each.completed for each in runs)


def as_document(run: LabRun, machine: str, lasted_s: float) -> dict[str, Any]:
    """What result.json holds: claims and numbers, without the points of the charts."""
    judged = claims(run)
    return {
        "ok": all(claim.held for claim in judged),
        "machine": machine,
        "lasted_s": round(lasted_s, 1),
        "claims": [dataclasses.asdict(claim) for claim in judged],
        "kept_share": kept_share(run.full),
        "kept_share_told": kept_share(run.told),
        "kept_share_together": kept_share(run.together),
        "refused": refused(run.full),
        "owed": owed(run.full),
        "first_seconds_kept_share": begun_share(run.full),
        "kept_s_of_each_who_asked": kept_each_s(run.full),
        "kept_s_of_each_who_asked_told": kept_each_s(run.told),
        "kept_share_at_the_edge": weak_share(run.full),
        "found_share": found_share(run.full),
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
