"""What the house shows: everything of an open auction, nothing of a sealed bid until it has been opened."""

from __future__ import annotations

import base64

from ledger.clearing.pages import show_auction
from tests.clearing_world import PROPSHARE, ClearingWorld
from tests.ledger_world import ALICE, BOB
from wire.auction import read_auction


def test_a_sealed_auction_before_and_after() -> None:
    world = ClearingWorld()
    listing = world.open(minimum_ubc=5)
    name, other = world.bid(listing, ALICE, 70), world.bid(listing, BOB, 90)
    page = show_auction(listing)
    assert (page.status, page.kind, page.sealed, len(page.bids)) == ("active", "vickrey", True, 2)
    assert read_auction(base64.b64decode(page.auction), world.ledger_id) == listing.auction
    for bid in page.bids:
        assert (bid.status, bid.account, bid.price_ubc, bid.units, bid.paid_ubc) == (
            "pending",
            None,
            None,
            0,
            0,
        )
    assert [bid.bid_id for bid in page.bids] == [str(name), str(other)]
    world.clear(listing)
    lost, won = show_auction(listing).bids
    assert (lost.status, lost.account, lost.price_ubc, lost.paid_ubc) == (
        "cancelled",
        str(ALICE.public),
        70,
        0,
    )
    assert (won.status, won.price_ubc, won.units, won.paid_ubc) == ("executed", 90, 1, 70)
    assert show_auction(listing).status == "inactive"


def test_an_open_auction() -> None:
    world = ClearingWorld()
    listing = world.open(kind=PROPSHARE, units=3)
    name = world.bid(listing, ALICE, 70)
    (bid,) = show_auction(listing).bids
    assert name == ALICE.public
    assert (bid.account, bid.price_ubc, bid.units) == (str(ALICE.public), 70, 0)
    world.clear(listing)
    (bid,) = show_auction(listing).bids
    assert (bid.units, bid.paid_ubc) == (3, 70)


def test_a_bid_below_the_minimum_was_seen_and_pays_nothing() -> None:
    world = ClearingWorld()
    listing = world.open(minimum_ubc=50)
    world.bid(listing, ALICE, 9)
    world.clear(listing)
    (bid,) = show_auction(listing).bids
    assert (bid.status, bid.reason, bid.price_ubc, bid.paid_ubc) == ("cancelled", "below_minimum", None, 0)
