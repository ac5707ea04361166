"""What a benchmark finds: figures with their goals, as a value, as JSON, and as the file `build/bench/NAME.json`.

The shape of the file is in docs/architecture.md, Benchmarks. Measuring is the benchmarks' matter,
showing is `table.py`'s.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

RESULTS = Path(__file__).resolve().parents[2] / "build" / "bench"

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Against:
    """What a figure is compared with, and the value of that, in the unit of the figure, from the same run."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One number: what it says, its value and unit, the goal (None: only to know), and which way is better."""

    what: str
    value: float
    unit: str
    goal: float | None = None
    better: Better = "higher"
    against: Against | None = None

    @property
    def ok(self) -> bool:
        """Whether the goal is reached; true where there is none."""
        if self.goal is None:
            return True
        return self.value >= self.goal if self.better == "higher" else self.value <= self.goal

    @property
    def ratio(self) -> float | None:
        """How many times better than the alternative; below 1 is worse. None without one, or by zero."""
        if self.against is None or not self.value or not self.against.value:
            return None
        better, worse = (
            (self.value, self.against.value) if self.better == "higher" else (self.against.value, self.value)
        )
        return better / worse


@dataclass(frozen=True, slots=True)
class Result:
    """All figures of one benchmark, the machine that made them and the command that makes them again."""

    name: str
    machine: str
    command: str
    figures: tuple[Figure, ...]


def describe_machine() -> str:
    """Processor, cores, kernel and Python of this machine in one line."""
    cores = len(os.sched_getaffinity(0))
    return (
        f"{_processor()}, {cores} core{'s' if cores != 1 else ''}, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in {"model name", "Model", "cpu model"} and value.strip():
            return " ".join(value.split())
    return platform.machine()


def format_result(result: Result) -> str:
    """The JSON text of a result."""
    figures = [
        {
            "what": figure.what,
            "value": figure.value,
            "unit": figure.unit,
            "goal": figure.goal,
            "better": figure.better,
            "ok": figure.ok,
            "against": {"name": figure.against.name, "value": figure.against.value}
            if figure.against
            else None,
        }
        for figure in result.figures
    ]
    page = {"name": result.name, "machine": result.machine, "command": result.command, "figures": figures}
    return json.dumps(page, indent=2, ensure_ascii=False) + "\n"


def parse_result(text: str) -> Result:
    """A result from its JSON text; ValueError or KeyError if it is none."""
    page = json.loads(text)
    return Result(page["name"], page["machine"], page["command"], tuple(map(_parse_figure, page["figures"])))


def _parse_figure(page: dict[str, Any]) -> Figure:
    against = Against(page["against"]["name"], page["against"]["value"]) if page["against"] else None
    return Figure(page["what"], page["value"], page["unit"], page["goal"], page["better"], against)


def write_result(name: str, figures: Sequence[Figure], folder: Path = RESULTS) -> Result:
    """Write `folder/NAME.json`, whole or not at all, and return what it says."""
    result = Result(name, describe_machine(), f"make bench NAME={name}", tuple(figures))
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{name}.json"
    unfinished.write_text(format_result(result), encoding="utf-8")
    unfinished.replace(folder / f"{name}.json")
    return result
