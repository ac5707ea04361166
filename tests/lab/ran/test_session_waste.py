"""Sessions of the mix, played for a minute: admission is what keeps resource blocks out of sessions that fail."""

from __future__ import annotations

from lab.ran.session_waste import run_sessions


def test_admission_lets_fewer_in_and_wastes_less() -> None:
    free, guarded = (
        run_sessions(3, load=3.0, admission=admission, seconds=80) for admission in (False, True)
    )
    assert free.refused == 0
    assert guarded.refused > 0
    assert free.failed > guarded.failed
    assert free.wasted_share > guarded.wasted_share


def test_a_nearly_empty_cell_wastes_nothing() -> None:
    seen = run_sessions(2, load=0.2, admission=False, seconds=120)
    assert (seen.failed, seen.wasted_share) == (0, 0.0)
    assert seen.completed > 0


def test_a_run_is_repeatable() -> None:
    assert run_sessions(5, load=2.0, admission=True, seconds=20) == run_sessions(
        5, load=2.0, admission=True, seconds=20
    )
