"""Which statements of chapter 4 hold, on the page as in the register."""

from __future__ import annotations

from lab.papers.exhibit import QUICK, Verdict
from lab.papers.ubid import findings


def test_the_register_s_verdicts_come_out_of_random_auctions() -> None:
    found = findings(QUICK)
    verdicts = {claim.removeprefix("003/"): finding.verdict for claim, finding in found.items()}
    assert {each for each, verdict in verdicts.items() if verdict is Verdict.REFUTED} == {
        "theorem-2", "theorem-3", "algorithm-2", "theorem-4", "lemma-3", "theorem-7",
    }  # fmt: skip
    assert {each for each, verdict in verdicts.items() if verdict is Verdict.REPRODUCED} == {
        "theorem-1", "lemma-2", "theorem-5", "lemma-4", "theorem-6", "lemma-5",
    }  # fmt: skip
    for claim, right in (("theorem-3", 1), ("algorithm-2", 1)):
        rows = found[f"003/{claim}"].tables[0].rows
        assert isinstance(rows[0][1], int)
        assert rows[0][1] > 0, "as printed"
        assert rows[right][1] == 0, "mended"
