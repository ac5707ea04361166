"""`make lab-ran`, as quick as it goes: what it prints and writes."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from lab.ran.__main__ import main, play
from lab.ran.lab_run import QUICK


def test_a_run_writes_its_page_and_its_numbers(tmp_path: Path) -> None:
    said = io.StringIO()
    sizes = replace(QUICK, full_s=2, shop_s=2, waste_s=10, loads=(1.0,))
    held = play(tmp_path / "out", sizes, Console(file=said, width=110))
    document = json.loads((tmp_path / "out" / "result.json").read_text())
    assert held is document["ok"]
    assert ("It holds." in said.getvalue()) is document["ok"]
    assert (tmp_path / "out" / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--quick" in capsys.readouterr().out
