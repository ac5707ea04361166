"""The micro-operator's best price, and the licence holder's, who knows it.

    p* = (p_s + sqrt(p_s^2 + 8 p_s)) / 4          Proposition 1: (13) has the factor p - 1, which leaves a quadratic
    p_W = 1 + W - sqrt((1 + W)^2 - 1)             at which exactly W is wanted; profit falls above p*, so the higher one

The licence holder's revenue p_s Q(p*(p_s)) is p (1-p)^2 / (1+p) in the price that follows, with its maximum where
2p^2 + 3p = 1. The paper names this leader and does not solve for it.
Reference: micro-operator leasing (001), 4.2, Proposition 1, appendix A. Normalised as in users.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import acos, cos, inf, pi, sqrt

from market.leasing.users import demand

LEADERS_PRICE = (sqrt(17) - 3) / 4
"""The retail price to which the leader leads: 0.28078."""


def best_price(wholesale: float) -> float:
    """p* of p_s, in (p_s, 1)."""
    assert 0 < wholesale < 1, f"a wholesale price of {wholesale} is not within 0 and 1"
    return (wholesale + sqrt(wholesale * (wholesale + 8))) / 4


def wholesale_of(price: float) -> float:
    """The wholesale price to which this retail price is the best answer: 2p^2 / (1+p)."""
    return 2 * price * price / (1 + price)


def cosine_root(wholesale: float, n: int) -> float:
    """(14), with the angle by acos: n = 2 is the optimum, n = 3 is 1, and n = 1 is negative (M1)."""
    phi = acos(max(-1.0, min(1.0, 1 - 54 * wholesale / (2 + wholesale) ** 3)))
    return (1 + wholesale / 2) * (1 + 2 * cos((phi + 2 * pi * n) / 3)) / 3


def price_at_demand(bandwidth: float) -> float:
    """p_W: the price at which users want exactly `bandwidth`."""
    assert bandwidth > 0, f"a bandwidth of {bandwidth} cannot be sold"
    return 1 / (1 + bandwidth + sqrt(bandwidth * (bandwidth + 2)))  # the product of both roots is 1


def capped_price(wholesale: float, bandwidth: float = inf) -> float:
    """The best price where no more than `bandwidth` is leased, (8)."""
    price = best_price(wholesale)
    return price if bandwidth == inf else max(price, price_at_demand(bandwidth))


def service_profit(wholesale: float, bandwidth: float = inf) -> float:
    """F: what service earns at the best price; without a cap (1-p)^3 / (2 (1+p))."""
    if wholesale >= 1:
        return 0.0
    price = capped_price(wholesale, bandwidth)
    return (price - wholesale) * demand(price)


@dataclass(frozen=True, slots=True)
class Leader:
    """What the licence holder asks, what the micro-operator asks then, how much is leased, and for how much."""

    wholesale: float
    price: float
    leased: float
    revenue: float


def leaders_optimum(bandwidth: float = inf) -> Leader:
    """The wholesale price that brings the licence holder most, who has `bandwidth` to lease."""
    price = LEADERS_PRICE if bandwidth == inf else max(LEADERS_PRICE, price_at_demand(bandwidth))
    wholesale, leased = wholesale_of(price), demand(price)
    return Leader(wholesale, price, leased, wholesale * leased)
