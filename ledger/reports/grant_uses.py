"""What several meters say of one grant, held against what it can carry: each may be within it, and all together not.

A shell: SQLite, as there may be more grants than memory holds. Each file's process adds up its own box in a database
that nobody sees and, at the end, puts that into the book that they share; then whoever started them asks the book.
One file alone cannot show that its grant was served elsewhere, too.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path

from ledger.evidence_totals import FindGrant, most_bytes
from ledger.findings import Finding, Severity
from ledger.reports.rows import Dispute, Row, Standing
from wire.errors import ShellError
from wire.units import U63_MAX

MOST_NAMED = 5
"""Boxes in one sentence."""
PATIENCE_S = 600.0
"""For another process that writes."""
Uses = Callable[[Iterable[Row], FindGrant], None]
Said = tuple[bytes, str, int, int]
"""Grant, box, its bytes, the most that the grant can carry."""


@contextmanager
def book() -> Iterator[Path]:
    """An empty one, in a folder of its own that goes with it."""
    with tempfile.TemporaryDirectory(prefix="airgrant-report-") as folder:
        path = Path(folder) / "grants.sqlite"
        with temporary_database(path) as connection:
            connection.execute(
                "CREATE TABLE said (id BLOB, box TEXT, bytes INTEGER, most INTEGER, PRIMARY KEY (id, box)) "
                "WITHOUT ROWID"
            )
            connection.execute("CREATE TABLE too_much (id BLOB PRIMARY KEY, why TEXT) WITHOUT ROWID")
        yield path


@contextmanager
def entering(path: Path, box: str) -> Iterator[Uses]:
    """Takes rows of one box; what holds is in the book afterwards."""
    with temporary_database("") as connection:
        connection.execute("CREATE TABLE mine (id BLOB PRIMARY KEY, bytes INTEGER, most INTEGER)")
        connection.execute("BEGIN")

        def take(rows: Iterable[Row], find_grant: FindGrant) -> None:
            for row in rows:
                grant = find_grant(row.grant_id)
                if grant is not None and row.standing is Standing.HOLDS:
                    most = min(most_bytes(grant), U63_MAX)
                    count = min(row.down_bytes + row.up_bytes, U63_MAX)
                    connection.execute(
                        "INSERT INTO mine VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
                        "bytes = bytes + min(excluded.bytes, ? - bytes)",
                        (row.grant_id, count, most, U63_MAX),
                    )

        yield take
        connection.execute("COMMIT")
        connection.execute("ATTACH ? AS book", (str(path),))
        connection.execute("INSERT OR REPLACE INTO book.said SELECT id, ?, bytes, most FROM mine", (box,))


def find_too_much(path: Path) -> set[str]:
    """The boxes that together say more of a grant than it can carry; the book then knows of which."""
    boxes: set[str] = set()
    with temporary_database(path) as connection:
        connection.execute("BEGIN")
        rows: Iterable[Said] = connection.execute("SELECT id, box, bytes, most FROM said ORDER BY id, box")
        for grant_id, group in groupby(rows, key=lambda row: row[0]):
            said = list(group)
            if len(said) > 1 and sum(one[2] for one in said) > said[0][3]:
                boxes |= {one[1] for one in said}
                why = _why(grant_id, said)
                connection.execute("INSERT OR REPLACE INTO too_much VALUES (?, ?)", (grant_id, why))
        connection.execute("COMMIT")
    return boxes


@contextmanager
def disputes(path: Path) -> Iterator[Dispute]:
    """What `find_too_much` left in the book."""
    with temporary_database(path) as connection:

        def find(grant_id: bytes) -> Finding | None:
            why = connection.execute("SELECT why FROM too_much WHERE id = ?", (grant_id,)).fetchone()
            return None if why is None else Finding("totals", False, Severity.CLAIM, why[0])

        yield find


def _why(grant_id: bytes, said: list[Said]) -> str:
    named = ", ".join(f"{box} ({count} bytes)" for _, box, count, _ in said[:MOST_NAMED])
    more = f" and {len(said) - MOST_NAMED} more" if len(said) > MOST_NAMED else ""
    together = sum(count for _, _, count, _ in said)
    return (
        f"grant {grant_id.hex()}: boxes {named}{more} say {together} bytes of it together, and it can carry "
        f"{said[0][3]} in all its time"
    )


@contextmanager
def temporary_database(path: Path | str) -> Iterator[sqlite3.Connection]:
    """An empty path: one that nobody else sees. Raises ShellError, also for what fails while it is open."""
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            yield connection
    except sqlite3.Error as error:
        raise ShellError("the temporary database", str(error)) from error
