"""The page and its data."""

from __future__ import annotations

import json

from lab.admission.judge import judge, left_out
from lab.admission.measuring import measure
from lab.admission.page import HEAD, Provenance, format_page, format_result, row
from lab.admission.plan import Lane, Role, make_plan
from lab.admission.scenarios import EVERYTHING, quick
from tests.lab.admission.admission_world import played

RUN = Provenance("2026-11-22 16:00 UTC", 12.0, "a machine", "0.1.0", "make lab-admission", 0.1)


def delay(lane: Lane, number: int) -> float | None:
    """One session of each evening gets nothing."""
    return None if lane.role is Role.SESSION and lane.flow.number == 0 else 0.001 * (1 + number % 3)


def test_page_and_data_say_what_was_seen() -> None:
    outcomes = [measure(played(make_plan(each, 0.1), delay)) for each in quick(EVERYTHING, minutes=8)]
    findings = judge(outcomes)
    assert all(len(row(each)) == len(HEAD) for each in outcomes)
    page = format_page(outcomes, findings, left_out(outcomes), RUN)
    assert "claims do not hold" in page
    assert page.count("<svg") >= 10
    value = json.loads(format_result(outcomes, findings, ["g-crowd: <late>"], RUN))
    assert value["ok"] is False
    assert value["run"]["minute_s"] == 0.1
    assert len(value["evenings"]) == len(EVERYTHING)
    assert value["evenings"][0]["sessions"][0]["latency_ms"] is None, "no number where nothing came"
    assert value["evenings"][2]["scenario"]["scheduler"] == "floors (ours)"
    assert "&lt;late&gt;" in format_page(outcomes, findings, ["g-crowd: <late>"], RUN)
