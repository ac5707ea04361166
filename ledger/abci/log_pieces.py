"""The log of a ledger in pieces: what one operator hands to a newcomer, and how the newcomer knows it for the log.

    piece: [ [ header, before, [ [ kind, item ], ... ], after ], ... ]

Canonical CBOR; one entry for each block in which something took effect, or for the part of it that is in this piece:
`before` and `after` are the hashes of the items of that block in other pieces, one after the other. Pure: rows come in
and pieces go out, or the other way round. The newest piece is followed first. Each header has the app hash of the one
before, so from the app hash that the network signed on, each piece is known for the log's, or for none, to its last
octet, before another is asked for. Raises DecodeError, VerificationError.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.block import Item, ItemKind, item_leaf
from wire.block_header import Header, read_header
from wire.cbor import Value, read_cbor, write_cbor
from wire.errors import DecodeError, VerificationError
from wire.merkle import merkle_root

PIECE_BYTES = 1024 * 1024
"""A piece is closed by the item that fills it, so it has at most this and one item more; CometBFT allows 16 MB."""
MAX_PIECE_BYTES = 8 * 1024 * 1024
_HASH_SIZE = 32


class Part(NamedTuple):
    """A block, or what of it is in one piece: its header, and its items by kind between the hashes of the others."""

    header: bytes
    before: Sequence[bytes]
    items: Sequence[tuple[int, bytes]]
    after: Sequence[bytes]

    @property
    def leaves(self) -> list[bytes]:
        return [*self.before, *(item_leaf(kind, item) for kind, item in self.items), *self.after]


@dataclass(slots=True)
class Ruler:
    """Where pieces begin: fed the numbers and sizes of the log's items in order, it says after which one ends. Never
    changes its mind.
    """

    ends: list[int] = field(default_factory=list)
    seen: int = 0
    _bytes: int = 0

    def feed(self, items: Iterable[tuple[int, int]]) -> None:
        for number, size in items:
            self.seen, self._bytes = number, self._bytes + size
            if self._bytes >= PIECE_BYTES:
                self.ends.append(number)
                self._bytes = 0


def write_piece(
    items: Sequence[Item], headers: Mapping[int, bytes], before: Sequence[bytes], after: Sequence[bytes]
) -> bytes:
    """Of these items; `headers` has those of their blocks by height, `before` and `after` are the hashes of the items
    that the first and the last of these blocks have in other pieces.
    """
    heights = sorted({item.height for item in items})
    rows: dict[int, list[Value]] = {height: [] for height in heights}
    for item in items:
        rows[item.height].append([item.kind, item.encoded])
    entries: list[Value] = [
        [
            headers[height],
            b"".join(before if height == heights[0] else ()),
            rows[height],
            b"".join(after if height == heights[-1] else ()),
        ]
        for height in heights
    ]
    return write_cbor(entries)


def read_piece(data: bytes) -> list[Part]:
    """Raises DecodeError."""
    if len(data) > MAX_PIECE_BYTES:
        raise DecodeError(f"piece of a log: {len(data)} bytes, at most {MAX_PIECE_BYTES} are accepted")
    match read_cbor(data):
        case [_, *_] as entries:
            return [_read_part(entry) for entry in entries]
    raise DecodeError("piece of a log: not a list of blocks")


@dataclass(slots=True)
class Chain:
    """Follows pieces back from `app_hash`, which the network signed, to that of the genesis."""

    app_hash: bytes
    genesis: bytes
    _missing: int = 0
    """Items of the block of this app hash that older pieces still have to bring; 0: all, or the block is whole."""

    @property
    def is_whole(self) -> bool:
        """Whether the first block has been followed to its beginning."""
        return self.app_hash == self.genesis and not self._missing

    def follow(self, parts: Sequence[Part]) -> None:
        """The piece before those so far. Raises DecodeError, VerificationError: then nothing has been followed."""
        app_hash, missing = self.app_hash, self._missing
        for part in reversed(parts):
            header = read_header(part.header)
            if header.app_hash != app_hash:
                raise VerificationError(f"block {header.height}: is not the one before those that are here")
            leaves = part.leaves
            if merkle_root(leaves) != header.items_root or len(leaves) != header.item_count:
                raise VerificationError(f"block {header.height}: its items are not those that it was made of")
            if not part.items or len(part.before) + len(part.items) != (missing or len(leaves)):
                raise VerificationError(f"block {header.height}: the pieces of it do not meet")
            missing = len(part.before)
            app_hash = app_hash if missing else header.previous
        self.app_hash, self._missing = app_hash, missing


def blocks(pieces: Iterable[Sequence[Part]]) -> Iterator[tuple[Header, list[tuple[int, bytes]]]]:
    """Whole blocks, the oldest first, out of pieces in that order that were all followed."""
    rows: list[tuple[int, bytes]] = []
    for piece in pieces:
        for part in piece:
            rows += part.items
            if not part.after:
                yield read_header(part.header), rows
                rows = []


def _read_part(value: Value) -> Part:
    match value:
        case [bytes(header), bytes(before), list(rows), bytes(after)]:
            return Part(header, _hashes(before), [_read_row(row) for row in rows], _hashes(after))
    raise DecodeError("piece of a log: a block is not [header, hashes, items, hashes]")


def _hashes(octets: bytes) -> list[bytes]:
    if len(octets) % _HASH_SIZE:
        raise DecodeError(f"piece of a log: {len(octets)} bytes are no hashes of {_HASH_SIZE}")
    return [octets[at : at + _HASH_SIZE] for at in range(0, len(octets), _HASH_SIZE)]


def _read_row(value: Value) -> tuple[int, bytes]:
    match value:
        case [int(kind), bytes(encoded)] if kind in set(ItemKind):
            return kind, encoded
    raise DecodeError("piece of a log: an item is not [kind, item]")
