"""Each choice is taken where it is worth most and exists, ties are as they are said to be."""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np
import pytest

from market.sdo.choice import Choice, hour_of, overage_worth, respond
from market.sdo.chosen import REALISED
from market.sdo.game import Game, Plan, preset_game
from market.sdo.monthly import UBC
from market.traces.presets import draw
from tests.sdo_world import MB, a_game

PLAN = Plan(50 * MB, 50 * MB)


def _taken(game: Game, price_ubc: int, used_mb: float = 0) -> tuple[Choice, bool, bool]:
    state = np.array([int(used_mb * MB)]), np.array([game.plan.quota_bytes])
    response = respond(game, hour_of(game, 0), price_ubc, *state)
    return Choice(int(response.otherwise[0])), bool(response.accepts[0]), bool(response.overage[0])


def test_an_offer_is_taken_below_what_the_risk_costs() -> None:
    game = a_game([[1]], PLAN, mean_mb=50, sigma_mb=10)  # R is a half
    assert _taken(game, 5 * UBC - 20_000)[:2] == (Choice.PLAN, True)
    assert _taken(game, 5 * UBC + 20_000)[:2] == (Choice.PLAN, False)
    assert _taken(a_game([[1]], PLAN, mean_mb=10, sigma_mb=5), 1000)[:2] == (Choice.PLAN, False)


def test_an_overage_counts_what_it_brings() -> None:
    game = a_game([[2]], PLAN, mean_mb=60, sigma_mb=1)
    worth = REALISED * 10  # 60 are expected in all, 50 were there
    assert overage_worth(game, hour_of(game, 0), np.array([51 * MB]), np.array([50 * MB]))[
        0
    ] == pytest.approx(worth)
    assert _taken(game, int((10 - worth) * UBC) - 1000, used_mb=49) == (Choice.PLAN, True, True)
    assert _taken(game, int((10 - worth) * UBC) + 1000, used_mb=49) == (Choice.PLAN, False, True)


def test_wifi_where_there_is_some_and_it_is_worth_more() -> None:
    busy = partial(a_game, [[1]], PLAN, mean_mb=50, sigma_mb=10, qos=1, congestion=1, wifi_taste=1)
    assert _taken(busy(wifi=True), 5 * UBC)[0] is Choice.WIFI
    assert _taken(busy(wifi=False), 5 * UBC)[0] is Choice.PLAN
    quiet = a_game([[1]], PLAN, mean_mb=10, sigma_mb=1, qos=1, wifi=True, wifi_taste=0.4)
    assert _taken(quiet, 5 * UBC)[0] is Choice.PLAN


def test_slowing_down_is_for_who_would_need_an_overage() -> None:
    slow = Plan(50 * MB, 50 * MB, throttles=True)
    game = a_game([[2]], slow, mean_mb=50, sigma_mb=1, qos=0.5)
    assert _taken(game, 9 * UBC, used_mb=49)[0] is Choice.THROTTLED
    assert _taken(game, 9 * UBC, used_mb=47)[0] is Choice.PLAN
    assert _taken(game, 9 * UBC, used_mb=49)[1] is False  # nobody pays 9 to be less slow
    assert _taken(game, 500_000, used_mb=49)[1] is True
    assert _taken(a_game([[2]], PLAN, mean_mb=50, sigma_mb=1), 9 * UBC, used_mb=49) == (
        Choice.PLAN,
        True,
        True,
    )


def test_ties_and_an_hour_without_demand_stay_on_the_plan() -> None:
    free = a_game([[1]], PLAN, mean_mb=1, sigma_mb=0.01, wifi=True, wifi_taste=1)
    assert _taken(free, 0) == (Choice.PLAN, False, False)  # all three are worth 1, and no risk
    asleep = a_game([[0]], PLAN, mean_mb=50, sigma_mb=10, wifi=True, wifi_taste=1)
    assert _taken(asleep, 0) == (Choice.PLAN, False, False)


def test_the_best_of_what_exists_over_random_states() -> None:
    chance = np.random.default_rng(7)
    for name, throttles in itertools.product(("paper-50MB", "tight-2MB"), (False, True)):
        game = preset_game(draw(name, 1), throttles=throttles)
        for number in range(game.hours):
            used = chance.integers(0, 60 * MB, game.users)
            quota = game.plan.quota_bytes + chance.integers(0, 3, game.users) * game.plan.overage_bytes
            price = int(chance.integers(0, 10 * UBC))
            response = respond(game, hour_of(game, number), price, used, quota)
            for user in range(game.users):
                alone = respond(game, hour_of(game, number, user), price, used[user], quota[user])
                assert alone.otherwise == response.otherwise[user]
                assert alone.accepts == response.accepts[user]
                said = Choice(int(response.otherwise[user]))
                assert said is not Choice.OFFER
                assert said is not Choice.WIFI or game.wifi[user, number]
                assert said is not Choice.THROTTLED or (throttles and response.overage[user])
