"""What the house shows: everything of an open auction, nothing of a sealed bid until it has been opened."""

from __future__ import annotations

import base64

from ledger.clearing.pages import choose_listings, list_auctions, show_auction, show_bids, summarise
from ledger.pages import show_band, show_qos
from tests.clearing_world import BIDDERS, CLEARING_S, KEEPERS, PROPSHARE, ClearingWorld
from tests.ledger_world import ALICE, BOB, PROVIDER
from wire.auction import read_auction
from wire.auction_receipt import Status
from wire.auction_request import ListAuctions
from wire.auction_terms import GUARD_S


def test_a_sealed_auction_before_and_after() -> None:
    world = ClearingWorld()
    listing = world.open(minimum_ubc=5)
    name, other = world.bid(listing, ALICE, 70), world.bid(listing, BOB, 90)
    page = show_auction(listing, 100)
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
    lost, won = show_auction(listing, 100).bids
    assert (lost.status, lost.account, lost.price_ubc, lost.paid_ubc) == (
        "cancelled",
        str(ALICE.public),
        70,
        0,
    )
    assert (won.status, won.price_ubc, won.units, won.paid_ubc) == ("executed", 90, 1, 70)
    assert show_auction(listing, 100).status == "inactive"


def test_an_open_auction() -> None:
    world = ClearingWorld()
    listing = world.open(kind=PROPSHARE, units=3)
    name = world.bid(listing, ALICE, 70)
    (bid,) = show_auction(listing, 100).bids
    assert name == ALICE.public
    assert (bid.account, bid.price_ubc, bid.units) == (str(ALICE.public), 70, 0)
    world.clear(listing)
    (bid,) = show_auction(listing, 100).bids
    assert (bid.units, bid.paid_ubc) == (3, 70)


def test_a_session_auction() -> None:
    """Who lost is not computed for a page: whoever wants to know asks for his receipt."""
    world = ClearingWorld()
    listing = world.open(world.session(6, 6, 9, minimum_ubc=5))
    for key, units, slots in ((ALICE, 4, 3), (BOB, 3, 1)):
        world.bid(listing, key, 70, units, slots)
    page = show_auction(listing, 100)
    assert (page.kind, page.forecast, page.max_allocations, page.min_price_ubc) == (
        "session",
        [6, 6, 9],
        10,
        5,
    )
    assert [(bid.wants, bid.units, bid.slots) for bid in page.bids] == [(None, 0, 0)] * 2
    world.clear(listing)
    won, lost = show_auction(listing, 100).bids
    assert (won.status, won.wants, won.units, won.slots, won.paid_ubc) == ("executed", [4, 3], 4, 3, 70)
    assert (lost.status, lost.reason, lost.wants, lost.units, lost.slots) == (
        "cancelled",
        "outbid",
        [3, 1],
        0,
        0,
    )
    assert listing.wins_above is None
    assert show_auction(world.open(clearing_s=CLEARING_S + 60), 1).forecast == []


def test_a_bid_below_the_minimum_was_seen_and_pays_nothing() -> None:
    world = ClearingWorld()
    listing = world.open(minimum_ubc=50)
    world.bid(listing, ALICE, 9)
    world.clear(listing)
    (bid,) = show_auction(listing, 100).bids
    assert (bid.status, bid.reason, bid.price_ubc, bid.paid_ubc) == ("cancelled", "below_minimum", None, 0)


def test_bids_come_in_pages_that_say_where_to_go_on() -> None:
    world = ClearingWorld()
    listing = world.open(kind=PROPSHARE, units=3)
    for key in BIDDERS[:5]:
        world.bid(listing, key, 70)
    first = show_auction(listing, 2)
    assert (first.bid_count, len(first.bids)) == (5, 2)
    seen = list(first.bids)
    after = first.after
    while after is not None:
        page = show_bids(listing, after, 2)
        seen += page.bids
        after = page.after
    assert [bid.bid_id for bid in seen] == [str(key.public) for key in BIDDERS[:5]]
    assert show_bids(listing, 99, 2).bids == []


def test_auctions_are_chosen_by_place_provider_and_status() -> None:
    world = ClearingWorld()
    listings = [world.open(clearing_s=CLEARING_S + number) for number in range(3)]
    world.clear(listings[0])
    whole = ListAuctions()
    assert choose_listings(listings, whole, 3) == (listings, None)
    assert choose_listings(listings, whole, 2) == (listings[:2], listings[1].taken.number)
    assert choose_listings(listings, ListAuctions(listings[0].taken.number), 1) == (listings[1:2], 2)
    assert choose_listings(listings, ListAuctions(active=True), 9) == (listings[1:], None)
    assert choose_listings(listings, ListAuctions(provider=ALICE.public), 9) == ([], None)
    assert choose_listings(listings, ListAuctions(provider=PROVIDER.public), 9) == (listings, None)


def test_a_list_for_a_topic() -> None:
    world = ClearingWorld()
    listing = world.open()
    world.bid(listing, ALICE, 70)
    (one,) = list_auctions([listing], ListAuctions()).auctions
    assert (one.auction, one.status, one.number, one.bids) == (listing.encoded, Status.ACTIVE, 1, 1)
    assert summarise(listing).bids_until_s == CLEARING_S - GUARD_S
    assert summarise(listing).qos == show_qos(listing.auction.terms.qos)
    assert summarise(listing).band == show_band(listing.auction.terms.band)
    assert summarise(listing).keepers == [str(key.public) for key in KEEPERS]
