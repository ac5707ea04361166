"""Who wins what, and for how much: the auctions of `market/` on bids that have been opened.

Pure integer arithmetic on what the bids say; neither order nor number of calls matters. Ties go to the bid that came
first. Reference: Bandcoin 5.4.2, 5.4.3, with the faults B4 and B5 mended in market/.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from market import proportional_share, vickrey
from wire.auction_terms import AuctionKind, AuctionTerms
from wire.ids import PublicKey
from wire.sealed_bid import Unlocked
from wire.transaction import SignedTransaction


@dataclass(frozen=True, slots=True)
class OpenBid:
    """A bid that can be read: `transaction` is the signed `allocate`, `price_ubc` the most that `account` pays.

    `at_ns` is when it came (UTC); no two bids of a house have the same. With `unlocked` it was sealed, and neither its
    sealing nor its signature is verified yet: enough to lose, and no more.
    """

    account: PublicKey
    price_ubc: int
    at_ns: int
    transaction: SignedTransaction
    unlocked: Unlocked | None = None


@dataclass(frozen=True, slots=True)
class Award:
    """`units` for `price_ubc` in all, which is never above the bid."""

    bid: OpenBid
    units: int
    price_ubc: int


def contenders(terms: AuctionTerms, bids: Iterable[OpenBid]) -> list[OpenBid]:
    """The bids on which the result depends: those that win, and the one that sets the price. What any other says, or
    whether it is good at all, changes nothing.
    """
    if terms.mark.kind is AuctionKind.PROPSHARE:
        return list(bids)
    ranked = sorted(bids, key=lambda bid: (-bid.price_ubc, bid.at_ns, bid.transaction.transaction_id))
    return ranked[: terms.max_allocations + 1]


def clear_bids(terms: AuctionTerms, bids: Iterable[OpenBid]) -> tuple[Award, ...]:
    """The winners, the best first; empty if nobody bids enough."""
    named = {bid.transaction.transaction_id: bid for bid in bids}
    units, minimum_ubc = terms.max_allocations, terms.mark.min_price_ubc
    if terms.mark.kind is AuctionKind.VICKREY:
        sealed = [vickrey.Bid(name, bid.price_ubc, bid.at_ns) for name, bid in named.items()]
        clearing = vickrey.clear(sealed, units, minimum_ubc)
        return tuple(Award(named[won.bid_id], 1, clearing.price_ubc) for won in clearing.winners)
    amounts = [proportional_share.Bid(name, bid.price_ubc, bid.at_ns) for name, bid in named.items()]
    shares = proportional_share.clear(amounts, units, max(1, minimum_ubc))
    return tuple(Award(named[share.bid.bid_id], share.units, share.bid.amount_ubc) for share in shares)
