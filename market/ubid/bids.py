"""Bids for bundles, the terms of an auction, and the bids that take no part, each with its reason.

Whatever a bidder can get wrong is a `Rejected` value here; what passes is safe to add up in 64 bits. A bid is never
larger than what its bidder has left, even where the price would be lower. A reserve price is fixed before bids open.
Units: micro-bandcoin (ubc), capacity units, nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from market.ubid.forecast import Bundle, Forecast

MAX_BIDS = 1 << 17
"""More than any cell has users; with the next it keeps every sum below 2**60."""

MAX_VALUE_UBC = 1 << 43
"""8.8 million bandcoin for one session."""


@dataclass(frozen=True, slots=True)
class Bid:
    """`value_ubc` is what all of `bundle` is worth to the bidder, `budget_ubc` all that it has to spend."""

    bid_id: bytes
    arrival_ns: int
    bundle: Bundle
    value_ubc: int
    budget_ubc: int = MAX_VALUE_UBC


@dataclass(frozen=True, slots=True)
class Terms:
    """What is sold, until when bids count (exclusive), and the least price of one unit in one slot."""

    forecast: Forecast
    closes_ns: int
    reserve_ubc: int = 0

    def __post_init__(self) -> None:
        assert self.reserve_ubc >= 0, f"a reserve price of {self.reserve_ubc} ubc"


class Reason(Enum):
    """Why a bid takes no part, in order of precedence."""

    TOO_MANY = "the auction is full"
    REPEATED = "a bid of this id came before"
    LATE = "it came after the auction had closed"
    NOT_INTEGER = "money and capacity are integers"
    NO_SLOTS = "its bundle has no slots"
    NO_DEMAND = "a slot of its bundle asks for nothing, or for less"
    TOO_LONG = "its bundle is longer than the forecast"
    OVER_CAPACITY = "a slot has less than it asks for (capacity may have been withdrawn since the offer)"
    NO_VALUE = "it offers nothing, or less"
    TOO_LARGE = "its value is more than an auction can count"
    OVER_BUDGET = "it offers more than its bidder has"
    BELOW_RESERVE = "it offers less than the reserve price"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A bid that took no part."""

    bid: Bid
    reason: Reason


def screen(terms: Terms, bids: Iterable[Bid]) -> tuple[list[Bid], list[Rejected]]:
    """Who takes part, by arrival and then id, and who does not."""
    ranked = sorted(bids, key=seniority)
    good: list[Bid] = []
    rejected: list[Rejected] = []
    seen: set[bytes] = set()
    sound: dict[Bundle, Reason | int] = {}  # the reserve price of a bundle, or what is wrong with it
    for bid in ranked:
        reason = _reason(bid, terms, seen, sound)
        if reason is None:
            seen.add(bid.bid_id)
            good.append(bid)
        else:
            rejected.append(Rejected(bid, reason))
    return good, rejected


def seniority(bid: Bid) -> tuple[int, bytes]:
    """The order in which ties are broken."""
    return bid.arrival_ns, bid.bid_id


def reserve_price(terms: Terms, bundle: Bundle) -> int:
    """The least that a bundle sells for."""
    return terms.reserve_ubc * sum(bundle)


def _reason(bid: Bid, terms: Terms, seen: set[bytes], sound: dict[Bundle, Reason | int]) -> Reason | None:
    if len(seen) >= MAX_BIDS:
        return Reason.TOO_MANY
    if bid.bid_id in seen:
        return Reason.REPEATED
    if bid.arrival_ns >= terms.closes_ns:
        return Reason.LATE
    value = bid.value_ubc
    if type(value) is not int or type(bid.budget_ubc) is not int:
        return Reason.NOT_INTEGER
    least = sound.get(bid.bundle)
    if least is None:
        least = _least(bid.bundle, terms)
        sound[bid.bundle] = least
    if isinstance(least, Reason):
        return least
    if value <= 0:
        return Reason.NO_VALUE
    if value > MAX_VALUE_UBC:
        return Reason.TOO_LARGE
    if value > bid.budget_ubc:
        return Reason.OVER_BUDGET
    return Reason.BELOW_RESERVE if value < least else None


def _least(bundle: Bundle, terms: Terms) -> Reason | int:
    if not all(type(demand) is int for demand in bundle):
        return Reason.NOT_INTEGER
    if not bundle:
        return Reason.NO_SLOTS
    if min(bundle) <= 0:
        return Reason.NO_DEMAND
    if len(bundle) > len(terms.forecast.units):
        return Reason.TOO_LONG
    if any(demand > there for demand, there in zip(bundle, terms.forecast.units, strict=False)):
        return Reason.OVER_CAPACITY
    return reserve_price(terms, bundle)
