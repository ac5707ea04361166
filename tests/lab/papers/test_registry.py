"""No exhibit of the papers is silently absent."""

from __future__ import annotations

import pytest

from lab.papers.chapters import CHAPTERS
from lab.papers.exhibit import NOT_BUILT, Kind, Verdict
from lab.papers.registry import CLAIMS, PAPERS, assemble, part_of
from tests.lab.papers.paper_world import FINDING


def test_every_claim_has_its_own_id_and_words() -> None:
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)
    assert {claim.paper for claim in CLAIMS} == {paper.key for paper in PAPERS}
    assert all(claim.title and claim.theirs for claim in CLAIMS)


@pytest.mark.parametrize(
    ("prefix", "numbers"),
    [
        ("000/figure-", range(1, 3)),
        ("000/table-", range(1, 4)),
        ("001/figure-", range(1, 5)),
        ("001/proposition-", range(1, 4)),
        ("002/figure-", range(1, 5)),
        ("003/figure-3.", range(1, 17)),
        ("003/figure-4.", range(1, 14)),
        ("003/figure-5.", range(1, 13)),
        ("003/figure-6.", range(1, 10)),
        ("003/table-3.", range(1, 4)),
        ("003/table-6.", range(1, 5)),
        ("003/algorithm-", range(1, 8)),
        ("003/theorem-", [*range(1, 8), *range(9, 13)]),
        ("003/lemma-", [*range(1, 7), 8]),
        ("003/proposition-", range(1, 5)),
    ],
)
def test_the_numbering_of_the_papers_has_no_hole(prefix: str, numbers: range) -> None:
    ids = {claim.id for claim in CLAIMS}
    assert [n for n in numbers if f"{prefix}{n}" not in ids] == []


def test_what_nobody_answers_says_that_it_is_not_built() -> None:
    exhibits = assemble({"003/figure-3.4": FINDING})
    assert [each.claim for each in exhibits] == list(CLAIMS)
    by_id = {each.claim.id: each.finding for each in exhibits}
    assert by_id["003/figure-3.4"] is FINDING
    assert by_id["003/figure-3.3"] is NOT_BUILT
    assert NOT_BUILT.verdict is Verdict.CANNOT
    assert NOT_BUILT.reason == "not built yet"
    with pytest.raises(KeyError, match=r"003/figure-9\.9"):
        assemble({"003/figure-9.9": FINDING})


def test_a_statement_is_in_the_chapter_in_which_it_stands() -> None:
    parts = {claim.id: part_of(claim) for claim in CLAIMS}
    assert parts["000/figure-1"] == ""
    assert parts["003/figure-2.1"] == "1"
    assert parts["003/lemma-1"] == parts["003/algorithm-1"] == "3"
    assert parts["003/theorem-4"] == parts["003/algorithm-2"] == "4"
    assert parts["003/algorithm-7"] == parts["003/theorem-12"] == parts["003/lemma-8"] == "6"
    assert {claim.kind for claim in CLAIMS} == set(Kind)


def test_there_are_chapters() -> None:
    assert {"bandcoin", "leasing", "tokens", "payplace", "datanet", "drawings"} <= CHAPTERS.keys()
