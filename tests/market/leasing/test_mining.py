"""The regimes of mining: closed forms against grids over price and mining, with and without a cap on bandwidth."""

from __future__ import annotations

import random
from math import inf

import numpy as np
import pytest

from market.leasing.mining import Market, Regime, best_answer, profit, thresholds
from market.leasing.pricing import best_price, service_profit
from market.leasing.users import demand, total_net_utility

POINT = Market(0.15, 0.7)
WHOLESALES = (0.02, 0.05, 0.1, 0.15, 1 / 6, 0.2, 0.3, 0.6)
REDUNDANT = (0.5, 0.7, 0.9)


def grid(market: Market, minings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each mining (above gamma) the best profit of service over a grid of prices."""
    k = ((1 - minings) / (1 - market.redundant))[:, None]
    prices = np.linspace(market.wholesale, 1, 3_001)[None, 1:-1] * np.ones_like(k)
    with np.errstate(divide="ignore", invalid="ignore"):
        leased = np.where(prices < k, (1 - prices / k) ** 2 / (2 * prices), 0.0)
    earned = np.where(leased <= market.bandwidth, (prices - market.wholesale) * leased, 0.0)
    return minings, earned.max(axis=1)


@pytest.mark.parametrize("redundant", REDUNDANT)
@pytest.mark.parametrize("wholesale", WHOLESALES)
def test_thresholds_are_those_of_a_grid_over_price_and_mining(wholesale: float, redundant: float) -> None:
    """A reward at which the grid changes its best mining, by halving, against M_l and M_h."""
    market = Market(wholesale, redundant)
    minings, earned = grid(market, np.linspace(redundant, 1, 1_201))
    marks = thresholds(market)

    def first(change: float) -> float:
        """The least reward whose best mining is at least `change`."""
        low, high = 0.0, 50.0
        for _ in range(50):
            middle = (low + high) / 2
            best = minings[int(np.argmax(earned + minings * middle))]
            low, high = (low, middle) if best >= change else (middle, high)
        return high

    assert first(1.0) == pytest.approx(marks.high, rel=1e-3)
    step = (1 - redundant) / 1_200
    inner = redundant + 20 * step  # a grid cannot see a smaller step apart from its own noise
    a_little = best_answer(market, first(inner) * (1 + 1e-3)).mining
    assert a_little >= inner - 12 * step
    assert best_answer(market, marks.low * 0.999).mining == redundant


def test_closed_forms() -> None:
    for redundant in REDUNDANT:
        for wholesale in WHOLESALES:
            marks, price = thresholds(Market(wholesale, redundant)), best_price(wholesale)
            if wholesale < 1 / 6:
                low = (price - wholesale) * (1 - price) / (1 - redundant)
                assert marks.low == pytest.approx(low, rel=1e-12)
                assert marks.low == pytest.approx(wholesale * demand(price) / (1 - redundant), rel=1e-9)
                assert marks.high == pytest.approx(1 / (54 * wholesale * (1 - redundant)), rel=1e-9)
                assert marks.low < marks.high
            else:
                jump = service_profit(wholesale) / (1 - redundant)
                assert (marks.low, marks.high) == pytest.approx((jump, jump), rel=1e-9)


def test_the_papers_operating_point() -> None:
    marks = thresholds(POINT)
    assert (marks.low, marks.high) == pytest.approx((0.37487, 100 / 243), abs=5e-6)
    idle = best_answer(POINT, 0.1)
    assert (idle.regime, idle.mining, idle.price) == (Regime.SERVICE, 0.7, best_price(0.15))
    assert (idle.leased, idle.users_utility) == pytest.approx((0.74974, 0.11859), abs=5e-6)
    assert idle.profit == pytest.approx(0.12289 + 0.07, abs=5e-6)
    shared = best_answer(POINT, marks.high * (1 - 1e-9))
    assert shared.regime is Regime.SHARED
    assert (shared.mining, shared.users_utility) == pytest.approx((0.73, 0.105), abs=2e-4)
    mining = best_answer(POINT, marks.high * (1 + 1e-9))
    assert (mining.regime, mining.mining, mining.price) == (Regime.MINING, 1, None)
    assert (mining.leased, mining.users_utility) == (0, 0)
    assert mining.profit == pytest.approx(shared.profit, rel=1e-6)  # nothing is lost at the jump itself


def test_figure_3_has_its_shape() -> None:
    """Users' utility is flat, falls a little, and is gone."""
    utilities = [best_answer(POINT, reward / 1_000).users_utility for reward in range(500)]
    flat, falling, gone = utilities[:374], utilities[375:412], utilities[412:]
    assert set(flat) == {utilities[0]}
    assert falling == sorted(falling, reverse=True)
    assert 0.104 < falling[-1] < falling[0] < 0.1187
    assert set(gone) == {0.0}


@pytest.mark.parametrize("bandwidth", [0.1, 0.5, 0.745, 0.8, 2.0])
@pytest.mark.parametrize("wholesale", [0.01, 0.15, 0.25])
def test_with_a_cap_no_point_of_a_grid_is_better(wholesale: float, bandwidth: float) -> None:
    market = Market(wholesale, 0.7, bandwidth)
    minings, earned = grid(market, np.linspace(0.7, 1, 401))
    for part in (0.3, 0.8, 0.97, 1.05):
        reward = part * thresholds(market).high
        answer, most = best_answer(market, reward), float((earned + minings * reward).max())
        assert most - 1e-12 <= answer.profit <= most + 2e-3 * answer.profit + 1e-4
        assert answer.leased <= bandwidth * (1 + 1e-9)
        if answer.price is not None:
            again = profit(market, answer.mining, answer.price * (1 + 1e-9), reward)
            assert again == pytest.approx(answer.profit, rel=1e-6)
            k = (1 - answer.mining) / 0.3
            assert answer.users_utility == pytest.approx(total_net_utility(answer.price, k), rel=1e-9)


@pytest.mark.parametrize("seed", range(40))
def test_no_quality_earns_more_in_any_market(seed: int) -> None:
    chance = random.Random(seed)
    cap = chance.choice([inf, chance.uniform(0.03, 4), chance.uniform(0.03, 0.5)])
    market = Market(chance.uniform(0.005, 0.8), chance.uniform(0, 0.95), cap)
    reward = chance.uniform(0, 1.2) * thresholds(market).high
    answer, idle = best_answer(market, reward), 1 - market.redundant
    most = reward
    for number in range(1, 1_001):
        k = number / 1_000
        earned = service_profit(market.wholesale / k, cap * k) + (1 - k * idle) * reward
        most = max(most, earned)
        assert earned <= answer.profit + 1e-12
    assert answer.profit == pytest.approx(most, rel=1e-4)
    assert (answer.regime is Regime.MINING) == (reward > thresholds(market).high)


def test_any_price_and_mining() -> None:
    assert profit(POINT, 1.0, 0.3, 0.4) == 0.4
    assert profit(Market(0.15, 0.7, 0.1), 0.7, 0.3, 0.4) == -inf
    for market in (
        lambda: Market(0, 0.5),
        lambda: Market(1, 0.5),
        lambda: Market(0.1, 1),
        lambda: Market(0.1, 0, 0),
    ):
        with pytest.raises(AssertionError):
            market()
