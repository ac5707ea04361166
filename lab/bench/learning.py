"""Users who learn which discount offers to take: Double DQN beside a table, those who do not learn, and shadow mode.

All synthetic: 8 users of 35 MB a day on 2 MB, 1,200 cycles of 24 hours (market/learning/scenario.py). What they have
and spend is measured on ten other cycles with nothing left to chance in what is chosen. There a constant does as well:
to take the plan always. So it is beside the figures, and there is a second world, with overages of 2 MB, where there is
something to learn: 4 users, 200 cycles. Times are processor time of one thread.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lab.bench.result import Against, Figure
from market.learning.double_dqn import Settings, learner_of, train
from market.learning.experiment import Curve, Result, Teach, learning_curve, net, table
from market.learning.regret import Regret
from market.learning.scenario import QUOTA_2MB, Scenario, build
from market.learning.shadow import Shadow, live_in_shadow
from market.learning.world import World, draw_day, only
from market.sdo.monthly import UBC


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of it."""

    users: int = 8
    episodes: int = 1_200
    small_users: int = 4
    small_episodes: int = 200
    shadow_cycles: int = 150
    trainings: int = 4
    settings: Settings = Settings()


SEED = 0
SMALL = dataclasses.replace(QUOTA_2MB, overage_bytes=2_000_000)
"""Overages of 2 MB, so that each is soon used up and an offer may save one."""
QUICK_BATCH, QUICK_RATE = 96, 6e-4
"""Not the thesis's 32 and 1e-4, with which 200 cycles do not suffice there."""
BUDGET_UBC = 20 * UBC
"""Four offers: what a user may lose to an agent that is wrong."""


CHEAP = dataclasses.replace(QUOTA_2MB, overage_bytes=2_000_000, price_ubc=1 * UBC)
"""Overages of 2 MB at 10 and offers at 1: where there is much to gain."""


def run(progress: Callable[[str], None]) -> list[Figure]:
    """All figures, at the full sizes."""
    return measure(progress, Sizes())


def measure(progress: Callable[[str], None], sizes: Sizes) -> list[Figure]:
    """Shares in per cent, times in seconds and microseconds."""
    world = build(QUOTA_2MB, SEED, sizes.users)
    progress("a table")
    other, other_s = _timed(world, table(sizes.settings), sizes)
    progress(f"Double DQN: {sizes.users} users, {sizes.episodes:,} episodes")
    curve, took_s = _timed(world, net(sizes.settings), sizes)
    progress(
        f"where there is something to learn: {sizes.small_users} users, {sizes.small_episodes:,} episodes"
    )
    small = _small(sizes)
    progress("a step of training")
    together, apart = _step_us(world, sizes), _steps_apart_us(world, sizes)
    progress("shadow mode")
    return [
        Figure(
            "Double DQN: reward, of that without offers", 100 * curve.of_without, "%", 99, "higher",
            Against("always the plan", _reward(curve.always_plan, curve)),
        ),
        Figure(
            "Double DQN: spending, of that of overage-averse users", 100 * curve.of_averse, "%", 60, "lower",
            Against("always the plan", _spent(curve.always_plan, curve)),
        ),
        Figure("to know beside it: reward of a table (Q-learning)", 100 * other.of_without, "%"),
        Figure("to know beside it: spending of a table", 100 * other.of_averse, "%"),
        Figure("to know beside it: reward of somebody who knows the day", _reward(curve.best, curve), "%"),
        Figure("to know beside it: spending without offers", _spent(curve.without_offers, curve), "%"),
        Figure(
            "overages of 2 MB: reward of Double DQN, of that of always the plan", 100 * small.of_plan, "%", 102,
            "higher",
            Against("somebody who knows the day", 100 * small.best.total_reward / small.always_plan.total_reward),
        ),
        Figure(
            "overages of 2 MB: spending of Double DQN, of that of overage-averse users", 100 * small.of_averse, "%", 85,
            "lower", Against("always the plan", _spent(small.always_plan, small)),
        ),
        Figure(
            f"learning of {sizes.users} users, {sizes.episodes:,} episodes", took_s, "s", 600, "lower",
            Against("Q-learning with a table", other_s),
        ),
        Figure(
            f"one step of Adam for {sizes.users} users", together, "us", None, "lower",
            Against("their nets one after the other", apart),
        ),
        *_shadow(QUOTA_2MB, "offers at 5", sizes),
        *_shadow(CHEAP, "overages of 2 MB, offers at 1", sizes),
    ]  # fmt: skip


def _small(sizes: Sizes) -> Curve:
    settings = dataclasses.replace(sizes.settings, batch=QUICK_BATCH, rate=QUICK_RATE)
    return learning_curve(build(SMALL, SEED, sizes.small_users), net(settings), SEED, sizes.small_episodes)


def _reward(result: Result, curve: Curve) -> float:
    return 100 * result.total_reward / curve.without_offers.total_reward


def _spent(result: Result, curve: Curve) -> float:
    return 100 * result.total_spent_ubc / max(1, curve.overage_averse.total_spent_ubc)


def _timed(world: World, teach: Teach, sizes: Sizes) -> tuple[Curve, float]:
    started = time.thread_time()
    curve = learning_curve(world, teach, SEED, sizes.episodes)
    return curve, time.thread_time() - started


def _steps_apart_us(world: World, sizes: Sizes) -> float:
    return sum(_step_us(only(world, slice(user, user + 1)), sizes) for user in range(world.users))


def _step_us(world: World, sizes: Sizes) -> float:
    """Of a training, the fastest of some."""
    settings = sizes.settings
    learner = learner_of(world, settings, np.random.default_rng(SEED))
    took = []
    for _ in range(sizes.trainings):
        before, started = learner.adam.steps, time.thread_time()
        train(learner)
        took.append((time.thread_time() - started) * 1e6 / (learner.adam.steps - before))
    return min(took)


def _shadow(scenario: Scenario, where: str, sizes: Sizes) -> list[Figure]:
    """Agents that have learned nothing when they begin: what they lose at most, and what they spend once they act."""
    world, chance = build(scenario, SEED, sizes.users), np.random.default_rng(SEED)
    shadow = Shadow(learner_of(world, sizes.settings, chance), [Regret(BUDGET_UBC)] * world.users)
    above, most = np.zeros(world.users, dtype=np.int64), 0
    spent = would = 0
    for number in range(sizes.shadow_cycles):
        lived = live_in_shadow(world, draw_day(world, chance), shadow)
        above += np.array(lived.spent_ubc) - np.array(lived.would_ubc)
        most = max(most, int(above.max()))
        if number >= sizes.shadow_cycles // 2:
            spent, would = spent + sum(lived.spent_ubc), would + sum(lived.would_ubc)
    cycles, share = sizes.shadow_cycles, 100 * spent / max(1, would)
    later = f"shadow mode, {where}: spending in their second half, of that without offers"
    return [
        Figure(
            f"shadow mode, {where}: the most that a user lost in {cycles} cycles, of 20 coins of regret",
            100 * most / BUDGET_UBC, "%", 100, "lower",
        ),
        Figure(later, share, "%", None, "lower"),
    ]  # fmt: skip
