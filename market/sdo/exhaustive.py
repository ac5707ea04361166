"""Every schedule there is, so that the optimum is known and not estimated: 2^18 of them for a day.

Users do not affect each other, so each is followed alone through a tree of schedules, and their revenues are added up.
The tree is an array with an axis for each open hour, of length 2 where the user takes the offer in some state and 1
where it changes nothing for him; numpy's broadcasting puts the trees together again.
Reference: 003 3.4.3, (3.19), as an oracle. Memory: 8 bytes for each schedule, six times.
"""

from __future__ import annotations

import numpy as np

from market.sdo.choice import hour_of, respond
from market.sdo.game import Game
from market.sdo.playing import State, begin, follow
from market.sdo.schedule import Planned
from market.traces.usage import Integers

MOST_OPEN_HOURS = 22
"""Four million schedules, 200 MB, a minute."""


def every_revenue(game: Game, price_ubc: int) -> Integers:
    """Micro-bandcoin, with an axis of 2 for each open hour, in their order: [.., 1, ..] has an offer there."""
    assert len(game.open_hours) <= MOST_OPEN_HOURS, (
        f"{len(game.open_hours)} open hours are too many to try them all"
    )
    total = np.zeros((2,) * len(game.open_hours), dtype=np.int64)
    for user in range(game.users):
        total += _tree(game, price_ubc, user)
    return total


def optimum(game: Game, price_ubc: int) -> Planned:
    """A schedule that earns most; of equals the one that offers least early."""
    return best_of(game, every_revenue(game, price_ubc))


def best_of(game: Game, total: Integers) -> Planned:
    """The same out of what `every_revenue` answered."""
    best = int(total.argmax())
    decisions = np.unravel_index(best, total.shape) if total.ndim else ()
    schedule = [False] * game.hours
    for hour, decision in zip(game.open_hours, decisions, strict=True):
        schedule[hour] = bool(decision)
    return Planned(tuple(schedule), int(total.flat[best]))


def _tree(game: Game, price_ubc: int, user: int) -> Integers:
    """The user's revenue for each schedule, with axes of 1 where an hour does not matter to him."""
    state = begin(game)
    earned = np.zeros((), dtype=np.int64)
    for number in range(game.hours):
        hour = hour_of(game, number, user)
        response = respond(game, hour, price_ubc, state.used, state.quota)
        none = np.zeros_like(response.accepts)
        then, revenue = follow(game, hour, price_ubc, state, response, none)
        without = earned + revenue
        if number not in game.open_hours:
            state, earned = then, without
        elif not response.accepts.any():
            state = State(then.used[..., None], then.quota[..., None])
            earned = without[..., None]
        else:
            took, paid = follow(game, hour, price_ubc, state, response, response.accepts)
            state = State(np.stack([then.used, took.used], -1), np.stack([then.quota, took.quota], -1))
            earned = np.stack([without, earned + paid], -1)
    return earned
