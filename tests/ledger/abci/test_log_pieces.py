"""A log in pieces: cut, followed, and every way in which it may be another log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.abci import log_pieces
from ledger.abci.log_pieces import Chain, Ruler, blocks, read_piece, write_piece
from ledger.block import Item, ItemKind, item_leaf
from wire.block_header import Header, write_header
from wire.cbor import write_cbor
from wire.errors import DecodeError, VerificationError
from wire.merkle import merkle_root

GENESIS = bytes(32)
SIZES = [[10], [600_000, 600_000, 400_000], [5], [1_200_000], [1, 2, 3]]


def make_log(sizes: Sequence[Sequence[int]]) -> tuple[list[Item], dict[int, bytes], bytes]:
    """Blocks at every third height with items of these sizes; their headers; the app hash at the end."""
    items: list[Item] = []
    headers: dict[int, bytes] = {}
    app_hash = GENESIS
    for number, block in enumerate(sizes, 1):
        height = 3 * number
        contents = [bytes([number]) * size for size in block]
        items += [
            Item(len(items) + at, height, ItemKind.TRANSACTION, b"", 0, content, b"")
            for at, content in enumerate(contents, 1)
        ]
        leaves = [item_leaf(ItemKind.TRANSACTION, content) for content in contents]
        header = Header(height, app_hash, number, merkle_root(leaves), len(leaves), bytes(32), bytes(32))
        headers[height], app_hash = write_header(header), header.app_hash
    return items, headers, app_hash


def cut(items: Sequence[Item], headers: dict[int, bytes]) -> list[bytes]:
    ruler = Ruler()
    ruler.feed(items)
    ends = [end for end in ruler.ends if end < len(items)] + [len(items)]
    begins = [0, *ends[:-1]]
    return [
        write_piece(items[begin:end], headers, items[begin - 1] if begin else None)
        for begin, end in zip(begins, ends, strict=True)
    ]


def follow(pieces: Sequence[bytes]) -> bytes:
    chain = Chain(GENESIS)
    for piece in pieces:
        chain.follow(read_piece(piece))
    return chain.end()


def test_pieces_lead_to_the_app_hash_and_give_back_every_block() -> None:
    items, headers, app_hash = make_log(SIZES)
    pieces = cut(items, headers)
    assert len(pieces) == 3
    assert follow(pieces) == app_hash
    whole = list(blocks(read_piece(piece) for piece in pieces))
    assert [header.height for header, _ in whole] == [3, 6, 9, 12, 15]
    assert [encoded for _, rows in whole for _, encoded in rows] == [item.encoded for item in items]


def test_where_pieces_begin_does_not_depend_on_how_much_is_fed_at_once() -> None:
    items, _, _ = make_log(SIZES)
    at_once, one_by_one = Ruler(), Ruler()
    at_once.feed(items)
    for item in items:
        one_by_one.feed([item])
    assert at_once == one_by_one
    assert at_once.ends == [3, 6]


def test_an_empty_log() -> None:
    assert follow([]) == GENESIS
    assert list(blocks([])) == []


def test_another_log_is_noticed() -> None:
    items, headers, _ = make_log(SIZES)
    pieces = cut(items, headers)
    with pytest.raises(VerificationError, match="begins within a block"):
        follow(pieces[1:])
    with pytest.raises(VerificationError, match="its items are not those"):
        follow(pieces[:1])
    changed = [replace(item, encoded=b"x") if item.number == 2 else item for item in items]
    with pytest.raises(VerificationError, match="block 6: its items are not those"):
        follow(cut(changed, headers))
    with pytest.raises(VerificationError, match="block 6: its items are not those"):
        follow(cut([replace(item, kind=2) if item.number == 2 else item for item in items], headers))
    without = [item for item in items if item.height != 9]
    with pytest.raises(VerificationError, match="block 12: does not follow block 6"):
        follow([write_piece(without, headers, None)])


def test_a_log_that_is_cut_short_leads_elsewhere() -> None:
    items, headers, app_hash = make_log(SIZES)
    short = [item for item in items if item.height < 15]
    assert follow(cut(short, headers)) != app_hash


@given(st.binary(max_size=80))
def test_any_bytes_are_a_piece_or_a_decode_error(data: bytes) -> None:
    try:
        assert isinstance(read_piece(data), list)
    except DecodeError:
        return


@pytest.mark.parametrize(
    "wrong",
    [
        write_cbor({}),
        write_cbor([[b"", []]]),
        write_cbor([[b""]]),
        write_cbor([[b"", [[9, b"x"]]]]),
        write_cbor([[b"", [[1, 5]]]]),
        bytes(log_pieces.MAX_PIECE_BYTES + 1),
    ],
)
def test_what_is_no_piece_is_refused(wrong: bytes) -> None:
    with pytest.raises(DecodeError):
        read_piece(wrong)
