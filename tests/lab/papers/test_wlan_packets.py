"""Figures 4.7 and 4.8 by packets: verdicts turn with what was seen, and without packets there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.admission.measuring import Outcome, measure
from lab.admission.plan import make_plan
from lab.admission.scenarios import PAPERS, quick
from lab.papers.exhibit import QUICK, Verdict
from lab.papers.wlan import crowd_verdict
from lab.papers.wlan_packets import (
    Evenings,
    evening_tables,
    latency_finding,
    latency_verdict,
    play_evenings,
    rates_finding,
)
from tests.lab.admission.admission_world import at_once, played


@pytest.fixture(scope="module")
def prompt() -> Evenings:
    """The papers' evenings, small, on a machine without any queue."""
    outcomes = [measure(played(make_plan(each, 0.1), at_once)) for each in quick(PAPERS, minutes=8)]
    return Evenings({each.scenario.name: each for each in outcomes}, "so it was")


def _with(evenings: Evenings, name: str, **changes: object) -> Evenings:
    outcome: Outcome = replace(evenings.fit[name], **changes)  # type: ignore[arg-type]
    return Evenings({**evenings.fit, name: outcome}, evenings.words)


def test_every_admitted_session_has_its_rate_or_the_figure_does_not_hold(prompt: Evenings) -> None:
    assert rates_finding(prompt).verdict is Verdict.SHAPE
    one_less = _with(prompt, "50-floors", satisfied=prompt.fit["50-floors"].satisfied - 1)
    finding = rates_finding(one_less)
    assert finding.verdict is Verdict.CANNOT
    assert "50-floors" in finding.failures[0]


def test_latency_has_all_of_its_parts(prompt: Evenings) -> None:
    """80 % above 40 ms without admission is a part of the figure."""
    assert latency_finding(prompt).verdict is Verdict.CANNOT
    rough = _with(prompt, "g-crowd", below_40_share=0.1)
    assert latency_finding(rough).verdict is Verdict.SHAPE
    slow = _with(rough, "50-floors", latency_worst_ms=60.0)
    assert latency_finding(slow).failures == (
        "does not hold: each admitted real-time session's mean latency is below 50 ms",
    )
    assert latency_verdict([], [], None)[0] is Verdict.CANNOT


def test_a_crowd_that_gets_through_is_no_crowd(prompt: Evenings) -> None:
    crowd = prompt.fit["g-crowd"]
    lines = crowd_verdict(crowd)[1]
    assert any("most sessions fail" in line for line in lines)
    verdict, lines = crowd_verdict(replace(crowd, satisfied=0))
    assert verdict is Verdict.CANNOT
    assert [line for line in lines if "not hold" in line] == [
        "does not hold: about 30 Mbit/s (within 15 %) of 50 saturated stations (the model's 23.4)"
    ], "what the packets' air is given is no evidence of what it carries"
    assert crowd_verdict(None)[1] == ("does not hold: packets: not played",)


def test_a_part_of_the_evenings_is_no_answer(prompt: Evenings) -> None:
    one_late = Evenings({**prompt.fit}, "50-floors: late", frozenset({"50-floors"}))
    assert rates_finding(one_late).verdict is Verdict.CANNOT
    assert latency_finding(one_late).reason == "50-floors: late"


def test_outside_of_the_sandbox_nothing_is_played_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRGRANT_SANDBOX", raising=False)
    nothing = play_evenings(QUICK)
    assert not nothing.fit
    assert "sandbox" in rates_finding(nothing).reason
    assert latency_finding(nothing).verdict is Verdict.CANNOT
    assert evening_tables("none", nothing) == ()
