"""Whole tokens are neither lost nor made, and nobody's place in the list is worth anything."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.tokens.game import Game, ahead, play, saturated
from market.tokens.sharing import shared

spendings = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 40)), max_size=40)


def test_by_hand() -> None:
    assert shared([10, 10, 10], 0, 4, 0) == ([6, 12, 12], 0)
    assert shared([10, 10, 10], 0, 5, 0) == ([5, 13, 12], 2)
    assert shared([10, 10, 10], 0, 5, 2) == ([5, 12, 13], 0)
    assert shared([10, 10, 10, 10], 1, 2, 3) == ([11, 8, 10, 11], 1)
    assert shared([3, 0], 0, 3, 0) == ([0, 3], 0)


@settings(deadline=None)
@given(count=st.integers(2, 7), each=st.integers(0, 50), spendings=spendings)
def test_the_sum_stays_and_all_but_the_odd_tokens_are_equal(
    count: int, each: int, spendings: list[tuple[int, int]]
) -> None:
    balances, turn = [each] * count, 0
    for spender, spent in spendings:
        if spender >= count or spent > balances[spender]:
            continue
        before = balances
        balances, turn = shared(before, spender, spent, turn)
        got = [
            after - then for k, (after, then) in enumerate(zip(balances, before, strict=True)) if k != spender
        ]
        assert sum(balances) == each * count
        assert balances[spender] == before[spender] - spent
        assert max(got) - min(got) <= 1
        assert min(balances) >= 0
        assert 0 <= turn < count


@settings(deadline=None)
@given(count=st.integers(2, 7), spender=st.integers(0, 6), spent=st.lists(st.integers(1, 9), max_size=40))
def test_of_one_operators_spendings_the_others_get_the_same_but_for_one(
    count: int, spender: int, spent: list[int]
) -> None:
    spender %= count
    balances, turn = [0] * count, 0
    balances[spender] = sum(spent)
    for tokens in spent:
        balances, turn = shared(balances, spender, tokens, turn)
    got = [balance for k, balance in enumerate(balances) if k != spender]
    assert max(got) - min(got) <= 1


@pytest.mark.parametrize("count", [2, 3, 5])
def test_whole_tokens_move_as_the_simulation_says(count: int) -> None:
    """A ledger's club in which everybody pays for its part of a saturated band, against real numbers."""
    game, each = Game(count, 60.0, 0.1), 10**7
    moments = play(game, 600, saturated(count), ahead(count, 0.75))
    total = each * count
    balances = [int(part * total) for part in moments[0].balances]
    balances[0] += total - sum(balances)
    turn = 0
    for moment in moments:
        assert [balance / total for balance in balances] == pytest.approx(moment.balances, abs=1e-5)
        charges = [balance // 600 for balance in balances]
        for spender, charge in enumerate(charges):
            balances, turn = shared(balances, spender, charge, turn)
    assert sum(balances) == total


def test_what_cannot_be_shared() -> None:
    with pytest.raises(AssertionError, match="nobody to share with"):
        shared([5], 0, 1, 0)
    for spent in (0, -1, 6):
        with pytest.raises(AssertionError, match="of 5 tokens"):
            shared([5, 5], 0, spent, 0)
