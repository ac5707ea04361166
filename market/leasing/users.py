"""What users of a micro-operator want at a price: demand, and what they have of it.

A user of type v, uniform on [0, 1], has v ln(1 + k b) of bandwidth b and pays p for each unit. k is the quality that
the operator's computers leave: 1 as long as mining takes no more than the redundant part gamma, then less, 0 at m = 1.
Everything is normalised as the paper has it: one unit of bandwidth, the highest type and the number of users are 1.
Reference: micro-operator leasing (001), (2) to (6), (9), (11), each derived again.
"""

from __future__ import annotations

from math import inf, log


def quality(mining: float, redundant: float) -> float:
    """The k of m and gamma: 1 up to gamma, then falling to 0 at m = 1."""
    assert 0 <= mining <= 1, f"mining {mining} is no part of 1"
    assert 0 <= redundant < 1, f"redundant {redundant} is no part below 1"
    return 1.0 if mining <= redundant else (1 - mining) / (1 - redundant)


def net_utility(kind: float, bandwidth: float, price: float, k: float = 1.0) -> float:
    """(3): what `bandwidth` is worth to a user of type v, less what it pays."""
    return kind * log(1 + k * bandwidth) - price * bandwidth


def best_bandwidth(kind: float, price: float, k: float = 1.0) -> float:
    """(4): v/p - 1/k, and none for whoever is worth less than p/k."""
    _check_price(price)
    return kind / price - 1 / k if k and kind >= price / k else 0.0


def best_net_utility(kind: float, price: float, k: float = 1.0) -> float:
    """(5): net utility at the best bandwidth."""
    if best_bandwidth(kind, price, k) == 0:
        return 0.0
    return kind * log(k * kind / price) - kind + price / k


def demand(price: float, k: float = 1.0) -> float:
    """Q, (9) and (11): 1/(2p) - 1/k + p/(2k^2), which the print has too, but 0 from p = k on."""
    _check_price(price)
    if price >= k:
        return 0.0
    return (1 - price / k) ** 2 / (2 * price)


def total_net_utility(price: float, k: float = 1.0) -> float:
    """U, (6): of all users, with q = p/k: q - q^2/4 - ln(q)/2 - 3/4; 0 from q = 1 on."""
    _check_price(price)
    q = price / k if k else inf
    return q - q * q / 4 - log(q) / 2 - 0.75 if q < 1 else 0.0


def _check_price(price: float) -> None:
    assert price > 0, f"a price of {price}: at 0 everybody wants everything"
