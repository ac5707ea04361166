"""operatord's benchmark in small: the real daemon answers, and its figures have the names of the goals."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.bench.operatord import GOAL_MS, Sizes, run

pytestmark = pytest.mark.system


def test_the_figures_are_those_that_have_goals(tmp_path: Path, needs) -> None:
    needs("mosquitto")
    said: list[str] = []
    figures = run(said.append, Sizes(grants=20, questions=30, processes=2, records=100), tmp_path)
    assert [figure.goal for figure in figures] == [GOAL_MS, None, GOAL_MS, None, None, None, None]
    assert all(figure.value > 0 for figure in figures)
    assert figures[0].against is not None
    assert len(said) == 9
    assert list(tmp_path.iterdir()) == [], "everything is taken away again"
