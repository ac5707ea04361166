"""The monthly model: what users of a quota plan make of n offers at a price, exactly.

A user has x GB on the plan and takes a share beta of n offers of xm GB each:

    u = C1 x^(1-a)/(1-a) + beta n [C2 xm^(1-a)/(1-a) - rho] - eta - p (x - d)+,   x + beta n xm <= gamma

The optimum fills x up to where its next GB is worth what a GB of an offer is, and no further (water-filling). It
replaces Lemma 1 and Table 3.2, which are in printed_monthly.py. Who may be slowed down instead of buying overage is in
monthly_throttling.py.
Reference: 003 3.3; S1, S3. Units: GB, coins (floats: a model), prices in micro-bandcoin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wire.units import UBC_PER_BANDCOIN

UBC = UBC_PER_BANDCOIN
"""Micro-bandcoin in a coin. A coin stands for a dollar of the thesis."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Subscribers:
    """Users as arrays that broadcast against each other: one element for each user, or a scalar for all.

    `alpha` is a, in [0, 1): how fast a further GB loses value. `plan_value` is C1, `offer_value` C2. `session_gb` is
    xm, `quota_gb` d, `most_gb` gamma. `overage_coins` is p for each GB, `fee_coins` eta. `offers` is n.
    """

    alpha: Floats
    plan_value: Floats
    offer_value: Floats
    session_gb: Floats
    quota_gb: Floats
    most_gb: Floats
    overage_coins: Floats
    fee_coins: Floats
    offers: Floats
    label: str = "by hand"
    """Where they came from, and that they are synthetic if they are; every result repeats it."""

    def __post_init__(self) -> None:
        assert np.all((self.alpha >= 0) & (self.alpha < 1)), "a lies in [0, 1)"
        assert np.all(self.session_gb > 0), "a session carries something"
        assert np.all(self.offers >= 0), "n counts offers"
        assert np.all(self.quota_gb > 0), "a plan has a quota"
        assert np.all(self.overage_coins > 0), "an overage costs something"
        assert np.all(self.most_gb >= self.alone_gb()), "gamma is at least what is used without offers"

    def alone_gb(self) -> Floats:
        """Use of the plan where nothing is offered: max(d, (C1/p)^(1/a))."""
        return np.maximum(self.quota_gb, level(self.plan_value, self.overage_coins, self.alpha))

    def session_worth(self) -> Floats:
        """C2 xm^(1-a)/(1-a), in coins: the most that a user pays for an offer."""
        return np.asarray(self.offer_value * fair(self.session_gb, self.alpha))


@dataclass(frozen=True, slots=True)
class Usage:
    """What each user does: x on the plan, and beta of the offers."""

    plan_gb: Floats
    share: Floats


def fair(amount: Floats, alpha: Floats) -> Floats:
    """amount^(1-a)/(1-a)."""
    return np.asarray(np.power(amount, 1 - alpha) / (1 - alpha))


def level(value: Floats, marginal: Floats, alpha: Floats) -> Floats:
    """The GB at which value x^-a has fallen to `marginal`; infinite where it never does (also for a of 0)."""
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(np.power(value / marginal, np.divide(1.0, alpha)))


def optimum(users: Subscribers, price_coins: Floats, *, for_the_operator: bool = True) -> Usage:
    """The best (x, beta) at a price that broadcasts against the users.

    Who gains nothing by an offer is indifferent. `for_the_operator` says that he takes them, so that the operator's
    best price exists (S3: else it is a supremum); otherwise he does not.
    """
    gain = (users.session_worth() - price_coins) / users.session_gb
    takes = gain >= 0 if for_the_operator else gain > 0
    gain = np.maximum(gain, 0)
    alone = users.alone_gb()
    balanced = _balanced(users, gain)
    offered = users.offers * users.session_gb
    room = users.most_gb - balanced
    short = room > offered  # all offers are taken and do not reach
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(offered > 0, room / offered, 0.0)
    share = np.where(takes & (offered > 0), np.where(short, 1.0, part), 0.0)
    plan = np.where(short, np.minimum(alone, users.most_gb - offered), balanced)
    return Usage(np.where(takes, plan, alone), np.asarray(share))


def _balanced(users: Subscribers, gain: Floats) -> Floats:
    """X where a GB on the plan is worth what a GB of an offer gains, overage or not; the quota lies between."""
    over = level(users.plan_value, users.overage_coins + gain, users.alpha)
    within = level(users.plan_value, gain, users.alpha)
    return np.asarray(np.where(over >= users.quota_gb, over, np.minimum(users.quota_gb, within)))


def utility(users: Subscribers, price_coins: Floats, usage: Usage) -> Floats:
    """(3.1), in coins. It does not look whether the usage is allowed."""
    offers = usage.share * users.offers * (users.session_worth() - price_coins)
    return np.asarray(
        users.plan_value * fair(usage.plan_gb, users.alpha) + offers - spending(users, 0.0, usage)
    )


def spending(users: Subscribers, price_coins: Floats | float, usage: Usage) -> Floats:
    """What each user pays, in coins: fee, overage, offers. Summed, it is (3.12)."""
    overage = users.overage_coins * np.maximum(usage.plan_gb - users.quota_gb, 0)
    return np.asarray(users.fee_coins + overage + usage.share * users.offers * price_coins)


def total_gb(users: Subscribers, usage: Usage) -> Floats:
    """Plan and offers together."""
    return np.asarray(usage.plan_gb + usage.share * users.offers * users.session_gb)
