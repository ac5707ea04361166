"""The audit table on disk: SQLite, one row per line, added and never changed.

`append` returns once the lines are on disk (WAL, synchronous FULL). It writes only if the table still ends where the
caller thinks that it does, so that the service and a person's command, each with its own book, never decide on an old
one. Triggers refuse UPDATE and DELETE; the chain of hashes shows what was done to the file behind SQLite's back.
Raises ShellError for the disk, VerificationError for lines that do not continue each other.
"""

import fcntl
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from ledger.exchange.entry import FIRST, Entry, Step, make_entry, read_fields, verify_entry, write_fields
from ledger.exchange.judging import Line
from wire.errors import ConfigError, ShellError, VerificationError

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY, time_s INTEGER NOT NULL, key TEXT NOT NULL, step TEXT NOT NULL,
    fields BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS audit_key ON audit (key, number);
CREATE TRIGGER IF NOT EXISTS audit_no_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit table is only ever added to'); END;
CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit table is only ever added to'); END;
"""


class AuditTable:
    """One exchange's table. A context manager; for use by one thread at a time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock: int | None = None
        try:
            self._connection = sqlite3.connect(
                file, isolation_level=None, check_same_thread=False, timeout=10
            )
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise ShellError(str(file), str(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def be_the_only_service(self) -> None:
        """Until closed. Raises ConfigError if another process serves this table."""
        self._lock = os.open(self._file.with_name(self._file.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{self._file}: another exchange serves it") from None

    def read_after(self, number: int) -> list[Entry]:
        """Every line after that one, each verified against the one before."""
        try:
            rows = self._connection.execute(
                "SELECT number, time_s, key, step, fields, hash FROM audit WHERE number >= ? ORDER BY number",
                (number,),
            ).fetchall()
        except sqlite3.Error as error:
            raise ShellError(str(self._file), str(error)) from error
        entries = [Entry(row[0], row[1], row[2], _step(row[3]), read_fields(row[4]), row[5]) for row in rows]
        if number:
            if not entries or entries[0].number != number:
                raise VerificationError(f"{self._file}: line {number} has gone")
            previous, entries = entries[0].hash, entries[1:]
        else:
            previous = FIRST
        for at, entry in enumerate(entries, number + 1):
            if entry.number != at:
                raise VerificationError(f"{self._file}: line {at} has gone")
            verify_entry(previous, entry)
            previous = entry.hash
        return entries

    def append(self, lines: Sequence[Line], last_number: int, now_s: int) -> list[Entry] | None:
        """The lines as they are on disk now; None, and nothing written, if the table went on without the caller."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                entries = self._append(lines, last_number, now_s)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise ShellError(str(self._file), str(error)) from error
        return entries

    def _append(self, lines: Sequence[Line], last_number: int, now_s: int) -> list[Entry] | None:
        row = self._connection.execute(
            "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1"
        ).fetchone()
        number, previous = row or (0, FIRST)
        if number != last_number:
            return None
        entries = list[Entry]()
        for key, step, fields in lines:
            number += 1
            entry = make_entry(previous, number, now_s, key, step, fields)
            entries.append(entry)
            previous = entry.hash
        self._connection.executemany(
            "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?)",
            [
                (one.number, one.time_s, one.key, one.step.value, write_fields(one.fields), one.hash)
                for one in entries
            ],
        )
        return entries


def _step(text: str) -> Step:
    try:
        return Step(text)
    except ValueError as error:
        raise VerificationError(f"audit table: there is no step {text!r}") from error
