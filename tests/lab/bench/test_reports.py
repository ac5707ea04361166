"""The files that are measured are report files that hold, by the reader that has them whole in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.bench.reports import ANCHOR_EVERY, GENESIS, SESSION_REPORTS, kept_file, report, write_report_file
from ledger.bundle import read_bundle, verify_bundle
from ledger.reports.trust import format_trust
from wire.errors import ShellError


def test_a_file_is_one_that_verifies_and_is_attested(tmp_path: Path) -> None:
    file = tmp_path / "box.report"
    write_report_file(file, SESSION_REPORTS + 2, 3, 1)
    audit = verify_bundle(read_bundle(file.read_bytes()))
    assert audit.ok
    assert len(audit.verdict.records) == SESSION_REPORTS + 3
    assert all(record.attested for record in audit.verdict.records)
    assert len(audit.usage) == 6, "sessions of two hours"
    assert ANCHOR_EVERY > SESSION_REPORTS


def test_a_command_is_measured_and_one_that_fails_is_an_error(tmp_path: Path) -> None:
    trust = tmp_path / "trust.json"
    trust.write_text(format_trust([GENESIS.ledger_id]))
    file = kept_file(tmp_path, 10, 2, 1, lambda _text: None)
    assert kept_file(tmp_path, 10, 2, 1, pytest.fail) == file, "made once"
    ran = report("verify", [file], trust)
    assert ran.peak_mb > 1
    assert ran.spent_s > 0
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ShellError, match="airgrant report verify"):
        report("verify", [file], trust)
