"""The register of faults in the papers, and the test that is named after each.

A test counts if its name begins with the fault's id: `test_u4_the_printed_choice_of_slots_oversells`. In most the
printed form stands beside ours and fails. What no test can show (a claim of speed, a numbering) says where it is
dealt with.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_TEST = re.compile(r"^def test_([a-z]\d{1,2})_(\w+)", re.MULTILINE)
_CODE = re.compile(r"\A[bmtsup]\d{1,2}\Z")


@dataclass(frozen=True, slots=True)
class Fault:
    """`severity` H: breaks a claim of safety or optimality, or an honest run; M: a wrong formula; L: a slip.

    `elsewhere` is where the fault is dealt with if no test is named after it.
    """

    id: str
    severity: str
    where: str
    what: str
    example: str
    ours: str
    elsewhere: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """A test that is named after a fault: file, line and name."""

    path: str
    line: int
    name: str


def read_faults(text: str) -> tuple[Fault, ...]:
    return tuple(Fault(id=fault, **fields) for fault, fields in tomllib.loads(text).items())


FAULTS = read_faults(Path(__file__).with_name("faults.toml").read_text(encoding="utf-8"))


def tests_by_fault(sources: Mapping[str, str]) -> dict[str, list[Named]]:
    """Tests by the fault in their names; `sources` are test files by their path."""
    found: dict[str, list[Named]] = {}
    for path, text in sorted(sources.items()):
        for match in _TEST.finditer(text):
            if _CODE.match(match[1]):
                line = text.count("\n", 0, match.start()) + 1
                name = f"test_{match[1]}_{match[2]}"
                found.setdefault(match[1].upper(), []).append(Named(path, line, name))
    return found


def read_tests(root: Path = ROOT) -> dict[str, str]:
    """All test files that a fault's test may stand in: market's, the ledger's and those of this package."""
    folders = ("tests/market", "tests/ledger", "tests/operatord", "tests/device", "tests/lab")
    return {
        str(path.relative_to(root)): path.read_text(encoding="utf-8")
        for folder in folders
        for path in (root / folder).rglob("test_*.py")
    }
