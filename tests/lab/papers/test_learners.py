"""Bidders that learn beside those that do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from lab.auction_days import Setting
from lab.papers.exhibit import Verdict
from lab.papers.learners import CHOSEN, alone_verdict, ten_verdict, uncertain_verdict
from market.ubid.mcpi import Choices


def test_learning_is_worth_more_than_naive_bidding(quick: Mapping[str, Any]) -> None:
    agent, naive = (series["points"] for series in quick["003/figure-4.11"]["plots"][0]["series"])
    assert agent[-1][1] > naive[-1][1]
    assert quick["003/figure-4.11"]["tables"][0]["rows"][0][1] > 60
    revenue, before = (
        sum(y for _, y in series["points"][-10:]) for series in quick["003/figure-4.13"]["plots"][1]["series"]
    )
    assert revenue >= 0.9 * before


def test_the_bars_turn_the_verdicts_and_the_worse_half_decides() -> None:
    assert alone_verdict(0.96, 0.81, 0.42) == (Verdict.SHAPE, ())
    assert [alone_verdict(*each)[0] for each in ((0.9, 0.9, 0.4), (1.0, 0.7, 0.4), (1.0, 0.9, 0.6))] == (
        3 * [Verdict.CANNOT]
    )
    assert uncertain_verdict(0.9, -0.01) == (Verdict.SHAPE, ())
    assert [uncertain_verdict(*each)[0] for each in ((0.8, 0.0), (0.9, -0.09), (0.9, None))] == 3 * [
        Verdict.CANNOT
    ]
    assert ten_verdict(0.7, 1.001) == (Verdict.SHAPE, ())
    assert [ten_verdict(*each)[0] for each in ((0.6, 1.1), (0.8, 0.97))] == 2 * [Verdict.CANNOT]


def test_every_setting_is_among_what_was_chosen() -> None:
    said = {each.name.split(": ")[-1] for each in CHOSEN}
    assert said >= {each.name for of in (Choices, Setting) for each in fields(of)} - {"choices"}
