"""Shadow mode: no cost while it learns, a budget that holds, and offers taken once they were proven."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from market.learning.double_dqn import Settings, learner_of
from market.learning.regret import Regret
from market.learning.scenario import QUOTA_2MB, Scenario, build
from market.learning.shadow import Lived, Now, Shadow, end_cycle, live_in_shadow, take_offer
from market.learning.world import World, draw_day, only, quiet_day
from market.sdo.monthly import UBC

QUICK = Settings(batch=96, rate=3e-3, epochs=2, filled_first=72, memory=2_000)


def lives(world: World, shadow: Shadow, cycles: int, seed: int = 0) -> list[Lived]:
    chance = np.random.default_rng(seed)
    return [live_in_shadow(world, draw_day(world, chance), shadow) for _ in range(cycles)]


def shadow_of(world: World, budget_ubc: int, settings: Settings = QUICK, proof_cycles: int = 20) -> Shadow:
    learner = learner_of(world, settings, np.random.default_rng(1))
    return Shadow(learner, [Regret(budget_ubc)] * world.users, proof_cycles)


def test_unproven_agents_cost_nothing_and_learn():
    world = build(QUOTA_2MB, 0, 3)
    shadow = shadow_of(world, 1_000 * UBC, proof_cycles=6)
    for lived in lives(world, shadow, 5):
        assert lived.spent_ubc == lived.would_ubc
        assert (lived.reward == lived.would_reward).all()
        assert set(lived.advice) <= {"unproven", "not_worth_it"}
    assert shadow.learner.episodes == 5
    assert shadow.learner.adam.steps == 5 * 3 * 2 * 4


def test_a_budget_of_nothing_is_the_rule_without_offers():
    world = build(QUOTA_2MB, 0, 3)
    for lived in lives(world, shadow_of(world, 0, proof_cycles=0), 5):
        assert lived.spent_ubc == lived.would_ubc
        assert (lived.reward == lived.would_reward).all()


@pytest.mark.parametrize("throttles", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_budget_is_never_exceeded(seed, throttles):
    """Agents that know nothing and act from the first hour on, the worst that can be, on other plans with each seed:
    4 x 2 x 6 users x 20 cycles, which are 960 episodes.
    """
    chance = np.random.default_rng(seed)
    quota, overage = int(chance.integers(1, 30)) * 1_000_000, int(chance.integers(1, 12)) * 1_000_000
    scenario = Scenario(
        "tight-2MB",
        quota,
        overage,
        int(chance.integers(1, 10)) * UBC,
        200_000,
        redraws=True,
        throttles=throttles,
    )
    world = build(scenario, seed, 6)
    everywhere = tuple(hour in world.game.open_hours for hour in range(24))
    world = dataclasses.replace(world, schedule=everywhere)
    learner = learner_of(world, dataclasses.replace(QUICK, samples=32, batch=32), np.random.default_rng(seed))
    budgets = [int(each) for each in chance.integers(0, 200 * UBC, 6)]
    shadow = Shadow(learner, [Regret(each) for each in budgets], proof_cycles=0)
    above, took = np.zeros(6, dtype=np.int64), False
    for lived in lives(world, shadow, 20, seed):
        paid = np.array(lived.spent_ubc) - np.array(lived.would_ubc)
        above += paid
        took = took or bool(paid.any())
        assert (above <= budgets).all()
        assert all(type(each) is int for each in lived.spent_ubc)
    assert took, "somebody has taken an offer, or nothing was tried"


def test_without_a_budget_the_same_agents_lose_more():
    """What the test above would not notice if nobody ever lost anything."""
    world = build(QUOTA_2MB, 0, 4)
    learner = learner_of(world, dataclasses.replace(QUICK, samples=32, batch=32), np.random.default_rng(0))
    rich = Shadow(learner, [Regret(10_000 * UBC)] * 4, proof_cycles=0)
    lost = sum(sum(lived.spent_ubc) - sum(lived.would_ubc) for lived in lives(world, rich, 20))
    assert lost > 100 * UBC


def test_who_has_proven_himself_takes_offers_and_gains():
    """Offers at 1 where overages of 2 MB cost 10: there is something to gain, and it is found in the imagination. Of
    four seeds each spent a third of what it would have.
    """
    world = build(Scenario("tight-2MB", 2_000_000, 2_000_000, 1 * UBC), 0, 3)
    everywhere = tuple(hour in world.game.open_hours for hour in range(24))
    world = dataclasses.replace(world, schedule=everywhere)
    shadow = shadow_of(world, 20 * UBC, dataclasses.replace(QUICK, epochs=3, batch=96), proof_cycles=8)
    lived = lives(world, shadow, 32)
    assert any(shadow.proven)
    after = lived[-12:]
    assert sum(sum(each.spent_ubc) for each in after) < sum(sum(each.would_ubc) for each in after) * 0.8
    assert sum(each.reward.sum() for each in after) > sum(each.would_reward.sum() for each in after)
    assert sum(each.advice.get("worth_it", 0) for each in lived) > 0


def test_an_agent_asks_and_what_it_takes_is_reserved():
    """A world of one whose net takes every offer: by its bias, so that nothing depends on learning."""
    world = only(build(QUOTA_2MB, 0, 2), slice(0, 1))
    shadow = shadow_of(world, 12 * UBC, proof_cycles=0)
    shadow.learner.running.flat[...] = 0
    shadow.learner.running.biases[-1][...] = np.array([0.0, 1.0, 0.0])
    now = Now(hour=20, demand_bytes=2_000_000, used_bytes=1_500_000, qos=0.5, wifi=False)
    assert take_offer(world, shadow, now, 5 * UBC, room_ubc=4 * UBC).why == "over_envelope"
    assert shadow.regrets == [Regret(12 * UBC)]
    assert take_offer(world, shadow, now, 5 * UBC, room_ubc=5 * UBC).take
    assert take_offer(world, shadow, now, 5 * UBC).take
    assert shadow.regrets == [Regret(12 * UBC, open_ubc=10 * UBC)]
    assert take_offer(world, shadow, now, 5 * UBC).why == "over_regret"
    assert take_offer(world, shadow, now, -1).why == "not_an_amount"
    shadow.learner.running.biases[-1][...] = np.array([1.0, 0.0, 0.0])
    assert take_offer(world, shadow, now, 1 * UBC).why == "not_worth_it"


def test_the_end_of_a_cycle_settles_what_was_paid_against_what_would_have_been():
    world = only(build(QUOTA_2MB, 0, 2), slice(0, 1))
    shadow = shadow_of(world, 12 * UBC)
    shadow.regrets = [Regret(12 * UBC, open_ubc=5 * UBC)]
    would = end_cycle(world, quiet_day(world), _copied(shadow), [0])[0]
    assert would > 0
    assert end_cycle(world, quiet_day(world), shadow, [would + 5 * UBC]) == (would,)
    assert shadow.regrets == [Regret(12 * UBC, lost_ubc=5 * UBC)]
    assert len(shadow.gains) == 1


def _copied(shadow: Shadow) -> Shadow:
    return Shadow(shadow.learner, list(shadow.regrets), shadow.proof_cycles)
