"""What users do without learning, hour by hour; and any rule followed through cycles, with what it earns and costs.

Two rules are the thesis's: without offers, and "overage-averse" with them, which is Proposition 4 as the best of the
choices that there are (market/sdo/choice.py). Both weigh money by the world's C, as the reward does. They see the hour
that it is, what they used, and their habits; never what comes. `always_plan` looks at nothing, and is what a learner
that has learned nothing, or has become a constant, comes to: who learns has to be held against it.
Reference: 003 3.6.2, Figure 3.9.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from market.learning.world import Day, Outcomes, World, begin, chosen, outcomes, quota_bytes
from market.sdo.choice import Choice, hour_of, respond
from market.sdo.chosen import MEGABYTE
from market.sdo.game import Floats, Game
from market.traces.usage import Integers

Rule = Callable[[World, Day, int, Integers], Integers]
"""(world, day, hour, used) -> choices; `used` and the choices are (..., users)."""


@dataclass(frozen=True, slots=True)
class Course:
    """What a rule came to in cycles: cycles x users; `choices` cycles x users x hours."""

    reward: Floats
    spent_ubc: Integers
    choices: Integers

    @property
    def mean_reward(self) -> float:
        """Of a cycle, all users together."""
        return float(self.reward.sum(axis=1).mean())

    @property
    def mean_spent_ubc(self) -> int:
        """The same, rounded down."""
        return int(self.spent_ubc.sum()) // len(self.spent_ubc)


def follow(world: World, days: Sequence[Day], rule: Rule) -> Course:
    """The rule in each of those cycles. It may not choose what is not there."""
    shape = (len(days), world.users)
    reward, spent = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    taken = np.zeros((*shape, world.hours), dtype=np.int64)
    for number, day in enumerate(days):
        used = begin(world)
        for hour in range(world.hours):
            choices, out = rule(world, day, hour, used), outcomes(world, day, hour, used)
            assert chosen(out.valid, choices).all(), "a rule chooses what there is"
            taken[number, :, hour] = choices
            reward[number] += chosen(out.reward, choices)
            spent[number] += chosen(out.spent_ubc, choices)
            used = chosen(out.used, choices)
    return Course(reward, spent, taken)


def without_offers(world: World, day: Day, hour: int, used: Integers) -> Integers:
    """The rule of 3.4.1 without offers: plan, Wi-Fi, or being slowed down where the plan does that. Not the best that
    there is without offers: where it takes Wi-Fi that is worth less, `always_plan` has more.
    """
    game = as_felt(world, day)
    answer = respond(game, hour_of(game, hour), world.price_ubc, used, quota_bytes(world, used))
    return answer.otherwise.astype(np.int64)


def always_plan(world: World, day: Day, hour: int, used: Integers) -> Integers:  # noqa: ARG001  # a Rule
    """The plan in every hour, whatever it costs: no offer, no Wi-Fi."""
    return np.full(used.shape, int(Choice.PLAN), dtype=np.int64)


def overage_averse(world: World, day: Day, hour: int, used: Integers) -> Integers:
    """The same, and the offer wherever it is worth more now: the rule of 3.4.1, called myopic here."""
    game = as_felt(world, day)
    answer = respond(game, hour_of(game, hour), world.price_ubc, used, quota_bytes(world, used))
    takes = answer.accepts & world.schedule[hour]
    return np.where(takes, np.int64(Choice.OFFER), answer.otherwise.astype(np.int64))


def best_now(world: World, day: Day, hour: int, used: Integers) -> Integers:
    """The largest reward of this hour, whatever follows: a learner that looks nowhere ahead."""
    return best_valid(outcomes(world, day, hour, used))


def best_valid(out: Outcomes) -> Integers:
    """Ties go to the plan, then in the order of the choices."""
    return np.asarray(np.where(out.valid, out.reward, -np.inf).argmax(axis=-1))


def as_felt(world: World, day: Day) -> Game:
    """The day's game, with money weighed as in the reward: 1 - a counts C units of use, of which MEGABYTE are 1."""
    weight = world.cost_kb * world.reward_unit_bytes / MEGABYTE
    return dataclasses.replace(
        world.game,
        demand_bytes=day.demand_bytes,
        qos=day.qos,
        wifi=day.wifi,
        sensitivity=1 - weight * (1 - world.game.sensitivity),
    )
