"""The operator's disk: permits, revocations, who uses what, accounting, and what was paid, in one SQLite file.

In: orders to keep or forget. Out: the same values at the next start, and all sessions for the reconciliation. All
orders of a moment are one synchronous commit. Decides nothing. Raises ShellError for a disk that fails and for a file
that is damaged.
"""

import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from ledger.sqlite_store import shell_errors
from operatord.channel import Channel, MeteredSession
from operatord.commands import (
    ForgetPermit,
    ForgetSession,
    ForgetSessions,
    ForgetUse,
    KeepPermit,
    KeepPlace,
    KeepRevoked,
    KeepSession,
    KeepTotal,
    KeepUse,
    PublishRevocation,
    RevocationPublished,
    StoreCommand,
    SummaryTold,
    TellSummary,
)
from operatord.permit import GrantPermit, Permit
from operatord.sessions import Counters, Session
from operatord.shells.channel_rows import CHANNEL_SCHEMA, channel_statements, read_channels, read_metered
from operatord.shells.total_rows import TOTAL_SCHEMA, read_telling, read_totals, total_statements
from operatord.state import Revoked, Use
from operatord.totals import Total
from wire.cose import read_envelope
from wire.errors import DecodeError, ShellError
from wire.grant import parse_grant
from wire.ids import MacAddress
from wire.payplace_summary import PublishSummary

_SESSION = """
    box TEXT NOT NULL, session_id TEXT NOT NULL, permit_id BLOB NOT NULL, station BLOB NOT NULL, bssid BLOB NOT NULL,
    started_s INTEGER NOT NULL, event_s INTEGER NOT NULL, clock_s INTEGER NOT NULL, duration_s INTEGER NOT NULL,
    up_octets INTEGER NOT NULL, down_octets INTEGER NOT NULL,
    up_packets INTEGER NOT NULL, down_packets INTEGER NOT NULL,
    before_up_octets INTEGER NOT NULL, before_down_octets INTEGER NOT NULL,
    before_up_packets INTEGER NOT NULL, before_down_packets INTEGER NOT NULL, before_s INTEGER NOT NULL,
    up_overhead_bytes INTEGER NOT NULL, down_overhead_bytes INTEGER NOT NULL, cause TEXT NOT NULL,
    stopped INTEGER NOT NULL, start_seen INTEGER NOT NULL, identity_echoed INTEGER NOT NULL,
    times_went_back INTEGER NOT NULL, PRIMARY KEY (box, session_id, permit_id)
"""
_SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS permit (permit_id BLOB PRIMARY KEY, encoded BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revoked (permit_id BLOB PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS untold (
    permit_id BLOB NOT NULL, box TEXT NOT NULL, revocation BLOB NOT NULL, PRIMARY KEY (permit_id, box)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS used (
    permit_id BLOB PRIMARY KEY, box TEXT NOT NULL, bssid BLOB NOT NULL, station BLOB NOT NULL,
    accepted_s INTEGER NOT NULL, heard_s INTEGER NOT NULL, session_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS session ({_SESSION}) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS session_by_permit ON session (permit_id);
{CHANNEL_SCHEMA}
{TOTAL_SCHEMA}
"""
_REBUILD = f"""
BEGIN IMMEDIATE;
ALTER TABLE session RENAME TO session_before;
DROP INDEX session_by_permit;
CREATE TABLE session ({_SESSION}) WITHOUT ROWID;
INSERT INTO session SELECT
    box, session_id, permit_id, station, bssid, started_s, event_s, event_s, duration_s, up_octets, down_octets,
    up_packets, down_packets, before_up_octets, before_down_octets, before_up_packets, before_down_packets, before_s,
    up_overhead_bytes, down_overhead_bytes, cause, stopped, start_seen, identity_echoed, times_went_back
    FROM session_before;
DROP TABLE session_before;
CREATE INDEX session_by_permit ON session (permit_id);
COMMIT;
"""  # noqa: S608 our own names
"""From before sessions of several permits could have one id, and before a box's clock was kept."""
_BUSY_S = 60.0
"""Somebody else's backup or VACUUM is waited for; accounting is not acknowledged meanwhile, and sent again."""
SECRET_SIZE = 32
KEEP_SESSIONS_S = 90 * 86_400
"""Three months of accounting, for whoever settles late; the ledger keeps the signed reports for ever."""

Statement = tuple[str, tuple[Any, ...]]


class Store:
    """An open store. Every method raises ShellError only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with shell_errors(str(path)):
            _make_private(path)
            self._db = sqlite3.connect(path, _BUSY_S, isolation_level=None, check_same_thread=False)
            self._db.executescript(_SCHEMA)
            if "clock_s" not in [row[1] for row in self._db.execute("PRAGMA table_info(session)")]:
                self._db.executescript(_REBUILD)

    def close(self) -> None:
        """Once nothing is being written any more."""
        with self._lock:
            self._db.close()

    def secret(self) -> bytes:
        """What makes pseudonyms; made at the first start."""
        stored = self.meta("secret")
        if stored is None:
            stored = secrets.token_bytes(SECRET_SIZE)
            self._commit([("INSERT INTO meta VALUES ('secret', ?)", (stored,))])
        return stored

    def meta(self, name: str) -> bytes | None:
        rows = self._rows("SELECT value FROM meta WHERE name = ?", name)
        return bytes(rows[0][0]) if rows else None

    def save(self, commands: Iterable[StoreCommand]) -> None:
        """All of these or, with a ShellError, none."""
        self._commit([statement for command in commands for statement in _statements(command)])

    def permits(self) -> list[Permit]:
        """What was verified when it came."""
        return [self._read_permit(row[0]) for row in self._rows("SELECT encoded FROM permit")]

    def revoked(self) -> list[Revoked]:
        return [Revoked(bytes(row[0]), row[1]) for row in self._rows("SELECT * FROM revoked")]

    def untold(self) -> list[PublishRevocation]:
        """Revocations that the broker has not got yet."""
        rows = self._rows("SELECT box, permit_id, revocation FROM untold")
        return [PublishRevocation(box, bytes(permit_id), bytes(signed)) for box, permit_id, signed in rows]

    def uses(self) -> list[Use]:
        return [
            Use(bytes(permit_id), box, MacAddress(bssid), MacAddress(station), *rest)
            for permit_id, box, bssid, station, *rest in self._rows("SELECT * FROM used")
        ]

    def sessions(self, since_s: int = 0) -> list[Session]:
        """Sessions of which something was heard since, in the order in which they began."""
        query = "SELECT * FROM session WHERE event_s >= ? ORDER BY started_s, box, session_id"
        return [_read_session(row) for row in self._rows(query, since_s)]

    def whole_sessions(self, since_s: int) -> list[Session]:
        """Of every permit of which something was heard since, all sessions: a part is never compared with a whole."""
        query = "SELECT * FROM session WHERE permit_id IN (SELECT permit_id FROM session WHERE event_s >= ?)"
        return [_read_session(row) for row in self._rows(query, since_s)]

    def open_sessions(self) -> list[Session]:
        """Sessions of permits that are kept."""
        query = "SELECT session.* FROM session JOIN permit USING (permit_id)"
        names = ", ".join(f"session.{name}" for name in _SESSION_COLUMNS)
        return [_read_session(row) for row in self._rows(query.replace("session.*", names))]

    def channels(self) -> list[Channel]:
        with shell_errors(str(self._path)), self._lock:
            return read_channels(self._db)

    def metered(self) -> list[MeteredSession]:
        """Metered sessions that ran."""
        with shell_errors(str(self._path)), self._lock:
            return read_metered(self._db)

    def totals(self, before_s: int) -> list[Total]:
        """Of times that began before (UTC), the oldest first."""
        with shell_errors(str(self._path)), self._lock:
            return read_totals(self._db, before_s)

    def telling(self) -> list[PublishSummary]:
        """What is to be published, or perhaps was."""
        with shell_errors(str(self._path)), self._lock:
            return read_telling(self._db)

    def _read_permit(self, encoded: bytes) -> Permit:
        try:
            return GrantPermit(parse_grant(read_envelope(encoded)), encoded)
        except DecodeError as error:
            raise ShellError("store", f"{self._path} is damaged: {error}") from error

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with shell_errors(str(self._path)), self._lock:
            return self._db.execute(query, values).fetchall()

    def _commit(self, statements: list[Statement]) -> None:
        with shell_errors(str(self._path)), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for query, values in statements:
                    self._db.execute(query, values)
                self._db.execute("COMMIT")
            except BaseException:  # a text that is no UTF-8 is none of SQLite's errors
                self._db.execute("ROLLBACK")
                raise


def _make_private(path: Path) -> None:
    """Nobody but its owner reads who was where, and the secret of the pseudonyms; SQLite's other files follow it."""
    try:
        path.touch(0o600)
        for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            if file.exists() and file.stat().st_mode & 0o077:
                file.chmod(0o600)
    except OSError as error:
        raise ShellError("store", f"{path}: {error.strerror}") from error


_SESSION_COLUMNS = (
    "box", "session_id", "permit_id", "station", "bssid", "started_s", "event_s", "clock_s", "duration_s",
    "up_octets", "down_octets", "up_packets", "down_packets",
    "before_up_octets", "before_down_octets", "before_up_packets", "before_down_packets", "before_s",
    "up_overhead_bytes", "down_overhead_bytes", "cause", "stopped", "start_seen", "identity_echoed",
    "times_went_back",
)  # fmt: skip


def _statements(command: StoreCommand) -> Iterator[Statement]:
    match command:
        case KeepPermit(permit=permit):
            yield "INSERT OR REPLACE INTO permit VALUES (?, ?)", (permit.permit_id, permit.encoded)
        case ForgetPermit(permit_id=permit_id):
            for table in ("permit", "revoked", "untold", "used"):
                yield f"DELETE FROM {table} WHERE permit_id = ?", (permit_id,)  # noqa: S608 four names, above
        case KeepRevoked() | PublishRevocation() | RevocationPublished():
            yield _revocation_statement(command)
        case KeepUse(use=use):
            values = (
                use.permit_id,
                use.box,
                use.bssid.octets,
                use.station.octets,
                use.accepted_s,
                use.heard_s,
            )
            yield "INSERT OR REPLACE INTO used VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, use.session_id)
        case ForgetUse(permit_id=permit_id):
            yield "DELETE FROM used WHERE permit_id = ?", (permit_id,)
        case KeepSession(session=session):
            values = _write_session(session)
            marks = ", ".join("?" * len(values))
            yield f"INSERT OR REPLACE INTO session VALUES ({marks})", values  # noqa: S608 question marks
        case ForgetSession(session=session):
            condition = "box = ? AND session_id = ? AND permit_id = ?"
            yield f"DELETE FROM session WHERE {condition}", (*session.key, session.permit_id)  # noqa: S608
        case ForgetSessions(before_s=before_s):
            yield "DELETE FROM session WHERE event_s < ?", (before_s,)
            yield "DELETE FROM total WHERE from_s < ?", (before_s,)
        case KeepTotal() | TellSummary() | SummaryTold():
            yield from total_statements(command)
        case KeepPlace(name=name, place=place):
            yield "INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, place.encode())
        case _:
            yield from channel_statements(command)


def _revocation_statement(command: KeepRevoked | PublishRevocation | RevocationPublished) -> Statement:
    match command:
        case KeepRevoked(revoked=revoked):
            return "INSERT OR REPLACE INTO revoked VALUES (?, ?)", (revoked.permit_id, revoked.reason)
        case PublishRevocation(box=box, permit_id=permit_id, revocation=signed):
            return "INSERT OR REPLACE INTO untold VALUES (?, ?, ?)", (permit_id, box, signed)
        case RevocationPublished(box=box, permit_id=permit_id):
            return "DELETE FROM untold WHERE permit_id = ? AND box = ?", (permit_id, box)


def _write_session(session: Session) -> tuple[Any, ...]:
    """The row: each field in its order, addresses as octets, counters spread out."""
    values: list[Any] = []
    for field in fields(session):
        value = getattr(session, field.name)
        if isinstance(value, MacAddress):
            values.append(value.octets)
        elif isinstance(value, Counters):
            values += astuple(value)
        else:
            values.append(value)
    return tuple(values)


def _read_session(row: tuple[Any, ...]) -> Session:
    box, session_id, permit_id, station, bssid, started_s, event_s, clock_s, duration_s, *counts = row
    before_s, up_overhead, down_overhead, cause, stopped, start_seen, echoed, went_back = counts[8:]
    return Session(
        box, session_id, bytes(permit_id), MacAddress(station), MacAddress(bssid), started_s, event_s, clock_s,
        duration_s, Counters(*counts[:4]), Counters(*counts[4:8]), before_s, up_overhead, down_overhead, cause,
        bool(stopped), bool(start_seen), bool(echoed), went_back,
    )  # fmt: skip
