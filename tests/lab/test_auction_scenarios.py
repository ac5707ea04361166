"""The scenarios of 4.9 are what they are called, and their courses are read as they are described."""

from __future__ import annotations

from dataclasses import replace

from lab.auction_days import Course, Crowd, Day, Setting
from lab.auction_scenarios import (
    MID,
    SCENARIOS,
    courses,
    daily_revenue_ubc,
    daily_shares,
    last_shares,
    last_shares_of_attainable,
    naive_shares,
)
from market.ubid.mcpi import Initial


def test_every_scenario_differs_from_the_middle_one() -> None:
    assert [name for name, setting in SCENARIOS.items() if setting == MID] == ["among rationed users"]
    assert (MID.users, MID.days, MID.crowd) == (100, 80, Crowd.RATIONED)
    assert SCENARIOS["neutral start"].choices.initial is Initial.NEUTRAL
    assert SCENARIOS["10 learners"].learners == 10


def test_courses_are_read_by_day_and_at_their_end() -> None:
    early, late = ((Day(1, 4), Day(0, 0)),), ((Day(3, 4), Day(2, 8)),)
    found = [Course(early * 70 + late * 10, (5,) * 80), Course(early * 80, (6,) * 80)]
    assert last_shares(found) == [0.75, 0.25, 0.25]
    by_day = daily_shares(found)
    assert (by_day[0], by_day[79]) == ([0.25, 0.25], [0.75, 0.25, 0.25])
    assert daily_revenue_ubc(found) == [11] * 80


def test_a_small_market_runs_whole() -> None:
    small = Setting(users=10, sessions=2, slots=4, days=3, units=1)
    assert [len(course.watched) for course in courses(small, range(2))] == [3, 3]
    long = replace(small, days=80)
    found = last_shares_of_attainable(long, courses(long, range(4)), range(4))
    assert 2 <= len(found) <= 4
    assert sum(found) / len(found) > 0.8
    assert all(0 <= share <= 1 for share in naive_shares(replace(small, days=80), range(2)))
