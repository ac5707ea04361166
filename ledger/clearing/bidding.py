"""The bidder's side: whether an auction may be trusted with a bid, and the bid itself.

Pure: chance comes in. A sealed bid is as secret as the keepers are honest, so the bidder says whom he trusts: fewer
than the threshold of an auction's keepers may be strangers to him.
"""

from collections.abc import Collection

from ledger.clearing.door import settle_by_s
from wire.allocate import Allocate
from wire.auction import Auction
from wire.auction_terms import AuctionKind
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.sealed_bid import Lock, read_sealed_bid, seal_bid, write_sealed_bid
from wire.transaction import Transaction, read_transaction, sign_transaction


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


def most_afterwards_ubc(auction: Auction) -> int:
    """What a winner can come to owe for use beyond what his units include: of one unit, or of all in a share."""
    usage, terms = auction.terms.qos.usage, auction.terms
    units = terms.max_allocations if terms.mark.kind is AuctionKind.PROPSHARE else 1
    return 0 if usage is None else usage.most_ubc * units


def make_bid(auction: Auction, price_ubc: int, bidder: PrivateKey, ledger_id: bytes, nonce: bytes) -> bytes:
    """A signed `allocate` for one unit or for a share, that is good for this auction alone; `price_ubc` is the most."""
    action = Allocate(auction.terms.provider, price_ubc, auction.terms.band, 0, auction=auction.auction_id)
    transaction = Transaction(action, nonce, settle_by_s(auction))
    return sign_transaction(transaction, bidder, ledger_id).envelope.encoded


def conceal_bid(
    auction: Auction, bid: bytes, bidder: PrivateKey, bid_key: PrivateKey, ledger_id: bytes, chance: bytes
) -> bytes:
    """The same, sealed until the clearing time. `bid_key` and `chance` (16 octets) are made for this bid."""
    keys = tuple(key.key for key in auction.read_time_keys())
    lock = Lock(auction.auction_id, auction.house, keys, auction.threshold, ledger_id)
    return write_sealed_bid(seal_bid(lock, bid, bidder, bid_key, chance), bid_key, ledger_id)


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
