"""The clearing house decides: what it takes, and what comes next for an auction whose time has come.

Pure: requests, what the ledger says and what others answered come in; out come an event for the log, or a refusal, or a
`Step` for whoever can ask keepers, provider and ledger. A step that fails is tried again until the auction's last
second, and then the auction is over and nothing has happened: money moves in the one batch or not at all. Once the
provider may have the ruling, that second is over when the ledger is past it, whatever our clock says: until then a
block may come in which the batch lands.

    open, the guard       ask the ledger what bidders have       FundsTaken
    counted, its time     ask the keepers for the secrets        Unsealed
    clearing              ask the provider for the offer         OfferTaken (a session's provider asks for the question)
    offered               submit the batch                       AuctionClosed, or OfferRejected

Who can pay is asked once, as of the last block before the guard: the ledger says which one that is, and not the house,
whenever it looks. A winner who spends his money
after that holds the auction up, until it is void: it is not cleared again without him.

Reference: Bandcoin 5.4.2, steps 4 to 8; docs/decisions/0027.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from ledger.clearing.book import Book, Listing, Phase
from ledger.clearing.door import (
    KEEPER_CLOCK,
    MAX_AUCTIONS,
    MAX_AUCTIONS_OF_ONE,
    MAX_BIDS,
    MAX_CHANGES,
    Refusal,
    Seller,
    Standing,
    check_auction,
    check_bidder,
    most_bids,
    read_bid,
    read_issuer,
)
from ledger.clearing.events import (
    AuctionClosed,
    AuctionTaken,
    BidTaken,
    Event,
    FundsTaken,
    OfferRejected,
    OfferTaken,
    Unsealed,
)
from ledger.rejection import Reason
from ledger.submission import Batch, Executed, Outcome, received_id
from wire.auction import Auction, read_auction
from wire.auction_receipt import AuctionReceipt
from wire.auction_terms import AuctionKind, Ruling
from wire.errors import DecodeError
from wire.generate_offer import GenerateOffer, offer_of, write_generate_offer
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.post_offer import AuctionShare, PostOffer
from wire.ruling import sign_ruling, verify_ruling
from wire.time_key import read_time_secret
from wire.transaction import SignedTransaction, read_transaction
from wire.units import format_instant

NO_BIDS = "no_bids"
PATIENCE_S = 60
"""How long after its clearing time an auction waits for an earlier one of the same provider: the ledger settles no
earlier one after a later one, so whoever overtakes ends the other.
"""


@dataclass(frozen=True, slots=True)
class AskKeepers:
    """Enough time keys' secrets are wanted: `threshold` of those of the auction."""

    listing: Listing


@dataclass(frozen=True, slots=True)
class AskLedger:
    """What everybody who bid had is wanted, as of the last block before the guard: once it is known which one it is."""

    listing: Listing


@dataclass(frozen=True, slots=True)
class AskProvider:
    """The question is to be posted to the auction's callback."""

    listing: Listing
    question: bytes


@dataclass(frozen=True, slots=True)
class Submit:
    """All of these, or none; in this order."""

    listing: Listing
    batch: Batch


@dataclass(frozen=True, slots=True)
class Close:
    """Nothing is left to try."""

    listing: Listing
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Wait:
    """For an earlier auction of the same provider."""

    listing: Listing
    why: Refusal


Step = AskKeepers | AskLedger | AskProvider | Submit | Wait | Close


class House:
    """Decides over a book. Whoever calls writes each event to the log before it applies it. `key` is the house's; `has`
    says whether a transaction was ever executed, so that no bid that was is called cancelled, and `is_past` whether no
    block of a time before this one comes any more. `max_winners`: as many as the ledger's engine settles in one batch.
    """

    def __init__(
        self,
        book: Book,
        key: PrivateKey,
        has: Callable[[bytes], bool] = lambda _transaction_id: False,
        max_winners: int = MAX_BIDS,
        is_past: Callable[[int], bool] = lambda _time_s: True,
    ) -> None:
        self.book, self._key, self._has, self._max_winners = book, key, has, max_winners
        self._is_past = is_past

    # ---- CreateAuction, Bid, GetBid

    def take_auction(
        self, encoded: bytes, seller_of: Callable[[Auction], Seller], now_ns: int
    ) -> Event | AuctionReceipt | Refusal:
        """An event; the receipt of an auction that is there already; or why not. Raises DecodeError."""
        auction = read_auction(encoded, self.book.ledger_id)
        known = self.book.listings.get(auction.auction_id)
        if known is not None:
            return known.receipt()
        theirs = self._auctions_of(auction.terms.provider)
        if any(_clearing_s(one) == auction.terms.mark.clearing_s for one in theirs):
            return Refusal(
                "second_taken", "this provider has another auction of that second, and only one is settled"
            )
        if len(theirs) >= MAX_AUCTIONS_OF_ONE:
            return Refusal("too_many_auctions", f"this provider runs {MAX_AUCTIONS_OF_ONE} here already")
        if len(self.book.active) >= MAX_AUCTIONS:
            return Refusal("too_many_auctions", f"this house runs {MAX_AUCTIONS} already")
        refusal = check_auction(auction, self._key.public, seller_of(auction), now_ns // 10**9)
        return refusal or AuctionTaken(self.book.stamp(now_ns), encoded)

    def take_bid(
        self,
        auction_id: bytes,
        encoded: bytes,
        standing_of: Callable[[PublicKey], Standing],
        find: Callable[[bytes], PublicKey | None],
        now_ns: int,
    ) -> Event | AuctionReceipt | Refusal:
        """`now_ns`: when it came. `find`: the account of a key id. Raises DecodeError for what is no sealed bid.

        A sealed bid that is refused is named, as its own key has signed it: what is said of it is said of no other. One
        whose name is in the auction already is not, or whoever sends a bid again in other octets gets a no to it.
        """
        listing = self.book.listings.get(auction_id)
        if listing is None:
            return Refusal("unknown_auction", f"no auction {auction_id.hex()} here")
        if not listing.auction.is_sealed:
            issuer = read_issuer(encoded, self.book.ledger_id, find)
            if isinstance(issuer, Refusal):
                return issuer
            return self._take(listing, encoded, issuer, issuer, standing_of, now_ns)
        sealed = self.book.read_sealed(listing, encoded)
        name = sealed.bid_key
        try:
            account = self.book.read_ticket(sealed, listing.lock)
        except DecodeError as error:
            said: Event | AuctionReceipt | Refusal = Refusal("unreadable", str(error))
        else:
            said = self._take(listing, encoded, name, account, standing_of, now_ns)
        return replace(said, bid_id=name) if isinstance(said, Refusal) and not listing.has(name) else said

    def _take(
        self,
        listing: Listing,
        encoded: bytes,
        name: PublicKey,
        account: PublicKey,
        standing_of: Callable[[PublicKey], Standing],
        now_ns: int,
    ) -> Event | AuctionReceipt | Refusal:
        auction_id, known = listing.auction_id, listing.receipt_again(name, encoded)
        if known is not None:
            return known
        at_ns = self.book.stamp(now_ns)
        refusal = self._check_place(listing, account, name, at_ns // 10**9)
        refusal = refusal or check_bidder(listing.auction, standing_of(account))
        if refusal is not None:
            return refusal
        if listing.auction.is_sealed:
            return BidTaken(at_ns, auction_id, encoded)
        opened = read_bid(encoded, listing.auction, account, at_ns, self.book.ledger_id)
        if not isinstance(opened, Refusal) and opened.transaction.transaction_id in listing.seen:
            return listing.receipt(name)  # anybody can send an open bid again, and an old one is no new word
        return opened if isinstance(opened, Refusal) else BidTaken(at_ns, auction_id, encoded, account.octets)

    def _check_place(
        self, listing: Listing, account: PublicKey, name: PublicKey, at_s: int
    ) -> Refusal | None:
        until_s = listing.auction.terms.mark.bids_until_s
        if listing.phase is not Phase.OPEN or at_s >= until_s:
            return Refusal("too_late", f"bids were taken until {format_instant(until_s)}")
        if listing.auction.is_sealed and name in listing.bids:
            return Refusal("name_taken", "make a new key for each bid")
        if listing.changes[account] >= MAX_CHANGES:
            return Refusal("too_many_changes", f"an account bids {MAX_CHANGES} times in an auction")
        limit = most_bids(listing.auction, self._max_winners)
        if account not in listing.by_account and len(listing.by_account) >= limit:
            return Refusal("too_many_bids", f"there are {limit} bids in this auction")
        return None

    # ---- Clearing

    def steps(self, now_s: int) -> Iterator[Step]:
        """What is to be done now, at most one step for each auction, in the order of the clearing times."""
        for listing in sorted(self.book.active.values(), key=_clearing_s):
            step = self.next_step(listing, now_s)
            if step is not None:
                yield step

    def next_step(self, listing: Listing, now_s: int) -> Step | None:
        """None where there is nothing to do but to wait for the time."""
        mark, last_s, phase = listing.auction.terms.mark, listing.auction.settle_by_s, listing.phase
        if not listing.is_active:
            return None
        if now_s > last_s and (phase not in MAY_HAVE_LANDED or self._is_past(last_s + 1)):
            return self._give_up(listing)
        match phase:
            case Phase.OPEN:
                return AskLedger(listing) if now_s >= mark.bids_until_s else None
            case Phase.COUNTED:
                return AskKeepers(listing) if now_s >= mark.clearing_s else None
        if not listing.awards:
            words = "no bid came that its bidder could pay and that reached the least price"
            return Close(listing, NO_BIDS, words)
        earlier = self._waits_for(listing, now_s)
        if earlier is not None:
            return Wait(listing, _in_the_way(earlier))
        if phase is Phase.OFFERED:
            return Submit(listing, self.batch(listing))
        if now_s > last_s or not listing.auction.offer_callback:
            return None
        return AskProvider(listing, self.question(listing))

    def may_answer(self, listing: Listing, now_s: int) -> bool:
        """Whether there is a question for whoever asks for it: of an auction whose provider nobody can call."""
        return (
            not listing.auction.offer_callback
            and listing.phase is Phase.CLEARING
            and bool(listing.awards)
            and now_s <= listing.auction.settle_by_s
            and self._waits_for(listing, now_s) is None
        )

    def _give_up(self, listing: Listing) -> Close:
        reason, detail = listing.rejected
        why = f"{reason}: {detail}" if reason else "its last second has passed"
        return Close(listing, reason or _AWAY[listing.phase], why)

    def _auctions_of(self, provider: PublicKey) -> list[Listing]:
        """That are not over."""
        return [one for one in list(self.book.active.values()) if one.auction.terms.provider == provider]

    def _waits_for(self, listing: Listing, now_s: int) -> Listing | None:
        clearing_s = _clearing_s(listing)
        if now_s >= clearing_s + PATIENCE_S:
            return None
        earlier = [
            one for one in self._auctions_of(listing.auction.terms.provider) if _clearing_s(one) < clearing_s
        ]
        return min(earlier, key=_clearing_s, default=None)

    def take_secrets(self, listing: Listing, secrets: Mapping[int, bytes], now_ns: int) -> Event | Refusal:
        """What keepers told, by the places of their time keys; what is no secret of its key is passed over."""
        keys = listing.lock.time_keys
        good = {
            place: secret
            for place, secret in secrets.items()
            if 0 <= place < len(keys) and _is_secret(secret, keys[place])
        }
        if len(good) < listing.lock.threshold:
            return Refusal("keepers_away", f"{len(good)} of {listing.lock.threshold} secrets were told")
        return Unsealed(self.book.stamp(now_ns), listing.auction_id, good)

    def take_balances(
        self, listing: Listing, height: int, balances: Mapping[PublicKey, int], now_ns: int
    ) -> Event:
        """What everybody who bid had. In the order of the accounts: nothing says which bid is whose."""
        funds = {account: balances.get(account, 0) for account in sorted(listing.by_account)}
        return FundsTaken(self.book.stamp(now_ns), listing.auction_id, height, funds)

    def question(self, listing: Listing) -> bytes:
        asked = ask_for(listing)
        ledger_id, auction_id = self.book.ledger_id, listing.auction_id
        ruling = sign_ruling(self._key, ledger_id, auction_id, asked.head, asked.price_ubc, asked.consumers)
        return write_generate_offer(replace(asked, ruling=ruling.signature), self._key, ledger_id)

    def take_answer(self, listing: Listing, encoded: bytes, now_ns: int) -> Event | Refusal:
        """The provider's answer, if it is what the auction came to and nothing else."""
        try:
            wrong = check_answer(listing, encoded, self.book.ledger_id)
        except DecodeError as error:
            wrong = str(error)
        if wrong is not None:
            return Refusal("provider_lies", wrong)
        return OfferTaken(self.book.stamp(now_ns), listing.auction_id, encoded)

    def batch(self, listing: Listing) -> Batch:
        """The offer, and the winning bids from the best on."""
        assert listing.answer is not None, "nothing is submitted before there is an offer"
        offer = read_transaction(listing.answer, self.book.ledger_id)
        return Batch((offer, *(award.bid.transaction for award in listing.awards)))

    def take_outcome(self, listing: Listing, batch: Batch, outcome: Outcome, now_ns: int) -> Event:
        """What the ledger said to a batch, or to what was left of it."""
        at_ns, auction_id = self.book.stamp(now_ns), listing.auction_id
        if isinstance(outcome, Executed) or not self.rest(listing).transactions:
            return AuctionClosed(at_ns, auction_id, executed=self._by_replaced(listing))
        refused = next((one for one in batch.transactions if outcome.subject in _names(one)), None)
        if (
            refused is not None
            and refused.transaction_id in listing.awarded
            and outcome.reason == Reason.INSUFFICIENT_FUNDS.text
        ):  # cleared again without him, it would be at a price that he chose with all bids before his eyes
            why = f"a winner spent his money: {outcome.detail}"
            return OfferRejected(at_ns, auction_id, "winner_unfunded", why)
        return OfferRejected(at_ns, auction_id, outcome.reason, outcome.detail)

    def settled(self, listing: Listing, now_ns: int) -> Event:
        """All of its batch is in the ledger already: an answer was lost."""
        at_ns = self.book.stamp(now_ns)
        return AuctionClosed(at_ns, listing.auction_id, executed=self._by_replaced(listing))

    def rest(self, listing: Listing) -> Batch:
        """What the ledger has not executed of its batch: all of it, unless an answer was lost or somebody was faster.
        A share that was claimed with an earlier bid of its winner is sold, too.
        """
        left = rest_of(self.batch(listing), self._has)
        if len(left.transactions) > len(listing.awards):
            return left
        claims = self._claims(listing)
        return Batch(tuple(one for one in left.transactions if one.transaction_id not in claims))

    def _claims(self, listing: Listing) -> dict[bytes, bytes]:
        """The award's bid -> the one with which its share was claimed in the ledger, by the winner himself."""
        claims = {one: one for one in listing.awarded if self._has(one)}
        if len(claims) < len(listing.awarded):
            for own, earlier in self.book.look_at_replaced(listing).items():
                claims.update((own, one) for one in earlier if own not in claims and self._has(one))
        return claims

    def _by_replaced(self, listing: Listing) -> tuple[bytes, ...]:
        """Of an auction that is settled: the bids that were executed, if some are not those that have won."""
        earlier = {one for ids in (listing.replaced or {}).values() for one in ids if self._has(one)}
        return tuple(self._claims(listing).values()) if earlier else ()

    def close(self, step: Close, now_ns: int) -> Event:
        listing, at_ns = step.listing, self.book.stamp(now_ns)
        executed = tuple(self._claims(listing).values())
        if executed and len(executed) == len(listing.awards):  # somebody brought offer and bids along himself
            return AuctionClosed(at_ns, listing.auction_id, executed=self._by_replaced(listing))
        return AuctionClosed(at_ns, listing.auction_id, step.reason, step.detail, executed)


def check_answer(listing: Listing, encoded: bytes, ledger_id: bytes) -> str | None:
    """What is wrong with a provider's answer, if it is not what the auction came to. Raises DecodeError."""
    asked, signed = ask_for(listing), read_transaction(encoded, ledger_id)
    action, house = signed.transaction.action, listing.auction.house
    ruling = action.ruling if isinstance(action, PostOffer) else None
    if ruling is None or action != offer_of(listing.auction, replace(asked, ruling=ruling.signature)):
        return f"{type(action).__name__}: not what the auction came to"
    verify_ruling(
        Ruling(house, listing.head, ruling.signature),
        ledger_id,
        listing.auction_id,
        asked.price_ubc,
        asked.consumers,
    )
    if signed.transaction.valid_until_s != asked.valid_until_s:
        return f"valid until {signed.transaction.valid_until_s}, not {asked.valid_until_s}"
    signed.verify(listing.auction.terms.provider)
    return None


def rest_of(batch: Batch, has: Callable[[bytes], bool]) -> Batch:
    """What the ledger has not executed yet: all of it, unless an answer was lost or the provider was faster."""
    return Batch(tuple(one for one in batch.transactions if not has(one.transaction_id)))


def ask_for(listing: Listing) -> GenerateOffer:
    """What the awards of an auction come to, as a question to its provider."""
    auction, awards = listing.auction, listing.awards
    valid_until_s = auction.settle_by_s
    shares = {one.bid.account: AuctionShare(one.units, one.price_ubc, one.slots) for one in awards}
    mark = auction.terms.mark
    price_ubc = awards[0].price_ubc if mark.kind is AuctionKind.VICKREY else mark.min_price_ubc
    return GenerateOffer(listing.encoded, price_ubc, shares, valid_until_s, head=listing.head)


def _clearing_s(listing: Listing) -> int:
    return listing.auction.terms.mark.clearing_s


def _in_the_way(earlier: Listing) -> Refusal:
    reason, detail = earlier.rejected
    why = f"{reason}: {detail}" if reason else f"it is {earlier.phase.name.lower()}"
    words = f"auction {earlier.auction_id.hex()} of the same provider comes before this one, and {why}"
    return Refusal("waits_for_another", words)


def _names(signed: SignedTransaction) -> tuple[bytes, bytes]:
    """By either of which a refusal may name it."""
    return signed.transaction_id, received_id(signed)


def _is_secret(secret: bytes, key: PublicKey) -> bool:
    try:
        read_time_secret(secret, key)
    except DecodeError:
        return False
    return True


MAY_HAVE_LANDED = {Phase.CLEARING, Phase.OFFERED}
"""The provider has the ruling: what it or the house brought to the ledger may come with the last block in time."""
_AWAY = {
    Phase.OPEN: "house_away",
    Phase.COUNTED: "keepers_away",
    Phase.CLEARING: "provider_away",
    Phase.OFFERED: "ledger_away",
    Phase.CLOSED: "closed",
}
_WAITED_FOR = {
    Phase.OPEN: {"funds_unknown", KEEPER_CLOCK},
    Phase.COUNTED: set[str](),
    Phase.CLEARING: {"provider_lies", "waits_for_another"},
    Phase.OFFERED: {"waits_for_another"},
    Phase.CLOSED: set[str](),
}
"""What else a house says of an auction that stood still there."""


def may_say(listing: Listing, reason: str) -> bool:
    """Whether a house gives up an auction in this phase with this word. Of the ledger's words it says those that stand
    in its log (`OfferRejected`), and no others.
    """
    return bool(reason) and reason in {
        _AWAY[listing.phase],
        listing.rejected[0],
        *_WAITED_FOR[listing.phase],
    }
