"""Double DQN: its settings, what it remembers of an hour, its targets, and that it learns."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from market.learning.chosen import INVALID_REWARD
from market.learning.double_dqn import (
    Settings,
    best_of,
    descend,
    explore,
    greedy,
    learn_day,
    learner_of,
    targets,
    train,
    transitions,
)
from market.learning.perceptron import adam_of, copy_of, draw_perceptrons, forward
from market.learning.replay import sample
from market.learning.rules import follow
from market.learning.scenario import QUOTA_2MB, build
from market.learning.world import begin, chosen, draw_day, observe, outcomes, quiet_day
from market.sdo.choice import Choice
from tests.market.learning.small_world import small_world

QUICK = Settings(batch=96, rate=1e-3, filled_first=120, memory=1_000)


def test_the_settings_are_the_thesis_s():
    settings, world = Settings(), build(QUOTA_2MB, 0, 2)
    learner = learner_of(world, settings, np.random.default_rng(0))
    assert learner.running.sizes == (6, 24, 24, 3)
    assert learner.running.flat.shape == (2, 843)
    assert learner.memory.capacity == 10_000
    assert learner.memory.count == 2_016, "28 days of 72"
    assert learner.epsilon == 0.5
    learner.episodes = 1_111
    assert learner.epsilon == pytest.approx(5e-5)
    learner.episodes = 1_112
    assert learner.epsilon == 0


def test_a_cycle_gives_72_transitions_and_trains_three_times():
    world = build(QUOTA_2MB, 0, 2)
    learner = learner_of(world, Settings(filled_first=1, batch=384), np.random.default_rng(0))
    before = learner.memory.count
    learn_day(world, learner)
    assert learner.memory.count - before == before == 72
    assert learner.adam.steps == 3 * 12
    assert learner.episodes == 1
    assert (learner.target.flat == learner.running.flat).all()


def test_an_hour_s_transitions_are_one_real_and_those_that_would_have_been():
    world = build(QUOTA_2MB, 0, 3)
    day, used = draw_day(world, np.random.default_rng(1)), np.array([1_500_000, 9_000_000, 100])
    new, valid, then = transitions(world, day, 20, used, 1e-4)
    out = outcomes(world, day, 20, used)
    assert (new.reward == (out.reward * 1e-4).astype(np.float32)).all()
    assert new.choice.tolist() == [[0, 1, 2]] * 3
    for choice in Choice.PLAN, Choice.OFFER, Choice.WIFI:
        after = chosen(out.used, np.full(3, choice))
        assert (new.then[:, choice] == observe(world, day, 21, after)).all()
        assert (new.then_valid[:, choice] == outcomes(world, day, 21, after).valid).all()
    assert not new.ends.any()
    assert (valid == out.valid).all()
    assert (then == out.used).all()


def test_nothing_follows_the_last_hour():
    world = build(QUOTA_2MB, 0, 3)
    new, _, _ = transitions(world, quiet_day(world), 23, begin(world), 1.0)
    assert new.ends.all()
    learner = learner_of(world, QUICK, np.random.default_rng(0))
    assert (targets(learner, new) == new.reward).all()


def test_what_is_not_there_is_never_tried_and_learned_to_be_bad():
    world = small_world()
    learner = learner_of(world, QUICK, np.random.default_rng(0))
    day, used = quiet_day(world), begin(world)
    out = outcomes(world, day, 0, used)
    seen = observe(world, day, 0, used)
    for _ in range(50):
        assert explore(learner, seen, out.valid, 1.0).tolist() == [Choice.PLAN] * 2
    learned = sample(learner.memory, 500, np.random.default_rng(1)).reward
    assert learned.min() == pytest.approx(INVALID_REWARD * QUICK.reward_scale)


def test_random_choices_are_uniform_among_those_there_are():
    world = small_world()
    learner = learner_of(world, QUICK, np.random.default_rng(0))
    seen = observe(world, quiet_day(world), 1, begin(world))
    valid = np.array([[True, True, False]] * 2)
    drawn = np.array([explore(learner, seen, valid, 1.0) for _ in range(2_000)])
    assert drawn.max() == 1
    assert drawn.mean() == pytest.approx(0.5, abs=0.03)


def test_the_running_net_selects_and_the_target_evaluates():
    world = build(QUOTA_2MB, 0, 2)
    learner = learner_of(world, QUICK, np.random.default_rng(0))
    learner.target.flat[...] = draw_perceptrons((6, 24, 24, 3), 2, np.random.default_rng(9)).flat
    drawn = sample(learner.memory, 64, np.random.default_rng(1))
    best = best_of(learner.running, drawn.then, drawn.then_valid)
    assert chosen(drawn.then_valid, best)[~drawn.ends].all()
    later = chosen(forward(learner.target, drawn.then), best)
    expected = drawn.reward + np.where(drawn.ends, 0, 0.95 * later)
    assert targets(learner, drawn) == pytest.approx(expected, rel=1e-6)


def test_only_the_chosen_output_is_moved_by_its_own_error():
    nets = draw_perceptrons((6, 3), 1, np.random.default_rng(0))
    adam = adam_of(nets, 1e-2)
    before = nets.flat.copy()
    seen = np.ones((1, 4, 6), dtype=np.float32)
    second = np.tile(np.array([0, 1, 0], dtype=np.float32), (1, 4, 1))
    descend(nets, adam, seen, np.full((1, 4, 1), 50, dtype=np.float32), second, copy_of(nets))
    moved = (nets.flat != before)[0]
    assert moved[:18].reshape(6, 3).tolist() == [[False, True, False]] * 6
    assert moved[18:].tolist() == [False, True, False]


def test_the_same_seed_learns_the_same_bits():
    world = build(QUOTA_2MB, 0, 3)
    runs = []
    for seed in (7, 7, 8):
        learner = learner_of(world, QUICK, np.random.default_rng(seed))
        for _ in range(4):
            learn_day(world, learner)
        runs.append(learner.running.flat.tobytes())
    assert runs[0] == runs[1] != runs[2]


def test_a_value_of_known_size_is_learned():
    """One hour left, two choices and their rewards: nothing to bootstrap from."""
    world = small_world()
    learner = learner_of(world, dataclasses.replace(QUICK, rate=3e-3), np.random.default_rng(0))
    learner.memory.kept.ends[...] = True
    for _ in range(60):
        train(learner)
    drawn = sample(learner.memory, 200, np.random.default_rng(1))
    found = chosen(forward(learner.running, drawn.seen), drawn.choice)
    assert np.abs(found - drawn.reward).max() < 0.1, "of rewards between -1 and 0.1"


def test_four_choices_are_learned_as_three_are():
    world = build(dataclasses.replace(QUOTA_2MB, throttles=True), 0, 2)
    learner = learner_of(world, QUICK, np.random.default_rng(0))
    for _ in range(3):
        learn_day(world, learner)
    assert learner.running.sizes[-1] == 4
    course = follow(world, [draw_day(world, np.random.default_rng(1))], greedy(learner.running))
    assert course.choices.max() <= Choice.THROTTLED
