"""Which bids cannot be in any best set, nor in any without one bid, by an upper and a lower bound.

Above: with a price for each unit of slot 1, no set is worth more than the capacity at that price and what each bid is
worth beyond its own; a bid below the price takes that much off every set that has it. Below: take bids by value per
unit while they fit. Without one of those taken the bound above falls by what it is worth beyond the price, and that
below by its value, less that of others in its place. A bid that lies further below the price than the two bounds ever
lie apart is in no best set, changes nobody's price, and does not enter the tables. Integers only.
"""

from __future__ import annotations

from collections.abc import Sequence

from market.ubid.bids import Bid
from market.ubid.forecast import Bundle

TRIES = 64
"""How many bids are tried in the place of one that is taken out, best first: enough to meet every rate."""


def narrow(bids: Sequence[Bid], capacity: Sequence[int]) -> list[Bid]:
    """The bids that may matter, in their order; each fits `capacity` by itself."""
    ranked = sorted(bids, key=_falling_worth)
    left = list(capacity)
    taken: list[Bid] = []
    refused: list[Bid] = []
    for bid in ranked:
        if _fits(bid.bundle, left):
            taken.append(bid)
            for slot, demand in enumerate(bid.bundle):
                left[slot] -= demand
        else:
            refused.append(bid)
    if not refused:
        return list(bids)
    value, units = refused[0].value_ubc, refused[0].bundle[0]  # the price, as value for that many units
    most = value * capacity[0] + sum(max(0, bid.value_ubc * units - value * bid.bundle[0]) for bid in ranked)
    gap = most - sum(bid.value_ubc for bid in taken) * units
    bundles = {bid.bundle for bid in taken}
    spare = gap + max((_unfilled(gone, refused, left, value, units) for gone in bundles), default=0)
    return [bid for bid in bids if value * bid.bundle[0] - bid.value_ubc * units <= spare]


def _unfilled(gone: Bundle, refused: Sequence[Bid], left: Sequence[int], value: int, units: int) -> int:
    """How much further apart the bounds are without a bundle: its units at the price, less what fills them."""
    room = list(left)
    for slot, demand in enumerate(gone):
        room[slot] += demand
    filled = 0
    for each in refused[:TRIES]:
        if _fits(each.bundle, room):
            filled += each.value_ubc
            for slot, demand in enumerate(each.bundle):
                room[slot] -= demand
    return max(0, value * gone[0] - filled * units)


def _fits(bundle: Bundle, left: Sequence[int]) -> bool:
    return bundle[0] <= left[0] and all(map(int.__le__, bundle, left))


def _falling_worth(bid: Bid) -> int:
    return -(bid.value_ubc << 20) // bid.bundle[0]
