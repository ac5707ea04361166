"""The box's disk: sessions, the metering chain and its outbox in one SQLite file, so that a kill at any instant
loses nothing.

In: values to keep. Out: the same values at the next start. One commit per command, synchronous; what is not
committed was never answered. Decides nothing. The box may be killed and the file survives; a file that is damaged is
a ShellError, because a chain that silently begins anew would look like a replaced box.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apd.metering import StoredChain
from apd.session import EndReason, Phase, Session, Usage
from apd.state import OutboxEntry
from wire.cbor import Value, read_cbor, write_cbor
from wire.cose import read_envelope
from wire.errors import DecodeError, ShellError
from wire.evidence import Evidence, write_evidence
from wire.grant import parse_grant
from wire.ids import MacAddress
from wire.meter_record import FIRST_PREVIOUS, MeterRecord, UsageReport, record_hash

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS session (grant_id BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (sequence INTEGER PRIMARY KEY, record BLOB NOT NULL, evidence BLOB, acknowledged
INTEGER NOT NULL); CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as it lies on disk; its monotonic instants are computed anew from the grant."""

    encoded_grant: bytes
    station: MacAddress
    slot: int
    phase: Phase
    reason: EndReason
    baseline: Usage
    used: Usage
    unreported: Usage


class Store:
    """An open store. Every method raises ShellError only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise ShellError("store", f"{path}: {error}") from error

    def close(self) -> None:
        self._db.close()

    def save_session(self, session: Session) -> None:
        self._commit([("REPLACE INTO session VALUES (?, ?)", (session.grant_id, _write_session(session)))])

    def forget_session(self, grant_id: bytes) -> None:
        self._commit([("DELETE FROM session WHERE grant_id = ?", (grant_id,))])

    def save_record(self, record: MeterRecord, encoded: bytes, sessions: Iterable[Session]) -> None:
        """The next link, unsigned, together with the sessions whose usage it took over."""
        statements: list[tuple[str, tuple[Any, ...]]] = [
            ("REPLACE INTO record VALUES (?, ?, NULL, 0)", (record.sequence, encoded)),
        ]
        if isinstance(record, UsageReport):
            reported = record.to_utc_ms.to_bytes(8, "big")
            statements.append(("REPLACE INTO meta VALUES ('reported_utc_ms', ?)", (reported,)))
        statements += [
            ("REPLACE INTO session VALUES (?, ?)", (session.grant_id, _write_session(session)))
            for session in sessions
        ]
        self._commit(statements)

    def save_evidence(self, sequence: int, evidence: Evidence, meter_pcr: bytes) -> None:
        self._commit(
            [
                ("UPDATE record SET evidence = ? WHERE sequence = ?", (write_evidence(evidence), sequence)),
                ("REPLACE INTO meta VALUES ('meter_pcr', ?)", (meter_pcr,)),
            ]
        )

    def forget_record(self, sequence: int) -> None:
        """Acknowledged. The newest signed link is kept, as the next one names its hash."""
        newest = "(SELECT max(sequence) FROM record WHERE evidence IS NOT NULL)"
        self._commit(
            [
                ("UPDATE record SET acknowledged = 1 WHERE sequence = ?", (sequence,)),
                (f"DELETE FROM record WHERE acknowledged AND sequence < {newest}", ()),  # noqa: S608 - a constant
            ]
        )

    def drop_unsigned(self) -> None:
        """Records that will never be signed, as the TPM was reset before it could."""
        self._commit([("DELETE FROM record WHERE evidence IS NULL", ())])

    def evidence(self, sequence: int) -> bytes:
        rows = self._query("SELECT evidence FROM record WHERE sequence = ?", (sequence,))
        if not rows or rows[0][0] is None:
            raise ShellError("store", f"{self._path}: no evidence of record {sequence}")
        return bytes(rows[0][0])

    def save_attestation(self, result: bytes) -> None:
        self._commit([("REPLACE INTO meta VALUES ('attestation_result', ?)", (result,))])

    def attestation(self) -> bytes:
        """The stored attestation result, or nothing."""
        return self._meta("attestation_result")

    def sessions(self) -> list[StoredSession]:
        return [_read_session(value) for (value,) in self._query("SELECT value FROM session", ())]

    def chain(self) -> StoredChain:
        """The chain as it stands: signed links, then those that the TPM was not given yet, in order."""
        rows = self._query(
            "SELECT sequence, record, evidence, acknowledged FROM record ORDER BY sequence", ()
        )
        signed = [(sequence, record) for sequence, record, evidence, _ in rows if evidence is not None]
        unsigned = [record for _, record, evidence, _ in rows if evidence is None]
        outbox = [
            OutboxEntry(seq, record_hash(rec)) for seq, rec, evidence, done in rows if evidence and not done
        ]
        sequence, head = (signed[-1][0], record_hash(signed[-1][1])) if signed else (0, FIRST_PREVIOUS)
        return StoredChain(
            sequence=sequence,
            head=head,
            meter_pcr=self._meta("meter_pcr"),
            reported_utc_ms=int.from_bytes(self._meta("reported_utc_ms"), "big"),
            unsigned=tuple(unsigned),
            outbox=tuple(outbox),
        )

    def _meta(self, name: str) -> bytes:
        rows = self._query("SELECT value FROM meta WHERE name = ?", (name,))
        return bytes(rows[0][0]) if rows else b""

    def _query(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise ShellError("store", f"{self._path}: {error}") from error

    def _commit(self, statements: Iterable[tuple[str, tuple[Any, ...]]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for statement, values in statements:
                    self._db.execute(statement, values)
            except sqlite3.Error:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise ShellError("store", f"{self._path}: {error}") from error


def _write_session(session: Session) -> bytes:
    usages: list[Value] = [
        _write_usage(usage) for usage in (session.baseline, session.used, session.unreported)
    ]
    head: list[Value] = [session.encoded_grant, session.station.octets, session.slot]
    return write_cbor([*head, session.phase.value, session.reason.value, *usages])


def _read_session(value: bytes) -> StoredSession:
    try:
        match read_cbor(bytes(value)):
            case [bytes(grant), bytes(station), int(slot), str(phase), str(reason), a, b, c]:
                parse_grant(read_envelope(grant))
                usages = [_read_usage(item) for item in (a, b, c)]
                return StoredSession(
                    grant, MacAddress(station), slot, Phase(phase), EndReason(reason), *usages
                )
    except ValueError as error:
        raise ShellError("store", f"a session is damaged: {error}") from error
    raise ShellError("store", "a session is damaged: not the array that was written")


def _write_usage(usage: Usage) -> Value:
    return [usage.down_bytes, usage.up_bytes, usage.down_offered_bytes, usage.up_offered_bytes]


def _read_usage(value: Value) -> Usage:
    match value:
        case [int(a), int(b), int(c), int(d)]:
            return Usage(a, b, c, d)
    raise DecodeError("usage is not four byte counts")
