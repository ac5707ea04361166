"""Totals of sessions, and summaries on their way to the ledger, as rows of the operator's database.

    total      one for each time and subject: no row says who was where
    telling    one for each subject at most: what is being published, the same bytes until the ledger has answered

A summary is put there in the commit that takes its totals away, so that a crash neither loses nor repeats a session.
"""

import sqlite3
from collections.abc import Iterator
from typing import Any, assert_never

from operatord.commands import KeepTotal, SummaryTold, TellSummary
from operatord.totals import Total
from wire.ids import PublicKey
from wire.payplace_summary import PublishSummary

TOTAL_SCHEMA = """
CREATE TABLE IF NOT EXISTS total (
    from_s INTEGER NOT NULL, subject BLOB NOT NULL, sessions INTEGER NOT NULL, completed INTEGER NOT NULL,
    served_s INTEGER NOT NULL, served_bytes INTEGER NOT NULL, PRIMARY KEY (from_s, subject)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS telling (
    subject BLOB PRIMARY KEY, from_s INTEGER NOT NULL, until_s INTEGER NOT NULL, sessions INTEGER NOT NULL,
    completed INTEGER NOT NULL, served_s INTEGER NOT NULL, served_bytes INTEGER NOT NULL
) WITHOUT ROWID;
"""
_ADD = """INSERT INTO total VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT DO UPDATE SET sessions = sessions + 1,
    completed = completed + excluded.completed, served_s = served_s + excluded.served_s,
    served_bytes = served_bytes + excluded.served_bytes"""
Statement = tuple[str, tuple[Any, ...]]


def total_statements(command: KeepTotal | TellSummary | SummaryTold) -> Iterator[Statement]:
    """What an order writes."""
    match command:
        case KeepTotal(from_s, subject, kept, served_s, served_bytes):
            yield _ADD, (from_s, subject.octets, int(kept), served_s, served_bytes)
        case TellSummary(summary=one):
            values = (
                one.subject.octets, one.from_s, one.until_s, one.sessions, one.completed, one.served_s,
                one.served_bytes,
            )  # fmt: skip
            yield "INSERT INTO telling VALUES (?, ?, ?, ?, ?, ?, ?)", values
            yield "DELETE FROM total WHERE subject = ? AND from_s < ?", (one.subject.octets, one.until_s)
        case SummaryTold(subject=subject):
            yield "DELETE FROM telling WHERE subject = ?", (subject.octets,)
        case _:
            assert_never(command)


def read_totals(db: sqlite3.Connection, before_s: int) -> list[Total]:
    rows = db.execute("SELECT * FROM total WHERE from_s < ? ORDER BY from_s, subject", (before_s,)).fetchall()
    return [Total(from_s, PublicKey(subject), *rest) for from_s, subject, *rest in rows]


def read_telling(db: sqlite3.Connection) -> list[PublishSummary]:
    rows = db.execute("SELECT * FROM telling ORDER BY subject").fetchall()
    return [PublishSummary(PublicKey(subject), *rest) for subject, *rest in rows]
