"""BSON: what stands on bsonspec.org, what pymongo's codec says, and what must be refused."""

from __future__ import annotations

import copy
import random
import struct
from typing import Any

import bson as pymongo_bson
import pytest
from bson import Binary, Decimal128, MaxKey, ObjectId, Regex, Timestamp
from bson import Int64 as PymongoInt64
from bson.datetime_ms import DatetimeMS
from bson.son import SON

from ran_slicing.bson import (
    MAX_DEPTH,
    MAX_DOCUMENT_BYTES,
    Document,
    Int64,
    Opaque,
    read_document,
    write_document,
)
from tests.wire.fuzz import mutate
from wire.errors import DecodeError

HELLO = bytes.fromhex("16000000 02 68656c6c6f00 06000000 776f726c6400 00")
"""{"hello": "world"}, from bsonspec.org."""
SUBSCRIBER: Document = {
    "imsi": "001010000000001",
    "security": {"sqn": Int64(97), "op": None, "k": "00" * 16},
    "slice": [{"sst": 1, "sd": "000001", "session": [{"name": "internet", "pcc_rule": []}]}],
    "negative": -1,
    "fraction": 1.5,
    "default_indicator": True,
    "größe": "größer",
}


def test_the_example_of_the_specification() -> None:
    assert write_document({"hello": "world"}) == HELLO
    assert read_document(HELLO) == {"hello": "world"}


def test_bytes_equal_those_of_pymongo() -> None:
    theirs: Any = copy.deepcopy(SUBSCRIBER)
    theirs["security"]["sqn"] = PymongoInt64(97)
    assert write_document(SUBSCRIBER) == pymongo_bson.encode(theirs)


def test_an_integer_keeps_its_width() -> None:
    again = read_document(write_document({"narrow": 1, "wide": Int64(1), "float": 1.0}))
    assert [type(value) for value in again.values()] == [int, Int64, float]


def test_what_is_not_understood_is_kept() -> None:
    theirs: SON[str, Any] = SON(
        _id=ObjectId("65f1a0b2c3d4e5f607182930"),
        at=DatetimeMS(1_700_000_000_000),
        stamp=Timestamp(7, 8),
        blob=Binary(b"\x00\x01", 128),
        pattern=Regex("a.*b", "i"),
        price=Decimal128("1.10"),
        last=MaxKey(),
        code=pymongo_bson.Code("f()"),
        scoped=pymongo_bson.Code("f()", {"x": 1}),
    )
    data = pymongo_bson.encode(theirs)
    ours = read_document(data)
    assert all(isinstance(value, Opaque) for value in ours.values())
    assert write_document(ours) == data


def test_an_integer_that_does_not_fit_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="32 bits"):
        write_document({"value": 1 << 31})
    assert write_document({"value": Int64(1 << 31)}) == pymongo_bson.encode({"value": 1 << 31})


def nested(levels: int) -> bytes:
    data = b"\x05\0\0\0\0"
    for _ in range(levels):
        data = struct.pack("<I", len(data) + 8) + b"\x03a\0" + data + b"\0"
    return data


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "4 bytes at byte 0 do not fit"),
        (b"\x05\0\0\0\0\0", "1 bytes after the document"),
        (b"\x04\0\0\0", "does not end in a zero"),
        (b"\xff\xff\xff\xff\0", "does not end in a zero"),
        (b"\x05\0\0\0\1", "does not end in a zero"),
        (bytes.fromhex("08000000 0a 6100 61"), "does not end in a zero"),
        (bytes.fromhex("08000000 99 6100 00"), "0x99 at byte 7 is no kind of value"),
        (bytes.fromhex("08000000 0a 6161 00"), "the name at byte 5 does not end"),
        (bytes.fromhex("0b000000 0a 6100 0a 6100 00"), "'a' twice"),
        (bytes.fromhex("09000000 08 6100 02 00"), "2 at byte 7 is no boolean"),
        (bytes.fromhex("10000000 04 6100 08000000 0a 3100 00 00"), "not numbered 0, 1, 2"),
        (bytes.fromhex("0e000000 02 6100 02000000 6161 00"), "does not end in a zero"),
        (bytes.fromhex("0e000000 02 6100 02000000 ff00 00"), "not UTF-8"),
        (bytes.fromhex("0c000000 02 6100 ffffff7f 00"), "do not fit"),
        (bytes.fromhex("0a000000 10 6100 0102 00"), "do not fit"),
        (nested(MAX_DEPTH + 1), f"more than {MAX_DEPTH} levels"),
        (bytes(MAX_DOCUMENT_BYTES + 1), "at most"),
    ],
)
def test_refused(data: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_document(data)


def test_as_deep_as_is_promised() -> None:
    assert write_document(read_document(nested(MAX_DEPTH))) == nested(MAX_DEPTH)


def test_garbled_bytes_give_a_value_or_a_decode_error() -> None:
    chance = random.Random(4)
    examples = [write_document(SUBSCRIBER), HELLO, nested(5)]
    values = 0
    for _ in range(3_000):
        data = mutate(chance.choice(examples), chance.choice(examples), chance)
        try:
            document = read_document(data)
        except DecodeError:
            continue
        values += 1
        assert read_document(write_document(document)).keys() == document.keys()
    assert values
