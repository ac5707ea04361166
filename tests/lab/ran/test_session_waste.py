"""Sessions of the mix, played for a minute: admission is what keeps resource blocks out of sessions that fail."""

from __future__ import annotations

import pytest

from lab.ran.session_waste import Admission, run_sessions


def test_admission_lets_fewer_in_and_wastes_less() -> None:
    free = run_sessions(3, load=4.0, admission=Admission.NONE, seconds=60)
    guarded = run_sessions(3, load=4.0, admission=Admission.FORECAST, seconds=60)
    assert free.refused == 0
    assert guarded.refused > 0
    assert free.failed > guarded.failed
    assert free.wasted_share > guarded.wasted_share


def test_a_slice_for_each_session_lets_none_fail() -> None:
    seen = run_sessions(3, load=4.0, admission=Admission.SLICES, seconds=40)
    assert seen.refused > 0
    assert seen.failed == 0
    assert seen.wasted_share == 0.0


@pytest.mark.parametrize("admission", list(Admission))
def test_a_nearly_empty_cell_wastes_nothing(admission: Admission) -> None:
    seen = run_sessions(2, load=0.3, admission=admission, seconds=120)
    assert (seen.failed, seen.wasted_share) == (0, 0.0)
    assert seen.completed > 0


def test_a_run_is_repeatable() -> None:
    first, again = (run_sessions(5, load=2.0, admission=Admission.SLICES, seconds=15) for _ in range(2))
    assert first == again
