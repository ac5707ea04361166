"""Exporting a log and applying it again: the same app hash in another store, and a word for every lie of the file."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.log_cli import export, replay
from ledger.opening import open_ledger
from tests.ledger.test_opening import live
from tests.ledger_world import GENESIS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    live(tmp_path / "ledger.db").application.store.close()
    return tmp_path


def test_an_exported_log_makes_the_same_ledger_again(folder: Path, capsys) -> None:
    file, copy = folder / "log.jsonl", folder / "copy.db"
    assert export([str(folder / "ledger.db"), "--out", str(file)]) == 0
    assert replay([str(file), "--into", str(copy), "--json"]) == 0
    said = capsys.readouterr()
    page = json.loads(said.out)
    assert "items, up to block 6" in said.err
    first, second = open_ledger(folder / "ledger.db", GENESIS), open_ledger(copy, GENESIS)
    assert page == {
        "ok": True, "blocks": 6, "app_hash": second.application.head.app_hash.hex(), "database": str(copy),
    }  # fmt: skip
    assert list(first.application.store.items()) == list(second.application.store.items())
    assert list(first.application.store.state()) == list(second.application.store.state())
    for engine in (first, second):
        engine.application.store.close()


def test_replay_without_a_place_keeps_nothing_and_reads_what_is_compressed(folder: Path, capsys) -> None:
    file = folder / "log.jsonl.gz"
    assert export([str(folder / "ledger.db"), "--out", str(file)]) == 0
    assert gzip.decompress(file.read_bytes()).startswith(b'{"genesis"')
    before = sorted(folder.iterdir())
    assert replay([str(file)]) == 0
    assert "6 blocks hold" in capsys.readouterr().out
    assert sorted(folder.iterdir()) == before


def test_the_log_goes_to_standard_output_for_other_programs(folder: Path, capsys) -> None:
    assert export([str(folder / "ledger.db")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[0])["ledger_id"] == GENESIS.ledger_id.hex()
    assert json.loads(lines[-1])["end"] == 6


def lie(folder: Path, change: Callable[[list[dict[str, object]]], object]) -> Path:
    """An exported log in which somebody changed something."""
    file = folder / "log.jsonl"
    assert export([str(folder / "ledger.db"), "--out", str(file)]) == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    change(lines)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_a_transaction_that_was_changed_is_found(folder: Path, capsys) -> None:
    def forge(lines: list[dict[str, object]]) -> None:
        item = next(line for line in lines if line.get("kind") == "transaction")
        octets = bytearray(base64.b64decode(str(item["encoded"])))
        octets[-1] ^= 1  # of its signature
        item["encoded"] = base64.b64encode(octets).decode()

    assert replay([str(lie(folder, forge))]) == 1
    assert "block 1: the log leads to another app hash" in capsys.readouterr().err


def test_a_block_that_was_left_out_is_found(folder: Path, capsys) -> None:
    def omit(lines: list[dict[str, object]]) -> None:
        begin = next(place for place, line in enumerate(lines) if line.get("block") == 2)
        end = next(place for place, line in enumerate(lines) if line.get("block") == 3)
        lines[-1]["items"] = int(str(lines[-1]["items"])) - (end - begin - 1)
        del lines[begin:end]
        for number, item in enumerate((line for line in lines if "item" in line), 1):
            item["item"] = number

    assert replay([str(lie(folder, omit))]) == 1
    assert "block 3" in capsys.readouterr().err


def test_an_id_that_is_not_the_item_s_is_found(folder: Path, capsys) -> None:
    def forge(lines: list[dict[str, object]]) -> None:
        next(line for line in lines if "item" in line)["id"] = "00" * 32

    assert replay([str(lie(folder, forge))]) == 1
    assert "block 1: the ids of its items are others" in capsys.readouterr().err


def test_a_database_that_was_begun_goes_on_where_it_is(folder: Path, capsys) -> None:
    file, copy = folder / "log.jsonl", folder / "copy.db"
    assert export([str(folder / "ledger.db"), "--out", str(file)]) == 0
    lines = file.read_text().splitlines(keepends=True)
    (folder / "cut.jsonl").write_text("".join(lines[: len(lines) // 2]))
    assert replay([str(folder / "cut.jsonl"), "--into", str(copy)]) == 1
    assert "not whole" in capsys.readouterr().err
    for _ in range(2):
        assert replay([str(file), "--into", str(copy)]) == 0
        assert "6 blocks hold" in capsys.readouterr().out


def test_a_database_that_has_other_blocks_is_left_as_it_is(folder: Path, capsys) -> None:
    file = folder / "log.jsonl"
    (folder / "other").mkdir()
    live(folder / "other" / "ledger.db").application.store.close()
    assert export([str(folder / "ledger.db"), "--out", str(file)]) == 0
    before = (folder / "other" / "ledger.db").read_bytes()
    assert replay([str(file), "--into", str(folder / "other" / "ledger.db")]) == 1
    assert "has another one, or none" in capsys.readouterr().err
    assert (folder / "other" / "ledger.db").read_bytes() == before


def test_nothing_is_written_over_and_what_is_not_there_is_said(folder: Path, capsys) -> None:
    file = folder / "log.jsonl"
    assert export([str(folder / "ledger.db"), "--out", str(file)]) == 0
    assert export([str(folder / "ledger.db"), "--out", str(file)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert export([str(folder / "nowhere.db")]) == 3
    assert replay([str(folder / "nowhere.jsonl")]) == 3
    (folder / "cut.gz").write_bytes(gzip.compress(file.read_bytes())[:200])
    assert replay([str(folder / "cut.gz")]) == 1
    damaged = bytearray(gzip.compress(file.read_bytes()))
    damaged[len(damaged) // 2 :] = bytes(len(damaged) - len(damaged) // 2)
    (folder / "damaged.gz").write_bytes(damaged)
    assert replay([str(folder / "damaged.gz")]) == 1
    (folder / "empty").write_bytes(b"")
    assert replay([str(folder / "empty")]) == 1
