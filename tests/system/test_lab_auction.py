"""`make lab-auction` as a stranger runs it: real programs, traffic, money; its exit status, its figures, its files."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.played_lab import play_promises

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of one whole run."""
    return play_promises("lab.auction", tmp_path_factory.mktemp("lab-auction"), timeout_s=580)


@pytest.fixture(autouse=True)
def _programs(needs) -> None:
    needs("mosquitto", "tc", "nft", "ip", "ethtool")


def test_every_promise_held(result: dict[str, Any]) -> None:
    assert [one["promise"] for one in result["promises"] if not one["ok"]] == []
    assert len(result["promises"]) == 12
    assert result["ok"] is True


def test_prices_are_those_of_the_design(result: dict[str, Any]) -> None:
    won = [(one["bid"]["bidder"], one["paid_ubc"]) for one in result["bids"] if one["won"]]
    assert won == [("ada", 40_000), ("ben", 40_000), ("cem", 50_000)]
    assert result["balances_ubc"]["owner"] == 130_000


def test_losers_are_told_what_would_have_won(result: dict[str, Any]) -> None:
    told = {
        (one["bid"]["bidder"], one["round"]): one["wins_above_ubc"]
        for one in result["bids"]
        if one["wins_above_ubc"] is not None
    }
    assert told == {("cem", 0): 50_000, ("ben", 1): 51_000}


def test_who_has_no_session_gets_nothing_through(result: dict[str, Any]) -> None:
    assert {one["name"] for one in result["quiet"]} == {"ada", "ben", "cem", "eve", "finn"}
    assert [one for one in result["quiet"] if one["through_bytes"]] == []
    assert all(one["pushed_bytes"] for one in result["quiet"])


def test_shares_end_on_the_grid(result: dict[str, Any]) -> None:
    clearings = [one["clearing_s"] for one in result["auctions"]]
    assert all(at_s % result["slot_s"] == 0 for at_s in clearings)
    apart_s = [later - earlier for earlier, later in pairwise(clearings)]
    assert apart_s == [result["slot_s"]] * 2
    assert [tuple(one["forecast"]) for one in result["auctions"]] == [
        (6, 6, 6, 6),
        (3, 3, 6, 6),
        (3, 6, 6, 6),
    ]
