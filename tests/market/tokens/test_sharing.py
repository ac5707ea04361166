"""Whole tokens are neither lost nor made, and nobody's place in the list is worth anything."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.tokens.game import Game, ahead, play, saturated
from market.tokens.sharing import shared

spendings = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 40)), max_size=40)


def test_by_hand() -> None:
    assert shared([10, 10, 10], [0, 0, 0], 0, 4) == ([6, 12, 12], [0, 0, 0])
    assert shared([10, 10, 10], [0, 0, 0], 0, 5) == ([5, 12, 12], [1, 0, 0])
    assert shared([10, 10, 10], [1, 1, 0], 0, 5) == ([5, 13, 13], [0, 1, 0])
    assert shared([10, 10, 10, 10], [0, 0, 0, 2], 1, 2) == ([10, 8, 10, 10], [0, 2, 0, 2])
    assert shared([3, 0], [0, 0], 0, 3) == ([0, 3], [0, 0])


def test_who_spends_in_small_parts_beside_another_gains_nothing_by_it() -> None:
    """One after the other, one token at a time: a rule by turns would give all of it to these two."""
    balances, owed = [300, 300, 300], [0, 0, 0]
    for _ in range(300):
        for spender in (0, 2):
            balances, owed = shared(balances, owed, spender, 1)
    assert (balances, owed) == ([150, 600, 150], [0, 0, 0])


@settings(deadline=None)
@given(count=st.integers(2, 7), each=st.integers(0, 50), spendings=spendings)
def test_the_sum_stays_and_the_others_get_the_same(
    count: int, each: int, spendings: list[tuple[int, int]]
) -> None:
    balances, owed = [each] * count, [0] * count
    for spender, spent in spendings:
        if spender >= count or spent > balances[spender]:
            continue
        before = balances
        balances, owed = shared(before, owed, spender, spent)
        got = [
            after - then for k, (after, then) in enumerate(zip(balances, before, strict=True)) if k != spender
        ]
        assert sum(balances) + sum(owed) == each * count
        assert balances[spender] == before[spender] - spent
        assert max(got) == min(got)
        assert min(balances) >= 0
        assert all(0 <= one < count - 1 for one in owed) or owed == [0] * count


@settings(deadline=None)
@given(
    count=st.integers(2, 7),
    spendings=st.lists(st.tuples(st.integers(0, 6), st.integers(1, 40)), min_size=1, max_size=40),
    chance=st.randoms(use_true_random=False),
)
def test_any_order_and_any_sizes_come_to_each_members_sum_at_once(
    count: int, spendings: list[tuple[int, int]], chance: Random
) -> None:
    """And to real numbers, but for less than one token of each other member."""
    spendings = [(spender % count, spent) for spender, spent in spendings]
    sums = [sum(spent for spender, spent in spendings if spender == k) for k in range(count)]
    start = [max(sums)] * count
    other = [(spender, 1) for spender, spent in spendings for _ in range(spent)]
    chance.shuffle(other)
    at_once = [(spender, spent) for spender, spent in enumerate(sums) if spent]
    found = [_after(start, row) for row in (spendings, other, at_once)]
    assert found[0] == found[1] == found[2]
    exact = [start[k] - sums[k] + (sum(sums) - sums[k]) / (count - 1) for k in range(count)]
    for balance, real in zip(found[0][0], exact, strict=True):
        assert real - (count - 1) < balance <= real + 1e-9


def _after(balances: list[int], row: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    owed = [0] * len(balances)
    for spender, spent in row:
        balances, owed = shared(balances, owed, spender, spent)
    return balances, owed


@pytest.mark.parametrize("count", range(2, 6))
def test_with_a_token_for_each_other_somebody_always_has_one(count: int) -> None:
    """All that can be owed is n - 2 by each of n. With one less to begin with it is all there is."""
    owed = [count - 2] * count
    assert sum(owed) < count * (count - 1)
    balances, left = _after([count - 2] * count, [(k, count - 2) for k in range(count) if count > 2])
    assert (balances, left) == ([0] * count, owed)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_whole_tokens_move_as_the_simulation_says(count: int) -> None:
    """A ledger's club in which everybody pays for its part of a saturated band, against real numbers."""
    game, each = Game(count, 60.0, 0.1), 10**7
    moments = play(game, 600, saturated(count), ahead(count, 0.75))
    total = each * count
    balances = [int(part * total) for part in moments[0].balances]
    balances[0] += total - sum(balances)
    owed = [0] * count
    for moment in moments:
        assert [balance / total for balance in balances] == pytest.approx(moment.balances, abs=1e-5)
        charges = [balance // 600 for balance in balances]
        for spender, charge in enumerate(charges):
            balances, owed = shared(balances, owed, spender, charge)
    assert sum(balances) + sum(owed) == total


def test_what_cannot_be_shared() -> None:
    with pytest.raises(AssertionError, match="nobody to share with"):
        shared([5], [0], 0, 1)
    for spent in (0, -1, 6):
        with pytest.raises(AssertionError, match="of 5 tokens"):
            shared([5, 5], [0, 0], 0, spent)
