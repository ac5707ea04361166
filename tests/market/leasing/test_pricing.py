"""Prices in closed form against a numeric search; Figure 4; the licence holder's best."""

from __future__ import annotations

from math import inf, sqrt

import pytest
from scipy.optimize import minimize_scalar

from market.leasing.pricing import (
    LEADERS_PRICE,
    best_price,
    capped_price,
    cosine_root,
    leaders_optimum,
    price_at_demand,
    service_profit,
    wholesale_of,
)
from market.leasing.users import demand

THOUSAND = [number / 1_001 for number in range(1, 1_001)]


def search(wholesale: float, bandwidth: float = inf) -> float:
    def loss(price: float) -> float:
        return (
            -(price - wholesale) * demand(price)
            if demand(price) <= bandwidth * (1 + 1e-12)
            else 9 * (1 - price)
        )

    found = minimize_scalar(loss, bounds=(wholesale, 1), method="bounded", options={"xatol": 1e-10})
    return float(found.x)


def test_the_closed_form_is_the_numeric_optimum_of_a_thousand_wholesale_prices() -> None:
    worst = max(abs(best_price(wholesale) - search(wholesale)) for wholesale in THOUSAND)
    assert worst < 1e-6
    for wholesale in THOUSAND:
        price = best_price(wholesale)
        assert wholesale < price < 1
        assert 1 - wholesale / price**3 < 0  # the second order
        assert wholesale_of(price) == pytest.approx(wholesale, rel=1e-12)


def test_the_cosine_form_has_its_optimum_at_the_second_root() -> None:
    for wholesale in THOUSAND[::10]:
        assert cosine_root(wholesale, 1) < 0
        assert cosine_root(wholesale, 2) == pytest.approx(best_price(wholesale), abs=1e-7)
        assert cosine_root(wholesale, 3) == pytest.approx(1, abs=1e-7)


def test_figure_4() -> None:
    """p_w = 0.1, gamma = 0.7: mining adds 0.07 and takes nothing from the service."""
    points = {0.01: 0.3708, 0.05: 0.2431, 0.1: 0.1688, 0.15: 0.1229, 0.2: 0.0912}
    for wholesale, profit in points.items():
        assert service_profit(wholesale) == pytest.approx(profit, abs=5.1e-5)
        price = best_price(wholesale)
        assert service_profit(wholesale) == pytest.approx((1 - price) ** 3 / (2 * (1 + price)))
    assert service_profit(1e-12) == pytest.approx(0.5, abs=1e-5)
    assert service_profit(1.0) == service_profit(3.0) == 0


@pytest.mark.parametrize("bandwidth", [0.01, 0.3, 0.7, 1.5, 20.0])
def test_a_cap_on_bandwidth(bandwidth: float) -> None:
    assert demand(price_at_demand(bandwidth)) == pytest.approx(bandwidth, rel=1e-12)
    printed = 1 + bandwidth - sqrt((1 + bandwidth) ** 2 - 1)
    assert price_at_demand(bandwidth) == pytest.approx(printed, rel=1e-9)
    for wholesale in (0.02, 0.15, 0.6):
        price = capped_price(wholesale, bandwidth)
        assert demand(price) <= bandwidth * (1 + 1e-12)
        assert price == max(best_price(wholesale), price_at_demand(bandwidth))
        assert service_profit(wholesale, bandwidth) == pytest.approx((price - wholesale) * demand(price))
        for other in (price * 1.01, price * 1.1, (1 + price) / 2):
            assert (other - wholesale) * demand(other) <= service_profit(wholesale, bandwidth)


@pytest.mark.parametrize("bandwidth", [inf, 5.0, 0.9, 0.3, 0.05])
def test_the_licence_holder_as_leader(bandwidth: float) -> None:
    best = leaders_optimum(bandwidth)
    assert best.revenue == pytest.approx(best.wholesale * best.leased)
    assert best.leased <= bandwidth * (1 + 1e-12)
    for wholesale in THOUSAND:
        leased = min(bandwidth, demand(capped_price(wholesale, bandwidth)))
        assert wholesale * leased <= best.revenue + 1e-12
    if bandwidth > 1:
        assert (best.price, best.wholesale, best.revenue) == pytest.approx(
            (0.28078, 0.12311, 0.11340), abs=1e-5
        )
        assert pytest.approx(1) == 2 * LEADERS_PRICE**2 + 3 * LEADERS_PRICE


def test_what_is_no_price() -> None:
    for wholesale in (0.0, -1.0, 1.0):
        with pytest.raises(AssertionError, match="not within"):
            best_price(wholesale)
    with pytest.raises(AssertionError, match="cannot be sold"):
        price_at_demand(0)
