"""The clearing house's book: its auctions and bids as of the last entry of its log.

`apply` takes an event that was decided elsewhere (ledger/clearing/house.py) and writes it in; it never says no, so the
same log gives the same book on every machine, and anybody who has the log has the auction. Bids that are sealed become
readable with the event that brings the secrets; opening many of them is work, so whoever makes a book may say how it is
spread (`Opener`).
Reference: Bandcoin 5.4, table 1.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TypeAlias

from ledger.clearing.awards import Award, OpenBid, clear_bids, contenders, prices_that_win
from ledger.clearing.door import Refusal, confirm, read_bid, read_unlocked
from ledger.clearing.events import (
    FIRST_HEAD,
    AuctionClosed,
    AuctionTaken,
    BidTaken,
    Event,
    FundsTaken,
    OfferRejected,
    OfferTaken,
    Unsealed,
    next_head,
    read_event,
    write_event,
)
from wire.auction import Auction, read_auction
from wire.auction_receipt import AuctionReceipt, Status
from wire.auction_terms import AuctionKind
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey
from wire.key_agreement import SEAL_KEY_SIZE
from wire.keys import PrivateKey
from wire.sealed_bid import Lock, SealedBid, is_well_sealed, open_ticket, read_sealed_bid, unlock_bid
from wire.time_key import read_time_secret
from wire.units import format_money

KEPT_NS = 86_400 * 10**9
"""How long an auction that is over is shown: a day, in which every bidder has had time to look."""
KEPT_SESSION_NS = 3_600 * 10**9
"""A session auction at least, as a box holds one each minute; and until the last slot of what it sold is over: so long
a bidder who was away can still come for what he won.
"""
MOST_KEPT_NS = 7 * 86_400 * 10**9
"""And no longer, whatever its slots are."""
REPLACED = Refusal("replaced", "the same account bid again")
OUTBID = Refusal("outbid", "others bid more")
TOO_SMALL = Refusal("outbid", "beside the other bids it came to less than a unit")
UNFUNDED = "insufficient_funds"


Found: TypeAlias = OpenBid | Refusal
"""What is in a sealed bid."""


class Phase(Enum):
    """What an auction waits for."""

    OPEN = auto()
    """Bids, until the guard before the clearing time; then what the ledger says that bidders have."""
    COUNTED = auto()
    """The clearing time, and the keepers' secrets."""
    CLEARING = auto()
    """Bids can be read: what the provider signs."""
    OFFERED = auto()
    """The ledger's word on the batch."""
    CLOSED = auto()


@dataclass(slots=True)
class Bid:
    """`name` is the key that signed it. `taken` is what the receipt for it says; `refusal` why it takes no part;
    `earlier` the bid of the same account whose place it took.
    """

    name: PublicKey
    account: PublicKey
    encoded: bytes
    taken: AuctionReceipt
    sealed: SealedBid | None = None
    opened: OpenBid | None = None
    refusal: Refusal | None = None
    earlier: "Bid | None" = None


@dataclass(frozen=True, slots=True)
class PastBid:
    """All that is kept of a bid when its auction is over: the receipt, and what is shown; `digest` knows it again."""

    receipt: AuctionReceipt
    account: PublicKey
    digest: bytes
    price_ubc: int | None = None
    wants: tuple[int, int] | None = None
    units: int = 0
    slots: int = 0
    paid_ubc: int = 0


@dataclass(slots=True)
class Listing:
    """One auction, with its bids in the order in which they came, `last` the last one. `head` is that of the log once
    the bids could be read. `rejected` is why it stands still, in a word and a sentence; `closed` is set once
    it is over. `ready`: bids that were opened before the log says so. `replaced`: of each award, the ids of what its
    account had bid before, once somebody looked (`Book.look_at_replaced`). `wins_above`: what each
    session that lost would have had to exceed, once somebody asked: it follows from the log. `past`: what is left of
    the bids, of so many `bidders`, once it was shrunk.
    """

    auction: Auction
    encoded: bytes
    taken: AuctionReceipt
    lock: Lock
    phase: Phase = Phase.OPEN
    bids: dict[PublicKey, Bid] = field(default_factory=dict)
    by_account: dict[PublicKey, Bid] = field(default_factory=dict)
    funds: FundsTaken | None = None
    head: bytes = b""
    ready: tuple[tuple["Bid", Found], ...] = ()
    awards: tuple[Award, ...] = ()
    awarded: dict[bytes, Award] = field(default_factory=dict)
    replaced: dict[bytes, tuple[bytes, ...]] | None = None
    wins_above: dict[bytes, int] | None = None
    secrets: Mapping[int, bytes] = field(default_factory=dict)
    answer: bytes | None = None
    rejected: tuple[str, str] = ("", "")
    last: PublicKey | None = None
    changes: Counter[PublicKey] = field(default_factory=Counter)
    seen: set[bytes] = field(default_factory=set)
    closed: AuctionClosed | None = None
    executed: frozenset[bytes] = frozenset()
    past: dict[PublicKey, PastBid] | None = None
    bidders: int = 0

    @property
    def auction_id(self) -> bytes:
        return self.lock.auction_id

    @property
    def is_active(self) -> bool:
        return self.closed is None

    def clear(self) -> None:
        """Awards from the bids that take part. Of sealed ones those on which the result depends are confirmed first;
        what does not hold takes no part, and others take its place.
        """
        while True:
            opened = self._taking_part()
            named = {
                bid.opened.transaction.transaction_id: bid for bid in self.by_account.values() if bid.opened
            }
            unconfirmed = [one for one in contenders(self.auction.terms, opened) if one.unlocked is not None]
            if not unconfirmed:
                break
            for one in unconfirmed:
                self._confirm(named[one.transaction.transaction_id], one)
        self.awards = clear_bids(self.auction.terms, opened)
        self.awarded = {award.bid.transaction.transaction_id: award for award in self.awards}

    def _taking_part(self) -> list[OpenBid]:
        return [bid.opened for bid in self.by_account.values() if bid.opened is not None and not bid.refusal]

    def award_of(self, bid: Bid) -> Award | None:
        """What it won, if anything."""
        return None if bid.opened is None else self.awarded.get(bid.opened.transaction.transaction_id)

    def _confirm(self, bid: Bid, opened: OpenBid) -> None:
        assert bid.sealed is not None, "what is to be confirmed was sealed"
        found = confirm(opened, bid.sealed, self.lock)
        if isinstance(found, Refusal):
            bid.refusal = found
        else:
            bid.opened = found

    def shrink(self) -> None:
        """What nobody asks for any more of an auction that is over is let go, most of its memory. The log has it."""
        assert self.closed is not None, "an auction that goes on needs its bids"
        if self.past is None:
            self.past = {name: self._past_of(name, bid) for name, bid in self.bids.items()}
            self.bidders = len(self.by_account)
            self.bids, self.by_account, self.awarded, self.awards = {}, {}, {}, ()
            self.funds, self.replaced, self.wins_above, self.answer = None, None, None, None
            self.secrets, self.changes, self.seen, self.executed = {}, Counter(), set(), frozenset()

    def _past_of(self, name: PublicKey, bid: Bid) -> PastBid:
        opened, award, settled = bid.opened, self.award_of(bid), self.closed and not self.closed.reason
        past = PastBid(self.receipt(name), bid.account, _digest(bid.encoded))
        if opened is not None:
            wants = (opened.bundle[0], len(opened.bundle)) if opened.bundle else None
            past = replace(past, price_ubc=opened.price_ubc, wants=wants)
        if award is not None and settled:
            past = replace(past, units=award.units, slots=award.slots, paid_ubc=award.price_ubc)
        return past

    def has(self, name: PublicKey) -> bool:
        return name in (self.bids if self.past is None else self.past)

    def receipt_again(self, name: PublicKey, encoded: bytes) -> AuctionReceipt | None:
        """Of a bid that is there already, in the same octets; None if there is none."""
        if self.past is not None:
            past = self.past.get(name)
            return past.receipt if past is not None and past.digest == _digest(encoded) else None
        bid = self.bids.get(name)
        return self.receipt(name) if bid is not None and bid.encoded == encoded else None

    @property
    def bid_count(self) -> int:
        return len(self.bids if self.past is None else self.past)

    @property
    def bidder_count(self) -> int:
        return len(self.by_account) if self.past is None else self.bidders

    def receipt(self, name: PublicKey | None = None) -> AuctionReceipt:
        """Of the auction, or of a bid in it: what was taken, and what became of it, or why nothing does yet."""
        if name is None:
            if self.closed is None:
                return _with(self.taken, Status.ACTIVE, *self.rejected)
            return _with(self.taken, Status.INACTIVE, self.closed.reason, self.closed.detail)
        if self.past is not None and name in self.past:
            return self.past[name].receipt
        bid = self.bids.get(name)
        if bid is None:
            return AuctionReceipt(self.auction_id, Status.UNKNOWN, name)
        status, refusal = self.status_of(bid)
        if refusal is OUTBID and self.auction.terms.mark.kind is AuctionKind.SESSION:
            return self._outbid(bid)
        return _with(
            bid.taken, status, "" if refusal is None else refusal.reason, refusal.detail if refusal else ""
        )

    def _outbid(self, bid: Bid) -> AuctionReceipt:
        """Of a session: with what it would have won."""
        assert bid.opened is not None, "what was outbid could be read"
        if self.wins_above is None:
            self.wins_above = prices_that_win(self.auction.terms, self._taking_part(), self.awards)
        least_ubc = self.wins_above.get(bid.opened.transaction.transaction_id)
        if least_ubc is None:  # one too many to be compared, and worth less than the others
            return _with(bid.taken, Status.CANCELLED, OUTBID.reason, OUTBID.detail)
        detail = f"would have won with more than {format_money(least_ubc)}"
        return _with(bid.taken, Status.CANCELLED, OUTBID.reason, detail, least_ubc)

    def status_of(self, bid: Bid) -> tuple[Status, Refusal | None]:
        """What became of it, and why nothing does, or why not yet."""
        if bid.opened is not None and bid.opened.transaction.transaction_id in self.executed:
            return Status.EXECUTED, None
        if bid.refusal is REPLACED and self.auction.is_sealed and self.phase is Phase.OPEN:
            return Status.PENDING, self._waits()  # else anybody could see which two bids are of one account
        if bid.refusal is not None:
            harmless = bid.refusal.reason in {REPLACED.reason, "below_minimum"}
            return (Status.CANCELLED if harmless else Status.ERROR), bid.refusal
        if self.closed is None:
            return Status.PENDING, self._waits()
        if self.closed.reason:
            return Status.CANCELLED, Refusal(self.closed.reason, self.closed.detail)
        award = self.award_of(bid)
        if award is not None:
            return Status.EXECUTED, self._by_another(award) or self._for_how_much(award)
        shared = self.auction.terms.mark.kind is AuctionKind.PROPSHARE
        return Status.CANCELLED, TOO_SMALL if shared else OUTBID

    def _for_how_much(self, award: Award) -> Refusal | None:
        """A word on a session that won: behind a box nothing else tells its bidder what he paid."""
        session = self.auction.terms.mark.kind is AuctionKind.SESSION
        return Refusal("", f"for {format_money(award.price_ubc)}") if session else None

    def _waits(self) -> Refusal | None:
        """Why it stands still, if it does."""
        return Refusal(*self.rejected) if self.rejected[0] else None

    def _by_another(self, award: Award) -> Refusal | None:
        """A word on an award whose share was bought with an earlier bid of the same account; at the same price."""
        own = award.bid.transaction.transaction_id
        ran = [one for one in (self.replaced or {}).get(own, ()) if one in self.executed]
        return Refusal("", f"by transaction {ran[0].hex()}, an earlier bid of this account") if ran else None


Tickets = Callable[[SealedBid, Lock], PublicKey]
"""Whose bid it is: the house's key says so (`with_key`), or the bid itself once it can be read."""


def with_key(house: PrivateKey) -> Tickets:
    return lambda sealed, lock: open_ticket(sealed, lock, house)


Opener = Callable[[Listing, Sequence[Bid], Mapping[int, PrivateKey], bytes], list[Found]]
"""(auction, sealed bids, secrets by place, ledger id) -> what each of them is, in their order."""


def open_in_turn(
    listing: Listing, bids: Sequence[Bid], secrets: Mapping[int, PrivateKey], ledger_id: bytes
) -> list[OpenBid | Refusal]:
    return [open_one(listing, bid, secrets, ledger_id) for bid in bids]


def open_one(
    listing: Listing, bid: Bid, secrets: Mapping[int, PrivateKey], ledger_id: bytes
) -> OpenBid | Refusal:
    """Not confirmed yet: `Listing.clear` does that for those that matter."""
    assert bid.sealed is not None, "an open bid is not opened"
    try:
        unlocked = unlock_bid(bid.sealed, listing.lock, secrets)
    except VerificationError as error:
        return Refusal("badly_sealed", str(error))
    return read_unlocked(unlocked, listing.auction, bid.account, bid.taken.at_ns, ledger_id)


@dataclass(frozen=True, slots=True)
class Place:
    """In a log: behind the entry `number`, whose time and head these are."""

    number: int
    at_ns: int
    head: bytes


BEGINNING = Place(0, 0, FIRST_HEAD)


class Book:
    """Of one house and one ledger. `at_ns` and `head` are those of the last entry; `number` counts entries."""

    def __init__(self, ledger_id: bytes, tickets: Tickets, opener: Opener = open_in_turn) -> None:
        self.ledger_id = ledger_id
        self.read_ticket = tickets
        self.listings: dict[bytes, Listing] = {}
        self.active: dict[bytes, Listing] = {}
        self.number, self.at_ns, self.head = 0, 0, FIRST_HEAD
        self._opener = opener

    def stamp(self, now_ns: int) -> int:
        """The time of the next entry: no two have the same, and none is before another."""
        return max(now_ns, self.at_ns + 1)

    def load(self, read: Callable[[], Iterable[bytes]], now_ns: int, place: Place = BEGINNING) -> None:
        """The log after `place`, which is read twice and never held. What was over long before `now_ns` is passed over:
        nobody asks for it, and opening its bids again would make a start the slower the older a house is. So is what is
        left after `place` of an auction that was taken before: it is one of them.
        """
        self.number, self.at_ns, self.head = place.number, place.at_ns, place.head
        ends_ns = {
            one.auction_id: one.at_ns for one in map(read_event, read()) if isinstance(one, AuctionClosed)
        }
        for entry in read():
            event = read_event(entry)
            if self._is_kept(event, ends_ns, now_ns):
                self.apply(event, entry)
            else:
                self._count(event, entry)
            if isinstance(event, AuctionClosed) and event.auction_id in self.listings:
                self.listings[event.auction_id].shrink()

    def _is_kept(self, event: Event, ends_ns: Mapping[bytes, int], now_ns: int) -> bool:
        if not isinstance(event, AuctionTaken):
            return event.auction_id in self.listings
        auction = read_auction(event.encoded, self.ledger_id)
        end_ns = ends_ns.get(auction.auction_id)
        return end_ns is None or now_ns <= _kept_until_ns(auction, end_ns)

    def needless(self) -> int:
        """How many entries at the beginning of the log are of auctions that are forgotten, all of them."""
        return min((listing.taken.number for listing in self.listings.values()), default=self.number + 1) - 1

    def forget(self, now_ns: int) -> bool:
        """Auctions that were over long ago; the log has them. Whether there were any."""
        old = [
            auction_id
            for auction_id, listing in self.listings.items()
            if listing.closed is not None and _kept_until_ns(listing.auction, listing.closed.at_ns) < now_ns
        ]
        for auction_id in old:
            del self.listings[auction_id]
        return bool(old)

    def apply(self, event: Event, entry: bytes | None = None) -> None:
        """`entry`: its bytes, where they are at hand. Raises DecodeError if it fits no log of this house."""
        self._count(event, write_event(event) if entry is None else entry)
        match event:
            case AuctionTaken():
                self._list(event)
            case BidTaken():
                self._take_bid(self.listings[event.auction_id], event)
            case FundsTaken():
                listing = self.listings[event.auction_id]
                listing.funds, listing.phase = event, Phase.COUNTED
            case Unsealed():
                self._unseal(self.listings[event.auction_id], event)
            case OfferTaken():
                listing = self.listings[event.auction_id]
                listing.answer, listing.phase = event.answer, Phase.OFFERED
                listing.rejected = "", ""
            case OfferRejected():
                listing = self.listings[event.auction_id]
                listing.answer, listing.phase = None, Phase.CLEARING
                listing.rejected = event.reason, event.detail
            case AuctionClosed():
                listing = self.active.pop(event.auction_id)
                listing.executed = frozenset(event.executed)
                if not listing.executed <= listing.awarded.keys():
                    self.look_at_replaced(listing)
                listing.closed, listing.phase = event, Phase.CLOSED

    def read_sealed(self, listing: Listing, encoded: bytes) -> SealedBid:
        """A bid in this auction that its own key signed. Raises DecodeError."""
        sealed = read_sealed_bid(encoded, self.ledger_id)
        if sealed.auction_id != listing.auction_id:
            raise VerificationError(f"a bid in auction {sealed.auction_id.hex()}")
        if len(sealed.shares) != SEAL_KEY_SIZE * len(listing.lock.time_keys):
            raise VerificationError(f"a bid with {len(sealed.shares)} bytes of shares")
        return sealed

    def _count(self, event: Event, entry: bytes) -> None:
        self.number, self.at_ns, self.head = self.number + 1, event.at_ns, next_head(self.head, entry)

    def _list(self, event: AuctionTaken) -> None:
        auction = read_auction(event.encoded, self.ledger_id)
        keys = tuple(key.key for key in auction.read_time_keys())
        lock = Lock(auction.auction_id, auction.house, keys, auction.threshold, self.ledger_id)
        taken = AuctionReceipt(lock.auction_id, Status.ACTIVE, None, self.number, event.at_ns, self.head)
        listing = Listing(auction, event.encoded, taken, lock)
        self.listings[lock.auction_id] = self.active[lock.auction_id] = listing

    def _take_bid(self, listing: Listing, event: BidTaken) -> None:
        bid = self._read_bid(listing, event)
        earlier = listing.by_account.get(bid.account)
        if earlier is not None:
            earlier.refusal, bid.earlier = REPLACED, earlier
        listing.bids[bid.name] = listing.by_account[bid.account] = bid
        listing.last = bid.name
        listing.changes[bid.account] += 1
        if bid.opened is not None:
            listing.seen.add(bid.opened.transaction.transaction_id)

    def _read_bid(self, listing: Listing, event: BidTaken) -> Bid:
        if listing.auction.is_sealed:
            sealed = read_sealed_bid(event.encoded, self.ledger_id)
            name, account = sealed.bid_key, self.read_ticket(sealed, listing.lock)
            return Bid(name, account, event.encoded, self._taken(listing, name, event), sealed)
        account = PublicKey(event.account)
        opened = read_bid(event.encoded, listing.auction, account, event.at_ns, self.ledger_id)
        taken = self._taken(listing, account, event)
        if isinstance(opened, Refusal):
            raise DecodeError(f"clearing log: a bid that no house takes: {opened.detail}")
        return Bid(account, account, event.encoded, taken, None, opened)

    def _taken(self, listing: Listing, name: PublicKey, event: BidTaken) -> AuctionReceipt:
        return AuctionReceipt(listing.auction_id, Status.PENDING, name, self.number, event.at_ns, self.head)

    def _unseal(self, listing: Listing, event: Unsealed) -> None:
        for bid, found in listing.ready or self.open_bids(listing, event.secrets):
            _note_found(bid, found)
        for bid in list(listing.by_account.values()):
            self._fall_back(listing, bid, event.secrets)
        listing.ready, listing.head, listing.secrets = (), self.head, event.secrets
        _drop_unfunded(listing)
        listing.clear()
        listing.phase, listing.rejected = Phase.CLEARING, ("", "")

    def look_at_replaced(self, listing: Listing) -> Mapping[bytes, tuple[bytes, ...]]:
        """Ids of awards -> ids of what the same account had bid before. Each is signed, for this auction, and can be
        read by everybody: whoever has the offer can have the ledger execute it in the place of the last one, for the
        same share at the same price. Opened when it matters only.
        """
        if listing.replaced is None:
            listing.replaced = {
                name: tuple(self._replaced_ids(listing, listing.by_account[award.bid.account]))
                for name, award in listing.awarded.items()
            }
        return listing.replaced

    def _replaced_ids(self, listing: Listing, bid: Bid) -> Iterator[bytes]:
        earlier = bid.earlier
        while earlier is not None:
            told = _read_secrets(listing, listing.secrets)
            if earlier.sealed is not None and earlier.opened is None:
                found = open_one(listing, earlier, told, self.ledger_id)
                if isinstance(found, OpenBid) and is_well_sealed(earlier.sealed, listing.lock, told):
                    earlier.opened = found
            if earlier.opened is not None:
                yield earlier.opened.transaction.transaction_id
            earlier = earlier.earlier

    def open_bids(self, listing: Listing, secrets: Mapping[int, bytes]) -> tuple[tuple[Bid, Found], ...]:
        """Its sealed bids, and what is in each. Changes nothing, and may be done before the log says `Unsealed`: it is
        most of the work. Raises VerificationError for secrets that are none of its keepers'.
        """
        told = _read_secrets(listing, secrets)
        sealed = [bid for bid in listing.by_account.values() if bid.sealed is not None]
        return tuple(zip(sealed, self._opener(listing, sealed, told, self.ledger_id), strict=True))

    def _fall_back(self, listing: Listing, bid: Bid, secrets: Mapping[int, bytes]) -> None:
        """A bid that others would read differently, or not at all, took nothing's place: its ticket is for the house
        alone for ever, and who computes the auction again could not know whose bid it was.
        """
        while bid.sealed is not None and bid.earlier is not None:
            told = _read_secrets(listing, secrets)
            if is_well_sealed(bid.sealed, listing.lock, told):
                return
            bid.refusal = Refusal("badly_sealed", "others would read it differently, or not at all")
            bid = bid.earlier
            bid.refusal, listing.by_account[bid.account] = None, bid
            _note_found(bid, open_one(listing, bid, told, self.ledger_id))


def _kept_until_ns(auction: Auction, closed_ns: int) -> int:
    terms = auction.terms
    if terms.mark.kind is not AuctionKind.SESSION:
        return closed_ns + KEPT_NS
    over_s = terms.mark.clearing_s + len(terms.mark.forecast) * terms.allocation_duration_s
    return max(closed_ns + KEPT_SESSION_NS, min(over_s * 10**9, closed_ns + MOST_KEPT_NS))


def _digest(encoded: bytes) -> bytes:
    return hashlib.sha256(encoded).digest()[:16]


def _note_found(bid: Bid, found: Found) -> None:
    if isinstance(found, Refusal):
        bid.refusal = found
    else:
        bid.opened = found


def _read_secrets(listing: Listing, secrets: Mapping[int, bytes]) -> dict[int, PrivateKey]:
    keys = listing.lock.time_keys
    return {place: read_time_secret(secret, keys[place]) for place, secret in secrets.items()}


def _drop_unfunded(listing: Listing) -> None:
    """Who had less than he bid takes no part."""
    funds = listing.funds
    assert funds is not None, "keepers are asked after the ledger"
    for bid in listing.by_account.values():
        if (
            bid.account not in funds.balances_ubc
        ):  # it goes by its own name, as nobody but the house knows whose it is
            bid.refusal = bid.refusal or Refusal("badly_sealed", "nobody can read whose it is")
            continue
        had_ubc = funds.balances_ubc[bid.account]
        if bid.opened is not None and had_ubc < bid.opened.price_ubc:
            bid_for, had = format_money(bid.opened.price_ubc), format_money(had_ubc)
            words = f"bid {bid_for}, had {had} as of block {funds.height}"
            bid.refusal = bid.refusal or Refusal(UNFUNDED, words)


def _with(
    taken: AuctionReceipt, status: Status, reason: str, detail: str, wins_above_ubc: int | None = None
) -> AuctionReceipt:
    return replace(taken, status=status, reason=reason, detail=detail, wins_above_ubc=wins_above_ubc)
