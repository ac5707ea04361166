"""The quick run: a page, its data, and no process left behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.papers.__main__ import main


def test_the_quick_run_writes_page_and_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--seeds", "2", "--processes", "1", "--out", str(tmp_path)]) == 0
    summary = json.loads((tmp_path / "data" / "summary.json").read_text())
    assert summary["run"]["quick"] is True
    assert summary["verdicts"]["reproduced"] >= 10
    assert summary["verdicts"]["refuted"] >= 10
    assert "A quick run: 2 seeds" in (tmp_path / "report.html").read_text()
    assert "page: " in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--seeds", "0"], ["--only", "astrology"], ["--processes", "0"]])
def test_nonsense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert "error" in capsys.readouterr().err
