"""What every store promises, held against SQLite and a real PostgreSQL: whole blocks or nothing, errors by name."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.block import BlockRows, Item, Named
from ledger.database import open_snapshot, open_store, open_to_read
from ledger.store import Place, Store
from wire.errors import ShellError


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    opened = open_store(place)
    opened.write_genesis(b"genesis", BlockRows(0, b"header 0"))
    yield opened
    opened.close()


def block(height: int, *numbers: int) -> BlockRows:
    rows = BlockRows(height, f"header {height}".encode())
    rows.items = [Item(number, height, 1, bytes([number]), 100 + number, b"item", b"") for number in numbers]
    rows.parties = [(b"alice", number) for number in numbers]
    rows.state = [(b"k", bytes([height]))]
    return rows


def test_what_was_written_is_there_for_another_connection(store: Store) -> None:
    rows = block(1, 1, 2)
    rows.parties = [(b"alice", 1), (b"alice", 2), (b"alice", 2)]
    rows.crowds, rows.records = [(7, 1, b"marks"), (7, 2, b"more"), (8, 2, b"other")], [(b"key", 5, 1)]
    rows.enrolments, rows.chains = [(b"key", 2)], [(b"key", b"chain")]
    store.write_block(rows)
    reader = open_to_read(store.place)
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
    assert reader.height() == 1
    reader.close()


def test_the_snapshot_follows_and_the_log_only_grows(store: Store) -> None:
    store.write_block(block(1, 1))
    rows = block(2, 2)
    rows.state, rows.removed = [(b"n", b"new")], [(b"k",)]
    rows.chains = [(b"key", b"one")]
    store.write_block(rows)
    assert list(store.state()) == [(b"n", b"new")]
    assert [item.number for item in store.items()] == [1, 2]
    rows = block(3, 3)
    rows.state, rows.chains = [(b"n", b"newer")], [(b"key", b"other")]
    store.write_block(rows)
    assert (list(store.state()), list(store.chains())) == ([(b"n", b"newer")], [(b"key", b"other")])
    assert [item.number for item in store.items()] == [1, 2, 3]


def test_items_are_found_by_how_their_ids_begin(store: Store) -> None:
    """One by one and many at once; what sold nothing is none."""
    rows = BlockRows(1, b"header 1")
    ids = [bytes([number]) * 14 + bytes(18) for number in range(1, 6)]
    ids[1] = ids[1][:14] + b"\xff" * 18
    sales = [b"sale", b"sale", b"", b"sale", b"sale"]
    rows.items = [
        Item(number, 1, 1, one, 0, b"item", sale)
        for number, (one, sale) in enumerate(zip(ids, sales, strict=True), 1)
    ]
    store.write_block(rows)
    begins = [one[:14] for one in ids]
    strangers = [number.to_bytes(14, "big") for number in range(2_500)]
    named = [
        Named(one, number, sold != b"") for number, (one, sold) in enumerate(zip(ids, sales, strict=True), 1)
    ]
    assert sorted(store.named([*begins, *strangers])) == named
    assert store.named([begins[1][:9]]) == [named[1]]
    assert store.named([]) == store.named(strangers) == []
    assert store.named([begins[0][:13] + b"\x00"]) == [], "none begins so"


def test_a_height_alone_is_remembered(store: Store) -> None:
    assert store.height() == 0
    store.write_height(4)
    store.write_height(5)
    assert store.height() == 5
    store.write_block(block(6, 1))
    assert (store.height(), store.header(5)) == (6, None)
    assert [store.last_block(height) for height in (0, 5, 6, 99)] == [0, 0, 6, 6]


def test_a_long_log_comes_in_its_order(store: Store) -> None:
    """Longer than what is fetched at once, with items of very different sizes."""
    large = bytes(700_000)
    count = 0
    for height in range(1, 5):
        rows = BlockRows(height, f"header {height}".encode())
        for _ in range(300):
            count += 1
            encoded = large if count % 97 == 0 else count.to_bytes(2, "big")
            rows.items.append(Item(count, height, 1, count.to_bytes(32, "big"), 0, encoded, b"sale"))
        store.write_block(rows)
    sizes = [(item.number, len(item.encoded)) for item in store.items()]
    assert sizes == [(number, 700_000 if number % 97 == 0 else 2) for number in range(1, 1_201)]
    assert store.sizes_after(0, 2_000) == sizes
    assert store.sizes_after(96, 2) == [(97, 700_000), (98, 2)]
    assert [store.block_numbers(height) for height in (0, 1, 4, 5)] == [
        (0, 0),
        (1, 300),
        (901, 1_200),
        (0, 0),
    ]


def test_a_block_that_cannot_be_written_whole_is_not_written_at_all(store: Store) -> None:
    store.write_block(block(1, 1))
    rows = block(2, 2)
    rows.items.append(rows.items[0])
    with pytest.raises(ShellError, match=r"(?i)unique"):
        store.write_block(rows)
    assert (store.header(2), store.item(2), list(store.state())) == (None, None, [(b"k", b"\x01")])
    assert store.height() == 1
    store.write_block(block(2, 2))


def test_a_height_has_one_block(store: Store) -> None:
    store.write_block(block(1, 1))
    other = block(1, 2)
    other.header = b"another header"
    with pytest.raises(ShellError, match=r"(?i)unique"):
        store.write_block(other)
    assert (store.header(1), store.item(2)) == (b"header 1", None)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM items",
        "UPDATE items SET encoded = encoded",
        "DELETE FROM blocks",
        "UPDATE blocks SET header = header",
    ],
)
def test_the_database_itself_refuses_to_change_the_log(
    store: Store, statement: str, run_sql: Callable[[Place, str], None]
) -> None:
    store.write_block(block(1, 1))
    with pytest.raises((sqlite3.IntegrityError, ShellError), match="append-only"):
        run_sql(store.place, statement)
    assert store.header(1) == b"header 1"


def test_a_reader_writes_nothing(store: Store) -> None:
    reader = open_to_read(store.place)
    with pytest.raises(ShellError, match=r"(?i)read-?only"):
        reader.write_block(block(1, 1))
    reader.close()
    assert store.header(1) is None


def test_whoever_reads_the_whole_log_sees_it_as_of_one_moment(store: Store) -> None:
    """Headers and items are asked for in pages, while the ledger goes on writing."""
    store.write_block(block(1, 1, 2))
    held, reader = open_snapshot(store.place), open_to_read(store.place)
    store.write_block(block(2, 3))
    assert list(held.headers()) == [b"header 0", b"header 1"]
    store.write_block(block(3, 4))
    assert [item.number for item in held.items()] == [1, 2]
    assert (held.height(), held.last_number(), held.item(3)) == (1, 2, None)
    assert (reader.height(), reader.last_number()) == (3, 4)
    held.close()
    reader.close()


def test_an_older_ledger_is_refused_in_words(place: Place, run_sql: Callable[[Place, str], None]) -> None:
    open_store(place).close()
    sqlite = isinstance(place, Path)
    run_sql(place, "PRAGMA user_version = 1" if sqlite else "UPDATE ledger_schema SET version = 1")
    with pytest.raises(ShellError, match="has schema 1, this program reads schema 4 only"):
        open_store(place)
