"""Claims turn with what was seen, and nobody judges by a machine that was late."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.admission.judge import judge, left_out
from lab.admission.measuring import Outcome, measure
from lab.admission.plan import make_plan
from lab.admission.scenarios import EVERYTHING, quick
from tests.lab.admission.admission_world import at_once, played


@pytest.fixture(scope="module")
def prompt() -> list[Outcome]:
    """Every evening, small, on a machine without any queue."""
    small = quick(EVERYTHING, minutes=8)
    return [measure(played(make_plan(each, 0.1), at_once)) for each in small]


def test_where_nothing_ever_waits_admission_shows_nothing(prompt: list[Outcome]) -> None:
    held = {finding.promise: finding.ok for finding in judge(prompt)}
    assert len(held) == 6
    assert [ok for promise, ok in held.items() if promise.startswith("with admission")] == [True]
    assert [ok for promise, ok in held.items() if promise.startswith("without admission")] == [False]
    assert [ok for promise, ok in held.items() if promise.startswith("beside refused")] == [False]


def test_what_was_seen_of_the_real_thing_is_judged_to_hold(prompt: list[Outcome]) -> None:
    named = {each.scenario.name: each for each in prompt}
    named["g-crowd"] = replace(named["g-crowd"], wasted_share=0.92, latency_ms=283.0)
    for name in ("50-sold-of-g", "30-others-one-queue", "30-others-turns"):
        named[name] = replace(named[name], satisfied=0)
    assert [finding.promise for finding in judge(list(named.values())) if not finding.ok] == []


def test_a_single_session_too_few_breaks_the_promise(prompt: list[Outcome]) -> None:
    named = {each.scenario.name: each for each in prompt}
    named["50-floors"] = replace(named["50-floors"], satisfied=named["50-floors"].satisfied - 1)
    (kept,) = [each for each in judge(list(named.values())) if each.promise.startswith("with admission")]
    assert not kept.ok


def test_unfit_evenings_are_named_and_not_judged(prompt: list[Outcome]) -> None:
    unfit = [replace(each, unfit=("late",)) for each in prompt]
    assert judge(unfit) == []
    assert left_out(unfit)[0] == "g-crowd: late"
    one_late = [
        replace(each, unfit=("late",)) if each.scenario.name == "40-floors" else each for each in prompt
    ]
    assert len(judge(one_late)) == 4, "a part of the evenings with floors is no answer"
    others = [each for each in prompt if each.scenario.name != "30-others-turns"]
    assert len(judge(others)) == 5, "three schedulers are compared, or none"
