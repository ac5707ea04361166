"""The tables in numpy, over one chain and several, answer what the integer program does."""

from __future__ import annotations

import pytest

from market.ubid.array_knapsack import ArrayKnapsack
from market.ubid.chains import chain
from market.ubid.integer_program import IntegerProgram
from market.ubid.plain_knapsack import PlainKnapsack
from tests.ubid_world import random_auction


@pytest.mark.parametrize("seed", range(10))
def test_several_chains_answer_as_the_integer_program(seed: int) -> None:
    terms, bids = random_auction(seed, bids=12, most_units=8, slots=6)
    bids.sort(key=lambda each: -len(each.bundle))
    bundles, values = [each.bundle for each in bids], [each.value_ubc for each in bids]
    for sure in ((), (3,)):
        ours = ArrayKnapsack(chain(bundles, terms.forecast.units), values, sure)
        theirs = IntegerProgram(values, bundles, terms.forecast.units, sure)
        assert ours.optimum == theirs.optimum
        assert sum(values[j] for j in ours.winners()) == theirs.optimum
        for j in range(len(bids)):
            assert ours.without(j) == theirs.without(j) or j in sure
            assert (ours.with_(j) == theirs.with_(j)) or (ours.with_(j) < 0 and theirs.with_(j) < 0)


def test_one_chain_answers_as_plain_python() -> None:
    bundles, values = [(5, 5, 5), (3, 3, 3), (4, 4), (2,), (6,)], [50, 33, 21, 9, 40]
    chains = chain(bundles, (9, 9, 8))
    for sure in ((), (1,), (0, 2)):
        ours, plain = ArrayKnapsack(chains, values, sure), PlainKnapsack(chains, values, sure)
        assert ours.optimum == plain.optimum
        assert ours.winners() == plain.winners()
        assert [ours.without(j) for j in (3, 4)] == [plain.without(j) for j in (3, 4)]
        assert [ours.with_(j) for j in (3, 4)] == [plain.with_(j) for j in (3, 4)]
