"""The audit table: lines are added, chained, and never changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.exchange.audit import AuditTable
from ledger.exchange.entry import FIRST, Entry, Step, make_entry, read_fields, verify_entry, write_fields
from ledger.exchange.judging import Line
from wire.errors import ConfigError, DecodeError, ShellError, VerificationError

LINES: list[Line] = [
    ("a", Step.EVENT, {"kind": "notice", "n": 1}),
    ("b", Step.EVENT, {"kind": "puzzle", "reason": "?"}),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "exchange.db"


@pytest.fixture
def table(file: Path) -> Iterator[AuditTable]:
    with AuditTable(file) as made:
        yield made


def test_what_is_appended_is_there_after_a_restart(table: AuditTable, file: Path):
    written = table.append(LINES, 0, 7)
    assert written is not None
    assert [(one.number, one.time_s, one.key) for one in written] == [(1, 7, "a"), (2, 7, "b")]
    with AuditTable(file) as again:
        assert again.read_after(0) == written
        assert again.read_after(1) == written[1:]
        assert again.read_after(2) == []


def test_who_is_behind_writes_nothing(table: AuditTable, file: Path):
    with AuditTable(file) as other:
        assert other.append(LINES[:1], 0, 7)
        assert table.append(LINES[1:], 0, 7) is None
        assert len(table.read_after(0)) == 1
        assert table.append(LINES[1:], 1, 7)


def test_sqlite_itself_refuses_to_change_or_remove(table: AuditTable, file: Path):
    table.append(LINES, 0, 7)
    plain = sqlite3.connect(file)
    for statement in ("UPDATE audit SET key = 'c'", "DELETE FROM audit"):
        with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
            plain.execute(statement)
    plain.close()


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE audit SET fields = X'7b7d' WHERE number = 1", "line 1"),
        ("UPDATE audit SET time_s = 8 WHERE number = 2", "line 2"),
        ("DELETE FROM audit WHERE number = 1", "line 1 has gone"),
        ("UPDATE audit SET step = 'forged' WHERE number = 1", "no step"),
    ],
)
def test_what_is_done_behind_its_back_shows(table: AuditTable, file: Path, statement: str, why: str):
    table.append(LINES, 0, 7)
    plain = sqlite3.connect(file)
    plain.executescript(f"DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; {statement};")
    plain.close()
    with pytest.raises(VerificationError, match=why):
        table.read_after(0)


def test_lines_that_went_while_we_watched_show(table: AuditTable, file: Path):
    table.append(LINES, 0, 7)
    plain = sqlite3.connect(file)
    plain.executescript("DROP TRIGGER audit_no_delete; DELETE FROM audit WHERE number = 2;")
    plain.close()
    with pytest.raises(VerificationError, match="line 2 has gone"):
        table.read_after(2)


def test_one_service_at_a_time(table: AuditTable, file: Path):
    table.be_the_only_service()
    with AuditTable(file) as other, pytest.raises(ConfigError, match="another exchange"):
        other.be_the_only_service()


def test_a_disk_that_fails_is_said(tmp_path: Path):
    with pytest.raises(ShellError):
        AuditTable(tmp_path / "not" / "there.db")


def test_an_entry_continues_one_other():
    entry = make_entry(FIRST, 1, 7, "a", Step.EVENT, {"kind": "notice"})
    verify_entry(FIRST, entry)
    with pytest.raises(VerificationError):
        verify_entry(bytes([1]) * 32, entry)
    other = Entry(entry.number, entry.time_s, "b", entry.step, entry.fields, entry.hash)
    with pytest.raises(VerificationError):
        verify_entry(FIRST, other)


def test_fields_are_texts_and_integers():
    assert read_fields(write_fields({"a": "x", "b": 2})) == {"a": "x", "b": 2}
    for data in (b"", b"[]", b'{"a": 1.5}', b'{"a": true}', b'{"a": {}}'):
        with pytest.raises(DecodeError, match="audit line"):
            read_fields(data)
