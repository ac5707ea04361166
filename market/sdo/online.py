"""A cycle as it happens: the operator expects, offers or not, sees what was used, and plans the rest anew.

What is expected is the mean of the history, hour by hour, times how much more or less a user is now known to use once
his cycle strayed (`renew_habits`). Users know themselves by their history alone, so that what this earns can be held
against the optimum of a day that is known (`exhaustive.py`).
Reference: 003 3.4.2, last sentence; 3.4.3, (3.22) to (3.25).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from market.sdo.choice import hour_of
from market.sdo.game import Game
from market.sdo.playing import Cycle, State, advance, begin, play
from market.sdo.risk import Floats, fit_habits, renew_habits
from market.sdo.schedule import viterbi
from market.traces.usage import Integers, Usage


def expected_game(game: Game, usage: Usage) -> Game:
    """The same game with the demand that history lets expect."""
    return dataclasses.replace(game, demand_bytes=_expected(usage, 0, np.ones(game.users)))


def play_once(game: Game, usage: Usage, price_ubc: int) -> Cycle:
    """The schedule that is best for what is expected, kept to whatever happens."""
    return play(game, price_ubc, viterbi(expected_game(game, usage), price_ubc).schedule)


def play_online(game: Game, usage: Usage, price_ubc: int, *, renews: bool = True) -> Cycle:
    """Plan anew in every open hour; `renews` says whether users who stray are re-estimated. `game` is what happens."""
    habits = fit_habits(usage.history_bytes)
    total, factor = habits.expected_bytes(game.hours), np.ones(game.users)
    state = begin(game, game.users)
    schedule = [False] * game.hours
    for number in range(game.hours):
        if number in game.open_hours:
            schedule[number] = _offers(game, usage, price_ubc, state, number, factor)
        state, _ = advance(game, hour_of(game, number), price_ubc, state, np.array(schedule[number]))
        if renews:
            now, _ = renew_habits(habits, usage.history_bytes, game.demand_bytes[:, : number + 1])
            factor = now.expected_bytes(game.hours) / np.maximum(total, 1.0)
    return play(game, price_ubc, tuple(schedule))


def _offers(game: Game, usage: Usage, price_ubc: int, state: State, first: int, factor: Floats) -> bool:
    planned = dataclasses.replace(game, demand_bytes=_expected(usage, first, factor))
    return viterbi(planned, price_ubc, state, first).schedule[first]


def _expected(usage: Usage, first: int, factor: Floats) -> Integers:
    """Demand from hour `first` on; before it, what counts is in the users' states."""
    mean = usage.history_bytes.mean(axis=0) * factor[:, None]
    mean[:, :first] = 0
    return np.asarray(np.floor(mean), dtype=np.int64)
