"""A drawing is no result."""

from __future__ import annotations

from lab.papers.exhibit import NOT_BUILT, Claim, Finding, Kind, Verdict, drawing, is_unbuilt, judged


def test_a_drawing_claims_nothing_and_says_where_ours_is() -> None:
    finding = drawing("the same parts", "docs/architecture.md")
    assert (finding.verdict, finding.see) == (Verdict.DRAWING, ("docs/architecture.md",))


def test_a_claim_knows_its_paper() -> None:
    assert Claim("003/figure-3.4", Kind.FIGURE, "Figure 3.4", "", "").paper == "003"


def test_what_is_not_built_says_so_first() -> None:
    assert is_unbuilt(NOT_BUILT)
    assert is_unbuilt(Finding(Verdict.CANNOT, "", reason="not built yet: it needs a crowd"))
    assert not is_unbuilt(Finding(Verdict.CANNOT, "", reason="others' data"))


def test_a_verdict_is_the_worst_of_its_parts_and_names_them() -> None:
    assert judged(Verdict.SHAPE, {"a": True, "b": True}) == (Verdict.SHAPE, ())
    assert judged(Verdict.SHAPE, {"a": True, "b": False}) == (Verdict.CANNOT, ("does not hold: b",))
    assert judged(Verdict.REFUTED, {"a": False}, otherwise=Verdict.REPRODUCED)[0] is Verdict.REPRODUCED
