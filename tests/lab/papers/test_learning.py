"""What is said of learned policies: bars that turn the verdicts, and when a policy has come to rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from lab.papers.exhibit import Verdict
from lab.papers.learning import (
    DAYS,
    MONTHS,
    Share,
    at_rest_after,
    convergence_verdict,
    day_verdict,
    month_verdict,
    share,
    two_users,
    users_verdict,
)
from market.learning.experiment import Result

FIGURES = [f"003/figure-3.{number}" for number in range(9, 17)]


def test_all_of_them_are_answered_and_the_quick_ones_say_how_little_was_learned(
    quick: Mapping[str, Any],
) -> None:
    assert all(not quick[figure]["reason"].startswith("not built") for figure in FIGURES)
    assert all(quick[figure]["seeds"] == 1 for figure in FIGURES), "users of one world are no seeds"
    assert "After 20 episodes" in quick["003/figure-3.9"]["ours"]
    assert "One world of 3 users" in quick["003/figure-3.9"]["ours"]
    who = [row[1] for row in quick["003/figure-3.13"]["tables"][0]["rows"]]
    assert who == ["without offers", "overage-averse", "learned", "always the plan"] * 2


def test_overage_averse_users_are_worse_off_than_without_offers(quick: Mapping[str, Any]) -> None:
    """What hangs on no learning is on the quick page already."""
    for figure in ("003/figure-3.9", "003/figure-3.13"):
        rows = {row[1]: row[2:] for row in quick[figure]["tables"][0]["rows"]}
        (none_had, none_spent, *_), (averse_had, averse_spent, *_) = (
            rows["without offers"],
            rows["overage-averse"],
        )
        assert averse_had < none_had
        assert averse_spent > none_spent


def test_the_gap_is_said_to_widen_only_where_it_does(quick: Mapping[str, Any]) -> None:
    """With one deviation it cannot narrow."""
    assert "Our gap widens too" in quick["003/figure-3.9"]["reason"]
    assert "the order of the three does not hold" in quick["003/figure-3.9"]["reason"]
    assert "always takes the plan" in quick["003/figure-3.13"]["reason"]


def test_one_trains_until_nothing_is_tried_at_random_any_more() -> None:
    assert (DAYS, MONTHS) == (1_112, 178)


def test_the_bars_turn_the_verdicts() -> None:
    more, no_more, less = Share(1.02, 1.01, 1.03), Share(1.02, 0.99, 1.03), Share(0.9, 0.8, 0.99)
    good: tuple[list[Any], ...] = ([more, more], [more, more], [less, less], [0.9, 0.8])
    assert day_verdict(*good) == (Verdict.SHAPE, ())
    worse: list[list[Any]] = [[no_more, more], [more, no_more], [less, no_more], [1.0, 0.8], [0.8, 0.9]]
    for place, bad in zip((0, 1, 2, 3, 3), worse, strict=True):
        assert day_verdict(*(bad if n == place else each for n, each in enumerate(good)))[0] is Verdict.CANNOT
    fine: tuple[list[Any], ...] = ([-5.0], [1.2], [0.4], [0.99], [more])
    assert month_verdict(*fine) == (Verdict.SHAPE, ())
    worst: list[list[Any]] = [[5.0], [1.3], [0.6], [0.97], [no_more]]
    for place, bad in enumerate(worst):
        assert (
            month_verdict(*(bad if n == place else each for n, each in enumerate(fine)))[0] is Verdict.CANNOT
        )


def test_who_always_takes_the_plan_is_never_said_to_have_learned() -> None:
    """A constant has 1 of itself, whatever it has of the others: no verdict may rest on that."""
    more, itself, less = Share(1.06, 1.05, 1.07), Share(1.0, 1.0, 1.0), Share(0.9, 0.8, 0.95)
    assert day_verdict([more], [itself], [less], [0.9])[0] is Verdict.CANNOT
    assert month_verdict([-5.0], [1.1], [0.02], [1.06], [itself])[0] is Verdict.CANNOT
    assert users_verdict([0, 0, 0], [5, 5, 5], [0, 0, 0], some=0.1)[0] is Verdict.CANNOT
    assert convergence_verdict(5, [5, 5, 5], 25, 1.0)[0] is Verdict.CANNOT


def test_users_are_counted() -> None:
    up = [1, 0, 0]
    assert users_verdict([0, 5, 40], up, up, some=0.3) == (Verdict.SHAPE, ())
    assert users_verdict([0, 50, 40], up, up, some=0.3)[0] is Verdict.CANNOT
    assert users_verdict([0, 5, 40], [0, 0, 0], up, some=0.3)[0] is Verdict.CANNOT
    assert users_verdict([0, 5, 40], [1, -2, -2], up, some=0.3)[0] is Verdict.CANNOT
    assert users_verdict([0, 5, 40], up, [1, -1, -1], some=0.3)[0] is Verdict.CANNOT, "most lose"


def test_a_share_is_of_all_users_together_and_its_interval_of_the_same_users_on_both_sides() -> None:
    base = Result(np.array([1.0, 10.0, 100.0]), np.array([1, 2, 3]))
    twice = Result(base.reward * 2, base.spent_ubc * 2)
    assert share(base, twice, "reward") == Share(2.0, 2.0, 2.0), "users differ, what they gain does not"
    some = share(base, Result(np.array([2.0, 10.0, 100.0]), base.spent_ubc), "reward")
    assert some.low == 1
    assert some.value == pytest.approx(112 / 111)
    assert some.high == 2, "all three may be the one who gains"


def test_two_users_are_chosen_by_what_they_use() -> None:
    assert two_users([5, 1, 9, 7]) == (3, 2)
    assert two_users([5, 1, 9]) == (0, 2)


def test_at_rest_is_where_a_reward_stays_within_one_percent_of_its_last() -> None:
    assert at_rest_after([(10, 50.0), (20, 99.5), (30, 90.0), (40, 100.5), (50, 100.0)]) == 40
    assert at_rest_after([(10, 100.0), (20, 100.0)]) == 10
    assert at_rest_after([(10, 1.0), (20, 100.0)]) == 20
    assert at_rest_after([(10, -99.5), (20, -100.0)]) == 10, "also below 0"


def test_a_user_who_takes_longer_than_theirs_is_no_figure_of_theirs() -> None:
    """Half of all users are as quick: the one in the middle, and not a mean that one slow user moves."""
    assert convergence_verdict(10, [10, 10, 900], 10, 1.01) == (Verdict.SHAPE, ())
    assert convergence_verdict(11, [10, 10, 10], 10, 1.01)[0] is Verdict.CANNOT
    assert convergence_verdict(10, [10, 11, 11], 10, 1.01)[0] is Verdict.CANNOT
