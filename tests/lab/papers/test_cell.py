"""Sessions in the cell model: what admission is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lab.papers.cell import waste_verdict
from lab.papers.exhibit import Verdict


def test_admission_wastes_no_more_than_its_absence(quick: Mapping[str, Any]) -> None:
    waste = [y for _, y in quick["003/figure-4.1"]["plots"][0]["series"][0]["points"]]
    assert waste[1] <= waste[0], "proportional fair, by bit rates and not"
    assert quick["003/figure-4.1"]["seeds"] == 1, "and a quick run says how little it is"


@pytest.mark.parametrize(
    ("none", "admitted", "verdict"),
    [(47, 4, Verdict.SHAPE), (39, 4, Verdict.CANNOT), (47, 6, Verdict.CANNOT), (8.4, 1, Verdict.CANNOT)],
)
def test_the_bar_is_40_and_5_percent(none: float, admitted: float, verdict: Verdict) -> None:
    assert waste_verdict(none, admitted)[0] is verdict
