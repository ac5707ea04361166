"""What the page says of token sharing follows from the simulation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lab.papers.exhibit import Verdict
from lab.papers.tokens import convergence_verdict, equilibrium_verdict


def test_tokens_even_out_and_nobody_gains_in_the_long_run(quick: Mapping[str, Any]) -> None:
    for _, _, _, simulated_s, theory_s in quick["002/figure-3"]["tables"][0]["rows"]:
        assert simulated_s == pytest.approx(theory_s, rel=0.1)
    uses = quick["002/text-d"]["plots"][0]["series"][0]["points"]
    assert [use for want, use in uses if want >= 0.7] == pytest.approx([0.5, 0.5], abs=0.02)
    assert quick["002/text-iii"]["verdict"] == "refuted"
    assert quick["002/text-d"]["verdict"] == "reproduced", "a weak equilibrium is one"
    assert any(line.startswith("T3") for line in quick["002/text-d"]["failures"])


def test_a_gain_by_using_more_would_turn_the_verdict() -> None:
    assert equilibrium_verdict(0.5, [0.5, 0.5], 0.5)[0] is Verdict.REPRODUCED
    assert equilibrium_verdict(0.5, [0.5, 0.6], 0.5)[0] is Verdict.REFUTED
    assert equilibrium_verdict(0.5, [0.5, 0.5], 0.6)[0] is Verdict.REFUTED


def test_slow_convergence_would_turn_the_verdict() -> None:
    assert convergence_verdict({"rb": 1.3, "carrier": 129.0}, 0.001)[0] is Verdict.SHAPE
    assert convergence_verdict({"rb": 60.0, "carrier": 129.0}, 0.001)[0] is Verdict.CANNOT
    assert convergence_verdict({"rb": 1.3, "carrier": None}, 0.2)[0] is Verdict.CANNOT
