"""What 003 4.9 shows of users with budgets, as named settings of auction_days.py and what is read from their courses.

The budget, the capacity and how much sessions are worth were calibrated, so that those who do not learn win about half
of what they could (the thesis: at most 40 %). What those who learn win is predicted.
Reference: 003 4.9, Figures 4.11 to 4.13.   Units: shares of U_max, micro-bandcoin (ubc).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lab.auction_days import Course, Crowd, Setting, attainable_ubc, shares, simulate
from market.ubid.mcpi import Choices, Initial

LAST_DAYS = slice(70, 80)

MID = Setting()
"""One learner among rationed users, at the middle budget."""

SCENARIOS: dict[str, Setting] = {
    "among rationed users": MID,
    "among greedy users": replace(MID, crowd=Crowd.GREEDY),
    "neutral start": replace(MID, choices=Choices(initial=Initial.NEUTRAL)),
    "half the budget": replace(MID, budget_ubc=MID.budget_ubc // 2),
    "twice the budget": replace(MID, budget_ubc=MID.budget_ubc * 2),
    "long sessions": replace(MID, most_slots=4, units=2 * MID.units),
    "1 % shifted by an hour": replace(MID, shifted_percent=1, most_shift=1),
    "half shifted by two hours": replace(MID, shifted_percent=50, most_shift=2),
    "all shifted by three hours": replace(MID, shifted_percent=100, most_shift=3),
    "10 learners": replace(MID, learners=10),
}


def courses(setting: Setting, seeds: Iterable[int]) -> list[Course]:
    """One market for each seed."""
    return [simulate(setting, seed) for seed in seeds]


def last_shares(found: Iterable[Course]) -> list[float]:
    """Of U_max on days 70 to 80, for each course and each of its learners that could have won something."""
    return [share for course in found for share in shares(course, LAST_DAYS)]


def last_shares_of_attainable(setting: Setting, found: Sequence[Course], seeds: Sequence[int]) -> list[float]:
    """Of what trying all plans of all or nothing wins, on days 70 to 80, for the one learner of each course."""
    best = (attainable_ubc(setting, seed) for seed in seeds)
    won = (statistics.fmean(day.won_ubc for (day,) in course.watched[LAST_DAYS]) for course in found)
    return [mine / most for mine, most in zip(won, best, strict=True) if most]


def daily_shares(found: Iterable[Course]) -> list[list[float]]:
    """By day, of U_max, for each course and each of its learners that could have won something that day."""
    listed = list(found)
    days = len(listed[0].watched)
    return [
        [share for course in listed for share in shares(course, slice(day, day + 1))] for day in range(days)
    ]


def daily_revenue_ubc(found: Iterable[Course]) -> list[int]:
    """By day, what the network earns in all courses together."""
    return [sum(day) for day in zip(*(course.revenue_ubc for course in found), strict=True)]


def naive_shares(setting: Setting, seeds: Iterable[int]) -> list[float]:
    """Of U_max, for every user where nobody learns. Unless users are shifted one day is like another, so it is one."""
    alone = replace(setting, learners=0, days=1)
    return [share for seed in seeds for share in shares(simulate(alone, seed), slice(None))]
