"""Fragments: by hand, every size of message and packet, and what does not fit together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.eap_fragments import EMPTY, MAX_MESSAGE_BYTES, NOTHING, Assembly, split_message, take_fragment
from wire.errors import DecodeError

sizes = st.integers(0, MAX_MESSAGE_BYTES)


def join(fragments: tuple[bytes, ...]) -> bytes:
    assembly, message = NOTHING, None
    for fragment in fragments:
        assert message is None
        assembly, message = take_fragment(assembly, fragment)
    assert assembly == NOTHING
    assert message is not None
    return message


def test_by_hand() -> None:
    """Packets of 20 octets have room for 8: flags and length take 3 of the first, flags 1 of the others."""
    assert split_message(b"0123456789abcdef", 20) == (
        b"\xc0\x00\x1001234",
        b"\x4056789ab",
        b"\x00cdef",
    )
    assert split_message(b"0123456", 20) == (b"\x000123456",)
    assert split_message(b"", 20) == (EMPTY,)


def test_a_message_of_1487_octets_fits_one_packet_of_1500() -> None:
    assert len(split_message(bytes(1_487))) == 1
    assert len(split_message(bytes(1_488))) == 2


@given(sizes, st.integers(16, 1_500))
def test_split_and_joined(size: int, max_packet_bytes: int) -> None:
    message = bytes(n % 251 for n in range(size))
    fragments = split_message(message, max_packet_bytes)
    assert all(12 + len(fragment) <= max_packet_bytes for fragment in fragments)
    assert join(fragments) == message


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_whatever_comes_is_bounded(fragments: list[bytes]) -> None:
    assembly = NOTHING
    for fragment in fragments:
        try:
            assembly, message = take_fragment(assembly, fragment)
        except DecodeError:
            continue
        assert len(assembly.received) < (assembly.total or 1) <= MAX_MESSAGE_BYTES
        assert message is None or assembly == NOTHING


@pytest.mark.parametrize(
    ("assembly", "fragment", "why"),
    [
        (NOTHING, "", "no flags"),
        (NOTHING, "01aa", "flags 01"),
        (NOTHING, "40aa", "more follow, but no total length"),
        (NOTHING, "800002aabb", "not in the first of several"),
        (NOTHING, "c000", "not in the first of several"),
        (NOTHING, "c00801aa", "2049 bytes, at most 2048"),
        (NOTHING, "c00002aabb", "2 of 2 bytes, and more"),
        (NOTHING, "c00002", "nothing in one of several"),
        (Assembly(4, b"ab"), "c00004aa", "not in the first of several"),
        (Assembly(4, b"ab"), "00", "nothing in one of several"),
        (Assembly(4, b"ab"), "0063", "3 of 4 bytes, and no more"),
        (Assembly(4, b"ab"), "40636465", "5 of 4 bytes, and more"),
        (Assembly(4, b"ab"), "00636465", "5 of 4 bytes, and no more"),
        (Assembly(4, b"ab"), "406364", "4 of 4 bytes, and more"),
    ],
)
def test_refusals(assembly: Assembly, fragment: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        take_fragment(assembly, bytes.fromhex(fragment))
