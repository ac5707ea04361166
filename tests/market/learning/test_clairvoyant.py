"""The clairvoyant's optimum against every course there is."""

from __future__ import annotations

import dataclasses
from itertools import product

import numpy as np
import pytest

from market.learning.clairvoyant import clairvoyant
from market.learning.rules import best_now, follow, overage_averse, without_offers
from market.learning.scenario import QUOTA_2MB, build
from market.learning.world import Day, World, begin, draw_day, only, outcomes
from market.sdo.choice import Choice
from market.sdo.monthly import UBC


def best_of_all(world: World, day: Day, choices: int) -> float:
    """Every course of one user, one by one."""
    best = -np.inf
    for course in product(range(choices), repeat=world.hours):
        used, reward = begin(world), 0.0
        for hour, choice in enumerate(course):
            out = outcomes(world, day, hour, used)
            if not out.valid[0, choice]:
                break
            reward += float(out.reward[0, choice])
            used = out.used[:, choice]
        else:
            best = max(best, reward)
    return best


@pytest.mark.parametrize("seed", range(12))
def test_the_optimum_is_the_best_of_every_course(seed):
    """Days of six hours with few offers and some Wi-Fi, whose prices and quotas matter."""
    chance = np.random.default_rng(seed)
    world = only(build(QUOTA_2MB, seed, 1), slice(0, 1))
    game = dataclasses.replace(
        world.game,
        plan=dataclasses.replace(world.game.plan, overage_bytes=int(chance.integers(1, 6)) * 500_000),
        demand_bytes=chance.integers(0, 2_500_000, (1, 6)),
        qos=chance.random((1, 6)),
        wifi=chance.random((1, 6)) < 0.4,
        congestion=chance.random(6),
        open_hours=(1, 3, 4),
    )
    schedule = (False, True, False, True, True, False)
    world = dataclasses.replace(
        world, game=game, schedule=schedule, price_ubc=int(chance.integers(1, 10)) * UBC
    )
    day = draw_day(world, chance)
    assert clairvoyant(world, day).reward[0] == pytest.approx(best_of_all(world, day, 3))


@pytest.mark.parametrize("seed", range(3))
def test_nobody_does_better(seed):
    world = build(QUOTA_2MB, seed, 8)
    chance = np.random.default_rng(seed)
    for day in (draw_day(world, chance) for _ in range(3)):
        best = clairvoyant(world, day)
        for rule in (without_offers, overage_averse, best_now):
            assert (follow(world, [day], rule).reward[0] <= best.reward + 1e-6).all()


def test_what_it_spends_is_what_such_a_course_costs():
    """Reward plus weighed money is what was served, which no course changes here but by Wi-Fi."""
    world = build(dataclasses.replace(QUOTA_2MB, redraws=True), 0, 4)
    none = np.zeros_like(world.game.wifi)
    day = dataclasses.replace(draw_day(world, np.random.default_rng(0)), wifi=none)
    best, course = clairvoyant(world, day), follow(world, [day], without_offers)
    assert not (course.choices == Choice.WIFI).any()
    cost = world.cost_kb / UBC * (1 - world.game.sensitivity)
    served = course.reward[0] + course.spent_ubc[0] * cost
    assert best.reward + best.spent_ubc * cost == pytest.approx(served)


def test_being_slowed_down_only_helps():
    world = build(QUOTA_2MB, 0, 4)
    plan = dataclasses.replace(world.game.plan, throttles=True)
    slowed = dataclasses.replace(world, game=dataclasses.replace(world.game, plan=plan))
    day = draw_day(world, np.random.default_rng(0))
    assert (clairvoyant(slowed, day).reward >= clairvoyant(world, day).reward).all()
