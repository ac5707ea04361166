"""Worlds by name and seed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from market.learning.scenario import QUOTA_2MB, build
from market.traces.presets import draw
from market.traces.usage import digest


def test_a_world_is_the_average_day_of_its_users():
    world = build(QUOTA_2MB, 3, 5)
    used = draw("tight-2MB", 3, users=5).usage.history_bytes
    assert (world.game.demand_bytes == np.floor(used.mean(axis=0))).all()
    assert world.game.plan.quota_bytes == 2_000_000
    assert "synthetic" in world.game.label


def test_users_think_of_risk_as_this_world_has_it():
    world = build(QUOTA_2MB, 0, 5)
    total = world.game.demand_bytes.sum(axis=1)
    assert world.game.mean_bytes == pytest.approx(total, rel=0.02)
    assert (world.game.sigma_bytes > 50_000).all()


def test_the_same_seed_is_the_same_world_and_another_is_not():
    one, same, other = (build(QUOTA_2MB, seed, 4) for seed in (0, 0, 1))
    assert digest(one.game.demand_bytes) == digest(same.game.demand_bytes) != digest(other.game.demand_bytes)
    assert one.schedule == same.schedule
    assert one.game.mean_bytes.tolist() == same.game.mean_bytes.tolist()


def test_offers_are_made_in_open_hours_only():
    world = build(QUOTA_2MB, 0, 8)
    offered = {hour for hour, offers in enumerate(world.schedule) if offers}
    assert offered
    assert offered <= set(world.game.open_hours)


def test_a_month_is_built_as_a_day_is():
    world = build(dataclasses.replace(QUOTA_2MB, quota_bytes=60_000_000), 0, 2, hours=720)
    assert world.hours == len(world.schedule) == 720
    assert world.game.demand_bytes.shape == (2, 720)
