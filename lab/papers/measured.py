"""Figures that benchmarks left in build/bench: measured on this machine, not in this run, and said to be so."""

from __future__ import annotations

from pathlib import Path

from lab.bench.result import RESULTS, parse_result


def measured(benchmark: str, what: str, folder: Path = RESULTS) -> float | None:
    """The value of the first figure whose name begins so; None if that benchmark was not run here."""
    path = folder / f"{benchmark}.json"
    if not path.exists():
        return None
    figures = parse_result(path.read_text(encoding="utf-8")).figures
    return next((figure.value for figure in figures if figure.what.startswith(what)), None)
