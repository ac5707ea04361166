"""Winners and prices beside HiGHS and beside trying all sets, with ties."""

from __future__ import annotations

import random

import pytest

from market.ubid import winners
from market.ubid.bids import Bid
from market.ubid.bundles import Policy
from market.ubid.integer_program import IntegerProgram
from market.ubid.reached_knapsack import ReachedKnapsack
from market.ubid.winners import determine, most_welfare, solver_of
from tests.ubid_world import best_sets, bids_of, random_auction, random_auction_over

KINDS = [(policy, modes) for policy in Policy for modes in ((1, 3, 5), (2, 4, 6), (1, 3, 5, 9), (3, 7))]


def _highs(bids: list[Bid], units: tuple[int, ...]) -> int:
    return IntegerProgram([each.value_ubc for each in bids], [each.bundle for each in bids], units).optimum


@pytest.mark.parametrize("batch", range(10))
def test_500_random_auctions_have_the_value_that_highs_finds(batch: int) -> None:
    for seed in range(50 * batch, 50 * batch + 50):
        policy, modes = KINDS[seed % len(KINDS)]
        terms, bids = random_auction(seed, 25 + seed % 20, 30, 1 + seed % 12, modes, policy)
        assert determine(bids, terms.forecast.units).value_ubc == _highs(bids, terms.forecast.units), seed


@pytest.mark.parametrize("batch", range(10))
def test_100_auctions_have_the_prices_of_full_re_solves(batch: int) -> None:
    for seed in range(1000 + 10 * batch, 1010 + 10 * batch):
        policy, modes = KINDS[seed % len(KINDS)]
        terms, bids = random_auction(seed, 16, 24, 1 + seed % 8, modes, policy)
        found = determine(bids, terms.forecast.units)
        prices = {award.bid: award.cost_ubc for award in found.awards}
        for each in bids:
            gone = _highs([other for other in bids if other is not each], terms.forecast.units)
            own = each.value_ubc if each in prices else 0
            assert gone - (found.value_ubc - own) == prices.get(each, 0), seed


@pytest.mark.parametrize("seed", range(60))
def test_among_equals_the_earlier_wins(seed: int) -> None:
    policy, modes = KINDS[seed % len(KINDS)]
    terms, bids = random_auction(seed, 7, 9, 1 + seed % 4, modes, policy, values=3)
    most, sets = best_sets(bids, terms.forecast.units)
    first = max(sets, key=lambda some: [each in some for each in bids])
    found = determine(bids, terms.forecast.units)
    assert (found.value_ubc, [award.bid for award in found.awards]) == (most, first)


def test_the_earlier_wins_also_if_it_is_shorter() -> None:
    early, late = bids_of(((1,), 10), ((1, 1), 10))
    assert [award.bid for award in determine([early, late], (1, 1)).awards] == [early]


def test_all_solvers_agree() -> None:
    terms, bids = random_auction(5, 10, 9, 4, (1, 3, 5), Policy.FLOOR)
    bids.sort(key=lambda each: -len(each.bundle))
    best = solver_of(bids, terms.forecast.units)(())
    assert best.optimum == _highs(bids, terms.forecast.units) == best_sets(bids, terms.forecast.units)[0]


def test_what_has_too_many_states_goes_to_the_integer_program() -> None:
    chance = random.Random(1)
    bundles = [tuple(chance.randint(400, 900) for _ in range(8)) for _ in range(20)]
    crowd = bids_of(*[(bundle, 100 + k) for k, bundle in enumerate(bundles)])
    units = tuple(sum(column) - min(column) for column in zip(*bundles, strict=True))  # room for all but one
    assert isinstance(solver_of(crowd, units)(()), IntegerProgram)
    found = determine(crowd, units)
    lost = [each for each in crowd if each not in {award.bid for award in found.awards}]
    assert [each.value_ubc for each in lost] == [100]
    assert {award.cost_ubc for award in found.awards} == {100}


def test_a_large_cell_with_narrow_slots_is_solved_by_what_can_be_reached() -> None:
    units = (40, 40, 4, 40, 2, 40)
    crowd = random_auction_over(units, 80, (1, 3, 5, 9), seed=4)
    ranked = sorted(crowd, key=lambda each: -len(each.bundle))
    assert isinstance(solver_of(ranked, units)(()), ReachedKnapsack)
    found = determine(crowd, units)
    assert found.value_ubc == _highs(crowd, units)
    for award in found.awards:
        gone = _highs([other for other in crowd if other is not award.bid], units)
        assert award.cost_ubc == gone - found.value_ubc + award.bid.value_ubc


def test_a_bid_beside_which_nobody_fits_is_compared_with_all_others() -> None:
    crowd = bids_of(((5,), 30), ((2,), 20), ((2,), 15), ((5,), 10))
    found = determine(crowd, (5,))
    assert [(award.bid.value_ubc, award.cost_ubc) for award in found.awards] == [(20, 15), (15, 10)]
    crowd = bids_of(((5,), 40), ((2,), 20), ((2,), 15), ((5,), 38))
    assert [award.cost_ubc for award in determine(crowd, (5,)).awards] == [38]
    assert most_welfare(crowd, (5,)) == 40


def test_tables_have_a_bound() -> None:
    assert winners.ARRAY_CELLS * 8 * 2 == 268_435_456
