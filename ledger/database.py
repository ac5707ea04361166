"""Opens the database that a place names: a file of the ledger's own, or PostgreSQL, whose library nobody else loads."""

from pathlib import Path
from typing import TYPE_CHECKING

from ledger.store import POSTGRESQL, Place, Store

if TYPE_CHECKING:
    from ledger.postgres_store import PostgresStore
    from ledger.sqlite_store import SqliteStore


def open_store(place: Place) -> Store:
    """To write: made if it is new. Raises ShellError."""
    if isinstance(place, str) and place.startswith(POSTGRESQL):
        from ledger.postgres_store import PostgresStore

        return PostgresStore(place)
    from ledger.sqlite_store import SqliteStore

    return SqliteStore(Path(place))


def is_there(place: Place) -> bool:
    """Whether there is a file; of PostgreSQL only who opens it knows."""
    return (isinstance(place, str) and place.startswith(POSTGRESQL)) or Path(place).exists()


def open_to_read(place: Place) -> Store:
    """Of a ledger that is there. What it writes meanwhile is seen by the next question. Raises ShellError."""
    return _open_to_read(place)


def open_snapshot(place: Place) -> Store:
    """The same as it is now, for whoever reads all of it: what the ledger writes meanwhile is not seen. A connection
    that breaks is not made anew. Raises ShellError.
    """
    store = _open_to_read(place)
    try:
        store.hold()
    except BaseException:
        store.close()
        raise
    return store


def _open_to_read(place: Place) -> "PostgresStore | SqliteStore":
    if isinstance(place, str) and place.startswith(POSTGRESQL):
        from ledger.postgres_store import PostgresStore

        return PostgresStore(place, read_only=True)
    from ledger.sqlite_store import SqliteStore

    return SqliteStore(Path(place), read_only=True)
