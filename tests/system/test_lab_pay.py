"""`make lab-pay` as a stranger runs it: real programs, traffic and money; its exit status, its figures, its files."""

from __future__ import annotations

from typing import Any

import pytest

from tests.played_lab import play_promises

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of one whole run."""
    return play_promises("lab.pay", tmp_path_factory.mktemp("lab-pay"), timeout_s=280)


@pytest.fixture(autouse=True)
def _programs(needs) -> None:
    needs("mosquitto", "ping", "nft", "ip", "ethtool")


def test_every_promise_held(result: dict[str, Any]) -> None:
    assert [one["promise"] for one in result["promises"] if not one["ok"]] == []
    assert len(result["promises"]) == 10
    assert result["ok"] is True


def test_who_stopped_paying_had_less_than_an_increment_for_nothing(result: dict[str, Any]) -> None:
    (bea,) = [one for one in result["visits"] if one["device"] == "bea"]
    assert (bea["device_said"], bea["point_said"]) == ("stops_paying", "disconnected")
    assert 0 < bea["point_lost_ubc"] <= result["increment_ubc"]


def test_who_was_not_served_paid_less_than_an_increment_for_nothing(result: dict[str, Any]) -> None:
    left = [one for one in result["visits"] if one["device_said"] == "not_served"]
    assert {(one["device"], one["point"]) for one in left} == {("ada", "yard"), ("cem", "yard")}
    assert all(0 <= one["device_lost_ubc"] <= result["increment_ubc"] for one in left)
    after = {one["device"] for one in result["visits"] if one["point"] == "roof"}
    assert {"ada", "cem"} <= after


def test_the_liar_got_no_more_than_the_last_period(result: dict[str, Any]) -> None:
    parties = {one["name"]: one for one in result["parties"]}
    ben, south = parties["ben"], parties["south"]
    assert ben["got_ubc"] == result["books"]["confirmed"]["ben"] > 0
    assert 0 < ben["lost_ubc"] <= ben["bound_ubc"]
    assert south["got_ubc"] == south["owed_ubc"] + ben["lost_ubc"], "what one lost the other has"
    assert result["books"]["refused"] == {"ben": ["payout_fell", "double_spend"]}


def test_the_honest_operators_merchant_lost_nothing(result: dict[str, Any]) -> None:
    parties = {one["name"]: one for one in result["parties"]}
    assert parties["ann"]["got_ubc"] == parties["ann"]["owed_ubc"] > 0
    assert parties["north"]["got_ubc"] == parties["north"]["owed_ubc"] > 0


def test_not_a_ubc_came_or_went(result: dict[str, Any]) -> None:
    books = result["books"]
    left = sum(one["deposited_ubc"] - one["withdrawn_ubc"] for one in books["channels"])
    assert sum(books["balances"].values()) + left == books["issued_ubc"] == 300_000
