"""Names and sizes that LTE and NR share; whole blocks stand in test_lte_sib.py and test_nr_sib.py."""

from __future__ import annotations

import pytest

from nas_tunnel.system_information import MAX_NAME_BYTES, check_name, check_size, read_name, write_name
from nas_tunnel.uper import BitReader, BitWriter
from wire.errors import DecodeError


@pytest.mark.parametrize("size", [1, 47, MAX_NAME_BYTES])
def test_a_name_is_six_bits_of_length_and_its_octets(size: int) -> None:
    name = bytes(range(size))
    check_name("sib9", "name", name)
    writer = BitWriter()
    write_name(writer, name)
    written = writer.finish()
    assert written[0] >> 2 == size - 1
    reader = BitReader(written, "sib9")
    assert read_name(reader) == name
    reader.finish()


@pytest.mark.parametrize("size", [0, MAX_NAME_BYTES + 1, 64])
def test_a_name_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(DecodeError, match=f"^sib9: octets of name is {size}, outside 1..48$"):
        check_name("sib9", "name", bytes(size))


def test_a_name_that_is_cut_is_refused() -> None:
    with pytest.raises(DecodeError, match=r"^sib9: ends where 16 bits should follow"):
        read_name(BitReader(bytes((1 << 2, 0)), "sib9"))


def test_what_is_too_long_is_not_read_at_all() -> None:
    check_size("lte", bytes(277), 277)
    with pytest.raises(DecodeError, match=r"^lte system information: 278 bytes, at most 277 are accepted$"):
        check_size("lte", bytes(278), 277)
