"""The thesis's formulas to the digit, and the printed signing rule beside ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lab.papers.exhibit import Verdict
from lab.papers.payplace import STATED_GAS, gas_verdict, printed_signs, signing_verdict, times_verdict
from ledger.evm.settlement_costs import paper_payplace


@pytest.mark.parametrize(("case", "gas"), STATED_GAS)
def test_figure_6_9_to_the_digit(case: tuple[int, int], gas: int) -> None:
    assert paper_payplace(1_000, *case) == gas


def test_p1_and_p2_in_the_rule_that_the_page_shows() -> None:
    honest, paid = {"p1": {"c1": 10, "c2": 10}, "p2": {"c1": 10}}, {"c1": 20, "c2": 10}
    assert [printed_signs(each, honest, paid, mended=False) for each in honest] == [False, False]
    assert [printed_signs(each, honest, paid, mended=True) for each in honest] == [True, True]
    assert printed_signs("p1", {"p1": {"c1": 500}}, {"c1": 20}, mended=False)
    assert not printed_signs("p1", {"p1": {"c1": 500}}, {"c1": 20}, mended=True)


def test_every_exhibit_of_the_chapter_is_answered(quick: Mapping[str, Any]) -> None:
    assert all(quick[f"003/figure-6.{n}"]["reason"] != "not built yet" for n in range(1, 10))
    worst = quick["003/figure-6.9"]["tables"][1]["rows"]
    assert [gas for _, gas in worst] == [786_840, 4_852_500, 22_922_100, 45_509_100]
    paid = quick["003/algorithm-7"]["tables"][0]["rows"]
    assert {tuple(row[1:]) for row in paid} == {(0, 0, 10)}, "P6"


def test_other_numbers_would_turn_the_verdicts() -> None:
    assert gas_verdict(dict(STATED_GAS)) == (Verdict.SHAPE, ())
    assert gas_verdict(dict(STATED_GAS) | {(0, 0): 143_101})[0] is Verdict.CANNOT
    assert gas_verdict(dict(STATED_GAS) | {(900, 0): 4_000_000})[0] is Verdict.CANNOT
    assert signing_verdict([("signs", "refuses", "signs")])[0] is Verdict.REFUTED
    assert signing_verdict([("signs", "signs", "signs")])[0] is Verdict.REPRODUCED
    assert signing_verdict([("signs", "refuses", "refuses")])[0] is Verdict.CANNOT
    assert [times_verdict(50, seconds)[0] for seconds in (60, 9_000, None)] == [
        Verdict.REFUTED,
        Verdict.SHAPE,
        Verdict.CANNOT,
    ]
