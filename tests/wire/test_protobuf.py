"""Protobuf's encoding: the documentation's own examples, round trips, and bytes that are no message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import DecodeError
from wire.protobuf import (
    Fields,
    read_fields,
    read_varint,
    write_delimited,
    write_fixed64,
    write_message,
    write_number,
    write_octets,
    write_varint,
)
from wire.units import U63_MAX, U64_MAX


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (write_number(1, 150), "089601"),
        (write_octets(2, b"testing"), "120774657374696e67"),
        (write_message(3, write_number(1, 150)), "1a03089601"),
        (write_varint(-2), "feffffffffffffffff01"),
        (write_fixed64(2, 5), "110500000000000000"),
        (write_fixed64(2, -1), "11ffffffffffffffff"),
        (write_delimited(b"\x08\x01"), "020801"),
        (write_message(4, b""), "2200"),
        (write_number(1, 0) + write_octets(2, b"") + write_fixed64(3, 0), ""),
        (write_number(16, 1), "800101"),
    ],
)
def test_the_bytes_that_protobufs_documentation_shows(written: bytes, wanted: str) -> None:
    assert written.hex() == wanted


@given(st.integers(0, U64_MAX))
def test_a_varint_comes_back(number: int) -> None:
    encoded = write_varint(number)
    assert read_varint(b"x" + encoded + b"y", 1, "it") == (number, 1 + len(encoded))


@given(st.integers(-U63_MAX - 1, U63_MAX))
def test_a_signed_number_comes_back(number: int) -> None:
    assert read_fields(write_number(3, number), "it").signed(3) == number


@given(st.lists(st.binary(max_size=200), max_size=20), st.integers(1, 2**29 - 1))
def test_repeated_bytes_come_back_in_order(every: list[bytes], field: int) -> None:
    data = b"".join(write_message(field, one) for one in every)
    assert read_fields(data, "it").every(field) == every


@given(st.binary(max_size=60))
def test_any_bytes_are_fields_or_a_decode_error(data: bytes) -> None:
    try:
        fields = read_fields(data, "it")
    except DecodeError:
        return
    assert all(values for values in fields.found.values())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x08", "no varint of 64 bits at byte 1"),
        (b"\x08" + b"\xff" * 10, "no varint of 64 bits"),
        (b"\x08" + b"\xff" * 9 + b"\x02", "no varint of 64 bits"),
        (b"\x12\x05abc", "field 2 ends at byte 7 of 5"),
        (b"\x09\x00", "field 1 ends at byte 9 of 2"),
        (b"\x0b", "wire type 3 at byte 0"),
        (b"\x0d\x00\x00\x00\x00", "wire type 5"),
        (b"\x00\x00", "field 0"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_fields(data, "it")


def test_a_field_of_another_kind_is_refused() -> None:
    fields = read_fields(write_number(1, 7) + write_octets(2, b"\xff"), "it")
    for read in (fields.octets, fields.every, fields.inner, fields.text):
        with pytest.raises(DecodeError, match="field 1 is a number"):
            read(1)
    with pytest.raises(DecodeError, match="field 2 is bytes"):
        fields.number(2)
    with pytest.raises(DecodeError, match="field 2 is not UTF-8"):
        fields.text(2)


def test_what_is_not_there_is_zero_or_empty() -> None:
    fields = Fields("it", {})
    assert (fields.number(1), fields.octets(1), fields.text(1), fields.every(1)) == (0, b"", "", [])
    assert fields.inner(1).found == {}
