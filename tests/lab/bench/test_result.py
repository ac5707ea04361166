"""Figures know whether they reach their goal; the file has the shape of docs/architecture.md, Benchmarks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.bench.result import (
    Against,
    Better,
    Figure,
    describe_machine,
    format_result,
    parse_result,
    write_result,
)

SIZE = Figure("signed offer", 158, "bytes", 160, "lower", Against("JSON", 558))
RATE = Figure("verified", 9000.5, "1/s")


@pytest.mark.parametrize(
    ("value", "goal", "better", "ok"),
    [
        (160, 160, "lower", True),
        (161, 160, "lower", False),
        (3000, 3000, "higher", True),
        (2999, 3000, "higher", False),
        (0, None, "higher", True),
    ],
)
def test_ok(value: float, goal: float | None, better: Better, ok: bool) -> None:
    assert Figure("x", value, "u", goal, better).ok is ok


@pytest.mark.parametrize(
    ("figure", "ratio"),
    [
        (Figure("x", 10, "s", better="lower", against=Against("y", 25)), 2.5),
        (Figure("x", 10, "1/s", against=Against("y", 25)), 0.4),
        (Figure("x", 0, "s", better="lower", against=Against("y", 25)), None),
        (RATE, None),
    ],
)
def test_ratio_above_one_is_better(figure: Figure, ratio: float | None) -> None:
    assert figure.ratio == ratio


def test_the_file_has_exactly_the_agreed_shape(tmp_path: Path) -> None:
    write_result("wire", [SIZE, RATE], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["wire.json"]
    assert json.loads((tmp_path / "wire.json").read_text()) == {
        "name": "wire",
        "machine": describe_machine(),
        "command": "make bench NAME=wire",
        "figures": [
            {
                "what": "signed offer",
                "value": 158,
                "unit": "bytes",
                "goal": 160,
                "better": "lower",
                "ok": True,
                "against": {"name": "JSON", "value": 558},
            },
            {
                "what": "verified",
                "value": 9000.5,
                "unit": "1/s",
                "goal": None,
                "better": "higher",
                "ok": True,
                "against": None,
            },
        ],
    }


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    result = write_result("wire", [SIZE, RATE], tmp_path)
    assert parse_result(format_result(result)) == result


def test_machine_names_kernel_and_python() -> None:
    assert " core" in describe_machine()
    assert ", Linux " in describe_machine()
    assert ", Python 3." in describe_machine()
