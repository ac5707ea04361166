"""The clearing house's benchmark in small: its rooms clear, and its figures have the goals."""

from __future__ import annotations

from pathlib import Path

from lab.bench.clearing import GOAL_S, SEALINGS, Sizes, measure


def test_the_figures_are_those_that_have_goals(tmp_path: Path) -> None:
    said: list[str] = []
    figures = measure(tmp_path, said.append, Sizes(bids=30, units=5, singly=3))
    assert [figure.goal for figure in figures] == [GOAL_S, GOAL_S, GOAL_S, None, None]
    assert [figure.what.endswith(sealing) for figure, sealing in zip(figures, SEALINGS, strict=False)] == [
        True
    ] * 2
    assert all(figure.value >= 0 for figure in figures)
    assert len(said) == 5
