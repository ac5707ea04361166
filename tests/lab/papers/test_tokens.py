"""What the page says of token sharing follows from the simulation."""

from __future__ import annotations

import pytest

from lab.papers.exhibit import Effort, Verdict
from lab.papers.tokens import findings


def test_tokens_even_out_and_nobody_gains_in_the_long_run() -> None:
    found = findings(Effort(2, quick=True))
    rows = found["002/figure-3"].tables[0].rows
    for _, _, _, simulated_s, theory_s in rows:
        assert simulated_s == pytest.approx(theory_s, rel=0.1)
    uses = found["002/text-d"].plots[0].series[0].points
    assert [use for want, use in uses if want >= 0.7] == pytest.approx([0.5, 0.5], abs=0.02)
    assert found["002/text-iii"].verdict is Verdict.REFUTED
