"""FreeRADIUS's detail files become the sessions that operatord would have heard."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operatord.detail import MAX_LINE_BYTES, Told, read_detail
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


def read(*packets: str) -> Told:
    told = Told()
    read_detail(io.BytesIO("".join(packets).encode()), "detail", told, 50, 34)
    return told


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
    assert told.first_left_out.startswith("detail: line 14: accounting: Class")


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
        ("Sun\n\tClass = " + "x" * MAX_LINE_BYTES, "line 2: more than"),
    ],
)
def test_what_is_no_detail_file_is_said_with_its_line(text: str, why: str) -> None:
    with pytest.raises(DecodeError, match=f"^detail: {why}"):
        read(text)


def test_what_is_no_text_is_said_with_its_line() -> None:
    with pytest.raises(DecodeError, match=r"^detail: line 2: is no text"):
        read_detail(io.BytesIO(b"Sun\n\tClass = \xff\n"), "detail", Told(), 50, 34)


ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
"""What str.splitlines takes for the end of a line, beside line feed and carriage return."""


@pytest.mark.parametrize("end", [*ENDS, "\r"])
def test_a_station_cannot_write_a_packet_of_its_own(end: str) -> None:
    """In a name that it chose: the Stop of another's grant, or the end of its own attributes."""
    other = GRANT[::-1]
    forged = packet("Stop", T + 5, octets=999_999_999, session="60").replace(GRANT.hex(), other.hex())
    name = f'\tUser-Name = "a{end}{forged.replace(chr(10), end)}b"'
    told = read(packet("Start", T).replace("\tAcct-Status", f"{name}\n\tAcct-Status"))
    (session,) = told.sessions.values()
    assert (session.permit_id, session.down_bytes) == (GRANT, 0)
    assert (told.packets, told.left_out) == (1, 0), "nothing after the name is lost, either"


def test_lines_of_other_systems_are_read() -> None:
    assert read(packet("Start", T).replace("\n", "\r\n")).sessions == read(packet("Start", T)).sessions


def test_files_are_one_after_the_other() -> None:
    told = Told()
    for name, one in {
        "first": packet("Start", T),
        "second": packet("Stop", T + 9) + packet("Stop", T),
    }.items():
        read_detail(io.BytesIO(one.encode()), name, told, 50, 34)
    (session,) = told.sessions.values()
    assert (session.stopped, session.total_s, told.packets) == (True, 9, 3)


class Endless(io.RawIOBase):
    """Packets, then no packets, without end: it refuses to be read as a whole."""

    def __init__(self) -> None:
        self.given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        text = packet("Start", T).encode() if self.given < 1_000 else b"Sun\n no line\n"
        self.given += 1
        assert self.given < 1_010, "read in advance"
        buffer[: len(text)] = text
        return len(text)


def test_a_file_is_read_line_by_line() -> None:
    told = Told()
    with pytest.raises(DecodeError, match="is no line"), io.BufferedReader(Endless(), 4_096) as file:
        read_detail(file, "detail", told, 50, 34)
    assert told.packets == 1_000


SEPARATED = st.text(alphabet=f' \t\r\n="a1{ENDS}', max_size=60)


@given(st.lists(st.sampled_from([*packet("Stop", T).splitlines(keepends=True), "\t", "Sun\n"]) | SEPARATED))
def test_garbage_is_a_decode_error_or_packets(lines: list[str]) -> None:
    try:
        told = read(*lines)
    except DecodeError:
        return
    assert told.left_out + len(told.sessions) <= told.packets
