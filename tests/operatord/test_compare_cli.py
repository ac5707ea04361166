"""`airgrant report compare` on files: box, device and RADIUS, and its exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from apd.shells.software_key import SoftwareKey
from lab.bench.reports import GENESIS, START_S, _prove_end, kept_file
from ledger.enrolment import read_enrolled
from ledger.entries import MeterChain, chain_key, read_entry
from ledger.report_cli import report
from tests.ledger.test_bundle import GRANT as SERVED
from tests.ledger_world import BOB, CAROL
from tests.ledger_world import GENESIS as SERVED_LEDGER
from tests.operatord.test_detail import GRANT as DETAIL_GRANT
from tests.operatord.test_detail import T, packet
from tests.report_box import ALL_THAT_FITS, write_box
from wire.cbor import read_cbor, write_cbor

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


def radius_file(folder: Path, grant: str, end_s: int = 590) -> Path:
    file = folder / "detail"
    octets = 10_000_000 + 10_000 * 34
    sent = "\tAcct-Input-Octets = 1050000\n\tAcct-Input-Packets = 1000\n"
    stop = packet("Stop", T + end_s, octets=octets, more=sent).replace(f"= {octets // 1_000}\n", "= 10000\n")
    text = (packet("Start", T) + stop).replace(DETAIL_GRANT.hex(), grant)
    file.write_text(text)
    return file


RECORDS, END = 4, 6


def rewritten(file: Path, change: Callable[[list], None]) -> Path:
    """Of the same name in another folder, with something changed in it."""
    page = read_cbor(file.read_bytes())
    assert isinstance(page, list)
    change(page)
    other = file.parent / "changed"
    other.mkdir(exist_ok=True)
    (other / file.name).write_bytes(write_cbor(page))
    return other / file.name


def compared(capsys, *argv: str | Path) -> tuple[int, dict]:
    capsys.readouterr()
    status = report(["compare", *map(str, argv), *TRUSTED, "--json"])
    return status, json.loads(capsys.readouterr().out)


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


def test_what_ended_and_was_not_judged_is_no_agreement(tmp_path: Path, capsys) -> None:
    box, grant = box_file(tmp_path)
    argv = ["--box", str(box), "--radius", str(radius_file(tmp_path, grant, 700))]
    status, page = compared(capsys, *argv)
    assert (status, page["ok"], page["counts"]["unreported"]) == (1, False, 1)
    assert [(row["ok"], row["judged"]) for row in page["grants"]] == [(False, False)]
    assert report(["compare", *argv, *TRUSTED]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "1 is not judged: its sessions ended, and a box that has it has not reported so far" in said


def test_a_session_that_goes_on_can_wait_and_is_told(tmp_path: Path, capsys) -> None:
    box, grant = box_file(tmp_path)
    detail = tmp_path / "going"
    detail.write_text(packet("Start", T).replace(DETAIL_GRANT.hex(), grant))
    status, page = compared(capsys, "--box", box, "--radius", detail)
    assert (status, page["ok"], page["counts"]["open"]) == (0, True, 1)
    assert report(["compare", "--box", str(box), "--radius", str(detail), *TRUSTED]) == 0
    assert "1 is not judged: a session goes on" in capsys.readouterr().out


def test_nothing_is_no_agreement(tmp_path: Path, capsys) -> None:
    box, _ = box_file(tmp_path)
    nothing = tmp_path / "nothing.json"
    nothing.write_text('{"airgrant device counters": 1, "sessions": []}')
    assert compared(capsys, "--box", box, "--device", nothing)[0] == 1
    assert report(["compare", "--box", str(box), "--device", str(nothing), *TRUSTED]) == 1
    assert "there is nothing to compare" in capsys.readouterr().out


def test_a_device_that_ends_in_the_future_is_refused(tmp_path: Path, capsys) -> None:
    box, grant = box_file(tmp_path)
    device = device_file(tmp_path, grant, 1)
    device.write_text(device.read_text().replace(f"{START_S + 590}", f"{2**62}"))
    assert report(["compare", "--box", str(box), "--device", str(device), *TRUSTED]) == 1
    said = capsys.readouterr().err
    assert f"{device}: grant {grant}: ends at {2**62} s UTC" in said
    assert f"proved to {START_S + 600} s only" in said


def test_a_box_is_not_judged_by_another_that_reported_later(tmp_path: Path, capsys) -> None:
    box, grant = box_file(tmp_path)
    later = kept_file(tmp_path, 2 * REPORTS, 1, 2, lambda _text: None)
    radius = radius_file(tmp_path, grant, 700)
    status, page = compared(capsys, "--box", box, later, "--radius", radius)
    assert (status, [row["outcome"] for row in page["grants"]]) == (1, ["unreported"])
    status, page = compared(capsys, "--box", later, "--radius", radius)
    assert [row["outcome"] for row in page["grants"]] == ["apart"], "that one alone has said all"


def test_of_a_retired_key_nothing_more_is_awaited(tmp_path: Path, capsys) -> None:
    box, grant = box_file(tmp_path)

    def retire(page: list) -> None:
        key_id = read_enrolled(page[3], GENESIS).attestation_key.key_id
        end = read_entry(chain_key(key_id), page[END][0])
        assert isinstance(end, MeterChain)
        proof = _prove_end(replace(end, retired_s=START_S + 650), key_id, START_S + 900)
        page[END] = [proof.entry, proof.proof, proof.header]

    radius = radius_file(tmp_path, grant, 700)
    status, page = compared(capsys, "--box", rewritten(box, retire), "--radius", radius)
    assert (status, [row["outcome"] for row in page["grants"]]) == (1, ["apart"])


def test_doubled_and_forged_rows_are_kept_apart(tmp_path: Path, capsys) -> None:
    box, grant = box_file(tmp_path)

    def double(page: list) -> None:
        records = page[RECORDS]
        forged = records[5].replace((1_000_000).to_bytes(4, "big"), (9_000_000).to_bytes(4, "big"))
        assert forged != records[5]
        page[RECORDS] = [*records, records[5], forged]

    status, page = compared(capsys, "--box", rewritten(box, double), "--radius", radius_file(tmp_path, grant))
    (row,) = page["grants"]
    assert (status, row["outcome"], row["box"]["down_bytes"]) == (1, "agree", 10_000_000)
    assert row["box_apart"] == {"rows": 1, "down_bytes": 1_000_000, "up_bytes": 100_000}
    assert "1 signed rows that do not hold, and 1 forged ones, are in no sum" in page["left_out"][0]


def test_what_several_boxes_together_cannot_have_served_is_in_no_sum(tmp_path: Path, capsys) -> None:
    boxes = [
        str(write_box(tmp_path / f"{name}.report", SoftwareKey(provider), ALL_THAT_FITS, provider=provider))
        for name, provider in (("bob", BOB), ("carol", CAROL))
    ]
    session = {"grant": SERVED.grant_id.hex(), "from_utc_s": 0, "to_utc_s": 1, "down_bytes": 1, "up_bytes": 0}
    device = tmp_path / "phone.json"
    device.write_text(json.dumps({"airgrant device counters": 1, "sessions": [session]}))
    ledger = ["--ledger-id", SERVED_LEDGER.ledger_id.hex(), "--json"]

    def rows(*files: str) -> list[dict]:
        capsys.readouterr()
        assert report(["compare", "--device", str(device), *ledger, "--box", *files]) == 1
        found: list[dict] = json.loads(capsys.readouterr().out)["grants"]
        return found

    (alone,) = rows(boxes[0])
    assert (alone["box"]["down_bytes"], alone["box_apart"]["rows"]) == (750_000_000, 0)
    (together,) = rows(*boxes)
    assert (together["box"]["down_bytes"], together["box_apart"]["rows"]) == (0, 2)


def test_a_box_file_that_is_none_is_named(tmp_path: Path, capsys) -> None:
    _, grant = box_file(tmp_path)
    (tmp_path / "bad.report").write_bytes(b"\xff")
    device = str(device_file(tmp_path, grant))
    assert report(["compare", "--box", str(tmp_path / "bad.report"), "--device", device, *TRUSTED]) == 1
    assert "bad.report: " in capsys.readouterr().err


def test_a_detail_file_that_is_none_is_named_with_its_line(tmp_path: Path, capsys) -> None:
    box, grant = box_file(tmp_path)
    good, bad = radius_file(tmp_path, grant), tmp_path / "bad"
    bad.write_text("Sun\nno\n no\n")
    assert report(["compare", "--box", str(box), "--radius", str(good), str(bad), *TRUSTED]) == 1
    assert "bad: line 3: is no line of a detail file" in capsys.readouterr().err
    assert report(["compare", "--box", str(box), "--radius", str(tmp_path / "none"), *TRUSTED]) == 2


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
