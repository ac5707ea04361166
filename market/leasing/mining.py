"""How much a micro-operator mines: the true map of regimes in the reward, where Propositions 2 and 3 fail (M2, M3).

Beyond the redundant part gamma, mining makes users' quality k = (1-m)/(1-gamma). In q = p/k the joint problem is the
old one with the wholesale price s = p_s/k and the bandwidth k W, so that

    profit(m) = G(k) + m p_w,   G(k) = max over q of (q - p_s/k) Q(q),  Q(q) <= k W

Without a cap G is concave from k = 1 down to where 3q^2 + 4q = 3, and convex below; where the cap binds it is concave.
So the best m is gamma, or where G'(k) = (1-gamma) p_w, or 1, and from the second to the third it rises in a jump, where
a line through the origin touches G: at q = 1/3 without a cap, and always at k > 5.8 p_s, within the concave part.

    M_l = G'(1)/(1-gamma)                 from here on service is cut;    = p_s Q(p*)/(1-gamma) without a cap
    M_h = max over k of G(k)/k/(1-gamma)  here it ends, at once;          = 1/(54 p_s (1-gamma)) for p_s < 1/6
    p_s >= 1/6, no cap: no regime between; M_h = F(p_s)/(1-gamma) is the one jump

with G' = p_s Q(q)/k^2, and W 2q^2/(1+q) where the cap binds. The paper has no cap here, and other thresholds.
Reference: micro-operator leasing (001), (1), (10), Propositions 2 and 3. Normalised as in users.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import inf, sqrt

from market.leasing.pricing import best_price, capped_price, service_profit
from market.leasing.users import demand, quality, total_net_utility

_HALVINGS = 200
_CONCAVE_UP_TO = (sqrt(13) - 2) / 3
"""The effective price from which G is convex without a cap: 0.535, at k = 2.7 p_s."""


class Regime(Enum):
    """What the micro-operator does with its computers."""

    SERVICE = "service"
    SHARED = "shared"
    MINING = "mining"


@dataclass(frozen=True, slots=True)
class Market:
    """p_s, gamma and W: what the micro-operator pays, how much of its computers is idle, and what it can lease."""

    wholesale: float
    redundant: float
    bandwidth: float = inf

    def __post_init__(self) -> None:
        assert 0 < self.wholesale < 1, f"a wholesale price of {self.wholesale} is not within 0 and 1"
        assert 0 <= self.redundant < 1, f"redundant {self.redundant} is no part below 1"
        assert self.bandwidth > 0, f"a bandwidth of {self.bandwidth} cannot be leased"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Rewards at which the best answer changes: up to `low` only idle computers mine, above `high` all do."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The micro-operator's best answer to a reward; `price` is None where it serves nobody."""

    regime: Regime
    mining: float
    price: float | None
    leased: float
    profit: float
    users_utility: float


def thresholds(market: Market) -> Thresholds:
    """M_l and M_h; the same number twice where there is one jump."""
    idle = 1 - market.redundant
    k = _falling_root(market, lambda k: _slope(market, k) * k - _worth(market, k))
    high = _worth(market, k) / k / idle
    return Thresholds(min(_slope(market, 1.0) / idle, high), high)


def best_answer(market: Market, reward: float) -> Answer:
    """What earns most at the reward p_w; at a threshold itself, less mining."""
    marks = thresholds(market)
    if reward > marks.high:
        return Answer(Regime.MINING, 1.0, None, 0.0, reward, 0.0)
    cost = (1 - market.redundant) * reward
    k = 1.0 if reward <= marks.low else _falling_root(market, lambda k: _slope(market, k) - cost)
    mining = 1 - k * (1 - market.redundant)
    price = k * _price(market, k)
    return Answer(
        Regime.SERVICE if k == 1 else Regime.SHARED, mining, price, demand(price, k),
        _worth(market, k) + mining * reward, total_net_utility(price, k),
    )  # fmt: skip


def profit(market: Market, mining: float, price: float, reward: float) -> float:
    """(1) at any price and any mining, for whoever wants to search: nothing is leased above the cap."""
    k = quality(mining, market.redundant)
    leased = demand(price, k) if k else 0.0
    if leased > market.bandwidth:
        return -inf
    return (price - market.wholesale) * leased + mining * reward


def _price(market: Market, k: float) -> float:
    """The best q at the quality k."""
    return capped_price(market.wholesale / k, market.bandwidth * k)


def _worth(market: Market, k: float) -> float:
    """G."""
    return service_profit(market.wholesale / k, market.bandwidth * k)


def _slope(market: Market, k: float) -> float:
    """G'."""
    q, wholesale = _price(market, k), market.wholesale
    if q > best_price(wholesale / k):
        return market.bandwidth * 2 * q * q / (1 + q)
    return wholesale * demand(q) / (k * k)


def _falling_root(market: Market, function: Callable[[float], float]) -> float:
    """Where a function that falls in k over the concave part changes its sign there; one of the ends if nowhere."""
    low, high = _least_quality(market), 1.0
    if low >= high or function(high) >= 0:
        return high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) >= 0 else (low, middle)
    return low


def _least_quality(market: Market) -> float:
    """A k down to which G is concave and below that of any jump: where q would be `_CONCAVE_UP_TO` without a cap."""
    q = _CONCAVE_UP_TO
    return market.wholesale * (1 + q) / (2 * q * q)
