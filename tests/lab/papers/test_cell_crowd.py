"""Guarantees beside others, switches and schedulers: verdicts turn with the shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lab.papers.cell_crowd import CAREFUL_BPS, beside_verdict, run_seed, schedulers_verdict
from lab.papers.exhibit import Verdict


@pytest.mark.parametrize(
    ("admitted", "others", "verdict"),
    [(0.8, 0.09, Verdict.SHAPE), (0.7, 0.09, Verdict.CANNOT), (1.0, 0.5, Verdict.CANNOT)],
)
def test_four_of_five_and_less_than_half_of_the_others(
    admitted: float, others: float, verdict: Verdict
) -> None:
    assert beside_verdict(admitted, others)[0] is verdict


def test_a_scheduler_below_80_percent_is_named() -> None:
    served = {"MAX C/I": 0.95, "proportional fair": 0.9, "deficit round robin": 0.85}
    assert schedulers_verdict(served, 0.0, 0.3) == (Verdict.SHAPE, ())
    assert len(schedulers_verdict({**served, "MAX C/I": 0.7}, 0.1, 0.0)[1]) == 3


def test_all_have_the_same_users() -> None:
    runs = run_seed(1, 0.2, (CAREFUL_BPS,))
    assert len(runs.few) == 16
    rates = {name: [each.rate_bps for each in got] for (_, name), got in runs.full.items()}
    assert len(rates) == 3
    assert len({tuple(each) for each in rates.values()}) == 1
    assert not any(each.admitted for each in runs.everybody)


def test_the_quick_run_answers_both(quick: Mapping[str, Any]) -> None:
    assert quick["003/figure-4.2"]["seeds"] == 1
    assert len(quick["003/figure-4.4"]["tables"][0]["rows"]) == 3
