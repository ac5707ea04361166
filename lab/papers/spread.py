"""Means and intervals over seeds: what the page draws and says where chance is involved."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from lab.papers.exhibit import Series


@dataclass(frozen=True, slots=True)
class Spread:
    """The mean over seeds, and between which values the middle 90 % of them lie (all of them below 20 seeds)."""

    mean: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        return f"{self.mean:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


def spread(values: Sequence[float]) -> Spread:
    ordered = sorted(values)
    cut = len(ordered) // 20
    return Spread(statistics.fmean(ordered), ordered[cut], ordered[-1 - cut])


def series(
    name: str, xs: Sequence[float], columns: Sequence[Sequence[float]], *, dots: bool = False
) -> Series:
    """`columns[i]` are the values of all seeds at `xs[i]`."""
    spreads = [spread(column) for column in columns]
    return Series(
        name,
        tuple((x, each.mean) for x, each in zip(xs, spreads, strict=True)),
        tuple(each.low for each in spreads),
        tuple(each.high for each in spreads),
        dots=dots,
    )
