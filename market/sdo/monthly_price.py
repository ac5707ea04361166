"""The operator's price of the monthly model: revenue, subscribers and usage over prices, and the best price.

Revenue falls by a jump where a price passes what somebody's session is worth, so the search looks at the last price
before each jump as well as at the prices that are asked for (S3). Users who may be slow (monthly_throttling.py) stop
at no later price, as an offer gains them less then.
Reference: 003 3.3.3, (3.12), Figures 3.1, 3.2, 3.6, 3.7. Units: micro-bandcoin; GB as floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from market.sdo import monthly_throttling
from market.sdo.monthly import UBC, Floats, Subscribers, optimum, spending, total_gb
from market.sdo.monthly_throttling import Slowness


@dataclass(frozen=True, slots=True)
class MonthlyPoint:
    """What a price does: revenue of all users, the share of them whom an offer gains something, offers taken."""

    price_ubc: int
    revenue_ubc: int
    subscriber_share: float
    offers_taken: float
    used_gb: float
    label: str


@dataclass(frozen=True, slots=True)
class Population:
    """Each user's month, for a distribution: GB in all, and what was spent."""

    used_gb: tuple[float, ...]
    spent_ubc: tuple[int, ...]
    label: str


def revenue_curve(users: Subscribers, prices_ubc: Sequence[int]) -> list[MonthlyPoint]:
    """A point for each price, in the order in which they are asked for."""
    assert all(price >= 0 for price in prices_ubc), "a price is not negative"
    coins = np.array(prices_ubc, dtype=np.float64)[:, None] / UBC
    usage = optimum(users, coins)
    count = usage.share.shape[1]
    revenue = spending(users, coins, usage).sum(axis=1)
    gains = np.broadcast_to(users.session_worth() >= coins, usage.share.shape)
    taken = np.broadcast_to(usage.share * users.offers, usage.share.shape).sum(axis=1)
    used = total_gb(users, usage).sum(axis=1)
    return [
        MonthlyPoint(
            price,
            _ubc(revenue[k]),
            float(gains[k].sum()) / count,
            float(taken[k]),
            float(used[k]),
            users.label,
        )
        for k, price in enumerate(prices_ubc)
    ]


def best_price(users: Subscribers, prices_ubc: Sequence[int]) -> MonthlyPoint:
    """The price of most revenue among those asked for and the last before each user stops; the lowest of equals."""
    candidates = _candidates(users, prices_ubc)
    return max(revenue_curve(users, candidates), key=lambda point: (point.revenue_ubc, -point.price_ubc))


def best_price_beside_slow(
    users: Subscribers, slowness: Slowness, prices_ubc: Sequence[int]
) -> tuple[int, int]:
    """The same price, and its revenue, where users may be slow instead of buying overage. Both in micro-bandcoin."""
    candidates = _candidates(users, prices_ubc)
    coins = np.array(candidates, dtype=np.float64)[:, None] / UBC
    usage = monthly_throttling.optimum(users, slowness, coins)
    revenue = [_ubc(each) for each in monthly_throttling.spending(users, coins, usage).sum(axis=1)]
    best = max(range(len(candidates)), key=lambda k: (revenue[k], -candidates[k]))
    return candidates[best], revenue[best]


def without_offers_beside_slow(users: Subscribers, slowness: Slowness) -> int:
    """Revenue, in micro-bandcoin, where nothing is offered, but overage and slowness."""
    none = replace(users, offers=np.zeros_like(users.offers))
    usage = monthly_throttling.optimum(none, slowness, np.array([0.0]))
    return _ubc(monthly_throttling.spending(none, 0.0, usage).sum())


def without_offers(users: Subscribers) -> int:
    """Revenue, in micro-bandcoin, where nothing is offered."""
    return _ubc(_alone(users).sum())


def population(users: Subscribers, price_ubc: int | None) -> Population:
    """Figures 3.6 and 3.7 at a price, or without offers (None)."""
    if price_ubc is None:
        used, spent = np.broadcast_arrays(users.alone_gb(), _alone(users))
    else:
        coins = np.array([price_ubc / UBC])
        usage = optimum(users, coins)
        used, spent = total_gb(users, usage), spending(users, coins, usage)
    return Population(tuple(float(each) for each in used), tuple(_ubc(each) for each in spent), users.label)


def _candidates(users: Subscribers, prices_ubc: Sequence[int]) -> list[int]:
    """What is asked for, and the last price before each user stops."""
    jumps = np.floor(np.atleast_1d(users.session_worth()) * UBC).astype(np.int64)
    return sorted({*prices_ubc, *(int(jump) for jump in jumps if jump >= 0)})


def _alone(users: Subscribers) -> Floats:
    over = np.maximum(users.alone_gb() - users.quota_gb, 0)
    shape = np.broadcast_shapes(over.shape, np.shape(users.offers), np.shape(users.fee_coins))
    return np.array(np.broadcast_to(users.fee_coins + users.overage_coins * over, shape))


def _ubc(coins: float) -> int:
    """Whole micro-bandcoin, to the nearest: a sum that a model found, and nobody's price."""
    return round(float(coins) * UBC)
