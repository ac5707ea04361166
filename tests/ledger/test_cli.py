"""Command lines that need no ledger: help, what is refused, and the exit status when nobody is there.

With a real ledger: tests/system/test_ledger_cli.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import cli
from tests.ledger_world import ALICE

NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize("command", [cli.offer, cli.account])
def test_help_has_examples_and_says_the_exit_status(command: Callable[[list[str]], int], capsys) -> None:
    assert command(["--help"]) == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert "exit status" in text


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        (cli.offer, ["nonsense", "more"]),
        (cli.offer, ["post"]),
        (cli.offer, ["show", "02"]),
        (cli.account, []),
        (cli.account, ["not-a-key"]),
        (cli.account, ["transfer", str(ALICE.public), "0.0000001"]),
    ],
)
def test_a_wrong_command_line_is_status_2_or_3(command: Callable[[list[str]], int], argv: list[str]) -> None:
    expected = 3 if NOWHERE in argv else 2
    assert command(argv) == expected


def test_a_ledger_that_is_not_there_is_status_3_also_as_json(capsys) -> None:
    assert cli.offer(["--ledger", NOWHERE]) == 3
    assert cli.account([str(ALICE.public), "--ledger", NOWHERE, "--json"]) == 3
    captured = capsys.readouterr()
    assert "127.0.0.1:9" in json.loads(captured.out)["error"]
    assert captured.err.count("airgrant:") == 2
    assert captured.err.count("is the ledger running? --ledger URL or AIRGRANT_LEDGER says where") == 2


def test_a_key_file_that_is_none_is_status_2(tmp_path: Path, capsys) -> None:
    (tmp_path / "key").write_text("no key")
    argv = [
        "create",
        "--key",
        str(tmp_path / "key"),
        "--authority",
        "a",
        "--certificate",
        "b",
        "--ledger",
        NOWHERE,
    ]
    assert cli.account(argv) == 2
    assert "private key" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        ["--units", "-1"],
        ["--units", str(2**32)],
        ["--for", "0s"],
        ["--volume-multiplier", "0"],
        ["--reserve", "1=1x999999999", "--down", "20M-2M"],
        ["--reserve", "1=99999999999999x1"],
        ["--rate-layer", "radio"],
    ],
    ids=" ".join,
)
def test_an_offer_that_cannot_be_sent_is_a_wrong_command_line(
    wrong: list[str], tmp_path: Path, capsys
) -> None:
    """Status 2 before anything is asked of anybody: the ledger would drop it without a word."""
    key = tmp_path / "key.pem"
    key.write_bytes(ALICE.to_pem())
    good = ["--price", "1", "--units", "4", "--for", "10m", "--down", "2M-20M", "--up", "1M-5M"]
    good += ["--band", "5170000-5250000/80000", "--key", str(key), "--authority", "a", "--certificate", "b"]
    assert cli.offer(["post", *good, "--interactive", "--rate-layer", "frame", "--ledger", NOWHERE]) == 3
    capsys.readouterr()
    assert cli.offer(["post", *good, *wrong, "--ledger", NOWHERE]) == 2
    assert capsys.readouterr().err


def test_progress_goes_to_standard_error_and_only_if_it_takes_long(capsys, monkeypatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as if a person sat there
    monkeypatch.setenv("TERM", "xterm")
    for quiet, patience_s, shown in ((False, -1.0, True), (True, -1.0, False), (False, 60.0, False)):
        with cli.progress(quiet=quiet, patience_s=patience_s) as tell:
            tell("verifying record 1 of 2")
        captured = capsys.readouterr()
        assert ("verifying record 1 of 2" in captured.err) is shown
        assert captured.out == ""
