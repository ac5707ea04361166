"""The monthly model of a plan that slows down as well as selling overage: exactly, as a month's fourth choice.

Above the quota a GB may be bought (p), taken slowly for nothing, or carried by an offer. A slow GB is worth a part k of
a quick one, and a month of 128 kbit/s carries so many of them:

    u = C1 (x + k z)^(1-a)/(1-a) + beta n [C2 xm^(1-a)/(1-a) - rho] - eta - p (x - d)+
    x + z + beta n xm <= gamma,   0 <= z <= Z,   k in [0, 1)

Nobody is slow while quota is left: a quick GB of the quota costs as little and is worth more. So the problem is
concave, and its optimum lies where each of x, z and beta is at an end or balanced against another: few candidates, each
in closed form, and the best of them. With k = 0 it is monthly.py's.
Reference: 003 3.3 has overage alone; a large operator had the slow way in 2016. Units as in monthly.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from market.sdo import monthly
from market.sdo.monthly import Floats, Subscribers, Usage, fair, level

AS_GOOD = 1e-9
"""Utilities that differ by less than this part are equal: then the operator has what he earns more by (S3)."""


@dataclass(frozen=True, slots=True)
class Slowness:
    """`worth` is k: what a slow GB is worth beside a quick one. `most_gb` is Z: what a month can carry of them."""

    worth: Floats
    most_gb: Floats

    def __post_init__(self) -> None:
        assert np.all((self.worth >= 0) & (self.worth < 1)), "a slow GB is worth less than a quick one"
        assert np.all(self.most_gb >= 0), "a month carries no less than nothing"


@dataclass(frozen=True, slots=True)
class SlowUsage:
    """What each user does: x on the plan, z slowly, beta of the offers."""

    plan_gb: Floats
    slow_gb: Floats
    share: Floats


def optimum(users: Subscribers, slowness: Slowness, price_coins: Floats) -> SlowUsage:
    """The best (x, z, beta) at a price that broadcasts against the users; of equals the one that pays most."""
    found = [
        _allowed(users, slowness, price_coins, each) for each in _candidates(users, slowness, price_coins)
    ]
    worth = np.stack([each for _, each in found])
    paid = np.stack(
        [np.broadcast_to(spending(users, price_coins, each), worth[0].shape) for each, _ in found]
    )
    best = worth.max(axis=0)
    chosen = np.where(worth >= best - AS_GOOD * np.maximum(np.abs(best), 1), paid, -np.inf).argmax(axis=0)

    def pick(what: str) -> Floats:
        rows = np.stack([np.broadcast_to(getattr(each, what), worth[0].shape) for each, _ in found])
        return np.asarray(np.take_along_axis(rows, chosen[None], axis=0)[0])

    return SlowUsage(pick("plan_gb"), pick("slow_gb"), pick("share"))


def utility(users: Subscribers, slowness: Slowness, price_coins: Floats, usage: SlowUsage) -> Floats:
    """In coins. It does not look whether the usage is allowed."""
    quick_gb = usage.plan_gb + slowness.worth * usage.slow_gb
    offers = usage.share * users.offers * (users.session_worth() - price_coins)
    return np.asarray(users.plan_value * fair(quick_gb, users.alpha) + offers - spending(users, 0.0, usage))


def spending(users: Subscribers, price_coins: Floats | float, usage: SlowUsage) -> Floats:
    """What each user pays, in coins: fee, overage, offers; being slow costs nothing."""
    return monthly.spending(users, price_coins, Usage(usage.plan_gb, usage.share))


def total_gb(users: Subscribers, usage: SlowUsage) -> Floats:
    """Quick, slow and by offers."""
    return np.asarray(usage.plan_gb + usage.slow_gb + usage.share * users.offers * users.session_gb)


def _candidates(users: Subscribers, slowness: Slowness, price_coins: Floats) -> Iterator[SlowUsage]:
    """Wherever an optimum can lie: never slow; or slow, with the quota used up."""
    plain = monthly.optimum(users, price_coins)
    yield SlowUsage(plain.plan_gb, np.zeros_like(plain.plan_gb), plain.share)
    gain = np.maximum((users.session_worth() - price_coins) / users.session_gb, 0)
    most_gb = users.offers * users.session_gb
    for offered_gb in (np.zeros_like(most_gb), most_gb):
        yield _with(users, _room_to_spare(users, slowness), slowness.most_gb, offered_gb)
        slow_gb = _slow_beside_overage(users, slowness, offered_gb)
        yield _with(users, users.most_gb - offered_gb - slow_gb, slow_gb, offered_gb)
    slow_gb = _slow_beside_offers(users, slowness, gain)
    yield _with(users, users.quota_gb, slow_gb, users.most_gb - users.quota_gb - slow_gb)
    plan_gb = _overage_beside_offers(users, slowness, gain)
    yield _with(users, plan_gb, slowness.most_gb, users.most_gb - plan_gb - slowness.most_gb)


def _room_to_spare(users: Subscribers, slowness: Slowness) -> Floats:
    """GB on the plan where all that can be slow is, and gamma does not bind."""
    wanted_gb = level(users.plan_value, users.overage_coins, users.alpha) - slowness.worth * slowness.most_gb
    return np.maximum(users.quota_gb, wanted_gb)


def _slow_beside_overage(users: Subscribers, slowness: Slowness, offered_gb: Floats) -> Floats:
    """GB that are slow where gamma binds and a slow GB takes the place of one that is bought."""
    room_gb = users.most_gb - offered_gb
    quick_gb = level(users.plan_value, users.overage_coins / (1 - slowness.worth), users.alpha)
    most_gb = np.maximum(np.minimum(slowness.most_gb, room_gb - users.quota_gb), 0)
    return np.clip((room_gb - quick_gb) / (1 - slowness.worth), 0, most_gb)


def _slow_beside_offers(users: Subscribers, slowness: Slowness, gain: Floats) -> Floats:
    """GB that are slow where gamma binds, nothing is bought, and a slow GB takes the place of one by an offer."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quick_gb = level(slowness.worth * users.plan_value, gain, users.alpha)
        slow_gb = np.where(slowness.worth > 0, (quick_gb - users.quota_gb) / slowness.worth, 0.0)
    over_gb = users.most_gb - users.quota_gb
    least_gb = np.maximum(over_gb - users.offers * users.session_gb, 0)
    return np.clip(slow_gb, least_gb, np.maximum(np.minimum(slowness.most_gb, over_gb), least_gb))


def _overage_beside_offers(users: Subscribers, slowness: Slowness, gain: Floats) -> Floats:
    """GB on the plan where gamma binds, all that can be slow is, and a bought GB takes the place of one by an offer."""
    quick_gb = level(users.plan_value, users.overage_coins + gain, users.alpha)
    over_gb = users.most_gb - slowness.most_gb
    least_gb = np.maximum(users.quota_gb, over_gb - users.offers * users.session_gb)
    return np.clip(quick_gb - slowness.worth * slowness.most_gb, least_gb, np.maximum(over_gb, least_gb))


def _with(users: Subscribers, plan_gb: Floats, slow_gb: Floats, offered_gb: Floats) -> SlowUsage:
    """These amounts, of which `offered_gb` as a share of the offers."""
    most_gb = users.offers * users.session_gb
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(most_gb > 0, offered_gb / most_gb, 0.0)
    return SlowUsage(plan_gb, slow_gb, share)


def _allowed(
    users: Subscribers, slowness: Slowness, price_coins: Floats, usage: SlowUsage
) -> tuple[SlowUsage, Floats]:
    """The candidate and its utility, minus infinity for those users whom it is forbidden to."""
    rounding = 1e-12 * np.maximum(users.most_gb, 1)
    plan_gb, slow_gb = usage.plan_gb, usage.slow_gb
    fits = (
        (total_gb(users, usage) <= users.most_gb + rounding)
        & (slow_gb >= 0)
        & (slow_gb <= slowness.most_gb + rounding)
        & ((slow_gb == 0) | (plan_gb >= users.quota_gb - rounding))
        & (plan_gb >= 0)
        & (usage.share >= 0)
        & (usage.share <= 1 + 1e-12)
    )
    finite = SlowUsage(*(np.where(fits, each, 0.0) for each in (plan_gb, slow_gb, usage.share)))
    worth = np.where(fits, utility(users, slowness, price_coins, finite), -np.inf)
    return SlowUsage(
        *(np.broadcast_to(each, worth.shape) for each in (finite.plan_gb, finite.slow_gb, finite.share))
    ), worth
