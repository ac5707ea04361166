"""What is said of learned policies: bars that turn the verdicts, and when a policy has come to rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.papers.exhibit import Verdict
from lab.papers.learning import at_rest_after, convergence_verdict, day_verdict, month_verdict, users_verdict
from lab.papers.spread import Spread

FIGURES = [f"003/figure-3.{number}" for number in range(9, 17)]


def test_all_of_them_are_answered_and_the_quick_ones_say_how_little_was_learned(
    quick: Mapping[str, Any],
) -> None:
    assert all(not quick[figure]["reason"].startswith("not built") for figure in FIGURES)
    assert all(quick[figure]["seeds"] == 3 for figure in FIGURES)
    assert "After 20 episodes" in quick["003/figure-3.9"]["ours"]
    who = [row[1] for row in quick["003/figure-3.13"]["tables"][0]["rows"]]
    assert who == ["without offers", "overage-averse", "learned", "always the plan"] * 2


def test_overage_averse_users_are_worse_off_than_without_offers(quick: Mapping[str, Any]) -> None:
    """What hangs on no learning is on the quick page already."""
    for figure in ("003/figure-3.9", "003/figure-3.13"):
        rows = {row[1]: row[2:] for row in quick[figure]["tables"][0]["rows"]}
        (none_had, none_spent, _), (averse_had, averse_spent, _) = (
            rows["without offers"],
            rows["overage-averse"],
        )
        assert averse_had < none_had
        assert averse_spent > none_spent


def test_the_bars_turn_the_verdicts() -> None:
    good: tuple[list[float], ...] = ([1.01, 1.0], [0.9, 1.0], [0.9, 0.8], [0.1, 0.2])
    assert day_verdict(*good) == (Verdict.SHAPE, ())
    for place, bad in enumerate(([0.99, 1.0], [1.1, 0.9], [1.0, 0.8], [0.2, 0.1])):
        assert day_verdict(*(bad if n == place else each for n, each in enumerate(good)))[0] is Verdict.CANNOT
    fine: tuple[list[float], ...] = ([-5.0], [1.2], [0.4], [0.99])
    assert month_verdict(*fine) == (Verdict.SHAPE, ())
    for place, bad in enumerate(([5.0], [1.3], [0.6], [0.97])):
        assert (
            month_verdict(*(bad if n == place else each for n, each in enumerate(fine)))[0] is Verdict.CANNOT
        )


def test_users_are_counted() -> None:
    assert users_verdict([0, 5, 40], [1, 0, 0], some=0.3) == (Verdict.SHAPE, ())
    assert users_verdict([0, 50, 40], [1, 0, 0], some=0.3)[0] is Verdict.CANNOT
    assert users_verdict([0, 5, 40], [0, 0, 0], some=0.3)[0] is Verdict.CANNOT
    assert users_verdict([0, 5, 40], [1, -2, -2], some=0.3)[0] is Verdict.CANNOT


def test_at_rest_is_where_a_reward_stays_within_one_percent_of_its_last() -> None:
    assert at_rest_after([(10, 50.0), (20, 99.5), (30, 90.0), (40, 100.5), (50, 100.0)]) == 40
    assert at_rest_after([(10, 100.0), (20, 100.0)]) == 10
    assert at_rest_after([(10, 1.0), (20, 100.0)]) == 20
    assert at_rest_after([(10, -99.5), (20, -100.0)]) == 10, "also below 0"


def test_a_user_who_takes_longer_than_theirs_is_no_figure_of_theirs() -> None:
    everybody = Spread(20, 10, 40)
    assert convergence_verdict(10, everybody, 10) == (Verdict.SHAPE, ())
    assert convergence_verdict(11, everybody, 10)[0] is Verdict.CANNOT
    assert convergence_verdict(10, Spread(21, 10, 40), 10)[0] is Verdict.CANNOT
