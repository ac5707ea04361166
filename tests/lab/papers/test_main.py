"""The quick run: a page, its data, and no process left behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.papers.__main__ import main
from lab.papers.registry import CLAIMS


def test_the_quick_run_writes_page_and_data(quick_folder: Path) -> None:
    summary = json.loads((quick_folder / "data" / "summary.json").read_text())
    assert summary["run"]["quick"] is True
    assert sum(summary["verdicts"].values()) == len(CLAIMS)
    assert min(summary["verdicts"].values()) > 0, "some of each: not everything comes out"
    assert "A quick run: 2 seeds" in (quick_folder / "report.html").read_text()


def test_one_chapter_alone_leaves_the_others_not_built(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "old.json").write_text("{}")
    assert main(["--quick", "--only", "drawings", "--processes", "1", "--out", str(tmp_path)]) == 0
    assert "page: " in capsys.readouterr().out
    assert not (tmp_path / "data" / "old.json").exists(), "what an earlier run left is gone"
    assert "are not built yet" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("words", [["--seeds", "0"], ["--only", "astrology"], ["--processes", "0"]])
def test_nonsense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert "error" in capsys.readouterr().err
