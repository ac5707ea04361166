"""A log as lines: what is written is read, and a file that says otherwise is refused with the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger.database import open_to_read
from ledger.genesis import Genesis
from ledger.log_lines import LoggedBlock, read_genesis_line, read_log, write_log
from tests.ledger.test_opening import live
from tests.ledger_world import GENESIS
from wire.errors import DecodeError, VerificationError


@pytest.fixture
def lines(tmp_path: Path) -> list[str]:
    live(tmp_path / "ledger.db").application.store.close()
    store = open_to_read(tmp_path / "ledger.db")
    try:
        return list(write_log(GENESIS, store.headers(), store.items()))
    finally:
        store.close()


def read(lines: list[str]) -> tuple[Genesis, list[LoggedBlock]]:
    return read_genesis_line(lines[0]), list(read_log(lines[1:]))


def test_everything_that_the_log_has_is_read_back(lines: list[str], tmp_path: Path) -> None:
    genesis, blocks = read(lines)
    assert genesis == GENESIS
    store = open_to_read(tmp_path / "ledger.db")
    assert [item for block in blocks for item in block.items] == [
        (item.kind, item.id.hex(), item.encoded) for item in store.items()
    ]
    store.close()
    assert [block.header.height for block in blocks] == [0, 1, 2, 3, 4, 5, 6]
    assert json.loads(lines[-1]) == {
        "end": 6, "app_hash": blocks[-1].header.app_hash.hex(), "items": sum(len(one.items) for one in blocks),
    }  # fmt: skip


def test_kinds_are_words_and_ids_are_those_of_the_other_pages(lines: list[str]) -> None:
    items = [json.loads(line) for line in lines if '"item"' in line]
    assert {item["kind"] for item in items} == {"transaction", "evidence", "attestation_result"}
    assert all(len(item["id"]) >= 16 for item in items)


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_a_file_that_was_cut_is_not_whole(lines: list[str], cut: int) -> None:
    with pytest.raises(DecodeError, match="not whole"):
        read(lines[:-cut])


def test_a_file_from_which_an_item_is_missing_says_so(lines: list[str]) -> None:
    without = [line for line in lines if '"item": 2' not in line]
    with pytest.raises(VerificationError, match="item is 3 and has to be 2"):
        read(without)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("genesis", "ledger_id", "00" * 32),
        ("block", "block", 77),
        ("block", "time_s", 1),
        ("block", "app_hash", "00" * 32),
        ("item", "item", True),
        ("end", "end", 77),
        ("end", "app_hash", "00" * 32),
        ("end", "items", 1),
    ],
)
def test_what_people_read_in_a_line_is_what_its_octets_say(
    lines: list[str], kind: str, field: str, value: object
) -> None:
    place = next(place for place, line in enumerate(lines) if f'"{kind}":' in line)
    lines[place] = json.dumps({**json.loads(lines[place]), field: value})
    with pytest.raises(VerificationError, match=f"line {place + 1}: {field} is"):
        read(lines)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("garbage", "line 2: is no JSON"),
        ("[1]", "line 2: is no JSON object"),
        ('{"item": 1, "kind": "transaction", "encoded": ""}', "line 2: an item before any block"),
        ('{"block": 1, "header": "%%"}', "line 2: header is no base64"),
        ('{"block": 1}', "line 2: header is no base64"),
        ('{"block": 1, "header": "AA=="}', "block header"),
        ("[" * 5_000, "line 2: is no JSON"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(lines: list[str], line: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read([lines[0], line, *lines[1:]])


def test_a_kind_that_nobody_knows_and_what_follows_the_end_are_refused(lines: list[str]) -> None:
    with pytest.raises(DecodeError, match="no kind of item 'gift'"):
        read([line.replace('"kind": "transaction"', '"kind": "gift"') for line in lines])
    with pytest.raises(DecodeError, match="after the last one"):
        read([*lines, lines[-1]])
    with pytest.raises(DecodeError, match="genesis is no base64"):
        read_genesis_line("{}")


def test_an_item_of_no_block_is_not_written() -> None:
    with pytest.raises(VerificationError, match="no block"):
        list(write_log(GENESIS, iter(()), iter(())))
