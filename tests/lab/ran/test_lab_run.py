"""A quick run: every claim is judged from what was seen, and a run that is bad is told so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.bench.cellular_codecs import acquisitions
from lab.ran.lab_run import QUICK, LabRun, as_document, claims, kept_share, run_lab
from lab.ran.page import format_page


@pytest.fixture(scope="module")
def quick() -> LabRun:
    told: list[str] = []
    made = run_lab(replace(QUICK, full_s=3, loads=(2.0,), waste_s=60), acquisitions, told.append)
    assert len(told) >= 5
    return made


def test_every_promise_is_judged_and_holds(quick: LabRun) -> None:
    judged = claims(quick)
    assert len(judged) == 7
    assert [claim.what for claim in judged[1:] if not claim.held] == []
    assert kept_share(quick.told) > 0.99


def test_a_bad_run_is_told_so(quick: LabRun) -> None:
    assert claims(replace(quick, full=quick.told))[0].held
    bad = replace(quick, full=quick.unsliced, still_drops=quick.fixed_drops)
    held = [claim.held for claim in claims(bad)]
    assert held[0] is False
    assert held[3] is False
    page = format_page(bad, "a <machine>", 1.0)
    assert "promises did not hold" in page
    assert "a &lt;machine&gt;" in page


def test_the_document_has_the_numbers_and_the_page_the_charts(quick: LabRun) -> None:
    document = as_document(quick, "a machine", 1.5)
    assert document["ok"] is all(claim["held"] for claim in document["claims"])
    assert 0 <= document["found_share"] <= 1
    assert document["kept_share"] == kept_share(quick.full)
    assert {each["admission"] for each in document["waste"]} == {
        "everybody",
        "by bit rates",
        "by blocks of each link",
        "by resource blocks",
    }
    page = format_page(quick, "a machine", 1.5)
    assert page.count("<svg") >= 20
    assert "$" not in page.split("<script>")[0]
