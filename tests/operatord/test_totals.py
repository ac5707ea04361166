"""For whom a session counts, what is published of it when, and what nobody can read out of that."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operatord import channels
from operatord.commands import KeepTotal, SessionOver
from operatord.totals import (
    COARSE_BYTES,
    COARSE_S,
    SummaryRules,
    Total,
    closed_s,
    count_session,
    plan_summaries,
)
from tests.operatord.test_channels import joined, pay
from tests.operatord.world import ALICE, BOB, PROVIDER
from wire.payplace_summary import PublishSummary

DAY_S = 86_400
RULES = SummaryRules(DAY_S, 10)
NOON_S = 20_000 * DAY_S + DAY_S // 2
OVER = SessionOver(PROVIDER.public, ALICE.public, True, True, 600, 7_000_000)


def subjects(over: SessionOver) -> list[tuple[str, bool]]:
    names = {PROVIDER.public: "seller", ALICE.public: "consumer"}
    return [(names[one.subject], one.kept) for one in count_session(over, RULES, NOON_S)]


@pytest.mark.parametrize(
    ("kept", "paid", "counted"),
    [
        (True, True, [("consumer", True), ("seller", True)]),
        (False, True, [("consumer", False), ("seller", False)]),
        (False, False, [("consumer", False)]),
        (True, False, []),
    ],
)
def test_for_whom_a_session_counts(kept: bool, paid: bool, counted: list[tuple[str, bool]]) -> None:
    """Who joins and pays nothing slanders nobody for nothing."""
    assert subjects(replace(OVER, kept=kept, paid=paid)) == counted


def test_a_time_begins_at_a_multiple_of_the_period_for_everybody() -> None:
    assert {one.from_s for one in count_session(OVER, RULES, NOON_S)} == {20_000 * DAY_S}
    assert closed_s(RULES, NOON_S) == 20_000 * DAY_S


def test_a_session_that_ends_and_one_that_is_thrown_out_are_told_apart() -> None:
    book = joined()
    _, _ = pay(book, 2_000)
    left = [one for one in channels.end(book, ALICE.public, 9_000) if isinstance(one, SessionOver)]
    assert [(one.kept, one.paid, one.served_s) for one in left] == [(True, True, 9)]
    assert left[0].seller == PROVIDER.public
    book = joined()
    _, _ = pay(book, 2_000)
    thrown = [one for one in channels.pass_time(book, 10**6) if isinstance(one, SessionOver)]
    assert [(one.kept, one.paid, one.served_s) for one in thrown] == [(False, True, 10)]
    book = joined()
    thrown = [one for one in channels.pass_time(book, 10**6) if isinstance(one, SessionOver)]
    assert [(one.kept, one.paid) for one in thrown] == [(False, False)]


def plan(totals: list[Total], *telling: object, until_s: int = 3 * DAY_S) -> list[PublishSummary]:
    known = [one for one in (ALICE.public, BOB.public) if one in telling]
    return [one.summary for one in plan_summaries(totals, known, RULES, until_s)]


MONDAY = Total(0, ALICE.public, 6, 5, 1_000, 14_999_999)
TUESDAY = Total(DAY_S, ALICE.public, 4, 4, 199, 5_000_001)


def test_few_sessions_wait_for_more_and_numbers_are_coarse() -> None:
    assert plan([MONDAY]) == []
    assert plan([TUESDAY, MONDAY]) == [
        PublishSummary(ALICE.public, 0, 3 * DAY_S, 10, 9, 600, 20_000_000),
    ]
    assert plan([MONDAY, replace(TUESDAY, subject=BOB.public)]) == []


def test_of_whom_something_is_being_told_the_next_comes_after_it() -> None:
    many = replace(MONDAY, sessions=50)
    assert plan([many], ALICE.public) == []
    assert [one.subject for one in plan([many, replace(many, subject=BOB.public)], ALICE.public)] == [
        BOB.public
    ]


def test_what_is_not_over_is_not_told() -> None:
    assert plan([replace(MONDAY, from_s=DAY_S, sessions=50)], until_s=DAY_S) == []


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 2**33), st.integers(0, 2**33), st.integers(0, 2**62)),
        max_size=8,
    )
)
def test_whatever_was_counted_can_be_published(rows: list[tuple[int, int, int, int]]) -> None:
    totals = [
        Total(day * DAY_S, ALICE.public, sessions, sessions // 2, seconds, octets)
        for day, sessions, seconds, octets in rows
    ]
    for one in plan(totals, until_s=9 * DAY_S):
        assert one.sessions >= RULES.least_sessions
        assert (one.served_s % COARSE_S, one.served_bytes % COARSE_BYTES, one.until_s % DAY_S) == (0, 0, 0)


def test_a_kept_total_names_one_account() -> None:
    for one in count_session(OVER, RULES, NOON_S):
        assert one == KeepTotal(20_000 * DAY_S, one.subject, True, 600, 7_000_000)
