"""Checking a clearing house from its log alone: who won and what was paid, computed again by somebody else.

Needs no key of the house: once an auction's secrets are in the log, everybody can read its bids, and with a bid its
ticket. Finds an offer that is not what the bids came to, a log that does not fit itself, and by `heads` whether an
entry that a receipt names is still where it was. What remains the house's word is when a bid came, and of bids that
were dropped for want of money the balance, which the ledger's own log has. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.clearing.awards import Award
from ledger.clearing.book import Book, Listing
from ledger.clearing.events import AuctionClosed, BidTaken, Event, OfferTaken, Unsealed, read_event
from ledger.clearing.house import check_answer
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.sealed_bid import Lock, SealedBid, open_ticket_afterwards, unlock_bid

UNCHECKED = (
    "the balances of dropped bids, why an auction was closed, and that the ledger has what was settled"
)
"""What the log alone cannot say, and whoever reads the ledger has to look up there."""


@dataclass(frozen=True, slots=True)
class Audited:
    """One auction that is over. `wrong` is what does not hold, empty if all does; `dropped` counts bids that the house
    says could not be executed.
    """

    auction_id: bytes
    settled: bool
    awards: tuple[Award, ...]
    dropped: int
    wrong: str


@dataclass(frozen=True, slots=True)
class Audit:
    """`heads[n - 1]` is the head after entry n: a receipt with number n names the same, or the log was changed."""

    auctions: tuple[Audited, ...]
    heads: tuple[bytes, ...]


def audit_log(entries: Sequence[bytes], ledger_id: bytes) -> Audit:
    """Raises DecodeError for what is no log of a house for this ledger."""
    try:
        return _audit(entries, ledger_id)
    except (
        KeyError,
        ValueError,
    ) as error:  # an event of an auction that is not there, or a secret that is no number
        raise DecodeError(f"clearing log: does not fit itself: {error!r}") from error


def _audit(entries: Sequence[bytes], ledger_id: bytes) -> Audit:
    events = [read_event(entry) for entry in entries]
    book = Book(ledger_id, _public_tickets(events))
    wrong: dict[bytes, str] = {}
    heads: list[bytes] = []
    done: list[Audited] = []
    for event, entry in zip(events, entries, strict=True):
        if event.at_ns <= book.at_ns:
            raise DecodeError(f"clearing log: entry {len(heads) + 1} is not later than the one before")
        if isinstance(event, BidTaken) and _is_late(book.listings[event.auction_id], event):
            wrong[event.auction_id] = "a bid was taken after the clearing time"
        if isinstance(event, OfferTaken):
            said = _check_offer(book.listings[event.auction_id], event.answer, ledger_id)
            wrong[event.auction_id] = said or wrong.get(event.auction_id, "")
        book.apply(event, entry)
        heads.append(book.head)
        if isinstance(event, AuctionClosed):
            done.append(_conclude(book.listings[event.auction_id], wrong.get(event.auction_id, "")))
    return Audit(tuple(done), tuple(heads))


def _is_late(listing: Listing, bid: BidTaken) -> bool:
    return bid.at_ns // 10**9 >= listing.auction.terms.mark.clearing_s


def _conclude(listing: Listing, wrong: str) -> Audited:
    closed = listing.closed
    assert closed is not None, "it was closed by this event"
    settled = not closed.reason
    if settled and listing.answer is None:
        wrong = wrong or "it was settled without an offer"
    dropped = sum(bid.refusal is not None and bid.opened is not None for bid in listing.by_account.values())
    return Audited(listing.auction_id, settled, listing.awards if settled else (), dropped, wrong)


def _check_offer(listing: Listing, answer: bytes, ledger_id: bytes) -> str:
    try:
        return check_answer(listing, answer, ledger_id) or ""
    except DecodeError as error:
        return str(error)


def _public_tickets(events: Sequence[Event]) -> "_PublicTickets":
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
        if len(secrets) < lock.threshold:
            return sealed.bid_key
        try:
            return open_ticket_afterwards(sealed, lock, unlock_bid(sealed, lock, secrets))
        except VerificationError:
            return sealed.bid_key
