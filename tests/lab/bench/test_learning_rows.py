"""The table of worlds, at sizes of seconds."""

from __future__ import annotations

from lab.bench.learning_rows import ROWS, Sizes, measure
from market.learning.double_dqn import Settings

QUICK = Sizes((1, 2), 2, 2, (1,), 2, Settings(batch=384, epochs=1, filled_first=72))


def test_each_world_has_its_figures_beside_always_the_plan():
    told = list[str]()
    figures = measure(told.append, QUICK, ROWS[:2])
    assert len(told) == 2
    assert len({figure.what for figure in figures}) == len(figures) == 8
    assert {figure.against.name for figure in figures if figure.against} == {"always the plan"}
    mean, worst, spent, averse = figures[:4]
    assert worst.value <= mean.value
    assert spent.value > 0
    assert averse.value > 100


def test_the_seeds_are_not_the_one_that_the_scale_was_chosen_on():
    assert 0 not in Sizes().seeds
    assert Sizes().settings == Settings()


def test_no_two_rows_are_the_same_world():
    assert len({row.name for row in ROWS}) == len({row.scenario for row in ROWS}) == len(ROWS)
