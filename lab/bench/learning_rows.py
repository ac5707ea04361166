"""What Double DQN learns in other worlds than the default one, beside always the plan: the table of docs/markets.md.

All synthetic. The settings are those of the thesis, as they are by default, in every row; the
scale of rewards was chosen on worlds of seed 0, so these are the seeds 1 to 3. Four users, 200 cycles each; what they
have and spend is the mean of four looks, on six cycles that nobody learned from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import fmean

from lab.bench.result import Against, Figure
from market.learning.double_dqn import Settings
from market.learning.experiment import Curve, Result, learning_curve, net
from market.learning.scenario import QUOTA_2MB, Scenario, build
from market.sdo.monthly import UBC


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of it. `looks` before the last episode."""

    seeds: tuple[int, ...] = (1, 2, 3)
    users: int = 4
    episodes: int = 200
    looks: tuple[int, ...] = (170, 180, 190)
    cycles: int = 6
    settings: Settings = Settings()


@dataclass(frozen=True, slots=True)
class Row:
    """A world to learn in."""

    name: str
    scenario: Scenario


ROWS = (
    Row("the default", QUOTA_2MB),
    Row("Wi-Fi and QoS drawn anew each day", replace(QUOTA_2MB, redraws=True)),
    Row("offers at 3", replace(QUOTA_2MB, price_ubc=3 * UBC)),
    Row("overages of 2 MB", replace(QUOTA_2MB, overage_bytes=2_000_000)),
    Row("a plan that slows down", replace(QUOTA_2MB, throttles=True)),
)


def run(progress: Callable[[str], None]) -> list[Figure]:
    """All rows, at the full sizes."""
    return measure(progress, Sizes(), ROWS)


def measure(progress: Callable[[str], None], sizes: Sizes, rows: tuple[Row, ...]) -> list[Figure]:
    """In per cent of what the rule without offers has and spends; the mean of the seeds, and the worst of them."""
    found = list[Figure]()
    for row in rows:
        progress(f"{row.name}: {len(sizes.seeds)} seeds of {sizes.episodes} cycles")
        found += _figures(row.name, [_curve(row, seed, sizes) for seed in sizes.seeds])
    return found


def _curve(row: Row, seed: int, sizes: Sizes) -> Curve:
    world = build(row.scenario, seed, sizes.users)
    return learning_curve(world, net(sizes.settings), seed, sizes.episodes, sizes.looks, cycles=sizes.cycles)


def _figures(name: str, curves: list[Curve]) -> list[Figure]:
    reward, spent = [_learned(each, _reward) for each in curves], [_learned(each, _spent) for each in curves]
    plan = [_part(each, each.always_plan, _reward) for each in curves]
    plan_spent = [_part(each, each.always_plan, _spent) for each in curves]
    averse = [_part(each, each.overage_averse, _spent) for each in curves]
    return [
        Figure(f"{name}: reward", fmean(reward), "%", None, "higher", Against("always the plan", fmean(plan))),
        Figure(f"{name}: reward, the worst seed", min(reward), "%", None, "higher",
               Against("always the plan", plan[reward.index(min(reward))])),
        Figure(f"{name}: spending", fmean(spent), "%", None, "lower", Against("always the plan", fmean(plan_spent))),
        Figure(f"{name}: spending of the averse", fmean(averse), "%"),
    ]  # fmt: skip


def _learned(curve: Curve, what: Callable[[Result], float]) -> float:
    return fmean(_part(curve, result, what) for _, result in curve.points)


def _part(curve: Curve, result: Result, what: Callable[[Result], float]) -> float:
    return 100 * what(result) / max(1.0, what(curve.without_offers))


def _reward(result: Result) -> float:
    return result.total_reward


def _spent(result: Result) -> float:
    return float(result.total_spent_ubc)
