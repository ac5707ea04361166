"""`airgrant report compare` on files: box, device and RADIUS, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.bench.reports import GENESIS, START_S, kept_file
from ledger.report_cli import report
from tests.operatord.test_detail import GRANT as DETAIL_GRANT
from tests.operatord.test_detail import T, packet

REPORTS = 10
TRUSTED = ["--ledger-id", GENESIS.ledger_id.hex()]


def box_file(folder: Path) -> tuple[Path, str]:
    """A box that reports ten minutes of one session, and the grant's id."""
    file = kept_file(folder, REPORTS, 1, 1, lambda _text: None)
    rows = folder / "rows.json"
    assert report(["export", str(file), *TRUSTED, "--format", "json", "--out", str(rows)]) == 0
    return file, json.loads(rows.read_text())["rows"][0]["grant"]


def device_file(folder: Path, grant: str, down_bytes: int = 10_000_000) -> Path:
    file = folder / "phone.json"
    session = {
        "grant": grant,
        "from_utc_s": START_S + 5,
        "to_utc_s": START_S + 590,
        "down_bytes": down_bytes,
        "up_bytes": 1_000_000,
    }
    file.write_text(json.dumps({"airgrant device counters": 1, "sessions": [session]}))
    return file


def radius_file(folder: Path, grant: str) -> Path:
    file = folder / "detail"
    octets = 10_000_000 + 10_000 * 34
    sent = "\tAcct-Input-Octets = 1050000\n\tAcct-Input-Packets = 1000\n"
    stop = packet("Stop", T + 590, octets=octets, more=sent).replace(f"= {octets // 1_000}\n", "= 10000\n")
    text = (packet("Start", T) + stop).replace(DETAIL_GRANT.hex(), grant)
    file.write_text(text)
    return file


def test_three_that_agree_and_one_that_stands_alone(tmp_path: Path, capsys) -> None:
    box, grant = box_file(tmp_path)
    argv = ["compare", "--box", str(box), "--radius", str(radius_file(tmp_path, grant)), *TRUSTED, "--json"]
    capsys.readouterr()
    assert report([*argv, "--device", str(device_file(tmp_path, grant))]) == 0
    (row,) = json.loads(capsys.readouterr().out)["grants"]
    assert (row["outcome"], row["box"]["down_bytes"]) == ("agree", 10_000_000)
    assert row["radius"] == {
        "up_bytes": 1_000_000,
        "down_bytes": 10_000_000,
        "duration_s": 590,
        "sessions": 1,
    }
    assert report([*argv, "--device", str(device_file(tmp_path, grant, 5_000_000))]) == 1
    (row,) = json.loads(capsys.readouterr().out)["grants"]
    assert row["words"] == "the device stands alone: box and RADIUS agree"


def test_a_person_reads_who_disagrees(tmp_path: Path, capsys) -> None:
    box, grant = box_file(tmp_path)
    capsys.readouterr()
    assert (
        report(["compare", "--box", str(box), "--device", str(device_file(tmp_path, grant, 1)), *TRUSTED])
        == 1
    )
    said = capsys.readouterr().out
    assert "they disagree, and nobody can say which is right" in said
    assert "0 of 1 grants agree" in said


@pytest.mark.parametrize(
    "argv", [[], ["--box", "/nowhere"], ["--box", "/nowhere", "--device", "/nowhere", *TRUSTED]]
)
def test_a_wrong_command_line_is_status_2(argv: list[str], capsys) -> None:
    assert report(["compare", *argv]) == 2
    assert capsys.readouterr().err


def test_a_file_that_is_none_is_named(tmp_path: Path, capsys) -> None:
    box, grant = box_file(tmp_path)
    argv = ["compare", "--box", str(box), *TRUSTED, "--device"]
    (tmp_path / "bad").write_bytes(b"\xff")
    assert report([*argv, str(tmp_path / "bad")]) == 1
    device = str(device_file(tmp_path, grant))
    assert report([*argv, device, device]) == 1
    said = capsys.readouterr().err
    assert "bad: is no text" in said
    assert "is told of by another file, too" in said


def test_its_help_is_its_own(capsys) -> None:
    assert report(["compare", "--help"]) == 0
    assert "examples:" in capsys.readouterr().out
