"""Checking a clearing house by somebody else: from its log, and from what the ledger says.

Needs no key of the house: once an auction's secrets are in the log, everybody can read its bids, and with a bid its
ticket. Every auction is computed again, and held against

    the log itself   phases and times: no bid after the guard, no secret before its time, nothing given up early
    the bids         the winners and the prices of the offer, and the head of the log that the house signed with them
    the ledger       what bidders had as of the last block before the guard, which the log has to name; and that it has
                     executed what is called settled, and nothing of what is not; and no ruling with another head

The last is asked of a `LedgerWord`; what nobody can say is named as not checked. That a provider was away, or a keeper,
is the house's word for ever; nobody pays then. Pure.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ledger.clearing.awards import Award
from ledger.clearing.bidding import is_named
from ledger.clearing.book import Book, Listing, Phase
from ledger.clearing.door import KEEPER_CLOCK
from ledger.clearing.events import (
    AuctionClosed,
    AuctionTaken,
    BidTaken,
    Event,
    FundsTaken,
    OfferRejected,
    OfferTaken,
    Unsealed,
    read_event,
)
from ledger.clearing.house import NO_BIDS, check_answer, may_say
from wire.auction import read_auction
from wire.auction_receipt import AuctionReceipt
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.sealed_bid import Lock, SealedBid, open_ticket_afterwards, unlock_bid
from wire.transaction import read_transaction

_LEGAL: dict[type, Collection[Phase]] = {
    BidTaken: {Phase.OPEN},
    FundsTaken: {Phase.OPEN},
    Unsealed: {Phase.COUNTED},
    OfferTaken: {Phase.CLEARING},
    OfferRejected: {Phase.OFFERED},
    AuctionClosed: {Phase.OPEN, Phase.COUNTED, Phase.CLEARING, Phase.OFFERED},
}


@dataclass(frozen=True, slots=True)
class Funds:
    """What accounts had as of a block; its time, and that of the next one, None if there is none (UTC)."""

    balances_ubc: Mapping[PublicKey, int]
    time_s: int
    next_s: int | None


@dataclass(frozen=True, slots=True)
class Anchor:
    """An offer that the ledger executed and that carries a ruling of the house, the head in it, and which auction it
    settles, empty if it is of nobody who was named.
    """

    transaction_id: bytes
    head: bytes
    auction_id: bytes


class LedgerWord(Protocol):
    """What a ledger says; None where it cannot."""

    def ran(self, transaction_id: bytes) -> bool | None:
        """Whether it was executed."""
        ...

    def funds(self, height: int, accounts: Collection[PublicKey]) -> Funds | None: ...

    def anchors(self, house: PublicKey, providers: Collection[PublicKey]) -> Sequence[Anchor] | None:
        """Of all offers that settle auctions of this house; `providers` had some."""
        ...


@dataclass(frozen=True, slots=True)
class Audited:
    """One auction that is over. `wrong` is what does not hold, `unchecked` what nobody could say; empty if all is well.
    `dropped` counts bids that took no part.
    """

    auction_id: bytes
    settled: bool
    awards: tuple[Award, ...]
    dropped: int
    wrong: str
    unchecked: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """`heads[n - 1]` is the head after entry n: a receipt with number n names the same, or the log was changed. `wrong`
    and `unchecked` are of the log as a whole. `listings` are all auctions by their ids, as the log left them.
    """

    auctions: tuple[Audited, ...]
    heads: tuple[bytes, ...]
    wrong: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    listings: Mapping[bytes, Listing] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Everything was checked, and nothing is wrong."""
        return not (self.wrong or self.unchecked or any(one.wrong or one.unchecked for one in self.auctions))


def audit_log(entries: Sequence[bytes], ledger_id: bytes, ledger: LedgerWord | None = None) -> Audit:
    """Raises DecodeError for what is no log of a house for this ledger."""
    try:
        return _Auditor(entries, ledger_id, ledger).audit()
    except (
        KeyError,
        IndexError,
        ValueError,
    ) as error:  # an auction that is not there, a secret that is no number
        if isinstance(error, DecodeError):
            raise
        raise DecodeError(f"clearing log: does not fit itself: {error!r}") from error


def wanted_funds(entries: Sequence[bytes]) -> dict[int, set[PublicKey]]:
    """Height -> accounts whose balances the log says. Raises DecodeError."""
    wanted: dict[int, set[PublicKey]] = {}
    for event in map(read_event, entries):
        if isinstance(event, FundsTaken):
            wanted.setdefault(event.height, set()).update(event.balances_ubc)
    return wanted


def convict(
    receipt: AuctionReceipt,
    entries: Sequence[bytes],
    audit: Audit,
    ledger_id: bytes,
    sent: bytes | None = None,
) -> str:
    """What is wrong with a log beside a receipt of the house's, empty if nothing: with both in hand anybody can see
    that the house has dropped, moved or dated anew what it gave its word for. `sent`: the bid that the receipt is for,
    where it is at hand; else the entry has to be one of the receipt's name. What a session would have won with is
    computed again.
    """
    if not receipt.number:
        return "the receipt is for nothing that was taken"
    if receipt.number > len(entries):
        return f"the log has {len(entries)} entries, and the receipt is for entry {receipt.number}"
    event = read_event(entries[receipt.number - 1])
    if audit.heads[receipt.number - 1] != receipt.head:
        return f"up to entry {receipt.number} the log is another one than that of the receipt"
    if receipt.bid_id is None:
        wrong = _compare_auction(event, receipt, ledger_id)
    else:
        wrong = _compare_bid(event, receipt, receipt.bid_id, ledger_id, sent)
    if not wrong and event.at_ns != receipt.at_ns:
        wrong = f"entry {receipt.number} is of {event.at_ns}, not {receipt.at_ns}"
    return wrong or _compare_price(receipt, audit)


def _compare_price(receipt: AuctionReceipt, audit: Audit) -> str:
    said_ubc = receipt.wins_above_ubc
    if said_ubc is None:
        return ""
    found_ubc = audit.listings[receipt.auction_id].receipt(receipt.bid_id).wins_above_ubc
    if said_ubc == found_ubc:
        return ""
    return f"it says that more than {said_ubc} ubc would have won, by the log it is {found_ubc}"


def _compare_auction(event: Event, receipt: AuctionReceipt, ledger_id: bytes) -> str:
    is_it = (
        isinstance(event, AuctionTaken)
        and read_auction(event.encoded, ledger_id).auction_id == receipt.auction_id
    )
    return "" if is_it else f"entry {receipt.number} does not open that auction"


def _compare_bid(
    event: Event, receipt: AuctionReceipt, name: PublicKey, ledger_id: bytes, sent: bytes | None
) -> str:
    """A house that gives somebody the place of another's bid has not taken his."""
    if not isinstance(event, BidTaken) or event.auction_id != receipt.auction_id:
        return f"entry {receipt.number} is no bid in that auction"
    if not is_named(event.encoded, name, ledger_id):
        return f"entry {receipt.number} is somebody else's bid, not {name}"
    if sent is not None and event.encoded != sent:
        return f"entry {receipt.number} is another bid than the one that was sent"
    return ""


@dataclass(slots=True)
class _Found:
    wrong: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


class _Auditor:
    """Goes through a log once."""

    def __init__(self, entries: Sequence[bytes], ledger_id: bytes, ledger: LedgerWord | None) -> None:
        self._entries, self._ledger_id, self._ledger = entries, ledger_id, ledger
        self._events = [read_event(entry) for entry in entries]
        self._book = Book(ledger_id, _public_tickets(self._events))
        self._found: dict[bytes, _Found] = {}
        self._offers: set[bytes] = set()

    def audit(self) -> Audit:
        heads: list[bytes] = []
        done: list[Audited] = []
        for number, (event, entry) in enumerate(zip(self._events, self._entries, strict=True), 1):
            if event.at_ns <= self._book.at_ns:
                raise DecodeError(f"clearing log: entry {number} is not later than the one before")
            if not isinstance(event, AuctionTaken):
                self._check(self._book.listings[event.auction_id], event, number)
            elif read_auction(event.encoded, self._ledger_id).auction_id in self._book.listings:
                raise DecodeError(f"clearing log: entry {number} opens an auction a second time")
            self._book.apply(event, entry)
            heads.append(self._book.head)
            if isinstance(event, AuctionClosed):
                done.append(self._conclude(self._book.listings[event.auction_id], event))
        wrong, unchecked = self._check_anchors()
        return Audit(tuple(done), tuple(heads), wrong, unchecked, self._book.listings)

    def _note(self, listing: Listing) -> _Found:
        return self._found.setdefault(listing.auction_id, _Found())

    # ---- What must be so before an event

    def _check(self, listing: Listing, event: Event, number: int) -> None:
        if listing.phase not in _LEGAL[type(event)]:
            what = f"{type(event).__name__} of an auction that is {listing.phase.name.lower()}"
            raise DecodeError(f"clearing log: does not fit itself: entry {number} is {what}")
        mark, wrong = listing.auction.terms.mark, self._note(listing).wrong
        match event:
            case BidTaken() if event.at_ns >= mark.bids_until_s * 10**9:
                wrong.append(f"bid {number} was taken after {mark.bids_until_s}")
            case FundsTaken():
                if event.at_ns < mark.bids_until_s * 10**9:
                    wrong.append("what bidders have was noted while bids were taken")
                wrong += _check_bidders(listing, event)
                self._check_funds(listing, event)
            case Unsealed() if event.at_ns < mark.clearing_s * 10**9:
                wrong.append("keepers told their secrets before the clearing time")
            case OfferTaken():
                wrong += self._check_offer(listing, event.answer)
            case AuctionClosed() if event.reason not in ("", NO_BIDS) and not may_say(listing, event.reason):
                wrong.append(f"it was given up as {event.reason}, which its log does not say")

    def _check_offer(self, listing: Listing, answer: bytes) -> list[str]:
        try:
            wrong = check_answer(listing, answer, self._ledger_id) if listing.awards else "nobody has won"
        except DecodeError as error:
            wrong = str(error)
        return [wrong] if wrong else []

    def _check_funds(self, listing: Listing, event: FundsTaken) -> None:
        """Only where it matters: bids that are never opened take no part in anything."""
        if listing.auction_id not in {one.auction_id for one in self._events if isinstance(one, Unsealed)}:
            return
        found = self._note(listing)
        funds = None if self._ledger is None else self._ledger.funds(event.height, set(event.balances_ubc))
        if funds is None:
            found.unchecked.append(f"what bidders had as of block {event.height}")
            return
        if any(funds.balances_ubc.get(key, 0) != ubc for key, ubc in event.balances_ubc.items()):
            found.wrong.append(f"bidders did not have as of block {event.height} what the log says")
        until_s = listing.auction.terms.mark.bids_until_s
        if funds.time_s >= until_s or (funds.next_s is not None and funds.next_s < until_s):
            found.wrong.append(f"block {event.height} is not the last one before {until_s}")

    # ---- What must be so at the end

    def _conclude(self, listing: Listing, closed: AuctionClosed) -> Audited:
        found, settled = self._note(listing), not closed.reason
        won = list(listing.awarded)
        if settled and not won:
            found.wrong.append("it was settled, and nobody has won")
        if settled and listing.answer is None:
            found.unchecked += [] if self._has_word() else ["that the provider settled it without the house"]
        if not settled:
            found.wrong += _check_reason(listing, closed)
        claims = {name: name for name in won}
        for own, earlier in self._book.look_at_replaced(listing).items():
            claims.update(dict.fromkeys(earlier, own))
        executed = set(closed.executed) or (set(won) if settled else set())
        if not executed <= claims.keys():
            found.wrong.append("bids are called executed that have not won")
        elif settled and sorted(claims[one] for one in executed) != sorted(won):
            found.wrong.append("it was settled, and not each of its shares is called sold once")
        self._compare(listing, executed, found)
        for one in claims.keys() - executed:
            self._expect(one, found, f"bid {one.hex()}", expected=False)
        if settled and listing.answer is not None:
            offer_id = _offer_id(listing.answer, self._ledger_id)
            self._offers.add(offer_id)
            self._expect(offer_id, found, "the offer", expected=True)
        dropped = sum(bid.refusal is not None for bid in listing.by_account.values())
        awards = listing.awards if settled else ()
        wrong, unchecked = (", ".join(dict.fromkeys(words)) for words in (found.wrong, found.unchecked))
        return Audited(listing.auction_id, settled, awards, dropped, wrong, unchecked)

    def _compare(self, listing: Listing, executed: Collection[bytes], found: _Found) -> None:
        """Every bid that could be read: the ledger has run those that won, and no other."""
        for bid in listing.bids.values():
            if bid.opened is not None:
                transaction_id = bid.opened.transaction.transaction_id
                self._expect(transaction_id, found, f"bid {bid.name}", expected=transaction_id in executed)

    def _expect(self, transaction_id: bytes, found: _Found, what: str, *, expected: bool) -> None:
        ran = None if self._ledger is None else self._ledger.ran(transaction_id)
        if ran is None:
            found.unchecked.append("what the ledger has executed")
        elif ran != expected:
            found.wrong.append(f"the ledger has {'' if ran else 'not '}executed {what}")

    def _has_word(self) -> bool:
        return self._ledger is not None and self._ledger.ran(bytes(32)) is not None

    def _check_anchors(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Each head that the ledger got from this house is that of this log as of when the bids of that very auction
        could be read: there is no other log.
        """
        listings = self._book.listings.values()
        heads = {one.auction_id: one.head for one in listings if one.head}
        providers = {one.auction.terms.provider for one in listings}
        houses = {one.auction.house for one in listings}
        wrong: list[str] = []
        for house in houses:
            anchors = None if self._ledger is None else self._ledger.anchors(house, providers)
            if anchors is None:
                return (), ("that this is the only log that the house shows",)
            for anchor in anchors:
                if heads.get(anchor.auction_id) != anchor.head:
                    name = anchor.transaction_id.hex()
                    wrong.append(f"offer {name} in the ledger carries a head of another log of this house")
        return tuple(wrong), ()


def _check_bidders(listing: Listing, event: FundsTaken) -> list[str]:
    """Everybody who bid is in it, and nobody else. Of bids that nobody can read nobody knows the account."""
    known = {
        bid.account for bid in listing.by_account.values() if bid.account != bid.name or bid.sealed is None
    }
    unreadable = len(listing.by_account) - len(known)
    noted = set(event.balances_ubc)
    if not known <= noted or len(noted) > len(known) + unreadable:
        return ["what bidders have was noted of others than those who bid"]
    return []


def _check_reason(listing: Listing, closed: AuctionClosed) -> list[str]:
    """An auction is given up after its last second, or once its bids could be read and nobody has won."""
    if closed.reason == NO_BIDS:
        return (
            []
            if listing.head and not listing.awards
            else ["it was closed for want of bids, and there were some"]
        )
    if closed.reason == KEEPER_CLOCK and listing.funds is None:  # the house's word, as that a keeper was away
        return []
    if closed.at_ns // 10**9 <= listing.auction.settle_by_s:
        return ["it was given up before its last second"]
    return []


def _offer_id(answer: bytes, ledger_id: bytes) -> bytes:
    try:
        return read_transaction(answer, ledger_id).transaction_id
    except DecodeError:
        return bytes(32)


def _public_tickets(events: Sequence[Event]) -> Callable[[SealedBid, Lock], PublicKey]:
    told = {event.auction_id: event.secrets for event in events if isinstance(event, Unsealed)}
    return _PublicTickets(
        {
            auction_id: {
                place: PrivateKey.from_secret(int.from_bytes(secret, "big"))
                for place, secret in secrets.items()
            }
            for auction_id, secrets in told.items()
        }
    )


@dataclass(frozen=True, slots=True)
class _PublicTickets:
    """Reads tickets with what the log tells later on. A bid that nobody can read counts as somebody's of its own."""

    secrets: dict[bytes, dict[int, PrivateKey]]

    def __call__(self, sealed: SealedBid, lock: Lock) -> PublicKey:
        secrets = self.secrets.get(lock.auction_id, {})
        if len(secrets) < lock.threshold or max(secrets, default=0) >= len(lock.time_keys):
            return sealed.bid_key
        try:
            return open_ticket_afterwards(sealed, lock, unlock_bid(sealed, lock, secrets))
        except VerificationError:
            return sealed.bid_key
