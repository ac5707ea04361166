"""Verdicts in the words of the reports."""

from __future__ import annotations

import pytest

from ledger.findings import Finding, RecordVerdict, Severity
from ledger.reports.rows import Standing
from operatord.page.judging import judge_standing, standing_of


def verdict(*severities: Severity) -> RecordVerdict:
    findings = tuple(Finding("totals", ok=False, severity=one, text="no") for one in severities)
    return RecordVerdict(3, "usage", b"", attested=True, findings=findings)


@pytest.mark.parametrize(
    ("severities", "standing"),
    [
        ((), Standing.HOLDS),
        ((Severity.CLAIM,), Standing.CLAIM),
        ((Severity.CLAIM, Severity.BREAK), Standing.BREAK),
        ((Severity.BREAK, Severity.FORGERY), Standing.FORGED),
    ],
)
def test_the_worst_is_what_becomes_of_a_record(severities, standing):
    assert standing_of(verdict(*severities)) is standing


def test_a_person_reads_what_follows():
    told = judge_standing(Standing.FORGED, ("signature",))
    assert (told.tone, told.word) == ("bad", "void")
    assert told.follows == (
        "Did the enrolled key sign it? No. Somebody else made it, or it was changed afterwards. It proves nothing.",
    )


def test_what_holds_without_a_tpm_says_so():
    assert judge_standing(Standing.HOLDS).tone == "good"
    assert "no TPM vouches" in judge_standing(Standing.HOLDS, attested=False).sentence
