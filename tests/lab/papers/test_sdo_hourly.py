"""Shapes of the hourly game."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.papers.exhibit import Verdict
from lab.papers.sdo_hourly import revenue_verdict, schedule_verdict


def test_the_shapes_come_out_and_the_printed_forms_do_not(quick: Mapping[str, Any]) -> None:
    assert quick["003/proposition-4"]["verdict"] == "refuted"
    there, offer, wifi = (row[2] for row in quick["003/proposition-4"]["tables"][0]["rows"])
    assert (there, offer != 0, wifi != 0) == (0, True, True)
    for _, viterbi, refined, printed, _ in quick["003/algorithm-1"]["tables"][0]["rows"]:
        assert 0.9 <= viterbi <= refined + 1e-9 <= 1 + 1e-6
        assert printed <= refined
    hours = quick["003/figure-3.4"]["plots"][0]["series"][0]["points"]
    assert hours[0][1] <= 1
    assert hours[-1][1] == 18
    assert {quick[f"003/figure-3.{n}"]["verdict"] for n in (3, 4, 5)} == {"shape reproduced"}


def test_other_numbers_would_turn_the_verdicts() -> None:
    seeds = [3] * 6 + [2, 5]
    assert revenue_verdict(seeds, 8, 500, 35) == (Verdict.SHAPE, ())
    assert revenue_verdict([3] * 5 + [2] * 3, 8, 500, 35)[0] is Verdict.CANNOT
    assert revenue_verdict(seeds, 7, 500, 35)[0] is Verdict.CANNOT
    assert revenue_verdict(seeds, 8, 60, 35)[0] is Verdict.CANNOT
    assert schedule_verdict(0.5, 18, [9, 9, 9, 8], 1.2, 0.95) == (Verdict.SHAPE, ())
    assert schedule_verdict(0.5, 18, [9, 9, 9, 8], 1.05, 0.95)[0] is Verdict.CANNOT
    assert schedule_verdict(4, 18, [9, 9, 9, 8], 1.2, 0.95)[0] is Verdict.CANNOT
