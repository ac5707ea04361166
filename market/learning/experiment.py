"""How learning goes on: what was learned, exploited after so many episodes, beside those who do not learn.

What is measured is measured on cycles that nobody learned from, the same for all, with the policy alone (no random
choice). One world at a time; every seed is other users. Beside it are the rule of 3.4.1 without offers, the averse,
and always the plan: a learner that is no better than that constant has learned nothing that pays.
Reference: 003 3.6.2, Figures 3.9 to 3.12.   Units: rewards in KB of a cycle, micro-bandcoin of a cycle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from market.learning import double_dqn, tabular
from market.learning.clairvoyant import clairvoyant
from market.learning.double_dqn import Settings
from market.learning.rules import Course, Rule, always_plan, follow, overage_averse, without_offers
from market.learning.world import Day, World, draw_day
from market.sdo.game import Floats
from market.traces.usage import Integers

LEARNING = 5
"""The child of a world's seed under which the streams of its learners are."""


@dataclass(frozen=True, slots=True)
class Result:
    """A cycle's mean of each user: what he had, and what he spent."""

    reward: Floats
    spent_ubc: Integers

    @property
    def total_reward(self) -> float:
        return float(self.reward.sum())

    @property
    def total_spent_ubc(self) -> int:
        return int(self.spent_ubc.sum())


@dataclass(frozen=True, slots=True)
class Curve:
    """`points` are (episodes, result) of the learner; `best` is the clairvoyant's, on the same days as the others."""

    points: tuple[tuple[int, Result], ...]
    without_offers: Result
    overage_averse: Result
    always_plan: Result
    best: Result
    hours_offered: int
    label: str

    @property
    def learned(self) -> Result:
        """After the last episode."""
        return self.points[-1][1]

    @property
    def of_without(self) -> float:
        """Reward over that of the rule of 3.4.1 without offers."""
        return self.learned.total_reward / self.without_offers.total_reward

    @property
    def of_plan(self) -> float:
        """Reward over that of always taking the plan: what above 1 was learned."""
        return self.learned.total_reward / self.always_plan.total_reward

    @property
    def of_averse(self) -> float:
        """Spending over that of overage-averse users; 0 where neither spends."""
        return self.learned.total_spent_ubc / max(1, self.overage_averse.total_spent_ubc)


Teach = Callable[[World, np.random.Generator], tuple[Callable[[], None], Rule]]
"""A learner of a world: what is called for each episode, and the rule that exploits what it knows by then."""


def net(settings: Settings) -> Teach:
    """Double DQN."""

    def teach(world: World, chance: np.random.Generator) -> tuple[Callable[[], None], Rule]:
        learner = double_dqn.learner_of(world, settings, chance)
        return lambda: double_dqn.learn_day(world, learner), double_dqn.greedy(learner.running)

    return teach


def table(settings: Settings) -> Teach:
    """A table of each user."""

    def teach(world: World, chance: np.random.Generator) -> tuple[Callable[[], None], Rule]:
        learner = tabular.table_of(world, settings, chance)
        return lambda: tabular.learn_day(world, learner), tabular.greedy(learner)

    return teach


def streams(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    """Chance of a learner, and of the cycles that it is looked at on: neither is a stream that the users of this seed
    were drawn from (market/traces/presets.py has the children 0 to 3 of the seed, scenario.py has 4).
    """
    lived, unseen = np.random.SeedSequence(seed, spawn_key=(LEARNING,)).spawn(2)
    return np.random.default_rng(lived), np.random.default_rng(unseen)


def learning_curve(
    world: World, teach: Teach, seed: int, episodes: int, looks: tuple[int, ...] = (), cycles: int = 10
) -> Curve:
    """So many episodes, looked at after those in `looks` and after the last, on `cycles` other cycles."""
    lived, unseen = streams(seed)
    days = [draw_day(world, unseen) for _ in range(cycles)]
    learn, rule = teach(world, lived)
    points = list[tuple[int, Result]]()
    for episode in range(1, episodes + 1):
        learn()
        if episode in looks or episode == episodes:
            points.append((episode, result_of(world, days, rule)))
    return Curve(
        tuple(points),
        result_of(world, days, without_offers),
        result_of(world, days, overage_averse),
        result_of(world, days, always_plan),
        best_result(world, days),
        sum(world.schedule),
        world.game.label,
    )


def result_of(world: World, days: list[Day], rule: Rule) -> Result:
    """The mean cycle, money rounded down."""
    course: Course = follow(world, days, rule)
    return Result(course.reward.mean(axis=0), course.spent_ubc.sum(axis=0) // len(days))


def best_result(world: World, days: list[Day]) -> Result:
    """The mean cycle of somebody who knows each of them."""
    found = [clairvoyant(world, day) for day in days]
    spent = sum((one.spent_ubc for one in found), np.zeros(world.users, dtype=np.int64))
    return Result(np.mean([one.reward for one in found], axis=0), spent // len(days))
