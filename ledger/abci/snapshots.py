"""How a newcomer begins where the others are: with their log, and without their empty blocks and votes.

Whoever keeps a ledger answers for what was bought long ago, so a newcomer needs the log and not only the state. It gets
it in pieces from any of its peers (ledger/abci/log_pieces.py), the newest first: from the one app hash that its own
CometBFT has verified, each piece is known for the log's as it comes, and whoever sent another is asked for nothing
more. They are kept in a file until the first block is there, and then applied by the same rules as every block, so no
state is believed either; what a newcomer has applied already, as it was ended in the middle, it does not apply again. A
snapshot costs those who offer it nothing but a look at their log: all of them have the same pieces.

Called by one thread at a time for `offer` and `apply`, which need the application, and by another one for the rest,
which read through a connection of their own.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from ledger.abci.log_pieces import Chain, Part, Ruler, blocks, read_piece, write_piece
from ledger.abci.messages import AppliedChunk, Offered, Snapshot
from ledger.application import Application
from ledger.block import Item, item_leaf
from ledger.opening import finalise_again
from ledger.store import Store
from wire.block_header import Header
from wire.errors import DecodeError, ShellError

FORMAT = 2
EVERY = 10
"""Blocks between the heights at which a state is offered; peers have the same."""
OFFERED = 3
"""How many are offered: the youngest may still be unknown to CometBFT's light client, which wants two blocks more."""
PAGE = 200
"""Items that are read from the store at once."""
PAGE_OF_SIZES = 10_000


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
        ends = [0, *self._ends(height)]
        if chunk >= len(ends) - 1:
            return b""
        begin, end = ends[-2 - chunk], ends[-1 - chunk]
        items = list(self._items(begin, end))
        first, last = items[0].height, items[-1].height
        before = [item for item in self._split(first, begin) if item.number <= begin]
        after = [item for item in self._split(last, end) if item.number > end]
        return write_piece(items, self._headers(items), _leaves(before), _leaves(after))

    def offer(self, snapshot: Snapshot, app_hash: bytes) -> Offered:
        if snapshot.format != FORMAT:
            return Offered.REJECT_FORMAT
        application = self._application
        if snapshot.height < application.height:
            self._tell(
                f"a log of {snapshot.height} blocks is of no use: {application.height} are here already"
            )
            return Offered.REJECT
        self._drop()
        self._tell(f"a log of {snapshot.height} blocks is on its way, in {snapshot.chunks} pieces")
        first = application.store.header(0)
        assert first is not None, "a ledger has a genesis"
        place = application.store.place
        folder = place.parent if isinstance(place, Path) else None
        self._coming = _Coming(snapshot, Chain(app_hash, hashlib.sha256(first).digest()), folder)
        return Offered.ACCEPT

    def apply(self, index: int, chunk: bytes) -> AppliedChunk:
        """Raises AssertionError if a log that the network signed does not lead where it says: then rules differ."""
        coming = self._coming
        if coming is None or index != coming.taken:
            return AppliedChunk.ABORT
        try:
            coming.take(chunk)
        except DecodeError as error:
            self._tell(f"piece {index} is not of that log, and is asked of another: {error}")
            return AppliedChunk.RETRY
        if coming.is_whole != (coming.taken == coming.snapshot.chunks):
            self._tell(f"there is no log of {coming.snapshot.chunks} such pieces: whoever offers it lies")
            self._drop()
            return AppliedChunk.REJECT_SNAPSHOT
        if coming.is_whole:
            self._begin_with(coming)
            self._drop()
        return AppliedChunk.ACCEPT

    def _begin_with(self, coming: "_Coming") -> None:
        application = self._application
        here = application.head.height
        for header, rows in blocks(coming.pieces()):
            if header.height <= here:
                self._compare(header)
                continue
            app_hash = finalise_again(application, header, rows)
            assert app_hash == header.app_hash, f"block {header.height}: these rules lead elsewhere"
            application.commit()
        application.skip_to(coming.snapshot.height)
        self._tell(f"the log of {coming.snapshot.height} blocks is here and applied")

    def _compare(self, theirs: Header) -> None:
        """Raises ShellError unless our log begins as theirs."""
        ours = self._reader.header(theirs.height)
        if ours is None or hashlib.sha256(ours).digest() != theirs.app_hash:
            where = f"block {theirs.height} is not the others': begin anew (docs/ledger.md)"
            raise ShellError(self._reader.name, where)

    def _drop(self) -> None:
        if self._coming is not None:
            self._coming.close()
        self._coming = None

    def _snapshot(self, height: int) -> Snapshot:
        pieces = len(self._ends(height))
        last = self._reader.header(self._reader.last_block(height)) or b""
        return Snapshot(height, FORMAT, pieces, hashlib.sha256(last + pieces.to_bytes(4, "big")).digest())

    def _ends(self, height: int) -> list[int]:
        """The number of the last item of each piece of the log up to a block."""
        while sizes := self._reader.sizes_after(self._ruler.seen, PAGE_OF_SIZES):
            self._ruler.feed(sizes)
        _, last = self._reader.block_numbers(self._reader.last_block(height))
        ends = [end for end in self._ruler.ends if end < last]
        return [*ends, last] if last else []

    def _items(self, begin: int, end: int) -> Iterator[Item]:
        while begin < end:
            page = self._reader.items_after(begin, min(PAGE, end - begin))
            yield from page
            begin = page[-1].number

    def _split(self, height: int, number: int) -> list[Item]:
        """All items of a block, if it goes on behind the item of this number; none if it does not."""
        first, last = self._reader.block_numbers(height)
        return self._reader.block_items(height) if first <= number < last else []

    def _headers(self, items: Sequence[Item]) -> dict[int, bytes]:
        headers: dict[int, bytes] = {}
        for height in {item.height for item in items}:
            header = self._reader.header(height)
            assert header is not None, f"block {height} is missing"
            headers[height] = header
        return headers


class _Coming:
    """A log on its way: pieces in a file beside the ledger's own, followed as they come."""

    def __init__(self, snapshot: Snapshot, chain: Chain, folder: Path | None) -> None:
        self.snapshot = snapshot
        self._chain = chain
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 `close` closes it
        self._sizes: list[int] = []

    @property
    def taken(self) -> int:
        return len(self._sizes)

    @property
    def is_whole(self) -> bool:
        return self._chain.is_whole

    def take(self, piece: bytes) -> None:
        """The one before those so far. Raises DecodeError, VerificationError: then it was not taken."""
        self._chain.follow(read_piece(piece))
        self._file.write(piece)
        self._sizes.append(len(piece))

    def pieces(self) -> Iterator[list[Part]]:
        """The oldest first."""
        end = sum(self._sizes)
        for size in reversed(self._sizes):
            end -= size
            self._file.seek(end)
            yield read_piece(self._file.read(size))

    def close(self) -> None:
        self._file.close()


def _leaves(items: Sequence[Item]) -> list[bytes]:
    return [item_leaf(item.kind, item.encoded) for item in items]
