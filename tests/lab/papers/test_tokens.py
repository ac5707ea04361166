"""What the page says of token sharing follows from the simulation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest


def test_tokens_even_out_and_nobody_gains_in_the_long_run(quick: Mapping[str, Any]) -> None:
    for _, _, _, simulated_s, theory_s in quick["002/figure-3"]["tables"][0]["rows"]:
        assert simulated_s == pytest.approx(theory_s, rel=0.1)
    uses = quick["002/text-d"]["plots"][0]["series"][0]["points"]
    assert [use for want, use in uses if want >= 0.7] == pytest.approx([0.5, 0.5], abs=0.02)
    assert quick["002/text-iii"]["verdict"] == "refuted"
