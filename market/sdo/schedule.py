"""Which hours to offer: two survivors followed through the cycle (Viterbi), made better by changing single hours.

The Viterbi pass keeps, for "last open hour offered" and "not offered", the way there that has earned most, and finds
its hours by going back over the parents. It is not exact, because what has earned most may have left users in the
wrong state; `exhaustive.py` is. Hours that are closed are no decision, and both survivors pass through them.
Reference: 003 3.4.3, Algorithm 1; S6. The printed algorithm returns a row of parents, `printed_row`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from market.sdo.choice import Bools, hour_of
from market.sdo.game import Game
from market.sdo.playing import State, advance, begin, revenues
from market.traces.usage import Integers

Schedule = tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """A schedule and what it is expected to earn."""

    schedule: Schedule
    revenue_ubc: int


@dataclass(frozen=True, slots=True)
class Survivors:
    """What the pass leaves: for each open hour the parent of either survivor, and what either has earned at the end."""

    parents: Integers
    earned_ubc: Integers


def viterbi(game: Game, price_ubc: int, start: State | None = None, first: int = 0) -> Planned:
    """The schedule of the better survivor; without open hours, no offers. Of equals the one that offers less late.

    In the middle of a cycle it begins with the users' states (`start`) in hour `first`, and counts from there.
    """
    left = survivors(game, price_ubc, start, first)
    best = int(left.earned_ubc[1] > left.earned_ubc[0])
    schedule, row = [False] * game.hours, best
    for number, hour in reversed(list(enumerate(hour for hour in game.open_hours if hour >= first))):
        schedule[hour] = row == 1
        row = int(left.parents[number, row])
    return Planned(tuple(schedule), int(left.earned_ubc[best]))


def printed_row(game: Game, price_ubc: int) -> Schedule:
    """What Algorithm 1 returns: for each hour the *parent* of the better survivor's row, taken for a decision."""
    left = survivors(game, price_ubc)
    row = int(not left.earned_ubc[0] > left.earned_ubc[1])
    schedule = [False] * game.hours
    for number, hour in enumerate(game.open_hours):
        schedule[hour] = bool(left.parents[number, row])
    return tuple(schedule)


def survivors(game: Game, price_ubc: int, start: State | None = None, first: int = 0) -> Survivors:
    """The pass itself."""
    state = begin(game, game.users) if start is None else start
    state = State(np.stack([state.used] * 2), np.stack([state.quota] * 2))
    earned = np.zeros(2, dtype=np.int64)
    parents = np.zeros((sum(hour >= first for hour in game.open_hours), 2), dtype=np.int64)
    both = np.array([[[False]], [[True]]])  # decisions x parents x users
    nothing = np.array([[False], [False]])
    decided = 0
    for number in range(first, game.hours):
        hour = hour_of(game, number)
        if number not in game.open_hours:
            state, revenue = advance(game, hour, price_ubc, state, nothing)
            earned = earned + revenue.sum(axis=1)
            continue
        then, revenue = advance(game, hour, price_ubc, state, both)
        total = earned + revenue.sum(axis=2)
        parent = total.argmax(axis=1)
        used, quota = (np.broadcast_to(each, revenue.shape) for each in (then.used, then.quota))
        state = State(used[[0, 1], parent], quota[[0, 1], parent])
        earned = total[[0, 1], parent]
        parents[decided] = parent
        decided += 1
    return Survivors(parents, earned)


def refine(game: Game, price_ubc: int, start: Planned, rounds: int = 20) -> Planned:
    """The schedule after the best change of one or two hours, as long as there is one that earns more."""
    best = start
    pairs = [*combinations(game.open_hours, 1), *combinations(game.open_hours, 2)]
    for _ in range(rounds):
        tried = np.repeat(np.array([best.schedule]), len(pairs), axis=0)
        for row, hours in enumerate(pairs):
            tried[row, list(hours)] ^= True
        earned = revenues(game, price_ubc, tried) if pairs else np.zeros(0, dtype=np.int64)
        if not len(earned) or earned.max() <= best.revenue_ubc:
            break
        found = int(earned.argmax())
        best = Planned(tuple(bool(each) for each in tried[found]), int(earned[found]))
    return best


def refined(game: Game, price_ubc: int) -> Planned:
    """The better of refining Viterbi's schedule, and offers in every open hour; of equals the first."""
    everywhere = tuple(hour in game.open_hours for hour in range(game.hours))
    offered = Planned(everywhere, int(revenues(game, price_ubc, np.array([everywhere]))[0]))
    starts = (viterbi(game, price_ubc), offered)
    return max((refine(game, price_ubc, start) for start in starts), key=lambda found: found.revenue_ubc)


def random_schedules(game: Game, seed: int, count: int) -> Bools:
    """`count` schedules in which every open hour has an offer or none by a coin."""
    drawn = np.zeros((count, game.hours), dtype=np.bool_)
    coins = np.random.default_rng(np.random.SeedSequence(seed)).integers(0, 2, (count, len(game.open_hours)))
    drawn[:, list(game.open_hours)] = coins.astype(np.bool_)
    return drawn
