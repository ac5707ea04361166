"""How long a clearing house takes for 10,000 bids, from the clearing time to the ledger's disk, signatures included.

*sealed*: a Vickrey auction of 1,000 units, sealed to the house's own time key, and to two of three keepers: from the
keepers' secrets to the committed batch of the offer and 1,000 winning bids. Each bid is opened, sealed again to
compare, and its signature verified, in processes that are ready; then the clearing, the provider's signed offer and its
check, the batch, two flushes of the house's log and one of the ledger's. *open*: a proportional share in which all win,
in one batch of 10,001 transactions; their signatures were verified when they came. *counting*: at the guard, before the
clearing time: what 10,000 bidders have, as of one block, on the house's disk. *taking*: bids a second at the house's
door, as many as wait with one flush; and each with a flush of its own. Beside *sealed*: the same, its bids opened
without processes.

Files lie below build/bench. Reference: Bandcoin 5.4.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from lab.bench.result import Against, Figure
from ledger.clearing.book import Book, Listing, open_in_turn, with_key
from ledger.clearing.events import Event, write_event
from ledger.clearing.house import AskKeepers, AskProvider, House, Submit
from ledger.clearing.keeping import time_key, time_secret
from ledger.clearing.ledger_view import LedgerView
from ledger.clearing.log import ClearingLog
from ledger.clearing.opening import ManyAtOnce
from ledger.clearing.provider import answer
from ledger.engine import Engine
from ledger.genesis import Genesis
from ledger.opening import open_ledger
from ledger.state import read_offer
from ledger.submission import Executed
from wire.auction import Auction, write_auction
from wire.auction_bid import conceal_bid, make_bid
from wire.auction_terms import AuctionKind, AuctionMark, AuctionTerms
from wire.band import Band
from wire.create import Create
from wire.keys import PrivateKey
from wire.money_actions import Deposit
from wire.qos import Qos
from wire.transaction import Action, Transaction, sign_transaction

GOAL_S = 3.0
BAND = Band(5_170_000, 5_250_000, 80_000)
QOS = Qos(1_000_000, 5_000_000, 500_000, 2_000_000)
"""Small enough that one bidder alone could have all units of the largest auction here."""
TOGETHER = 1_000
SEALINGS = "sealed to the house's time key", "sealed to 2 of 3 keepers"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bids in each auction, units of the sealed one, bids that are taken one by one."""

    bids: int = 10_000
    units: int = 1_000
    singly: int = 500


def measure(folder: Path, progress: Callable[[str], None], sizes: Sizes = Sizes()) -> list[Figure]:
    """Five figures; files stay in the folder."""
    progress(f"clearing: {sizes.bids:,} bidders open accounts")
    rooms = Rooms(folder, sizes.bids)
    try:
        sealed = []
        for keepers, threshold in ((1, 1), (3, 2)):
            progress(f"clearing: {sizes.bids:,} bids sealed to {threshold} of {keepers}")
            sealed.append(_measure_sealed(rooms, sizes, keepers, threshold))
        progress(f"clearing: {sizes.bids:,} open bids")
        share = rooms.fill(AuctionKind.PROPSHARE, 10 * sizes.bids, sizes.bids)
        count_s = rooms.count(share)
        open_s, winners = rooms.clear(share)
        assert winners == sizes.bids, winners
        progress("clearing: bids one by one")
        together, singly = (_measure_taking(rooms, sizes, at_once) for at_once in (sizes.singly, 1))
    finally:
        rooms.close()
    what = f"clearing a Vickrey auction with {sizes.bids:,} bids and {sizes.units:,} winners, durable"
    shares = f"clearing a proportional share with {sizes.bids:,} bids, all of which win, durable"
    return [
        *(
            Figure(f"{what}, {sealing}", round(seconds, 4), "s", GOAL_S, "lower", _alone(alone_s))
            for sealing, (seconds, alone_s) in zip(SEALINGS, sealed, strict=True)
        ),
        Figure(shares, round(open_s, 4), "s", GOAL_S, "lower"),
        Figure(
            f"what {sizes.bids:,} bidders have, noted at the guard, durable", round(1e3 * count_s, 1), "ms"
        ),
        Figure(
            "sealed bids taken at the door, durable before their receipts",
            round(together),
            "bids/s",
            against=Against("the same with a flush for each", round(singly)),
        ),
    ]


def _alone(seconds: float) -> Against:
    return Against("the same, bids opened one after the other", round(seconds, 2))


class Rooms:
    """A ledger on disk with many bidders, and a clearing house beside it; no service around them."""

    def __init__(self, folder: Path, bidders: int) -> None:
        self.key, self.exchange, self.provider = (PrivateKey.generate() for _ in range(3))
        self.keepers = [self.key, PrivateKey.generate(), PrivateKey.generate()]
        self.bidders = [PrivateKey.generate() for _ in range(bidders)]
        self.now_s = int(time.time())
        genesis = Genesis((self.key.public,), self.exchange.public, self.now_s)
        self.engine: Engine = open_ledger(folder / "clearing-ledger.db", genesis)
        self.ledger_id = genesis.ledger_id
        self.opener = ManyAtOnce()
        self.log = ClearingLog(folder / "clearing.db", self.key.public.octets, self.ledger_id)
        self.book = Book(self.ledger_id, with_key(self.key), self.opener)
        self.house = House(self.book, self.key)
        self.view = LedgerView(self.engine.application)
        self.commit([(Create(key.public), key) for key in (self.provider, *self.bidders)])
        self.commit([(Deposit(key.public, 10**9), self.exchange) for key in self.bidders])

    def close(self) -> None:
        self.opener.close()
        self.log.close()
        self.engine.store.close()

    def commit(self, actions: list[tuple[Action, PrivateKey]]) -> None:
        for at in range(0, len(actions), TOGETHER):
            signed = [
                sign_transaction(Transaction(action, os.urandom(8), self.now_s + 3_600), key, self.ledger_id)
                for action, key in actions[at : at + TOGETHER]
            ]
            outcomes = self.engine.commit(signed, self.now_s)
            assert all(isinstance(outcome, Executed) for outcome in outcomes), outcomes[:1]

    def note(self, *events: Event) -> None:
        """One flush for all."""
        entries = [write_event(event) for event in events]
        self.log.append(entries)
        for event, entry in zip(events, entries, strict=True):
            self.book.apply(event, entry)

    def _epoch(self) -> int:
        offer = read_offer(self.engine.application.state, self.provider.public)
        return 0 if offer is None else offer.epoch

    def open(self, kind: AuctionKind, units: int, keepers: int = 1, threshold: int = 1) -> Listing:
        """An auction of the next minute; the ledger's clock is moved when it is cleared."""
        self.now_s += 60
        mark = AuctionMark(kind, self.now_s, 10)
        sealed = kind is AuctionKind.VICKREY
        keepers = keepers if sealed else 0
        keys = tuple(time_key(keeper, mark.clearing_s) for keeper in self.keepers[:keepers])
        terms = AuctionTerms(self.provider.public, mark, BAND, units, 1, QOS)
        epoch = self._epoch() + 1
        callback, threshold = "http://127.0.0.1/offer", threshold if sealed else 0
        auction = Auction(terms, epoch, callback, self.key.public, threshold=threshold, time_keys=keys)
        encoded = write_auction(auction, self.provider, self.ledger_id)
        event = self.house.take_auction(encoded, self.view.seller_of, (self.now_s - 60) * 10**9)
        self.note(_event(event))
        return self.book.listings[auction.auction_id]

    def make_bids(self, listing: Listing, bids: int) -> list[bytes]:
        made = []
        for number, key in enumerate(self.bidders[:bids]):
            bid = make_bid(listing.auction, 1_000 + number * 7 % 5_000, key, self.ledger_id, os.urandom(8))
            if listing.auction.is_sealed:
                bid = conceal_bid(
                    listing.auction, bid, key, PrivateKey.generate(), self.ledger_id, os.urandom(16)
                )
            made.append(bid)
        return made

    def take(self, listing: Listing, bid: bytes) -> Event:
        said = self.house.take_bid(
            listing.auction_id, bid, self.view.standing_of, self.view.find, (self.now_s - 30) * 10**9
        )
        return _event(said)

    def fill(self, kind: AuctionKind, units: int, bids: int, keepers: int = 1, threshold: int = 1) -> Listing:
        listing = self.open(kind, units, keepers, threshold)
        for bid in self.make_bids(listing, bids):
            self.note_later(self.take(listing, bid))
        return listing

    def note_later(self, event: Event) -> None:
        """Without a flush: filling a room is not what is measured."""
        self.book.apply(event)

    def count(self, listing: Listing) -> float:
        """Seconds for what bidders have."""
        begun = time.perf_counter()
        until_s = listing.auction.terms.mark.bids_until_s
        found = self.view.balances_before(until_s, listing.by_account)
        assert found is not None, "the ledger was there all the time"
        self.note(self.house.take_balances(listing, *found, until_s * 10**9))
        return time.perf_counter() - begun

    def clear(self, listing: Listing) -> tuple[float, int]:
        """(seconds from the keepers' secrets to the end, winners)"""
        begun = time.perf_counter()
        while listing.is_active:
            step = self.house.next_step(listing, self.now_s)
            now_ns = self.now_s * 10**9
            match step:
                case AskKeepers():
                    keys = list(enumerate(self.keepers))[: listing.lock.threshold]
                    told = {at: time_secret(key, listing.auction.terms.mark.clearing_s) for at, key in keys}
                    self.note(_event(self.house.take_secrets(listing, told, now_ns)))
                case AskProvider():
                    said = answer(step.question, self.key.public, self.provider, self.ledger_id, self.now_s)
                    assert isinstance(said, bytes), said
                    self.note(_event(self.house.take_answer(listing, said, now_ns)))
                case Submit():
                    (outcome,) = self.engine.commit([step.batch], self.now_s)
                    assert isinstance(outcome, Executed), outcome
                    self.note(self.house.take_outcome(listing, step.batch, outcome, now_ns))
                case _:
                    raise AssertionError(f"the auction ends with {step}")
        return time.perf_counter() - begun, len(listing.awards)


def _measure_sealed(rooms: Rooms, sizes: Sizes, keepers: int, threshold: int) -> tuple[float, float]:
    """(seconds, the same with bids opened one after the other)"""
    listing = rooms.fill(AuctionKind.VICKREY, sizes.units, sizes.bids, keepers, threshold)
    rooms.opener.start()
    alike = replace(listing, bids=dict(listing.bids), by_account=dict(listing.by_account))
    clearing_s = listing.auction.terms.mark.clearing_s
    secrets = {
        at: PrivateKey.from_secret(int.from_bytes(time_secret(rooms.keepers[at], clearing_s), "big"))
        for at in range(threshold)
    }
    begun = time.perf_counter()
    open_in_turn(alike, list(alike.by_account.values()), secrets, rooms.ledger_id)
    in_turn_s = time.perf_counter() - begun
    begun = time.perf_counter()
    rooms.opener(alike, list(alike.by_account.values()), secrets, rooms.ledger_id)
    at_once_s = time.perf_counter() - begun
    rooms.count(listing)
    seconds, winners = rooms.clear(listing)
    assert winners == sizes.units, winners
    return seconds, seconds - at_once_s + in_turn_s


def _measure_taking(rooms: Rooms, sizes: Sizes, at_once: int) -> float:
    """Bids a second, so many with one flush."""
    listing = rooms.open(AuctionKind.VICKREY, 1)
    bids = rooms.make_bids(listing, sizes.singly)
    begun = time.perf_counter()
    for at in range(0, len(bids), at_once):
        entries = []
        for bid in bids[at : at + at_once]:
            event = rooms.take(listing, bid)
            entries.append(write_event(event))
            rooms.book.apply(event, entries[-1])
        rooms.log.append(entries)
    return len(bids) / (time.perf_counter() - begun)


def _event(said: object) -> Event:
    assert isinstance(said, Event), said
    return said
