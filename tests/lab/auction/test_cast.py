"""The story's sums: what every set of bids comes to, held against the code that clears auctions."""

from __future__ import annotations

import random

import pytest

from lab.auction.cast import (
    BIDDERS,
    DEPOSITS_UBC,
    FORECASTS,
    MORE_UBC,
    OWNER_UBC,
    RESERVE_UBC,
    ROUNDS,
    CastBid,
    Due,
    least_to_win,
    reckon,
    standing_offer,
)
from market.ubid.auction import clear, price_to_win
from market.ubid.bids import Bid, Terms
from market.ubid.forecast import Forecast


def _dues(number: int, spent_ubc: dict[str, int] | None = None) -> dict[str, Due]:
    has_ubc = {name: DEPOSITS_UBC[name] - (spent_ubc or {}).get(name, 0) for name in BIDDERS}
    return {due.bid.bidder: due for due in reckon(FORECASTS[number], ROUNDS[number], has_ubc)}


def test_the_first_auction() -> None:
    ada, ben, cem = (_dues(0)[name] for name in ("ada", "ben", "cem"))
    assert (ada.won, ada.pays_ubc, ben.won, ben.pays_ubc) == (True, 40_000, True, 40_000)
    assert (cem.won, cem.wins_above_ubc) == (False, 50_000)


def test_the_second_auction() -> None:
    dues = _dues(1, {"ada": 40_000, "ben": 40_000})
    assert (dues["cem"].won, dues["cem"].pays_ubc) == (True, 50_000)
    assert (dues["ben"].won, dues["ben"].wins_above_ubc) == (False, 51_000)
    assert dues["eve"].out == "insufficient_funds"
    first = _dues(0)["cem"].wins_above_ubc
    assert first is not None
    assert dues["cem"].bid.worth_ubc == first + MORE_UBC, "cem believes what he was told"


def test_the_third_auction_and_the_owner() -> None:
    assert _dues(2)["ben"].out == "nothing_left"
    paid = sum(due.pays_ubc for number in range(3) for due in _dues(number).values())
    assert paid == OWNER_UBC


def test_who_offers_less_than_the_reserve_price_takes_no_part() -> None:
    low = CastBid("ada", 2, 2, 4 * RESERVE_UBC - 1)
    assert reckon((6, 6), [low], DEPOSITS_UBC)[0].out == "below_minimum"
    fair = CastBid("ada", 2, 2, 4 * RESERVE_UBC)
    assert reckon((6, 6), [fair], DEPOSITS_UBC)[0] == Due(fair, won=True, pays_ubc=4 * RESERVE_UBC)


def test_the_offer_sells_nothing_outside_of_auctions() -> None:
    assert standing_offer(20).max_allocations == 0


@pytest.mark.parametrize("seed", range(60))
def test_the_same_as_the_code_that_clears(seed: int) -> None:
    chance = random.Random(seed)
    forecast = tuple(sorted(chance.randint(1, 6) for _ in range(4)))
    names = [f"d{number}" for number in range(chance.randint(1, 7))]
    bids = [
        CastBid(name, chance.randint(1, 4), chance.randint(1, 4), 1_000 * chance.randint(1, 60) + number)
        for number, name in enumerate(names)  # no two sets are worth the same
    ]
    has_ubc = dict.fromkeys(names, 30_000)
    dues = reckon(forecast, bids, has_ubc)
    terms = Terms(Forecast(forecast), 100, RESERVE_UBC)
    asked = [
        Bid(bid.bidder.encode(), number, (bid.units,) * bid.slots, bid.worth_ubc, has_ubc[bid.bidder])
        for number, bid in enumerate(bids)
    ]
    outcome = clear(terms, asked)
    won = {sale.bid.bid_id.decode(): sale.price_ubc for sale in outcome.sales}
    assert {due.bid.bidder: due.pays_ubc for due in dues if due.won} == won
    for due, bid in zip(dues, asked, strict=True):
        if due.wins_above_ubc is not None:
            assert due.wins_above_ubc == price_to_win(terms, asked, bid)


def test_a_bid_of_what_it_has_to_exceed_and_one_more_wins() -> None:
    ada, ben, cem = ROUNDS[0]
    limit = least_to_win(FORECASTS[0], ROUNDS[0], cem)
    for more, wins in ((1, True), (-1, False)):
        again = CastBid("cem", cem.units, cem.slots, limit + more)
        assert reckon(FORECASTS[0], (ada, ben, again), DEPOSITS_UBC)[2].won is wins
