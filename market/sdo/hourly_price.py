"""The operator's price of the hourly game: what each price brings with its schedule, and how good the schedule is.

Reference: 003 3.5, Figures 3.3 to 3.5 and 3.8. Units: micro-bandcoin, bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from market.sdo.exhaustive import best_of, every_revenue, optimum
from market.sdo.game import Game
from market.sdo.monthly import UBC
from market.sdo.playing import Cycle, play, revenues
from market.sdo.schedule import Planned, random_schedules, refined, viterbi

ONE_TO_NINE_UBC = tuple(coins * UBC for coins in range(1, 10))
"""The prices of the thesis's figures."""

RANDOM_SCHEDULES = 1_000


class Planner(Enum):
    """How a schedule is found: two survivors, the same made better by single changes, or all of them tried."""

    VITERBI = "viterbi"
    REFINED = "refined"
    EXHAUSTIVE = "exhaustive"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What schedules earn at a price, in micro-bandcoin. `random_ubc` is the mean over random schedules, rounded down.

    `optimum_ubc` is None where it was not asked for.
    """

    price_ubc: int
    optimum_ubc: int | None
    viterbi_ubc: int
    refined_ubc: int
    random_ubc: int
    no_offers_ubc: int
    label: str


def plan(game: Game, price_ubc: int, planner: Planner) -> Planned:
    """The schedule that this planner finds."""
    if planner is Planner.EXHAUSTIVE:
        return optimum(game, price_ubc)
    return viterbi(game, price_ubc) if planner is Planner.VITERBI else refined(game, price_ubc)


def price_curve(
    game: Game, prices_ubc: Sequence[int] = ONE_TO_NINE_UBC, planner: Planner = Planner.REFINED
) -> list[Cycle]:
    """Each price with its schedule, played: revenue by source, hours offered, what users spend, what leaves Wi-Fi."""
    return [play(game, price, plan(game, price, planner).schedule) for price in prices_ubc]


def best_price(curve: Sequence[Cycle]) -> Cycle:
    """The cycle of most revenue; of equals that of the lowest price."""
    return max(curve, key=lambda cycle: (cycle.revenue_ubc, -cycle.price_ubc))


def without_offers(game: Game) -> Cycle:
    """What users do and spend where nothing is offered."""
    return play(game, 0, (False,) * game.hours)


def compare(game: Game, price_ubc: int, seed: int, *, exact: bool = False) -> Comparison:
    """Random, Viterbi, refined and, if `exact`, every schedule (whose mean then is that of all random ones)."""
    found = viterbi(game, price_ubc)
    best: int | None = None
    if exact:
        every = every_revenue(game, price_ubc)
        best = best_of(game, every).revenue_ubc
        random = int(every.sum()) // every.size
    else:
        drawn = revenues(game, price_ubc, random_schedules(game, seed, RANDOM_SCHEDULES))
        random = int(drawn.sum()) // len(drawn)
    none = revenues(game, price_ubc, np.zeros((1, game.hours), dtype=np.bool_))
    better = refined(game, price_ubc).revenue_ubc
    return Comparison(price_ubc, best, found.revenue_ubc, better, random, int(none[0]), game.label)
