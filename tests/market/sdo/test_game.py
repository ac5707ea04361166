"""A game is a trace, circumstances and a plan; closed hours are those of the day."""

from __future__ import annotations

import numpy as np
import pytest

from market.sdo.game import MOST_PRICE_UBC, Plan, game_of, game_with, preset_game
from market.sdo.risk import fit_habits
from market.traces.presets import draw


def test_a_preset_on_its_plan() -> None:
    drawn = draw("mid-1.5MB", 5)
    game = preset_game(drawn)
    assert (game.users, game.hours, len(game.open_hours)) == (20, 24, 18)
    assert not set(game.open_hours) & {2, 3, 4, 5, 8, 18}
    assert (game.plan.quota_bytes, game.plan.overage_bytes) == (1_500_000, 10_000_000)
    assert game.label == "mid-1.5MB, seed 5 (synthetic)"
    assert np.array_equal(game.demand_bytes, drawn.usage.cycle_bytes)
    assert preset_game(drawn, 800_000, throttles=True).plan == Plan(800_000, 800_000, throttles=True)
    assert preset_game(drawn, 800_000, 5).plan == Plan(800_000, 5)
    assert preset_game(drawn, None, 5).plan == Plan(1_500_000, 5)


def test_closed_hours_come_every_day() -> None:
    drawn = draw("light", 0, users=2, hours=48, cycles=2)
    game = game_of(drawn.usage, drawn.circumstances, Plan(1, 1), closed=(0, 8))
    assert set(range(48)) - set(game.open_hours) == {0, 8, 24, 32}


def test_habits_may_be_given() -> None:
    drawn = draw("light", 0, users=2)
    twice = fit_habits(2 * drawn.usage.history_bytes)
    one, two = preset_game(drawn), game_with(drawn.usage, drawn.circumstances, Plan(1, 1), twice)
    assert two.mean_bytes == pytest.approx(2 * one.mean_bytes)
    assert two.sigma_bytes == pytest.approx(2 * one.sigma_bytes)


def test_circumstances_of_others() -> None:
    drawn, other = draw("light", 0, users=2), draw("light", 0, users=3)
    with pytest.raises(AssertionError, match="each user and hour"):
        game_of(drawn.usage, other.circumstances, Plan(1, 1))


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        ((-1, 1, 0), "quota"),
        ((0, 0, 0), "adds"),
        ((0, 1, -1), "costs"),
        ((0, 1, MOST_PRICE_UBC + 1), "costs"),
    ],
)
def test_what_cannot_be_a_plan(plan: tuple[int, int, int], why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        Plan(*plan)
