"""What meters reported and what was sold, by the hour, in an SQLite file beside the operator's database.

In: each verified record, each grant that was sold. Out: sums of an hour, the latest records, what does not hold. It can
be taken away at any time: of the past then only what is verified anew is shown. Used by one thread at a time. Raises
ShellError.
"""

import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ledger.reports.rows import Standing
from ledger.sqlite_store import shell_errors
from operatord.page.board import Row
from operatord.page.recorded import HOUR_S, Carried, Recorded, Short, SoldTime
from wire.refund import refund_nonce

FORM = 1
KEEP_REPORTS_S, KEEP_SOLD_S = 8 * 86_400, 90 * 86_400
"""A week of records, and who a refund of three months ago was for."""
_BUSY_S = 60.0
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS made_by (form INTEGER NOT NULL, ledger_id BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS record (
    key_id TEXT NOT NULL, sequence INTEGER NOT NULL, provider_id TEXT NOT NULL, kind TEXT NOT NULL,
    standing TEXT NOT NULL, checks TEXT NOT NULL, why TEXT NOT NULL, attested INTEGER NOT NULL,
    from_s INTEGER NOT NULL, to_s INTEGER NOT NULL, sessions INTEGER NOT NULL,
    bytes INTEGER NOT NULL, missing_bytes INTEGER NOT NULL, PRIMARY KEY (key_id, sequence)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_by_time ON record (to_s);
CREATE TABLE IF NOT EXISTS short (
    key_id TEXT NOT NULL, sequence INTEGER NOT NULL, grant_id TEXT NOT NULL, to_s INTEGER NOT NULL,
    down_bytes INTEGER NOT NULL, up_bytes INTEGER NOT NULL, PRIMARY KEY (key_id, sequence, grant_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sold (
    grant_id TEXT PRIMARY KEY, provider_id TEXT NOT NULL, starts_s INTEGER NOT NULL, ends_s INTEGER NOT NULL,
    down_bps INTEGER NOT NULL, up_bps INTEGER NOT NULL, nonce TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sold_by_end ON sold (ends_s);
CREATE INDEX IF NOT EXISTS sold_by_nonce ON sold (nonce);
"""


class History:
    """An open file."""

    def __init__(self, path: Path, ledger_id: bytes) -> None:
        self._path, self._lock = path, threading.Lock()
        with shell_errors(str(path)):
            path.touch(0o600)
            self._db = sqlite3.connect(path, _BUSY_S, isolation_level=None, check_same_thread=False)
            self._db.executescript(_SCHEMA)
        made_by = (FORM, ledger_id)
        if self._rows("SELECT form, ledger_id FROM made_by") != [made_by]:
            self._write([(f"DELETE FROM {table}", [()]) for table in ("record", "short", "sold", "made_by")])  # noqa: S608
            self._write([("INSERT INTO made_by VALUES (?, ?)", [made_by])])

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def keep_record(self, one: Recorded) -> None:
        """Over what was known of it, if it comes again."""
        values = (
            one.key_id, one.sequence, one.provider_id, one.kind, one.standing.value, ",".join(one.checks), one.why,
            one.attested, one.from_s, one.to_s, one.sessions, one.bytes, one.missing_bytes,
        )  # fmt: skip
        short = [
            (one.key_id, one.sequence, part.grant_id, one.to_s, part.down_bytes, part.up_bytes)
            for part in one.short
        ]
        self._write(
            [
                ("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [values]),
                ("INSERT OR REPLACE INTO short VALUES (?, ?, ?, ?, ?, ?)", short),
            ]
        )

    def keep_sold(self, rows: Iterable[Row]) -> None:
        values = [
            (
                row.grant, row.provider_id, row.starts_s, row.ends_s, row.floor_down_bps, row.floor_up_bps,
                refund_nonce(bytes.fromhex(row.grant)).hex(),
            )
            for row in rows
        ]  # fmt: skip
        self._write([("INSERT OR REPLACE INTO sold VALUES (?, ?, ?, ?, ?, ?, ?)", values)])

    def forget_old(self, now_s: int) -> None:
        self._write(
            [
                ("DELETE FROM record WHERE to_s < ?", [(now_s - KEEP_REPORTS_S,)]),
                ("DELETE FROM short WHERE to_s < ?", [(now_s - KEEP_SOLD_S,)]),
                ("DELETE FROM sold WHERE ends_s < ?", [(now_s - KEEP_SOLD_S,)]),
            ]
        )

    def carried(self, since_s: int) -> dict[tuple[str, int], Carried]:
        """By provider id and the hour in which a report began. What is disputed is not counted as carried."""
        query = f"""SELECT provider_id, from_s / {HOUR_S} * {HOUR_S},
            SUM(CASE standing WHEN 'holds' THEN bytes ELSE 0 END),
            SUM(CASE standing WHEN 'holds' THEN missing_bytes ELSE 0 END),
            SUM(CASE standing WHEN 'holds' THEN 0 ELSE bytes END)
            FROM record WHERE to_s >= ? AND from_s >= ? AND kind = 'usage' GROUP BY 1, 2"""  # noqa: S608 our own number
        return {
            (provider_id, hour_s): Carried(*sums)
            for provider_id, hour_s, *sums in self._rows(query, since_s, since_s)
        }

    def sold(self, since_s: int) -> list[SoldTime]:
        query = "SELECT provider_id, starts_s, ends_s, down_bps + up_bps FROM sold WHERE ends_s > ?"
        return [SoldTime(*row) for row in self._rows(query, since_s)]

    def latest(self, limit: int) -> list[Recorded]:
        return self._recorded("ORDER BY to_s DESC, sequence DESC LIMIT ?", limit)

    def disputed(self, limit: int) -> list[Recorded]:
        """The latest that do not hold."""
        return self._recorded("WHERE standing != 'holds' ORDER BY to_s DESC, sequence DESC LIMIT ?", limit)

    def count(self, since_s: int) -> dict[Standing, int]:
        """Records by what became of them."""
        query = "SELECT standing, COUNT(*) FROM record WHERE to_s >= ? GROUP BY 1"
        return {Standing(standing): count for standing, count in self._rows(query, since_s)}

    def short(self, limit: int) -> list[Short]:
        """Grants of which something was missing, the latest first."""
        query = """SELECT grant_id, SUM(down_bytes), SUM(up_bytes) FROM short
            GROUP BY 1 ORDER BY MAX(to_s) DESC LIMIT ?"""
        return [Short(*row) for row in self._rows(query, limit)]

    def refunded(self, nonces: Iterable[str]) -> dict[str, str]:
        """Which grants these nonces of transfers pay back, of those that are known."""
        found = {}
        for nonce in nonces:
            for (grant_id,) in self._rows("SELECT grant_id FROM sold WHERE nonce = ?", nonce):
                found[nonce] = grant_id
        return found

    def _recorded(self, which: str, *values: object) -> list[Recorded]:
        found = []
        for row in self._rows(f"SELECT * FROM record {which}", *values):  # noqa: S608 our own words
            key_id, sequence, provider_id, kind, standing, checks, why, attested, *rest = row
            names = tuple(checks.split(",")) if checks else ()
            record = Recorded(
                key_id, sequence, provider_id, kind, Standing(standing), names, why, bool(attested), *rest
            )
            found.append(record)
        return found

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with shell_errors(str(self._path)), self._lock:
            return self._db.execute(query, values).fetchall()

    def _write(self, statements: list[tuple[str, list[tuple[Any, ...]]]]) -> None:
        with shell_errors(str(self._path)), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for query, values in statements:
                    self._db.executemany(query, values)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
