"""The box's disk: sessions, the metering chain and its outbox in one SQLite file, so that a kill at any instant
loses nothing.

In: orders to keep or forget. Out: the same values at the next start. One commit for all orders of a moment; what is not
committed was never answered. A failing power supply loses nothing that anybody was told: a record is on the disk at the
latest with its evidence, before which nobody hears of it, and what was acknowledged is at worst sent once more. So a
minute costs the flash of a router one write of a few kilobytes: what a report changes of a session lies apart from its
grant, and evidence apart from its record (decision 0047). Decides nothing. The box may be killed and the file survives;
a file that is damaged is a ShellError, because a chain that silently begins anew would look like a replaced box.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

from apd.commands import (
    DropUnsigned,
    ForgetAuctionOffer,
    ForgetGrant,
    ForgetRecord,
    ForgetRefund,
    ForgetSession,
    StoreAuctionOffer,
    StoreCommand,
    StoreGrant,
    StoreOfferState,
    StoreRecord,
    StoreRefund,
    StoreRegistration,
    StoreRevocation,
    StoreSession,
)
from apd.metering import StoredChain
from apd.refund import Refund
from apd.session import EndReason, Phase, Session, StoredSession, Usage
from apd.sessions import MAX_REVOKED
from apd.state import KnownGrant, OutboxEntry
from wire.cbor import Value, read_cbor, write_cbor
from wire.cose import read_envelope
from wire.errors import DecodeError, ShellError
from wire.evidence import Evidence, read_evidence, write_evidence
from wire.grant import parse_grant
from wire.grant_proof import parse_shown_grant
from wire.ids import MacAddress, PublicKey, station_octets, station_of
from wire.meter_record import FIRST_PREVIOUS, read_meter_record, record_hash
from wire.qos import qos_of, write_qos

if TYPE_CHECKING:  # a box without [auction] does without
    from apd.auction_state import SoldShare

_ALONE = "PRAGMA locking_mode = EXCLUSIVE;"
"""The index of the log is in memory then, and not in a file whose pages are written out all the time."""
_SCHEMA = """
PRAGMA page_size = 512;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -256;
CREATE TABLE IF NOT EXISTS air_grant (grant_id BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refund (grant_id BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS auction_offer (auction_id BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revoked (number INTEGER PRIMARY KEY, grant_id BLOB NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""
_LAYOUT = 1
"""PRAGMA user_version. 0 is the first, which had grant and usage in one row, and a record in its evidence once more."""
_TABLES = """
CREATE TABLE session (grant_id BLOB PRIMARY KEY, number INTEGER NOT NULL, held BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE session_usage (number INTEGER PRIMARY KEY, usage BLOB NOT NULL);
CREATE TABLE record (sequence INTEGER PRIMARY KEY, encoded BLOB NOT NULL, reported_utc_ms INTEGER NOT NULL);
CREATE TABLE evidence (sequence INTEGER PRIMARY KEY, proof BLOB NOT NULL, head BLOB NOT NULL,
meter_pcr BLOB NOT NULL, reported_utc_ms INTEGER NOT NULL);
PRAGMA user_version = 1
"""
"""What every minute writes, in few pages. `record` has what is not acknowledged, `evidence` that of them which are
signed and that of the newest signed one, whose hash the next one names.
"""
_BUSY_S = 2.0
"""A backup may read for a moment; a second daemon on the same file is refused after this."""
_HELD = 64
"""Acknowledgements that wait for the next record to go with; after a long outage many come at once."""
_HOLD_SESSION = """
INSERT INTO session SELECT ?, coalesce(max(number), 0) + 1, ? FROM session_usage WHERE true
ON CONFLICT (grant_id) DO UPDATE SET held = excluded.held
"""
"""A report finds it as it is, and SQLite writes no page in which nothing changes."""
_COUNT_SESSION = """
INSERT INTO session_usage SELECT number, ? FROM session WHERE grant_id = ?
ON CONFLICT (number) DO UPDATE SET usage = excluded.usage
"""
"""In its place: a row that is replaced leaves free pages, which are written, too."""
_FORGET_USAGE = "DELETE FROM session_usage WHERE number = (SELECT number FROM session WHERE grant_id = ?)"
_SESSIONS = "SELECT held, usage FROM session LEFT JOIN session_usage USING (number) ORDER BY grant_id"
_LAST_SIGNED = (
    "SELECT sequence, head, meter_pcr, reported_utc_ms FROM evidence ORDER BY sequence DESC LIMIT 1"
)
_UNSIGNED = """
SELECT encoded, reported_utc_ms FROM record WHERE sequence NOT IN (SELECT sequence FROM evidence) ORDER BY sequence
"""
_DROP_UNSIGNED = "DELETE FROM record WHERE sequence NOT IN (SELECT sequence FROM evidence)"
_WAITING = "SELECT sequence, head FROM evidence JOIN record USING (sequence) ORDER BY sequence"
_EVIDENCE = "SELECT proof, encoded FROM evidence JOIN record USING (sequence) WHERE sequence = ?"
_SAVE_RECORD = "REPLACE INTO record VALUES (?, ?, ?)"
_SAVE_EVIDENCE = """
REPLACE INTO evidence SELECT sequence, ?, ?, ?, reported_utc_ms FROM record WHERE sequence = ?
"""
_FORGET_LAST_SIGNED = """
DELETE FROM evidence WHERE sequence = (SELECT max(sequence) FROM evidence)
AND sequence NOT IN (SELECT sequence FROM record)
"""
"""If it was acknowledged: its hash is in a newer link now."""
_FORGET_ACKNOWLEDGED = "DELETE FROM record WHERE sequence = ? AND sequence IN (SELECT sequence FROM evidence)"
_FORGET_EVIDENCE = """
DELETE FROM evidence WHERE sequence = ? AND sequence < (SELECT max(sequence) FROM evidence)
"""
_RENAME_OLD = "ALTER TABLE session RENAME TO old_session; ALTER TABLE record RENAME TO old_record"
_OLD_RECORDS = "SELECT sequence, record, evidence, acknowledged FROM old_record ORDER BY sequence"
_FORGET_OLD = """
DROP TABLE old_session;
DROP TABLE old_record;
DELETE FROM meta WHERE name IN ('meter_pcr', 'reported_utc_ms')
"""
_FORGET_OLD_REVOCATIONS = "DELETE FROM revoked WHERE number <= (SELECT max(number) FROM revoked) - ?"

Statement = tuple[str, tuple[Any, ...]]


class Store:
    """An open store; `alone`: nobody else may read it meanwhile. Every method raises ShellError only."""

    def __init__(self, path: Path, *, alone: bool = False) -> None:
        self._path = path
        self._acknowledged: list[StoreCommand] = []
        self._synchronous = True
        self._ready = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, _BUSY_S, isolation_level=None, check_same_thread=False)
            self._db.executescript(_ALONE + _SCHEMA if alone else _SCHEMA)
        except (OSError, sqlite3.Error) as error:
            hint = "; is another apd on this file?" if "locked" in str(error) else ""
            raise ShellError("store", f"{path}: {error}{hint}") from error

    def close(self) -> None:
        with suppress(ShellError):  # then it is sent once more
            self._forget_acknowledged()
        self._db.close()

    def save(self, commands: Iterable[StoreCommand]) -> None:
        """All of these or, with a ShellError, none. Of acknowledgements alone, with the next record."""
        commands = list(commands)
        if all(isinstance(command, ForgetRecord) for command in commands):
            self._acknowledged += commands
            if len(self._acknowledged) >= _HELD:
                self._forget_acknowledged()
            return
        told = not all(
            isinstance(command, StoreRecord | ForgetRecord | ForgetSession) for command in commands
        )
        with_record = any(isinstance(command, StoreRecord) for command in commands)
        waiting = self._acknowledged if with_record else []  # a record goes, another takes its pages
        self._commit(_all_statements([*waiting, *commands]), synchronous=told)
        self._acknowledged = [] if with_record else self._acknowledged

    def save_evidence(self, sequence: int, evidence: Evidence, meter_pcr: bytes) -> None:
        self._commit(_evidence_statements(sequence, evidence, meter_pcr))

    def _forget_acknowledged(self) -> None:
        if self._acknowledged:
            self._commit(_all_statements(self._acknowledged))
            self._acknowledged = []

    def evidence(self, sequence: int) -> bytes:
        rows = self._query(_EVIDENCE, (sequence,))
        if not rows:
            raise ShellError("store", f"{self._path}: no evidence of record {sequence}")
        proof, encoded = rows[0]
        return write_evidence(replace(_read_proof(proof), record=encoded))

    def save_attestation(self, result: bytes) -> None:
        self._commit([("REPLACE INTO meta VALUES ('attestation_result', ?)", (result,))])

    def attestation(self) -> bytes:
        """The stored attestation result, or nothing."""
        return self._meta("attestation_result")

    def sessions(self) -> list[StoredSession]:
        return [_read_session(held, usage) for held, usage in self._query(_SESSIONS, ())]

    def offer_state(self) -> bytes:
        """The ledger's last word on our offer, or nothing."""
        return self._meta("offer_state")

    def registration(self) -> bytes:
        """The ledger's last word on our operator, or nothing."""
        return self._meta("registration")

    def revoked(self) -> list[bytes]:
        """Grants that open no session any more, the oldest first."""
        return [bytes(grant) for (grant,) in self._query("SELECT grant_id FROM revoked ORDER BY number", ())]

    def known_grants(self) -> list[KnownGrant]:
        """Grants whose holders may come by EAP-TLS."""
        return [_read_known_grant(value) for (value,) in self._query("SELECT value FROM air_grant", ())]

    def refunds(self) -> list[Refund]:
        """What is owed, and transfers that the ledger has not answered."""
        return [_read_refund(value) for (value,) in self._query("SELECT value FROM refund", ())]

    def sold(self) -> "dict[bytes, tuple[SoldShare, ...]]":
        """What auctions sold, by their ids."""
        rows = self._query("SELECT auction_id, value FROM auction_offer", ())
        return {bytes(auction_id): _read_shares(value) for auction_id, value in rows}

    def chain(self) -> StoredChain:
        """The chain as it stands: its last signed link, those that the TPM was not given yet, and the outbox."""
        self._forget_acknowledged()
        rows = self._query(_LAST_SIGNED, ())
        sequence, head, meter_pcr, reported_utc_ms = rows[0] if rows else (0, FIRST_PREVIOUS, b"", 0)
        unsigned = self._query(_UNSIGNED, ())
        return StoredChain(
            sequence=sequence,
            head=head,
            meter_pcr=meter_pcr,
            reported_utc_ms=unsigned[-1][1] if unsigned else reported_utc_ms,
            unsigned=tuple(_checked_record(encoded) for encoded, _ in unsigned),
            outbox=tuple(self._outbox()),
        )

    def _outbox(self) -> Iterator[OutboxEntry]:
        """One row at a time: after a long outage there are many, and their evidence is not wanted here."""
        try:
            for sequence, head in self._db.execute(_WAITING):
                yield OutboxEntry(sequence, head)
        except sqlite3.Error as error:
            raise ShellError("store", f"{self._path}: {error}") from error

    def _meta(self, name: str) -> bytes:
        """As it is in every layout: who only looks, beside a daemon that may be older, changes nothing."""
        rows = self._read("SELECT value FROM meta WHERE name = ?", (name,))
        return bytes(rows[0][0]) if rows else b""

    def _query(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        self._make_ready()
        return self._read(statement, values)

    def _read(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise ShellError("store", f"{self._path}: {error}") from error

    def _make_ready(self) -> None:
        """The tables of this version, with what those of the first one had: once, all or nothing."""
        if self._ready:
            return
        if self._layout() < _LAYOUT:
            self._transact(self._lay_out)
        self._ready = True

    def _layout(self) -> int:
        ((layout,),) = self._read("PRAGMA user_version", ())
        if layout > _LAYOUT:
            raise ShellError("store", f"{self._path}: a newer apd made it (layout {layout}, not {_LAYOUT})")
        return int(layout)

    def _lay_out(self) -> None:
        if self._layout() == _LAYOUT:
            return  # somebody else just did
        if not self._read("SELECT 1 FROM sqlite_schema WHERE name = 'record'", ()):
            self._execute(_each(_TABLES))
            return
        self._execute(_each(_RENAME_OLD))
        self._execute(_each(_TABLES))
        for grant_id, value in self._db.execute("SELECT grant_id, value FROM old_session"):
            held, usage = _split_session(value)
            self._execute(_session_statements(grant_id, held, usage))
        meter_pcr, reported_utc_ms = self._meta("meter_pcr"), self._meta("reported_utc_ms")
        for sequence, record, signed, acknowledged in self._db.execute(_OLD_RECORDS):
            values = (sequence, record, int.from_bytes(reported_utc_ms, "big"))
            self._execute([(_SAVE_RECORD, values)])
            if signed is not None:
                self._execute(_evidence_statements(sequence, _read_proof(signed), meter_pcr))
            if acknowledged:
                self._execute([(_FORGET_ACKNOWLEDGED, (sequence,))])
        self._execute(_each(_FORGET_OLD))

    def _commit(self, statements: Iterable[Statement], *, synchronous: bool = True) -> None:
        """Safe from a failing power supply when it returns, if `synchronous`; else with the next one that is."""
        self._make_ready()
        if synchronous is not self._synchronous:
            self._read(f"PRAGMA synchronous = {'FULL' if synchronous else 'NORMAL'}", ())
            self._synchronous = synchronous
        self._transact(lambda: self._execute(statements))

    def _transact(self, work: Callable[[], None]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                work()
                self._db.execute("COMMIT")
            finally:
                self._roll_back()
        except sqlite3.Error as error:
            raise ShellError("store", f"{self._path}: {error}") from error

    def _execute(self, statements: Iterable[Statement]) -> None:
        for statement, values in statements:
            self._db.execute(statement, values)

    def _roll_back(self) -> None:
        """If it was not committed. SQLite has done it by itself after some errors (a full disk), not after others."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


def _all_statements(commands: Iterable[StoreCommand]) -> list[Statement]:
    return [statement for command in commands for statement in _statements(command)]


def _statements(command: StoreCommand) -> list[Statement]:  # noqa: C901, PLR0912 - one branch per command
    match command:
        case StoreSession(session):
            return _save_session(session)
        case ForgetSession(grant_id):
            return [(_FORGET_USAGE, (grant_id,)), ("DELETE FROM session WHERE grant_id = ?", (grant_id,))]
        case StoreRecord(record, encoded, sessions, reported_utc_ms):
            values = (record.sequence, encoded, reported_utc_ms)
            saving = [statement for session in sessions for statement in _save_session(session)]
            return [(_SAVE_RECORD, values), *saving]
        case DropUnsigned():
            return [(_DROP_UNSIGNED, ())]
        case ForgetRecord(sequence):
            return [(_FORGET_ACKNOWLEDGED, (sequence,)), (_FORGET_EVIDENCE, (sequence,))]
        case StoreOfferState(data) | StoreRegistration(data):
            name = "offer_state" if isinstance(command, StoreOfferState) else "registration"
            return [("REPLACE INTO meta VALUES (?, ?)", (name, data))]
        case StoreGrant(grant_id):
            return [("REPLACE INTO air_grant VALUES (?, ?)", (grant_id, _write_known_grant(command)))]
        case ForgetGrant(grant_id):
            return [("DELETE FROM air_grant WHERE grant_id = ?", (grant_id,))]
        case StoreRefund(refund):
            return [("REPLACE INTO refund VALUES (?, ?)", (refund.grant_id, _write_refund(refund)))]
        case ForgetRefund(grant_id):
            return [("DELETE FROM refund WHERE grant_id = ?", (grant_id,))]
        case StoreAuctionOffer(auction_id, shares):
            return [("REPLACE INTO auction_offer VALUES (?, ?)", (auction_id, _write_shares(shares)))]
        case ForgetAuctionOffer(auction_id):
            return [("DELETE FROM auction_offer WHERE auction_id = ?", (auction_id,))]
        case StoreRevocation(grant_id):
            return [
                ("INSERT OR IGNORE INTO revoked (grant_id) VALUES (?)", (grant_id,)),
                (_FORGET_OLD_REVOCATIONS, (MAX_REVOKED,)),
            ]
        case _:
            assert_never(command)


def _each(statements: str) -> list[Statement]:
    return [(statement, ()) for statement in statements.split(";")]


def _save_session(session: Session) -> list[Statement]:
    return _session_statements(session.grant_id, _write_held(session), _write_session_usage(session))


def _session_statements(grant_id: bytes, held: bytes, usage: bytes) -> list[Statement]:
    return [(_HOLD_SESSION, (grant_id, held)), (_COUNT_SESSION, (usage, grant_id))]


def _evidence_statements(sequence: int, evidence: Evidence, meter_pcr: bytes) -> list[Statement]:
    proof, head = write_evidence(replace(evidence, record=b"")), record_hash(evidence.record)
    return [(_FORGET_LAST_SIGNED, ()), (_SAVE_EVIDENCE, (proof, head, meter_pcr, sequence))]


def _read_proof(value: bytes) -> Evidence:
    try:
        return read_evidence(bytes(value))
    except DecodeError as error:
        raise ShellError("store", f"evidence is damaged: {error}") from error


def _checked_record(encoded: bytes) -> bytes:
    try:
        read_meter_record(encoded)
    except DecodeError as error:
        raise ShellError("store", f"an unsigned record is damaged: {error}") from error
    return encoded


def _write_known_grant(command: StoreGrant) -> bytes:
    station = command.station.octets if command.station else b""
    return write_cbor([command.grant, command.used_bytes, station, int(command.bought)])


def _read_known_grant(value: bytes) -> KnownGrant:
    try:
        match read_cbor(bytes(value)):
            case [bytes(encoded), int(used_bytes), bytes(octets), int(bought)]:
                station = MacAddress(octets) if octets else None
                return KnownGrant(
                    parse_grant(read_envelope(encoded)), encoded, used_bytes, station, bool(bought)
                )
    except ValueError as error:
        raise ShellError("store", f"a known grant is damaged: {error}") from error
    raise ShellError("store", "a known grant is damaged: not the array that was written")


def _write_held(session: Session) -> bytes:
    """What no report changes."""
    place: list[Value] = [session.place] if session.place else []
    return write_cbor([session.encoded_grant, station_octets(session.station), session.slot, *place])


def _write_session_usage(session: Session) -> bytes:
    """What a report changes, as short as it goes: mostly everything is reported, and the kernel counted all of it."""
    used, baseline, unreported = session.used, session.baseline, session.unreported
    usages = [used, baseline, unreported]
    if unreported == Usage():
        usages = [used] if baseline == _as_counted(used) else [used, baseline]
    return write_cbor([session.phase.value, session.reason.value, *map(_write_usage, usages)])


def _as_counted(used: Usage) -> Usage:
    return replace(used, down_shortfall_bytes=0, up_shortfall_bytes=0)


def _read_session(held: bytes, usage: bytes | None) -> StoredSession:
    try:
        match read_cbor(bytes(held)), read_cbor(bytes(usage or b"")):
            case [bytes(encoded), bytes(station), int(slot), *place], [str(phase), str(reason), *items]:
                grant = parse_shown_grant(encoded)
                kept = (station_of(station), slot, Phase(phase), EndReason(reason))
                usages = _read_usages([_read_usage(item) for item in items])
                return StoredSession(grant, encoded, grant.total_qos, *kept, *usages, _read_place(place))
    except ValueError as error:
        raise ShellError("store", f"a session is damaged: {error}") from error
    raise ShellError("store", "a session is damaged: not the arrays that were written")


def _read_usages(usages: list[Usage]) -> tuple[Usage, Usage, Usage]:
    """Baseline, used, unreported."""
    match usages:
        case [used]:
            return _as_counted(used), used, Usage()
        case [used, baseline]:
            return baseline, used, Usage()
        case [used, baseline, unreported]:
            return baseline, used, unreported
    raise DecodeError("usages are not one to three")


def _split_session(value: bytes) -> tuple[bytes, bytes]:
    """A row of the first layout as rows of this one."""
    try:
        match read_cbor(bytes(value)):
            case [bytes(encoded), bytes(station), int(slot), str(phase), str(reason), a, b, c, *place]:
                usages = [_write_usage(_read_usage(item)) for item in (b, a, c)]
                return write_cbor([encoded, station, slot, *place]), write_cbor([phase, reason, *usages])
    except ValueError as error:
        raise ShellError("store", f"a session is damaged: {error}") from error
    raise ShellError("store", "a session is damaged: not the array that was written")


def _read_place(items: list[Value]) -> str:
    """Of a session on a cell one text, of others nothing."""
    match items:
        case []:
            return ""
        case [str(place)]:
            return place
    raise DecodeError("place is not one text")


def _write_refund(refund: Refund) -> bytes:
    missing: list[Value] = [refund.down_bytes, refund.up_bytes]
    return write_cbor(
        [refund.encoded_grant, missing, refund.transfer, refund.transaction_id, refund.amount_ubc]
    )


def _read_refund(value: bytes) -> Refund:
    try:
        match read_cbor(bytes(value)):
            case [
                bytes(encoded), [int(down), int(up)], bytes(transfer), bytes(transaction_id), int(amount_ubc),
            ]:  # fmt: skip
                grant, stored = parse_shown_grant(encoded), bool(transfer)
                return Refund(grant, encoded, down, up, transfer, transaction_id, amount_ubc, stored)
    except ValueError as error:
        raise ShellError("store", f"a refund is damaged: {error}") from error
    raise ShellError("store", "a refund is damaged: not the array that was written")


def _write_shares(shares: "tuple[SoldShare, ...]") -> bytes:
    return write_cbor(
        [[share.consumer.octets, share.ends_s, write_qos(share.qos), share.units] for share in shares]
    )


def _read_shares(value: bytes) -> "tuple[SoldShare, ...]":
    try:
        match read_cbor(bytes(value)):
            case [*rows]:
                return tuple(map(_read_share, rows))
    except ValueError as error:
        raise ShellError("store", f"what an auction sold is damaged: {error}") from error
    raise ShellError("store", "what an auction sold is damaged: not the array that was written")


def _read_share(row: Value) -> "SoldShare":
    from apd.auction_state import SoldShare  # only a box that held auctions has any

    match row:
        case [bytes(consumer), int(ends_s), [*items], int(units)]:
            numbers = [item for item in items if isinstance(item, int)]
            if len(numbers) == len(items):
                return SoldShare(PublicKey(consumer), ends_s, qos_of(numbers), units)
    raise DecodeError("a share is not consumer, end, qos and units")


def _write_usage(usage: Usage) -> Value:
    items: list[Value] = [usage.down_bytes, usage.up_bytes, usage.down_offered_bytes, usage.up_offered_bytes]
    missing: list[Value] = [usage.down_shortfall_bytes, usage.up_shortfall_bytes]
    return [*items, *missing] if any(missing) else items


def _read_usage(value: Value) -> Usage:
    match value:
        case [int(a), int(b), int(c), int(d)]:
            return Usage(a, b, c, d)
        case [int(a), int(b), int(c), int(d), int(e), int(f)]:
            return Usage(a, b, c, d, e, f)
    raise DecodeError("usage is not four byte counts or six")
