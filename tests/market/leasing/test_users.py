"""What users want at a price: formulas against sums over users, and where nobody wants anything."""

from __future__ import annotations

from math import inf

import pytest
from scipy.integrate import quad

from market.leasing.users import (
    best_bandwidth,
    best_net_utility,
    demand,
    net_utility,
    quality,
    total_net_utility,
)

CASES = [(price, k) for price in (0.01, 0.1, 0.3, 0.7, 0.95) for k in (1.0, 0.8, 0.4)]


def test_quality_falls_from_the_redundant_part_to_nothing() -> None:
    assert [quality(mining, 0.7) for mining in (0, 0.5, 0.7)] == [1, 1, 1]
    assert quality(0.85, 0.7) == pytest.approx(0.5)
    assert quality(1, 0.7) == 0
    for mining, redundant in ((-0.1, 0.5), (1.1, 0.5), (0.5, 1.0), (0.5, -0.1)):
        with pytest.raises(AssertionError):
            quality(mining, redundant)


@pytest.mark.parametrize(("price", "k"), CASES)
def test_nobody_does_better_than_with_the_best_bandwidth(price: float, k: float) -> None:
    for kind in (0.05, 0.3, 0.6, 1.0):
        best = best_bandwidth(kind, price, k)
        assert net_utility(kind, best, price, k) == pytest.approx(best_net_utility(kind, price, k), abs=1e-12)
        for other in (0.0, best * 0.9, best * 1.1, best + 0.01):
            assert net_utility(kind, other, price, k) <= best_net_utility(kind, price, k) + 1e-12


@pytest.mark.parametrize(("price", "k"), CASES)
def test_sums_over_all_users(price: float, k: float) -> None:
    kink = [min(1.0, price / k)]
    wanted, _ = quad(lambda kind: best_bandwidth(kind, price, k), 0, 1, points=kink)
    worth, _ = quad(lambda kind: best_net_utility(kind, price, k), 0, 1, points=kink)
    assert demand(price, k) == pytest.approx(wanted, abs=1e-9)
    assert total_net_utility(price, k) == pytest.approx(worth, abs=1e-9)


def test_from_the_highest_type_on_nobody_wants_anything() -> None:
    """Where the printed (11) rises again: its last term is the larger one."""
    printed = 1 / (2 * 2.0) - 1 / 0.5 + 2.0 / (2 * 0.5**2)
    assert printed > 0
    assert (demand(2.0, 0.5), total_net_utility(2.0, 0.5), best_net_utility(1, 2.0, 0.5)) == (0, 0, 0)
    assert (demand(0.5, 0.5), total_net_utility(0.1, 0.0), best_bandwidth(1, 0.1, 0.0)) == (0, 0, 0)


@pytest.mark.parametrize("price", [0.0, -0.1, -inf])
def test_a_price_is_above_nothing(price: float) -> None:
    for function in (demand, total_net_utility):
        with pytest.raises(AssertionError, match="everybody wants everything"):
            function(price)
