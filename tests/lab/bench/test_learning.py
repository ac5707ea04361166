"""The benchmark of learning, at sizes of seconds."""

from __future__ import annotations

from lab.bench.learning import Sizes, measure
from market.learning.double_dqn import Settings


def test_every_figure_is_measured():
    told = list[str]()
    sizes = Sizes(2, 3, 2, 3, 4, 1, Settings(batch=384, epochs=1, filled_first=72))
    figures = measure(told.append, sizes)
    assert len({figure.what for figure in figures}) == len(figures) == 14
    assert told
    goals = {figure.what: figure.goal for figure in figures if figure.goal is not None}
    assert sorted(goals.values()) == [60, 85, 99, 100, 100, 102, 600]
    assert [figure.against.name for figure in figures[:2] if figure.against] == ["always the plan"] * 2
    assert not all(figure.ok for figure in figures), "three cycles teach nothing"
    lost = [figure for figure in figures if "the most that a user lost" in figure.what]
    assert [figure.ok for figure in lost] == [True, True]
