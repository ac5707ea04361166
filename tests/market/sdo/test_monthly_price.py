"""Revenue over prices: what it is made of, where it is best, and that the line search misses no jump."""

from __future__ import annotations

import numpy as np
import pytest

from market.sdo.monthly import UBC
from market.sdo.monthly_price import (
    best_price,
    best_price_beside_slow,
    population,
    revenue_curve,
    without_offers,
    without_offers_beside_slow,
)
from market.sdo.monthly_throttling import Slowness, optimum, spending
from market.sdo.population import draw_subscribers
from tests.sdo_world import a_user

COINS = [coins * UBC for coins in range(13)]


def test_one_user_by_hand() -> None:
    user = a_user(0.5, 30, 4, 5, 10, 0.5, 2, 30)  # 9 GB, 4 of them over the quota, and both offers up to 5.66
    free, five, six = revenue_curve(user, [0, 5 * UBC, 6 * UBC])
    assert (free.revenue_ubc, five.revenue_ubc, six.revenue_ubc) == (40 * UBC, 50 * UBC, 40 * UBC)
    assert (free.subscriber_share, six.subscriber_share) == (1.0, 0.0)
    assert (five.offers_taken, five.used_gb) == (2.0, 10.0)
    assert without_offers(user) == 40 * UBC
    assert five.label == population(user, None).label == "by hand"


def test_the_best_price_is_the_last_before_the_user_stops() -> None:
    user = a_user(0.5, 30, 4, 5, 10, 0.5, 2, 30)
    best = best_price(user, COINS)
    assert best.price_ubc == 5_656_854  # 4 * sqrt(0.5) / 0.5, rounded down
    assert best.revenue_ubc == 40 * UBC + 2 * 5_656_854
    assert revenue_curve(user, [best.price_ubc + 1])[0].revenue_ubc == 40 * UBC


@pytest.mark.parametrize("seed", range(4))
def test_no_price_on_a_fine_grid_earns_more(seed: int) -> None:
    users = draw_subscribers(seed)
    best = best_price(users, COINS)
    fine = [price * UBC // 50 for price in range(50 * 12)]
    assert all(point.revenue_ubc <= best.revenue_ubc * 1.005 for point in revenue_curve(users, fine))
    assert best.revenue_ubc > without_offers(users)


def test_figure_3_1_five_is_the_best_whole_price_and_subscribers_leave_near_six() -> None:
    for seed in range(8):
        curve = revenue_curve(draw_subscribers(seed), COINS)
        assert max(curve, key=lambda point: point.revenue_ubc).price_ubc == 5 * UBC
        assert curve[5].subscriber_share > 0.9
        assert curve[7].subscriber_share < 0.1


def test_a_population_adds_up_to_the_curve() -> None:
    users = draw_subscribers(1)
    point, alone = revenue_curve(users, [3 * UBC])[0], population(users, None)
    with_offers = population(users, 3 * UBC)
    assert sum(with_offers.spent_ubc) == pytest.approx(point.revenue_ubc, abs=100)
    assert sum(with_offers.used_gb) == pytest.approx(point.used_gb)
    assert sum(alone.spent_ubc) == pytest.approx(without_offers(users), abs=100)
    assert sum(with_offers.used_gb) > sum(alone.used_gb)


@pytest.mark.parametrize("seed", range(2))
def test_beside_a_slow_way_that_is_worth_nothing_the_best_price_is_the_same(seed: int) -> None:
    users, nothing = draw_subscribers(seed), Slowness(np.array(0.0), np.array(5.0))
    best = best_price(users, COINS)
    price_ubc, revenue_ubc = best_price_beside_slow(users, nothing, COINS)
    assert price_ubc == best.price_ubc
    assert revenue_ubc == pytest.approx(best.revenue_ubc, abs=2)
    assert without_offers_beside_slow(users, nothing) == pytest.approx(without_offers(users), abs=2)


def test_a_slow_way_takes_overage_from_the_operator_and_no_price_on_a_grid_earns_more() -> None:
    users, slowness = draw_subscribers(0), Slowness(np.array(0.5), np.array(5.0))
    _, revenue = best_price_beside_slow(users, slowness, COINS)
    assert without_offers_beside_slow(users, slowness) < without_offers(users)
    assert without_offers_beside_slow(users, slowness) < revenue < best_price(users, COINS).revenue_ubc
    coins = np.linspace(0, 12, 300)[:, None]
    fine = spending(users, coins, optimum(users, slowness, coins)).sum(axis=1) * UBC
    assert fine.max() <= revenue * 1.005


def test_a_price_is_not_negative() -> None:
    with pytest.raises(AssertionError, match="negative"):
        revenue_curve(draw_subscribers(0, 3), [-1])
    assert np.all(draw_subscribers(0, 3).quota_gb == 2.0)
