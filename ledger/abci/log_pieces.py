"""The log of a ledger in pieces: what one operator hands to a newcomer, and how the newcomer knows it for the log.

    piece: [ [ header, [ [ kind, item ], ... ] ], ... ]

Canonical CBOR; one entry for each block in which something took effect, and an empty header where a block goes on in
the next piece. Pure: rows come in and pieces go out, or the other way round, one after the other. Each header has the
app hash of the one before, so the app hash that the network signed decides about all of it, to the last octet, before
any of it is applied. Raises DecodeError, VerificationError.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ledger.block import Item, ItemKind, item_leaf
from wire.block_header import Header, read_header
from wire.cbor import Value, read_cbor, write_cbor
from wire.errors import DecodeError, VerificationError
from wire.merkle import merkle_root

PIECE_BYTES = 1024 * 1024
"""A piece is closed by the item that fills it, so it has at most this and one item more; CometBFT allows 16 MB."""
MAX_PIECE_BYTES = 8 * 1024 * 1024

Entry = tuple[bytes, list[tuple[int, bytes]]]
"""A header, or none, and items by kind."""


@dataclass(slots=True)
class Ruler:
    """Where pieces begin: fed the log in order, it says after which items one ends. Never changes its mind."""

    ends: list[int] = field(default_factory=list)
    seen: int = 0
    _bytes: int = 0

    def feed(self, items: Iterable[Item]) -> None:
        for item in items:
            self.seen, self._bytes = item.number, self._bytes + len(item.encoded)
            if self._bytes >= PIECE_BYTES:
                self.ends.append(item.number)
                self._bytes = 0


def write_piece(items: Sequence[Item], headers: dict[int, bytes], before: Item | None) -> bytes:
    """Of these items, which follow `before`; `headers` has those of their blocks by height."""
    entries: list[Value] = []
    height = None if before is None else before.height
    rows: list[Value] = []
    for item in items:
        if item.height != height or not entries:
            rows = []
            entries.append([headers[item.height] if item.height != height else b"", rows])
            height = item.height
        rows.append([item.kind, item.encoded])
    return write_cbor(entries)


def read_piece(data: bytes) -> list[Entry]:
    """Raises DecodeError."""
    if len(data) > MAX_PIECE_BYTES:
        raise DecodeError(f"piece of a log: {len(data)} bytes, at most {MAX_PIECE_BYTES} are accepted")
    value = read_cbor(data)
    if not isinstance(value, list):
        raise DecodeError("piece of a log: not a list of blocks")
    return [_read_entry(entry) for entry in value]


@dataclass(slots=True)
class Chain:
    """Follows pieces from `app_hash` of the genesis on: each block belongs to the one before, and has the items that
    its header says. `end` is the app hash that they lead to.
    """

    app_hash: bytes
    height: int = 0
    _open: Header | None = None
    _leaves: list[bytes] = field(default_factory=list)

    def follow(self, entries: Iterable[Entry]) -> None:
        """Raises DecodeError, VerificationError."""
        for encoded, items in entries:
            if encoded:
                self._close()
                self._open = self._follow_header(encoded)
            elif self._open is None:
                raise VerificationError("piece of a log: begins within a block")
            self._leaves += [item_leaf(kind, item) for kind, item in items]

    def end(self) -> bytes:
        """Raises VerificationError unless the last block is whole."""
        self._close()
        return self.app_hash

    def _follow_header(self, encoded: bytes) -> Header:
        header = read_header(encoded)
        if header.previous != self.app_hash or header.height <= self.height:
            raise VerificationError(f"block {header.height}: does not follow block {self.height}")
        return header

    def _close(self) -> None:
        if self._open is None:
            return
        if merkle_root(self._leaves) != self._open.items_root or len(self._leaves) != self._open.item_count:
            raise VerificationError(f"block {self._open.height}: its items are not those that it was made of")
        self.app_hash, self.height = self._open.app_hash, self._open.height
        self._open, self._leaves = None, []


def blocks(pieces: Iterable[Sequence[Entry]]) -> Iterator[tuple[Header, list[tuple[int, bytes]]]]:
    """Whole blocks, out of pieces that were followed to their end."""
    header: Header | None = None
    rows: list[tuple[int, bytes]] = []
    for piece in pieces:
        for encoded, items in piece:
            if encoded:
                if header is not None:
                    yield header, rows
                header, rows = read_header(encoded), []
            rows += items
    if header is not None:
        yield header, rows


def _read_entry(value: Value) -> Entry:
    match value:
        case [bytes(header), list(rows)]:
            items = [_read_row(row) for row in rows]
            if items:
                return header, items
    raise DecodeError("piece of a log: a block is not [header, items]")


def _read_row(value: Value) -> tuple[int, bytes]:
    match value:
        case [int(kind), bytes(encoded)] if kind in set(ItemKind):
            return kind, encoded
    raise DecodeError("piece of a log: an item is not [kind, item]")
