"""The clearing house's file: an SQLite database with its log. Each entry is on disk before anybody hears of it.

Append-only, and moves bytes; what they mean is in ledger/clearing/events.py. An entry is hashed with all before it, and
a log whose hashes do not fit is refused. Beside it the file says behind which entry a start begins to read: what stands
before that is of auctions that are long over. Raises ShellError when the disk fails.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from ledger.clearing.events import FIRST_HEAD, next_head
from ledger.sqlite_store import shell_errors
from wire.errors import ShellError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY, encoded BLOB NOT NULL, head BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS house (
    one INTEGER PRIMARY KEY CHECK (one = 1), house BLOB NOT NULL, ledger BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS start (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL) STRICT;
CREATE TRIGGER IF NOT EXISTS entries_stay BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS entries_last BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
"""


class ClearingLog:
    """Of one house and one ledger. One thread at a time writes."""

    def __init__(self, path: Path, house: bytes, ledger_id: bytes) -> None:
        self.path = path
        with shell_errors(str(path)):
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
            self._db.execute("INSERT OR IGNORE INTO house VALUES (1, ?, ?)", (house, ledger_id))
            row = self._db.execute("SELECT house, ledger FROM house").fetchone()
            self._reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self.number, self.head = 0, FIRST_HEAD
        if row != (house, ledger_id):
            self.close()
            raise ShellError(str(path), "is the log of another house, or of another ledger")

    def close(self) -> None:
        self._reader.close()
        self._db.close()

    def start(self) -> tuple[int, bytes, bytes]:
        """(number, entry, head) of the last entry that a start passes over; 0 and the first head if there is none."""
        query = "SELECT number, encoded, head FROM entries WHERE number = (SELECT number FROM start)"
        with shell_errors(str(self.path)):
            row = self._db.execute(query).fetchone()
        return (0, b"", FIRST_HEAD) if row is None else (int(row[0]), bytes(row[1]), bytes(row[2]))

    def begin_after(self, number: int) -> None:
        """What the next start passes over."""
        with shell_errors(str(self.path)):
            self._db.execute("INSERT OR REPLACE INTO start VALUES (1, ?)", (number,))

    def entries(self, after: int = 0, head: bytes = FIRST_HEAD) -> Iterator[bytes]:
        """All after this one, whose head is given, in their order; then the log can be added to. Raises ShellError if
        one was changed.
        """
        number = after
        with shell_errors(str(self.path)):
            for at, encoded, said in self._db.execute(
                "SELECT number, encoded, head FROM entries WHERE number > ? ORDER BY number", (after,)
            ):
                head, number = next_head(head, encoded), number + 1
                if (at, said) != (number, head):
                    raise ShellError(str(self.path), f"entry {at} does not follow the one before")
                yield encoded
        self.head, self.number = head, number

    def append(self, entries: Iterable[bytes]) -> None:
        """One flush to disk for all of them, which are there when this returns; or none is."""
        head, number, rows = self.head, self.number, list[tuple[int, bytes, bytes]]()
        for encoded in entries:
            head, number = next_head(head, encoded), number + 1
            rows.append((number, encoded, head))
        with shell_errors(str(self.path)):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT INTO entries VALUES (?, ?, ?)", rows)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        self.head, self.number = head, number

    def after(self, number: int, limit: int) -> list[tuple[int, bytes]]:
        """At most `limit` entries after this one, for auditors. May be asked by any thread: only what is on disk."""
        query = "SELECT number, encoded FROM entries WHERE number > ? ORDER BY number LIMIT ?"
        with shell_errors(str(self.path)):
            return [(int(at), bytes(encoded)) for at, encoded in self._reader.execute(query, (number, limit))]
