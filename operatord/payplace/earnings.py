"""What operatord earned, read from its database while it writes there; an `Income`. Writes nothing.

The tables are operatord/shells/store.py's: `earned`, append-only, and `channel` with the highest micropayment.
Raises ShellError.
"""

import sqlite3
import threading
from pathlib import Path

from ledger.sqlite_store import shell_errors
from operatord.payplace.income import Earning
from wire.ids import PublicKey

_BUSY_S = 60.0


class OperatordEarnings:
    """An open database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._payees: set[bytes] = set()
        self._seen = 0
        """The earning up to which payees were looked for: whoever asks in vain has us read what is new."""
        with shell_errors(str(path)):
            self._db = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=ro", _BUSY_S, check_same_thread=False, uri=True
            )

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def earnings_since(self, seq: int, limit: int) -> list[Earning]:
        query = "SELECT seq, payee, consumer, amount_ubc FROM earned WHERE seq > ? ORDER BY seq LIMIT ?"
        with shell_errors(str(self._path)), self._lock:
            rows = self._db.execute(query, (seq, limit)).fetchall()
        return [
            Earning(at, PublicKey(payee), PublicKey(consumer), amount) for at, payee, consumer, amount in rows
        ]

    def micropayment_of(self, consumer: PublicKey) -> bytes | None:
        query = "SELECT micropayment FROM channel WHERE consumer = ?"
        with shell_errors(str(self._path)), self._lock:
            row = self._db.execute(query, (consumer.octets,)).fetchone()
        return bytes(row[0]) or None if row else None

    def has_earned(self, payee: PublicKey) -> bool:
        query = "SELECT payee, max(seq) FROM earned WHERE seq > ? GROUP BY payee"
        with shell_errors(str(self._path)), self._lock:
            if payee.octets not in self._payees:
                for known, seq in self._db.execute(query, (self._seen,)).fetchall():
                    self._payees.add(bytes(known))
                    self._seen = max(self._seen, seq)
            return payee.octets in self._payees

    def overdrawn(self) -> list[PublicKey]:
        """As `spent_funds_are_shifted` says (operatord/channels.py)."""
        query = "SELECT consumer FROM channel WHERE paid_ubc > limit_ubc ORDER BY number"
        with shell_errors(str(self._path)), self._lock:
            rows = self._db.execute(query).fetchall()
        return [PublicKey(consumer) for (consumer,) in rows]
