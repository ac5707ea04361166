"""Wishes of a crowd, and who is let in."""

from __future__ import annotations

from itertools import pairwise

from lab.admission.evening import (
    CLIENTS,
    LOWER,
    SESSIONS,
    Kind,
    Wish,
    admit,
    browsing,
    by_minute,
    draw,
)


def test_everybody_has_his_sessions_one_after_another() -> None:
    wishes = draw(3, incentive=False)
    assert [wish.number for wish in wishes] == list(range(CLIENTS * SESSIONS))
    for client in range(CLIENTS):
        own = [wish for wish in wishes if wish.client == client]
        assert len(own) == SESSIONS
        assert all(before.end <= after.begin for before, after in pairwise(own))


def test_the_incentive_moves_rates_and_nothing_else() -> None:
    plain, moved = draw(1, incentive=False), draw(1, incentive=True)
    assert [(one.begin, one.end, one.client) for one in plain] == [
        (one.begin, one.end, one.client) for one in moved
    ]
    assert [LOWER[one.rate_mbps] for one in plain] == [one.rate_mbps for one in moved]


def test_a_session_is_let_in_whole_while_it_fits() -> None:
    room = browsing(2)
    wishes = [Wish(n, n, Kind.CONFERENCE, 1.5, float(n), 10.0 if n < 2 else 20.0) for n in range(3)]
    assert [wish.number for wish in admit(wishes, room + 3.0, 2)] == [0, 1], (
        "two fit exactly, a third does not"
    )
    late = Wish(3, 0, Kind.STREAM, 3.0, 10.0, 11.0)
    assert late in admit([*wishes, late], room + 3.0, 2), "what has ended leaves its room"
    assert admit(wishes, room + 1.4, 2) == ()


def test_a_minute_has_what_runs_at_its_beginning() -> None:
    rates = by_minute([Wish(0, 0, Kind.STREAM, 4.5, 1.0, 2.5)], 10)
    assert rates[:4] == (0.5, 5.0, 5.0, 0.5)
