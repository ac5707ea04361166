"""The bidder's side: whether an auction may be trusted with a bid, and what a winner can come to owe.

Pure; the bid itself is made by wire/auction_bid.py. A sealed bid is as secret as the keepers are honest, so the bidder
says whom he trusts: fewer than the threshold of an auction's keepers may be strangers to him.
"""

from collections.abc import Collection

from wire.auction import Auction
from wire.auction_terms import AuctionKind
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.sealed_bid import read_sealed_bid
from wire.transaction import read_transaction


def strangers(auction: Auction, trusted: Collection[PublicKey]) -> list[PublicKey]:
    """Keepers that nobody vouches for, if together they could read a bid before its time; else none.

    Raises DecodeError, VerificationError for time keys that do not hold.
    """
    unknown = [key.keeper for key in auction.read_time_keys() if key.keeper not in trusted]
    return unknown if auction.is_sealed and len(unknown) >= auction.threshold else []


def opens_alone(auction: Auction, keeper: PublicKey) -> bool:
    """Whether this keeper's own time keys reach the threshold, so that it needs nobody else to read a bid before its
    time. Raises DecodeError, VerificationError for time keys that do not hold.
    """
    own = sum(key.keeper == keeper for key in auction.read_time_keys())
    return auction.is_sealed and own >= auction.threshold


def most_afterwards_ubc(auction: Auction, units: int = 1) -> int:
    """What a winner can come to owe for use beyond what his units include: of those that he bids for, or of all where
    he cannot know how many he gets.
    """
    usage, terms = auction.terms.qos.usage, auction.terms
    most = terms.max_allocations if terms.mark.kind is AuctionKind.PROPSHARE else units
    return 0 if usage is None else usage.most_ubc * most


def is_named(bid: bytes, name: PublicKey, ledger_id: bytes) -> bool:
    """Whether a house calls these bytes by `name`: the key that signed a sealed bid, the account of an open one."""
    try:
        return read_sealed_bid(bid, ledger_id).bid_key == name
    except DecodeError:
        pass
    try:
        return read_transaction(bid, ledger_id).issuer_key_id == name.key_id
    except DecodeError:
        return False
