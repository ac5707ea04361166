"""An auditor with nothing but the log comes to the same winners, and finds what a house changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.clearing.audit import audit_log
from ledger.clearing.events import (
    AuctionClosed,
    BidsDropped,
    BidTaken,
    Drop,
    Event,
    OfferTaken,
    read_event,
    write_event,
)
from tests.clearing_world import BIDDERS, CLEARING_S, PROPSHARE, VICKREY, ClearingWorld, away
from tests.ledger_world import ALICE, BOB, CAROL, PROVIDER
from wire.auction_terms import AuctionKind
from wire.errors import DecodeError
from wire.money_actions import Transfer


def cleared(kind: AuctionKind = VICKREY, units: int = 1) -> ClearingWorld:
    world = ClearingWorld()
    listing = world.open(kind=kind, units=units)
    for key, price in ((ALICE, 70), (BOB, 100), (CAROL, 90), (ALICE, 60)):
        world.bid(listing, key, price)
    world.clear(listing)
    return world


@pytest.mark.parametrize(("kind", "units"), [(VICKREY, 1), (VICKREY, 2), (PROPSHARE, 7)])
def test_the_same_winners_without_the_house_s_key(kind: AuctionKind, units: int) -> None:
    world = cleared(kind, units)
    (listing,) = world.book.listings.values()
    (found,) = audit_log(world.entries, world.ledger_id).auctions
    assert (found.settled, found.wrong, found.dropped) == (True, "", 0)
    assert [(one.bid.account, one.units, one.price_ubc) for one in found.awards] == [
        (one.bid.account, one.units, one.price_ubc) for one in listing.awards
    ]


def test_receipts_are_found_again() -> None:
    world = cleared()
    (listing,) = world.book.listings.values()
    heads = audit_log(world.entries, world.ledger_id).heads
    for receipt in map(listing.receipt, [None, *listing.bids]):
        assert heads[receipt.number - 1] == receipt.head


def test_what_a_house_leaves_out_or_moves_no_longer_fits_its_receipts() -> None:
    world = cleared()
    (listing,) = world.book.listings.values()
    (name,) = (bid.name for bid in listing.bids.values() if bid.account == BOB.public)
    receipt = listing.receipt(name)
    without = [entry for number, entry in enumerate(world.entries, 1) if number != receipt.number]
    audit = audit_log(without, world.ledger_id)
    assert audit.heads[receipt.number - 1] != receipt.head
    assert "not what the auction came to" in audit.auctions[0].wrong


def changed(world: ClearingWorld, kind: type[Event], **changes: object) -> list[bytes]:
    """The log with another event in the place of the first of its kind."""
    entries = list(world.entries)
    for number, entry in enumerate(entries):
        event = read_event(entry)
        if isinstance(event, kind):
            entries[number] = write_event(replace(event, **changes))  # type: ignore[arg-type]  # its own fields
            return entries
    raise AssertionError(f"no {kind.__name__}")


def test_an_offer_for_somebody_else_is_found() -> None:
    """The house and the provider together: the answer of another auction, in which the second price was higher."""
    world, other = cleared(), ClearingWorld()
    listing = other.open()
    for key, price in ((BOB, 100), (BIDDERS[3], 99)):
        other.bid(listing, key, price)
    other.clear(listing)
    (answer,) = (event.answer for event in map(read_event, other.entries) if isinstance(event, OfferTaken))
    (found,) = audit_log(changed(world, OfferTaken, answer=answer), world.ledger_id).auctions
    assert "not what the auction came to" in found.wrong
    (found,) = audit_log(changed(world, OfferTaken, answer=b"x"), world.ledger_id).auctions
    assert found.wrong


def test_a_bid_after_the_clearing_time_is_found() -> None:
    world = ClearingWorld()
    listing = world.open()
    bid = world.make_bid(listing, BOB, 100)
    world.note(BidTaken(CLEARING_S * 10**9 + 1, listing.auction_id, bid))
    world.world.now_s = CLEARING_S + 1
    world.clear(listing)
    (found,) = audit_log(world.entries, world.ledger_id).auctions
    assert "after the clearing time" in found.wrong


def test_a_log_that_does_not_fit_itself_is_no_log() -> None:
    world = cleared()
    with pytest.raises(DecodeError, match="does not fit itself"):
        audit_log(world.entries[1:], world.ledger_id)


def test_times_that_go_back_are_no_log() -> None:
    world = cleared()
    with pytest.raises(DecodeError, match="is not later"):
        audit_log(changed(world, BidTaken, at_ns=0), world.ledger_id)


def test_bids_that_were_dropped_are_counted() -> None:
    world = ClearingWorld()
    listing = world.open()
    for key, price in ((ALICE, 9_000), (BOB, 50), (CAROL, 40)):
        world.bid(listing, key, price)
    world.world.must(Transfer(PROVIDER.public, 5_000), ALICE)
    world.clear(listing)
    (found,) = audit_log(world.entries, world.ledger_id).auctions
    assert (found.dropped, found.wrong) == (1, "")
    assert [award.bid.account for award in found.awards] == [BOB.public]


def test_a_house_that_drops_the_best_bid_has_to_say_so() -> None:
    world = cleared()
    (listing,) = world.book.listings.values()
    best = listing.by_account[BOB.public].opened
    assert best is not None
    entries = list(world.entries)
    place = next(at for at, one in enumerate(entries) if isinstance(read_event(one), OfferTaken))
    at_ns = read_event(entries[place - 1]).at_ns + 1
    drop = BidsDropped(
        at_ns, listing.auction_id, (Drop(best.transaction.transaction_id, "insufficient_funds", ""),)
    )
    later = [
        write_event(replace(read_event(one), at_ns=at_ns + 1 + n)) for n, one in enumerate(entries[place:])
    ]
    (found,) = audit_log([*entries[:place], write_event(drop), *later], world.ledger_id).auctions
    assert found.dropped == 1, "which the ledger's balances contradict"
    assert found.wrong


def test_an_auction_that_came_to_nothing_and_one_that_is_open() -> None:
    world = ClearingWorld()
    listing = world.open()
    world.bid(listing, ALICE, 50)
    world.clear(listing, away)
    young = world.open(clearing_s=world.world.now_s + 50)
    world.bid(young, BOB, 50)
    (found,) = audit_log(world.entries, world.ledger_id).auctions
    assert (found.settled, found.awards, found.wrong) == (False, (), "")


def test_settled_without_an_offer() -> None:
    world = cleared()
    entries = [entry for entry in world.entries if not isinstance(read_event(entry), OfferTaken)]
    (found,) = audit_log(entries, world.ledger_id).auctions
    assert found.wrong == "it was settled without an offer"
    assert isinstance(read_event(entries[-1]), AuctionClosed)
