"""Shapes of the hourly game."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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
