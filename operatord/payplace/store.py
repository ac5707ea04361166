"""The operator's disk for payouts: income that waits, the block of this period, signatures, and blocks as files.

In: what is to be kept. Out: the same after any restart. A block is whole on disk, under its root, before its row says
that it is there, and before anybody hears of it; the income in it is marked with its period in the same commit, so that
it is in one block only until that is settled (then it is gone) or given up (then it waits again). Earnings are taken
once: the place in their list moves in the commit that credits them. Decides nothing. Raises ShellError only.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.payplace.payout_block import HEAD_SIZE, NO_ROOT, BlockHead, read_block_head, write_block_head
from ledger.payplace.payout_leaf import MERCHANT_ID_SIZE
from ledger.sqlite_store import shell_errors
from operatord.payplace.income import Earning, Row
from wire.errors import ShellError

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS place (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS income (
    merchant BLOB NOT NULL, channel INTEGER NOT NULL, period INTEGER NOT NULL, ubc INTEGER NOT NULL,
    PRIMARY KEY (merchant, channel, period)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unclaimed (
    payee BLOB NOT NULL, consumer BLOB NOT NULL, ubc INTEGER NOT NULL, PRIMARY KEY (payee, consumer)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS block (one INTEGER PRIMARY KEY CHECK (one = 1), head BLOB NOT NULL, signature BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS signature (merchant BLOB PRIMARY KEY, octets BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settled (one INTEGER PRIMARY KEY CHECK (one = 1), root BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS kept (merchant BLOB PRIMARY KEY, leaf BLOB NOT NULL) WITHOUT ROWID;
"""
_ADD_INCOME = """
INSERT INTO income VALUES (?, ?, 0, ?)
ON CONFLICT (merchant, channel, period) DO UPDATE SET ubc = ubc + excluded.ubc
"""
_ADD_UNCLAIMED = """
INSERT INTO unclaimed VALUES (?, ?, ?) ON CONFLICT (payee, consumer) DO UPDATE SET ubc = ubc + excluded.ubc
"""
_TAKE_BACK = """
INSERT INTO income SELECT merchant, channel, 0, ubc FROM income WHERE period != 0
ON CONFLICT (merchant, channel, period) DO UPDATE SET ubc = ubc + excluded.ubc
"""
_BUSY_S = 60.0
CHUNK_SIZE, SERVED_SIZE = 1 << 20, 1 << 16
"""Octets of a block that are read at a time: by ourselves, and for somebody who may be slow."""


class PayoutStore:
    """An open folder."""

    def __init__(self, folder: Path) -> None:
        self._blocks = folder / "blocks"
        self._lock = threading.Lock()
        with shell_errors(str(folder)):
            try:
                self._blocks.mkdir(parents=True, exist_ok=True)
                path = folder / "payouts.sqlite"
                path.touch(0o600)
            except OSError as error:
                raise ShellError("payouts", f"{folder}: {error.strerror}") from error
            self._db = sqlite3.connect(path, _BUSY_S, isolation_level=None, check_same_thread=False)
            self._db.executescript(_SCHEMA)
        self._block = self._read_block()
        """As it is on disk, which nobody else writes: it is asked for by whoever comes to the door."""

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # ---- Income

    def place(self) -> int:
        """The last earning that was taken."""
        rows = self._rows("SELECT value FROM place WHERE name = 'earnings'")
        return int(rows[0][0]) if rows else 0

    def credit(self, income: Iterable[Row], unclaimed: Iterable[Earning], reached: int) -> None:
        """What earnings up to `reached` come to: rows of income, and what nobody has registered for yet."""
        with self._commit() as db:
            db.executemany(_ADD_INCOME, income)
            rows = [(one.payee.octets, one.consumer.octets, one.amount_ubc) for one in unclaimed]
            db.executemany(_ADD_UNCLAIMED, rows)
            db.execute("INSERT OR REPLACE INTO place VALUES ('earnings', ?)", (reached,))

    def claim(self, payee: bytes, consumer: bytes, income: Iterable[Row]) -> None:
        """What waited for this payee has become income."""
        with self._commit() as db:
            db.execute("DELETE FROM unclaimed WHERE payee = ? AND consumer = ?", (payee, consumer))
            db.executemany(_ADD_INCOME, income)

    def unclaimed(self) -> list[tuple[bytes, bytes, int]]:
        """(payee, consumer, ubc)."""
        return [(bytes(p), bytes(c), ubc) for p, c, ubc in self._rows("SELECT * FROM unclaimed")]

    def open_income(self) -> dict[bytes, dict[int, int]]:
        """Merchant id -> channel -> ubc that is in no block."""
        found: dict[bytes, dict[int, int]] = {}
        for merchant, channel, ubc in self._rows(
            "SELECT merchant, channel, ubc FROM income WHERE period = 0"
        ):
            found.setdefault(bytes(merchant), {})[channel] = ubc
        return found

    # ---- The block of this period

    def write_block(
        self, make: Callable[[], Iterable[bytes]], complete: Callable[[], BlockHead]
    ) -> BlockHead:
        """The leaves that `make` gives go to disk as they come; then `complete` says what the head is."""
        unfinished = self._blocks / "unfinished"
        try:
            with unfinished.open("wb") as file:
                file.write(bytes(HEAD_SIZE))
                for leaf in make():
                    file.write(leaf)
                head = complete()
                file.seek(0)
                file.write(write_block_head(head))
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self._path(head.root))
            _sync_folder(self._blocks)
        except OSError as error:
            raise ShellError("payouts", f"{unfinished}: {error.strerror}") from error
        return head

    def announce(
        self, head: BlockHead, signature: bytes, included: Mapping[bytes, Mapping[int, int]]
    ) -> None:
        """The block that lies on disk is that of its period, with this income in it."""
        rows = [(head.period, m, channel) for m, channels in included.items() for channel in channels]
        with self._commit() as db:
            db.execute("DELETE FROM signature")
            db.execute("INSERT INTO block VALUES (1, ?, ?)", (write_block_head(head), signature))
            db.executemany(
                "UPDATE income SET period = ? WHERE merchant = ? AND channel = ? AND period = 0", rows
            )
        self._block = head, signature

    def block(self) -> tuple[BlockHead, bytes] | None:
        """The block that is neither settled nor given up, and the operator's signature over its commitment; from
        memory.
        """
        return self._block

    def _read_block(self) -> tuple[BlockHead, bytes] | None:
        rows = self._rows("SELECT head, signature FROM block")
        return (read_block_head(bytes(rows[0][0])), bytes(rows[0][1])) if rows else None

    def settled_root(self) -> bytes:
        """Of the block up to which this folder knows what was paid: if the chain has another one, it does not."""
        rows = self._rows("SELECT root FROM settled")
        return bytes(rows[0][0]) if rows else NO_ROOT

    def recover(self, income: Iterable[Row], unclaimed: Iterable[Earning], reached: int, root: bytes) -> None:
        """All that is owed after the block of `root`, and the earnings that this takes in; nothing else is."""
        with self._commit() as db:
            db.execute("DELETE FROM income")
            db.execute("DELETE FROM unclaimed")
            db.executemany(_ADD_INCOME, income)
            rows = [(one.payee.octets, one.consumer.octets, one.amount_ubc) for one in unclaimed]
            db.executemany(_ADD_UNCLAIMED, rows)
            db.execute("INSERT OR REPLACE INTO place VALUES ('earnings', ?)", (reached,))
            db.execute("INSERT OR REPLACE INTO settled VALUES (1, ?)", (root,))

    def settle(self, kept: Mapping[bytes, bytes], root: bytes) -> None:
        """It is notarised, with this root. `kept`: of each member of M the leaf that it is held to."""
        with self._commit() as db:
            db.execute("DELETE FROM income WHERE period != 0")
            db.execute("DELETE FROM block")
            db.execute("DELETE FROM signature")
            db.execute("DELETE FROM kept")
            db.executemany("INSERT INTO kept VALUES (?, ?)", kept.items())
            db.execute("INSERT OR REPLACE INTO settled VALUES (1, ?)", (root,))
        self._block = None

    def give_up(self) -> None:
        """Its income waits for the next one."""
        with self._commit() as db:
            db.execute(_TAKE_BACK)
            db.execute("DELETE FROM income WHERE period != 0")
            db.execute("DELETE FROM block")
            db.execute("DELETE FROM signature")
        self._block = None

    # ---- Signatures, and leaves of those who are missing

    def sign_all(self, signatures: Mapping[bytes, bytes]) -> None:
        """In one commit; they hold."""
        with self._commit() as db:
            db.executemany("INSERT OR REPLACE INTO signature VALUES (?, ?)", signatures.items())

    def drop_signatures(self, merchants: Iterable[bytes]) -> None:
        with self._commit() as db:
            db.executemany("DELETE FROM signature WHERE merchant = ?", [(one,) for one in merchants])

    def signature(self, merchant: bytes) -> bytes | None:
        with self._lock, shell_errors("payouts"):
            rows = self._db.execute("SELECT octets FROM signature WHERE merchant = ?", (merchant,)).fetchall()
        return bytes(rows[0][0]) if rows else None

    def signatures(self) -> dict[bytes, bytes]:
        """Merchant id -> 48 octets, of the present block."""
        return {bytes(merchant): bytes(octets) for merchant, octets in self._rows("SELECT * FROM signature")}

    def keep(self, kept: Mapping[bytes, bytes]) -> None:
        """Before merchants are marked missing: the leaves that they will be held to."""
        with self._commit() as db:
            db.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", kept.items())

    def kept(self) -> dict[bytes, bytes]:
        return {bytes(merchant): bytes(leaf) for merchant, leaf in self._rows("SELECT * FROM kept")}

    # ---- Files

    def chunks(self, root: bytes, size: int = CHUNK_SIZE) -> Iterator[bytes]:
        """A block's octets, so many at a time. Raises LookupError if it is not there."""
        path = self._path(root)
        try:
            with path.open("rb") as file:
                while chunk := file.read(size):
                    yield chunk
        except FileNotFoundError:
            raise LookupError(f"no block has root {root.hex()}") from None
        except OSError as error:
            raise ShellError("payouts", f"{path}: {error.strerror}") from error

    def has_block(self, root: bytes) -> bool:
        return self._path(root).exists()

    def forget_blocks(self, wanted: Iterable[bytes]) -> None:
        """All files but those of these roots."""
        names = {self._path(root).name for root in wanted}
        try:
            for path in self._blocks.glob("*.block"):
                if path.name not in names:
                    path.unlink()
        except OSError as error:
            raise ShellError("payouts", f"{self._blocks}: {error.strerror}") from error

    def _path(self, root: bytes) -> Path:
        return self._blocks / f"{root.hex()}.block"

    # ---- The database

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with self._lock, shell_errors("payouts"):
            return self._db.execute(query).fetchall()

    @contextmanager
    def _commit(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing."""
        with self._lock, shell_errors("payouts"):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise


def find_leaves(leaves: Iterable[bytes], merchants: Iterable[bytes]) -> dict[bytes, bytes]:
    """Out of a block's leaves those of these merchants."""
    wanted = frozenset(merchants)
    return {leaf[:MERCHANT_ID_SIZE]: leaf for leaf in leaves if leaf[:MERCHANT_ID_SIZE] in wanted}


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
