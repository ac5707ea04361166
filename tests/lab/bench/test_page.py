"""The page's benchmark in small: real operatord, page and browser, and its figures have the names of the goals."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.bench.operatord import GOAL_MS
from lab.bench.page import PAINT_GOAL_S, UPDATE_GOAL_MS, PageSizes, run
from lab.chromium import CHROMIUM

pytestmark = pytest.mark.system


def test_the_figures_are_those_that_have_goals(tmp_path: Path, needs) -> None:
    needs("mosquitto", str(CHROMIUM))
    said: list[str] = []
    sizes = PageSizes(sessions=(20,), sales=30, loads=1, updates=2, viewers=1, questions=20, port=28_710)
    figures = run(said.append, sizes, tmp_path)
    assert [figure.goal for figure in figures] == [
        PAINT_GOAL_S,
        None,
        PAINT_GOAL_S,
        UPDATE_GOAL_MS,
        None,
        None,
        GOAL_MS,
        GOAL_MS,
    ]
    assert all(figure.value > 0 for figure in figures)
    assert list(tmp_path.iterdir()) == [], "everything is taken away again"
