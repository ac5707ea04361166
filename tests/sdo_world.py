"""Users of discount offers, by hand and at random: one-user months and small hourly games."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from market.sdo.game import Game, Plan, preset_game
from market.sdo.monthly import Subscribers, level
from market.traces.presets import draw

MB = 1_000_000


def a_user(
    alpha: float,
    plan: float,
    offer: float,
    quota: float,
    overage: float,
    session: float,
    offers: float,
    most: float,
) -> Subscribers:
    """In the order a, C1, C2, d, p, xm, n, gamma, as the counterexamples are written; no fee."""
    fields = (alpha, plan, offer, session, quota, most, overage, 0.0, offers)
    a, c1, c2, xm, d, gamma, p, eta, n = (np.array([each]) for each in fields)
    return Subscribers(a, c1, c2, xm, d, gamma, p, eta, n)


def random_users(seed: int, count: int) -> Subscribers:
    """Users all over the ranges, so that every branch of the optimum is met."""
    draw = np.random.default_rng(seed)
    alpha, value, quota = (
        draw.uniform(0.25, 0.85, count),
        draw.uniform(1, 15, count),
        draw.uniform(0.5, 8, count),
    )
    overage = draw.uniform(4, 12, count)
    alone = np.maximum(quota, level(value, overage, alpha))
    return Subscribers(
        alpha=alpha,
        plan_value=value,
        offer_value=draw.uniform(0.5, 12, count),
        session_gb=draw.uniform(0.1, 2, count),
        quota_gb=quota,
        most_gb=alone * draw.uniform(1, 2.5, count),
        overage_coins=overage,
        fee_coins=draw.uniform(0, 30, count),
        offers=draw.integers(1, 30, count).astype(np.float64),
        label="at random",
    )


def a_game(
    demand_mb: Sequence[Sequence[float]],
    plan: Plan,
    *,
    mean_mb: float = 10,
    sigma_mb: float = 5,
    wifi: bool = False,
    qos: float = 0,
    congestion: float = 0,
    sensitivity: float = 0,
    wifi_taste: float = 0,
    closed: Sequence[int] = (),
) -> Game:
    """Users x hours of demand; everything else alike for all."""
    demand = (np.array(demand_mb) * MB).astype(np.int64)
    users, hours = demand.shape
    return Game(
        plan=plan,
        demand_bytes=demand,
        qos=np.full((users, hours), float(qos)),
        wifi=np.full((users, hours), wifi),
        congestion=np.full(hours, float(congestion)),
        sensitivity=np.full(users, float(sensitivity)),
        wifi_taste=np.full(users, float(wifi_taste)),
        mean_bytes=np.full(users, mean_mb * float(MB)),
        sigma_bytes=np.full(users, sigma_mb * float(MB)),
        open_hours=tuple(hour for hour in range(hours) if hour not in closed),
        label="by hand",
    )


def few_hours(name: str, seed: int, hours: int = 8) -> Game:
    """A preset with offers in its last hours only, so that all schedules are soon tried."""
    game = preset_game(draw(name, seed))
    return dataclasses.replace(game, open_hours=game.open_hours[-hours:])
