"""Discount offers: a day's schedule by Viterbi and by trying all of them, and the exact month of a user. All synthetic.

The day is a preset's 20 users with 18 open hours, and all 262,144 schedules of it are tried in the same run. Times are
processor time of one thread, the fastest of some runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lab.bench.result import Against, Figure
from market.sdo.exhaustive import optimum as best_schedule
from market.sdo.game import Game, preset_game
from market.sdo.monthly import UBC, optimum
from market.sdo.population import draw_subscribers
from market.sdo.schedule import refined, viterbi
from market.traces.presets import draw

DAY = "tight-2MB"
"""The preset in which schedules matter most."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of it: seeds whose schedules are compared, users of a day, users of a month."""

    seeds: int = 4
    users: int = 20
    subscribers: int = 10_000
    prices: tuple[int, ...] = (1, 3, 5, 7, 9)


def run(progress: Callable[[str], None]) -> list[Figure]:
    """All figures, at the full sizes."""
    return measure(progress, Sizes())


def measure(progress: Callable[[str], None], sizes: Sizes) -> list[Figure]:
    """Times in milliseconds and microseconds, revenue as a share of the optimum in per cent."""
    progress("one day's schedule")
    game, price = preset_game(draw(DAY, 0, users=sizes.users)), 5 * UBC
    all_of_them = _milliseconds(lambda: best_schedule(game, price), 2)
    against = Against("all 262,144 schedules tried", all_of_them)
    better = _milliseconds(lambda: refined(game, price), 5)
    figures = [
        _figure("one day's schedule by Viterbi", _milliseconds(lambda: viterbi(game, price), 9), 10, against),
        _figure("one day's schedule by Viterbi and made better by single hours", better, 200, against),
        _figure("one day's best schedule, all tried", all_of_them, 6_000, None),
    ]
    progress("a month of 720 hours")
    month = preset_game(draw(DAY, 0, users=sizes.users, hours=720, cycles=3))
    figures.append(
        _figure("a month's schedule by Viterbi", _milliseconds(lambda: viterbi(month, price), 2), None, None)
    )
    progress("what schedules earn")
    shares = [share for seed in range(sizes.seeds) for share in _shares(_day(seed, sizes), sizes.prices)]
    best = "the worst of those seeds and prices, of the optimum"
    figures += [
        Figure(f"Viterbi's revenue, {best}", 100 * min(share[0] for share in shares), "%", 90),
        Figure(f"the same made better, {best}", 100 * min(share[1] for share in shares), "%", 97),
    ]
    progress("the exact month of a user")
    users, coins = draw_subscribers(0, sizes.subscribers), np.array([4.0])
    each = _milliseconds(lambda: optimum(users, coins), 5) * 1000 / sizes.subscribers
    return [*figures, Figure("the exact month of a user, among many", each, "us", 10, "lower")]


def _day(seed: int, sizes: Sizes) -> Game:
    return preset_game(draw(DAY, seed, users=sizes.users))


def _shares(game: Game, prices: tuple[int, ...]) -> list[tuple[float, float]]:
    """For each price in coins, what both schedules earn over the optimum."""
    shares = []
    for coins in prices:
        found, best = viterbi(game, coins * UBC), best_schedule(game, coins * UBC).revenue_ubc
        better = refined(game, coins * UBC)
        shares.append((found.revenue_ubc / best, better.revenue_ubc / best))
    return shares


def _figure(what: str, milliseconds: float, goal: float | None, against: Against | None) -> Figure:
    return Figure(what, milliseconds, "ms", goal, "lower", against)


def _milliseconds(action: Callable[[], object], runs: int) -> float:
    return min(_once(action) for _ in range(runs))


def _once(action: Callable[[], object]) -> float:
    started = time.thread_time()
    action()
    return (time.thread_time() - started) * 1000
