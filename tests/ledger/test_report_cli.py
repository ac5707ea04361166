"""`airgrant report` on files: what it says, what it writes, and its exit status. No ledger is asked.

With a real ledger: tests/system/test_ledger_cli.py.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from apd.shells.fake_tpm import FakeTpm, FakeVendor
from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger.bundle import verify_bundle, write_bundle
from ledger.entries import MeterChain as ChainEnd
from ledger.report_cli import report
from tests.ledger.test_bundle import GRANT, KEY, OTHER, bundle, proof_of
from tests.ledger_world import ALICE, BOB, CAROL, GENESIS, PROVIDER, START_S
from tests.report_box import ALL_THAT_FITS, write_box
from wire.meter_record import UsageRow

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
    assert report(["verify", str(file), "--ledger-id", GENESIS.ledger_id.hex()]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "shown to its end, record 3, as block 7 of 1970-01-01 16:40:20 UTC has it" in text
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
    files = [str(filed(tmp_path)), str(write_box(tmp_path / "two.report", SoftwareKey(CAROL)))]
    trust = trusted(tmp_path)
    capsys.readouterr()
    assert report(["verify", *files, *trust, "--json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["records"], page["rows"], len(page["files"])) == (4, 3, 2)
    assert page["files"][0]["verdict"] == (
        "all 3 records hold, unattested: a software key signed them; as of block 7 of 1970-01-01 16:40:20 UTC"
    )
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
    assert (page["ok"], len(page["files"]), list(page)[-1]) == (True, 1, "files")
    assert {row["sold_by"] for row in page["rows"]} == {PROVIDER.public.provider_id.hex()}
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
        status = 2 if rows is None else 1
        assert report(argv) == status, "the day was not over when the file was fetched, or had not begun"
        page = json.loads(capsysbinary.readouterr().out)
        if rows is None:
            assert "--since is not before --until" in page["error"]
            continue
        assert (page["total"]["rows"], page["files"][0]["rows"]) == (rows, 3)
        assert page["ok"] is False
        assert page["span"] == {
            "since_utc_ms": 86_400_000 if "--since" in days else None,
            "until_utc_ms": 86_400_000 if "--until" in days else None,
        }
        assert report(["export", file, "--ledger-id", LEDGER_ID, *days]) == status
        captured = capsysbinary.readouterr()
        assert captured.out.count(b"\r\n") == rows + 1
        assert b"of what came later nothing is proved" in captured.err
    out = tmp_path / "statement.html"
    days = ["--since", "1970-01-02", "--until", "1970-02-01"]
    argv = ["export", file, "--ledger-id", LEDGER_ID, "--format", "html", "--out", str(out), *days]
    assert report(argv) == 1
    text = out.read_text()
    assert "1970-01-02 00:00 to 1970-02-01 00:00 UTC; proved up to 1970-01-01 16:40:20 UTC" in text
    assert "This report cannot prove the whole period" in text
    assert "Everything" not in text
    assert "No row is in this period." in text
    assert report(["sum", file, "--ledger-id", LEDGER_ID, "--since", "yesterday"]) == 2


@pytest.mark.parametrize(
    "command", [["verify"], ["sum"], ["export"], ["export", "--format", "html"]], ids=" ".join
)
def test_a_box_that_is_given_twice_is_not_counted_twice(command: list[str], tmp_path: Path, capsys) -> None:
    files = [str(filed(tmp_path, name)) for name in ("one.report", "two.report")]
    out = tmp_path / "out"
    more = [] if command in (["sum"], ["verify"]) else ["--out", str(out)]
    assert report([*command, *files, "--ledger-id", LEDGER_ID, *more]) == 2
    assert "its rows would count twice" in capsys.readouterr().err
    assert not out.exists()


def test_a_tpm_that_nobody_trusted_vouches_for_proves_nothing(tmp_path: Path, capsys) -> None:
    file = str(write_box(tmp_path / "box.report", FakeTpm(), ALL_THAT_FITS))
    makers = tmp_path / "makers.pem"
    makers.write_bytes(FakeVendor().root.public_bytes(Encoding.PEM))
    trust = trusted(tmp_path, "--vendors", str(makers))
    capsys.readouterr()
    assert report(["sum", file, *trust, "--json"]) == 1
    page = json.loads(capsys.readouterr().out)
    assert (page["total"]["rows"], page["total"]["down_bytes"], page["total"]["forged_rows"]) == (0, 0, 1)
    (told,) = page["files"]
    assert (told["rows_that_hold"], told["attested_rows"], told["failures"]) == (0, 0, {"maker": 1})
    assert told["verdict"].startswith("nobody trusted vouches for the TPM: none of 2 records counts")
    assert told["complete"], "all is there; it is not believed"
    assert report(["export", file, *trust]) == 1
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))
    assert (row["verdict"], row["attested"], row["why"].split(":")[0]) == ("forged", "false", "maker")
    out = tmp_path / "statement.html"
    assert report(["export", file, *trust, "--format", "html", "--out", str(out)]) == 1
    assert "Proved all the same: 0 rows; disputed: 0, forged: 1." in out.read_text()
    assert report(["sum", file, "--ledger-id", LEDGER_ID]) == 0, "without makers it is the ledger's word"


@pytest.fixture
def served_twice(tmp_path: Path) -> list[str]:
    """A whole grant by each of two partners' boxes, each within it."""
    boxes = ((tmp_path / "bob.report", BOB), (tmp_path / "carol.report", CAROL))
    return [
        str(write_box(path, SoftwareKey(provider), ALL_THAT_FITS, provider=provider))
        for path, provider in boxes
    ]


def test_what_several_boxes_say_of_a_grant_is_held_against_it_together(
    served_twice: list[str], capsys
) -> None:
    for file in served_twice:
        assert report(["sum", file, "--ledger-id", LEDGER_ID, "--json"]) == 0, "alone it cannot be seen"
        page = json.loads(capsys.readouterr().out)
        assert page["files"][0]["partner_rows"] == 1
    assert report(["sum", *served_twice, "--ledger-id", LEDGER_ID, "--by", "grant", "--json"]) == 1
    page = json.loads(capsys.readouterr().out)
    assert (page["ok"], page["total"]["rows"], page["total"]["down_bytes"]) == (False, 0, 0)
    assert (page["total"]["disputed_rows"], page["total"]["disputed_bytes"]) == (2, 2_250_000_000)
    boxes = [BOB.public.key_id.hex(), CAROL.public.key_id.hex()]
    for told in page["files"]:
        assert told["failures"] == {"totals": 1}
        assert all(box in told["faults"][0]["text"] for box in boxes)
    assert report(["verify", *served_twice, "--ledger-id", LEDGER_ID]) == 1
    assert "2250000000 bytes of it together" in " ".join(capsys.readouterr().out.split())
    assert report(["export", *served_twice, "--ledger-id", LEDGER_ID]) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert [row["verdict"] for row in rows] == ["claim", "claim"]


def test_a_key_that_is_named_as_revoked_and_is_not_here_is_said(tmp_path: Path, capsys) -> None:
    trust = tmp_path / "trust.json"
    page = {
        "airgrant trust": 1,
        "ledgers": [LEDGER_ID],
        "vendors": "",
        "revoked_keys": [{"key_id": "00" * 8, "since_utc_s": 1, "why": "lost"}],
    }
    trust.write_text(json.dumps(page))
    assert report(["verify", str(filed(tmp_path)), "--trust", str(trust)]) == 0
    assert f"no file is of key {'00' * 8}, which is named as revoked" in capsys.readouterr().out


def test_what_was_counted_and_of_which_time_is_said(tmp_path: Path, capsys) -> None:
    out = tmp_path / "rows.csv"
    argv = ["export", str(filed(tmp_path)), "--ledger-id", LEDGER_ID, "--out", str(out)]
    assert report([*argv, "--since", "1970-01-02"]) == 1
    said = capsys.readouterr().err
    assert "0 rows of 1 files, reports that begin from 1970-01-02 until before the end (UTC)" in said
    assert report(["sum", *argv[1:4], "--since", "1970-01-02"]) == 1
    assert "counted: reports that begin from 1970-01-02" in capsys.readouterr().out
    assert report(["sum", *argv[1:4], "--format", "csv"]) == 0
    assert "counted: all reports" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["export"], ["export", "--format", "json"], ["sum", "--by", "box"], ["verify"]],
    ids=" ".join,
)
def test_a_disk_that_is_full_is_the_worlds_fault(words: list[str], tmp_path: Path) -> None:
    command, *more = words
    trust = trusted(tmp_path) if command == "verify" else ["--ledger-id", LEDGER_ID]
    argv = [command, str(filed(tmp_path)), *trust, *more]
    program = f"import sys; from ledger.report_cli import report; sys.exit(report({argv!r}))"
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, "Traceback" in done.stderr) == (3, False), done.stderr
    assert "standard output: No space left on device" in done.stderr


def test_a_table_is_for_the_terminal(tmp_path: Path, capsys) -> None:
    argv = ["sum", str(filed(tmp_path)), "--ledger-id", LEDGER_ID, "--out", str(tmp_path / "out")]
    assert report(argv) == 2
    assert "say --format csv or json" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["sum", "export"])
def test_nothing_is_written_over_what_is_read_nor_over_what_is_no_file(
    command: str, tmp_path: Path, capsys
) -> None:
    file, link = filed(tmp_path), tmp_path / "other name"
    link.symlink_to(file)
    before, options = file.read_bytes(), [command, str(file), *trusted(tmp_path), "--format", "csv", "--out"]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for out, why in (
        (file, "is read here, and would be lost"),
        (link, "is read here, and would be lost"),
        (tmp_path / "trust.json", "is read here, and would be lost"),
        (pipe, "is no file"),
        (tmp_path, "is no file"),
        (tmp_path / "nowhere" / "rows.csv", "there is no folder"),
    ):
        capsys.readouterr()
        assert report([*options, str(out)]) == 2
        assert why in capsys.readouterr().err
    assert (file.read_bytes(), pipe.is_fifo()) == (before, True)


def test_rows_are_named_by_their_hash_for_whoever_gets_them(tmp_path: Path, capsys) -> None:
    out = tmp_path / "rows.csv"
    assert report(["export", str(filed(tmp_path)), *trusted(tmp_path), "--out", str(out)]) == 0
    assert f"sha256 {hashlib.sha256(out.read_bytes()).hexdigest()}" in capsys.readouterr().err


def test_a_file_is_not_held_against_a_key_id_in_silence(tmp_path: Path, capsys) -> None:
    options = ["--ledger-id", LEDGER_ID, "--key-id", "0" * 16]
    assert report(["verify", str(filed(tmp_path)), *options]) == 2
    assert "a file is of the box that it names" in capsys.readouterr().err


def test_one_file_by_a_ledger_id_alone_is_asked_what_many_are(tmp_path: Path, capsys) -> None:
    """More than the grant carries, in reports each of which is within the slack of reading."""
    fast = UsageRow(GRANT.grant_id, 300_000, 0, 300_000, 0)
    chain = MeterChain(KEY, START_S * 1_000)
    records = (chain.boot(), chain.usage(1, fast), chain.usage(1, fast))
    file, said = tmp_path / "box.report", []
    file.write_bytes(write_bundle(replace(bundle(), records=records, end=proof_of(ChainEnd(3, chain.head)))))
    for options in (["--ledger-id", LEDGER_ID], trusted(tmp_path)):
        capsys.readouterr()
        assert report(["verify", str(file), *options]) == 1
        said.append(" ".join(capsys.readouterr().out.split()))
    assert all("bytes down and 0 up so far are more than its ceilings" in one for one in said)
    assert all("19.998 s" in one for one in said), "nothing was reported until the header"


def test_verify_says_where_a_chain_ends_and_whether_that_is_late_enough(tmp_path: Path, capsys) -> None:
    file, trust = filed(tmp_path), trusted(tmp_path)
    for options in (trust, ["--ledger-id", LEDGER_ID]):
        capsys.readouterr()
        assert report(["verify", str(file), *options, "--until", "1970-01-01"]) == 0
        said = capsys.readouterr().out
        assert f"shown to record 3, {verify_bundle(bundle()).proved.end.head.hex()}" in said
        assert report(["verify", str(file), *options, "--until", "1970-01-02"]) == 1
        assert "of what came later nothing is proved" in capsys.readouterr().out
    assert report(["verify", "--until", "1970-01-02"]) == 2


def test_a_time_that_begins_later_than_what_is_proved_is_not_proved(tmp_path: Path, capsys) -> None:
    """No row is in it, which does not say that nothing was used."""
    file, trust = filed(tmp_path), trusted(tmp_path)
    for command in (["sum"], ["export", "--format", "html"]):
        capsys.readouterr()
        assert report([*command, str(file), *trust, "--since", "1970-01-02"]) == 1
        said = capsys.readouterr()
        assert "of what came later nothing is proved" in said.out + said.err
        assert report([*command, str(file), *trust, "--since", "1970-01-01"]) == 0


def test_a_files_name_says_nothing_of_its_own(tmp_path: Path, capsysbinary) -> None:
    """Whoever sends it names it: no text, a line of its own, a colour."""
    name = os.fsdecode(b"\xff\x1b[31m\nroof.report: all 9 records hold")
    file, trust = str(filed(tmp_path, name)), trusted(tmp_path)
    capsysbinary.readouterr()
    for words in (["verify"], ["export", "--format", "json"], ["export", "--format", "html"], ["sum"]):
        assert report([*words, file, *trust]) == 0
        said = capsysbinary.readouterr().out.decode()
        assert "\x1b[31m" not in said
        assert not any(line.startswith("roof.report") for line in said.splitlines())
    Path(file).write_bytes(b"junk")
    assert report(["verify", file, *trust]) == 1
    assert "\\udcff\\x1b[31m\\nroof.report" in " ".join(capsysbinary.readouterr().out.decode().split())
