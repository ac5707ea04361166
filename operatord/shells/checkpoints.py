"""How far each meter's chain was verified, in an SQLite file beside the operator's database.

In: checkpoints to keep. Out: the same at the next reconciliation. Everything in it can be made anew from the ledger:
whoever doubts the file takes it away. What another version of the verification wrote, or was of another ledger, is
taken away here. Raises ShellError for a disk that fails and for a file that is damaged.
"""

import json
import os
import sqlite3
from collections.abc import Collection
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from ledger.chain_state import read_chain_state, write_chain_state
from ledger.sqlite_store import shell_errors
from operatord.meters import Checkpoint
from operatord.tally import Tally
from wire.errors import DecodeError, ShellError

FORM = 2
"""Raised when a verification would say something else than before, or when the tables change."""
KEEP_TALLIES_MS = 90 * 86_400 * 1_000
"""As long as accounting is kept: what is older is compared with nothing."""
_BUSY_S = 60.0
_COLUMNS = tuple(field.name for field in fields(Tally))
_SCHEMA = f"""
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS made_by (form INTEGER NOT NULL, ledger_id BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS chain (
    key_id TEXT PRIMARY KEY, state BLOB NOT NULL, reported_ms INTEGER NOT NULL, before_hole INTEGER NOT NULL,
    complaints TEXT NOT NULL, more_complaints INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tally (
    key_id TEXT NOT NULL, grant_id BLOB NOT NULL, {", ".join(f"{name} INTEGER NOT NULL" for name in _COLUMNS)},
    PRIMARY KEY (key_id, grant_id)
) WITHOUT ROWID;
"""


class Checkpoints:
    """An open file. Every method raises ShellError only."""

    def __init__(self, path: Path, ledger_id: bytes) -> None:
        self._path = path
        with shell_errors(str(path)):
            _make_private(path)
            self._db = sqlite3.connect(path, _BUSY_S, isolation_level=None)
            self._db.executescript(_SCHEMA)
        made_by = (FORM, ledger_id)
        if self._rows("SELECT form, ledger_id FROM made_by") != [made_by]:
            self.forget_all()
            self._commit([("DELETE FROM made_by", ()), ("INSERT INTO made_by VALUES (?, ?)", made_by)])

    def close(self) -> None:
        self._db.close()

    def load(self, key_id: str) -> Checkpoint | None:
        """None if nothing is known of this chain."""
        rows = self._rows("SELECT * FROM chain WHERE key_id = ?", key_id)
        if not rows:
            return None
        _, state, reported_ms, before_hole, complaints, more = rows[0]
        query = f"SELECT grant_id, {', '.join(_COLUMNS)} FROM tally WHERE key_id = ?"  # noqa: S608 our own names
        tallies = {bytes(grant_id): Tally(*numbers) for grant_id, *numbers in self._rows(query, key_id)}
        try:
            chain, said = read_chain_state(state), tuple(json.loads(complaints))
        except (DecodeError, ValueError) as error:
            raise ShellError(
                str(self._path), f"is damaged ({error}); take it away: it is made anew"
            ) from error
        return Checkpoint(chain, reported_ms, bool(before_hole), said, more, tallies)

    def save(self, key_id: str, checkpoint: Checkpoint, changed: Collection[bytes]) -> None:
        """The checkpoint and these of its tallies, at once."""
        row = (
            key_id,
            write_chain_state(checkpoint.chain),
            checkpoint.reported_ms,
            checkpoint.before_hole,
            json.dumps(checkpoint.complaints),
            checkpoint.more_complaints,
        )
        marks = ", ".join("?" * (len(_COLUMNS) + 2))
        keep = f"INSERT OR REPLACE INTO tally VALUES ({marks})"  # noqa: S608 question marks
        self._commit(
            [
                ("INSERT OR REPLACE INTO chain VALUES (?, ?, ?, ?, ?, ?)", row),
                *((keep, (key_id, one, *astuple(checkpoint.tallies[one]))) for one in changed),
            ]
        )

    def forget(self, key_id: str) -> None:
        """This chain is verified from its beginning the next time."""
        self._commit([(f"DELETE FROM {table} WHERE key_id = ?", (key_id,)) for table in ("chain", "tally")])  # noqa: S608

    def forget_all(self) -> None:
        self._commit([("DELETE FROM chain", ()), ("DELETE FROM tally", ())])

    def forget_old(self, now_ms: int) -> None:
        """Tallies of which nothing was reported for longer than accounting is kept."""
        self._commit([("DELETE FROM tally WHERE last_to_ms < ?", (now_ms - KEEP_TALLIES_MS,))])

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with shell_errors(str(self._path)):
            return self._db.execute(query, values).fetchall()

    def _commit(self, statements: list[tuple[str, tuple[Any, ...]]]) -> None:
        with shell_errors(str(self._path)):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for query, values in statements:
                    self._db.execute(query, values)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise


def _make_private(path: Path) -> None:
    """It says who used what. Its owner is the folder's, also if root asks first; SQLite's other files follow it."""
    try:
        if not path.exists():
            path.touch(0o600)
            folder = path.parent.stat()
            if not os.geteuid():
                os.chown(path, folder.st_uid, folder.st_gid)
    except OSError as error:
        raise ShellError(str(path), str(error.strerror)) from error
