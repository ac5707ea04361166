"""What the thesis prints about learning and what comes of it: each fault fails as printed and holds as mended.

Reference: 003 3.6; S8 and S9 of the list in docs/papers.md.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from market.learning.double_dqn import Learner, Settings, descend, targets
from market.learning.perceptron import adam_of, copy_of, perceptrons
from market.learning.replay import Transitions, replay
from market.learning.rules import best_now, follow, overage_averse, without_offers
from market.learning.scenario import QUOTA_2MB, build
from market.learning.world import begin, draw_day, outcomes, quiet_day
from market.sdo.choice import Choice
from tests.market.learning.small_world import small_world


def one_state(settings: Settings, running: list[float], target: list[float]) -> tuple[Learner, Transitions]:
    """A state that leads to itself, two choices, and nets that are nothing but their biases."""
    nets = [perceptrons((1, 2), np.array([[0.0, 0.0, *worths]])) for worths in (running, target)]
    learner = Learner(
        settings, nets[0], nets[1], adam_of(nets[0], 0.05), replay(1, 4, 1, 2), np.random.default_rng(0)
    )
    seen = np.zeros((1, 1, 1), dtype=np.float32)
    there = np.ones((1, 1, 2), dtype=np.bool_)
    none = np.zeros((1, 1))
    return learner, Transitions(
        seen, none.astype(np.int64), none.astype(np.float32), seen, there, none.astype(np.bool_)
    )


@pytest.mark.parametrize(("as_printed", "worth"), [(False, 4.0), (True, 1.0)])
def test_s8_the_running_net_selects_and_the_target_net_evaluates(as_printed, worth):
    """Double DQN takes the choice that the running net likes at the value that the target net gives it."""
    settings = Settings(discount=1.0, as_printed=as_printed)
    learner, drawn = one_state(settings, running=[1.0, 3.0], target=[7.0, 4.0])
    assert targets(learner, drawn)[0, 0] == worth


@pytest.mark.parametrize(("as_printed", "stands"), [(False, True), (True, False)])
def test_s8_what_is_learned_from_stands_still_between_two_copies(as_printed, stands):
    """As printed the goal is the running net's own worth of the same state: it runs away from whoever runs after it.

    A choice with a reward of 1 that leads to itself: with a target that stands at 2 its worth becomes 1 + 0.95 x 2, and
    no more however long it is learned. As printed it has no end before 1 / (1 - 0.95) = 20.
    """
    settings = Settings(as_printed=as_printed)
    learner, drawn = one_state(settings, running=[2.0, 0.0], target=[2.0, 0.0])
    drawn = dataclasses.replace(drawn, reward=drawn.reward + 1)
    first, first_choice = float(targets(learner, drawn)[0, 0]), np.array([[[1.0, 0.0]]])
    for _ in range(400):
        goal = targets(learner, drawn)[..., None]
        descend(learner.running, learner.adam, drawn.seen, goal, first_choice, copy_of(learner.running))
    worth = float(learner.running.biases[0][0, 0, 0])
    assert first == pytest.approx(2.9)
    assert (float(targets(learner, drawn)[0, 0]) == pytest.approx(first)) is stands
    assert (worth == pytest.approx(2.9, abs=0.05)) is stands
    assert stands or worth > 5


@pytest.mark.parametrize(("unit_bytes", "counts"), [(1_000, True), (1, False)])
def test_s9_a_price_counts_beside_a_use_in_kb_and_not_in_bytes(unit_bytes, counts):
    """An hour of 1 MB, an overage of 10 that costs 350: a third of it in KB, a three-thousandth in bytes."""
    world = small_world(unit_bytes=unit_bytes)
    out = outcomes(world, quiet_day(world), 1, np.array([2_000_000, 2_000_000]))
    served = outcomes(world, quiet_day(world), 1, begin(world)).reward[0, Choice.PLAN]
    lost = served - out.reward[0, Choice.PLAN]
    assert lost == pytest.approx(350)
    assert bool(lost > served / 100) is counts
    assert bool(-out.reward[0, Choice.WIFI] > served) is counts, (
        "what is invalid is worse than any use is good"
    )


@pytest.mark.parametrize(("unit_bytes", "orders"), [(1_000, True), (1, False)])
def test_s9_only_in_kb_does_it_matter_to_the_reward_what_users_spend(unit_bytes, orders):
    """Figure 3.9: overage-averse users spend twice as much and have less. In bytes their rewards differ by less than a
    ten-thousandth, and a rule that prices nothing does as well.
    """
    world = dataclasses.replace(build(QUOTA_2MB, 0, 8), reward_unit_bytes=unit_bytes)
    chance = np.random.default_rng(0)
    days = [draw_day(world, chance) for _ in range(3)]
    careless = dataclasses.replace(world, cost_kb=0.0)
    without, averse, now = (follow(world, days, rule) for rule in (without_offers, overage_averse, best_now))
    free = follow(careless, days, best_now)
    assert (averse.mean_reward < 0.97 * without.mean_reward) is orders
    assert (abs(free.mean_reward - now.mean_reward) > 1e-3 * now.mean_reward) is orders
