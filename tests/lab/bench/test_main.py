"""`airgrant bench`: names, statuses, JSON, and the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.bench.__main__ import BENCHMARKS, main, renew_page
from lab.bench.result import Figure, write_result


def test_an_unknown_benchmark_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["NAME=nonsense"]) == 2
    assert "no benchmark 'nonsense'; there are wire, ledger, shaper, journey" in capsys.readouterr().err


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert "airgrant bench wire --json" in text
    assert all(name in text for name in BENCHMARKS)


def test_the_page_is_renewed_from_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "performance.md"
    write_result("wire", [Figure("signed offer", 158, "bytes", 160, "lower")], tmp_path)
    assert renew_page(page=page, folder=tmp_path) == 0
    assert "| signed offer | 158 bytes | ≤ 160 | ok |" in page.read_text()
    assert capsys.readouterr().out == f"{page}: wire\n"


def test_only_what_is_named_is_renewed(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    for name in ("wire", "ledger"):
        write_result(name, [Figure(f"of {name}", 158, "bytes", 160, "lower")], tmp_path)
    assert renew_page(["ledger"], page, tmp_path) == 0
    assert "of ledger" in page.read_text()
    assert "of wire" not in page.read_text()


def test_a_page_of_what_is_unknown_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["page", "nonsense"]) == 2
    assert "no benchmark 'nonsense'" in capsys.readouterr().err


def test_a_page_without_results_says_what_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert renew_page(page=tmp_path / "performance.md", folder=tmp_path) == 3
    assert "run `make bench` first" in capsys.readouterr().err
