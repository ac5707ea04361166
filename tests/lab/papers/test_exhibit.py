"""A drawing is no result."""

from __future__ import annotations

from lab.papers.exhibit import Claim, Kind, Verdict, drawing


def test_a_drawing_claims_nothing_and_says_where_ours_is() -> None:
    finding = drawing("the same parts", "docs/architecture.md")
    assert (finding.verdict, finding.see) == (Verdict.DRAWING, ("docs/architecture.md",))


def test_a_claim_knows_its_paper() -> None:
    assert Claim("003/figure-3.4", Kind.FIGURE, "Figure 3.4", "", "").paper == "003"
