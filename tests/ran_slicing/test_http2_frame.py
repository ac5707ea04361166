"""HTTP/2 frames, byte for byte as hyperframe has them, and payloads that must be refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hyperframe.frame as theirs
import pytest

from ran_slicing.http2_frame import (
    MAX_PAYLOAD_BYTES,
    PADDED,
    PRIORITY_PRESENT,
    ErrorCode,
    Frame,
    FrameType,
    Setting,
    read_content,
    read_frame,
    read_goaway,
    read_ping,
    read_reset,
    read_settings,
    read_window_update,
    write_frame,
    write_goaway,
    write_reset,
    write_settings,
    write_window_update,
)
from wire.errors import DecodeError


@pytest.mark.parametrize(
    ("ours", "other"),
    [
        (write_frame(FrameType.DATA, 1, 3, b"body"), theirs.DataFrame(3, b"body", flags=["END_STREAM"])),
        (
            write_frame(FrameType.HEADERS, 4, 5, b"block"),
            theirs.HeadersFrame(5, b"block", flags=["END_HEADERS"]),
        ),
        (write_settings({Setting.ENABLE_PUSH: 0}), theirs.SettingsFrame(0, settings={2: 0})),
        (write_window_update(3, 9), theirs.WindowUpdateFrame(3, window_increment=9)),
        (write_reset(3, ErrorCode.CANCEL), theirs.RstStreamFrame(3, error_code=8)),
        (write_goaway(7, ErrorCode.PROTOCOL_ERROR), theirs.GoAwayFrame(0, last_stream_id=7, error_code=1)),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else type(value).__name__,
)
def test_bytes_equal_those_of_hyperframe(ours: bytes, other: theirs.Frame) -> None:
    assert ours == other.serialize()
    found = read_frame(ours, 0)
    assert found is not None
    assert found[1] == len(ours)
    assert found[0].stream_id == other.stream_id


def test_a_frame_is_whole_or_none() -> None:
    whole = write_frame(FrameType.PING, 0, 0, bytes(8))
    assert all(read_frame(whole[:end], 0) is None for end in range(len(whole)))
    assert read_frame(b"xyz" + whole, 3) == (Frame(FrameType.PING, 0, 0, bytes(8)), 3 + len(whole))


def test_a_frame_that_is_too_large() -> None:
    with pytest.raises(DecodeError, match="a frame of 16385 bytes"):
        read_frame((MAX_PAYLOAD_BYTES + 1).to_bytes(3, "big") + bytes(6), 0)


def frame(payload: bytes, type_: int = FrameType.DATA, flags: int = 0) -> Frame:
    return Frame(type_, flags, 1, payload)


@pytest.mark.parametrize(
    ("carried", "content"),
    [
        (frame(b"abc"), b"abc"),
        (frame(b"\x02abc\0\0", flags=PADDED), b"abc"),
        (frame(b"12345abc", FrameType.HEADERS, PRIORITY_PRESENT), b"abc"),
        (frame(b"\x0112345abc\0", FrameType.HEADERS, PRIORITY_PRESENT | PADDED), b"abc"),
    ],
)
def test_content(carried: Frame, content: bytes) -> None:
    assert read_content(carried) == content


@pytest.mark.parametrize(
    ("read", "payload", "why"),
    [
        (read_content, b"", "without a length of padding"),
        (read_content, b"\x03ab", "3 bytes of padding in 2"),
        (read_settings, bytes(7), "settings of 7 bytes"),
        (read_window_update, bytes(3), "a window update of 3 bytes"),
        (read_window_update, b"\x80\0\0\0", "of nothing"),
        (read_reset, bytes(5), "a reset of 5 bytes"),
        (read_goaway, bytes(7), "a goaway of 7 bytes"),
        (read_ping, bytes(9), "a ping of 9 bytes"),
    ],
)
def test_refused(read: Callable[[Frame], Any], payload: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read(frame(payload, flags=PADDED))


def test_headers_with_half_a_priority() -> None:
    with pytest.raises(DecodeError, match="a priority that is cut"):
        read_content(frame(b"1234", FrameType.HEADERS, PRIORITY_PRESENT))


def test_values() -> None:
    assert read_settings(frame(bytes.fromhex("0003 00000064 0003 00000065 00ff 00000001"))) == {
        3: 101,
        255: 1,
    }
    assert read_window_update(frame(b"\x80\0\0\x07")) == 7
    assert read_reset(frame(b"\0\0\0\x08")) == ErrorCode.CANCEL
    assert read_goaway(frame(b"\x80\0\0\x03\0\0\0\x02busy\xff")) == (3, 2, "busy\ufffd")
