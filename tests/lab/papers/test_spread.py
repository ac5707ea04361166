"""Means and intervals over seeds."""

from __future__ import annotations

from lab.papers.spread import series, spread


def test_the_middle_nine_tenths_of_the_seeds() -> None:
    assert spread([float(n) for n in range(20)]) == spread([float(n) for n in reversed(range(20))])
    wide = spread([float(n) for n in range(20)])
    assert (wide.mean, wide.low, wide.high) == (9.5, 1.0, 18.0)
    few = spread([3.0, 1.0])
    assert (few.mean, few.low, few.high) == (2.0, 1.0, 3.0)
    assert f"{few:.1f}" == "2.0 (1.0 to 3.0)"


def test_a_series_has_an_interval_for_each_point() -> None:
    line = series("ours", [1, 2], [[1.0, 3.0], [2.0, 2.0]])
    assert line.points == ((1, 2.0), (2, 2.0))
    assert (line.low, line.high) == ((1.0, 2.0), (3.0, 2.0))
