"""The printed optimum of the monthly model beside the exact one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lab.papers.exhibit import Verdict
from lab.papers.sdo_monthly import EXAMPLES, monthly_revenue_verdict, one_user, slow_verdict, table_verdict


def test_the_register_s_numbers_are_on_the_page(quick: Mapping[str, Any]) -> None:
    rows = {row[0]: row[2:5:2] for row in quick["003/table-3.2"]["tables"][0]["rows"]}
    assert rows.keys() == EXAMPLES.keys()
    for example, numbers in {"(i)": (99.5, 190.1), "(ii)": (102.5, 149.3), "(iii)": (195.04, 195.26)}.items():
        assert rows[example] == pytest.approx(numbers, abs=0.06)
    broken = (
        "lemma-1",
        "proposition-1",
        "table-3.2",
        "corollary-1",
        "corollary-2",
        "proposition-2",
        "proposition-3",
    )
    assert {quick[f"003/{each}"]["verdict"] for each in broken} == {"refuted"}
    assert "better in 0" in quick["003/lemma-1"]["ours"]
    assert quick["003/figure-3.1"]["verdict"] == "shape reproduced"


def test_a_user_is_made_of_the_register_s_numbers() -> None:
    user = one_user(**EXAMPLES["(i)"])
    assert float(user.session_worth()) == pytest.approx(20.0)


def test_other_numbers_would_turn_the_verdicts() -> None:
    assert table_verdict(0.5, 0)[0] is Verdict.REFUTED
    assert table_verdict(0.0, 0)[0] is Verdict.REPRODUCED
    assert table_verdict(0.5, 1)[0] is Verdict.CANNOT
    assert monthly_revenue_verdict([5.5, 5, 5, 8], 100, 8) == (Verdict.SHAPE, ())
    assert monthly_revenue_verdict([5.5, 5, 8, 8], 100, 8)[0] is Verdict.CANNOT
    assert monthly_revenue_verdict([5.5, 5, 5, 8], 100, 60)[0] is Verdict.CANNOT
    assert slow_verdict([1.2, 1.1], [1.0, 0.9]) == (Verdict.SHAPE, ())
    assert slow_verdict([1.2, 0.9], [1.0, 0.9])[0] is Verdict.CANNOT
    assert slow_verdict([1.2, 1.1], [1.0, 1.1])[0] is Verdict.CANNOT
