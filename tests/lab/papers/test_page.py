"""What a reader with the papers beside him finds."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

from lab.papers.faults import FAULTS, Named
from lab.papers.page import format_report
from lab.papers.registry import CLAIMS, assemble
from tests.lab.papers.paper_world import FINDING, RUN

TESTS = {"U4": [Named("tests/market/ubid/test_paper_faults.py", 73, "test_u4_oversells")]}
PAGE = format_report(assemble({"003/figure-3.4": FINDING}), TESTS, RUN)


def test_every_claim_and_every_fault_is_on_the_page() -> None:
    ids = re.findall(r'id="([^"]+)"', PAGE)
    assert len(ids) == len(set(ids))
    assert {claim.id.replace("/", "-") for claim in CLAIMS} <= set(ids)
    assert all(f"<b>{fault.id}</b>" in PAGE for fault in FAULTS)
    assert "tests/market/ubid/test_paper_faults.py#L73" in PAGE
    assert "no test of that name yet" in PAGE


def test_theirs_and_ours_stand_side_by_side_with_a_verdict() -> None:
    section = PAGE[PAGE.index('id="003-figure-3.4"') :].split("</section>")[0]
    assert "Ours &lt;comes&gt; out." in section
    assert "Because." in section
    assert "shape reproduced" in section
    assert "20 seeds, synthetic" in section
    for said in ("sigma", "the knee", "seed 7", "n = 8: the text has none"):
        assert said in section
    assert "12,345" in section
    assert section.count("<svg") == 2, "wide and narrow"


def test_what_is_missing_is_said_at_the_top() -> None:
    assert f"{len(CLAIMS) - 1} of {len(CLAIMS)} are not built yet" in PAGE
    assert "A quick run" not in PAGE
    quick = format_report(assemble({}), {}, replace(RUN, quick=True, seeds=3))
    assert "A quick run: 3 seeds" in quick


def test_nothing_is_fetched_and_every_anchor_is_there() -> None:
    assert "http" not in re.sub(r'"http://www.w3.org/2000/svg"', "", PAGE)
    anchors = set(re.findall(r'href="#([^"]+)"', PAGE))
    assert {unescape(each) for each in anchors} <= set(re.findall(r'id="([^"]+)"', PAGE))
