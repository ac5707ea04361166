"""HTTP/2 frames: the nine bytes before each, and what is inside those that a client meets.

In: bytes. Out: frames, and payloads without padding. Which frame may follow which is not decided here.
Reference: RFC 9113 clauses 4 and 6. Numbers are big endian.
Promise: the readers return a value or raise DecodeError, whatever the bytes.
"""

import struct
from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

from wire.errors import DecodeError

HEADER_BYTES = 9
MAX_PAYLOAD_BYTES = 16_384
"""The most that a frame may have unless more is announced, which we do not (RFC 9113 clause 4.2)."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_WINDOW_BYTES = (1 << 31) - 1
MAX_STREAM_ID = (1 << 31) - 1

ACK = END_STREAM = 0x1
END_HEADERS, PADDED, PRIORITY_PRESENT = 0x4, 0x8, 0x20


class FrameType(IntEnum):
    """RFC 9113 clause 6; others are passed over."""

    DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
        range(10)
    )


class Setting(IntEnum):
    """RFC 9113 clause 6.5.2; others are passed over."""

    (
        HEADER_TABLE_SIZE,
        ENABLE_PUSH,
        MAX_CONCURRENT_STREAMS,
        INITIAL_WINDOW_SIZE,
        MAX_FRAME_SIZE,
        MAX_HEADER_LIST_SIZE,
    ) = range(1, 7)


class ErrorCode(IntEnum):
    """Those of RFC 9113 clause 7 that we send or tell apart."""

    NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR = 0, 1, 2
    REFUSED_STREAM, CANCEL = 7, 8


class Frame(NamedTuple):
    """Type 0 to 255, flags, stream (0 for the connection), payload with its padding."""

    type: int
    flags: int
    stream_id: int
    payload: bytes


def write_frame(type_: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    assert len(payload) <= MAX_PAYLOAD_BYTES, f"a frame of {len(payload)} bytes"
    return struct.pack(">I", len(payload) << 8 | type_) + struct.pack(">BI", flags, stream_id) + payload


def read_frame(data: bytes | bytearray, at: int) -> tuple[Frame, int] | None:
    """The frame at `at` and where it ends, or None while it is not complete. Raises DecodeError."""
    if len(data) - at < HEADER_BYTES:
        return None
    size_and_type, flags, stream_id = struct.unpack_from(">IBI", data, at)
    size = size_and_type >> 8
    if size > MAX_PAYLOAD_BYTES:
        raise DecodeError(f"http2: a frame of {size} bytes, at most {MAX_PAYLOAD_BYTES} are accepted")
    end = at + HEADER_BYTES + size
    if end > len(data):
        return None
    payload = bytes(data[at + HEADER_BYTES : end])
    return Frame(size_and_type & 0xFF, flags, stream_id & MAX_STREAM_ID, payload), end


def read_content(frame: Frame) -> bytes:
    """The content of DATA or HEADERS, without padding and priority. Raises DecodeError."""
    payload = frame.payload
    padding = 0
    if frame.flags & PADDED:
        if not payload:
            raise DecodeError("http2: a padded frame without a length of padding")
        padding, payload = payload[0], payload[1:]
    if frame.type == FrameType.HEADERS and frame.flags & PRIORITY_PRESENT:
        if len(payload) < 5:
            raise DecodeError("http2: headers with a priority that is cut")
        payload = payload[5:]
    if padding > len(payload):
        raise DecodeError(f"http2: {padding} bytes of padding in {len(payload)}")
    return payload[: len(payload) - padding]


def write_settings(settings: Mapping[Setting, int]) -> bytes:
    payload = b"".join(struct.pack(">HI", name, value) for name, value in settings.items())
    return write_frame(FrameType.SETTINGS, 0, 0, payload)


def read_settings(frame: Frame) -> dict[int, int]:
    """Values by number; of one that comes twice the last. Raises DecodeError."""
    if len(frame.payload) % 6:
        raise DecodeError(f"http2: settings of {len(frame.payload)} bytes")
    return dict(struct.iter_unpack(">HI", frame.payload))


def write_window_update(stream_id: int, increment: int) -> bytes:
    return write_frame(FrameType.WINDOW_UPDATE, 0, stream_id, struct.pack(">I", increment))


def read_window_update(frame: Frame) -> int:
    """By how many bytes a window grows. Raises DecodeError."""
    (increment,) = struct.unpack(">I", _exactly(frame, 4, "a window update"))
    if increment & MAX_WINDOW_BYTES == 0:
        raise DecodeError("http2: a window update of nothing")
    return int(increment) & MAX_WINDOW_BYTES


def write_reset(stream_id: int, code: ErrorCode) -> bytes:
    return write_frame(FrameType.RST_STREAM, 0, stream_id, struct.pack(">I", code))


def read_reset(frame: Frame) -> int:
    """The error code. Raises DecodeError."""
    return int.from_bytes(_exactly(frame, 4, "a reset"), "big")


def write_goaway(last_stream_id: int, code: ErrorCode) -> bytes:
    return write_frame(FrameType.GOAWAY, 0, 0, struct.pack(">II", last_stream_id, code))


def read_goaway(frame: Frame) -> tuple[int, int, str]:
    """The last stream that may be answered, the error code, and words for a person. Raises DecodeError."""
    if len(frame.payload) < 8:
        raise DecodeError(f"http2: a goaway of {len(frame.payload)} bytes")
    last_stream_id, code = struct.unpack_from(">II", frame.payload)
    return last_stream_id & MAX_STREAM_ID, code, frame.payload[8:200].decode(errors="replace")


def read_ping(frame: Frame) -> bytes:
    """The eight bytes to send back. Raises DecodeError."""
    return _exactly(frame, 8, "a ping")


def _exactly(frame: Frame, size: int, what: str) -> bytes:
    if len(frame.payload) != size:
        raise DecodeError(f"http2: {what} of {len(frame.payload)} bytes, not {size}")
    return frame.payload
