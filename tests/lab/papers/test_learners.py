"""Bidders that learn beside those that do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def test_learning_is_worth_more_than_naive_bidding(quick: Mapping[str, Any]) -> None:
    agent, naive = (series["points"] for series in quick["003/figure-4.11"]["plots"][0]["series"])
    assert agent[-1][1] > naive[-1][1]
    assert quick["003/figure-4.11"]["tables"][0]["rows"][0][1] > 60
    revenue, before = (
        sum(y for _, y in series["points"][-10:]) for series in quick["003/figure-4.13"]["plots"][1]["series"]
    )
    assert revenue >= 0.9 * before
