"""The chapter's grid agrees with the closed forms that it judges by."""

from __future__ import annotations

import pytest

from lab.papers.exhibit import QUICK, Verdict
from lab.papers.leasing import findings, grid_profit
from market.leasing.mining import Market, best_answer


@pytest.mark.parametrize("reward", [0.30, 0.40, 0.42])
def test_a_grid_finds_no_more(reward: float) -> None:
    market = Market(0.15, 0.7)
    best = best_answer(market, reward)
    found, mining = grid_profit(market, reward, 60)
    assert found <= best.profit + 1e-9
    assert found == pytest.approx(best.profit, abs=1e-4)
    assert mining == pytest.approx(best.mining, abs=0.01)


def test_three_propositions_fail_as_printed_and_both_figures_come_out() -> None:
    verdicts = {claim: finding.verdict for claim, finding in findings(QUICK).items()}
    assert {verdicts[f"001/proposition-{n}"] for n in (1, 2, 3)} == {Verdict.REFUTED}
    assert verdicts["001/figure-3"] == verdicts["001/figure-4"] == Verdict.SHAPE
