"""The two passes in plain Python, beside trying all sets."""

from __future__ import annotations

import pytest

from market.ubid.chains import chain
from market.ubid.plain_knapsack import NEVER, PlainKnapsack
from tests.ubid_world import best_sets, bids_of, random_auction


def test_a_hand_made_auction() -> None:
    tables = PlainKnapsack(chain([(2, 2), (1, 1), (1,)], (2, 2)), [10, 9, 4])
    assert (tables.optimum, tables.winners()) == (13, [1, 2])
    assert [tables.without(j) for j in range(3)] == [13, 10, 10]
    assert [tables.with_(j) for j in range(3)] == [10, 13, 13]


def test_what_must_win_wins() -> None:
    tables = PlainKnapsack(chain([(2, 2), (1, 1), (1,)], (2, 2)), [10, 9, 4], sure=[0])
    assert (tables.optimum, tables.winners()) == (10, [0])
    assert PlainKnapsack(chain([(2,), (1,)], (2,)), [5, 5], sure=[0, 1]).optimum < 0


def test_no_bids_have_no_value() -> None:
    assert PlainKnapsack(chain([], (3,)), []).optimum == 0


def test_never_is_below_whatever_is_added_to_it() -> None:
    assert NEVER + (1 << 60) < 0


@pytest.mark.parametrize("seed", range(15))
def test_every_answer_is_that_of_trying_all_sets(seed: int) -> None:
    terms, bids = random_auction(seed, bids=8, most_units=9, slots=3, modes=(1, 2, 4), values=50)
    units = tuple(max(4, there) for there in terms.forecast.units)
    bids = bids_of(*[((each.bundle[0],) * len(each.bundle), each.value_ubc) for each in bids])
    bids.sort(key=lambda each: -len(each.bundle))
    tables = PlainKnapsack(chain([each.bundle for each in bids], units), [each.value_ubc for each in bids])
    assert tables.optimum == best_sets(bids, units)[0]
    for j, gone in enumerate(bids):
        others = [each for each in bids if each is not gone]
        beside = [
            there - (gone.bundle[slot] if slot < len(gone.bundle) else 0) for slot, there in enumerate(units)
        ]
        assert tables.without(j) == best_sets(others, units)[0]
        assert tables.with_(j) == gone.value_ubc + best_sets(others, beside)[0]
