"""Narrowing changes neither the best value nor that without any one bid; whole auctions are in test_winners.py."""

from __future__ import annotations

import pytest

from market.ubid.narrowing import narrow
from tests.ubid_world import best_sets, bids_of, random_auction


def test_a_bid_that_is_worth_too_little_is_left_out() -> None:
    crowd = bids_of(((2,), 20), ((2,), 18), ((2,), 17), ((2,), 3))
    assert narrow(crowd, (4,)) == crowd[:3]


def test_where_there_is_room_for_all_everybody_stays() -> None:
    crowd = bids_of(((2,), 20), ((2,), 1))
    assert narrow(crowd, (4,)) == crowd
    assert narrow([], (4,)) == []


@pytest.mark.parametrize("seed", range(40))
def test_the_best_without_any_bid_is_the_same(seed: int) -> None:
    terms, bids = random_auction(seed, bids=9, most_units=8, slots=3, values=9 + 20 * (seed % 3))
    units = terms.forecast.units
    narrowed = narrow(bids, units)
    assert best_sets(bids, units)[1] == best_sets(narrowed, units)[1]
    for gone in (None, *bids):
        some = [each for each in bids if each is not gone]
        assert best_sets(some, units)[0] == best_sets([b for b in narrowed if b is not gone], units)[0]
