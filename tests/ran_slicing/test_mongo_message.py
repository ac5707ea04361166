"""OP_MSG frames, against pymongo's own framing, and replies that must be refused."""

from __future__ import annotations

import struct

import pytest
from bson.codec_options import DEFAULT_CODEC_OPTIONS
from pymongo.message import _op_msg

from ran_slicing.bson import Document, write_document
from ran_slicing.mongo_message import (
    HEADER_BYTES,
    MAX_REPLY_BYTES,
    ReplyHeader,
    read_reply,
    read_reply_header,
    write_command,
)
from wire.errors import DecodeError

COMMAND: Document = {
    "find": "subscribers",
    "filter": {"imsi": "001010000000001"},
    "limit": 1,
    "$db": "open5gs",
}


def test_bytes_equal_those_of_pymongo() -> None:
    request_id, theirs, *_ = _op_msg(0, dict(COMMAND), "open5gs", None, DEFAULT_CODEC_OPTIONS)
    assert write_command(request_id, COMMAND) == theirs


def reply(flags: int = 0, kind: int = 0, tail: bytes = b"") -> bytes:
    return struct.pack("<IB", flags, kind) + write_document({"ok": 1.0}) + tail


def test_a_reply() -> None:
    whole = struct.pack("<IIII", HEADER_BYTES + len(reply()), 7, 3, 2013) + reply()
    assert read_reply_header(whole[:HEADER_BYTES]) == ReplyHeader(len(reply()), 3)
    assert read_reply(whole[HEADER_BYTES:]) == {"ok": 1.0}


def test_a_checksum_is_passed_over() -> None:
    assert read_reply(reply(flags=1, tail=b"abcd")) == {"ok": 1.0}


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b"", "a header of 0 bytes"),
        (struct.pack("<IIII", 40, 7, 3, 1), "opcode 1, not 2013"),
        (struct.pack("<IIII", 21, 7, 3, 2013), "a reply of 21 bytes"),
        (struct.pack("<IIII", MAX_REPLY_BYTES + 1, 7, 3, 2013), "at most"),
    ],
)
def test_headers_that_are_refused(header: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_reply_header(header)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (bytes(5), "5 bytes after its header"),
        (reply(flags=2), "flags 0x2 were not asked for"),
        (reply(kind=1), "a section of kind 1"),
        (reply(tail=b"\0"), "1 bytes after the document"),
    ],
)
def test_replies_that_are_refused(octets: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_reply(octets)
