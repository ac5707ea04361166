"""One session from its records: what comes late, twice, not at all, or begins again at nothing."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operatord.sessions import WRAP, AccountingRecord, Counters, Session, Status, fold, follow, open_session
from tests.operatord.world import NOW_S, grant, record

PERMIT = grant()
CUI = "ab" * 16


def told(*records: AccountingRecord) -> Session:
    session = open_session(records[0], 50, 34, CUI)
    for one in records[1:]:
        session = follow(session, one)
    return session


def at(
    after_s: int, up: int = 0, down: int = 0, packets: int = 0, status: Status = Status.INTERIM
) -> AccountingRecord:
    counters = Counters(up, down, packets, packets)
    return record(PERMIT, status, at_s=NOW_S + after_s, counters=counters)


START = at(0, status=Status.START)


def test_an_ordinary_session() -> None:
    session = told(
        replace(START, identity=CUI), at(60, 10_500, 20_340, 10), at(90, 21_000, 40_680, 20, Status.STOP)
    )
    assert (session.up_bytes, session.down_bytes, session.total_s) == (20_000, 40_000, 90)
    assert session.stopped
    assert session.start_seen
    assert session.identity_echoed
    assert (session.started_s, session.times_went_back) == (NOW_S, 0)


def test_the_same_again_changes_nothing() -> None:
    once = told(START, at(60, 1_000))
    assert follow(once, at(60, 1_000)) == once
    assert follow(once, START) == once


def test_a_record_that_was_overtaken_changes_nothing() -> None:
    session = told(START, at(120, 5_000))
    assert follow(session, at(60, 1_000)) == session


def test_a_record_that_was_overtaken_by_the_stop_of_its_second_is_not_added() -> None:
    """Interim updates run on 60 s, and so do ends: the two meet."""
    stop = at(60, 1_000_000, status=Status.STOP)
    session = told(START, at(60, 990_000), stop)
    assert (session.total.up_octets, session.times_went_back) == (1_000_000, 0)
    assert follow(session, at(60, 990_000)) == session
    assert follow(told(START, stop), at(60, 990_000)) == told(START, stop)
    running = told(START, at(60, 1_000))
    assert follow(running, at(60, 900)) == running
    assert follow(running, at(60, 1_100)).total.up_octets == 1_100


def test_a_clock_ahead_of_ours_makes_nothing_later_than_it_was() -> None:
    """Event times are cut to when we heard, clocks are not: what is sent again keeps its place."""
    ahead = [
        replace(one, clock_s=one.clock_s + 10_000)
        for one in (START, at(60, 500), at(90, 1_000, status=Status.STOP))
    ]
    session = told(*ahead)
    for again in ahead:
        assert follow(session, replace(again, event_s=NOW_S + 95)) == session
    assert (session.stopped, session.total.up_octets, session.event_s) == (True, 1_000, NOW_S + 90)


def test_a_clock_that_was_set_back_hides_no_stop() -> None:
    for status in (Status.INTERIM, Status.STOP):
        later = replace(at(120, 2_000, status=status), clock_s=NOW_S - 3_600)
        session = told(START, at(60, 1_000), later)
        assert (session.total.up_octets, session.stopped) == (2_000, status is Status.STOP)


def test_the_stop_of_a_run_before_that_comes_again_ends_no_later_run() -> None:
    stop = at(60, 1_000, status=Status.STOP)
    again = told(START, stop, replace(at(60, status=Status.START), duration_s=0))
    assert follow(again, stop) == again
    assert follow(again, at(30, 500)) == again


def test_sessions_fold_into_one_sum() -> None:
    one = told(START, at(60, 10_500, 20_340, 10, Status.STOP))
    other = replace(told(at(100, 1_000, 2_000)), session_id="5F01", up_overhead_bytes=0, times_went_back=2)
    both = fold(fold(None, one), other)
    assert (both.up_bytes, both.down_bytes) == (one.up_bytes + 1_000, one.down_bytes + 2_000)
    assert (both.total_s, both.started_s, both.event_s) == (60 + 100, NOW_S, NOW_S + 100)
    assert (both.session_id, both.stopped, both.start_seen, both.times_went_back) == ("", True, False, 2)


def test_a_lost_interim_is_made_up_for_by_the_next() -> None:
    assert told(START, at(180, 5_000)) == told(START, at(60, 1_000), at(120, 3_000), at(180, 5_000))


def test_without_a_start_the_session_began_when_it_says() -> None:
    session = told(at(60, 1_000))
    assert (session.started_s, session.start_seen) == (NOW_S, False)
    assert follow(session, START).start_seen, "it comes late"


def test_after_a_stop_nothing_that_is_older_opens_it_again() -> None:
    session = told(START, at(30, 500), at(60, 1_000, status=Status.STOP))
    for late in (START, at(30, 500), at(60, 1_000), at(60, 1_000, status=Status.STOP)):
        assert follow(session, late) == session
    at_once = told(START, at(0, status=Status.STOP))
    assert follow(at_once, START) == at_once, "a repetition, as far as whole seconds tell"


def test_a_station_that_comes_back_has_the_same_session_once_more() -> None:
    """hostapd 2.10, roaming away and back within 3 s: Stop, and a Start with the same Acct-Session-Id."""
    stopped = told(START, at(60, 1_000, 2_000, status=Status.STOP))
    for after_s in (60, 63):
        again = follow(stopped, replace(at(after_s, status=Status.START), duration_s=0))
        assert (again.stopped, again.total.up_octets, again.total_s) == (False, 1_000, 60)
        later = follow(again, replace(at(120, 300, 100, status=Status.STOP), duration_s=57))
        assert (later.stopped, later.total, later.total_s) == (True, Counters(1_300, 2_100), 117)
        assert (later.started_s, later.times_went_back) == (NOW_S, 0)


def test_an_interim_after_the_stop_tells_that_it_goes_on() -> None:
    stopped = told(START, at(60, 1_000, status=Status.STOP))
    assert follow(stopped, at(120, 1_500)).total.up_octets == 1_500
    assert not follow(stopped, at(120, 1_500)).stopped
    assert follow(stopped, replace(at(120, 700), duration_s=50)).total.up_octets == 1_700, "and began anew"


def test_octets_roll_over_with_their_gigawords() -> None:
    session = told(START, at(60, WRAP - 10), at(120, WRAP + 5))
    assert (session.total.up_octets, session.times_went_back) == (WRAP + 5, 0)


def test_packets_wrap_without_a_word() -> None:
    session = told(START, at(60, 10**12, 0, WRAP - 1), at(120, 2 * 10**12, 0, 5), at(180, 3 * 10**12, 0, 4))
    assert session.total.up_packets == 2 * WRAP + 4


def test_counters_that_went_back_are_added_to() -> None:
    """The driver began anew: 1,000 bytes in 60 s before, 700 in 10 s since."""
    before = at(60, 1_000, 3_000)
    again = replace(at(130, 700, 100), duration_s=10)
    session = told(START, before, again)
    assert (session.total.up_octets, session.total.down_octets, session.total_s) == (1_700, 3_100, 70)
    assert session.times_went_back == 1
    assert follow(session, replace(at(140, 900, 100), duration_s=20)).total.up_octets == 1_900


def test_counters_may_go_back_while_the_time_goes_on() -> None:
    session = told(START, at(60, 1_000), at(120, 700))
    assert (session.total.up_octets, session.total_s) == (1_700, 120)


def test_there_are_no_fewer_than_no_bytes() -> None:
    assert told(START, at(60, 10, 10, 100)).ip_bytes == 0, "frames without a payload"


@given(
    st.lists(st.tuples(st.integers(1, 100), st.integers(0, 10**10)), min_size=1, max_size=20), st.randoms()
)
def test_any_order_and_any_repetition_end_alike(steps: list[tuple[int, int]], chance: random.Random) -> None:
    """As long as counters go on: the last record decides, whatever came before it and how often."""
    records, after_s, octets = [], 0, 0
    for wait_s, more in steps:
        after_s, octets = after_s + wait_s, octets + more
        records.append(at(after_s, octets, octets, min(octets // 100, WRAP - 1)))
    shuffled = records * 2
    chance.shuffle(shuffled)
    first, last = told(START, *records), told(*shuffled, START)
    assert (first.total, first.total_s, first.started_s) == (last.total, last.total_s, last.started_s)


@pytest.mark.parametrize("status", list(Status))
def test_a_session_can_begin_with_any_record(status: Status) -> None:
    session = told(at(60, 1_050, 34, 1, status))
    assert (session.ip_bytes, session.stopped) == (1_000, status is Status.STOP)


def test_records_that_come_in_one_second_are_taken_as_they_come() -> None:
    """Of a run that is the first, whatever its duration says."""
    session = told(
        START, replace(at(0, 1_000), duration_s=60), replace(at(0, 2_000, status=Status.STOP), duration_s=61)
    )
    assert (session.total.up_octets, session.total_s, session.stopped) == (2_000, 61, True)
