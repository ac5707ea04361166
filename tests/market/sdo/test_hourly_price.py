"""The bars of the hourly game, on synthetic users: what was calibrated, and what followed from it."""

from __future__ import annotations

import pytest

from market.sdo.exhaustive import optimum
from market.sdo.game import preset_game
from market.sdo.hourly_price import (
    ONE_TO_NINE_UBC,
    Planner,
    best_price,
    compare,
    plan,
    price_curve,
    without_offers,
)
from market.sdo.monthly import UBC
from market.traces.presets import draw
from tests.sdo_world import few_hours


def test_calibrated_three_is_the_best_price_for_six_of_eight_seeds() -> None:
    best = []
    for seed in range(8):
        game = preset_game(draw("paper-50MB", seed))
        curve = price_curve(game, planner=Planner.VITERBI)
        top = best_price(curve)
        best.append(top.price_ubc // UBC)
        assert top.offers_ubc > 3 * without_offers(game).overages_ubc  # far above the overages that are lost
        assert price_curve(game, [10 * UBC], Planner.VITERBI)[0].offers_ubc == 0  # nobody takes one at p
    assert best.count(3) >= 6


def test_a_quota_that_all_exceed() -> None:
    for seed in range(2):
        game = preset_game(draw("tight-2MB", seed))
        curve = price_curve(game, planner=Planner.VITERBI)
        offered = [cycle.hours_offered for cycle in curve]
        assert best_price(curve).price_ubc == 9 * UBC
        assert offered[0] <= 2
        assert offered[8] == 18
        assert offered[0] < offered[4] < offered[8]
        assert curve[8].revenue_ubc > without_offers(game).revenue_ubc


def test_the_optimum_is_a_tenth_above_random_and_viterbi_within_a_tenth_of_it() -> None:
    seen = compare(preset_game(draw("tight-2MB", 0)), 9 * UBC, 0, exact=True)
    assert seen.optimum_ubc is not None
    assert seen.optimum_ubc >= 1.10 * seen.random_ubc
    assert seen.optimum_ubc >= seen.refined_ubc >= seen.viterbi_ubc >= 0.90 * seen.optimum_ubc
    drawn = compare(preset_game(draw("tight-2MB", 0)), 9 * UBC, 0)
    assert drawn.optimum_ubc is None
    assert drawn.random_ubc == pytest.approx(seen.random_ubc, rel=0.02)
    assert seen.label == "tight-2MB, seed 0 (synthetic)"


def test_one_overage_a_user_and_more_is_spent_with_offers() -> None:
    for seed in range(4):
        game = preset_game(draw("mid-1.5MB", seed))
        alone = without_offers(game).revenue_ubc
        assert 150 * UBC <= alone <= 260 * UBC
        assert all(cycle.revenue_ubc > alone for cycle in price_curve(game, planner=Planner.VITERBI))


def test_a_smaller_quota_earns_more_at_a_higher_price() -> None:
    drawn = draw("paper-50MB", 1)
    tops = [
        best_price(price_curve(preset_game(drawn, quota), planner=Planner.VITERBI))
        for quota in (50_000_000, 10_000_000, 800_000)
    ]
    assert tops[0].revenue_ubc < tops[1].revenue_ubc
    assert tops[0].price_ubc < tops[1].price_ubc <= tops[2].price_ubc


def test_whoever_may_be_slowed_down_pays_less() -> None:
    drawn = draw("tight-2MB", 0)
    sold, slow = (preset_game(drawn, throttles=throttles) for throttles in (False, True))
    assert without_offers(slow).overages_ubc < without_offers(sold).overages_ubc / 4
    best_sold, best_slow = (best_price(price_curve(game, planner=Planner.VITERBI)) for game in (sold, slow))
    assert best_slow.revenue_ubc < best_sold.revenue_ubc


def test_planners_differ_in_what_they_find_and_not_in_kind() -> None:
    game = few_hours("mid-1.5MB", 4)
    for price in ONE_TO_NINE_UBC[:3]:
        found = [plan(game, price, planner).revenue_ubc for planner in Planner]
        assert found == sorted(found)
        assert found[-1] == optimum(game, price).revenue_ubc


def test_of_equal_revenue_the_lowest_price_is_best() -> None:
    game = preset_game(draw("light", 0))
    curve = price_curve(game, [20 * UBC, 15 * UBC], Planner.VITERBI)
    assert curve[0].revenue_ubc == curve[1].revenue_ubc
    assert best_price(curve).price_ubc == 15 * UBC
