"""Pruning changes neither winners nor prices; that is tried on whole auctions too (test_winners.py)."""

from __future__ import annotations

import random

import pytest

from market.ubid.pruning import _prune_any, _prune_uniform, fits_into, prune
from tests.ubid_world import best_sets, bids_of, random_auction


def test_beaten_bids_are_left_out_and_one_is_kept_for_prices() -> None:
    crowd = bids_of(*[((1, 1), value) for value in (5, 9, 9, 7, 6, 8)])
    assert [each.value_ubc for each in prune(crowd, 2)] == [9, 9, 8]


def test_a_smaller_footprint_beats_a_larger_one() -> None:
    crowd = bids_of(((1,), 10), ((1,), 10), ((1, 1), 9))
    assert prune(crowd, 1) == crowd[:2]
    assert prune(crowd, 2) == crowd


@pytest.mark.parametrize("seed", range(20))
def test_uniform_bids_are_pruned_alike_by_numbers_and_by_footprints(seed: int) -> None:
    chance = random.Random(seed)
    crowd = bids_of(
        *[((chance.randint(1, 5),) * chance.randint(1, 6), chance.randint(1, 40)) for _ in range(120)]
    )
    crowd.sort(key=lambda each: -each.value_ubc)
    assert 0 < len(_prune_uniform(crowd, 15)) < 120
    assert _prune_uniform(crowd, 15) == _prune_any(crowd, 15)


def test_fits_into_is_about_every_slot() -> None:
    assert fits_into((1, 2), (1, 2, 1))
    assert not fits_into((1, 2, 1), (1, 2))
    assert not fits_into((1, 3), (2, 2))


@pytest.mark.parametrize("seed", range(25))
def test_the_best_without_any_bid_is_the_same(seed: int) -> None:
    terms, bids = random_auction(seed, bids=9, most_units=6, slots=3, values=9)
    units = terms.forecast.units
    kept = prune(bids, units[0])
    for gone in bids:
        others = [each for each in bids if each is not gone]
        kept_others = [each for each in kept if each is not gone]
        assert best_sets(others, units)[0] == best_sets(kept_others, units)[0]
