"""The ledger's file, in SQLite's own words; what it promises like every store is in test_store.py."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.block import BlockRows, Item
from ledger.sqlite_store import SqliteStore
from wire.errors import ShellError


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "ledger.db")
    opened.write_genesis(b"genesis", BlockRows(0, b"header 0"))
    yield opened
    opened.close()


def block(height: int, *numbers: int) -> BlockRows:
    rows = BlockRows(height, f"header {height}".encode())
    rows.items = [Item(number, height, 1, bytes([number]), 100 + number, b"item", b"") for number in numbers]
    rows.parties = [(b"alice", number) for number in numbers]
    rows.state = [(b"k", bytes([height]))]
    return rows


def test_a_block_that_cannot_be_written_whole_is_not_written_at_all(store: SqliteStore) -> None:
    store.write_block(block(1, 1))
    rows = block(2, 2)
    rows.items.append(rows.items[0])
    with pytest.raises(ShellError, match="UNIQUE"):
        store.write_block(rows)
    assert (store.header(2), store.item(2), list(store.state())) == (None, None, [(b"k", b"\x01")])
    store.write_block(block(2, 2))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM items",
        "UPDATE items SET encoded = x''",
        "DELETE FROM blocks",
        "UPDATE blocks SET header = x''",
    ],
)
def test_the_database_itself_refuses_to_change_the_log(store: SqliteStore, statement: str) -> None:
    store.write_block(block(1, 1))
    with sqlite3.connect(store.place) as other, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        other.execute(statement)
    other.close()


def test_what_is_no_ledger_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, whatever its name says" * 50)
    with pytest.raises(ShellError, match="text"):
        SqliteStore(tmp_path / "text")
    with pytest.raises(ShellError, match="absent"):
        SqliteStore(tmp_path / "absent", read_only=True)
    other = sqlite3.connect(tmp_path / "old.db")
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(ShellError, match="schema 99"):
        SqliteStore(tmp_path / "old.db")


def test_every_commit_is_flushed(store: SqliteStore) -> None:
    """WAL with synchronous FULL (2): a block that was acknowledged outlives a power cut."""
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)
