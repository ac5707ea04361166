"""Bits of the unaligned packed encoding rules: the forms that X.691 gives, and the refusal of any other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.uper import MAX_LENGTH, SMALL_NUMBERS, BitReader, BitWriter
from wire.errors import DecodeError

fields = st.lists(
    st.one_of(
        st.integers(1, 40).flatmap(lambda width: st.tuples(st.just(width), st.integers(0, (1 << width) - 1))),
        st.binary(max_size=300),
    )
)


def read(bits: str) -> BitReader:
    """A reader of these binary digits, filled up with zeros."""
    digits = bits.replace(" ", "")
    digits += "0" * (-len(digits) % 8)
    return BitReader(int(digits, 2).to_bytes(len(digits) // 8, "big"), "bits")


@given(fields)
def test_what_was_written_is_read(items: list[tuple[int, int] | bytes]) -> None:
    writer = BitWriter()
    for item in items:
        writer.octet_string(item) if isinstance(item, bytes) else writer.bits(item[1], item[0])
    reader = BitReader(writer.finish(), "bits")
    for item in items:
        if isinstance(item, bytes):
            assert reader.octet_string() == item
        else:
            assert reader.bits(item[0]) == item[1]
    reader.finish()


def test_bits_follow_one_another_from_the_highest() -> None:
    writer = BitWriter()
    writer.bits(1, 1)
    writer.bits(0b0101, 4)
    writer.octets(b"\xff\x00")
    assert writer.finish() == bytes((0b1_0101_111, 0b11111_000, 0b00000_000))


def test_nothing_has_no_octets() -> None:
    assert BitWriter().finish() == b""


@pytest.mark.parametrize(
    ("size", "head"), [(0, "00"), (127, "7f"), (128, "8080"), (300, "812c"), (16_383, "bfff")]
)
def test_the_form_of_a_length(size: int, head: str) -> None:
    """X.691 clause 11.9.3.5 to 11.9.3.7."""
    writer = BitWriter()
    writer.octet_string(bytes(size))
    assert writer.finish() == bytes.fromhex(head) + bytes(size)


def test_more_than_one_piece_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="16384 octets in one piece"):
        BitWriter().octet_string(bytes(MAX_LENGTH + 1))


@pytest.mark.parametrize(("value", "width"), [(2, 1), (-1, 8), (256, 8)])
def test_a_number_that_does_not_fit_is_our_mistake(value: int, width: int) -> None:
    with pytest.raises(AssertionError, match=f"{value} in {width} bits"):
        BitWriter().bits(value, width)


@pytest.mark.parametrize("head", ["807f", "8000", "c001", "ff", "bf"])
def test_any_other_form_of_a_length_is_refused(head: str) -> None:
    """Too long for its number, in fragments of 16,384, or cut."""
    with pytest.raises(DecodeError, match=r"bits: .*, at bit "):
        BitReader(bytes.fromhex(head) + bytes(127), "bits").octet_string()


def test_additions_are_passed_over() -> None:
    reader = read("0 000010 101" + "00000001 11111111" + "00000000" + "11")
    reader.pass_additions()
    assert reader.bits(2) == 0b11


@pytest.mark.parametrize(
    ("bits", "why"),
    [
        ("1 0000000", "more than 64 additions, at bit 1"),
        ("0 000000 0", "additions are announced and none is there, at bit 8"),
        ("0 000000 1" + "00000010 11111111", "ends where 16 bits should follow, at bit 16"),
        ("0 111111 1", "ends where 64 bits should follow"),
    ],
)
def test_additions_that_are_refused(bits: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read(bits).pass_additions()


@given(st.integers(0, SMALL_NUMBERS - 1), st.binary(max_size=300))
def test_an_alternative_of_a_later_release_has_a_small_number_and_a_length(
    index: int, content: bytes
) -> None:
    writer = BitWriter()
    writer.added_choice(index, content)
    written = writer.finish()
    assert written[0] == 0b1000_0000 | index, (
        "X.691 clause 23.8: the extension bit, 0 of clause 11.6.1, six bits"
    )
    reader = BitReader(written, "choice")
    assert reader.added_choice() == (index, content)
    reader.finish()


def test_an_alternative_of_the_first_release_is_none_of_them() -> None:
    reader = read("0 101")
    assert reader.added_choice() is None
    assert reader.bits(3) == 0b101
    with pytest.raises(DecodeError, match="an alternative numbered past 64, at bit 2"):
        read("1 1 000000").added_choice()
    with pytest.raises(AssertionError, match="alternative 64 has no small number"):
        BitWriter().added_choice(SMALL_NUMBERS, b"")


def test_the_end_is_zero_bits_up_to_the_octet() -> None:
    read("1010 0000").bits(4)
    for bits, why in (("1010 0001", "padding that is not zero"), ("1010 0000 00000000", "12 bits more")):
        reader = read(bits)
        reader.bits(4)
        with pytest.raises(DecodeError, match=why):
            reader.finish()


def test_a_block_of_fixed_size_is_filled_with_zeros() -> None:
    reader = read("1010" + "0" * 100)
    reader.bits(4)
    reader.finish_padded()
    reader = read("1010" + "0" * 99 + "1")
    reader.bits(4)
    with pytest.raises(DecodeError, match="padding that is not zero"):
        reader.finish_padded()


def test_past_the_end_is_refused() -> None:
    reader = BitReader(b"\xff", "a block")
    assert reader.bits(6) == 63
    with pytest.raises(DecodeError, match=r"^a block: ends where 3 bits should follow, at bit 6$"):
        reader.bits(3)
    with pytest.raises(DecodeError, match="ends where 8 bits should follow"):
        reader.octets(1)
