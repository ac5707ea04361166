"""The Viterbi schedule earns what it says, close to the optimum, and refining never loses."""

from __future__ import annotations

import numpy as np
import pytest

from market.sdo.exhaustive import optimum
from market.sdo.game import Plan, preset_game
from market.sdo.monthly import UBC
from market.sdo.playing import play
from market.sdo.schedule import Planned, random_schedules, refine, refined, survivors, viterbi
from market.traces.presets import PRESETS, draw
from tests.sdo_world import MB, a_game, few_hours


@pytest.mark.parametrize("name", list(PRESETS))
def test_it_earns_what_it_says_and_at_least_nine_tenths_of_the_optimum(name: str) -> None:
    for seed in range(2):
        game = few_hours(name, seed)
        for coins in (1, 4, 7):
            found, best = viterbi(game, coins * UBC), optimum(game, coins * UBC)
            assert play(game, coins * UBC, found.schedule).revenue_ubc == found.revenue_ubc
            better = refined(game, coins * UBC)
            assert refine(game, coins * UBC, found).revenue_ubc <= better.revenue_ubc
            assert play(game, coins * UBC, better.schedule).revenue_ubc == better.revenue_ubc
            assert found.revenue_ubc <= better.revenue_ubc <= best.revenue_ubc
            if best.revenue_ubc >= 60 * UBC:  # of less, a single offer is a large part
                assert found.revenue_ubc >= 0.9 * best.revenue_ubc
                assert better.revenue_ubc >= 0.97 * best.revenue_ubc


def test_an_offer_that_pays_now_and_costs_an_overage_later_is_left_out() -> None:
    game = a_game([[6, 6]], Plan(10 * MB, 50 * MB), mean_mb=14, sigma_mb=3)
    assert viterbi(game, UBC) == Planned((False, False), 10 * UBC)
    assert viterbi(game, 6 * UBC).revenue_ubc == optimum(game, 6 * UBC).revenue_ubc == 12 * UBC


def test_closed_hours_never_have_an_offer() -> None:
    game = preset_game(draw("tight-2MB", 0))
    closed = set(range(24)) - set(game.open_hours)
    for coins in (1, 5, 9):
        found = viterbi(game, coins * UBC)
        assert not any(refine(game, coins * UBC, found).schedule[hour] for hour in closed)
    assert not random_schedules(game, 1, 50)[:, sorted(closed)].any()


def test_without_open_hours_and_with_one() -> None:
    shut = a_game([[4, 4]], Plan(5 * MB, 5 * MB), mean_mb=8, sigma_mb=1, closed=(0, 1))
    found = viterbi(shut, UBC)
    assert found == refine(shut, UBC, found) == Planned((False, False), 10 * UBC)
    assert survivors(shut, UBC).parents.shape == (0, 2)
    ajar = a_game([[4, 4]], Plan(5 * MB, 5 * MB), mean_mb=8, sigma_mb=1, closed=(0,))
    assert viterbi(ajar, 9 * UBC) == Planned((False, False), 10 * UBC)


def test_a_month_of_720_hours() -> None:
    drawn = draw("paper-50MB", 0, users=4, hours=720, cycles=3)
    game = preset_game(drawn)
    found = viterbi(game, 3 * UBC)
    assert len(found.schedule) == 720
    assert play(game, 3 * UBC, found.schedule).revenue_ubc == found.revenue_ubc


def test_random_schedules_are_of_a_seed() -> None:
    game = preset_game(draw("light", 0, users=1))
    one, again, other = (random_schedules(game, seed, 400) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert one[:, list(game.open_hours)].mean() == pytest.approx(0.5, abs=0.03)
