"""`airgrant report` on files: what it says, what it writes, and its exit status. No ledger is asked.

With a real ledger: tests/system/test_ledger_cli.py.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.bundle import write_bundle
from ledger.report_cli import report
from tests.ledger.test_bundle import GRANT, KEY, OTHER, bundle
from tests.ledger_world import ALICE, BOB, GENESIS

NOWHERE = "http://127.0.0.1:9"
LEDGER_ID = GENESIS.ledger_id.hex()


def filed(folder: Path, name: str = "box.report") -> Path:
    file = folder / name
    file.write_bytes(write_bundle(bundle()))
    return file


def trusted(folder: Path, *more: str) -> list[str]:
    """A trust file that names our ledger, as options."""
    file = folder / "trust.json"
    assert report(["trust", "--ledger-id", LEDGER_ID, "--out", str(file), *more]) == 0
    return ["--trust", str(file)]


def test_help_has_examples_and_says_the_exit_status(capsys) -> None:
    assert report(["--help"]) == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert "exit status" in text


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["verify", "/nowhere/at/all"],
        ["verify", "/nowhere/at/all", "--ledger-id", LEDGER_ID],
        ["verify", "/nowhere", "/at/all", "--ledger-id", LEDGER_ID],
        ["verify", "--ledger", "ftp://x"],
        ["verify", "--key-id", "xyz", "--ledger", NOWHERE],
        ["sum", "/nowhere/at/all"],
        ["sum", "/nowhere/at/all", "--ledger-id", "7d"],
        ["sum", "/nowhere/at/all", "--ledger-id", LEDGER_ID, "--by", "weather"],
        ["export", "/nowhere/at/all", "--ledger-id", LEDGER_ID],
        ["export", "/nowhere/at/all", "--trust", "/nowhere/trust.json"],
        ["verify", "--trust", "/nowhere/trust.json"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_status_2_or_3(argv: list[str], capsys) -> None:
    assert report(argv) == (3 if NOWHERE in argv else 2)
    assert capsys.readouterr().err


def test_a_report_file_is_verified_offline(tmp_path: Path, capsys) -> None:
    file = filed(tmp_path)
    assert report(["verify", str(file), "--json", "--ledger-id", GENESIS.ledger_id.hex()]) == 0
    assert json.loads(capsys.readouterr().out)["verified"] == 3
    trusted = ["--ledger-id", GENESIS.ledger_id.hex()]
    assert report(["verify", str(file), "--all-findings", *trusted]) == 0
    text = capsys.readouterr().out
    assert "one more than before" in text
    assert "complete: shown to its end" in text
    assert GENESIS.ledger_id.hex() in text.replace("\n", "")


@pytest.mark.parametrize("content", [b"junk", ALICE.to_pem(), b"\x80"], ids=["text", "a key", "empty list"])
def test_a_file_that_is_no_report_is_named_and_said_what_it_should_be(
    content: bytes, tmp_path: Path, capsys
) -> None:
    file = tmp_path / "w.pem"
    file.write_bytes(content)
    assert report(["verify", str(file), "--json", "--ledger-id", GENESIS.ledger_id.hex()]) == 1
    said = json.loads(capsys.readouterr().out)["error"]
    assert said.startswith(f"{file}: is not a report file (`airgrant report fetch` makes one)")


def test_a_file_proves_nothing_without_the_ledger_that_is_meant(tmp_path: Path, capsys) -> None:
    """It brings its own genesis: anybody can make a ledger that vouches for anything."""
    file = tmp_path / "box.report"
    file.write_bytes(write_bundle(bundle()))
    assert report(["verify", str(file)]) == 2
    assert "--ledger-id" in capsys.readouterr().err
    assert report(["verify", str(file), "--ledger-id", "00" * 32]) == 1


def test_a_tail_that_is_withheld_is_missed(tmp_path: Path, capsys) -> None:
    file, whole = tmp_path / "box.report", bundle()
    file.write_bytes(write_bundle(replace(whole, records=whole.records[:-1])))
    assert report(["verify", str(file), "--json", "--ledger-id", GENESIS.ledger_id.hex()]) == 1
    page = json.loads(capsys.readouterr().out)
    (chain,) = page["chains"]
    assert page["ledger_id"] == GENESIS.ledger_id.hex()
    assert page["verified"] == page["count"] == 2, "each of those that are shown holds"
    assert (chain["complete"]["ok"], chain["ended_s"]) == (False, None)
    assert "records are withheld" in chain["complete"]["text"]


def test_many_files_are_verified_by_a_trust_file(tmp_path: Path, capsys) -> None:
    files = [str(filed(tmp_path, name)) for name in ("one.report", "two.report")]
    trust = trusted(tmp_path)
    capsys.readouterr()
    assert report(["verify", *files, *trust, "--json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["records"], page["rows"], len(page["files"])) == (6, 6, 2)
    assert page["files"][0]["verdict"] == "all 3 records hold, unattested: a software key signed them"
    assert report(["verify", *files, "--ledger-id", LEDGER_ID]) == 0
    assert "2 of 2 files hold" in capsys.readouterr().out


def test_one_bad_file_of_several_is_named_and_the_others_are_verified(tmp_path: Path, capsys) -> None:
    good, bad = filed(tmp_path), tmp_path / "bad.report"
    bad.write_bytes(good.read_bytes()[:-40])
    trust = trusted(tmp_path)
    capsys.readouterr()
    assert report(["verify", str(bad), str(good), *trust]) == 1
    said = capsys.readouterr().out
    assert f"{bad}: cannot be verified: {bad}: report file: at byte" in said
    assert "the file ends inside header" in said
    assert "1 of 2 files hold" in said


def test_another_ledgers_report_is_no(tmp_path: Path, capsys) -> None:
    file = filed(tmp_path)
    for command in ("verify", "sum", "export"):
        assert report([command, str(file), str(file), "--ledger-id", "00" * 32]) == 1
        captured = capsys.readouterr()
        assert f"this is a report to ledger {LEDGER_ID}" in captured.out + captured.err


def test_rows_are_exported_as_csv_and_json(tmp_path: Path, capsysbinary) -> None:
    file = str(filed(tmp_path))
    assert report(["export", file, "--ledger-id", LEDGER_ID]) == 0
    text = capsysbinary.readouterr().out.decode()
    found = [
        {name: value.removeprefix("'") for name, value in one.items()}
        for one in csv.DictReader(io.StringIO(text, newline=""))
    ]
    assert [one["grant"] for one in found] == [one.grant_id.hex() for one in (GRANT, GRANT, OTHER)]
    assert {one["verdict"] for one in found} == {"holds"}
    assert (found[0]["down_bytes"], found[0]["up_bytes"], found[0]["attested"]) == ("1000", "10", "false")
    out = tmp_path / "rows.json"
    assert report(["export", file, "--ledger-id", LEDGER_ID, "--format", "json", "--out", str(out)]) == 0
    page = json.loads(out.read_text())
    assert [row["consumer"] for row in page["rows"]] == [str(key.public) for key in (ALICE, ALICE, BOB)]
    assert [str(value).lower() for value in page["rows"][0].values()] == list(found[0].values())


def test_what_cannot_be_read_leaves_no_file_behind(tmp_path: Path, capsys) -> None:
    whole, out = filed(tmp_path), tmp_path / "rows.csv"
    out.write_text("from before")
    whole.write_bytes(whole.read_bytes()[:-1])
    assert report(["export", str(whole), "--ledger-id", LEDGER_ID, "--out", str(out)]) == 1
    assert str(whole) in capsys.readouterr().err
    assert out.read_text() == "from before"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["box.report", "rows.csv"]
    missing = tmp_path / "no" / "rows.csv"
    file = str(filed(tmp_path))
    assert report(["export", file, "--ledger-id", LEDGER_ID, "--out", str(missing)]) == 3


def test_sums_are_shown_and_written(tmp_path: Path, capsysbinary) -> None:
    file = str(filed(tmp_path))
    assert report(["sum", file, "--ledger-id", LEDGER_ID]) == 0
    assert b"1970-01-01" in capsysbinary.readouterr().out
    assert report(["sum", file, "--ledger-id", LEDGER_ID, "--by", "consumer", "--json"]) == 0
    page = json.loads(capsysbinary.readouterr().out)
    assert page["sums"][str(ALICE.public)]["down_bytes"] == 2_000
    assert page["total"]["rows"] == page["total"]["unattested_rows"] == 3
    assert report(["sum", file, "--ledger-id", LEDGER_ID, "--by", "box", "--format", "csv"]) == 0
    heading, line = capsysbinary.readouterr().out.decode().splitlines()
    assert heading.startswith("box,rows,down_bytes")
    assert line.lstrip("'").startswith(f"{KEY.public_key.key_id.hex()},3,3000,30,")


def test_rows_of_a_chain_that_is_cut_are_exported_and_said_to_be_not_all(
    tmp_path: Path, capsysbinary
) -> None:
    file, whole = tmp_path / "box.report", bundle()
    file.write_bytes(write_bundle(replace(whole, records=whole.records[:-1])))
    assert report(["export", str(file), "--ledger-id", LEDGER_ID]) == 1
    captured = capsysbinary.readouterr()
    assert captured.out.count(b"\r\n") == 2
    assert b"2 records hold, and others are withheld" in captured.err


def test_a_trust_file_says_what_it_trusts(tmp_path: Path, capsys) -> None:
    out = tmp_path / "trust.json"
    assert report(["trust", "--ledger-id", LEDGER_ID, "--out", str(out), "--json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["ledgers"], page["makers"]) == ([LEDGER_ID], 0)
    (tmp_path / "makers.pem").write_text("none")
    argv = ["trust", "--ledger-id", LEDGER_ID, "--vendors", str(tmp_path / "makers.pem"), "--out", str(out)]
    assert report(argv) == 2
    assert "makers.pem: vendors" in capsys.readouterr().err
    assert json.loads(out.read_text())["vendors"] == "", "the file from before is still whole"


def test_a_statement_is_one_page(tmp_path: Path, capsys) -> None:
    out = tmp_path / "statement.html"
    argv = ["export", str(filed(tmp_path)), "--ledger-id", LEDGER_ID, "--format", "html", "--out", str(out)]
    assert report(argv) == 0
    text = out.read_text()
    assert "Everything that can be checked holds" in text
    assert report([*argv[:-1], str(tmp_path / "again.html")]) == 0
    assert (tmp_path / "again.html").read_text() == text, "no clock is asked"


def test_only_what_is_asked_for_counts_and_everything_is_verified(tmp_path: Path, capsysbinary) -> None:
    file = str(filed(tmp_path))
    for days, rows in (
        (["--until", "1970-01-01"], None),
        (["--until", "1970-01-02"], 3),
        (["--since", "1970-01-02"], 0),
    ):
        argv = ["sum", file, "--ledger-id", LEDGER_ID, "--json", *days]
        assert report(argv) == (2 if rows is None else 0)
        page = json.loads(capsysbinary.readouterr().out)
        if rows is None:
            assert "--since is not before --until" in page["error"]
            continue
        assert (page["total"]["rows"], page["files"][0]["rows"]) == (rows, 3)
        assert report(["export", file, "--ledger-id", LEDGER_ID, *days]) == 0
        assert capsysbinary.readouterr().out.count(b"\r\n") == rows + 1
    out = tmp_path / "statement.html"
    days = ["--since", "1970-01-02", "--until", "1970-02-01"]
    argv = ["export", file, "--ledger-id", LEDGER_ID, "--format", "html", "--out", str(out), *days]
    assert report(argv) == 0
    assert "1970-01-02 00:00 to 1970-02-01 00:00 UTC" in out.read_text()
    assert report(["sum", file, "--ledger-id", LEDGER_ID, "--since", "yesterday"]) == 2


@pytest.mark.parametrize("command", [["sum"], ["export"], ["export", "--format", "html"]], ids=" ".join)
def test_a_box_that_is_given_twice_is_not_counted_twice(command: list[str], tmp_path: Path, capsys) -> None:
    files = [str(filed(tmp_path, name)) for name in ("one.report", "two.report")]
    out = tmp_path / "out"
    more = [] if command == ["sum"] else ["--out", str(out)]
    assert report([*command, *files, "--ledger-id", LEDGER_ID, *more]) == 2
    assert "its rows would count twice" in capsys.readouterr().err
    assert not out.exists()


def test_a_table_is_for_the_terminal(tmp_path: Path, capsys) -> None:
    argv = ["sum", str(filed(tmp_path)), "--ledger-id", LEDGER_ID, "--out", str(tmp_path / "out")]
    assert report(argv) == 2
    assert "say --format csv or json" in capsys.readouterr().err
