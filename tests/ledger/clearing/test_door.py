"""What a clearing house takes: a row for each word that it says no with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ledger.clearing.awards import OpenBid
from ledger.clearing.door import (
    MAX_AHEAD_S,
    Refusal,
    Seller,
    Standing,
    check_auction,
    check_bidder,
    longest_s,
    most_bids,
    read_bid,
    read_issuer,
)
from ledger.clearing.keeping import time_key
from ledger.state import read_offer
from tests.clearing_world import BIDDERS, CLEARING_S, HOUSE, KEEPERS, PROPSHARE, SLOT_S, ClearingWorld
from tests.ledger_world import ALICE, BAND, BOB, OTHER_BAND, PERIOD_S, PROVIDER, QOS, START_S, buy, offer
from wire.allocate import Allocate
from wire.auction import SETTLE_S, Auction, write_auction
from wire.auction_terms import GUARD_S, NOT_FREE, read_sold, say_sold
from wire.band import Band
from wire.money_actions import Transfer
from wire.post_offer import PostOffer, Reservation
from wire.qos import MAX_RATE_BPS
from wire.transaction import Transaction, sign_transaction

WORLD = ClearingWorld()
AUCTION = WORLD.auction(minimum_ubc=5)
PROVIDES = Seller(has_account=True)
SHARES = WORLD.auction(PROPSHARE)
SESSIONS = WORLD.session(6, 6, 9, minimum_ubc=5)


def with_units(auction: Auction, units: int) -> Auction:
    return replace(auction, terms=replace(auction.terms, max_allocations=units))


FAST_SESSIONS = replace(
    SESSIONS, terms=replace(SESSIONS.terms, qos=replace(QOS, ceil_down_bps=MAX_RATE_BPS // 6 + 1))
)
"""Six of which are faster than a grant can say."""


def moved(clearing_s: int) -> Auction:
    return WORLD.auction(clearing_s=clearing_s)


@pytest.mark.parametrize(
    ("auction", "seller", "reason"),
    [
        (replace(AUCTION, house=BOB.public), PROVIDES, "another_house"),
        (AUCTION, Seller(has_account=False), "not_a_provider"),
        (AUCTION, Seller(True, licensed=False), "not_a_provider"),
        (AUCTION, Seller(True, epoch=1), "epoch_moved"),
        (AUCTION, Seller(True, settled_s=CLEARING_S), "auction_settled"),
        (AUCTION, Seller(True, selling=True), "still_selling"),
        (AUCTION, Seller(True, taken_units=1), "not_free"),
        (AUCTION, Seller(True, most_winners=AUCTION.terms.max_allocations - 1), "too_many_winners"),
        (with_units(SHARES, 1 + MAX_RATE_BPS // QOS.ceil_down_bps), PROVIDES, "rate_too_high"),
        (SESSIONS, Seller(True, taken_units=5), "not_free"),
        (SESSIONS, Seller(True, most_winners=5), "too_many_winners"),
        (SESSIONS, Seller(True, selling=True), "still_selling"),
        (SESSIONS, Seller(True, settled_s=CLEARING_S), "auction_settled"),
        (replace(SESSIONS, house=BOB.public), PROVIDES, "another_house"),
        (FAST_SESSIONS, PROVIDES, "rate_too_high"),
        (moved(START_S + GUARD_S), PROVIDES, "too_late"),
        (moved(START_S + MAX_AHEAD_S - SETTLE_S + 1), PROVIDES, "too_far"),
        (replace(AUCTION, time_keys=AUCTION.time_keys[:1] * 2), PROVIDES, "bad_time_keys"),
        (replace(AUCTION, time_keys=(time_key(KEEPERS[0], 7),) * 2), PROVIDES, "bad_time_keys"),
    ],
)
def test_an_auction_that_is_refused(auction: Auction, seller: Seller, reason: str) -> None:
    refusal = check_auction(auction, HOUSE.public, seller, START_S)
    assert refusal is not None
    assert refusal.reason == reason


def test_an_auction_that_is_taken() -> None:
    assert check_auction(AUCTION, HOUSE.public, Seller(True, settled_s=CLEARING_S - 1), START_S) is None
    most = with_units(SHARES, MAX_RATE_BPS // QOS.ceil_down_bps)
    assert check_auction(most, HOUSE.public, PROVIDES, START_S) is None
    busy = Seller(True, taken_units=4, most_winners=6)
    assert check_auction(SESSIONS, HOUSE.public, busy, START_S) is None, (
        "six of ten are free, and can all be won"
    )
    for auction in (AUCTION, moved(START_S + GUARD_S + 1), moved(START_S + MAX_AHEAD_S - SETTLE_S)):
        assert check_auction(auction, HOUSE.public, PROVIDES, START_S) is None


def sold_before(*offers: PostOffer, units: int = 2) -> ClearingWorld:
    """A provider of ordinary passes, of which Alice bought so many of each offer, turns to auctions of a minute."""
    world = ClearingWorld()
    for one in offers:
        world.world.must(one, PROVIDER)
        epoch = read_offer(world.world.state, PROVIDER.public)
        assert epoch is not None
        world.world.must(buy(units * one.price_ubc, epoch.epoch, band=one.band, allocations=units), ALICE)
    world.world.must(offer(max_allocations=0, allocation_duration_s=SLOT_S), PROVIDER)
    return world


@pytest.mark.parametrize("clearing_s", [CLEARING_S, CLEARING_S + 30])
@pytest.mark.parametrize(
    ("ends_s", "band", "taken"),
    [
        (0, BAND, 0),
        (1, BAND, 2),
        (SLOT_S, BAND, 2),
        (3_600, BAND, 2),
        (3_600, Band(5_160_000, 5_180_000, 20_000), 2),
        (3_600, OTHER_BAND, 0),
    ],
    ids=str,
)
def test_what_was_sold_before_is_counted_at_the_clearing(
    clearing_s: int, ends_s: int, band: Band, taken: int
) -> None:
    """By the ledger beside the house, whether the second of the clearing begins a period or not."""
    world = sold_before(offer(allocation_duration_s=clearing_s + ends_s - START_S, band=band))
    auction = world.session(9, 9, clearing_s=clearing_s)
    seller = world.seller_of(auction)
    assert seller.taken_units == taken
    refusal = check_auction(auction, HOUSE.public, seller, START_S)
    assert refusal == (Refusal(NOT_FREE, say_sold(2)) if taken else None)


def test_units_of_several_passes_add_up_and_what_ends_before_does_not() -> None:
    passes = [offer(allocation_duration_s=seconds) for seconds in (59, 60, 61, 90, 120, 600)]
    world = sold_before(*passes, units=1)
    assert world.seller_of(world.session(6)).taken_units == 4
    world.world.wait(30)
    assert world.seller_of(world.session(6)).taken_units == 4
    assert world.seller_of(world.session(6, clearing_s=CLEARING_S + 29)).taken_units == 3
    assert world.seller_of(world.session(6, clearing_s=CLEARING_S + 30)).taken_units == 2
    assert world.seller_of(world.session(6, clearing_s=CLEARING_S + 540)).taken_units == 0


def test_units_that_are_reserved_for_the_first_slot_count() -> None:
    world, period = ClearingWorld(), CLEARING_S // PERIOD_S
    ahead = {period + 1: Reservation(1, 3)}
    world.world.must(offer(reservations=ahead), PROVIDER)
    world.world.must(buy(3, allocations=3, period=period + 1, period_to=period + 1), ALICE)
    world.world.must(offer(max_allocations=0), PROVIDER)
    for clearing_s, taken in (
        (CLEARING_S, 0),
        (CLEARING_S + 1, 3),
        (CLEARING_S + 60, 3),
        (CLEARING_S + 120, 0),
    ):
        assert world.seller_of(world.session(6, clearing_s=clearing_s)).taken_units == taken


def test_a_forecast_that_leaves_out_what_the_house_said_is_sold_is_cleared() -> None:
    """All six were forecast while two of them run for an hour: refused before anybody bids, and not after."""
    world = sold_before(offer(max_allocations=6, allocation_duration_s=3_600))
    auction = world.session(6, 6, 6, units=6)
    refusal = world.house.take_auction(
        write_auction(auction, PROVIDER, world.ledger_id), world.seller_of, world.now_ns
    )
    assert isinstance(refusal, Refusal)
    sold = read_sold(refusal.detail)
    assert (refusal.reason, sold) == (NOT_FREE, 2)
    assert sold is not None
    listing = world.open(world.session(*(6 - sold,) * 3, units=6))
    for number, bidder in enumerate(BIDDERS[1:4]):
        world.bid(listing, bidder, 1_000 + number, units=2, slots=1)
    closed = world.clear(listing).closed
    assert closed is not None
    assert closed.reason == ""
    assert len(world.batches[-1].transactions) == 1 + 2


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        (Standing(has_account=False), "unknown_issuer"),
        (Standing(has_account=True, balance_ubc=4), "insufficient_funds"),
        (Standing(has_account=True, balance_ubc=5), None),
    ],
)
def test_a_bidder(standing: Standing, reason: str | None) -> None:
    refusal = check_bidder(AUCTION, standing)
    assert (refusal.reason if refusal else None) == reason


@dataclass(frozen=True)
class Row:
    reason: str
    changes: dict[str, Any]
    valid_until_s: int = CLEARING_S + SETTLE_S


GOOD: dict[str, Any] = {
    "provider": PROVIDER.public,
    "price_ubc": 5,
    "epoch": 0,
    "auction": AUCTION.auction_id,
}
BIDS = [
    Row("another_auction", {"auction": bytes(32)}),
    Row("another_auction", {"auction": b"", "epoch": 1}),
    Row("another_auction", {"provider": BOB.public}),
    Row("band_differs", {"band": OTHER_BAND}),
    Row("not_for_itself", {"consumers": [BOB.public]}),
    Row("not_for_itself", {"consumers": [ALICE.public, BOB.public]}),
    Row("not_for_itself", {"period": 5_000, "period_to": 5_000}),
    Row("more_than_one", {"allocations": 2}),
    Row("more_than_one", {"slots": 1}),
    Row("valid_until", {}, CLEARING_S + SETTLE_S - 1),
    Row("valid_until", {}, CLEARING_S + SETTLE_S + 1),
    Row("below_minimum", {"price_ubc": 4}),
]


def signed(action: Allocate | Transfer, valid_until_s: int = CLEARING_S + SETTLE_S) -> bytes:
    return sign_transaction(
        Transaction(action, bytes(8), valid_until_s), ALICE, WORLD.ledger_id
    ).envelope.encoded


def read(encoded: bytes) -> OpenBid | Refusal:
    return read_bid(encoded, AUCTION, ALICE.public, 9, WORLD.ledger_id)


@pytest.mark.parametrize("row", BIDS, ids=lambda row: f"{row.reason} {sorted(row.changes)}")
def test_a_bid_that_is_refused(row: Row) -> None:
    refusal = read(signed(buy(**{**GOOD, **row.changes}), row.valid_until_s))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == row.reason


def test_a_bid_that_is_taken() -> None:
    for changes in ({}, {"consumers": [ALICE.public]}, {"price_ubc": 2**63 - 1}):
        opened = read(signed(buy(**{**GOOD, **changes})))
        assert isinstance(opened, OpenBid)
        assert (opened.account, opened.at_ns) == (ALICE.public, 9)


SESSION_BIDS = [
    ("no_slots", {"slots": 0}),
    ("too_long", {"slots": 4}),
    ("over_capacity", {"allocations": 7}),
    ("over_capacity", {"allocations": 9, "slots": 3}),
    ("below_minimum", {"price_ubc": 59}),
    ("below_minimum", {"price_ubc": 0}),
    ("too_large", {"price_ubc": 2**43 + 1}),
    ("another_auction", {"auction": AUCTION.auction_id}),
    ("band_differs", {"band": OTHER_BAND}),
    ("not_for_itself", {"consumers": [BOB.public]}),
    ("not_for_itself", {"period": 5_000, "period_to": 5_000}),
]
GOOD_SESSION: dict[str, Any] = {
    **GOOD,
    "auction": SESSIONS.auction_id,
    "price_ubc": 60,
    "allocations": 6,
    "slots": 2,
}


def read_session(valid_until_s: int = SESSIONS.settle_by_s, **changes: Any) -> OpenBid | Refusal:
    encoded = signed(buy(**{**GOOD_SESSION, **changes}), valid_until_s)
    return read_bid(encoded, SESSIONS, ALICE.public, 9, WORLD.ledger_id)


@pytest.mark.parametrize(("reason", "changes"), SESSION_BIDS)
def test_a_session_that_is_refused(reason: str, changes: dict[str, Any]) -> None:
    refusal = read_session(**changes)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


def test_a_session_that_is_taken() -> None:
    for changes in ({}, {"slots": 3, "price_ubc": 90}, {"allocations": 1, "price_ubc": 2**43}):
        opened = read_session(**changes)
        assert isinstance(opened, OpenBid), opened
        assert opened.bundle == (changes.get("allocations", 6),) * changes.get("slots", 2)
    off = read_session(SESSIONS.settle_by_s + 1)
    assert isinstance(off, Refusal)
    assert off.reason == "valid_until"
    told = read_session(allocations=7)
    assert isinstance(told, Refusal)
    assert told.detail == "slot 1 has 6 units, it wants 7"


def test_a_session_for_nothing_is_refused_even_without_a_minimum() -> None:
    free = WORLD.session(6, 6, 9)
    fields = {**GOOD_SESSION, "auction": free.auction_id}
    for price_ubc, taken in ((0, False), (1, True)):
        encoded = signed(buy(**{**fields, "price_ubc": price_ubc}), free.settle_by_s)
        said = read_bid(encoded, free, ALICE.public, 9, WORLD.ledger_id)
        assert isinstance(said, OpenBid) is taken


@pytest.mark.parametrize(
    ("auction", "max_winners", "most"),
    [
        (SESSIONS, 12_000, 1_000),
        (SESSIONS, 7, 7),
        (WORLD.session(30, 250, units=250), 12_000, 1_000),
        (WORLD.session(200, units=250), 12_000, 1_000),
        (WORLD.session(0, 6), 12_000, 1_000),
        (SHARES, 7, 7),
        (SHARES, 99_999, 12_000),
    ],
)
def test_how_many_bids_an_auction_takes(auction: Auction, max_winners: int, most: int) -> None:
    assert most_bids(auction, max_winners) == most


def test_how_long_the_longest_grant_lasts() -> None:
    assert longest_s(SESSIONS.terms) == 3 * SLOT_S
    assert longest_s(AUCTION.terms) == AUCTION.terms.allocation_duration_s


@pytest.mark.parametrize(
    ("garble", "reason"),
    [
        (lambda _: signed(Transfer(BOB.public, 1)), "not_an_allocate"),
        (lambda bid: bid[:-1] + bytes([bid[-1] ^ 1]), "unreadable"),
        (lambda bid: bid[:50], "unreadable"),
        (lambda _: b"", "unreadable"),
    ],
)
def test_what_is_no_bid(garble: Callable[[bytes], bytes], reason: str) -> None:
    refusal = read(garble(signed(buy(**GOOD))))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


def test_a_bid_of_somebody_else() -> None:
    refusal = read_bid(signed(buy(**GOOD)), AUCTION, BOB.public, 9, WORLD.ledger_id)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "another_issuer"


def test_who_issued_an_open_bid_is_found_by_its_key_id() -> None:
    bid = signed(buy(**GOOD))
    assert read_issuer(bid, WORLD.ledger_id, WORLD.find) == ALICE.public
    assert read_issuer(bid, WORLD.ledger_id, lambda _: None) == Refusal(
        "unknown_issuer", f"no account has key id {ALICE.public.key_id.hex()}"
    )
    unread = read_issuer(b"x", WORLD.ledger_id, WORLD.find)
    assert isinstance(unread, Refusal)
    assert unread.reason == "unreadable"


def test_bids_are_good_until_the_last_second_of_their_auction() -> None:
    assert AUCTION.settle_by_s == CLEARING_S + SETTLE_S
