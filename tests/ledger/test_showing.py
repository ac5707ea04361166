"""A page for a person and for a program."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from rich.table import Table

from ledger.showing import show

PAGE = {"key": "k", "lines": [1, 2]}


def test_a_program_gets_the_page_and_nobody_is_asked_for_lines(capsys: pytest.CaptureFixture[str]) -> None:
    def lines() -> Sequence[str]:
        raise AssertionError("nobody reads lines here")

    show(PAGE, lines, as_json=True)
    said = capsys.readouterr().out
    assert json.loads(said) == PAGE
    assert said == json.dumps(PAGE, indent=2) + "\n"


def test_a_person_gets_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show(PAGE, lambda: ["[bold]one[/]", "two"], as_json=False)
    assert capsys.readouterr().out == "one\ntwo\n"


def test_nothing_is_cut_or_broken_where_nobody_sees_an_edge(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("id", "account")
    table.add_row("ab" * 32, "02" + "cd" * 32)
    show(PAGE, lambda: ["transaction " + "ab" * 64, table], as_json=False)
    said = capsys.readouterr().out
    assert said.startswith(f"transaction {'ab' * 64}\n")
    assert f" {'ab' * 32} " in said
    assert f" 02{'cd' * 32} " in said


def test_on_a_narrow_terminal_what_does_not_fit_goes_on_below(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    table = Table("id", "account")
    table.add_row("7" * 64, "8" * 66)
    show(PAGE, lambda: ["transaction " + "ab" * 64, table], as_json=False)
    said = capsys.readouterr().out
    assert f"{'ab' * 64}\n" in said
    assert "…" not in said
    assert (said.count("7"), said.count("8")) == (64, 66)
