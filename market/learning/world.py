"""The world of users over a billing cycle as learners see it: state, choices, reward (3.26), and what may be chosen.

Users do not affect each other, so all of them go through a cycle together, and one can be followed alone. A user's
state is one number, the bytes that were used on the plan; the quota follows from it, since an overage adds a fixed
amount. Everything else (demand, QoS, Wi-Fi, offers) happens whatever is chosen, so `outcomes` says what *each* choice
would have led to. Chance is an argument, money is whole micro-bandcoin, data whole bytes; rewards are floats, in KB.
Hours are those of the cycle: 24, or 720, or any number.
Reference: 003 3.6.1, (3.26); S9.   Units: bytes, micro-bandcoin, KB of reward.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from market.learning.chosen import COST_KB, INVALID_REWARD
from market.sdo.choice import Bools, Choice
from market.sdo.chosen import THROTTLED_CONGESTION, WIFI_CONGESTION
from market.sdo.game import MOST_PRICE_UBC, Floats, Game
from market.sdo.monthly import UBC
from market.traces.circumstances import RAYLEIGH, WIFI_THRESHOLD
from market.traces.usage import Integers

Number = TypeVar("Number", bound=np.generic)
Observations = npt.NDArray[np.float32]

KILOBYTE = 1_000
FEATURES = 6
"""x, phi, psi, y, what is left of the quota, and the hour."""


@dataclass(frozen=True, slots=True)
class World:
    """A game with a price, a schedule made before the cycle begins, and how much cycles differ.

    Each hour's demand is that of the game's cycle and a normal deviation of `noise_bytes`, at least 0. With `redraws`
    QoS and Wi-Fi of each cycle are drawn anew, by the laws of the traces; else every cycle has those of the game.
    `reward_unit_bytes` is KB; 1 is the unit of the print (S9).
    """

    game: Game
    price_ubc: int
    schedule: tuple[bool, ...]
    noise_bytes: int = 0
    redraws: bool = False
    cost_kb: float = COST_KB
    reward_unit_bytes: int = KILOBYTE

    def __post_init__(self) -> None:
        assert len(self.schedule) == self.game.hours, "an entry for each hour"
        assert 0 <= self.price_ubc <= MOST_PRICE_UBC, f"a price of {self.price_ubc}"
        assert self.noise_bytes >= 0, f"a deviation of {self.noise_bytes}"
        assert self.reward_unit_bytes > 0, "a unit of nothing"

    @property
    def users(self) -> int:
        return self.game.users

    @property
    def hours(self) -> int:
        return self.game.hours

    @property
    def choices(self) -> int:
        """How many there are: the three of the thesis, and being slowed down where the plan does that."""
        return 4 if self.game.plan.throttles else 3

    @property
    def most_bytes(self) -> float:
        """By which demand is divided: the largest of the game's cycle and three deviations."""
        return float(max(1, int(self.game.demand_bytes.max()) + 3 * self.noise_bytes))

    @property
    def most_left_bytes(self) -> float:
        """By which what is left of the quota is divided."""
        return float(max(self.game.plan.quota_bytes, self.game.plan.overage_bytes))


@dataclass(frozen=True, slots=True)
class Day:
    """What happens in one cycle, whatever is chosen: users x hours."""

    demand_bytes: Integers
    qos: Floats
    wifi: Bools


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Of each choice in each state, on a last axis in the order of `Choice`. Where it is not `valid` nothing is used or
    paid, and the reward is INVALID_REWARD.
    """

    valid: Bools
    reward: Floats
    spent_ubc: Integers
    used: Integers


def draw_day(world: World, chance: np.random.Generator) -> Day:
    """One cycle."""
    game = world.game
    shape = game.demand_bytes.shape
    stray = np.rint(chance.normal(0.0, 1.0, shape) * world.noise_bytes).astype(np.int64)
    demand = np.maximum(game.demand_bytes + stray, 0)
    if not world.redraws:
        return Day(demand, game.qos, game.wifi)
    return Day(demand, chance.random(shape), chance.rayleigh(RAYLEIGH, shape) >= WIFI_THRESHOLD)


def quiet_day(world: World) -> Day:
    """The cycle of the game itself, without noise."""
    return Day(world.game.demand_bytes, world.game.qos, world.game.wifi)


def begin(world: World, *shape: int) -> Integers:
    """Nothing was used; users on the last axis."""
    return np.zeros((*shape, world.users), dtype=np.int64)


def quota_bytes(world: World, used: Integers) -> Integers:
    """The quota by now, with the overages that `used` needed."""
    plan = world.game.plan
    return np.asarray(plan.quota_bytes + _overages(world, used) * plan.overage_bytes)


def outcomes(world: World, day: Day, hour: int, used: Integers) -> Outcomes:
    """Of states (..., users) in that hour."""
    game, demand = world.game, day.demand_bytes[:, hour]
    use, qos = demand / world.reward_unit_bytes, day.qos[:, hour]
    cost = world.cost_kb / UBC * (1 - game.sensitivity)
    before = _overages(world, used)
    then = used + demand
    bought = _overages(world, then) - before
    served = (1 - game.congestion[hour] * qos) * use
    shape = (*used.shape, world.choices)
    paid, left = np.zeros(shape, dtype=np.int64), np.empty(shape, dtype=np.int64)
    reward, valid = np.empty(shape, dtype=np.float64), np.empty(shape, dtype=np.bool_)
    left[...] = used[..., None]
    left[..., Choice.PLAN] = then
    paid[..., Choice.PLAN] = bought * game.plan.overage_ubc
    paid[..., Choice.OFFER] = world.price_ubc
    reward[..., Choice.PLAN] = served - paid[..., Choice.PLAN] * cost
    reward[..., Choice.OFFER] = served - world.price_ubc * cost
    reward[..., Choice.WIFI] = (1 - WIFI_CONGESTION * qos) * use * game.wifi_taste
    valid[..., Choice.PLAN] = True
    valid[..., Choice.OFFER] = world.schedule[hour]
    valid[..., Choice.WIFI] = day.wifi[:, hour]
    if game.plan.throttles:
        reward[..., Choice.THROTTLED] = (1 - THROTTLED_CONGESTION * qos) * use
        valid[..., Choice.THROTTLED] = bought > 0
    paid[~valid] = 0
    reward[~valid] = INVALID_REWARD
    return Outcomes(valid, reward, paid, left)


def chosen(each: npt.NDArray[Number], choices: Integers) -> npt.NDArray[Number]:
    """What an array of `Outcomes` has for those choices (..., users)."""
    return np.asarray(np.take_along_axis(each, choices[..., None], axis=-1)[..., 0])


def observe(world: World, day: Day, hour: int, used: Integers) -> Observations:
    """The state tuple of the thesis as (..., users, 6), each between 0 and 1 (demand: hardly ever above).

    After the last hour, `hour` == `world.hours`, only what is left and the hour are known.
    """
    seen = np.zeros((*used.shape, FEATURES), dtype=np.float32)
    if hour < world.hours:
        seen[..., 0] = day.demand_bytes[:, hour] / world.most_bytes
        seen[..., 1] = day.qos[:, hour]
        seen[..., 2] = day.wifi[:, hour]
        seen[..., 3] = world.schedule[hour]
    seen[..., 4] = (quota_bytes(world, used) - used) / world.most_left_bytes
    seen[..., 5] = hour / world.hours
    return seen


def only(world: World, users: slice) -> World:
    """The same world with some of its users."""
    game = world.game
    part = dataclasses.replace(
        game,
        demand_bytes=game.demand_bytes[users],
        qos=game.qos[users],
        wifi=game.wifi[users],
        sensitivity=game.sensitivity[users],
        wifi_taste=game.wifi_taste[users],
        mean_bytes=game.mean_bytes[users],
        sigma_bytes=game.sigma_bytes[users],
    )
    return dataclasses.replace(world, game=part)


def _overages(world: World, used: Integers) -> Integers:
    """How many so much use needs: as many as it takes, also in one hour."""
    over = np.maximum(used - world.game.plan.quota_bytes, 0)
    return np.asarray(-(-over // world.game.plan.overage_bytes))
