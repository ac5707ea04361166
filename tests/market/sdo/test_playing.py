"""A cycle by hand: states, revenue by source, what leaves Wi-Fi, and schedules together as one by one."""

from __future__ import annotations

import numpy as np
import pytest

from market.sdo.choice import Choice
from market.sdo.game import MOST_PRICE_UBC, Plan, preset_game
from market.sdo.monthly import UBC
from market.sdo.playing import play, revenues
from market.sdo.schedule import random_schedules
from market.traces.presets import draw
from tests.sdo_world import MB, a_game


def test_overages_are_bought_where_the_quota_ends() -> None:
    game = a_game([[4, 4, 4, 4]], Plan(10 * MB, 2 * MB), mean_mb=16, sigma_mb=1)
    cycle = play(game, 9 * UBC, (False,) * 4)
    assert cycle.choices == ((Choice.PLAN,) * 4,)
    assert (cycle.offers_ubc, cycle.overages_ubc, cycle.spent_ubc) == (0, 20 * UBC, (20 * UBC,))
    assert (cycle.hours_offered, cycle.captured_bytes, cycle.label) == (0, 0, "by hand")


def test_use_by_an_offer_does_not_count_against_the_quota() -> None:
    game = a_game([[4, 4, 4, 4]], Plan(10 * MB, 2 * MB), mean_mb=16, sigma_mb=1)
    cycle = play(game, 9 * UBC, (False, True, True, False))
    assert cycle.choices == ((Choice.PLAN, Choice.OFFER, Choice.OFFER, Choice.PLAN),)
    assert (cycle.offers_ubc, cycle.overages_ubc, cycle.revenue_ubc) == (18 * UBC, 0, 18 * UBC)


def test_traffic_is_captured_that_wifi_would_have_carried() -> None:
    game = a_game([[4, 4]], Plan(50 * MB, 50 * MB), wifi=True, wifi_taste=0.5, mean_mb=90, sigma_mb=10)
    assert play(game, 0, (False, False)).choices == ((Choice.WIFI, Choice.WIFI),)
    cycle = play(game, UBC, (True, False))
    assert cycle.choices == ((Choice.OFFER, Choice.WIFI),)
    assert cycle.captured_bytes == 4 * MB


@pytest.mark.parametrize("name", ["paper-50MB", "tight-2MB", "heavy-tail"])
def test_schedules_together_earn_what_they_earn_alone(name: str) -> None:
    game = preset_game(draw(name, 2), throttles=name == "heavy-tail")
    schedules = random_schedules(game, 3, 12)
    together = revenues(game, 4 * UBC, schedules)
    for schedule, revenue in zip(schedules, together, strict=True):
        cycle = play(game, 4 * UBC, tuple(bool(each) for each in schedule))
        assert cycle.revenue_ubc == revenue == sum(cycle.spent_ubc)
        assert cycle.offers_ubc % (4 * UBC) == cycle.overages_ubc % (10 * UBC) == 0
        offered = np.array(cycle.choices) == Choice.OFFER
        assert not offered[:, ~schedule].any()


def test_a_price_has_bounds() -> None:
    game = a_game([[1]], Plan(MB, MB))
    for price in (-1, MOST_PRICE_UBC + 1):
        with pytest.raises(AssertionError, match="between 0 and a million coins"):
            play(game, price, (True,))
    assert play(game, MOST_PRICE_UBC, (True,)).offers_ubc == 0
    with pytest.raises(AssertionError, match="each hour"):
        play(game, 1, (True, False))
