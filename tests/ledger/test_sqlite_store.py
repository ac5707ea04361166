"""The ledger's file: append-only by itself, whole blocks or nothing, errors with its name."""

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


def test_what_was_written_is_there_for_another_connection(store: SqliteStore) -> None:
    rows = block(1, 1, 2)
    rows.crowds, rows.records = [(7, 1, b"marks"), (7, 2, b"more"), (8, 2, b"other")], [(b"key", 5, 1)]
    rows.enrolments, rows.chains = [(b"key", 2)], [(b"key", b"chain")]
    store.write_block(rows)
    reader = SqliteStore(store.place, read_only=True)
    assert reader.genesis() == b"genesis"
    assert list(reader.headers()) == [b"header 0", b"header 1"]
    assert (reader.header(1), reader.header(2)) == (b"header 1", None)
    assert list(reader.items()) == reader.block_items(1) == rows.items
    assert reader.item(2) == reader.item_by_id(b"\x02") == rows.items[1]
    assert (reader.item(3), reader.item_by_id(b"\x03"), reader.last_number()) == (None, None, 2)
    assert reader.items_after(1, 10) == reader.items_after(1, 10, b"alice") == [rows.items[1]]
    assert reader.items_after(0, 1) == [rows.items[0]]
    assert reader.items_after(0, 10, b"bob") == []
    assert list(reader.crowds(7, 0)) == [(1, b"marks"), (2, b"more")]
    assert (list(reader.crowds(7, 1)), list(reader.crowds(9, 0))) == ([(2, b"more")], [])
    assert reader.records_after(b"key", 4, 9) == [(5, rows.items[0])]
    assert reader.records_after(b"key", 5, 9) == []
    assert (reader.enrolment(b"key"), list(reader.enrolments())) == (b"item", [(b"key", b"item")])
    assert (list(reader.chains()), list(reader.state())) == ([(b"key", b"chain")], [(b"k", b"\x01")])
    assert list(reader.executed_since(102)) == [(b"\x02", 102)]
    reader.close()


def test_the_snapshot_follows_and_the_log_only_grows(store: SqliteStore) -> None:
    store.write_block(block(1, 1))
    rows = block(2, 2)
    rows.state, rows.removed = [(b"n", b"new")], [(b"k",)]
    store.write_block(rows)
    assert list(store.state()) == [(b"n", b"new")]
    assert [item.number for item in store.items()] == [1, 2]


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
