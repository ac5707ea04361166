"""What is wrong in chapter 3 of the thesis: each printed form fails here, and ours does not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from market.sdo.choice import Choice, hour_of, overage_worth, printed_choice, respond
from market.sdo.chosen import REALISED
from market.sdo.game import Plan, preset_game
from market.sdo.monthly import UBC, Subscribers, optimum, spending, total_gb, utility
from market.sdo.monthly_price import best_price, revenue_curve
from market.sdo.playing import State, advance, play
from market.sdo.printed_monthly import corollary_2_gb, corollary_2_mended_gb, table_3_2
from market.sdo.risk import chance_of, fit_habits
from market.sdo.schedule import printed_row, survivors, viterbi
from market.traces.presets import draw
from tests.sdo_world import MB, a_game, a_user

ONE = np.array([1.0])


@pytest.mark.parametrize(
    ("user", "printed", "ours"),
    [
        (a_user(0.5, 1, 10, 5, 1, 1, 10, 10), 99.47, 190.05),
        (a_user(0.5, 30, 4, 5, 10, 0.5, 2, 30), 102.51, 149.31),
        (a_user(0.5, 10, 10, 3, 5, 1, 20, 10), 195.03, 195.26),
    ],
    ids=["x never below d", "beta capped, x not", "d' not floored"],
)
def test_s1_table_3_2_is_not_the_optimum(user: Subscribers, printed: float, ours: float) -> None:
    table, best = table_3_2(user, ONE), optimum(user, ONE)
    assert utility(user, ONE, table)[0] == pytest.approx(printed, abs=0.01)
    assert utility(user, ONE, best)[0] == pytest.approx(ours, abs=0.01)
    assert np.all(total_gb(user, best) <= user.most_gb * (1 + 1e-12))


def test_s1_use_of_the_plan_need_not_fall_with_offers() -> None:
    user = a_user(0.5, 30, 4, 5, 10, 0.5, 2, 30)
    best = optimum(user, ONE)
    assert best.share[0] == 1
    assert not best.plan_gb[0] < user.alone_gb()[0]  # Corollary 1


def test_s2_where_use_of_the_plan_is_smallest() -> None:
    price, alpha, offer = 3.0, 0.5, 4.24
    sizes = np.linspace(0.47, 3.5, 30_301)
    user = a_user(alpha, 60, offer, 2, 10, 1, 400, 60)
    users = dataclasses.replace(user, session_gb=sizes)
    x = optimum(users, np.array([price])).plan_gb
    assert x.min() > 2  # heavy throughout
    smallest = sizes[x.argmin()]
    assert (
        smallest
        == pytest.approx(corollary_2_mended_gb(price, alpha, offer), abs=2e-4)
        == pytest.approx(0.5006, abs=3e-4)
    )
    assert corollary_2_gb(price, alpha) == pytest.approx(3.0)
    falls = np.flatnonzero(sizes < corollary_2_gb(price, alpha))
    assert np.any(np.diff(x[falls]) > 0)  # it rises long before the printed threshold


def test_s3_the_printed_best_price_is_a_supremum_and_not_always_best() -> None:
    light = a_user(0.5, 1, 10, 5, 1, 1, 10, 10)
    worth = light.session_worth()
    leaves = optimum(light, worth, for_the_operator=False)
    assert spending(light, worth, leaves)[0] == 0  # at the printed price itself nothing is sold
    best = best_price(light, [0])
    assert best.price_ubc == 20 * UBC == int(worth[0] * UBC)
    near = a_user(0.5, 1, 10, 5, 1, 1, 10, 5.1)  # gamma close to d
    at = {point.price_ubc: point.revenue_ubc for point in revenue_curve(near, [19 * UBC, 20 * UBC])}
    assert at[20 * UBC] == pytest.approx(2.0 * UBC, rel=0.01)
    assert at[19 * UBC] == pytest.approx(77.9 * UBC, rel=0.01)
    assert best_price(near, [coins * UBC for coins in range(21)]).revenue_ubc >= at[19 * UBC]


def test_s4_an_overage_is_not_worth_the_quota_that_was_there() -> None:
    plan = Plan(50 * MB, 1 * MB)
    worth = {}
    for printed in (False, True):
        game = a_game([[1]], dataclasses.replace(plan, counts_whole_quota=printed), mean_mb=90, sigma_mb=1)
        hour = hour_of(game, 0)
        worth[printed] = overage_worth(game, hour, np.array([50 * MB + 1]), np.array([50 * MB]))[0] / REALISED
    assert worth[True] == pytest.approx(51)
    assert worth[False] == pytest.approx(1)


def test_s5_the_printed_rule_chooses_what_is_not_there() -> None:
    game = a_game(
        [[8]], Plan(50 * MB, 50 * MB), mean_mb=50, sigma_mb=1, wifi=True, wifi_taste=0.5, sensitivity=0.1
    )
    hour, state = hour_of(game, 0), (np.array([0]), np.array([50 * MB]))
    price, at_risk = 3 * UBC, 5.0
    assert 3 * 0.9 < hour.value[0] < at_risk * 0.9  # rho a' < v < R p a'
    assert printed_choice(game, hour, price, *state)[0] == Choice.OFFER  # although y = 0
    assert respond(game, hour, price, *state).otherwise[0] == Choice.WIFI
    bare = dataclasses.replace(game, wifi=np.array([[False]]), wifi_taste=np.array([1.0]))
    hour = hour_of(bare, 0)
    assert printed_choice(bare, hour, price, *state)[0] == Choice.WIFI  # although there is none
    assert respond(bare, hour, price, *state).otherwise[0] == Choice.PLAN


def test_s5_where_all_three_exist_the_printed_rule_is_right() -> None:
    game = preset_game(draw("paper-50MB", 0))
    game = dataclasses.replace(game, wifi=np.ones_like(game.wifi))
    chance = np.random.default_rng(1)
    for number in range(game.hours):
        used = chance.integers(0, 60 * MB, game.users)
        quota = np.full(game.users, game.plan.quota_bytes)
        hour = hour_of(game, number)
        response = respond(game, hour, 3 * UBC, used, quota)
        ours = np.where(response.accepts, Choice.OFFER, response.otherwise)
        due = response.overage
        printed = printed_choice(game, hour, 3 * UBC, used, quota)
        # R p against rho: the print leaves a' out on both sides, which is the same; without demand it is no choice
        assert np.array_equal(ours[(hour.demand_bytes > 0) & ~due], printed[(hour.demand_bytes > 0) & ~due])
        assert np.array_equal(ours[due], printed[due])


def test_s6_the_row_that_is_returned_is_not_the_schedule() -> None:
    less = 0
    for seed in range(3):
        game = preset_game(draw("tight-2MB", seed))
        for coins in range(1, 7):
            price = coins * UBC
            claimed = int(survivors(game, price).earned_ubc.max())
            ours, printed = viterbi(game, price), play(game, price, printed_row(game, price))
            assert play(game, price, ours.schedule).revenue_ubc == ours.revenue_ubc == claimed
            less += printed.revenue_ubc < claimed
    assert less >= 9


def test_s7_the_quota_alone_is_no_state() -> None:
    game = a_game([[4]], Plan(10 * MB, 2 * MB), mean_mb=16, sigma_mb=1)
    quota = np.array([10 * MB])
    _, little = advance(game, hour_of(game, 0), 9 * UBC, State(np.array([4 * MB]), quota), np.array([False]))
    _, much = advance(game, hour_of(game, 0), 9 * UBC, State(np.array([8 * MB]), quota), np.array([False]))
    assert (little[0], much[0]) == (0, 10 * UBC)


def test_3_24_a_density_is_no_probability_and_renews_whom_it_should_leave() -> None:
    history = draw("light", 2, users=1).usage.history_bytes
    habits = fit_habits(history)
    usual, odd = (factor * history.mean(axis=0) for factor in (1, 12))

    def printed(cycle: np.ndarray, unit: float) -> tuple[float, bool]:
        curve = habits.a[0] * np.arange(1, 25) ** habits.b[0]
        sigma = habits.sigma_bytes[0] / unit
        z = (np.cumsum(cycle[0]) - curve) / unit / sigma
        density = float(np.exp(-(z**2) / 2).prod() / np.prod(np.sqrt(2 * np.pi) * sigma))
        return density, density >= 0.01  # (3.24) renews where the density is large

    assert printed(usual, 1e9)[0] > 1 > printed(usual, 1e3)[0]  # by the unit
    assert printed(usual, 1e9)[1]
    assert not printed(odd, 1e9)[1]
    assert chance_of(history, usual)[0] > 0.01 > chance_of(history, odd)[0]
