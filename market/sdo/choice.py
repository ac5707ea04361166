"""What a user does in an hour: plan, offer, Wi-Fi or being slowed down, whichever of those that exist is worth most.

    uP = (1 - theta phi) x - rho a'            the offer
    uD = (1 - theta phi) x - R p a'            the plan, no overage now
    uD = (1 - theta phi) x - p a' + uO         the plan, with an overage now
    uW = (1 - theta_W phi) x delta_W           Wi-Fi, where there is some
    uT = (1 - theta_T phi) x                   slowed down, where the plan does that and an overage is due

with a' = 1 - a, x in MB. Ties go to the plan, then Wi-Fi, then slowing down. An hour without demand is on the plan.
Proposition 4 as printed is `printed_choice`; it chooses what is not there (S5).
Reference: 003 3.4.1, (3.13) to (3.17); S4, S5. Units: bytes in states, MB and coins in utilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from market.sdo.chosen import MEGABYTE, REALISED, THROTTLED_CONGESTION, WIFI_CONGESTION
from market.sdo.game import Floats, Game
from market.sdo.monthly import UBC
from market.sdo.risk import expected_total, risk
from market.traces.usage import Integers

Bools = npt.NDArray[np.bool_]


class Choice(IntEnum):
    """How an hour's demand is carried."""

    PLAN = 0
    OFFER = 1
    WIFI = 2
    THROTTLED = 3


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of a game, for all users (arrays) or for one of them (arrays of no dimension)."""

    demand_bytes: Integers
    served: Floats
    wifi: Floats
    throttled: Floats
    insensitivity: Floats
    mean_bytes: Floats
    sigma_bytes: Floats
    value: Floats
    """v of Proposition 4, in MB: what the offer's network is worth over Wi-Fi."""


@dataclass(frozen=True, slots=True)
class Response:
    """For each state what a user takes if nothing is offered, whether he takes the offer if there is one.

    `overage` says whether the plan would need one.
    """

    otherwise: npt.NDArray[np.int8]
    accepts: Bools
    overage: Bools


def hour_of(game: Game, hour: int, user: int | None = None) -> Hour:
    """That hour, of all users or of one."""
    who = slice(None) if user is None else user
    demand = np.asarray(game.demand_bytes[who, hour])
    megabytes = demand / MEGABYTE
    qos, taste = np.asarray(game.qos[who, hour]), np.asarray(game.wifi_taste[who])
    theta = game.congestion[hour]
    wifi = (1 - WIFI_CONGESTION * qos) * megabytes * taste
    slow = (1 - THROTTLED_CONGESTION * qos) * megabytes
    return Hour(
        demand_bytes=demand,
        served=np.asarray((1 - theta * qos) * megabytes),
        wifi=np.where(game.wifi[who, hour], wifi, -np.inf),
        throttled=np.asarray(slow if game.plan.throttles else np.full_like(slow, -np.inf)),
        insensitivity=np.asarray(1 - game.sensitivity[who]),
        mean_bytes=np.asarray(game.mean_bytes[who]),
        sigma_bytes=np.asarray(game.sigma_bytes[who]),
        value=np.asarray(megabytes * (1 - qos * (theta - WIFI_CONGESTION * taste) - taste)),
    )


def respond(game: Game, hour: Hour, price_ubc: int, used: Integers, quota: Integers) -> Response:
    """The response in each state (used, quota), whose arrays broadcast against the hour's."""
    then = used + hour.demand_bytes
    overage = then > quota
    on_plan = hour.served + _cost_of_plan(game, hour, then, quota, overage)
    on_offer = hour.served - price_ubc / UBC * hour.insensitivity
    slow = np.where(overage, hour.throttled, -np.inf)
    free = np.maximum(hour.wifi, slow)
    wants = hour.demand_bytes > 0
    elsewhere = (free > on_plan) & wants
    where = np.where(hour.wifi >= slow, np.int8(Choice.WIFI), np.int8(Choice.THROTTLED))
    otherwise = np.where(elsewhere, where, np.int8(Choice.PLAN))
    accepts = (on_offer > np.maximum(on_plan, free)) & wants
    return Response(np.asarray(otherwise), np.asarray(accepts), np.asarray(overage))


def _cost_of_plan(game: Game, hour: Hour, then: Integers, quota: Integers, overage: Bools) -> Floats:
    """-R p a', and -p a' + uO where an overage is due."""
    loss = game.plan.overage_ubc / UBC * hour.insensitivity
    at_risk = risk(hour.mean_bytes, hour.sigma_bytes, quota, then) * loss
    if not overage.any():
        return np.asarray(-at_risk)
    return np.asarray(np.where(overage, overage_worth(game, hour, then, quota) - loss, -at_risk))


def overage_worth(game: Game, hour: Hour, then: Integers, quota: Integers) -> Floats:
    """UO in MB: what of the data that an overage adds will be used (S4), or, printed, of all data (3.17)."""
    expected = expected_total(hour.mean_bytes, hour.sigma_bytes, then)
    had = 0 if game.plan.counts_whole_quota else quota
    return np.asarray(
        REALISED * np.maximum(np.minimum(quota + game.plan.overage_bytes, expected) - had, 0) / MEGABYTE
    )


def printed_choice(
    game: Game, hour: Hour, price_ubc: int, used: Integers, quota: Integers
) -> npt.NDArray[np.int8]:
    """Proposition 4 as printed: it asks neither whether there is an offer nor whether there is Wi-Fi."""
    then = used + hour.demand_bytes
    price, overage_price = price_ubc / UBC, game.plan.overage_ubc / UBC
    at_risk = risk(hour.mean_bytes, hour.sigma_bytes, quota, then) * overage_price
    worth = overage_worth(game, hour, then, quota)
    cost = hour.insensitivity
    due = then > quota
    offer = np.where(due, worth < (overage_price - price) * cost, price < at_risk) & (
        hour.value > price * cost
    )
    limit = np.where(due, overage_price * cost - worth, at_risk * cost)
    wifi = (hour.value < price * cost) & (hour.value < limit)
    otherwise = np.where(wifi, np.int8(Choice.WIFI), np.int8(Choice.PLAN))
    return np.asarray(np.where(offer, np.int8(Choice.OFFER), otherwise))
