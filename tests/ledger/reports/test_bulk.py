"""Files on disk: the same verdicts as of a bundle in memory, also by several processes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ledger.bundle import Bundle, write_bundle
from ledger.entries import MeterChain as ChainEnd
from ledger.reports.bulk import open_report, verify_files
from ledger.reports.sum_up import Sum
from ledger.reports.trust import format_trust, parse_trust
from tests.ledger.test_bundle import GRANT, OTHER, bundle, proof_of
from tests.ledger_world import ALICE, BOB, GENESIS
from wire.errors import ConfigError, DecodeError, VerificationError
from wire.grant import write_grant

TRUST = parse_trust(format_trust([GENESIS.ledger_id]), "trust")


def filed(folder: Path, name: str, whole: Bundle) -> Path:
    file = folder / name
    file.write_bytes(write_bundle(whole))
    return file


def quiet(_text: str) -> None:
    pass


def test_a_file_is_judged_record_by_record(tmp_path: Path) -> None:
    with open_report(filed(tmp_path, "box", bundle()), TRUST) as report:
        rows = [row for judged in report.judged() for row in judged.rows]
        outcome = report.fold.finish()
    assert [row.consumer for row in rows] == [key.public.octets for key in (ALICE, ALICE, BOB)]
    assert outcome.ok


def test_several_processes_say_what_one_says(tmp_path: Path) -> None:
    whole = bundle()
    kinds = (whole, replace(whole, records=whole.records[:2]), replace(whole, records=(b"junk",)))
    files = [filed(tmp_path, f"{number}.report", kind) for number, kind in enumerate(kinds)]
    (tmp_path / "cut").write_bytes(files[0].read_bytes()[:-9])
    files.append(tmp_path / "cut")
    alone, shared = (verify_files(files, TRUST, ["grant"], quiet, workers) for workers in (1, 2))
    assert alone == shared
    assert [outcome.ok for outcome, _ in shared] == [True, False, False, False]
    assert shared[0][1]["grant"][GRANT.grant_id.hex()] == Sum(2, 2_000, 20, 0, 0, 2)
    assert "the file ends inside header" in shared[3][0].error


def test_no_module_that_lies_beside_the_files_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [filed(tmp_path, name, bundle()) for name in ("a.report", "b.report")]
    for name in ("sqlite3", "json", "ledger", "wire"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    assert all(outcome.ok for outcome, _ in verify_files(files, TRUST, (), quiet, 2))
    assert not (tmp_path / "ran").exists()


def test_every_grant_is_the_ledgers_own_also_one_that_nobody_names(tmp_path: Path) -> None:
    whole = bundle()
    stranger = write_grant(replace(GRANT, grant_id=bytes(range(16))), ALICE, GENESIS.ledger_id)
    file = filed(tmp_path, "box", replace(whole, grants=(*whole.grants, stranger)))
    with pytest.raises(VerificationError, match="box"), open_report(file, TRUST):
        pass


def test_an_end_of_somebody_elses_is_refused(tmp_path: Path) -> None:
    file = filed(tmp_path, "box", replace(bundle(), end=replace(bundle().end, entry=b"\x80")))
    with pytest.raises(DecodeError, match="box"), open_report(file, TRUST):
        pass
    forged = proof_of(ChainEnd(3, bytes(32)), BOB)
    with (
        pytest.raises(VerificationError),
        open_report(filed(tmp_path, "b", replace(bundle(), end=forged)), TRUST),
    ):
        pass


def test_a_grant_that_is_missing_is_a_finding(tmp_path: Path) -> None:
    whole = bundle()
    ((outcome, sums),) = verify_files(
        [filed(tmp_path, "box", replace(whole, grants=whole.grants[:1]))], TRUST, ["grant"], quiet
    )
    assert outcome.failures == {"totals": 1}
    assert sums["grant"][OTHER.grant_id.hex()].disputed_rows == 1


def test_a_file_that_is_not_there_stops_before_anything_is_verified(tmp_path: Path) -> None:
    there, missing = filed(tmp_path, "box", bundle()), tmp_path / "missing"
    with pytest.raises(ConfigError, match="missing: No such file"):
        verify_files([there, missing], TRUST, (), quiet)
