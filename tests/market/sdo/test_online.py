"""Planning as the cycle happens: right where the day is as expected, never above the optimum, better than chance."""

from __future__ import annotations

import dataclasses

import numpy as np

from market.sdo.game import Plan, game_of
from market.sdo.hourly_price import compare
from market.sdo.monthly import UBC
from market.sdo.online import expected_game, play_once, play_online
from market.sdo.schedule import viterbi
from market.traces.presets import draw
from market.traces.usage import Usage

PLAN = Plan(2_000_000, 2_000_000)


def _usage_and_game(seed: int, change: float = 1.0) -> tuple:
    drawn = draw("tight-2MB", seed, users=6, cycles=10)
    used = drawn.usage.used_bytes.copy()
    used[-1] = np.floor(used[-1] * change)
    usage = dataclasses.replace(drawn.usage, used_bytes=used)
    game = game_of(usage, drawn.circumstances, PLAN)
    return usage, dataclasses.replace(game, open_hours=game.open_hours[-9:])


def test_a_day_as_expected_is_planned_as_if_it_were_known() -> None:
    usage, game = _usage_and_game(1)
    same = np.repeat(usage.used_bytes[:1], 4, axis=0)
    usage = Usage(usage.users, same, "the same each day", synthetic=True)
    game = dataclasses.replace(game, demand_bytes=same[-1])
    assert np.array_equal(expected_game(game, usage).demand_bytes, game.demand_bytes)
    for coins in (3, 6):
        known = viterbi(game, coins * UBC)
        assert play_once(game, usage, coins * UBC).schedule == known.schedule
        assert play_online(game, usage, coins * UBC).revenue_ubc >= known.revenue_ubc


def test_what_is_not_known_costs_something_and_less_than_chance() -> None:
    online = once = random = best = 0
    for seed in range(2):
        usage, game = _usage_and_game(seed)
        for coins in (5, 8):
            seen = compare(game, coins * UBC, 0, exact=True)
            assert seen.optimum_ubc is not None
            now = [
                play_online(game, usage, coins * UBC, renews=renews).revenue_ubc for renews in (True, False)
            ]
            assert max(now) <= seen.optimum_ubc
            online, once = online + now[0], once + play_once(game, usage, coins * UBC).revenue_ubc
            random, best = random + seen.random_ubc, best + seen.optimum_ubc
    assert random < once <= best
    assert random < online <= best


def test_a_day_that_strays_is_planned_better_once_that_is_noticed() -> None:
    gains = []
    for change in (6, 15):
        usage, game = _usage_and_game(1, change)
        renewed, kept = (
            play_online(game, usage, 8 * UBC, renews=renews).revenue_ubc for renews in (True, False)
        )
        gains.append(renewed - kept)
        assert kept >= play_once(game, usage, 8 * UBC).revenue_ubc
    assert min(gains) >= 0
    assert max(gains) > 0
