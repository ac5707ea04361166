"""The rules of those who do not learn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from market.learning.clairvoyant import clairvoyant
from market.learning.rules import always_plan, best_now, follow, overage_averse, without_offers
from market.learning.scenario import QUOTA_2MB, build
from market.learning.world import begin, draw_day, quiet_day
from market.sdo.choice import Choice
from market.sdo.monthly import UBC
from tests.market.learning.small_world import MB, small_world


def test_without_offers_nobody_takes_one_and_overages_are_paid():
    world = small_world()
    course = follow(world, [quiet_day(world)], without_offers)
    assert not (course.choices == Choice.OFFER).any()
    assert course.choices[0, 0].tolist() == [Choice.PLAN] * 4
    assert course.spent_ubc[0, 0] == 20 * UBC
    assert course.reward[0, 0] == 4_000 - 20 * 35


def test_always_the_plan_is_that_and_nothing_else_also_where_there_is_wifi():
    world = small_world()
    course = follow(world, [quiet_day(world)], always_plan)
    assert (course.choices == Choice.PLAN).all()
    assert course.spent_ubc.tolist() == [[20 * UBC, 20 * UBC]]
    assert course.reward.tolist() == [[4_000 - 20 * 35, 4_000 - 20 * 35 / 2]]


def test_the_averse_take_an_offer_before_the_quota_ends_and_would_not_have_to():
    """An overage is likely, so 5 now is less than 10 by and by; that it only puts the overage off is not seen."""
    world = small_world()
    assert overage_averse(world, quiet_day(world), 1, np.array([MB, MB])).tolist() == [Choice.OFFER] * 2
    assert without_offers(world, quiet_day(world), 1, np.array([MB, MB])).tolist() == [Choice.PLAN] * 2


def test_who_looks_nowhere_ahead_takes_offers_where_an_overage_is_due():
    world = small_world()
    day = quiet_day(world)
    assert best_now(world, day, 1, begin(world)).tolist() == [Choice.PLAN] * 2
    assert best_now(world, day, 1, np.array([2 * MB, 2 * MB])).tolist() == [Choice.OFFER] * 2


def test_money_counts_in_the_rules_as_in_the_reward():
    """With a C that makes money nothing nobody minds an overage; with one that makes it all, everybody does."""
    world = small_world(throttles=True)
    due = np.array([2 * MB, 2 * MB])
    careless = dataclasses.replace(world, cost_kb=0.0)
    miser = dataclasses.replace(world, cost_kb=1_000.0)
    assert without_offers(careless, quiet_day(world), 1, due).tolist() == [Choice.PLAN] * 2
    assert without_offers(miser, quiet_day(world), 1, due).tolist() == [Choice.THROTTLED] * 2


def test_a_course_adds_up():
    world = build(QUOTA_2MB, 0, 4)
    chance = np.random.default_rng(0)
    days = [draw_day(world, chance) for _ in range(3)]
    course = follow(world, days, overage_averse)
    assert course.choices.shape == (3, 4, 24)
    offers = (course.choices == Choice.OFFER).sum(axis=2)
    assert (offers * world.price_ubc <= course.spent_ubc).all()
    assert ((course.spent_ubc - offers * world.price_ubc) % world.game.plan.overage_ubc == 0).all()
    assert course.mean_spent_ubc == int(course.spent_ubc.sum()) // 3


def test_a_rule_that_takes_what_is_not_there_is_caught():
    world = small_world()
    with pytest.raises(AssertionError, match="what there is"):
        follow(world, [quiet_day(world)], lambda *_: np.full(2, Choice.OFFER))


def test_who_uses_nothing_pays_nothing_and_a_plan_may_have_no_quota():
    """Every rule, and the clairvoyant, on a plan of 0 bytes."""
    world = build(dataclasses.replace(QUOTA_2MB, quota_bytes=0, noise_bytes=0), 0, 2)
    idle = dataclasses.replace(
        world, game=dataclasses.replace(world.game, demand_bytes=np.zeros((2, 24), np.int64))
    )
    for rule in (without_offers, overage_averse, best_now, always_plan):
        course = follow(idle, [quiet_day(idle)], rule)
        assert not course.spent_ubc.any()
        assert not course.reward.any()
        assert follow(world, [quiet_day(world)], rule).spent_ubc.any()
    best = clairvoyant(idle, quiet_day(idle))
    assert not best.reward.any()
    assert not best.spent_ubc.any()
