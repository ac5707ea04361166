"""The best that could be done in a cycle by somebody who knows all of it: an exact bound, user by user.

Only the sum of what goes by the plan decides how many overages there are, so the day is a knapsack: each hour has a
size (its demand) and a gain (plan over the best of what costs no quota), overages are bought when the sack is too
small, and hours with nothing else to take are in it anyway. States that use no less and gain no more than another are
dropped, which loses nothing. Where a plan slows users down, that is taken to be possible in every hour, so the bound
may be above what can be reached.
Reference: 003 3.6.2 has no such bound.   Units: bytes, KB of reward, micro-bandcoin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.learning.chosen import INVALID_REWARD
from market.learning.world import Day, World, begin, outcomes
from market.sdo.choice import Choice
from market.sdo.chosen import THROTTLED_CONGESTION
from market.sdo.game import Floats
from market.sdo.monthly import UBC
from market.traces.usage import Integers


@dataclass(frozen=True, slots=True)
class Best:
    """Of each user: the reward, and what such a course spends."""

    reward: Floats
    spent_ubc: Integers


def clairvoyant(world: World, day: Day) -> Best:
    """The optimum of this cycle."""
    found = [_best_of(world, day, user) for user in range(world.users)]
    return Best(np.array([one[0] for one in found]), np.array([one[1] for one in found], dtype=np.int64))


def _best_of(world: World, day: Day, user: int) -> tuple[float, int]:
    """Fronts of (bytes by plan, reward without overages, paid for offers)."""
    front = (np.zeros(1, dtype=np.int64), np.zeros(1), np.zeros(1, dtype=np.int64))
    cost = world.cost_kb / UBC * (1 - float(world.game.sensitivity[user]))
    none = begin(world)
    for hour in range(world.hours):
        out = outcomes(world, day, hour, none)
        demand = int(day.demand_bytes[user, hour])
        by_plan = float(out.reward[user, Choice.PLAN]) + int(out.spent_ubc[user, Choice.PLAN]) * cost
        free, paid = _without_quota(world, day, hour, user, out.reward[user], out.valid[user])
        used, reward, spent = front
        front = _undominated(
            np.concatenate([used, used + demand]),
            np.concatenate([reward + free, reward + by_plan]),
            np.concatenate([spent + paid, spent]),
        )
    used, reward, spent = front
    plan = world.game.plan
    overages = -(-np.maximum(used - plan.quota_bytes, 0) // plan.overage_bytes)
    total = reward - overages * plan.overage_ubc * cost
    best = int(total.argmax())
    return float(total[best]), int(spent[best] + overages[best] * plan.overage_ubc)


def _without_quota(
    world: World,
    day: Day,
    hour: int,
    user: int,
    reward: Floats,
    valid: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> tuple[float, int]:
    """The best of what uses none, and what it costs; INVALID_REWARD where there is nothing."""
    best, paid = INVALID_REWARD * world.most_bytes, 0
    for choice, price in ((Choice.OFFER, world.price_ubc), (Choice.WIFI, 0)):
        if valid[choice] and reward[choice] > best:
            best, paid = float(reward[choice]), price
    if world.game.plan.throttles:
        use = float(day.demand_bytes[user, hour]) / world.reward_unit_bytes
        slow = (1 - THROTTLED_CONGESTION * float(day.qos[user, hour])) * use
        if slow > best:
            best, paid = slow, 0
    return best, paid


def _undominated(used: Integers, reward: Floats, spent: Integers) -> tuple[Integers, Floats, Integers]:
    order = np.lexsort((-reward, used))
    used, reward, spent = used[order], reward[order], spent[order]
    before = np.concatenate([[-np.inf], np.maximum.accumulate(reward)[:-1]])
    kept = reward > before
    return used[kept], reward[kept], spent[kept]
