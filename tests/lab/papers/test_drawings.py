"""Drawings, and where ours are."""

from __future__ import annotations

from pathlib import Path

from lab.papers.drawings import findings
from lab.papers.exhibit import QUICK, Verdict

ROOT = Path(__file__).parents[3]


def test_they_lead_to_files_that_are_there() -> None:
    found = findings(QUICK)
    assert {finding.verdict for finding in found.values()} == {Verdict.DRAWING}
    assert [path for finding in found.values() for path in finding.see if not (ROOT / path).exists()] == []
