"""The clearing house's file: what was appended is there, in its order, and cannot be changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ledger.clearing.events import FIRST_HEAD, next_head
from ledger.clearing.log import ClearingLog
from wire.errors import ShellError

HOUSE, LEDGER = b"\2" * 33, bytes(32)


def written(path: Path, *entries: bytes) -> None:
    log = ClearingLog(path, HOUSE, LEDGER)
    list(log.entries())
    log.append(entries)
    log.close()


def test_entries_are_there_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "clearing.db"
    written(path, b"one", b"two")
    written(path, b"three")
    log = ClearingLog(path, HOUSE, LEDGER)
    assert list(log.entries()) == [b"one", b"two", b"three"]
    assert log.number == 3
    assert log.head == next_head(next_head(next_head(FIRST_HEAD, b"one"), b"two"), b"three")
    assert log.after(1, 1) == [(2, b"two")]
    log.close()


@pytest.mark.parametrize("query", ["UPDATE entries SET encoded = x'00'", "DELETE FROM entries"])
def test_the_log_is_append_only(tmp_path: Path, query: str) -> None:
    written(tmp_path / "clearing.db", b"one")
    database = sqlite3.connect(tmp_path / "clearing.db")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        database.execute(query)
    database.close()


def test_an_entry_that_was_changed_is_found(tmp_path: Path) -> None:
    path = tmp_path / "clearing.db"
    written(path, b"one", b"two", b"three")
    database = sqlite3.connect(path)
    database.executescript("DROP TRIGGER entries_stay; UPDATE entries SET encoded = x'00' WHERE number = 2;")
    database.close()
    log = ClearingLog(path, HOUSE, LEDGER)
    with pytest.raises(ShellError, match="entry 2 does not follow"):
        list(log.entries())
    log.close()


def test_an_entry_that_was_taken_out_is_found(tmp_path: Path) -> None:
    path = tmp_path / "clearing.db"
    written(path, b"one", b"two", b"three")
    database = sqlite3.connect(path)
    database.executescript("DROP TRIGGER entries_last; DELETE FROM entries WHERE number = 1;")
    database.close()
    log = ClearingLog(path, HOUSE, LEDGER)
    with pytest.raises(ShellError, match="entry 2 does not follow"):
        list(log.entries())
    log.close()


@pytest.mark.parametrize(("house", "ledger"), [(b"\3" * 33, LEDGER), (HOUSE, b"\1" * 32)])
def test_another_house_does_not_go_on_with_it(tmp_path: Path, house: bytes, ledger: bytes) -> None:
    written(tmp_path / "clearing.db", b"one")
    with pytest.raises(ShellError, match="the log of another house"):
        ClearingLog(tmp_path / "clearing.db", house, ledger)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ShellError):
        ClearingLog(tmp_path / "nowhere" / "clearing.db", HOUSE, LEDGER)


def test_what_cannot_be_written_is_not_half_written(tmp_path: Path) -> None:
    """Another process has written entry 2 meanwhile."""
    log = ClearingLog(tmp_path / "clearing.db", HOUSE, LEDGER)
    written(tmp_path / "clearing.db", b"meanwhile 1", b"meanwhile 2")
    log.number = 1
    with pytest.raises(ShellError, match="UNIQUE"):
        log.append([b"two", b"three"])
    assert log.number == 1
    assert list(log.entries()) == [b"meanwhile 1", b"meanwhile 2"]
    log.append([b"three"])
    assert list(log.entries()) == [b"meanwhile 1", b"meanwhile 2", b"three"]
    log.close()
