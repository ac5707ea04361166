"""The actor-critic: returns by hand, gradients by differences, what is printed beside ours, and that it learns."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from market.learning.actor_critic import (
    ActorCritic,
    Settings,
    actor_critic_of,
    certainty_slope,
    choose,
    learn_cycle,
    likeliest,
    live,
    n_step_returns,
    policy,
    policy_slope,
    softmax,
)
from market.learning.chosen import INVALID_REWARD
from market.learning.perceptron import Reals
from market.learning.rules import always_plan, follow, without_offers
from market.learning.scenario import QUOTA_2MB, build
from market.learning.world import World, draw_day
from market.sdo.choice import Choice

SMALL = Settings(hidden=(8, 8), batch=64)


@pytest.fixture(scope="module")
def world() -> World:
    return build(QUOTA_2MB, 3, users=4)


def test_returns_are_n_steps_and_the_value_there() -> None:
    """Three hours of 1, 2 and 4, discount one half, values of 8, 16 and 32."""
    reward, values = np.array([[1.0, 2.0, 4.0]]), np.array([[8.0, 16.0, 32.0]])
    assert n_step_returns(reward, values, 0.5, 1)[0] == pytest.approx([1 + 8, 2 + 16, 4])
    assert n_step_returns(reward, values, 0.5, 2)[0] == pytest.approx([1 + 1 + 8, 2 + 2, 4])
    assert n_step_returns(reward, values, 0.5, 200)[0] == pytest.approx([1 + 1 + 1, 2 + 2, 4])


def test_a_month_of_returns_does_not_drown_in_its_discounts() -> None:
    """0.99 to the 720th is 0.0007: the sums are taken back by dividing by it."""
    chance = np.random.default_rng(1)
    reward, values = chance.normal(size=(2, 720)), chance.normal(size=(2, 720))
    found = n_step_returns(reward, values, 0.99, 200)
    for hour in (0, 519, 520, 521, 719):
        ahead = range(hour, min(hour + 200, 720))
        expected = sum(0.99 ** (k - hour) * reward[:, k] for k in ahead)
        if hour + 200 < 720:
            expected = expected + 0.99**200 * values[:, hour + 200]
        assert found[:, hour] == pytest.approx(expected, abs=1e-4)


def test_chances_are_of_what_there_is() -> None:
    valid = np.array([[[True, False, True], [True, True, True], [False, False, False]]])
    chances = softmax(np.array([[[800.0, 900.0, 800.0], [0.0, 0.0, np.log(2)], [1.0, 1.0, 1.0]]]), valid)
    assert chances[0] == pytest.approx(np.array([[0.5, 0, 0.5], [0.25, 0.25, 0.5], [0, 0, 0]]))


def test_the_slope_is_that_of_the_scaled_cross_entropy() -> None:
    """Against differences of -A log pi(a)."""
    logits, choice, advantage = np.array([[[0.3, -0.2, 0.9]]]), np.array([[1]]), np.array([[-1.7]])
    valid = np.ones((1, 1, 3), dtype=bool)
    slope = policy_slope(softmax(logits, valid), choice, advantage)
    for k in range(3):
        bump = np.zeros(3)
        bump[k] = 1e-6
        above, below = (-advantage * np.log(softmax(logits + s * bump, valid)[..., 1]) for s in (1, -1))
        assert slope[0, 0, k] == pytest.approx(float((above - below)[0, 0]) / 2e-6, abs=1e-6)


def test_s8_epsilon_greedy_choices_move_a_policy_that_has_nothing_to_learn(world: World) -> None:
    """On-policy: where every choice is as good as every other, an update has no direction. As printed it has: it takes
    the random choices for the policy's own, and moves it by half its way, whatever is good.
    """
    drift = {}
    for as_printed in (False, True):
        learner = tuned(world, Settings(as_printed=as_printed), chances=(0.9, 0.05, 0.05))
        draws = 4_000
        seen = np.zeros((world.users, 6), dtype=np.float32)
        valid = np.ones((world.users, 3), dtype=bool)
        choice = np.stack([choose(learner, seen, valid) for _ in range(draws)], axis=1)
        chances = policy(learner.actor, seen[:, None], valid[:, None])
        slope = policy_slope(chances, choice, np.ones(choice.shape)).mean(axis=(0, 1))
        drift[as_printed] = float(np.abs(slope).max())
    assert drift[False] < 0.02
    assert drift[True] == pytest.approx(0.9 - (0.2 + 0.8 / 3), abs=0.03)


def test_only_the_printed_form_tries_at_random_and_ever_less(world: World) -> None:
    chance = np.random.default_rng(0)
    ours, printed = (actor_critic_of(world, Settings(as_printed=each), chance) for each in (False, True))
    assert (ours.epsilon, printed.epsilon) == (0.0, 0.8)
    printed.episodes = 100
    assert printed.epsilon == pytest.approx(0.35)
    printed.episodes = 1_000
    assert printed.epsilon == 0.0


def test_the_nets_are_those_of_the_thesis(world: World) -> None:
    learner = actor_critic_of(world, Settings(), np.random.default_rng(0))
    assert learner.actor.sizes == (6, 32, 24, 24, 3)
    assert learner.critic.sizes == (6, 32, 24, 24, 1)
    for weight in learner.actor.weights[:3]:
        assert weight.var() == pytest.approx(1 / weight.shape[1], rel=0.2)
    assert (Settings().ahead, Settings().dropout, Settings().rate, Settings().discount) == (
        200,
        0.2,
        1e-3,
        0.99,
    )


@pytest.mark.parametrize("as_printed", [False, True])
def test_nothing_is_chosen_that_is_not_there(world: World, *, as_printed: bool) -> None:
    learner = actor_critic_of(world, Settings(as_printed=as_printed), np.random.default_rng(5))
    lived = live(world, draw_day(world, learner.chance), learner)
    assert np.take_along_axis(lived.valid, lived.choice[..., None], -1).all()
    assert lived.reward.min() > INVALID_REWARD * learner.settings.reward_scale
    assert set(np.unique(lived.choice)) == {Choice.PLAN, Choice.OFFER, Choice.WIFI}


def test_the_actor_learns_every_fifth_episode_and_the_critic_in_each(world: World) -> None:
    learner = actor_critic_of(world, SMALL, np.random.default_rng(6))
    actors, critics = [learner.actor.flat.copy()], [learner.critic.flat.copy()]
    for _ in range(6):
        learn_cycle(world, learner)
        actors.append(learner.actor.flat.copy())
        critics.append(learner.critic.flat.copy())
    assert [not np.array_equal(*pair) for pair in pairwise(actors)] == [False] * 4 + [True, False]
    assert all(not np.array_equal(*pair) for pair in pairwise(critics))
    assert len(learner.waiting) == 1


def test_the_same_seed_learns_the_same() -> None:
    world = build(QUOTA_2MB, 4, users=2)
    found = []
    for seed in (7, 7, 8):
        learner = actor_critic_of(world, SMALL, np.random.default_rng(seed))
        for _ in range(5):
            learn_cycle(world, learner)
        found.append(learner.actor.flat)
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_over_a_month_it_leaves_the_offers_with_which_it_began() -> None:
    """720 hours, three users, 20 episodes, from a policy to which an offer is the likeliest choice in every hour.

    It ends beside who always takes the plan, no better: nothing is to be gained over him here.
    """
    world = build(QUOTA_2MB, 1, users=3, hours=720)
    learner = tuned(world, Settings(), chances=(0.3, 0.4, 0.3))
    days = [draw_day(world, np.random.default_rng(9))]
    began = follow(world, days, likeliest(learner.actor))
    for _ in range(20):
        learn_cycle(world, learner)
    learned, none, plan = (
        follow(world, days, rule) for rule in (likeliest(learner.actor), without_offers, always_plan)
    )
    assert began.mean_reward < 0 < none.mean_reward
    assert learned.mean_spent_ubc < 0.05 * began.mean_spent_ubc
    assert learned.mean_reward == pytest.approx(plan.mean_reward, rel=0.01)


def test_entropy_s_slope_is_that_of_differences_and_none_where_all_are_alike() -> None:
    logits, valid = (
        np.array([[[0.3, -0.2, 0.9], [1.0, 1.0, 5.0]]]),
        np.array([[[True] * 3, [True, True, False]]]),
    )
    slope = certainty_slope(softmax(logits, valid))
    assert slope[0, 1] == pytest.approx(0, abs=1e-12)
    for k in range(3):
        bump = np.zeros(3)
        bump[k] = 1e-6
        above, below = (certainty(softmax(logits[:, :1] + s * bump, valid[:, :1])) for s in (1, -1))
        assert slope[0, 0, k] == pytest.approx((above - below) / 2e-6, abs=1e-6)


def test_the_weight_of_entropy_is_felt(world: World) -> None:
    """A policy that is nearly certain in every state goes back towards chance where nothing else counts."""
    learner = tuned(world, Settings(entropy=1_000.0, rate=0.02), chances=(0.98, 0.01, 0.01))
    day = draw_day(world, np.random.default_rng(1))
    certain = []
    for _ in range(4):
        lived = live(world, day, learner)
        certain.append(certainty(policy(learner.actor, lived.seen, lived.valid)))
        for _ in range(5):
            learn_cycle(world, learner)
    assert all(later < now for now, later in pairwise(certain)), certain
    assert certain[-1] < 1.3 * certain[0], "both are below 0"


def certainty(chances: Reals) -> float:
    """The mean entropy of states, with its sign turned."""
    return float((chances * np.log(np.where(chances > 0, chances, 1))).sum(axis=-1).mean())


def tuned(world: World, settings: Settings, chances: tuple[float, ...]) -> ActorCritic:
    """A learner whose policy is the same in every state."""
    learner = actor_critic_of(world, settings, np.random.default_rng(11))
    learner.actor.flat[...] = 0
    learner.actor.biases[-1][...] = np.log(np.array(chances, dtype=np.float32))
    return learner
