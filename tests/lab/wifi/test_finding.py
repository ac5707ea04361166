"""A finding holds if all of it does, and says what does not."""

from __future__ import annotations

from lab.wifi.finding import Measured, judge


def test_what_holds_is_listed() -> None:
    found = judge("name", {"one": True, "two": True}, "", Measured("rate", 1.5, "Mbit/s"))
    assert found.held
    assert found.seen == "one; two"
    assert found.numbers == (Measured("rate", 1.5, "Mbit/s"),)


def test_what_does_not_hold_is_named_and_what_was_seen_follows() -> None:
    found = judge("name", {"one": True, "two": False}, "three frames")
    assert not found.held
    assert found.seen == "NOT: two; three frames"
