"""How a newcomer begins where the others are: with their log, and without their empty blocks and votes.

Whoever keeps a ledger answers for what was bought long ago, so a newcomer needs the log and not only the state. It gets
it in pieces from any of its peers (ledger/abci/log_pieces.py), keeps them in a file until the last is there, and knows
then by the one app hash that its own CometBFT has verified whether all of it is the log. Only then it is applied, by
the same rules as every block, so no state is believed either. A snapshot costs those who offer it nothing but a look
at their log: all of them have the same pieces.

Called by one thread at a time for `offer` and `apply`, which need the application, and by another one for the rest,
which read through a connection of their own.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from ledger.abci.log_pieces import Chain, Entry, Ruler, blocks, read_piece, write_piece
from ledger.abci.messages import AppliedChunk, Offered, Snapshot
from ledger.application import Application
from ledger.block import Item
from ledger.store import Store
from ledger.submission import write_submission
from ledger.taking import read_item
from wire.errors import DecodeError

FORMAT = 1
EVERY = 10
"""Blocks between the heights at which a state is offered; peers have the same."""
OFFERED = 3
"""How many are offered: the youngest may still be unknown to CometBFT's light client, which wants two blocks more."""
PAGE = 200
"""Items that are read from the store at once."""


class LogSnapshots:
    """One ledger's shelf. `reader` is its own connection to the log; `tell` hears how a newcomer gets on."""

    def __init__(self, application: Application, reader: Store, tell: Callable[[str], None]) -> None:
        self._application = application
        self._reader = reader
        self._tell = tell
        self._ruler = Ruler()
        self._coming: _Coming | None = None

    def close(self) -> None:
        self._reader.close()
        self._drop()

    def listed(self) -> Sequence[Snapshot]:
        youngest = self._application.height // EVERY * EVERY
        heights = range(youngest, max(0, youngest - OFFERED * EVERY), -EVERY)
        offered = [self._snapshot(height) for height in heights]
        return [snapshot for snapshot in offered if snapshot.chunks]

    def load(self, height: int, form: int, chunk: int) -> bytes:
        if form != FORMAT or height > self._application.height:
            return b""
        ends = self._ends(height)
        if chunk >= len(ends):
            return b""
        begin = ends[chunk - 1] if chunk else 0
        items = list(self._items(begin, ends[chunk]))
        before = self._reader.item(begin) if begin else None
        return write_piece(items, self._headers(items), before)

    def offer(self, snapshot: Snapshot, app_hash: bytes) -> Offered:
        if snapshot.format != FORMAT:
            return Offered.REJECT_FORMAT
        if self._application.height:
            self._tell("a snapshot is of no use: there is a log already")
            return Offered.ABORT
        self._drop()
        self._tell(f"a log of {snapshot.height} blocks is on its way, in {snapshot.chunks} pieces")
        self._coming = _Coming(snapshot, app_hash, Chain(self._application.app_hash))
        return Offered.ACCEPT

    def apply(self, index: int, chunk: bytes) -> AppliedChunk:
        """Raises AssertionError if a log that the network signed does not lead where it says: then rules differ."""
        coming = self._coming
        if coming is None or index != coming.taken:
            return AppliedChunk.ABORT
        try:
            entries = read_piece(chunk)
        except DecodeError as error:
            self._tell(f"piece {index} is not of any log, and is asked of another: {error}")
            return AppliedChunk.RETRY
        try:
            whole = coming.take(chunk, entries)
        except DecodeError as error:
            self._tell(f"piece {index} is not of that log: {error}")
            self._drop()
            return AppliedChunk.REJECT_SNAPSHOT
        if whole:
            self._begin_with(coming)
            self._drop()
        return AppliedChunk.ACCEPT

    def _begin_with(self, coming: "_Coming") -> None:
        application = self._application
        for header, rows in blocks(coming.pieces()):
            items = [Item(0, header.height, kind, b"", 0, encoded, b"") for kind, encoded in rows]
            submissions = [write_submission(read_item(item, application.ledger_id)) for item in items]
            application.skip_to(header.height - 1)
            done = application.finalise(header.height, header.time_s, submissions)
            assert done.app_hash == header.app_hash, f"block {header.height} leads elsewhere by our rules"
            application.commit()
        application.skip_to(coming.snapshot.height)
        self._tell(f"begins at block {application.height}")

    def _drop(self) -> None:
        if self._coming is not None:
            self._coming.close()
            self._coming = None

    def _snapshot(self, height: int) -> Snapshot:
        pieces = len(self._ends(height))
        last = self._headers_before(height)
        return Snapshot(height, FORMAT, pieces, hashlib.sha256(last + pieces.to_bytes(4, "big")).digest())

    def _ends(self, height: int) -> list[int]:
        """The number of the last item of each piece of the log up to a block."""
        while items := self._reader.items_after(self._ruler.seen, PAGE):
            self._ruler.feed(items)
        last = self._last_number(height)
        ends = [end for end in self._ruler.ends if end < last]
        return [*ends, last] if last else []

    def _last_number(self, height: int) -> int:
        items = self._reader.block_items(self._last_height(height))
        return max((item.number for item in items), default=0)

    def _last_height(self, height: int) -> int:
        """Of the last block up to this one in which something took effect."""
        height = min(height, self._application.head.height)
        while height and self._reader.header(height) is None:
            height -= 1
        return height

    def _headers_before(self, height: int) -> bytes:
        return self._reader.header(self._last_height(height)) or b""

    def _items(self, begin: int, end: int) -> Iterator[Item]:
        while begin < end:
            page = self._reader.items_after(begin, min(PAGE, end - begin))
            yield from page
            begin = page[-1].number

    def _headers(self, items: Sequence[Item]) -> dict[int, bytes]:
        headers: dict[int, bytes] = {}
        for height in {item.height for item in items}:
            header = self._reader.header(height)
            assert header is not None, f"block {height} is missing"
            headers[height] = header
        return headers


class _Coming:
    """A log on its way: pieces in a file, followed as they come."""

    def __init__(self, snapshot: Snapshot, app_hash: bytes, chain: Chain) -> None:
        self.snapshot = snapshot
        self.taken = 0
        self._app_hash = app_hash
        self._chain = chain
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 `close` closes it
        self._sizes: list[int] = []

    def take(self, piece: bytes, entries: list[Entry]) -> bool:
        """The next one, and what it says; whether it was the last. Raises DecodeError, VerificationError."""
        self._chain.follow(entries)
        self._file.write(piece)
        self._sizes.append(len(piece))
        self.taken += 1
        if self.taken < self.snapshot.chunks:
            return False
        if self._chain.end() != self._app_hash:
            raise DecodeError(f"it leads to {self._chain.app_hash.hex()}, not to {self._app_hash.hex()}")
        return True

    def pieces(self) -> Iterator[list[Entry]]:
        self._file.seek(0)
        for size in self._sizes:
            yield read_piece(self._file.read(size))

    def close(self) -> None:
        self._file.close()
