"""The page's own copy of sessions: by changes, and versioned for browsers."""

from __future__ import annotations

from typing import Any

from operatord.page.board import Board

DAEMON = {
    "utc_s": 1_000, "clock": "", "ledger_heard": True, "broker_connected": True, "silent_after_s": 130, "boxes": {},
}  # fmt: skip


def row(grant: str, box: str = "roof", **changes: Any) -> dict[str, Any]:
    made = {
        "grant": grant, "account": "02aa", "provider_id": "0b", "starts_s": 900, "ends_s": 2_000,
        "floor_down_bps": 1, "floor_up_bps": 1, "data_cap_bytes": 0, "as_one_goes": False,
    }  # fmt: skip
    used = {"box": box, "station": "02:00:00:00:00:01", "accepted_s": 950, "heard_s": 960} if box else {}
    return {**made, **used, **changes}


def answer(*rows: dict[str, Any], anew: bool = False, more: bool = False, run: str = "r") -> dict[str, Any]:
    return {**DAEMON, "run": run, "anew": anew, "version": 1, "more": more, "rows": list(rows)}


def followed(*rows: dict[str, Any]) -> Board:
    made = Board("e")
    made.take(answer(*rows, anew=True))
    return made


def test_what_is_bought_and_not_used_is_no_session_but_was_sold():
    board = followed(row("a"), row("b", box=""), row("c", box="", as_one_goes=True))
    assert [one.grant for one in board.sessions()] == ["a"]
    assert [one.grant for one in board.sold()] == ["a", "b"]


def test_a_browser_gets_what_changed_since():
    board = followed(row("a"), row("b"))
    seen = board.version
    board.take(answer(row("b", down_bytes=7), row("a")))
    assert board.since(seen) == ["b"]
    assert board.since(board.version) == []
    board.take(answer({"grant": "a", "gone": True}, row("b", box="", down_bytes=7)))
    assert set(board.since(seen) or []) == {"a", "b"}
    assert board.sessions() == []


def test_the_latest_comes_first_and_one_box_can_be_looked_at():
    board = followed(row("a", accepted_s=1), row("b", accepted_s=3), row("c", box="yard", accepted_s=2))
    assert [one.grant for one in board.sessions()] == ["b", "c", "a"]
    assert [one.grant for one in board.sessions("yard")] == ["c"]


def test_a_restart_of_the_daemon_takes_away_what_is_not_told_again():
    board = followed(row("a"), row("b"))
    seen = board.version
    assert board.take(answer(row("b"), anew=True, more=True, run="s"))
    assert not board.whole
    board.take(answer(run="s"))
    assert board.whole
    assert [one.grant for one in board.sessions()] == ["b"]
    assert "a" in (board.since(seen) or [])


def test_a_browser_that_missed_too_much_loads_again():
    board = followed()
    board.max_gone = 4
    for number in range(12):
        board.take(answer(row(f"g{number}")))
        board.take(answer({"grant": f"g{number}", "gone": True}))
    assert board.since(0) is None
    assert board.since(board.version + 1) is None
    assert board.since(board.version) == []
    assert len(board.changed) <= 6


def test_a_box_was_heard_when_its_sessions_were_also_after_they_end():
    board = followed(row("a", heard_s=990))
    board.take(answer({"grant": "a", "gone": True}))
    assert board.heard_s == {"roof": 990}


def test_a_session_that_falls_silent_or_ends_is_a_changed_row():
    """Nothing is told of it then; a browser that shows "on" has to hear all the same."""
    board = followed(row("a"), row("b", ends_s=1_000), row("c", box=""))
    board.tick(999)
    seen = board.version
    board.take(answer(row("a", heard_s=1_000)))
    assert board.since(seen) == ["a"]
    seen = board.version
    board.tick(1_000)
    assert board.since(seen) == ["b"], "its time is over"
    board.tick(1_091)
    assert board.since(seen) == ["b"], "a was heard again, b is silent too"
    before = board.version
    board.tick(1_130)
    assert board.since(before) == ["a"]
    before = board.version
    board.tick(10_000)
    assert set(board.since(before) or []) == {"a"}, "and over"
    assert board.due == []
