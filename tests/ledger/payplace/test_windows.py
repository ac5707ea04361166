"""When blocks are notarised and when funds are frozen, second by second."""

from __future__ import annotations

import pytest

from ledger.payplace.entries import PayOperator
from ledger.payplace.windows import Phase, are_times_sound, phase_at
from wire.payplace_registration import Times

START_S = 1_000
OPERATOR = PayOperator(b"", b"", START_S, 100, 10, 5, 150, b"", b"")


def at(passed_s: int) -> Phase:
    return phase_at(OPERATOR, START_S + passed_s)


@pytest.mark.parametrize(
    ("passed_s", "frozen", "window", "opened_s"),
    [
        (0, False, 0, 0), (12, False, 0, 0), (94, False, 0, 0),
        (95, True, 0, 0), (99, True, 0, 0), (100, True, 1, 0), (110, True, 1, 0), (111, True, 0, 0), (115, True, 0, 0),
        (116, False, 0, 116), (194, False, 0, 116), (195, True, 0, 116), (200, True, 2, 116), (216, False, 0, 216),
    ],
)  # fmt: skip
def test_figure_6_5(passed_s: int, frozen: bool, window: int, opened_s: int) -> None:
    began_s = START_S + 100 * window if window else 0
    assert at(passed_s) == Phase(frozen, window, began_s, START_S + opened_s)


def test_every_second_is_in_one_place() -> None:
    """The windows lie within the freezes, and everything repeats with the period."""
    for passed_s in range(100, 400):
        now, later = at(passed_s), at(passed_s + 100)
        assert now.frozen == later.frozen == (passed_s % 100 >= 95 or passed_s % 100 <= 15)
        assert bool(now.window) == bool(later.window) == (passed_s % 100 <= 10)
        assert not now.window or now.frozen
        assert now.opened_s <= START_S + passed_s or now.frozen


@pytest.mark.parametrize(
    ("times", "sound"),
    [
        (Times(100, 10, 5, 110), True),
        (Times(100, 0, 5, 110), False),
        (Times(100, 90, 5, 190), False),
        (Times(100, 89, 5, 189), True),
        (Times(100, 10, 0, 109), False),
    ],
)
def test_times_leave_something_open_and_shifts_last_longer_than_a_look(times: Times, sound: bool) -> None:
    assert are_times_sound(times) == sound
