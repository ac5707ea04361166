"""Revenue over prices: what it is made of, where it is best, and that the line search misses no jump."""

from __future__ import annotations

import numpy as np
import pytest

from market.sdo.monthly import UBC
from market.sdo.monthly_price import best_price, population, revenue_curve, without_offers
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


def test_a_price_is_not_negative() -> None:
    with pytest.raises(AssertionError, match="negative"):
        revenue_curve(draw_subscribers(0, 3), [-1])
    assert np.all(draw_subscribers(0, 3).quota_gb == 2.0)
