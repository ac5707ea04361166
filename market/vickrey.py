"""Vickrey auctions for k equal units: the highest bids win, and every winner pays the highest losing bid.

A bid is for one unit. Ties go to the earlier bid, then to the smaller id, so that the order in which bids are
listed does not matter. With fewer bids than units everybody wins and pays the minimum price. Integers only.
Reference: Bandcoin 5.4.2, whose refund of "winning bid - second highest bid" charges winners of a multi-unit
auction their own or each other's bids (fault B4): the truthful price for one unit each is the highest bid
that lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bid:
    """`price_ubc` is the most that this bidder pays, for one unit. `time_ns` is when the bid arrived."""

    bid_id: bytes
    price_ubc: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class Clearing:
    """The winners, best bid first, and what each of them pays."""

    winners: tuple[Bid, ...]
    price_ubc: int


def clear(bids: Iterable[Bid], units: int, min_price_ubc: int) -> Clearing:
    """Clears `units` units. Bids below the minimum take no part."""
    assert units >= 0, f"{units} units"
    assert min_price_ubc >= 0, f"a minimum of {min_price_ubc} ubc"
    ranked = sorted((bid for bid in bids if bid.price_ubc >= min_price_ubc), key=_rank)
    assert len({bid.bid_id for bid in ranked}) == len(ranked), "a bid is listed twice"
    losers = ranked[units:]
    return Clearing(tuple(ranked[:units]), losers[0].price_ubc if losers else min_price_ubc)


def _rank(bid: Bid) -> tuple[int, int, bytes]:
    return -bid.price_ubc, bid.time_ns, bid.bid_id
