"""Q-learning with a table."""

from __future__ import annotations

import numpy as np

from market.learning.double_dqn import Settings
from market.learning.rules import follow, overage_averse
from market.learning.scenario import QUOTA_2MB, build
from market.learning.tabular import greedy, learn_day, table_of
from market.learning.world import draw_day, quiet_day
from market.sdo.choice import Choice
from tests.market.learning.small_world import small_world


def test_an_offer_is_taken_where_it_saves_an_overage_and_not_before():
    """4 MB on 2, offers in hours 1 and 3: whoever takes both has no overage and pays 10; one overage costs 10. Worth
    as much; a discount below one makes what comes later count for less, so the offer waits for hour 3.
    """
    world = small_world()
    table = table_of(world, Settings(), np.random.default_rng(0))
    for _ in range(400):
        learn_day(world, table)
    course = follow(world, [quiet_day(world)], greedy(table))
    assert course.choices[0, 0, 3] == Choice.OFFER
    assert course.spent_ubc[0, 0] <= 15_000_000


def test_worths_of_the_last_hour_are_its_rewards():
    world = small_world()
    table = table_of(world, Settings(), np.random.default_rng(0))
    for _ in range(300):
        learn_day(world, table)
    last = table.worth[0, 3]
    rewards = last[last != 0]
    assert {round(float(each)) for each in rewards} <= {1_000, 825, 650, -10_000}


def test_it_spends_less_than_overage_averse_users():
    world = build(QUOTA_2MB, 0, 4)
    table = table_of(world, Settings(), np.random.default_rng(0))
    for _ in range(40):
        learn_day(world, table)
    chance = np.random.default_rng(1)
    days = [draw_day(world, chance) for _ in range(5)]
    learned, averse = follow(world, days, greedy(table)), follow(world, days, overage_averse)
    assert learned.mean_reward > averse.mean_reward
    assert learned.mean_spent_ubc < averse.mean_spent_ubc * 0.75
    assert table.epsilon == 0.5 - 40 * 4.5e-4


def test_the_same_seed_learns_the_same():
    world = build(QUOTA_2MB, 0, 2)
    tables = [table_of(world, Settings(), np.random.default_rng(3)) for _ in range(2)]
    for table in tables:
        for _ in range(5):
            learn_day(world, table)
    assert (tables[0].worth == tables[1].worth).all()
