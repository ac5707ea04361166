"""Which statements of chapter 4 hold, on the page as in the register."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from lab.papers.exhibit import Verdict
from lab.papers.ubid import Ahead, ahead_verdicts, all_slots, reduction_verdict
from lab.papers.ubid_world import best_checking, fits, uniform


@pytest.mark.parametrize(
    "name", ["theorem-2", "theorem-3", "algorithm-2", "theorem-4", "lemma-3", "theorem-7"]
)
def test_these_fail_as_printed(quick: Mapping[str, Any], name: str) -> None:
    assert quick[f"003/{name}"]["verdict"] == "refuted"


@pytest.mark.parametrize("name", ["theorem-1", "lemma-2", "theorem-5", "lemma-4", "theorem-6", "lemma-5"])
def test_these_hold(quick: Mapping[str, Any], name: str) -> None:
    assert quick[f"003/{name}"]["verdict"] == "reproduced"


@pytest.mark.parametrize("name", ["theorem-3", "algorithm-2"])
def test_what_is_mended_is_never_wrong(quick: Mapping[str, Any], name: str) -> None:
    printed, mended, ours = (row[1] for row in quick[f"003/{name}"]["tables"][0]["rows"])
    assert printed > 0
    assert mended == ours == 0


def test_what_ours_checks_is_every_slot() -> None:
    chance = random.Random(1)
    for _ in range(50):
        drawn = uniform(chance, rising=False)
        assert fits(best_checking(all_slots(drawn), drawn), drawn.forecast.units)


def test_theorem_7_fails_on_the_page_by_a_lie_that_gains_in_the_mean(quick: Mapping[str, Any]) -> None:
    row = quick["003/table-4.1"]["tables"][0]["rows"][0]
    assert row[2] == "0 of 96 lies gained"
    assert row[4] == "2 of 96 lies gained in the mean"


SEEN = Ahead(10, 40, 0, 0, 0, 0, 10, 3, (1.0,), (1.0,))


@pytest.mark.parametrize(
    ("changed", "turned"),
    [
        ({}, set[str]()),
        ({"gains": 1}, {"theorem-6", "table-4.1"}),
        ({"gains_realised": 1}, {"theorem-7", "table-4.1"}),
        ({"irrational_realised": 1}, {"theorem-7", "table-4.1"}),
        ({"efficient": 9}, {"lemma-5", "lemma-6", "table-4.1"}),
    ],
)
def test_a_broken_number_turns_the_verdict(changed: Mapping[str, int], turned: set[str]) -> None:
    verdicts = ahead_verdicts(replace(SEEN, **changed))  # type: ignore[arg-type]
    assert {name for name, (verdict, _) in verdicts.items() if verdict is Verdict.REFUTED} == turned


def test_a_reduction_is_judged_only_by_winners_that_fit() -> None:
    assert reduction_verdict(5, 0, 0) == (Verdict.REFUTED, ())
    assert reduction_verdict(0, 0, 0)[0] is Verdict.REPRODUCED
    assert reduction_verdict(5, 0, 1)[0] is Verdict.CANNOT
