"""The file of people: who may see the page, their keys, open links and logins; SQLite beside the operator's database.

In: orders, of which each is one transaction with one flush. Out: values. It decides nothing but that a link is used
once and that whoever loses a role or is removed is logged out everywhere, as both are one transaction. The page and the
commands `operatord person ...` have it open at the same time. A file of its own, since it is short and its rights are
other people's than those of the accounting. Raises ShellError for a disk that fails.

No write-ahead log: a command that root gives leaves no file of root's behind.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.sqlite_store import shell_errors
from operatord.page.people import MAX_SESSIONS, Key, Person, Role, Session
from wire.errors import ShellError

PEOPLE_FILE = "people.db"
"""In the operator's state folder."""
SCHEMA_VERSION = 2
_BUSY_S = 5.0
"""For the other one who has it open; a transaction takes milliseconds."""
_SCHEMA = (
    """CREATE TABLE person (
    name TEXT PRIMARY KEY, role INTEGER NOT NULL CHECK (role BETWEEN 1 AND 2), handle BLOB NOT NULL UNIQUE,
    added_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE credential (
    key_id BLOB PRIMARY KEY, person TEXT NOT NULL REFERENCES person ON DELETE CASCADE, public_key BLOB NOT NULL,
    sign_count INTEGER NOT NULL, added_s INTEGER NOT NULL, used_s INTEGER
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE link (
    person TEXT PRIMARY KEY REFERENCES person ON DELETE CASCADE, hash BLOB NOT NULL UNIQUE, until_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE session (
    hash BLOB PRIMARY KEY, person TEXT NOT NULL REFERENCES person ON DELETE CASCADE,
    key_id BLOB NOT NULL REFERENCES credential ON DELETE CASCADE, began_s INTEGER NOT NULL, seen_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX credential_by_person ON credential (person)",
    "CREATE INDEX session_by_person ON session (person)",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)
_FROM_1 = ("UPDATE person SET role = 2 WHERE role = 3", "PRAGMA user_version = 2")
"""There was a third role, the owner, who could do what an operator can."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A person with what belongs to him. `handle` is what his keys keep of him."""

    person: Person
    handle: bytes
    added_s: int
    keys: tuple[Key, ...]
    session_count: int
    link_until_s: int | None


class PeopleStore:
    """The open file. Every method raises ShellError only, and LookupError where it says so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with shell_errors(str(path)):
            _make_private(path)
            self._db = sqlite3.connect(path, _BUSY_S, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute("PRAGMA synchronous = FULL")
        self._prepare()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _prepare(self) -> None:
        """Tables in a new file; whoever has it open too does the same before us or after."""
        with self._changing() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            statements = {0: _SCHEMA, 1: _FROM_1, SCHEMA_VERSION: ()}.get(version)
            if statements is None:
                raise ShellError(
                    "people", f"{self._path} is of version {version}, and this program knows {SCHEMA_VERSION}"
                )
            for statement in statements:
                db.execute(statement)

    # ---- People

    def add(self, person: Person, handle: bytes, now_s: int) -> bool:
        """False: there is somebody of this name."""
        with self._changing() as db:
            query = "INSERT OR IGNORE INTO person VALUES (?, ?, ?, ?)"
            return db.execute(query, (person.name, int(person.role), handle, now_s)).rowcount == 1

    def remove(self, name: str) -> bool:
        """With keys, link and logins. False: there is nobody of this name."""
        with self._changing() as db:
            return db.execute("DELETE FROM person WHERE name = ?", (name,)).rowcount == 1

    def set_role(self, name: str, role: Role) -> bool:
        """And logs him out everywhere. False: there is nobody of this name."""
        with self._changing() as db:
            db.execute("DELETE FROM session WHERE person = ?", (name,))
            return db.execute("UPDATE person SET role = ? WHERE name = ?", (int(role), name)).rowcount == 1

    def people(self) -> list[Entry]:
        return [self._entry(row) for row in self._rows("SELECT * FROM person ORDER BY name")]

    def entry(self, name: str) -> Entry:
        """Raises LookupError."""
        rows = self._rows("SELECT * FROM person WHERE name = ?", name)
        if not rows:
            raise LookupError(f"nobody is called {name!r} here")
        return self._entry(rows[0])

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        name, role, handle, added_s = row
        keys = self._rows("SELECT * FROM credential WHERE person = ? ORDER BY added_s, key_id", name)
        sessions = self._rows("SELECT count(*) FROM session WHERE person = ?", name)
        links = self._rows("SELECT until_s FROM link WHERE person = ?", name)
        return Entry(
            Person(name, Role(role)),
            bytes(handle),
            added_s,
            tuple(_read_key(key) for key in keys),
            sessions[0][0],
            links[0][0] if links else None,
        )

    # ---- Links and keys

    def put_link(self, name: str, link_hash: bytes, until_s: int) -> bool:
        """In place of an earlier one. False: there is nobody of this name."""
        with self._changing() as db:
            query = "INSERT OR REPLACE INTO link SELECT name, ?, ? FROM person WHERE name = ?"
            return db.execute(query, (link_hash, until_s, name)).rowcount == 1

    def link_of(self, link_hash: bytes, now_s: int) -> str | None:
        """Whose it is, as long as it is good."""
        rows = self._rows("SELECT person FROM link WHERE hash = ? AND ? < until_s", link_hash, now_s)
        return rows[0][0] if rows else None

    def register(self, link_hash: bytes, key: Key, now_s: int) -> bool:
        """The key for the link, which is used up. False: it is no longer good. Raises LookupError: the key is known."""
        with self._changing() as db:
            query = "DELETE FROM link WHERE hash = ? AND person = ? AND ? < until_s"
            if db.execute(query, (link_hash, key.person, now_s)).rowcount != 1:
                return False
            row = (key.key_id, key.person, key.public_key, key.sign_count, key.added_s, key.used_s)
            if db.execute("INSERT OR IGNORE INTO credential VALUES (?, ?, ?, ?, ?, ?)", row).rowcount != 1:
                raise LookupError("this key is registered")
            return True

    def key(self, key_id: bytes) -> Key | None:
        rows = self._rows("SELECT * FROM credential WHERE key_id = ?", key_id)
        return _read_key(rows[0]) if rows else None

    def remove_key(self, name: str, key_id: bytes) -> bool:
        """With the logins by it. False: he has no such key."""
        with self._changing() as db:
            query = "DELETE FROM credential WHERE key_id = ? AND person = ?"
            return db.execute(query, (key_id, name)).rowcount == 1

    # ---- Logins

    def begin_session(self, token_hash: bytes, key: Key, sign_count: int, now_s: int, over_s: int) -> bool:
        """A login by this key, which counts on. False: the key, or its count, is not what it was a moment ago.

        Logins that were last seen before `over_s` are forgotten, and the oldest of somebody who has too many.
        """
        with self._changing() as db:
            count = "UPDATE credential SET sign_count = ?, used_s = ? WHERE key_id = ? AND sign_count = ?"
            if db.execute(count, (sign_count, now_s, key.key_id, key.sign_count)).rowcount != 1:
                return False
            db.execute("DELETE FROM session WHERE seen_s < ?", (over_s,))
            surplus = "SELECT hash FROM session WHERE person = ? ORDER BY seen_s DESC LIMIT -1 OFFSET ?"
            db.execute(f"DELETE FROM session WHERE hash IN ({surplus})", (key.person, MAX_SESSIONS - 1))  # noqa: S608
            row = (token_hash, key.person, key.key_id, now_s, now_s)
            db.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?)", row)
            return True

    def session(self, token_hash: bytes) -> Session | None:
        """With the role that the person has now."""
        rows = self._rows(
            "SELECT name, role, key_id, began_s, seen_s FROM session JOIN person ON name = person WHERE hash = ?",
            token_hash,
        )
        if not rows:
            return None
        name, role, key_id, began_s, seen_s = rows[0]
        return Session(token_hash, Person(name, Role(role)), bytes(key_id), began_s, seen_s)

    def see_session(self, token_hash: bytes, now_s: int) -> None:
        with self._changing() as db:
            db.execute("UPDATE session SET seen_s = ? WHERE hash = ?", (now_s, token_hash))

    def end_session(self, token_hash: bytes) -> None:
        with self._changing() as db:
            db.execute("DELETE FROM session WHERE hash = ?", (token_hash,))

    # ---- The file

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with shell_errors(str(self._path)), self._lock:
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with shell_errors(str(self._path)), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise


def _read_key(row: tuple[Any, ...]) -> Key:
    key_id, person, public_key, sign_count, added_s, used_s = row
    return Key(bytes(key_id), person, bytes(public_key), sign_count, added_s, used_s)


def _make_private(path: Path) -> None:
    """For its owner alone."""
    try:
        if not path.exists():
            path.touch(0o600)
        elif path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        raise ShellError("people", f"{path}: {error.strerror}") from error
