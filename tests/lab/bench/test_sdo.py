"""The benchmark of discount offers in small: its figures have the goals, and the schedules are compared."""

from __future__ import annotations

from lab.bench.sdo import Sizes, measure


def test_the_figures_are_those_that_have_goals() -> None:
    said: list[str] = []
    figures = measure(said.append, Sizes(seeds=1, users=3, subscribers=50, prices=(1, 9)))
    assert [figure.goal for figure in figures] == [10, 200, 6_000, None, 90, 97, 10]
    assert [figure.unit for figure in figures] == ["ms"] * 4 + ["%"] * 2 + ["us"]
    assert all(figure.value > 0 for figure in figures)
    assert all(figure.value <= 100 for figure in figures if figure.unit == "%")
    assert len(said) == 4
