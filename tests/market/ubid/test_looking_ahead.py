"""Expected and realised social cost, by hand and beside trying everything."""

from __future__ import annotations

import random

import pytest

from market.ubid.auction import clear
from market.ubid.looking_ahead import (
    LaterBid,
    NoCap,
    Scenario,
    clear_looking_ahead,
    realised_cost,
    realised_price,
)
from tests.ubid_world import bid, bids_of, terms


def test_a_long_session_yields_to_what_is_expected_later() -> None:
    long, short = bids_of(((1, 1), 10), ((1,), 6))
    expected: list[Scenario] = [(LaterBid(1, (1,), 8),), (LaterBid(1, (1,), 2),)]
    outcome = clear_looking_ahead(terms(1, 1), [long, short], expected)
    assert [(sale.bid, sale.price_ubc) for sale in outcome.sales] == [(short, 5)]
    assert outcome.welfare_ubc == 2 * 6 + 8 + 2


def test_without_later_bids_it_is_the_auction_of_now() -> None:
    crowd = bids_of(((2, 2), 10), ((1, 1), 9), ((1,), 4), ((2,), 3))
    now = clear(terms(3, 2), crowd)
    ahead = clear_looking_ahead(terms(3, 2), crowd, [()])
    assert [(sale.bid, sale.price_ubc) for sale in ahead.sales] == [
        (sale.bid, sale.price_ubc) for sale in now.sales
    ]


def test_a_price_is_rounded_up_and_is_the_least_whole_bid_that_wins() -> None:
    expected: list[Scenario] = [(LaterBid(1, (1,), 3),), (LaterBid(1, (1,), 4),)]
    for value, wins in ((3, False), (4, True), (9, True)):
        outcome = clear_looking_ahead(terms(1, 1), [bid(0, (1, 1), value)], expected)
        assert [sale.price_ubc for sale in outcome.sales] == ([4] if wins else [])


def test_of_equals_the_earlier_wins() -> None:
    first, second = bids_of(((1,), 5), ((1,), 5))
    outcome = clear_looking_ahead(terms(1), [second, first], [()])
    assert [(sale.bid, sale.price_ubc) for sale in outcome.sales] == [(first, 5)]


@pytest.mark.parametrize("seed", range(4))
def test_no_other_value_or_duration_gains(seed: int) -> None:
    chance = random.Random(seed)
    crowd = [bid(n, (chance.randint(1, 2),) * chance.randint(1, 2), chance.randint(1, 9)) for n in range(3)]
    expected: list[Scenario] = [
        tuple(LaterBid(1, (chance.randint(1, 2),) * chance.randint(1, 2), chance.randint(1, 9)) for _ in "ab")
        for _ in range(2)
    ]

    def gain(bundle: tuple[int, ...], value: int) -> int:
        said = bid(0, bundle, value)
        sales = clear_looking_ahead(terms(2, 2, 2), [said, *crowd[1:]], expected).sales
        paid = {sale.bid: sale.price_ubc for sale in sales}
        served = len(bundle) >= len(true.bundle) and bundle[0] >= true.bundle[0]
        return (true.value_ubc if served else 0) - paid[said] if said in paid else 0

    true = crowd[0]
    honest = gain(true.bundle, true.value_ubc)
    lies = [gain((units,) * slots, value) for units in (1, 2) for slots in (1, 2) for value in (1, 4, 7, 10)]
    assert max(lies) <= honest
    assert honest >= 0


def test_a_realised_cost_is_what_others_could_have_had() -> None:
    seen = [LaterBid(0, (1,), 6), LaterBid(1, (1,), 7), LaterBid(1, (1,), 3)]
    assert realised_cost((1, 1), seen, terms(1, 1).forecast) == 13
    assert realised_cost((1,), seen, terms(1, 1).forecast) == 6
    assert realised_cost((1, 1), seen, terms(2, 2).forecast) == 3


def test_it_is_charged_up_to_the_cap_or_not_at_all() -> None:
    assert realised_price(13, 10) == 10
    assert realised_price(4, 10) == 4
    assert realised_price(4, None) == NoCap()
