"""A clock that is wrong at the start, or set wrong later: nobody is let in, nothing is lost, and all is well after."""

from __future__ import annotations

import pytest

from operatord import clock
from operatord.authorising import Accepted, Rejected, authorise
from operatord.clock import KEEP_EVERY_S, MAX_APART_S, hear_ledger, look
from operatord.commands import Command, KeepPlace, Note
from operatord.keeping import HOLD_S, pass_time
from operatord.state import State
from tests.operatord.world import NOW_S, grant, request, state

PERMIT = grant()
YEAR_S = 365 * 86_400


def started(now_s: int, kept: bytes | None = str(NOW_S - 60).encode()) -> tuple[State, list[Command]]:
    made = state([PERMIT])
    return made, [*clock.start(made, kept, now_s), *pass_time(made, now_s, 0)]


def answer(made: State, now_s: int) -> str:
    decision, _ = authorise(made, request(), now_s)
    return "yes" if isinstance(decision, Accepted) else decision.reason


def test_a_right_clock_is_kept_now_and_then() -> None:
    made, commands = started(NOW_S)
    assert commands == []
    assert answer(made, NOW_S) == "yes", "the ledger may be away"
    assert hear_ledger(made, NOW_S + 1, NOW_S, 0) == []
    later_s = NOW_S + KEEP_EVERY_S
    assert hear_ledger(made, later_s, later_s, KEEP_EVERY_S) == [KeepPlace(clock.PLACE, str(later_s))]
    assert hear_ledger(made, later_s + 2, later_s + 2, KEEP_EVERY_S + 2) == []


@pytest.mark.parametrize("now_s", [NOW_S - 50 * YEAR_S, NOW_S - 60 - MAX_APART_S - 1])
def test_a_board_without_a_battery_is_behind_what_it_knew(now_s: int) -> None:
    """Before anybody could be asked: a grant of yesterday would be good today."""
    made, commands = started(now_s)
    (note,) = commands
    assert isinstance(note, Note)
    assert note.kind == "clock_wrong"
    assert answer(made, now_s) == "clock_wrong"
    assert look(made, now_s, 0) == [], "told once"
    (right,) = [one for one in look(made, NOW_S, 6) if isinstance(one, Note)]
    assert right.kind == "clock_right"
    assert answer(made, NOW_S) == "yes"


@pytest.mark.parametrize("wrong_s", [NOW_S + YEAR_S, NOW_S - MAX_APART_S - 1, NOW_S + MAX_APART_S + 1])
def test_the_ledger_tells_what_nobody_here_can_know(wrong_s: int) -> None:
    made, commands = started(wrong_s, None)
    assert commands == [], "nothing is ended either before the ledger was heard"
    (note,) = hear_ledger(made, NOW_S, wrong_s, 1)
    assert isinstance(note, Note)
    assert note.kind == "clock_wrong"
    assert answer(made, wrong_s) == "clock_wrong"
    assert pass_time(made, wrong_s + HOLD_S - 1, HOLD_S) == [], "however long it lasts"
    look(made, wrong_s + HOLD_S - 1, HOLD_S)
    assert pass_time(made, wrong_s + 2 * HOLD_S - 3, 2 * HOLD_S - 2) == []
    notes = [
        one.kind for one in hear_ledger(made, NOW_S + 2_000, NOW_S + 2_000, 2_001) if isinstance(one, Note)
    ]
    assert notes == ["clock_right"]
    assert answer(made, NOW_S + 2_000) == "yes"


def test_a_clock_set_wrong_while_the_ledger_is_away_is_noticed() -> None:
    made, _ = started(NOW_S)
    hear_ledger(made, NOW_S, NOW_S, 100)
    assert look(made, NOW_S + 1_000, 1_100) == []
    (note,) = look(made, NOW_S - 86_400, 1_105)
    assert isinstance(note, Note)
    assert "behind the ledger's" in note.text
    assert answer(made, NOW_S - 86_400) == "clock_wrong"


def test_a_wrong_time_that_was_kept_does_not_rule_for_ever() -> None:
    made, _ = started(NOW_S, str(NOW_S + YEAR_S).encode())
    assert isinstance(authorise(made, request(), NOW_S)[0], Rejected)
    commands = hear_ledger(made, NOW_S, NOW_S, 3)
    assert KeepPlace(clock.PLACE, str(NOW_S)) in commands
    assert answer(made, NOW_S) == "yes"


def test_what_ended_while_we_were_away_ends_once_the_ledger_was_heard() -> None:
    now_s = PERMIT.ends_s + 10
    made, commands = started(now_s)
    assert commands == []
    hear_ledger(made, now_s, now_s, 1)
    assert pass_time(made, now_s, 1) != []


@pytest.mark.parametrize("kept", [b"", b"yesterday", b"-5"])
def test_nothing_that_was_kept_is_no_clock(kept: bytes) -> None:
    made, commands = started(NOW_S, kept)
    assert (commands, made.right_s) == ([], 0)
