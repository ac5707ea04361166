"""Every check that the code makes has its words, and no words are of a check that nobody makes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from ledger.findings import CHECKS as RECORD_CHECKS
from ledger.findings import Severity
from ledger.reports.rows import Standing
from ledger.reports.words import CHECKS, SEVERITIES, STANDINGS

TREE = Path(__file__).resolve().parents[3]
MAKERS = {"Finding", "judge", "note"}


def checks_made(file: Path) -> Iterator[str]:
    """The first argument of whatever makes a finding: a text, or a constant of the module."""
    tree = ast.parse(file.read_text())
    constants: dict[str, str] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                constants[name] = text
            case ast.ImportFrom(module=str(module), names=names):
                found = {one.name: getattr(import_module(module), one.name, None) for one in names}
                constants |= {name: text for name, text in found.items() if isinstance(text, str)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
            assert node.args, f"{file}:{node.lineno}: which check is it?"
            match node.args[0]:
                case ast.Constant(value=str(name)):
                    yield name
                case ast.Name(id=name) if name in constants:
                    yield constants[name]
                case _:
                    assert file.name == "findings.py", f"{file}:{node.lineno}: a check that cannot be told"


def test_every_check_in_the_code_has_words() -> None:
    files = [*TREE.glob("ledger/**/*.py"), *TREE.glob("operatord/**/*.py")]
    judging = [file for file in files if "from ledger.findings import" in file.read_text()]
    made = {check for file in [*judging, TREE / "ledger/findings.py"] for check in checks_made(file)}
    assert made == set(CHECKS)
    assert set(RECORD_CHECKS) <= made


def test_every_check_is_a_question_with_an_answer() -> None:
    for words in CHECKS.values():
        assert "?" in words.asks
        assert words.otherwise.endswith(".")


def test_every_verdict_has_words() -> None:
    assert set(SEVERITIES) == set(Severity)
    assert set(STANDINGS) == set(Standing)
