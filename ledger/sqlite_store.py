"""The ledger in a file of its own: SQLite with the log, the chain of blocks and a snapshot of the state.

The log (blocks, items) is append-only, which the database itself enforces; everything else can be computed
from it. A block and what it does to the snapshot are one database transaction with one flush to disk (WAL,
synchronous FULL): after a crash both are there or neither. This file moves bytes; what they mean, and whether
they fit together, the application decides. Errors of the disk or of SQLite are raised as ShellError.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.block import BlockRows, Item, Named, id_range
from wire.errors import ShellError

SCHEMA_VERSION = 4
WAL_CHECKPOINT_PAGES = 8_000
"""32 MB of log between checkpoints: long enough that bulk purchases do not wait for one each time."""
QUESTION_ROWS = 1_000
"""Of one statement; SQLite takes 32,766 parameters."""
CACHE_KIB = 64 * 1024

_SCHEMA = """
CREATE TABLE genesis (one INTEGER PRIMARY KEY CHECK (one = 1), encoded BLOB NOT NULL) STRICT;
CREATE TABLE ordered (one INTEGER PRIMARY KEY CHECK (one = 1), height INTEGER NOT NULL) STRICT;
CREATE TABLE blocks (height INTEGER PRIMARY KEY, header BLOB NOT NULL) STRICT;
CREATE TABLE items (
    number INTEGER PRIMARY KEY, height INTEGER NOT NULL, kind INTEGER NOT NULL, id BLOB NOT NULL UNIQUE,
    valid_until_s INTEGER NOT NULL, encoded BLOB NOT NULL, result BLOB NOT NULL
) STRICT;
CREATE INDEX items_by_height ON items (height);
CREATE TABLE parties (
    account BLOB NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (account, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE crowds (
    bucket INTEGER NOT NULL, number INTEGER NOT NULL, marks BLOB NOT NULL, PRIMARY KEY (bucket, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE records (
    key_id BLOB NOT NULL, sequence INTEGER NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (key_id, sequence, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE state (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE enrolments (key_id BLOB PRIMARY KEY NOT NULL, number INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE chains (key_id BLOB PRIMARY KEY NOT NULL, state BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TRIGGER blocks_stay BEFORE UPDATE ON blocks BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER blocks_last BEFORE DELETE ON blocks BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER items_stay BEFORE UPDATE ON items BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER items_last BEFORE DELETE ON items BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
"""


class SqliteStore:
    """ledger.store.Store as one connection to the database."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.place, self.name = path, str(path)
        with shell_errors(self.name):
            mode = "ro" if read_only else "rwc"
            self._db = sqlite3.connect(
                f"file:{path}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False
            )
            self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            if not read_only:
                self._prepare()

    def close(self) -> None:
        self._db.close()

    def hold(self) -> None:
        """Of a reader: from here on it sees what is there now, and nothing that comes later."""
        with shell_errors(self.name):
            self._db.execute("BEGIN")
            self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()

    def write_genesis(self, encoded: bytes, block: BlockRows) -> None:
        with self._transaction():
            self._db.execute("INSERT INTO genesis VALUES (1, ?)", (encoded,))
            self._insert(block)

    def write_block(self, block: BlockRows) -> None:
        """All of it, on disk when this returns; or ShellError and nothing of it."""
        with self._transaction():
            self._insert(block)

    def write_height(self, height: int) -> None:
        """That a block of this height was ordered in which nothing took effect."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO ordered VALUES (1, ?)", (height,))

    def height(self) -> int:
        """Of the last block that was ordered, whether anything took effect in it or not."""
        row = self._one("SELECT height FROM ordered")
        return 0 if row is None else int(row[0])

    def genesis(self) -> bytes | None:
        row = self._one("SELECT encoded FROM genesis")
        return None if row is None else bytes(row[0])

    def headers(self) -> Iterator[bytes]:
        for row in self._rows("SELECT header FROM blocks ORDER BY height"):
            yield bytes(row[0])

    def header(self, height: int) -> bytes | None:
        row = self._one("SELECT header FROM blocks WHERE height = ?", height)
        return None if row is None else bytes(row[0])

    def items(self) -> Iterator[Item]:
        """The whole log in order."""
        for row in self._rows("SELECT * FROM items ORDER BY number"):
            yield Item(*row)

    def last_block(self, height: int) -> int:
        row = self._one("SELECT max(height) FROM blocks WHERE height <= ?", height)
        return 0 if row is None or row[0] is None else int(row[0])

    def block_numbers(self, height: int) -> tuple[int, int]:
        row = self._one("SELECT min(number), max(number) FROM items WHERE height = ?", height)
        return (0, 0) if row is None or row[0] is None else (int(row[0]), int(row[1]))

    def sizes_after(self, number: int, limit: int) -> list[tuple[int, int]]:
        query = "SELECT number, length(encoded) FROM items WHERE number > ? ORDER BY number LIMIT ?"
        return [(row[0], row[1]) for row in self._rows(query, number, limit)]

    def block_items(self, height: int) -> list[Item]:
        return [
            Item(*row) for row in self._rows("SELECT * FROM items WHERE height = ? ORDER BY number", height)
        ]

    def item(self, number: int) -> Item | None:
        row = self._one("SELECT * FROM items WHERE number = ?", number)
        return None if row is None else Item(*row)

    def item_by_id(self, item_id: bytes) -> Item | None:
        row = self._one("SELECT * FROM items WHERE id = ?", item_id)
        return None if row is None else Item(*row)

    def last_number(self) -> int:
        row = self._one("SELECT max(number) FROM items")
        return 0 if row is None or row[0] is None else int(row[0])

    def items_after(self, number: int, limit: int, account: bytes | None = None) -> list[Item]:
        """At most `limit` items with a higher number, of one account if it is given."""
        if account is None:
            query = "SELECT * FROM items WHERE number > ? ORDER BY number LIMIT ?"
            return [Item(*row) for row in self._rows(query, number, limit)]
        query = "SELECT items.* FROM parties JOIN items USING (number)"
        query += " WHERE account = ? AND number > ? ORDER BY number LIMIT ?"
        return [Item(*row) for row in self._rows(query, account, number, limit)]

    def crowds(self, bucket: int, number: int) -> Iterator[tuple[int, bytes]]:
        query = "SELECT number, marks FROM crowds WHERE bucket = ? AND number > ? ORDER BY number"
        yield from self._rows(query, bucket, number)

    def named(self, beginnings: Sequence[bytes]) -> list[Named]:
        found: list[Named] = []
        for at in range(0, len(beginnings), QUESTION_ROWS):
            part = beginnings[at : at + QUESTION_ROWS]
            pairs = ",".join(["(?, ?)"] * len(part))
            query = "SELECT id, number, length(result) > 0"
            query += f" FROM (VALUES {pairs}) CROSS JOIN items ON id BETWEEN column1 AND column2"
            edges = [edge for one in part for edge in id_range(one)]
            found += [Named(row[0], row[1], bool(row[2])) for row in self._rows(query, *edges)]
        return found

    def records_after(self, key_id: bytes, sequence: int, limit: int) -> list[tuple[int, Item]]:
        """(sequence, item) of at most `limit` meter records of one key with a higher sequence."""
        query = "SELECT records.sequence, items.* FROM records JOIN items USING (number)"
        query += " WHERE key_id = ? AND sequence > ? ORDER BY sequence, number LIMIT ?"
        return [(row[0], Item(*row[1:])) for row in self._rows(query, key_id, sequence, limit)]

    def state(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self._rows("SELECT key, value FROM state")

    def chains(self) -> Iterator[tuple[bytes, bytes]]:
        """(attestation key's id, state of its metering chain)"""
        yield from self._rows("SELECT key_id, state FROM chains")

    def enrolments(self) -> Iterator[tuple[bytes, bytes]]:
        """(attestation key's id, attestation result), in the order in which they were enrolled"""
        query = "SELECT key_id, encoded FROM enrolments JOIN items USING (number) ORDER BY number"
        yield from self._rows(query)

    def enrolment(self, key_id: bytes) -> bytes | None:
        row = self._one("SELECT encoded FROM enrolments JOIN items USING (number) WHERE key_id = ?", key_id)
        return None if row is None else bytes(row[0])

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(f"PRAGMA wal_autocheckpoint = {WAL_CHECKPOINT_PAGES}")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        elif version != SCHEMA_VERSION:
            raise ShellError(
                self.name,
                f"has schema {version}, this program reads schema {SCHEMA_VERSION} only: "
                "take it over by `airgrant ledger export` of the program that wrote it, and our `replay --into`",
            )

    def _insert(self, block: BlockRows) -> None:
        execute_many = self._db.executemany
        items = [
            (item.number, item.height, item.kind, item.id, item.valid_until_s, item.encoded, item.result)
            for item in block.items
        ]
        self._db.execute("INSERT OR REPLACE INTO ordered VALUES (1, ?)", (block.height,))
        self._db.execute("INSERT INTO blocks VALUES (?, ?)", (block.height, block.header))
        execute_many("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?)", items)
        execute_many("INSERT OR IGNORE INTO parties VALUES (?, ?)", block.parties)
        execute_many("INSERT INTO crowds VALUES (?, ?, ?)", block.crowds)
        execute_many("INSERT INTO records VALUES (?, ?, ?)", block.records)
        execute_many("INSERT OR REPLACE INTO state VALUES (?, ?)", block.state)
        execute_many("DELETE FROM state WHERE key = ?", block.removed)
        execute_many("INSERT INTO enrolments VALUES (?, ?)", block.enrolments)
        execute_many("INSERT OR REPLACE INTO chains VALUES (?, ?)", block.chains)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with shell_errors(self.name):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _one(self, query: str, *arguments: int | bytes) -> tuple[Any, ...] | None:
        with shell_errors(self.name):
            row: tuple[Any, ...] | None = self._db.execute(query, arguments).fetchone()
            return row

    def _rows(self, query: str, *arguments: int | bytes) -> Iterable[tuple[Any, ...]]:
        with shell_errors(self.name):
            yield from self._db.execute(query, arguments)


@contextmanager
def shell_errors(name: str) -> Iterator[None]:
    """Errors of SQLite about a file become ShellError."""
    try:
        yield
    except sqlite3.Error as error:
        raise ShellError(name, str(error)) from error
