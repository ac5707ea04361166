"""What a clearing house takes: rules that an auction and a bid have to keep, asked before anything is written down.

Pure: what the ledger says of an account comes in. A refusal is a value with a word and a sentence. What a sealed bid
says inside is held against the same rules when it is opened (`read_bid`), and a bid that breaks one takes no part.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ledger.buying import check_rate
from ledger.clearing.awards import MAX_SESSIONS, OpenBid
from market.ubid.bids import MAX_VALUE_UBC
from wire.allocate import Allocate
from wire.auction import SETTLE_S, Auction
from wire.auction_terms import NOT_FREE, AuctionKind, AuctionTerms, say_sold
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.sealed_bid import Lock, SealedBid, Unlocked, confirm_bid
from wire.transaction import SignedTransaction, Transaction, read_transaction
from wire.units import format_instant, format_money

MAX_BIDS = 12_000
"""In one auction: settling them is one batch, which has at most 20,000 transactions and 4 MiB."""
MAX_WINNERS_SHARED = 5_000
"""Of one auction on a ledger that several operators decide. A batch of an offer and 5,000 bids (1.2 MB) costs each of
them a second of a processor, of the two that a proposer has; one of 8,000 (1.9 MB) needed several turns and held up
everybody for 30 s, one of 12,000 was not decided in minutes, with four operators on two processors
(docs/performance.md).
"""
MAX_CHANGES = 8
"""Bids of one account in one auction, of which the last counts: else one purse could fill a house's log."""
MAX_AUCTIONS = 1_000
"""Active at once, in one house."""
MAX_AUCTIONS_OF_ONE = 8
"""Of those, a provider's: else one account could close a house to all others for a week."""
MAX_AHEAD_S = 7 * 86_400
"""How far ahead a clearing time may lie: the ledger lets a transaction be valid no longer."""
KEEPER_CLOCK = "keeper_clock"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing was taken; `reason` is a word. `bid_id` names the bid, where it is known to be the one that was meant."""

    reason: str
    detail: str
    bid_id: PublicKey | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says of a bidder."""

    has_account: bool
    balance_ubc: int = 0


@dataclass(frozen=True, slots=True)
class Seller:
    """What the ledger says of who opens an auction. `epoch` of the current offer, 0 if there is none; `licensed` to
    post one; `selling`: strangers can buy units of that offer, in this auction's band; `settled_s`: the clearing time
    of the last auction of his that is settled; `taken_units` are sold already, for an instant that each grant of this
    auction would cover; `most_winners`: of grants that last as long as these, or the longest of them, in one batch.
    """

    has_account: bool
    licensed: bool = True
    epoch: int = 0
    selling: bool = False
    settled_s: int = 0
    taken_units: int = 0
    most_winners: int = MAX_BIDS


def check_auction(auction: Auction, house: PublicKey, provider: Seller, now_s: int) -> Refusal | None:
    """Of an auction whose signature holds: what is known to go wrong is not begun."""
    mark = auction.terms.mark
    clearing_s = mark.clearing_s
    if auction.house != house:
        return Refusal("another_house", f"this house is {house}")
    if not provider.has_account or not provider.licensed:
        return Refusal("not_a_provider", f"{auction.terms.provider} has no account, or may post no offers")
    if auction.epoch != provider.epoch + 1:
        return Refusal("epoch_moved", f"the next offer has epoch {provider.epoch + 1}, not {auction.epoch}")
    if mark.bids_until_s <= now_s:
        until, now = format_instant(mark.bids_until_s), format_instant(now_s)
        return Refusal("too_late", f"bids are taken until {until}, it is {now}")
    if clearing_s > now_s + MAX_AHEAD_S - SETTLE_S:
        return Refusal(
            "too_far", f"to be cleared in {clearing_s - now_s} s, at most {MAX_AHEAD_S - SETTLE_S}"
        )
    try:
        auction.read_time_keys()
    except DecodeError as error:
        return Refusal("bad_time_keys", str(error))
    return _check_units(auction, provider)


def _check_units(auction: Auction, provider: Seller) -> Refusal | None:
    """Whether the ledger could let all units go, when the time has come."""
    terms, qos = auction.terms, auction.terms.qos
    clearing_s, units = terms.mark.clearing_s, _most_units(terms)
    if clearing_s <= provider.settled_s:
        return Refusal(
            "auction_settled", f"one of {provider.settled_s} is settled, and this is of {clearing_s}"
        )
    if min(units, MAX_BIDS) > provider.most_winners:
        return Refusal(
            "too_many_winners",
            f"for {longest_s(terms)} s at most {provider.most_winners} units can be settled in one batch",
        )
    too_high = check_rate(qos, units) if terms.mark.kind is not AuctionKind.VICKREY else None
    if too_high is not None:
        return Refusal("rate_too_high", f"a single bidder would get all: {too_high.detail}")
    if provider.selling:
        return Refusal(
            "still_selling",
            f"strangers can buy units of the offer of epoch {provider.epoch} that outlast the clearing: "
            "post it with 0 units first",
        )
    if provider.taken_units > terms.max_allocations - units:
        return Refusal(NOT_FREE, say_sold(provider.taken_units))
    return None


def _most_units(terms: AuctionTerms) -> int:
    """That can be won, all winners together: of a session auction those that are free in the first slot."""
    session = terms.mark.kind is AuctionKind.SESSION
    return terms.mark.forecast[0] if session else terms.max_allocations


def longest_s(terms: AuctionTerms) -> int:
    """How long the longest grant lasts that can be won."""
    return terms.allocation_duration_s * max(1, len(terms.mark.forecast))


def check_bidder(auction: Auction, bidder: Standing) -> Refusal | None:
    """Whoever bids has an account with at least the minimum in it: the world is large, and the house is small."""
    if not bidder.has_account:
        return Refusal("unknown_issuer", "the bidder has no account")
    minimum_ubc = auction.terms.mark.min_price_ubc
    if bidder.balance_ubc < minimum_ubc:
        least, balance = format_money(minimum_ubc), format_money(bidder.balance_ubc)
        return Refusal("insufficient_funds", f"the lowest bid is {least}, the balance {balance}")
    return None


def most_bids(auction: Auction, max_winners: int) -> int:
    """How many an auction takes, that no batch has more winners than that: those who only lose are in no batch. Which
    sessions are compared is seen when they are open, by what they are worth (ledger/clearing/awards.py): whoever comes
    first with nothing takes nobody's place there.
    """
    if auction.terms.mark.kind is AuctionKind.SESSION:
        return min(max_winners, MAX_SESSIONS)
    all_may_win = auction.terms.mark.kind is AuctionKind.PROPSHARE
    return (
        min(MAX_BIDS, max_winners) if all_may_win or auction.terms.max_allocations > max_winners else MAX_BIDS
    )


def read_bid(
    encoded: bytes, auction: Auction, account: PublicKey, at_ns: int, ledger_id: bytes
) -> OpenBid | Refusal:
    """The bid that a signed `allocate` is, if the ledger could execute it for this auction and account."""
    found = _read_unverified(encoded, auction, account, ledger_id)
    if isinstance(found, Refusal):
        return found
    try:
        found.verify(account)
    except DecodeError as error:
        return Refusal("unreadable", str(error))
    return OpenBid(account, _price_of(found), at_ns, found.vouched(account))


def read_unlocked(
    unlocked: Unlocked, auction: Auction, account: PublicKey, at_ns: int, ledger_id: bytes
) -> OpenBid | Refusal:
    """The bid that a sealed one says to be. Its sealing and its signature are for `confirm`."""
    try:
        encoded = unlocked.transaction
    except DecodeError as error:
        return Refusal("badly_sealed", str(error))
    found = _read_unverified(encoded, auction, account, ledger_id)
    return found if isinstance(found, Refusal) else OpenBid(account, _price_of(found), at_ns, found, unlocked)


def confirm(bid: OpenBid, sealed: SealedBid, lock: Lock) -> OpenBid | Refusal:
    """The same bid once it is known that others would read the same, and that its account signed it."""
    assert bid.unlocked is not None, "an open bid was verified when it came"
    try:
        confirm_bid(sealed, lock, bid.unlocked)
    except DecodeError as error:
        return Refusal("badly_sealed", str(error))
    try:
        bid.transaction.verify(bid.account)
    except DecodeError as error:
        return Refusal("unreadable", str(error))
    return OpenBid(bid.account, bid.price_ubc, bid.at_ns, bid.transaction.vouched(bid.account))


def _read_unverified(
    encoded: bytes, auction: Auction, account: PublicKey, ledger_id: bytes
) -> SignedTransaction | Refusal:
    try:
        signed = read_transaction(encoded, ledger_id)
    except DecodeError as error:
        return Refusal("unreadable", str(error))
    if signed.issuer_key_id != account.key_id:
        return Refusal("another_issuer", f"signed by key id {signed.issuer_key_id.hex()}, not by {account}")
    return _check_bid(auction, account, signed.transaction) or signed


def _price_of(signed: SignedTransaction) -> int:
    action = signed.transaction.action
    assert isinstance(action, Allocate), "checked when it was read"
    return action.price_ubc


def read_issuer(
    encoded: bytes, ledger_id: bytes, find: Callable[[bytes], PublicKey | None]
) -> PublicKey | Refusal:
    """Whose open bid this is, as the ledger knows the key id."""
    try:
        signed: SignedTransaction = read_transaction(encoded, ledger_id)
    except DecodeError as error:
        return Refusal("unreadable", str(error))
    account = find(signed.issuer_key_id)
    if account is None:
        return Refusal("unknown_issuer", f"no account has key id {signed.issuer_key_id.hex()}")
    return account


def _check_bid(auction: Auction, account: PublicKey, transaction: Transaction) -> Refusal | None:
    action, until_s = transaction.action, transaction.valid_until_s
    if not isinstance(action, Allocate):
        return Refusal("not_an_allocate", f"a bid is an allocate, not {type(action).__name__}")
    if action.auction != auction.auction_id or action.provider != auction.terms.provider:
        return Refusal("another_auction", f"this auction is {auction.auction_id.hex()}")
    if action.band != auction.terms.band:
        return Refusal("band_differs", f"this auction is for {auction.terms.band}")
    if action.consumers not in ([], [account.octets]) or action.period is not None:
        return Refusal("not_for_itself", "a bid is for its own account, and on the spot")
    session = auction.terms.mark.kind is AuctionKind.SESSION
    if not session and (action.allocations != 1 or action.slots):
        return Refusal(
            "more_than_one",
            f"a bid takes what it wins, from one unit up; it wants {action.allocations}, in {action.slots} slots",
        )
    if until_s != auction.settle_by_s:  # no later: a bid that the house calls cancelled has to be dead
        return Refusal("valid_until", f"valid until {until_s}, not {auction.settle_by_s}")
    if session:
        return _check_bundle(auction.terms, action)
    minimum_ubc = auction.terms.mark.min_price_ubc
    if action.price_ubc < minimum_ubc:
        return Refusal(
            "below_minimum", f"{format_money(action.price_ubc)}, at least {format_money(minimum_ubc)}"
        )
    return None


def _check_bundle(terms: AuctionTerms, action: Allocate) -> Refusal | None:
    """Of a bid in a session auction: its units in each of its slots, and what they are worth to the bidder."""
    forecast, units, slots = terms.mark.forecast, action.allocations, action.slots
    if not slots:
        return Refusal("no_slots", f"it does not say for how many of the {len(forecast)} slots")
    if slots > len(forecast):
        return Refusal("too_long", f"it wants {slots} slots, the auction has {len(forecast)}")
    scarce = next((slot for slot in range(slots) if forecast[slot] < units), None)
    if scarce is not None:
        return Refusal("over_capacity", f"slot {scarce + 1} has {forecast[scarce]} units, it wants {units}")
    minimum_ubc = max(1, terms.mark.least_ubc(units, slots))
    if action.price_ubc < minimum_ubc:
        return Refusal(
            "below_minimum", f"{format_money(action.price_ubc)}, at least {format_money(minimum_ubc)}"
        )
    if action.price_ubc > MAX_VALUE_UBC:
        return Refusal(
            "too_large",
            f"{format_money(action.price_ubc)}, at most {format_money(MAX_VALUE_UBC)} can be counted",
        )
    return None
