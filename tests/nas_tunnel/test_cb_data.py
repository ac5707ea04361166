"""Messages of cell broadcasts, as bytes and as text: both ways, serial numbers, pages that others fill otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycrate_mobile.TS23038 import encode_7b

from nas_tunnel.cb_data import (
    MAX_CONTENT_BYTES,
    MAX_MESSAGE_BYTES,
    format_content,
    read_message,
    serial_number,
    text_settings,
    write_octets_message,
    write_text_message,
)
from wire.errors import ConfigError, DecodeError

contents = st.binary(min_size=1, max_size=MAX_CONTENT_BYTES)


@given(contents)
def test_both_forms_come_back(content: bytes) -> None:
    for message in (write_octets_message(content), write_text_message(content)):
        assert len(message) <= MAX_MESSAGE_BYTES
        assert read_message(message, serial_number(content)) == content


def test_pages_packed_by_hand() -> None:
    """TS 23.038 clause 6.1.2.1: A (41), B (42), C (43) and D (44) are 41, 61, 91 and 08 hex."""
    message = write_text_message(bytes((0, 16, 131)))
    assert format_content(bytes((0, 16, 131))) == "ABCD"
    assert message == bytes((1, 0x41, 0xE1, 0x90, 0x08)) + bytes(78) + b"\x04"


@given(st.binary(min_size=1, max_size=200))
def test_pycrate_packs_the_same_pages(content: bytes) -> None:
    text, message = format_content(content), write_text_message(content)
    for number in range(message[0]):
        packed, _ = encode_7b(text[number * 93 : number * 93 + 93])
        size = len(packed)
        assert message[1 + 83 * number : 84 + 83 * number] == packed.ljust(82, b"\0") + bytes((size,))


def test_seven_characters_are_followed_by_a_return() -> None:
    """As srsRAN packs them, so that nobody reads an eighth character; TS 23.038 clause 6.1.2.3.1."""
    message = write_text_message(bytes(5))
    assert (format_content(bytes(5)), message[83]) == ("AAAAAAA", 7)
    assert message[1:8] == encode_7b("AAAAAAA")[0]
    assert message[7] >> 1 == ord("\r")


def test_what_srsran_is_told() -> None:
    settings = text_settings(b"abc")
    assert settings == {
        "message_id": 41_543,
        "serial_num": 0xFA78,
        "data_coding_scheme": 15,
        "warning_message": "YWJj",
    }
    with pytest.raises(ConfigError, match="message_id: 4370 belongs to public warning"):
        text_settings(b"abc", 4_370)


def test_a_page_has_93_characters() -> None:
    one, two = write_text_message(bytes(69)), write_text_message(bytes(70))
    assert (len(format_content(bytes(69))), one[0], len(one), one[83]) == (92, 1, 84, 81)
    assert (len(format_content(bytes(70))), two[0], len(two), two[83], two[166]) == (94, 2, 167, 82, 1)


def test_the_longest_is_15_pages() -> None:
    message = write_text_message(bytes(MAX_CONTENT_BYTES))
    assert (message[0], len(message)) == (15, 1_246)


@pytest.mark.parametrize("write", [write_octets_message, write_text_message, format_content])
def test_what_is_too_long_is_our_mistake(write: object) -> None:
    for size in (0, MAX_CONTENT_BYTES + 1):
        with pytest.raises(AssertionError, match=f"{size} bytes to broadcast"):
            write(bytes(size))  # type: ignore[operator]


def test_a_serial_number_is_of_its_content() -> None:
    """SHA-256 of "abc" begins with ba78."""
    assert serial_number(b"abc") == 0xC000 | 0xBA78 & 0x3FFF == 0xFA78
    assert {serial_number(bytes((n,))) >> 14 for n in range(99)} == {3}
    with pytest.raises(DecodeError, match="serial number 0xfa79, its content has 0xfa78"):
        read_message(b"\0abc", 0xFA79)


def test_serial_numbers_differ_as_often_as_14_bits_can() -> None:
    assert len({serial_number(n.to_bytes(4, "big")) for n in range(1_000)}) > 950


@pytest.mark.parametrize("filler", [b"\r", b"\0", b"\r\r\r"])
def test_a_last_page_that_is_filled(filler: bytes) -> None:
    """TS 23.041 clause 9.4.2.2.5 fills the end with carriage returns; a stack may count them or not."""
    content = bytes(range(30))
    text = format_content(content).encode() + filler
    bits = sum(character << 7 * at for at, character in enumerate(text))
    size = (7 * len(text) + 7) // 8
    message = b"\1" + bits.to_bytes(82, "little") + bytes((size,))
    assert read_message(message, serial_number(content)) == content


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"", "0 bytes, not 2 to 1246"),
        (b"\0", "1 bytes, not 2 to 1246"),
        (bytes(1_247), "1247 bytes"),
        (bytes(1_026), "1025 bytes of content, not 1 to 1024"),
        (b"\1" + bytes(82), "1 pages in 83 bytes"),
        (b"\2" + bytes(83), "2 pages in 84 bytes"),
        (b"\x10" + bytes(83), "16 pages"),
        (b"\1" + bytes(83), "0 bytes of content"),
        (b"\1" + bytes(82) + b"\x53", "83 octets in a page of 82"),
        (b"\1" + b"\x7f" * 82 + b"\x52", "cell broadcast: "),
    ],
)
def test_a_message_is_refused_with_a_reason(message: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_message(message, 0)


def test_a_hidden_at_sign_is_not_passed_over() -> None:
    """Its code is 0, as that of a filler; in the middle it makes no base64."""
    text = b"AB\0CD"
    bits = sum(character << 7 * at for at, character in enumerate(text))
    with pytest.raises(DecodeError):
        read_message(b"\1" + bits.to_bytes(82, "little") + b"\5", 0)
