"""HPACK: examples of RFC 7541, the hpack library's opinion, and blocks that must be refused."""

from __future__ import annotations

import random

import pytest
from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from ran_slicing.hpack import MAX_BLOCK_BYTES, read_header_block, write_header_block
from tests.wire.fuzz import mutate
from wire.errors import DecodeError

TEXT = st.text(st.characters(max_codepoint=255), max_size=40)


@pytest.mark.parametrize(
    ("block", "headers"),
    [
        ("82", [(":method", "GET")]),
        ("040c2f73616d706c652f70617468", [(":path", "/sample/path")]),
        ("100870617373776f726406736563726574", [("password", "secret")]),
        ("400a637573746f6d2d6b65790d637573746f6d2d686561646572", [("custom-key", "custom-header")]),
        ("418cf1e3c2e5f23a6ba0ab90f4ff", [(":authority", "www.example.com")]),
        ("488264025885aec3771a4b", [(":status", "302"), ("cache-control", "private")]),
        ("2088", [(":status", "200")]),
    ],
    ids=["C.2.4", "C.2.2", "C.2.3", "C.2.1", "C.4.1", "C.6.1", "a table of nothing"],
)
def test_examples_of_the_rfc(block: str, headers: list[tuple[str, str]]) -> None:
    assert read_header_block(bytes.fromhex(block)) == headers


@given(headers=st.lists(st.tuples(TEXT, TEXT), max_size=10), huffman=st.booleans())
def test_what_the_library_writes_without_a_table(headers: list[tuple[str, str]], huffman: bool) -> None:
    encoder = Encoder()
    encoder.header_table_size = 0
    octets = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    assert read_header_block(encoder.encode(octets, huffman=huffman)) == headers


@given(headers=st.lists(st.tuples(TEXT, TEXT), max_size=10))
def test_the_library_reads_what_we_write(headers: list[tuple[str, str]]) -> None:
    octets = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    assert Decoder().decode(write_header_block(headers), raw=True) == octets


def test_integers_of_any_size() -> None:
    for size in (126, 127, 128, 254, 255, 16_254, 16_255, 16_300):
        headers = [("a", "x" * size)]
        assert read_header_block(write_header_block(headers)) == headers


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ("80", "no entry 0"),
        ("be", "no entry 62, as no table was offered"),
        ("ff80808080", "an integer above"),
        ("ff80", "does not end"),
        ("3fe11f", "a table of 4096 bytes was not offered"),
        ("8220", "a table of 0 bytes was not offered"),
        ("00", "nothing at byte 1"),
        ("000161", "nothing at byte 3"),
        ("00016105", "a text of 5 bytes"),
        ("00016181ff", "not padded with ones"),  # eight ones are too many
        ("0001618100", "not padded with ones"),
        ("00016184fffffffc", "an end of text"),
        ("00" * (MAX_BLOCK_BYTES + 1), "at most"),
        ("90" * 20 + "0001" + "61" + "7fff7f" + "61" * 16_000, "a text of"),
    ],
)
def test_refused(block: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_header_block(bytes.fromhex(block))


def test_a_small_block_gives_no_large_list() -> None:
    with pytest.raises(DecodeError, match="more than 65536 bytes of headers"):
        read_header_block(bytes([0x80 | 16]) * 8_000)


def test_garbled_blocks_give_a_list_or_a_decode_error() -> None:
    chance = random.Random(7)
    encoder = Encoder()
    encoder.header_table_size = 0
    example = encoder.encode([(":status", "201"), ("location", "http://127.0.0.5:7777/x/app-sessions/1")])
    lists = 0
    for _ in range(3_000):
        try:
            read_header_block(mutate(example, example, chance))
        except DecodeError:
            continue
        lists += 1
    assert lists
