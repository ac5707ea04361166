"""Every schedule's revenue is what playing it brings."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from market.sdo.exhaustive import every_revenue, optimum
from market.sdo.game import Plan
from market.sdo.monthly import UBC
from market.sdo.playing import play, revenues
from tests.sdo_world import MB, a_game, few_hours


@pytest.mark.parametrize(
    ("name", "coins"), [("paper-50MB", 3), ("tight-2MB", 1), ("tight-2MB", 9), ("mid-1.5MB", 2)]
)
def test_each_entry_is_a_schedule_played(name: str, coins: int) -> None:
    game = few_hours(name, 3)
    every = every_revenue(game, coins * UBC)
    schedules = np.zeros((256, 24), dtype=np.bool_)
    schedules[:, list(game.open_hours)] = list(product((False, True), repeat=8))
    assert every.shape == (2,) * 8
    assert every.reshape(-1).tolist() == revenues(game, coins * UBC, schedules).tolist()
    best = optimum(game, coins * UBC)
    assert best.revenue_ubc == every.max() == play(game, coins * UBC, best.schedule).revenue_ubc


def test_without_open_hours_there_is_one_schedule() -> None:
    game = a_game([[4, 4]], Plan(5 * MB, 5 * MB), mean_mb=8, sigma_mb=1, closed=(0, 1))
    best = optimum(game, UBC)
    assert (best.schedule, best.revenue_ubc) == ((False, False), 10 * UBC)


def test_of_equals_the_one_that_offers_least_early() -> None:
    game = a_game([[1, 1, 1]], Plan(50 * MB, MB), mean_mb=3, sigma_mb=0.1)
    assert optimum(game, UBC).schedule == (False, False, False)


def test_a_month_is_too_long() -> None:
    game = a_game([[1] * 23], Plan(MB, MB))
    with pytest.raises(AssertionError, match="23 open hours"):
        every_revenue(game, UBC)
