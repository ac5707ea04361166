"""Chapters run one by one or several at a time, with the same result."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lab.papers import drawings, leasing
from lab.papers.exhibit import QUICK, Effort, Findings
from lab.papers.files import stem_of
from lab.papers.running import reproduce

CHAPTERS = {"leasing": leasing.findings, "drawings": drawings.findings}


def failing(effort: Effort) -> Findings:
    raise ArithmeticError(f"{effort.seeds} seeds")


def test_chapters_run_in_turn_and_say_so() -> None:
    said = list[str]()
    exhibits = reproduce(CHAPTERS, QUICK, said.append)
    found = {each.claim.id: each.finding for each in exhibits}
    assert found["001/figure-3"] == leasing.findings(QUICK)["001/figure-3"]
    assert [line.split(" exhibits")[0] for line in said] == [" 1 of 2  leasing: 5", " 2 of 2  drawings: 18"]


@pytest.mark.timeout(900)
def test_in_processes_of_their_own_they_find_the_same(tmp_path: Path) -> None:
    """In a program of its own: what multiprocessing starts for itself ends with it."""
    program = [sys.executable, "-m", "lab.papers", "--quick", "--processes", "2", "--out", str(tmp_path)]
    done = subprocess.run(
        [*program, "--only", "leasing", "--only", "drawings"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert " 2 of 2  " in done.stdout
    for exhibit in reproduce(CHAPTERS, QUICK, lambda _: None):
        page = json.loads((tmp_path / "data" / f"{stem_of(exhibit)}.json").read_text())
        assert page["ours"] == exhibit.finding.ours


def test_what_a_chapter_raises_ends_the_run() -> None:
    with pytest.raises(ArithmeticError, match="2 seeds"):
        reproduce({"failing": failing}, QUICK, lambda _: None)


def test_two_chapters_do_not_answer_the_same_claim() -> None:
    with pytest.raises(AssertionError, match="001/figure-3"):
        reproduce({"a": leasing.findings, "b": leasing.findings}, QUICK, lambda _: None)
