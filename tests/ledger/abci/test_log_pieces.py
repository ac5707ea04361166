"""A log in pieces: cut, followed, and every way in which it may be another log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.abci import log_pieces
from ledger.abci.log_pieces import Chain, Part, Ruler, blocks, read_piece, write_piece
from ledger.block import Item, ItemKind, item_leaf
from wire.block_header import Header, write_header
from wire.cbor import Value, write_cbor
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
    """The oldest first."""
    ruler = Ruler()
    ruler.feed([(item.number, len(item.encoded)) for item in items])
    ends = [end for end in ruler.ends if end < len(items)] + [len(items)]
    begins = [0, *ends[:-1]]
    return [write(items, headers, begin, end) for begin, end in zip(begins, ends, strict=True)]


def write(items: Sequence[Item], headers: dict[int, bytes], begin: int, end: int) -> bytes:
    before = [item for item in items[:begin] if item.height == items[begin].height]
    after = [item for item in items[end:] if item.height == items[end - 1].height]
    return write_piece(items[begin:end], headers, leaves(before), leaves(after))


def leaves(items: Sequence[Item]) -> list[bytes]:
    return [item_leaf(item.kind, item.encoded) for item in items]


def follow(pieces: Sequence[bytes], app_hash: bytes) -> Chain:
    """Given the oldest first."""
    chain = Chain(app_hash, GENESIS)
    for piece in reversed(pieces):
        chain.follow(read_piece(piece))
    return chain


def test_pieces_lead_to_the_genesis_and_give_back_every_block() -> None:
    items, headers, app_hash = make_log(SIZES)
    pieces = cut(items, headers)
    assert len(pieces) == 3
    assert follow(pieces, app_hash).is_whole
    whole = list(blocks(read_piece(piece) for piece in pieces))
    assert [header.height for header, _ in whole] == [3, 6, 9, 12, 15]
    assert [encoded for _, rows in whole for _, encoded in rows] == [item.encoded for item in items]


def test_a_block_of_many_pieces() -> None:
    """The middle ones have hashes of what is before and of what is behind them."""
    items, headers, app_hash = make_log([[1], [700_000] * 9, [2]])
    pieces = cut(items, headers)
    assert len(pieces) == 5
    assert [len(part.before) for piece in pieces for part in read_piece(piece)] == [0, 0, 2, 4, 6, 8, 0]
    assert follow(pieces, app_hash).is_whole
    assert [len(rows) for _, rows in blocks(map(read_piece, pieces))] == [1, 9, 1]


def test_where_pieces_begin_does_not_depend_on_how_much_is_fed_at_once() -> None:
    items, _, _ = make_log(SIZES)
    at_once, one_by_one = Ruler(), Ruler()
    at_once.feed([(item.number, len(item.encoded)) for item in items])
    for item in items:
        one_by_one.feed([(item.number, len(item.encoded))])
    assert at_once == one_by_one
    assert at_once.ends == [3, 6]


def test_an_empty_log() -> None:
    assert follow([], GENESIS).is_whole
    assert not follow([], bytes(range(32))).is_whole
    assert list(blocks([])) == []


def test_each_wrong_piece_is_known_as_it_comes_and_the_right_one_still_follows() -> None:
    """Whatever a liar who has the log itself can make of it."""
    items, headers, app_hash = make_log(SIZES)
    pieces = cut(items, headers)
    changed = [
        replace(item, encoded=bytes(len(item.encoded))) if item.number in (2, 4, 8) else item
        for item in items
    ]
    kinds = [replace(item, kind=2) if item.number in (2, 4, 8) else item for item in items]
    forged, forged_headers, _ = make_log([*SIZES[:-1], [1, 2, 4]])
    chain = Chain(app_hash, GENESIS)
    for at, piece in reversed(list(enumerate(pieces))):
        first = read_piece(piece)[0]
        lies = [
            *(other for other in pieces if other != piece),
            cut(changed, headers)[at],
            cut(kinds, headers)[at],
            cut(forged, forged_headers)[-1],
            rewrite(piece, items=[]),
            rewrite(piece, before=[bytes(32), *first.before]),
            rewrite(piece, before=first.leaves, items=[]),
            rewrite(piece, header=forged_headers[15]),
            piece[:-1],
        ]
        for lie in lies:
            before = replace(chain)
            with pytest.raises(DecodeError):
                chain.follow(read_piece(lie))
            assert chain == before
        chain.follow(read_piece(piece))
    assert chain.is_whole
    for piece in pieces:
        with pytest.raises(VerificationError, match="is not the one before"):
            chain.follow(read_piece(piece))


def rewrite(piece: bytes, **changes: object) -> bytes:
    """With another first part."""
    first, *rest = read_piece(piece)
    parts = [first._replace(**changes), *rest]  # type: ignore[arg-type]
    return write_cbor([write_part(part) for part in parts])


def write_part(part: Part) -> Value:
    rows: list[Value] = [[kind, item] for kind, item in part.items]
    return [part.header, b"".join(part.before), rows, b"".join(part.after)]


def test_pieces_of_a_block_meet() -> None:
    """Items that come twice, or that are left out where a block is cut, are noticed."""
    items, headers, app_hash = make_log([[600_000, 600_000, 400_000, 300_000]])
    for begin, end in ((0, 1), (0, 3), (1, 3), (2, 4)):
        chain = Chain(app_hash, GENESIS)
        chain.follow(read_piece(write(items, headers, 2, 4)))
        with pytest.raises(VerificationError, match="do not meet"):
            chain.follow(read_piece(write(items, headers, begin, end)))
        chain.follow(read_piece(write(items, headers, 0, 2)))
        assert chain.is_whole
    with pytest.raises(VerificationError, match="do not meet"):
        Chain(app_hash, GENESIS).follow(read_piece(write(items, headers, 0, 2)))


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
        write_cbor([]),
        write_cbor([[b"", []]]),
        write_cbor([[b"", b"", [], 5]]),
        write_cbor([[b"", b"1", [], b""]]),
        write_cbor([[b"", b"", [[9, b"x"]], b""]]),
        write_cbor([[b"", b"", [[1, 5]], b""]]),
        bytes(log_pieces.MAX_PIECE_BYTES + 1),
    ],
)
def test_what_is_no_piece_is_refused(wrong: bytes) -> None:
    with pytest.raises(DecodeError):
        read_piece(wrong)
