"""Sessions of the mix, played for a minute: admission is what keeps resource blocks out of sessions that fail."""

from __future__ import annotations

import pytest

from lab.ran.session_waste import FAIR, MAX_CI, Admission, Chosen, run_sessions


def test_admission_lets_fewer_in_and_wastes_less() -> None:
    free = run_sessions(3, admission=Admission.NONE, seconds=60, chosen=Chosen(load=4.0))
    guarded = run_sessions(3, admission=Admission.FORECAST, seconds=60, chosen=Chosen(load=4.0))
    assert free.refused == 0
    assert guarded.refused > 0
    assert free.failed > guarded.failed
    assert free.wasted_share > guarded.wasted_share
    assert guarded.completed >= free.completed, "refusing alone would waste nothing, too"


def test_the_best_link_first_lets_more_sessions_fail() -> None:
    fair, best = (
        run_sessions(1, admission=Admission.NONE, seconds=100, fairness=fairness, chosen=Chosen(load=2.0))
        for fairness in (FAIR, MAX_CI)
    )
    assert best.failed > fair.failed


def test_blocks_of_each_link_keep_out_whom_bit_rates_let_in() -> None:
    """Who is far away costs several times the blocks of a near one; the best link first leaves him nothing."""
    by_rates, by_blocks = (
        run_sessions(1, admission=way, seconds=150, fairness=MAX_CI)
        for way in (Admission.FORECAST, Admission.BLOCKS)
    )
    assert by_rates.failed > by_blocks.failed == 0
    assert by_blocks.completed >= by_rates.completed
    assert by_blocks.used_share > 0.5


def test_a_slice_for_each_session_lets_none_fail() -> None:
    """But who is turned away when his link is known: a second's blocks."""
    seen = run_sessions(3, admission=Admission.SLICES, seconds=100, chosen=Chosen(load=4.0))
    assert seen.refused > 0
    assert seen.failed == 0
    assert seen.wasted_share < 0.1


@pytest.mark.parametrize("admission", list(Admission))
def test_a_nearly_empty_cell_wastes_nothing(admission: Admission) -> None:
    seen = run_sessions(2, admission=admission, seconds=120, chosen=Chosen(load=0.3))
    assert (seen.failed, seen.wasted_share) == (0, 0.0)
    assert seen.completed > 0


def test_a_run_is_repeatable() -> None:
    first, again = (
        run_sessions(5, admission=Admission.SLICES, seconds=15, chosen=Chosen(load=2.0)) for _ in range(2)
    )
    assert first == again
