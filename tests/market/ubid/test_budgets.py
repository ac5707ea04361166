"""What those bid who do not learn, and the most that a budget buys, beside trying all sets."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from market.ubid.budgets import greedy_bid, most_utility, rationed_bid


def test_the_greedy_bid_all_that_a_session_is_worth() -> None:
    assert [greedy_bid(worth, left) for worth, left in ((5, 9), (9, 5), (9, 0))] == [5, 5, 0]


def test_the_rationed_bid_a_share_and_what_earlier_shares_left() -> None:
    assert rationed_bid(90, 60, 60, 0, 6) == 10
    assert rationed_bid(90, 60, 60, 2, 6) == 30
    assert rationed_bid(90, 35, 60, 2, 6) == 5
    assert rationed_bid(4, 60, 60, 2, 6) == 4
    assert rationed_bid(90, 60, 60, 5, 6) == 60


def test_a_share_that_was_overdrawn_is_no_bid() -> None:
    assert rationed_bid(90, 5, 60, 1, 6) == 0


def test_the_most_that_a_budget_buys() -> None:
    assert most_utility([10, 40, 30, 60], [90, 50, 20, 60], 100) == 90
    assert most_utility([10, 40, 30, 60], [90, None, 20, None], 100) == 30
    assert most_utility([10, 40], [0, 101], 100) == 10
    assert most_utility([10], [5], 0) == 0
    assert most_utility([], [], 100) == 0


@pytest.mark.parametrize("seed", range(20))
def test_it_is_that_of_trying_all_sets(seed: int) -> None:
    chance = random.Random(seed)
    sessions = [(chance.randint(1, 50), chance.randint(0, 60)) for _ in range(7)]
    budget = chance.randint(0, 150)
    sets = (some for size in range(8) for some in combinations(sessions, size))
    best = max(sum(worth for worth, _ in some) for some in sets if sum(price for _, price in some) <= budget)
    worths, prices = [worth for worth, _ in sessions], [price for _, price in sessions]
    assert most_utility(worths, prices, budget) == best
