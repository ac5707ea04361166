"""The hourly game's table: who wants how much in which hour, under which circumstances, on which plan.

A game is a trace, circumstances and a plan put together; it decides nothing. It does not matter where the trace came
from, and the label says it.
Reference: 003 3.4, 3.5, Table 3.3. Units: bytes, micro-bandcoin; shares are floats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market.sdo.chosen import CLOSED_HOURS, OVERAGE_UBC
from market.sdo.risk import Habits, fit_habits
from market.traces.circumstances import MILLION, Circumstances
from market.traces.presets import Drawn
from market.traces.usage import Integers, Usage

Floats = npt.NDArray[np.float64]

MOST_PRICE_UBC = 1 << 40
"""A million coins: above it nobody buys, and sums over users and hours stay within 64 bits."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an operator sells. An overage adds `overage_bytes` (dO) for `overage_ubc` (p).

    With `throttles` a user who would need an overage may be slowed down for nothing instead.
    `counts_whole_quota` is the printed (3.17), in which an overage is worth the quota that there was before (S4).
    """

    quota_bytes: int
    overage_bytes: int
    overage_ubc: int = OVERAGE_UBC
    throttles: bool = False
    counts_whole_quota: bool = False

    def __post_init__(self) -> None:
        assert self.quota_bytes >= 0, "a quota is not negative"
        assert self.overage_bytes > 0, "an overage adds something"
        assert 0 <= self.overage_ubc <= MOST_PRICE_UBC, "an overage costs up to a million coins"


@dataclass(frozen=True, slots=True)
class Game:
    """One cycle. Arrays as in Usage and Circumstances: `demand_bytes` (x), `qos` and `wifi` are users x hours.

    `mean_bytes` and `sigma_bytes` are those of X(T), for each user. `open_hours` are those with a choice to offer.
    """

    plan: Plan
    demand_bytes: Integers
    qos: Floats
    wifi: npt.NDArray[np.bool_]
    congestion: Floats
    sensitivity: Floats
    wifi_taste: Floats
    mean_bytes: Floats
    sigma_bytes: Floats
    open_hours: tuple[int, ...]
    label: str

    @property
    def users(self) -> int:
        """How many play."""
        return len(self.demand_bytes)

    @property
    def hours(self) -> int:
        """How long the cycle is."""
        return len(self.congestion)


def game_of(usage: Usage, around: Circumstances, plan: Plan, closed: tuple[int, ...] = CLOSED_HOURS) -> Game:
    """The game of the trace's last cycle; habits are those of the cycles before. `closed` are hours of the day."""
    habits = fit_habits(usage.history_bytes)
    return game_with(usage, around, plan, habits, closed)


def game_with(
    usage: Usage, around: Circumstances, plan: Plan, habits: Habits, closed: tuple[int, ...] = CLOSED_HOURS
) -> Game:
    """The same with habits that are known, for instance renewed ones."""
    demand = usage.cycle_bytes
    hours = demand.shape[1]
    assert around.qos.shape == demand.shape, "circumstances for each user and hour"
    return Game(
        plan=plan,
        demand_bytes=demand,
        qos=around.qos / MILLION,
        wifi=around.wifi.astype(np.bool_),
        congestion=around.congestion / MILLION,
        sensitivity=around.sensitivity / MILLION,
        wifi_taste=around.wifi_taste / MILLION,
        mean_bytes=habits.expected_bytes(hours),
        sigma_bytes=habits.sigma_bytes[:, -1],
        open_hours=tuple(hour for hour in range(hours) if hour % 24 not in closed),
        label=usage.label,
    )


def preset_game(
    drawn: Drawn, quota_bytes: int | None = None, overage_bytes: int | None = None, *, throttles: bool = False
) -> Game:
    """The game of a preset on its own plan, or on another quota, of which an overage buys as much again unless said."""
    preset = drawn.preset
    if quota_bytes is None:
        plan = Plan(preset.quota_bytes, overage_bytes or preset.overage_bytes, throttles=throttles)
    else:
        plan = Plan(quota_bytes, overage_bytes or quota_bytes, throttles=throttles)
    return game_of(drawn.usage, drawn.circumstances, plan)
