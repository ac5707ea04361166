"""The world of learners: (3.26) by hand, what may be chosen, and what happens whatever is chosen."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from market.learning.chosen import INVALID_REWARD
from market.learning.scenario import QUOTA_2MB, build
from market.learning.world import (
    begin,
    chosen,
    draw_day,
    observe,
    only,
    outcomes,
    quiet_day,
    quota_bytes,
)
from market.sdo.choice import Choice
from market.sdo.monthly import UBC
from tests.market.learning.small_world import MB, small_world


def test_reward_is_326_in_kb():
    world = small_world()
    out = outcomes(world, quiet_day(world), 1, np.array([MB, 2 * MB]))
    assert out.reward[0, Choice.PLAN] == 1_000
    assert out.reward[0, Choice.OFFER] == 1_000 - 35 * 5
    assert out.reward[1, Choice.PLAN] == 1_000 - 35 * 10 / 2
    assert out.reward[1, Choice.OFFER] == 1_000 - 35 * 5 / 2
    assert out.spent_ubc.tolist() == [[0, 5 * UBC, 0], [10 * UBC, 5 * UBC, 0]]
    assert out.used.tolist() == [[2 * MB, MB, MB], [3 * MB, 2 * MB, 2 * MB]]


def test_wifi_is_worth_what_the_user_makes_of_it():
    world = small_world()
    out = outcomes(world, quiet_day(world), 2, begin(world))
    assert out.reward[1, Choice.WIFI] == 1_000 * (1 - 0.5 * 0.5) * 0.5
    assert out.reward[0, Choice.WIFI] == INVALID_REWARD


def test_what_is_not_there_is_masked_costs_nothing_and_moves_nothing():
    world = small_world()
    out = outcomes(world, quiet_day(world), 0, begin(world))
    assert out.valid.tolist() == [[True, False, False]] * 2
    assert (out.reward[:, 1:] == INVALID_REWARD).all()
    assert not out.spent_ubc[:, 1:].any()
    assert not out.used[:, 1:].any()


def test_an_hour_buys_as_many_overages_as_it_needs():
    world = small_world()
    game = dataclasses.replace(world.game, demand_bytes=np.full((2, 4), 5 * MB, dtype=np.int64))
    world = dataclasses.replace(world, game=game)
    out = outcomes(world, quiet_day(world), 0, begin(world))
    assert out.spent_ubc[:, Choice.PLAN].tolist() == [30 * UBC] * 2
    assert quota_bytes(world, out.used[:, Choice.PLAN]).tolist() == [5 * MB] * 2


def test_being_slowed_down_is_there_where_an_overage_is_due():
    world = small_world(throttles=True)
    assert world.choices == 4
    out = outcomes(world, quiet_day(world), 0, np.array([MB, 2 * MB]))
    assert out.valid[:, Choice.THROTTLED].tolist() == [False, True]
    assert out.reward[1, Choice.THROTTLED] == pytest.approx(1_000 * (1 - 0.9 * 0.5))
    assert out.spent_ubc[1, Choice.THROTTLED] == 0


def test_states_of_any_shape_are_the_states_one_by_one():
    world = build(QUOTA_2MB, 0, 3)
    day = draw_day(world, np.random.default_rng(5))
    many = np.array([[0, 1, 2], [3, 4, 5]]) * 700_000
    out, seen = outcomes(world, day, 20, many), observe(world, day, 20, many)
    for row, used in enumerate(many):
        one = outcomes(world, day, 20, used)
        assert (out.reward[row] == one.reward).all()
        assert (out.used[row] == one.used).all()
        assert (seen[row] == observe(world, day, 20, used)).all()


def test_observations_are_shares():
    world = build(QUOTA_2MB, 1, 4)
    chance, used = np.random.default_rng(2), begin(world)
    day = quiet_day(world)
    for _ in range(20):
        day = draw_day(world, chance)
        for hour in range(25):
            seen = observe(world, day, hour, used)
            assert seen.dtype == np.float32
            assert seen.min() >= 0
            assert seen[..., 1:].max() <= 1
            assert seen[..., 0].max() <= 1.5
    assert observe(world, day, 24, used)[0].tolist() == [0, 0, 0, 0, np.float32(0.2), 1]


def test_noise_strays_about_the_day_and_never_below_nothing():
    world = dataclasses.replace(build(QUOTA_2MB, 0, 8), noise_bytes=200_000)
    chance = np.random.default_rng(0)
    drawn = np.stack([draw_day(world, chance).demand_bytes for _ in range(400)])
    assert drawn.dtype == np.int64
    assert drawn.min() == 0
    busy = world.game.demand_bytes > 1_000_000
    stray = (drawn - world.game.demand_bytes)[:, busy]
    assert abs(stray.mean()) < 2_000
    assert stray.std() == pytest.approx(200_000, rel=0.02)


def test_wifi_and_qos_are_drawn_anew_where_that_is_wanted():
    world = build(dataclasses.replace(QUOTA_2MB, redraws=True), 0, 8)
    chance = np.random.default_rng(0)
    days = [draw_day(world, chance) for _ in range(200)]
    assert np.mean([day.wifi for day in days]) == pytest.approx(np.exp(-2), abs=0.01)
    assert np.mean([day.qos for day in days]) == pytest.approx(0.5, abs=0.01)


def test_one_user_alone_is_the_same_user():
    world = build(QUOTA_2MB, 0, 3)
    alone, day = only(world, slice(1, 2)), quiet_day(world)
    used = np.array([1_900_000, 1_900_000, 1_900_000])
    all_of_them = outcomes(world, day, 20, used)
    one = outcomes(alone, quiet_day(alone), 20, used[1:2])
    assert (one.reward[0] == all_of_them.reward[1]).all()
    assert alone.users == 1


def test_chosen_picks_on_the_last_axis():
    assert chosen(np.array([[1, 2, 3], [4, 5, 6]]), np.array([2, 0])).tolist() == [3, 4]
