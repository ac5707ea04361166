"""Faults M1 to M3: each printed form stands in market/leasing/paper.py, fails here, and ours does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scipy.integrate import quad

from market.leasing import paper
from market.leasing.mining import Market, Regime, best_answer, thresholds
from market.leasing.pricing import best_price, cosine_root, service_profit
from market.leasing.users import best_net_utility, quality, total_net_utility


def test_m1_the_ranges_of_integration_are_each_others() -> None:
    """Users who buy nothing are counted, above gamma and below it, with what is nobody's utility."""
    for mining, ours, printed in ((0.8, 0.04863, 0.05000), (0.5, 0.12949, 0.13056)):
        k = quality(mining, 0.7)
        true, _ = quad(lambda kind, k=k: best_net_utility(kind, 0.3, k), 0, 1, points=[0.3 / k])
        assert total_net_utility(0.3, k) == pytest.approx(true, abs=1e-9)
        assert total_net_utility(0.3, k) == pytest.approx(ours, abs=1e-5)
        assert paper.total_net_utility(0.3, mining, 0.7) == pytest.approx(printed, abs=1e-5)
        assert printed > true + 1e-3


def test_m1_the_third_root_is_no_price_to_sell_at() -> None:
    assert cosine_root(0.15, paper.PRICE_ROOT) == pytest.approx(1)
    assert cosine_root(0.15, 2) == pytest.approx(best_price(0.15))
    assert service_profit(0.15) > 0.12  # at a price of 1 nobody buys


def test_m1_the_principal_branch_of_the_tangent_gives_a_negative_price() -> None:
    assert paper.price_by_tangent(0.15) == pytest.approx(best_price(0.15))
    assert paper.price_by_tangent(0.2) == pytest.approx(-0.267, abs=1e-3)
    assert best_price(0.2) == pytest.approx(0.3702, abs=1e-4)
    low, high = 0.15, 0.2
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if paper.price_by_tangent(middle) > 0 else (low, middle)
    assert low == pytest.approx(0.19615, abs=1e-5)


def test_m2_the_high_threshold_is_far_above_the_reward_that_ends_service() -> None:
    price = best_price(0.15)
    assert paper.stated_high_threshold(price, 0.7) == pytest.approx(33.8, abs=0.05)
    assert paper.high_threshold(price, 0.15, 0.7) == pytest.approx(5.54, abs=0.01)
    assert thresholds(Market(0.15, 0.7)).high == pytest.approx(0.4115, abs=1e-4)
    reward = 0.45
    assert reward < paper.high_threshold(price, 0.15, 0.7)  # so it would serve users
    assert service_profit(0.15) + 0.7 * reward == pytest.approx(0.438, abs=1e-3)
    assert best_answer(Market(0.15, 0.7), reward).profit == reward
    assert best_answer(Market(0.15, 0.7), reward).regime is Regime.MINING


@pytest.mark.parametrize(
    ("threshold", "redundant", "wholesale", "reward", "at", "served"),
    [
        (paper.low_threshold, 0.3, 0.5, 0.030, 0.0353, 0.0232),
        (paper.inverse_low_threshold, 0.7, 0.3, 0.200, 0.2997, 0.1908),
    ],
)
def test_m3_below_the_low_threshold_service_may_be_dear(
    threshold: Callable[[float, float, float], float],
    redundant: float,
    wholesale: float,
    reward: float,
    at: float,
    served: float,
) -> None:
    """Neither form: each says that only idle computers mine, and mining alone earns more."""
    price = best_price(wholesale)
    assert threshold(price, wholesale, redundant) == pytest.approx(at, abs=1e-4)
    assert reward < at
    assert service_profit(wholesale) + redundant * reward == pytest.approx(served, abs=1e-4)
    assert reward > served
    assert best_answer(Market(wholesale, redundant), reward).regime is Regime.MINING


def test_m3_the_low_threshold_contradicts_figure_4() -> None:
    """Its caption has p_w = 0.1 below M_l at gamma = 0.7; as printed M_l is 0.034 there."""
    price = best_price(0.15)
    assert paper.low_threshold(price, 0.15, 0.7) == pytest.approx(0.034, abs=1e-3)
    assert thresholds(Market(0.15, 0.7)).low > 0.1
    assert thresholds(Market(0.00213, 0.7)).low == pytest.approx(0.1, abs=1e-3)
