"""The `airgrant` command: a table, help, and exit statuses that scripts can use."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import airgrant
import apd.version

ROOT = Path(__file__).resolve().parent.parent


def test_help_names_every_subcommand_and_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert airgrant.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in airgrant.SUBCOMMANDS)
    assert airgrant.EXIT_CODES in text
    assert "airgrant keygen" in text


def test_nothing_asked_is_a_usage_error_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert airgrant.main([]) == 2
    assert "subcommands:" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert airgrant.main(["--version"]) == 0
    assert capsys.readouterr().out == f"airgrant {airgrant.VERSION}\n"


def test_both_commands_have_one_version() -> None:
    assert apd.version.VERSION == airgrant.VERSION


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("acount", "no subcommand 'acount': did you mean 'account'?"),
        ("xyzzy", "no subcommand 'xyzzy': see `airgrant --help`"),
        ("--verbose", "no option '--verbose': see `airgrant --help`"),
    ],
)
def test_an_unknown_word_gets_a_suggestion(
    word: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert airgrant.main([word]) == 2
    assert capsys.readouterr().err == f"airgrant: {answer}\n"


def test_the_rest_of_the_line_goes_to_the_subcommand() -> None:
    subcommand = airgrant.Subcommand("builtins", "len", "counts its arguments")
    assert airgrant.run(subcommand, ["a", "b", "c"]) == 3


def test_an_interrupt_is_130(capsys: pytest.CaptureFixture[str]) -> None:
    interrupted = airgrant.Subcommand("_thread", "interrupt_main", "interrupts itself")
    # interrupt_main(signum) wants a number: 2 is SIGINT.
    assert airgrant.run(interrupted, 2) == 130  # type: ignore[arg-type]
    assert capsys.readouterr().err == "airgrant: interrupted\n"


@pytest.mark.parametrize("name", airgrant.SUBCOMMANDS)
def test_every_subcommand_is_where_the_table_says(name: str) -> None:
    subcommand = airgrant.SUBCOMMANDS[name]
    assert importlib.util.find_spec(subcommand.module) is not None, f"{subcommand.module} is missing"
    module = importlib.import_module(subcommand.module)
    assert callable(getattr(module, subcommand.function))


def test_help_loads_nothing_foreign() -> None:
    script = (
        "import sys, airgrant; airgrant.main(['--help']); "
        "print(sorted({m.split('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.splitlines()[-1] == "['__main__', 'airgrant']"
