"""A bid, as its bidder makes it: an `allocate` that is good for one auction alone, and the same sealed.

Pure: chance comes in. Whether an auction may be trusted with a bid is not asked here. Reference: Bandcoin 5.4, table 1.
"""

from wire.allocate import Allocate
from wire.auction import Auction
from wire.keys import PrivateKey
from wire.sealed_bid import Lock, seal_bid, write_sealed_bid
from wire.transaction import Transaction, sign_transaction


def make_bid(
    auction: Auction,
    price_ubc: int,
    bidder: PrivateKey,
    ledger_id: bytes,
    nonce: bytes,
    units: int = 1,
    slots: int = 0,
) -> bytes:
    """A signed `allocate` for one unit or for a share, that is good for this auction alone; `price_ubc` is the most.
    In a session auction it is for `units` in each of `slots` from the clearing time on, neither more nor less.
    """
    terms = auction.terms
    action = Allocate(
        terms.provider, price_ubc, terms.band, 0, units, auction=auction.auction_id, slots=slots
    )
    transaction = Transaction(action, nonce, auction.settle_by_s)
    return sign_transaction(transaction, bidder, ledger_id).envelope.encoded


def conceal_bid(
    auction: Auction, bid: bytes, bidder: PrivateKey, bid_key: PrivateKey, ledger_id: bytes, chance: bytes
) -> bytes:
    """The same, sealed until the clearing time. `bid_key` and `chance` (16 octets) are made for this bid."""
    keys = tuple(key.key for key in auction.read_time_keys())
    lock = Lock(auction.auction_id, auction.house, keys, auction.threshold, ledger_id)
    return write_sealed_bid(seal_bid(lock, bid, bidder, bid_key, chance), bid_key, ledger_id)
