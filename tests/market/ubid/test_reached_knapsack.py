"""States by reach answer what all states and the integer program do, also where chains end and bids must win."""

from __future__ import annotations

import pytest

from market.ubid.array_knapsack import ArrayKnapsack
from market.ubid.bundles import Policy
from market.ubid.chains import chain
from market.ubid.integer_program import IntegerProgram
from market.ubid.reached_knapsack import Reach, ReachedKnapsack, reach
from tests.ubid_world import random_auction


def _reached(bundles: list[tuple[int, ...]], capacity: tuple[int, ...]) -> Reach:
    found = reach(chain(bundles, capacity), 1 << 16)
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(24))
def test_every_answer_is_that_of_the_integer_program(seed: int) -> None:
    terms, bids = random_auction(seed, 12, 8, 6, (1, 3, 5), list(Policy)[seed % 2], 40)
    bids.sort(key=lambda each: -len(each.bundle))
    bundles, values = [each.bundle for each in bids], [each.value_ubc for each in bids]
    units = terms.forecast.units
    reached = _reached(bundles, units)
    for sure in ((), (3,)):
        ours, theirs = ReachedKnapsack(reached, values, sure), IntegerProgram(values, bundles, units, sure)
        assert ours.optimum == theirs.optimum
        assert sum(values[j] for j in ours.winners()) == theirs.optimum
        for j in range(len(bids)):
            assert ours.without(j) == theirs.without(j) or j in sure
            assert ours.with_(j) == theirs.with_(j) or (ours.with_(j) < 0 and theirs.with_(j) < 0)


@pytest.mark.parametrize("seed", range(12))
def test_every_answer_is_that_of_all_states(seed: int) -> None:
    terms, bids = random_auction(seed, 60, 14, 7, (2, 3, 7), Policy.FLOOR, 9)
    bids.sort(key=lambda each: -len(each.bundle))
    bundles, values = [each.bundle for each in bids], [each.value_ubc for each in bids]
    reached = _reached(bundles, terms.forecast.units)
    for sure in ((), (2, 40)):
        ours = ReachedKnapsack(reached, values, sure)
        table = ArrayKnapsack(chain(bundles, terms.forecast.units), values, sure)
        assert ours.optimum == table.optimum or ours.optimum < 0 > table.optimum
        assert ours.winners() == table.winners() or ours.optimum < 0
        for j in range(len(bids)):
            for mine, theirs in ((ours.without(j), table.without(j)), (ours.with_(j), table.with_(j))):
                assert mine == theirs or mine < 0 > theirs


def test_a_chain_is_forgotten_when_no_later_bid_enters_it() -> None:
    bundles = [(3, 1), (2, 1), (3, 1), *[(1,)] * 6]
    found = reach(chain(bundles, (8, 2)), 1 << 16)
    assert found is not None
    assert len(found.layers[3].skipping) == 5  # 0, 2, 3, 5 or 6 units of the first slot; the second is over
    assert found.last == 1


def test_too_much_to_reach_is_said() -> None:
    bundles = [(1 << k, 1) for k in range(12)]
    assert reach(chain(bundles, (4000, 11)), 4_000) is None


def test_chains_that_fill_more_than_a_word_are_solved_in_whole_numbers() -> None:
    widths = (701, 503, 307, 211, 901, 803, 605, 407)
    bundles = [tuple(width - k for width in widths) for k in range(9)]
    units, values = tuple(2 * width + 9 for width in widths), [100 + k * k for k in range(9)]
    found = _reached(bundles, units)
    ours, theirs = ReachedKnapsack(found, values), IntegerProgram(values, bundles, units)
    assert (ours.optimum, ours.winners()) == (theirs.optimum, theirs.winners())
    for j in range(9):
        assert (ours.without(j), ours.with_(j)) == (theirs.without(j), theirs.with_(j))
    assert reach(chain(bundles, units), 64) is None


def test_no_bids_have_no_value() -> None:
    tables = ReachedKnapsack(_reached([], (3,)), [])
    assert (tables.optimum, tables.winners()) == (0, [])
