"""What the paper prints where it is wrong: for comparison only, each with its counterexample in the tests (M1 to M3).

Reference: micro-operator leasing (001): the sentence after (6), appendix A, Propositions 2 and 3. The texts of formulas
are damaged by extraction: how each was read is said with it.
"""

from __future__ import annotations

from math import atan, cos, log, pi, sqrt

from market.leasing.users import quality


def total_net_utility(price: float, mining: float, redundant: float) -> float:
    """M1: (5) integrated over the ranges as the sentence after (6) names them, which are each other's.

    It says [p, 1] for m > gamma and [(1-gamma)/(1-m) p, 1] for m <= gamma; the integrand is (5) without its 0.
    """
    k = quality(mining, redundant)
    low = price if mining > redundant else (1 - redundant) / (1 - mining) * price

    def integral(v: float) -> float:
        return v * v / 2 * log(k * v / price) - v * v * 3 / 4 + price * v / k

    return integral(1.0) - integral(low)


def price_by_tangent(wholesale: float, n: int = 2) -> float:
    """M1: Proposition 1 with phi by tan^-1, on its principal branch; n = 2 is its (phi + 4 pi)/3."""
    up = 6 * (1 - wholesale) * sqrt(3 * wholesale * (wholesale + 8))
    phi = atan(up / ((2 + wholesale) ** 3 - 54 * wholesale))
    return (1 + wholesale / 2) * (1 + 2 * cos((phi + 2 * pi * n) / 3)) / 3


PRICE_ROOT = 3
"""M1: appendix A calls n = 3 the optimum."""


def high_threshold(price: float, wholesale: float, redundant: float) -> float:
    """M2: Proposition 2's M_h as appendix B uses it, with the (p - p_s) that the statement has lost or left out."""
    return (price - wholesale) / (price * price * (1 - redundant))


def stated_high_threshold(price: float, redundant: float) -> float:
    """M2: the same, as stated: 1 / (p^2 (1 - gamma))."""
    return 1 / (price * price * (1 - redundant))


def low_threshold(price: float, wholesale: float, redundant: float) -> float:
    """M3: Proposition 3's M_l, as stated: (1 - gamma) (p - p_s) (1 - p)."""
    return (1 - redundant) * (price - wholesale) * (1 - price)


def inverse_low_threshold(price: float, wholesale: float, redundant: float) -> float:
    """M3: with (1 - gamma)^-1, which is the slope at gamma, and so no bound on what lies far from it."""
    return (price - wholesale) * (1 - price) / (1 - redundant)
