"""The TPM's byte form: values come out as they went in, and nothing is read past the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import DecodeError
from wire.tpm_buffer import TpmReader, write_sized, write_u16, write_u32, write_u64


def test_values_come_out_as_they_went_in():
    data = write_u16(0x8001) + write_u32(0xFFFF_FFFF) + write_u64(1) + write_sized(b"abc") + b"rest"
    reader = TpmReader(data, "test")
    assert (reader.u8("a") << 8 | reader.u8("b")) == 0x8001
    assert (reader.u32("c"), reader.u64("d"), reader.sized("e", 3)) == (0xFFFF_FFFF, 1, b"abc")
    assert reader.rest() == b"rest"
    reader.finish()


def test_a_buffer_longer_than_its_limit_is_refused_by_name():
    with pytest.raises(DecodeError, match="test: the nonce has 3 bytes, at most 2"):
        TpmReader(write_sized(b"abc"), "test").sized("the nonce", 2)


def test_bytes_after_the_end_are_refused():
    reader = TpmReader(b"\0\1\2", "test")
    reader.u16("value")
    with pytest.raises(DecodeError, match="1 bytes after its end at byte 2"):
        reader.finish()


@given(st.binary(max_size=12), st.sampled_from(["u8", "u16", "u32", "u64"]))
def test_a_short_buffer_is_a_decode_error_and_a_long_enough_one_a_value(data, method):
    size = int(method[1:]) // 8
    reader = TpmReader(data, "test")
    if len(data) >= size:
        assert getattr(reader, method)("value") == int.from_bytes(data[:size], "big")
    else:
        with pytest.raises(DecodeError, match="ends inside value"):
            getattr(reader, method)("value")
