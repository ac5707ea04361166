"""The chapter's grid agrees with the closed forms that it judges by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lab.papers.leasing import grid_profit
from market.leasing.mining import Market, best_answer


@pytest.mark.parametrize("reward", [0.30, 0.40, 0.42])
def test_a_grid_finds_no_more(reward: float) -> None:
    market = Market(0.15, 0.7)
    best = best_answer(market, reward)
    found, mining = grid_profit(market, reward, 60)
    assert found <= best.profit + 1e-9
    assert found == pytest.approx(best.profit, abs=1e-4)
    assert mining == pytest.approx(best.mining, abs=0.01)


def test_three_propositions_fail_as_printed_and_both_figures_come_out(quick: Mapping[str, Any]) -> None:
    assert {quick[f"001/proposition-{n}"]["verdict"] for n in (1, 2, 3)} == {"refuted"}
    assert {quick[f"001/figure-{n}"]["verdict"] for n in (3, 4)} == {"shape reproduced"}
    assert not any(
        quick[f"001/{each}"]["failures"] for each in ("proposition-1", "proposition-2", "figure-3")
    )
    for row in quick["001/proposition-2"]["tables"][0]["rows"]:
        assert row[5] < 1, "service just below the threshold"
        assert row[6] == 1, "mining just above it"
