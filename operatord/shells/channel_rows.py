"""Channels, metered sessions and earnings as rows of the operator's database (operatord/shells/store.py).

    channel    one row for each consumer, with its highest micropayment as it came
    metered    one for each session that runs
    earned     append-only: what of the micropayments is whose, for the blocks of PayPlace (operatord/payplace/)

A row of `earned` is written in the commit of the micropayment that covers it, never before.
"""

import sqlite3
from collections.abc import Iterator
from typing import Any, assert_never

from operatord.channel import Channel, MeteredSession
from operatord.commands import Earn, ForgetMetered, KeepChannel, KeepMetered
from wire.cbor import read_cbor, write_cbor
from wire.ids import MacAddress, PublicKey
from wire.meter_statement import SESSION_SIZE
from wire.tariff import tariff_of, write_tariff

CHANNEL_SCHEMA = """
CREATE TABLE IF NOT EXISTS channel (
    consumer BLOB PRIMARY KEY, number INTEGER NOT NULL, limit_ubc INTEGER NOT NULL, paid_ubc INTEGER NOT NULL,
    micropayment BLOB NOT NULL, used_ubc INTEGER NOT NULL, unpaid_ubc INTEGER NOT NULL, earned_ubc INTEGER NOT NULL,
    last_session BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS metered (
    consumer BLOB PRIMARY KEY, permit_id BLOB NOT NULL, box TEXT NOT NULL, bssid BLOB NOT NULL, station BLOB NOT NULL,
    tariff BLOB NOT NULL, terms_id BLOB NOT NULL, payee BLOB NOT NULL, base_ubc INTEGER NOT NULL,
    session BLOB NOT NULL, paid_interval INTEGER NOT NULL, said_bytes INTEGER NOT NULL, statement BLOB NOT NULL,
    counted_from_bytes INTEGER NOT NULL, counted_bytes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS earned (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, payee BLOB NOT NULL, consumer BLOB NOT NULL, amount_ubc INTEGER NOT NULL
);
"""
ChannelCommand = KeepChannel | KeepMetered | ForgetMetered | Earn
Statement = tuple[str, tuple[Any, ...]]


def channel_statements(command: ChannelCommand) -> Iterator[Statement]:
    """What an order writes."""
    match command:
        case KeepChannel(channel=one):
            values: tuple[Any, ...] = (
                one.consumer.octets, one.number, one.limit_ubc, one.paid_ubc, one.micropayment, one.used_ubc,
                one.unpaid_ubc, one.earned_ubc, b"".join(one.sessions),
            )  # fmt: skip
            yield "INSERT OR REPLACE INTO channel VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values
        case KeepMetered(session=one):
            values = (
                one.consumer.octets, one.permit_id, one.box, one.bssid.octets, one.station.octets,
                write_cbor(write_tariff(one.tariff)), one.terms_id, one.payee.octets, one.base_ubc, one.session,
                one.paid_interval, one.said_bytes, one.statement, one.counted_from_bytes, one.counted_bytes,
            )  # fmt: skip
            marks = ", ".join("?" * len(values))
            yield f"INSERT OR REPLACE INTO metered VALUES ({marks})", values  # noqa: S608 question marks
        case ForgetMetered(consumer=consumer):
            yield "DELETE FROM metered WHERE consumer = ?", (consumer.octets,)
        case Earn(payee=payee, consumer=consumer, amount_ubc=amount_ubc):
            query = "INSERT INTO earned (payee, consumer, amount_ubc) VALUES (?, ?, ?)"
            yield query, (payee.octets, consumer.octets, amount_ubc)
        case _:
            assert_never(command)


def read_channels(db: sqlite3.Connection) -> list[Channel]:
    return [_read_channel(row) for row in db.execute("SELECT * FROM channel").fetchall()]


def _read_channel(row: tuple[Any, ...]) -> Channel:
    consumer, number, limit_ubc, paid_ubc, micropayment, used_ubc, unpaid_ubc, earned_ubc, sessions = row
    return Channel(
        PublicKey(consumer), number, limit_ubc, paid_ubc, bytes(micropayment), used_ubc, unpaid_ubc, earned_ubc,
        tuple([sessions[at : at + SESSION_SIZE] for at in range(0, len(sessions), SESSION_SIZE)]),
    )  # fmt: skip


def read_metered(db: sqlite3.Connection) -> list[MeteredSession]:
    """`opened_ms` is of a clock that is gone, and 0."""
    return [_read_metered(row) for row in db.execute("SELECT * FROM metered").fetchall()]


def _read_metered(row: tuple[Any, ...]) -> MeteredSession:
    consumer, permit_id, box, bssid, station, tariff, terms_id, payee, base_ubc, session, interval, *rest = (
        row
    )
    said_bytes, statement, counted_from_bytes, counted_bytes = rest
    return MeteredSession(
        PublicKey(consumer), bytes(permit_id), box, MacAddress(bssid), MacAddress(station),
        tariff_of(read_cbor(bytes(tariff))), bytes(terms_id), PublicKey(payee), 0, base_ubc, bytes(session), interval,
        said_bytes, bytes(statement), counted_from_bytes, counted_bytes,
    )  # fmt: skip
