"""A page for a person and for a program."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

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
