"""FreeRADIUS's detail files become the sessions that operatord would have heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operatord.detail import read_detail
from wire.errors import DecodeError

GRANT = bytes(range(16))
T = 1_790_000_000


def packet(status: str, at_s: int, *, octets: int = 0, session: str = "5F", more: str = "") -> str:
    return f"""\
Sun Nov 22 17:00:00 2026
\tAcct-Status-Type = {status}
\tAcct-Session-Id = "{session}"
\tNAS-Identifier = "roof"
\tNAS-IP-Address = 192.0.2.7
\tClass = 0x{GRANT.hex()}
\tCalling-Station-Id = "02-00-00-00-00-01"
\tCalled-Station-Id = "02-00-00-00-00-02:airgrant"
\tAcct-Session-Time = {at_s - T}
\tAcct-Output-Octets = {octets}
\tAcct-Output-Packets = {octets // 1_000}
\tTimestamp = {at_s}
{more}
"""


def read(*packets: str):
    return read_detail("".join(packets).splitlines(), 50, 34)


def test_a_session_is_its_last_counters_without_the_frames_headers() -> None:
    told = read(
        packet("Start", T),
        packet("Interim-Update", T + 60, octets=10_000),
        packet("Stop", T + 90, octets=20_000),
    )
    (session,) = told.sessions.values()
    assert (session.permit_id, session.box, session.total_s) == (GRANT, "roof", 90)
    assert (session.down_bytes, session.up_bytes) == (20_000 - 20 * 34, 0)
    assert (session.stopped, session.start_seen, told.packets, told.left_out) == (True, True, 3, 0)


def test_packets_out_of_order_do_no_harm() -> None:
    packets = [
        packet("Start", T),
        packet("Interim-Update", T + 60, octets=10_000),
        packet("Stop", T + 90, octets=20_000),
    ]
    assert read(*packets).sessions == read(packets[0], packets[2], packets[1], packets[2]).sessions


def test_what_names_no_grant_is_left_out_and_counted() -> None:
    told = read(packet("Start", T), packet("Start", T, session="60").replace(GRANT.hex(), "00"))
    assert (len(told.sessions), told.packets, told.left_out) == (1, 2, 1)
    assert told.first_left_out.startswith("line 14: accounting: Class")


def test_a_box_that_restarted_has_ended_its_sessions() -> None:
    told = read(packet("Start", T), packet("Accounting-On", T + 9, session="0"))
    (session,) = told.sessions.values()
    assert session.stopped


def test_times_of_utc_are_read_and_others_are_when_it_arrived() -> None:
    at = '\tEvent-Timestamp = "Sep 21 2026 14:13:21 UTC"'
    elsewhere = '\tEvent-Timestamp = "Sep 21 2026 14:13:21 CEST"'
    assert [one.event_s for one in read(packet("Start", T + 5, more=at)).sessions.values()] == [T + 1]
    assert [one.event_s for one in read(packet("Start", T + 5, more=elsewhere)).sessions.values()] == [T + 5]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("\tno time before = 1", "line 1: is no line of a detail file"),
        ("Sun\n\tClass", "line 2: is no line"),
        ("Sun\n\tClass = " + "x" * 9_000, "line 2: more than"),
    ],
)
def test_what_is_no_detail_file_is_said_with_its_line(text: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read(text)


@given(st.text(max_size=200))
def test_garbage_is_a_decode_error_or_left_out(text: str) -> None:
    try:
        told = read(text)
    except DecodeError:
        return
    assert not told.sessions
