"""Accounting against the meter: what is accepted, what is not, and what cannot be judged yet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.findings import Severity
from operatord.reconciling import (
    OVER_AFTER_S,
    OVERHEAD_PACKETS,
    VOLUME_SLACK_BYTES,
    Accounted,
    Metered,
    Outcome,
    Overhead,
    Reconciled,
    add_sessions,
    find_overheads,
    format_apart,
    reconcile,
)  # fmt: skip
from operatord.sessions import Counters, Session
from tests.operatord.world import BSSIDS, NOW_S, PARTNER, PHONE, PROVIDER, grant

GRANT, OWN = grant().permit_id, PROVIDER.public.provider_id
KEY = (GRANT, OWN)
MB = 1_000_000
METERED = Metered(100 * MB, 1_000 * MB, 540_000, 660_000)
ACCOUNTED = Accounted(100 * MB, 1_000 * MB, 600, sessions=1, last_s=NOW_S)


def judged(
    accounted: Accounted | None = ACCOUNTED, metered: Metered | None = METERED, told_s: int = NOW_S
) -> Reconciled:
    (row,) = reconcile(
        {} if accounted is None else {KEY: accounted},
        {} if metered is None else {KEY: metered},
        {OWN: told_s},
    )
    return row


def wrong(row: Reconciled) -> list[str]:
    return [finding.text for finding in row.findings if not finding.ok]


def test_what_agrees_is_said_too() -> None:
    row = judged()
    assert row.outcome is Outcome.AGREES
    assert len(row.findings) == 3
    assert all(GRANT.hex() in finding.text for finding in row.findings)


@pytest.mark.parametrize(
    ("changes", "ok"),
    [
        ({"up_bytes": 103 * MB + VOLUME_SLACK_BYTES}, True),
        ({"up_bytes": 103 * MB + VOLUME_SLACK_BYTES + 1}, False),
        ({"up_bytes": 97 * MB - VOLUME_SLACK_BYTES}, True),
        ({"up_bytes": 97 * MB - VOLUME_SLACK_BYTES - 1}, False),
        ({"down_bytes": 1_030 * MB + VOLUME_SLACK_BYTES}, True),
        ({"down_bytes": 1_030 * MB + VOLUME_SLACK_BYTES + 1}, False),
        ({"duration_s": 660 + 33 + 10}, True),
        ({"duration_s": 660 + 33 + 11}, False),
        ({"duration_s": 540 - 33 - 10}, True),
        ({"duration_s": 540 - 33 - 11}, False),
    ],
)
def test_three_percent_of_the_volume_and_five_of_the_duration(changes: dict[str, int], ok: bool) -> None:
    row = judged(replace(ACCOUNTED, **changes))  # type: ignore[arg-type]  # a test names real fields
    assert (row.outcome is Outcome.AGREES) == ok
    assert len(wrong(row)) == (0 if ok else 1)
    assert (
        ok
        or row.findings[["up_bytes", "down_bytes", "duration_s"].index(next(iter(changes)))].severity
        is Severity.CLAIM
    )


def test_a_session_that_nobody_metered_is_a_finding() -> None:
    row = judged(metered=None)
    assert (row.outcome, len(wrong(row))) == (Outcome.DISAGREES, 3)
    assert "100 % apart" in wrong(row)[0]


def test_a_meter_that_ran_for_nobody_is_a_finding() -> None:
    (text,) = wrong(judged(accounted=None))
    assert "nobody accounted for a session" in text
    assert judged(None, Metered(1_000, 500, 0, 60_000)).outcome is Outcome.AGREES, (
        "the frames of a join that failed"
    )


@pytest.mark.parametrize("accounted", [replace(ACCOUNTED, open=1), replace(ACCOUNTED, last_s=NOW_S + 1)])
def test_what_goes_on_is_not_judged(accounted: Accounted) -> None:
    assert judged(replace(accounted, up_bytes=0)).outcome is Outcome.OPEN


def test_what_was_odd_and_does_no_harm_is_told() -> None:
    row = judged(replace(ACCOUNTED, sessions=3, without_start=1, without_identity=2, times_went_back=4))
    assert row.outcome is Outcome.AGREES
    told = "; ".join(finding.text for finding in row.findings)
    for text in ("1 of 3 sessions without a Start", "went back 4 times", "2 of 3 sessions did not echo"):
        assert text in told


# ---- Adding up


def session(box: str = "roof", session_id: str = "a", **changes: object) -> Session:
    made = Session(
        box, session_id, GRANT, PHONE, BSSIDS[box], NOW_S, NOW_S + 60, NOW_S + 60, 60, Counters(1_050, 2_034, 1, 1),
        stopped=True, start_seen=True, identity_echoed=True,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_sessions_are_added_up_where_they_were() -> None:
    partner = PARTNER.public.provider_id
    providers = {"roof": OWN, "yard": OWN, "inn": partner}
    told = [session(), session("yard", stopped=False), session("inn"), session("far")]
    sums = add_sessions(told, providers, NOW_S + 90)
    assert set(sums) == {KEY, (GRANT, partner)}, "a box that is no longer ours is left out"
    own = sums[KEY]
    assert (own.up_bytes, own.down_bytes, own.duration_s, own.sessions, own.open) == (2_000, 4_000, 120, 2, 1)
    later = add_sessions(told, providers, NOW_S + 60 + OVER_AFTER_S)[KEY]
    assert (later.open, later.without_stop) == (0, 1), "its Stop was lost"


@given(st.integers(0, 10**12), st.integers(1, 10**6), st.integers(0, 30))
def test_an_honest_session_always_agrees(volume: int, duration_s: int, offset_s: int) -> None:
    """Whatever was carried, and wherever within its intervals it began."""
    packets = volume // 1_000
    told = session(
        counters=Counters(volume + 50 * packets, volume + 34 * packets, packets, packets),
        duration_s=duration_s,
    )
    intervals = -(-(offset_s + duration_s) // 60)
    sums = {KEY: Metered(volume, volume, max(0, intervals - 2) * 60_000, intervals * 60_000)}
    (row,) = reconcile(add_sessions([told], {"roof": OWN}, NOW_S), sums, {OWN: NOW_S + 60})
    assert row.outcome is Outcome.AGREES, [finding.text for finding in row.findings]


def test_what_a_driver_counts_beyond_ip_is_found_out() -> None:
    """Hardware that takes the cipher's header off before it counts: 34 octets a frame up, not 50."""
    packets = 50_000
    told = session(counters=Counters(40 * packets + 34 * packets, MB * 10 + 14 * packets, packets, packets))
    sums = {KEY: Metered(40 * packets - 5_000, 10 * MB, 0, 60_000, up_offered_bytes=40 * packets)}
    rows = reconcile(add_sessions([told], {"roof": OWN}, NOW_S), sums, {OWN: NOW_S + 60})
    assert rows[0].outcome is Outcome.DISAGREES
    assert find_overheads(rows) == [Overhead(OWN, 340, 140)]


def test_too_little_or_lost_counters_tell_nothing_of_headers() -> None:
    few = OVERHEAD_PACKETS - 1
    lost = OVERHEAD_PACKETS
    told = session(counters=Counters(84 * few, 100 * lost, few, lost))
    sums = {KEY: Metered(50 * few, 101 * lost, 0, 60_000)}
    rows = reconcile(add_sessions([told], {"roof": OWN}, NOW_S), sums, {OWN: NOW_S + 60})
    assert find_overheads(rows) == [Overhead(OWN, None, None)]
    going_on = reconcile(add_sessions([told], {"roof": OWN}, NOW_S), sums, {OWN: 0})
    assert find_overheads(going_on) == []
    assert find_overheads(reconcile({}, sums, {OWN: NOW_S})) == []


def test_how_far_apart() -> None:
    assert (format_apart(24, 1_000), format_apart(7, 0)) == ("2.4 %", "100 %")


def test_what_a_station_sent_beyond_what_it_bought_is_no_disagreement() -> None:
    """The access point counted it on the air; the box offered it to the slice, and did not carry it on."""
    pushed = replace(METERED, up_offered_bytes=3 * METERED.up_bytes)
    for up_bytes, agrees in ((1, True), (2, True), (3, True), (4, False)):
        accounted = replace(ACCOUNTED, up_bytes=up_bytes * METERED.up_bytes)
        assert (judged(accounted, pushed).outcome is Outcome.AGREES) == agrees
    assert judged(replace(ACCOUNTED, up_bytes=METERED.up_bytes // 2), pushed).outcome is Outcome.DISAGREES
