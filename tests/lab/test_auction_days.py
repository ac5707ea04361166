"""A market of a few users: money is conserved, days repeat where nobody learns, and who learns gets to the most."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.auction_days import Course, Crowd, Day, Setting, attainable_ubc, shares, simulate
from market.ubid.mcpi import Choices, Initial

SMALL = Setting(users=16, sessions=3, slots=6, days=40, units=2)


@pytest.mark.parametrize("crowd", list(Crowd))
def test_where_nobody_learns_one_day_is_like_another(crowd: Crowd) -> None:
    course = simulate(replace(SMALL, learners=0, days=3, crowd=crowd), 1)
    assert course.watched[0] == course.watched[1] == course.watched[2]
    assert len(course.watched[0]) == 16
    assert len(set(course.revenue_ubc)) == 1
    assert 0 < course.revenue_ubc[0] <= 16 * SMALL.budget_ubc


@pytest.mark.parametrize("crowd", list(Crowd))
def test_nobody_wins_more_than_the_most_at_the_prices_of_the_day(crowd: Crowd) -> None:
    for seed in range(3):
        for watched in simulate(replace(SMALL, learners=0, days=1, crowd=crowd), seed).watched:
            assert all(0 <= day.won_ubc <= day.most_ubc for day in watched)
            assert any(day.won_ubc < day.most_ubc for day in watched)


def test_a_course_follows_from_its_seed() -> None:
    assert simulate(SMALL, 5) == simulate(SMALL, 5) != simulate(SMALL, 6)


def test_who_learns_gets_most_of_what_can_be_had() -> None:
    late = [share for seed in range(8) for share in shares(simulate(SMALL, seed), slice(30, 40))]
    naive = simulate(replace(SMALL, learners=0, days=1), 0)
    assert len(late) >= 7
    assert sum(late) / len(late) > 0.85
    assert sum(shares(naive, slice(None))) / 16 < 0.75


def test_no_learner_wins_more_than_the_best_plan_where_all_prices_are_one() -> None:
    """One unit and one slot that everybody wants: a plan wins what its money buys there, and no more can be had."""
    one = replace(SMALL, users=3, sessions=1, slots=1, units=1, days=20, crowd=Crowd.GREEDY)
    for seed in range(6):
        best = attainable_ubc(one, seed)
        last = simulate(one, seed).watched[-1][0]
        assert last.won_ubc == last.most_ubc == best


def test_the_most_at_the_prices_of_the_day_may_be_out_of_reach() -> None:
    """(4.17) takes prices as given; but whoever is outbid early has its money later, and raises what is left to buy."""
    setting = Setting(crowd=Crowd.GREEDY, days=40)
    (last,) = simulate(setting, 0).watched[-1]
    assert last.won_ubc <= attainable_ubc(setting, 0) < last.most_ubc


def test_the_best_plan_is_worth_at_least_what_is_learnt() -> None:
    alone = replace(SMALL, choices=Choices(levels_percent=(0, 100)))
    for seed in range(4):
        course = simulate(alone, seed)
        assert attainable_ubc(alone, seed) >= max(day.won_ubc for (day,) in course.watched)


def test_long_sessions_leave_some_without_an_offer() -> None:
    setting = replace(SMALL, most_slots=4, units=3, modes=(1, 3), learners=0, days=1)
    first, same = simulate(setting, 2), simulate(replace(setting, most_slots=1), 2)
    assert first != same
    assert all(day.won_ubc <= day.most_ubc for day in first.watched[0])


def test_shifted_users_have_other_days() -> None:
    course = simulate(replace(SMALL, learners=0, days=3, shifted_percent=50, most_shift=2), 1)
    assert len(set(course.watched)) > 1


def test_several_learn_beside_each_other() -> None:
    choices = Choices(initial=Initial.NEUTRAL)
    course = simulate(replace(SMALL, learners=4, days=5, choices=choices), 1)
    assert [len(watched) for watched in course.watched] == [4] * 5


def test_who_could_have_won_nothing_is_left_out() -> None:
    course = Course(((Day(3, 4), Day(0, 0)), (Day(1, 4), Day(0, 0))), (7, 7))
    assert shares(course, slice(None)) == [0.5]
    assert shares(course, slice(1, 2)) == [0.25]
