"""The benchmark of metered sessions in small: the real daemon is paid, and its figures have the names of the goals."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.bench.payplace_channels import GOAL_BYTES, GOAL_MS, GOAL_PER_S, Sizes, run

pytestmark = pytest.mark.system


def test_the_figures_are_those_that_have_goals(tmp_path: Path, needs) -> None:
    needs("mosquitto")
    sizes = Sizes(sessions=20, joins=5, interval_s=1, seconds=2.0, times=50, ports=28_970)
    figures = run(lambda _: None, sizes, tmp_path)
    goals = [figure.goal for figure in figures]
    assert goals == [GOAL_PER_S, GOAL_PER_S, None, GOAL_BYTES, GOAL_MS, None, None, None, None, None, None]
    assert all(figure.value >= 0 for figure in figures)
    assert list(tmp_path.iterdir()) == [], "everything is taken away again"
