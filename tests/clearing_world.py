"""A clearing house in memory over the small ledger of tests/ledger_world.py: its log is a list, its clock the ledger's.

`clear` does what the service does, step by step, with a provider and keepers that a test can make late or dishonest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.clearing.book import Book, Listing, Opener, Phase, open_in_turn, with_key
from ledger.clearing.door import Refusal, Seller, Standing
from ledger.clearing.events import Event, OfferRejected, read_event, write_event
from ledger.clearing.house import (
    AskKeepers,
    AskLedger,
    AskProvider,
    Close,
    House,
    Step,
    Submit,
    Wait,
)
from ledger.clearing.keeping import time_key, time_secret
from ledger.clearing.ledger_view import seller_of
from ledger.clearing.provider import Wrong, answer
from ledger.contract import apply_batch
from ledger.state import read_account, read_account_by_id, read_offer
from ledger.submission import Batch, Executed, Outcome, Refused
from tests.ledger_world import ALICE, BAND, BOB, CAROL, EXCHANGE, PROVIDER, QOS, START_S, World
from wire.auction import Auction, read_auction, write_auction
from wire.auction_bid import conceal_bid, make_bid
from wire.auction_receipt import AuctionReceipt, Status
from wire.auction_terms import AuctionKind, AuctionMark, AuctionTerms
from wire.create import Create
from wire.generate_offer import derive_nonce, offer_of, read_generate_offer
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Deposit
from wire.transaction import Transaction, sign_transaction

HOUSE = PrivateKey.from_secret(40)
KEEPERS = [PrivateKey.from_secret(number) for number in range(41, 44)]
BIDDERS = [ALICE, BOB, CAROL, *(PrivateKey.from_secret(number) for number in range(50, 58))]
CLEARING_S = START_S + 60
CALLBACK = "http://127.0.0.1:1/offer"
VICKREY, PROPSHARE, SESSION = AuctionKind
SLOT_S = 60

Provider = Callable[[bytes, int], "bytes | Wrong | None"]
"""(question, now) -> answer; None if it is away."""


def honest(question: bytes, now_s: int) -> bytes | Wrong | None:
    return answer(question, HOUSE.public, PROVIDER, World().genesis.ledger_id, now_s)


def boxed(question: bytes, _now_s: int) -> bytes | Wrong | None:
    """As a box that holds a session auction answers, whoever asked."""
    ledger_id = World().genesis.ledger_id
    asked = read_generate_offer(question, HOUSE.public, ledger_id)
    action = offer_of(read_auction(asked.auction, ledger_id), asked)
    transaction = Transaction(action, derive_nonce(question), asked.valid_until_s)
    return sign_transaction(transaction, PROVIDER, ledger_id).envelope.encoded


def away(_question: bytes, _now_s: int) -> bytes | Wrong | None:
    return None


@dataclass
class ClearingWorld:
    """Everybody has an account and 10,000 ubc. Bids come a nanosecond apart unless time passes."""

    opener: Opener = open_in_turn
    world: World = field(default_factory=World)
    entries: list[bytes] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    serial: int = 0
    landed: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        for key in BIDDERS[2:]:
            self.world.must(Create(key.public), key)
            self.world.must(Deposit(key.public, 10_000), EXCHANGE)
        self.restart()

    @property
    def ledger_id(self) -> bytes:
        return self.world.genesis.ledger_id

    @property
    def now_ns(self) -> int:
        return self.world.now_s * 10**9

    def restart(self) -> None:
        """A house that knows only what its log says."""
        self.book = Book(self.ledger_id, with_key(HOUSE), self.opener)
        for entry in self.entries:
            self.book.apply(read_event(entry), entry)
        self.house = House(self.book, HOUSE, self.landed.__contains__)

    def note(self, event: Event) -> None:
        self.entries.append(write_event(event))
        self.book.apply(event, self.entries[-1])

    # ---- Asking the house

    def auction(
        self, kind: AuctionKind = VICKREY, units: int = 1, minimum_ubc: int = 0, **changes: object
    ) -> Auction:
        """To be cleared in a minute; sealed to two of three keepers if it is a Vickrey auction."""
        mark = AuctionMark(kind, int(str(changes.pop("clearing_s", CLEARING_S))), minimum_ubc)
        terms = AuctionTerms(PROVIDER.public, mark, BAND, units, 10, QOS)
        offer = read_offer(self.world.state, PROVIDER.public)
        keys = tuple(time_key(keeper, mark.clearing_s) for keeper in KEEPERS) if kind is VICKREY else ()
        fields: dict[str, object] = {"threshold": 2 if keys else 0, "time_keys": keys, **changes}
        return Auction(terms, 1 if offer is None else offer.epoch + 1, CALLBACK, HOUSE.public, **fields)  # type: ignore[arg-type]

    def session(self, *forecast: int, minimum_ubc: int = 0, **changes: object) -> Auction:
        """To be cleared in a minute, slots of a minute, sealed to the house alone; an empty box has ten `units`."""
        clearing_s = int(str(changes.pop("clearing_s", CLEARING_S)))
        mark, units = (
            AuctionMark(SESSION, clearing_s, minimum_ubc, forecast),
            int(str(changes.pop("units", 10))),
        )
        terms = AuctionTerms(PROVIDER.public, mark, BAND, units, SLOT_S, QOS)
        offer = read_offer(self.world.state, PROVIDER.public)
        fields: dict[str, object] = {
            "threshold": 1,
            "time_keys": (time_key(HOUSE, clearing_s),),
            "epoch": 1 if offer is None else offer.epoch + 1,
            **changes,
        }
        return Auction(terms, offer_callback="", house=HOUSE.public, **fields)  # type: ignore[arg-type]

    def open(self, auction: Auction | None = None, **changes: object) -> Listing:
        """The auction, taken by the house."""
        auction = auction or self.auction(**changes)  # type: ignore[arg-type]
        encoded = write_auction(auction, PROVIDER, self.ledger_id)
        event = self.house.take_auction(encoded, self.seller_of, self.now_ns)
        assert not isinstance(event, AuctionReceipt | Refusal), event
        self.note(event)
        return self.book.listings[auction.auction_id]

    def make_bid(
        self, listing: Listing, bidder: PrivateKey, price_ubc: int, units: int = 1, slots: int = 0
    ) -> bytes:
        """The bytes that a bidder sends."""
        self.serial += 1
        nonce = self.serial.to_bytes(8, "big")
        bid = make_bid(listing.auction, price_ubc, bidder, self.ledger_id, nonce, units, slots)
        if not listing.auction.is_sealed:
            return bid
        bid_key = PrivateKey.from_secret(1_000 + self.serial)
        return conceal_bid(listing.auction, bid, bidder, bid_key, self.ledger_id, bytes(8) + nonce)

    def take(self, listing: Listing, encoded: bytes) -> PublicKey | AuctionReceipt | Refusal:
        """The new bid's name; or what the house said instead."""
        event = self.house.take_bid(listing.auction_id, encoded, self.standing_of, self.find, self.now_ns)
        if isinstance(event, AuctionReceipt | Refusal):
            return event
        self.note(event)
        return list(self.book.listings[listing.auction_id].by_account.values())[-1].name

    def bid(
        self, listing: Listing, bidder: PrivateKey, price_ubc: int, units: int = 1, slots: int = 0
    ) -> PublicKey:
        """The name of a bid that was taken."""
        encoded = self.make_bid(listing, bidder, price_ubc, units, slots)
        said = self.take(listing, encoded)
        assert isinstance(said, PublicKey), said
        taken = self.book.listings[listing.auction_id]
        return next(name for name, bid in taken.bids.items() if bid.encoded == encoded)

    def status(self, listing: Listing, name: PublicKey) -> tuple[Status, str]:
        receipt = self.book.listings[listing.auction_id].receipt(name)
        return receipt.status, receipt.reason

    # ---- What the ledger says

    def standing_of(self, key: PublicKey) -> Standing:
        account = read_account(self.world.state, key)
        return Standing(account is not None, 0 if account is None else account.balance_ubc)

    def seller_of(self, auction: Auction) -> Seller:
        """As of a block of now: what ends by then is over."""
        return seller_of(self.world.draft(), auction, self.world.now_s)

    def find(self, key_id: bytes) -> PublicKey | None:
        account = read_account_by_id(self.world.state, key_id)
        return None if account is None else PublicKey(account.key)

    def submit(self, batch: Batch) -> Outcome:
        """As one block of the ledger; a refusal changes no byte of its state, and money stays what it was."""
        self.batches.append(batch)
        draft, before = self.world.draft(), self.world.picture()
        outcome = apply_batch(draft, batch.transactions, self.world.now_s)
        if isinstance(outcome, tuple):
            index, rejected = outcome
            assert self.world.picture() == before
            subject = batch.transactions[index].transaction_id
            return Refused(subject, rejected.reason.text, rejected.detail, 1, self.world.now_s)
        for signed, applied in zip(batch.transactions, outcome, strict=True):
            draft.absorb(applied.changes, [signed.transaction_id])
        self.world.merge(draft)
        self.landed |= {signed.transaction_id for signed in batch.transactions}
        return Executed(batch.transactions[-1].transaction_id, 1, self.world.now_s, tuple(outcome))

    # ---- Clearing

    def clear(
        self,
        listing: Listing,
        provider: Provider | None = None,
        keepers: tuple[int, ...] = (0, 2),
        tries: int = 20,
    ) -> Listing:
        """From the guard on, until it is over, by an honest provider if no other is given; a step that leads nowhere is
        tried again half a minute later, of a session auction the sooner the shorter a slot is.
        """
        auction = listing.auction
        provider = provider or (honest if auction.offer_callback else boxed)
        self.count(listing)
        self.world.now_s = max(self.world.now_s, listing.auction.terms.mark.clearing_s)
        for _ in range(tries * 4):
            listing = self.book.listings[listing.auction_id]
            if listing.phase is Phase.CLOSED:
                return listing
            step = self.house.next_step(listing, self.world.now_s)
            led = self.answer(listing, provider) if step is None else self.do(step, provider, keepers)
            if not led:
                self.world.wait((auction.settle_by_s - auction.terms.mark.clearing_s) // tries)
        raise AssertionError(f"still {listing.phase}")

    def answer(self, listing: Listing, provider: Provider = boxed) -> bool:
        """Of an auction whose provider asks: whether its answer was taken."""
        if not self.house.may_answer(listing, self.world.now_s):
            return False
        said = provider(self.house.question(listing), self.world.now_s)
        event = self.house.take_answer(listing, said, self.now_ns) if isinstance(said, bytes) else None
        if event is None or isinstance(event, Refusal):
            return False
        self.note(event)
        return True

    def count(self, listing: Listing) -> Listing:
        """At the guard: what bidders have is noted, if that is still to be done."""
        self.world.now_s = max(self.world.now_s, listing.auction.terms.mark.bids_until_s)
        listing = self.book.listings[listing.auction_id]
        if listing.phase is Phase.OPEN:
            assert self.do(self.house.next_step(listing, self.world.now_s))
        return listing

    def do(self, step: Step | None, provider: Provider = honest, keepers: tuple[int, ...] = (0, 2)) -> bool:
        """Whether something came of it."""
        if step is None:
            return False
        event = self._event_of(step, provider, keepers)
        if isinstance(event, Refusal):
            return False
        if event is not None:
            self.note(event)
        return not isinstance(event, OfferRejected)

    def _event_of(self, step: Step, provider: Provider, keepers: tuple[int, ...]) -> Event | Refusal | None:
        listing, now_ns = step.listing, self.now_ns
        match step:
            case AskKeepers():
                clearing_s = listing.auction.terms.mark.clearing_s
                told = {at: time_secret(KEEPERS[at], clearing_s) for at in keepers}
                if listing.auction.terms.mark.kind is SESSION:
                    told = {0: time_secret(HOUSE, clearing_s)}
                return self.house.take_secrets(listing, told, now_ns)
            case AskLedger():
                balances = {key: self.standing_of(key).balance_ubc for key in listing.by_account}
                return self.house.take_balances(listing, len(self.batches), balances, now_ns)
            case AskProvider():
                said = provider(step.question, self.world.now_s)
                if not isinstance(said, bytes):
                    return Refusal("provider_away", "said nothing")
                return self.house.take_answer(listing, said, now_ns)
            case Submit():
                rest = self.house.rest(listing)
                if not rest.transactions:
                    return self.house.settled(listing, now_ns)
                return self.house.take_outcome(listing, rest, self.submit(rest), now_ns)
            case Wait():
                return step.why
            case Close():
                return self.house.close(step, now_ns)
