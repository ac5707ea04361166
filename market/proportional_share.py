"""Proportional share: units are divided in proportion to what is bid, and everybody pays what he bid.

A bid is an amount for whatever share it brings, not a price per unit. The units are whole, so each bidder
first gets his share rounded down, and the units that are left go to the largest remainders, ties to the
earlier bid, then to the smaller id. Nothing is lost: if anybody bids, all units are given out (fault B5:
rounding down alone sells 0 of 2 units to three equal bids). Who gets no unit pays nothing. Integers only.
Reference: Bandcoin 5.4.3; largest remainders is Hamilton's method of apportionment.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bid:
    """`amount_ubc` in all. `time_ns` is when the bid arrived."""

    bid_id: bytes
    amount_ubc: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class Share:
    """What a bid brings: at least one unit, for its whole amount."""

    bid: Bid
    units: int


def clear(bids: Iterable[Bid], units: int, min_amount_ubc: int = 1) -> tuple[Share, ...]:
    """The bidders that get units, the largest amount first. Bids below the minimum take no part."""
    assert units >= 0, f"{units} units"
    assert min_amount_ubc >= 1, f"a minimum of {min_amount_ubc} ubc"
    ranked = sorted((bid for bid in bids if bid.amount_ubc >= min_amount_ubc), key=_rank)
    assert len({bid.bid_id for bid in ranked}) == len(ranked), "a bid is listed twice"
    if not ranked:
        return ()
    total_ubc = sum(bid.amount_ubc for bid in ranked)
    whole = {bid: divmod(bid.amount_ubc * units, total_ubc) for bid in ranked}
    left = units - sum(quotient for quotient, _ in whole.values())
    favoured = set(sorted(ranked, key=lambda bid: (-whole[bid][1], *_rank(bid)[1:]))[:left])
    shares = {bid: quotient + (bid in favoured) for bid, (quotient, _) in whole.items()}
    return tuple(Share(bid, share) for bid, share in shares.items() if share)


def _rank(bid: Bid) -> tuple[int, int, bytes]:
    return -bid.amount_ubc, bid.time_ns, bid.bid_id
