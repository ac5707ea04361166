"""Vickrey clearing: the examples of the text, its ties, and what must hold for any bids."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from market.vickrey import Bid, Clearing, clear

bid_lists = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=8).map(
    lambda rows: [Bid(bytes([at]), price, time) for at, (price, time) in enumerate(rows)]
)


def bids(*prices: int) -> list[Bid]:
    return [Bid(bytes([at]), price, at) for at, price in enumerate(prices)]


def prices(clearing: Clearing) -> list[int]:
    return [bid.price_ubc for bid in clearing.winners]


def test_one_unit_goes_to_the_highest_bid_at_the_second_price() -> None:
    clearing = clear(bids(7, 10, 9), 1, 0)
    assert (prices(clearing), clearing.price_ubc) == ([10], 9)


def test_all_winners_pay_the_highest_losing_bid() -> None:
    clearing = clear(bids(10, 9, 1), 2, 0)
    assert (prices(clearing), clearing.price_ubc) == ([10, 9], 1)


def test_a_single_bidder_pays_the_minimum() -> None:
    assert clear(bids(10), 1, 4) == Clearing((Bid(b"\0", 10, 0),), 4)


def test_as_many_bids_as_units_pay_the_minimum() -> None:
    assert clear(bids(10, 8), 2, 4).price_ubc == 4


def test_a_bid_below_the_minimum_neither_wins_nor_sets_the_price() -> None:
    clearing = clear(bids(10, 3), 1, 4)
    assert (prices(clearing), clearing.price_ubc) == ([10], 4)


def test_ties_go_to_the_earlier_bid_then_to_the_smaller_id() -> None:
    late, early, twin = Bid(b"a", 5, 2), Bid(b"c", 5, 1), Bid(b"b", 5, 1)
    for order in permutations([late, early, twin]):
        assert clear(order, 1, 0) == Clearing((twin,), 5)
        assert clear(order, 2, 0).winners == (twin, early)


def test_no_units_or_no_bids_clear_nothing() -> None:
    assert clear(bids(5), 0, 1).winners == ()
    assert clear([], 3, 1) == Clearing((), 1)


@given(bid_lists, st.integers(0, 5), st.integers(0, 10))
def test_nobody_pays_above_his_bid_and_no_loser_bid_more(some: list[Bid], units: int, minimum: int) -> None:
    clearing = clear(some, units, minimum)
    assert len(clearing.winners) <= units
    assert all(bid.price_ubc >= clearing.price_ubc >= minimum for bid in clearing.winners)
    losers = [bid for bid in some if bid not in clearing.winners]
    if len(clearing.winners) == units:
        assert all(bid.price_ubc <= clearing.price_ubc or bid.price_ubc < minimum for bid in losers)


@given(bid_lists, st.integers(0, 5), st.integers(0, 10), st.randoms(use_true_random=False))
def test_the_order_of_the_list_is_irrelevant(some: list[Bid], units: int, minimum: int, chance) -> None:
    shuffled = list(some)
    chance.shuffle(shuffled)
    assert clear(shuffled, units, minimum) == clear(some, units, minimum)


@given(bid_lists.filter(bool), st.integers(1, 4), st.integers(0, 40))
def test_bidding_one_s_value_is_never_worse_than_any_other_bid(some: list[Bid], units: int, lie: int) -> None:
    """Truthful: with a value of 15, no other bid gains more than a bid of 15."""
    value, me = 15, some[0]

    def gain(price: int) -> int:
        mine = Bid(me.bid_id, price, me.time_ns)
        clearing = clear([mine, *some[1:]], units, 0)
        return value - clearing.price_ubc if mine in clearing.winners else 0

    assert gain(value) >= gain(lie)
