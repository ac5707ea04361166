"""The integer program, and what it refuses to decide."""

from __future__ import annotations

import pytest

from market.ubid.integer_program import MAX_SUM, IntegerProgram, Undecided, most_value


def test_the_best_set_is_found_and_added_up_in_integers() -> None:
    assert most_value([10, 9, 4], [[2, 1, 1], [2, 1, 0]], [2, 2]) == (13, [1, 2])


def test_sums_that_floating_point_cannot_hold_are_refused() -> None:
    with pytest.raises(Undecided, match="loses digits"):
        most_value([MAX_SUM - 1, 1], [[1, 1]], [1])


def test_what_must_win_and_does_not_fit_is_none() -> None:
    assert most_value([1, 1], [[2, 2]], [3], sure=[0, 1]) is None


def test_no_bids_have_no_value() -> None:
    assert most_value([], [[]], [1]) == (0, [])


def test_questions_are_answered_one_solve_each() -> None:
    program = IntegerProgram([10, 9, 4], [(2, 2), (1, 1), (1,)], (2, 2))
    assert (program.optimum, sorted(program.winners())) == (13, [1, 2])
    assert (program.without(1), program.with_(0)) == (10, 10)
