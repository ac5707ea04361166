"""What meters reported and what was sold, by the hour, in an SQLite file beside the operator's database.

In: each verified record, each grant that was sold. Out: sums of an hour, the latest records, what does not hold. It can
be taken away at any time: of the past then only what is verified anew is shown. A record is of the time that it says,
and never of a later one than that at which it was verified, as a box's clock may be ahead. Used by one thread at a
time. Raises ShellError.
"""

import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ledger.reports.rows import Standing
from ledger.sqlite_store import shell_errors
from operatord.page.board import Row
from operatord.page.recorded import HOUR_S, Carried, Recorded, Short, SoldTime, add_promised
from wire.refund import refund_nonce

FORM = 2
KEEP_REPORTS_S, KEEP_SOLD_S = 8 * 86_400, 90 * 86_400
"""A week of records, and who a refund of three months ago was for."""
LONG_S = 86_400
"""A grant that lasts longer is added to the hours of the map when they are asked for: it would have too many."""
MAX_BITS = 1 << 62
"""Of one hour: no floors can make a sum that the file does not hold."""
_ADD_HOUR = """INSERT INTO sold_hour VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET bits = MIN(bits + excluded.bits, ?)"""
_BUSY_S = 60.0
_TABLES = ("record", "short", "sold", "sold_hour", "made_by")
_SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS made_by (form INTEGER NOT NULL, ledger_id BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS record (
    key_id TEXT NOT NULL, sequence INTEGER NOT NULL, provider_id TEXT NOT NULL, kind TEXT NOT NULL,
    standing TEXT NOT NULL, checks TEXT NOT NULL, why TEXT NOT NULL, attested INTEGER NOT NULL,
    from_s INTEGER NOT NULL, to_s INTEGER NOT NULL, sessions INTEGER NOT NULL,
    bytes INTEGER NOT NULL, missing_bytes INTEGER NOT NULL, told_s INTEGER NOT NULL, PRIMARY KEY (key_id, sequence)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_by_time ON record (told_s);
CREATE TABLE IF NOT EXISTS short (
    key_id TEXT NOT NULL, sequence INTEGER NOT NULL, grant_id TEXT NOT NULL, told_s INTEGER NOT NULL,
    down_bytes INTEGER NOT NULL, up_bytes INTEGER NOT NULL, PRIMARY KEY (key_id, sequence, grant_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sold (
    grant_id TEXT PRIMARY KEY, provider_id TEXT NOT NULL, starts_s INTEGER NOT NULL, ends_s INTEGER NOT NULL,
    down_bps INTEGER NOT NULL, up_bps INTEGER NOT NULL, nonce TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sold_by_end ON sold (ends_s);
CREATE INDEX IF NOT EXISTS sold_by_nonce ON sold (nonce);
CREATE INDEX IF NOT EXISTS sold_long ON sold (ends_s) WHERE ends_s - starts_s > {LONG_S};
CREATE TABLE IF NOT EXISTS sold_hour (
    provider_id TEXT NOT NULL, hour_s INTEGER NOT NULL, bits INTEGER NOT NULL, PRIMARY KEY (provider_id, hour_s)
) WITHOUT ROWID;
"""


class History:
    """An open file."""

    def __init__(self, path: Path, ledger_id: bytes) -> None:
        self._path, self._lock = path, threading.Lock()
        with shell_errors(str(path)):
            path.touch(0o600)
            self._db = sqlite3.connect(path, _BUSY_S, isolation_level=None, check_same_thread=False)
            made_by = (FORM, ledger_id)
            if not self._is_made_by(made_by):
                for table in _TABLES:
                    self._db.execute(f"DROP TABLE IF EXISTS {table}")
                self._db.executescript(_SCHEMA)
                self._db.execute("INSERT INTO made_by VALUES (?, ?)", made_by)

    def _is_made_by(self, made_by: tuple[int, bytes]) -> bool:
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'made_by'").fetchall():
            return False
        return self._db.execute("SELECT form, ledger_id FROM made_by").fetchall() == [made_by]

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def keep_record(self, one: Recorded, now_s: int) -> None:
        """Verified at `now_s`. Over what was known of it, if it comes again."""
        told_s = min(one.to_s, now_s)
        for (before_s,) in self._rows(
            "SELECT told_s FROM record WHERE key_id = ? AND sequence = ?", one.key_id, one.sequence
        ):
            told_s = min(told_s, before_s)
        values = (
            one.key_id, one.sequence, one.provider_id, one.kind, one.standing.value, ",".join(one.checks), one.why,
            one.attested, one.from_s, one.to_s, one.sessions, one.bytes, one.missing_bytes, told_s,
        )  # fmt: skip
        short = [
            (one.key_id, one.sequence, part.grant_id, told_s, part.down_bytes, part.up_bytes)
            for part in one.short
        ]
        self._write(
            [
                ("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [values]),
                ("INSERT OR REPLACE INTO short VALUES (?, ?, ?, ?, ?, ?)", short),
            ]
        )

    def keep_sold(self, rows: Iterable[Row]) -> None:
        """Each counts once in its hours, however often it comes."""
        new = [row for row in rows if not self._rows("SELECT 1 FROM sold WHERE grant_id = ?", row.grant)]
        values = [
            (
                row.grant, row.provider_id, row.starts_s, row.ends_s, row.floor_down_bps, row.floor_up_bps,
                refund_nonce(bytes.fromhex(row.grant)).hex(),
            )
            for row in new
        ]  # fmt: skip
        promised: dict[tuple[str, int], int] = {}
        for row in new:
            if row.ends_s - row.starts_s <= LONG_S:
                add_promised(
                    promised,
                    SoldTime(
                        row.provider_id, row.starts_s, row.ends_s, row.floor_down_bps + row.floor_up_bps
                    ),
                    row.starts_s,
                    row.ends_s,
                )
        hours = [(*key, min(bits, MAX_BITS), MAX_BITS) for key, bits in promised.items()]
        self._write(
            [
                ("INSERT OR IGNORE INTO sold VALUES (?, ?, ?, ?, ?, ?, ?)", values),
                (_ADD_HOUR, hours),
            ]
        )

    def forget_old(self, now_s: int) -> None:
        self._write(
            [
                ("DELETE FROM record WHERE told_s < ?", [(now_s - KEEP_REPORTS_S,)]),
                ("DELETE FROM short WHERE told_s < ?", [(now_s - KEEP_SOLD_S,)]),
                ("DELETE FROM sold WHERE ends_s < ?", [(now_s - KEEP_SOLD_S,)]),
                ("DELETE FROM sold_hour WHERE hour_s < ?", [(now_s - KEEP_REPORTS_S,)]),
            ]
        )

    def carried(self, since_s: int) -> dict[tuple[str, int], Carried]:
        """By provider id and the hour in which a report began. What is disputed is not counted as carried."""
        query = f"""SELECT provider_id, from_s / {HOUR_S} * {HOUR_S},
            SUM(CASE standing WHEN 'holds' THEN bytes ELSE 0 END),
            SUM(CASE standing WHEN 'holds' THEN missing_bytes ELSE 0 END),
            SUM(CASE standing WHEN 'holds' THEN 0 ELSE bytes END)
            FROM record WHERE told_s >= ? AND from_s >= ? AND kind = 'usage' GROUP BY 1, 2"""  # noqa: S608 our own number
        return {
            (provider_id, hour_s): Carried(*sums)
            for provider_id, hour_s, *sums in self._rows(query, since_s, since_s)
        }

    def promised(self, since_s: int, now_s: int) -> dict[tuple[str, int], int]:
        """Bits by provider id and hour, from the hour of `since_s` on; of what is still to come nothing."""
        last_s = now_s // HOUR_S * HOUR_S
        query = "SELECT provider_id, hour_s, bits FROM sold_hour WHERE hour_s >= ? AND hour_s < ?"
        found = {
            (provider_id, hour_s): bits for provider_id, hour_s, bits in self._rows(query, since_s, last_s)
        }
        query = f"""SELECT provider_id, TOTAL((MIN(ends_s, ?) - MAX(starts_s, ?)) * (down_bps + up_bps)) FROM sold
            WHERE ends_s > ? AND starts_s < ? AND ends_s - starts_s <= {LONG_S} GROUP BY 1"""  # noqa: S608 our own number
        for provider_id, bits in self._rows(query, now_s, last_s, last_s, now_s):
            found[provider_id, last_s] = int(bits)
        query = f"""SELECT provider_id, starts_s, ends_s, down_bps + up_bps FROM sold
            WHERE ends_s > ? AND ends_s - starts_s > {LONG_S}"""  # noqa: S608 our own number
        for row in self._rows(query, since_s):
            add_promised(found, SoldTime(*row), since_s, now_s)
        return found

    def latest(self, limit: int) -> list[Recorded]:
        return self._recorded("ORDER BY told_s DESC, sequence DESC LIMIT ?", limit)

    def disputed(self, limit: int) -> list[Recorded]:
        """The latest that do not hold."""
        return self._recorded("WHERE standing != 'holds' ORDER BY told_s DESC, sequence DESC LIMIT ?", limit)

    def count(self, since_s: int) -> dict[Standing, int]:
        """Records by what became of them."""
        query = "SELECT standing, COUNT(*) FROM record WHERE told_s >= ? GROUP BY 1"
        return {Standing(standing): count for standing, count in self._rows(query, since_s)}

    def count_disputed(self, since_s: int) -> dict[str, int]:
        """Records that do not hold, by provider id."""
        query = (
            "SELECT provider_id, COUNT(*) FROM record WHERE told_s >= ? AND standing != 'holds' GROUP BY 1"
        )
        return dict(self._rows(query, since_s))

    def short(self) -> list[Short]:
        """All grants of which something was missing, the latest first."""
        query = """SELECT grant_id, SUM(down_bytes), SUM(up_bytes) FROM short
            GROUP BY 1 ORDER BY MAX(told_s) DESC"""
        return [Short(*row) for row in self._rows(query)]

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
                key_id,
                sequence,
                provider_id,
                kind,
                Standing(standing),
                names,
                why,
                bool(attested),
                *rest[:-1],
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
