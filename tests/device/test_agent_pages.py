"""The agent's book and log as text: read again what was written, refuse what is damaged, and what a crash has spent."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from device.agent_pages import (
    Evidence,
    Kept,
    describe_decision,
    describe_end,
    read_kept_book,
    read_log,
    read_terms,
    spent_since_ubc,
    write_kept_book,
    write_terms,
)
from market.agent.choosing import decide
from market.agent.envelopes import Book, Reservation, Settled
from market.agent.quotes import PostedPrice
from market.agent.receipt import Alternative, Had
from tests.market.agent.test_choosing import GRANT, NEED, TARIFF
from wire.errors import DecodeError

BEFORE = Evidence({"c0": 700}, frozenset({"a0"}), frozenset({"b0"}))
KEPT = Kept(
    Book(99, 3, (Reservation(2, "video", 98, 60),), (Settled(1, "mail", 4, 7),)),
    {2: BEFORE},
    {"video": (4_000, None, 5_000)},
)


def test_what_was_written_is_read_again() -> None:
    assert read_kept_book(write_kept_book(KEPT)) == KEPT
    assert read_kept_book(write_kept_book(Kept())) == Kept()


def test_a_damaged_book_is_refused_wherever_it_is_cut() -> None:
    data = write_kept_book(KEPT)
    for length in range(len(data)):
        with pytest.raises(DecodeError, match="the agent's book"):
            read_kept_book(data[:length])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"latest_s": 99', '"latest_s": -1'),
        ('"latest_s": 99', '"latest_s": 9.5'),
        ('"latest_s": 99', '"latest_s": true'),
        ('"next": 3', '"next": null'),
        ('[2, "video", 98, 60,', '[2, "video", 98, -60,'),
        ('[2, "video", 98, 60,', '[2, "video", 98,'),
        ('"purses": {"c0": 700}', '"purses": 3'),
        ('"purses": {"c0": 700}', '"purses": {"c0": "x"}'),
        ('[1, "mail", 4, 7]', '[1, "mail", 4]'),
        ('"settled": [', '"others": ['),
        ("[4000, null, 5000]", "[4000, [], 5000]"),
    ],
)
def test_what_is_no_book_is_refused(old: str, new: str) -> None:
    text = write_kept_book(KEPT).decode()
    assert old in text
    with pytest.raises(DecodeError):
        read_kept_book(text.replace(old, new).encode())


@pytest.mark.parametrize(
    ("now", "spent"),
    [
        (BEFORE, 0),
        (replace(BEFORE, purses_ubc={"c0": 720, "c1": 5}), 25),
        (replace(BEFORE, purses_ubc={"c0": 10_000}), 60),
        (replace(BEFORE, purses_ubc={"c0": 699}), 60),
        (replace(BEFORE, purses_ubc={}), 60),
        (replace(BEFORE, grants=frozenset({"a0", "a1"})), 60),
        (replace(BEFORE, grants=frozenset()), 0),
        (replace(BEFORE, purchases=frozenset({"b1"})), None),
        (replace(BEFORE, purchases=frozenset()), 0),
    ],
    ids=["nothing", "paid", "never_more", "less", "lost", "granted", "grant_over", "unanswered", "answered"],
)
def test_what_was_spent_is_told_by_what_is_beside_the_wallet(now: Evidence, spent: int | None) -> None:
    assert spent_since_ubc(BEFORE, now, 60) == spent


def test_terms_survive() -> None:
    for terms in (GRANT.terms, PostedPrice(7, 60, bounded=False), TARIFF.terms):
        assert read_terms(json.loads(json.dumps(write_terms(terms)))) == terms
    for bad in (
        ["posted", 1, 0, True],
        ["posted", -1, 5, True],
        ["posted", 1, 5, 0],
        ["metered", "ff", 1],
        ["metered", 3, 1],
        [],
        None,
        "x",
    ):
        with pytest.raises(ValueError):
            read_terms(bad)


def line(page: dict[str, object]) -> bytes:
    return json.dumps(page).encode()


def test_a_decision_and_what_it_led_to() -> None:
    decision = decide(NEED, [GRANT, TARIFF], 10**9, 0)
    begun, over = describe_decision(5, 77, NEED, decision), describe_end(5, 39, 580, 12, "time_is_up")
    assert begun["why"] == decision.why
    had, damaged = read_log([line(begun), line(over), line(over)])
    assert damaged == 0
    assert had == [
        Had(5, 77, "video", "south", "metered", 39, 40_000, 40_000, 580, 12, "time_is_up",
            (Alternative("south", TARIFF.terms), Alternative("north", GRANT.terms)))
    ]  # fmt: skip


def test_damaged_lines_are_counted_and_decisions_that_came_to_nothing_are_not() -> None:
    nothing = describe_decision(0, 77, NEED, decide(NEED, [], 1, 0))
    begun = describe_decision(5, 77, NEED, decide(NEED, [GRANT], 10**9, 0))
    over = line(describe_end(5, 39, 580, 12, "time_is_up"))
    good = [line(nothing), line(begun), over]
    bad = [b"", b"{", b"[]", b"3", b'{"number": "x"}', b"\xff", line({**begun, "number": 6})[:-9]]
    assert read_log([*good, *bad]) == (read_log(good)[0], len(bad))
    changes: list[dict[str, object]] = [{"taken": 9}, {"taken": None}, {"at_s": "x"}, {"alternatives": [{}]}]
    for change in changes:
        assert read_log([line({**begun, **change}), over]) == ([], 1)
