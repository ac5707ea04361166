"""Proportional share: the examples of the error register, and what must hold for any bids."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from market.proportional_share import Bid, clear

bid_lists = st.lists(st.tuples(st.integers(1, 10**12), st.integers(0, 3)), max_size=8).map(
    lambda rows: [Bid(bytes([at]), amount, time) for at, (amount, time) in enumerate(rows)]
)


def units_of(amounts: list[int], units: int, minimum: int = 1) -> list[int]:
    bids = [Bid(bytes([at]), amount, at) for at, amount in enumerate(amounts)]
    shares = {share.bid: share.units for share in clear(bids, units, minimum)}
    return [shares.get(bid, 0) for bid in bids]


def test_the_paper_s_even_case() -> None:
    assert units_of([50, 30, 20], 10) == [5, 3, 2]


def test_what_rounding_down_would_lose_goes_to_the_largest_remainders() -> None:
    assert units_of([10, 10, 10], 2) == [1, 1, 0]
    assert units_of([50, 30, 20], 7) == [4, 2, 1]
    assert units_of([5, 5], 3) == [2, 1]


def test_a_bid_below_the_minimum_takes_no_part() -> None:
    assert units_of([100, 3], 10, minimum=4) == [10, 0]


def test_nobody_and_nothing() -> None:
    assert clear([], 5) == ()
    assert units_of([1], 0) == [0]


@given(bid_lists.filter(bool), st.integers(0, 100_000))
def test_all_units_are_given_out_within_one_of_the_exact_share(bids: list[Bid], units: int) -> None:
    shares = clear(bids, units)
    total = sum(bid.amount_ubc for bid in bids)
    assert sum(share.units for share in shares) == units
    assert all(share.units >= 1 for share in shares)
    for bid in bids:
        got = next((share.units for share in shares if share.bid == bid), 0)
        assert got * total - bid.amount_ubc * units in range(-total + 1, total)


@given(bid_lists, st.integers(0, 50), st.randoms(use_true_random=False))
def test_the_order_of_the_list_is_irrelevant(bids: list[Bid], units: int, chance) -> None:
    shuffled = list(bids)
    chance.shuffle(shuffled)
    assert clear(shuffled, units) == clear(bids, units)
