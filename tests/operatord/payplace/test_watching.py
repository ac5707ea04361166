"""A merchant that finds no room asks again soon, not at once with all others; else it looks now and then."""

from collections.abc import Sequence

import pytest

from operatord.payplace.watching import POLL_S, BusyError, watch_for_ever
from wire.errors import ShellError

IDLE, SIGNED, BUSY = (
    {"ok": True, "idle": "no window runs"},
    {"ok": True, "period": 1},
    "operator: try again later",
)


class EndError(Exception):
    """Of the test's patience."""


def watch(found: Sequence[dict | ShellError], drawn: list[float]) -> tuple[list[dict], list[float]]:
    """What was said and how long was waited, if that is found at each look."""
    looks, draws, said, waited = iter(found), iter(drawn), list[dict](), list[float]()

    def look() -> dict:
        try:
            page = next(looks)
        except StopIteration:
            raise EndError from None
        if isinstance(page, ShellError):
            raise page
        return page

    with pytest.raises(EndError):
        watch_for_ever(look, said.append, waited.append, lambda: next(draws))
    return said, waited


def test_who_finds_no_room_asks_again_soon_and_not_with_the_others():
    said, waited = watch([BusyError("operator", "try again later")] * 3 + [SIGNED], [0.0, 0.5, 0.75])
    assert waited == [1.0, 1.5, 1.75, POLL_S]
    assert said == [{"ok": False, "trouble": BUSY}, SIGNED]


def test_an_operator_that_is_away_is_asked_as_seldom_as_one_that_has_nothing():
    away = ShellError("operator", "nobody answers")
    said, waited = watch([IDLE, IDLE, away, SIGNED, SIGNED | {"again": True}], [])
    assert waited == [POLL_S] * 5
    assert said == [IDLE, {"ok": False, "trouble": "operator: nobody answers"}, SIGNED]
