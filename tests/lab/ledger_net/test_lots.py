"""What the lab expects of its auctions, against what the market's own rules come to, and against the paper's words."""

from __future__ import annotations

import pytest

from lab.ledger_net.lots import LOTS, PROPSHARE, VICKREY, Due, Lot, dues
from market import proportional_share, vickrey


@pytest.mark.parametrize("lot", LOTS)
def test_both_kinds_are_auctioned_and_come_to_what_the_market_says(lot: Lot) -> None:
    assert {one.kind for one in LOTS} == {VICKREY, PROPSHARE}
    names = {number.to_bytes(2, "big"): price_ubc for number, price_ubc in enumerate(lot.bids_ubc)}
    if lot.kind == VICKREY:
        sealed = [vickrey.Bid(name, price_ubc, 1 + at) for at, (name, price_ubc) in enumerate(names.items())]
        clearing = vickrey.clear(sealed, lot.units, lot.minimum_ubc)
        won = {one.bid_id: Due(1, clearing.price_ubc) for one in clearing.winners}
    else:
        bids = [
            proportional_share.Bid(name, amount, 1 + at) for at, (name, amount) in enumerate(names.items())
        ]
        shares = proportional_share.clear(bids, lot.units, lot.minimum_ubc)
        won = {one.bid.bid_id: Due(one.units, one.bid.amount_ubc) for one in shares}
    assert dues(lot) == tuple(won.get(name, Due(0, 0)) for name in names)


def test_winners_of_a_vickrey_auction_pay_the_highest_losing_bid() -> None:
    assert dues(Lot("roof", "alice", VICKREY, 2, 100, (400, 900, 500))) == (
        Due(0, 0),
        Due(1, 400),
        Due(1, 400),
    )


def test_with_nobody_to_lose_they_pay_the_minimum() -> None:
    assert dues(Lot("roof", "alice", VICKREY, 2, 100, (400,))) == (Due(1, 100),)


def test_an_amount_that_leaves_a_remainder_is_no_lot() -> None:
    with pytest.raises(AssertionError, match="remainders"):
        dues(Lot("tower", "bob", PROPSHARE, 10, 1, (100, 200)))
