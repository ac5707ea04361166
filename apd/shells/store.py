"""The box's disk: sessions, the metering chain and its outbox in one SQLite file, so that a kill at any instant
loses nothing.

In: orders to keep or forget. Out: the same values at the next start. One commit for all orders of a moment; what is not
committed was never answered. A failing power supply loses nothing that anybody was told: a record is on the disk at the
latest with its evidence, before which nobody hears of it, and what was acknowledged is at worst sent once more. So a
minute costs the flash of a router one write of a few kilobytes (decision 0047). Decides nothing. The box may be killed
and the file survives; a file that is damaged is a ShellError, because a chain that silently begins anew would look like
a replaced box.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
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
from wire.evidence import Evidence, write_evidence
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
CREATE TABLE IF NOT EXISTS session (grant_id BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS air_grant (grant_id BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refund (grant_id BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS auction_offer (auction_id BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revoked (number INTEGER PRIMARY KEY, grant_id BLOB NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS record (sequence INTEGER PRIMARY KEY, record BLOB NOT NULL, evidence BLOB, acknowledged
INTEGER NOT NULL); CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""
_BUSY_S = 2.0
"""A backup may read for a moment; a second daemon on the same file is refused after this."""
_HELD = 64
"""Acknowledgements that wait for the next evidence to go with; after a long outage many come at once."""
_SAVE_SESSION = """
INSERT INTO session VALUES (?, ?) ON CONFLICT (grant_id) DO UPDATE SET value = excluded.value
"""
"""In its place: a row that is replaced leaves free pages, which are written, too."""
_LAST_SIGNED = """
SELECT sequence, record FROM record WHERE evidence IS NOT NULL ORDER BY sequence DESC LIMIT 1
"""
_FORGET_ACKNOWLEDGED = """
DELETE FROM record WHERE acknowledged AND sequence < (SELECT max(sequence) FROM record WHERE evidence IS NOT NULL)
"""
"""The newest signed link is kept, as the next one names its hash."""
_FORGET_OLD_REVOCATIONS = "DELETE FROM revoked WHERE number <= (SELECT max(number) FROM revoked) - ?"
_WAITING = """
SELECT sequence, record FROM record WHERE evidence IS NOT NULL AND NOT acknowledged ORDER BY sequence
"""

Statement = tuple[str, tuple[Any, ...]]


class Store:
    """An open store; `alone`: nobody else may read it meanwhile. Every method raises ShellError only."""

    def __init__(self, path: Path, *, alone: bool = False) -> None:
        self._path = path
        self._acknowledged: list[StoreCommand] = []
        self._synchronous = True
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
        """All of these or, with a ShellError, none. Of acknowledgements alone, with the next evidence."""
        commands = list(commands)
        if all(isinstance(command, ForgetRecord) for command in commands):
            self._acknowledged += commands
            if len(self._acknowledged) >= _HELD:
                self._forget_acknowledged()
            return
        told = not all(isinstance(command, StoreRecord | ForgetRecord) for command in commands)
        self._commit(_all_statements(commands), synchronous=told)

    def save_evidence(self, sequence: int, evidence: Evidence, meter_pcr: bytes) -> None:
        self._commit(
            [
                ("UPDATE record SET evidence = ? WHERE sequence = ?", (write_evidence(evidence), sequence)),
                ("REPLACE INTO meta VALUES ('meter_pcr', ?)", (meter_pcr,)),
                *_all_statements(self._acknowledged),
            ]
        )
        self._acknowledged = []

    def _forget_acknowledged(self) -> None:
        if self._acknowledged:
            self._commit(_all_statements(self._acknowledged))
            self._acknowledged = []

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
        last = self._query(_LAST_SIGNED, ())
        unsigned = self._query("SELECT record FROM record WHERE evidence IS NULL ORDER BY sequence", ())
        sequence, head = (last[0][0], record_hash(last[0][1])) if last else (0, FIRST_PREVIOUS)
        return StoredChain(
            sequence=sequence,
            head=head,
            meter_pcr=self._meta("meter_pcr"),
            reported_utc_ms=int.from_bytes(self._meta("reported_utc_ms"), "big"),
            unsigned=tuple(_checked_record(bytes(record)) for (record,) in unsigned),
            outbox=tuple(self._outbox()),
        )

    def _outbox(self) -> Iterator[OutboxEntry]:
        """One row at a time: after a long outage there are many, and their evidence is not wanted here."""
        try:
            for sequence, record in self._db.execute(_WAITING):
                yield OutboxEntry(sequence, record_hash(record))
        except sqlite3.Error as error:
            raise ShellError("store", f"{self._path}: {error}") from error

    def _meta(self, name: str) -> bytes:
        rows = self._query("SELECT value FROM meta WHERE name = ?", (name,))
        return bytes(rows[0][0]) if rows else b""

    def _query(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise ShellError("store", f"{self._path}: {error}") from error

    def _commit(self, statements: Iterable[Statement], *, synchronous: bool = True) -> None:
        """Safe from a failing power supply when it returns, if `synchronous`; else with the next one that is."""
        try:
            if synchronous is not self._synchronous:
                self._db.execute(f"PRAGMA synchronous = {'FULL' if synchronous else 'NORMAL'}")
                self._synchronous = synchronous
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for statement, values in statements:
                    self._db.execute(statement, values)
                self._db.execute("COMMIT")
            finally:
                self._roll_back()
        except sqlite3.Error as error:
            raise ShellError("store", f"{self._path}: {error}") from error

    def _roll_back(self) -> None:
        """If it was not committed. SQLite has done it by itself after some errors (a full disk), not after others."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


def _all_statements(commands: Iterable[StoreCommand]) -> list[Statement]:
    return [statement for command in commands for statement in _statements(command)]


def _statements(command: StoreCommand) -> list[Statement]:  # noqa: C901, PLR0912 - one branch per command
    match command:
        case StoreSession(session):
            return [_save_session(session)]
        case ForgetSession(grant_id):
            return [("DELETE FROM session WHERE grant_id = ?", (grant_id,))]
        case StoreRecord(record, encoded, sessions, reported_utc_ms):
            reported = reported_utc_ms.to_bytes(8, "big")
            return [
                ("REPLACE INTO record VALUES (?, ?, NULL, 0)", (record.sequence, encoded)),
                ("REPLACE INTO meta VALUES ('reported_utc_ms', ?)", (reported,)),
                *map(_save_session, sessions),
            ]
        case DropUnsigned():
            return [("DELETE FROM record WHERE evidence IS NULL", ())]
        case ForgetRecord(sequence):
            return [
                ("UPDATE record SET acknowledged = 1 WHERE sequence = ?", (sequence,)),
                (_FORGET_ACKNOWLEDGED, ()),
            ]
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


def _save_session(session: Session) -> Statement:
    return _SAVE_SESSION, (session.grant_id, _write_session(session))


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


def _write_session(session: Session) -> bytes:
    usages: list[Value] = [
        _write_usage(usage) for usage in (session.baseline, session.used, session.unreported)
    ]
    head: list[Value] = [session.encoded_grant, station_octets(session.station), session.slot]
    place: list[Value] = [session.place] if session.place else []
    return write_cbor([*head, session.phase.value, session.reason.value, *usages, *place])


def _read_session(value: bytes) -> StoredSession:
    try:
        match read_cbor(bytes(value)):
            case [bytes(encoded), bytes(station), int(slot), str(phase), str(reason), a, b, c, *place]:
                grant = parse_shown_grant(encoded)
                kept = (station_of(station), slot, Phase(phase), EndReason(reason))
                baseline, used, unreported = (_read_usage(item) for item in (a, b, c))
                usages = (baseline, used, unreported)
                return StoredSession(grant, encoded, grant.total_qos, *kept, *usages, _read_place(place))
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
    return [*items, usage.down_shortfall_bytes, usage.up_shortfall_bytes]


def _read_usage(value: Value) -> Usage:
    match value:
        case [int(a), int(b), int(c), int(d)]:  # as it was before shortfalls were counted
            return Usage(a, b, c, d)
        case [int(a), int(b), int(c), int(d), int(e), int(f)]:
            return Usage(a, b, c, d, e, f)
    raise DecodeError("usage is not six byte counts")
