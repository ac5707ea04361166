"""A bid is good for one auction, for as many units and slots as it says, and until that auction is settled."""

from __future__ import annotations

from tests.wire.examples import CONSUMER, LEDGER_ID, MESSAGES
from wire.allocate import Allocate
from wire.auction import Auction
from wire.auction_bid import conceal_bid, make_bid
from wire.keys import PrivateKey
from wire.sealed_bid import MAX_SEALED_BID_BYTES, read_sealed_bid
from wire.transaction import read_transaction

AUCTION: Auction = MESSAGES["auction"].example
SESSION: Auction = MESSAGES["session_auction"].example


def action_of(bid: bytes) -> Allocate:
    signed = read_transaction(bid, LEDGER_ID)
    signed.verify(CONSUMER.public)
    action = signed.transaction.action
    assert isinstance(action, Allocate)
    return action


def test_units_and_slots_are_the_bidders() -> None:
    one = make_bid(AUCTION, 77, CONSUMER, LEDGER_ID, bytes(8))
    some = make_bid(SESSION, 90_000, CONSUMER, LEDGER_ID, bytes(8), units=3, slots=2)
    terms = AUCTION.terms
    assert action_of(one) == Allocate(terms.provider, 77, terms.band, 0, auction=AUCTION.auction_id)
    assert action_of(some) == MESSAGES["session_bid"].example.action


def test_it_is_dead_when_its_auction_is_over() -> None:
    for auction in (AUCTION, SESSION):
        bid = make_bid(auction, 77, CONSUMER, LEDGER_ID, bytes(8))
        assert read_transaction(bid, LEDGER_ID).transaction.valid_until_s == auction.settle_by_s


def test_sealed_all_bids_have_one_size() -> None:
    key = PrivateKey.generate()
    sizes = set()
    for units, slots in ((1, 1), (250, 60)):
        bid = make_bid(SESSION, 2**62, CONSUMER, LEDGER_ID, bytes(8), units, slots)
        sealed = conceal_bid(SESSION, bid, CONSUMER, key, LEDGER_ID, bytes(16))
        assert read_sealed_bid(sealed, LEDGER_ID).bid_key == key.public
        assert read_sealed_bid(sealed, LEDGER_ID).auction_id == SESSION.auction_id
        sizes.add(len(sealed))
    assert len(sizes) == 1
    assert max(sizes) <= MAX_SEALED_BID_BYTES
