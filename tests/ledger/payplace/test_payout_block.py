"""Blocks: the head's octets, and a stream that is cut anywhere, too short, too long, or lies about its sizes."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.payplace.payout_block import (
    HEAD_SIZE,
    BlockHead,
    commitment_of,
    read_block_head,
    split_block,
    write_block_head,
)
from tests.ledger.payplace.payouts import INSTANCE, block, merchant_id, octets
from wire.errors import DecodeError

CHANNELS = 50
PAYOUTS = {
    merchant_id(1): {0: 5, 1: 6, 9: 7},
    merchant_id(2): {},
    merchant_id(3): {49: 2**40},
    merchant_id(4): {channel: channel + 1 for channel in range(CHANNELS)},
}
HEAD, LEAVES = block(PAYOUTS)
BLOCK = octets(HEAD, LEAVES)


def test_a_head_is_read_as_written():
    written = write_block_head(HEAD)
    assert len(written) == HEAD_SIZE == 117
    assert read_block_head(written) == HEAD
    assert written[:1] + written[1:33] == b"\x01" + INSTANCE


def test_the_commitment_names_everything_that_must_not_be_swapped():
    expected = hashlib.sha256(
        b"airgrant payplace commitment 1" + INSTANCE + HEAD.root + (1_000).to_bytes(8, "big") + bytes(32)
    ).digest()
    assert HEAD.commitment == expected
    others = {
        commitment_of(bytes(32), HEAD.root, 1_000, bytes(32)),
        commitment_of(INSTANCE, bytes(32), 1_000, bytes(32)),
        commitment_of(INSTANCE, HEAD.root, 1_001, bytes(32)),
        commitment_of(INSTANCE, HEAD.root, 1_000, HEAD.root),
    }
    assert len(others | {expected}) == 5


@given(st.lists(st.integers(0, len(BLOCK)), max_size=12))
def test_a_stream_may_be_cut_anywhere(cuts):
    places = [0, *sorted(cuts), len(BLOCK)]
    chunks = [BLOCK[start:end] for start, end in pairwise(places)]
    assert list(split_block(chunks, CHANNELS)) == [write_block_head(HEAD), *LEAVES]


@given(st.integers(0, len(BLOCK) - 1))
def test_a_stream_that_ends_early_is_refused(size):
    with pytest.raises(DecodeError, match="too early"):
        list(split_block([BLOCK[:size]], CHANNELS))


def test_a_stream_that_goes_on_is_refused():
    for chunks in ([BLOCK + b"x"], [BLOCK, b"", b"x"]):
        with pytest.raises(DecodeError, match="after the last leaf"):
            list(split_block(chunks, CHANNELS))
    assert len(list(split_block([BLOCK, b""], CHANNELS))) == 5


@pytest.mark.parametrize("sizes", [b"\xff\xff\xff\xff", b"\0\0\0\x01\0\0\0\0\xff\xff\xff\xff"])
def test_no_leaf_is_gathered_that_cannot_be(sizes):
    """A leaf that claims four billion runs, or as many amounts, is refused before anything is gathered for it."""
    octets_seen = 0

    def chunks():
        nonlocal octets_seen
        yield write_block_head(HEAD) + bytes(32) + sizes
        for _ in range(1_000):
            octets_seen += 1_000
            yield bytes(1_000)

    with pytest.raises(DecodeError, match="where there are"):
        list(split_block(chunks(), CHANNELS))
    assert octets_seen <= 1_000


def test_a_head_says_only_what_can_be():
    written = write_block_head(HEAD)
    for wrong in (b"", written[:-1], written + b"x", b"\x02" + written[1:]):
        with pytest.raises(DecodeError):
            read_block_head(wrong)
    with pytest.raises(DecodeError, match="leaves"):
        BlockHead(INSTANCE, 1, 1, bytes(32), 0, bytes(32))
    with pytest.raises(DecodeError, match="range"):
        BlockHead(INSTANCE, -1, 1, bytes(32), 1, bytes(32))
    with pytest.raises(DecodeError, match="32 octets"):
        BlockHead(b"", 1, 1, bytes(32), 1, bytes(32))
