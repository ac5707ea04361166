"""What a licence holder quotes a micro-operator for a lease: whole kHz and micro-bandcoin, the same on every machine.

The model of users.py and pricing.py, scaled: the highest type pays `top_ubc` for a unit of `unit_khz`, so that a price
P is p = P/T, and N users want N unit_khz Q(p). Square roots are whole ones, and every rounding is named:

    wholesale price   the leader's best, T (sqrt(17) - 4), rounded down; or the one that is asked for
    retail price      (S + sqrt(S^2 + 8 S T)) / 4, rounded up; where more would be wanted than there is, the least
                      price at which it is not, and then the leader's wholesale price is 2P^2/(T+P), rounded down
    bandwidth         N unit_khz (T-P)^2 / (2 P T), rounded down: never more than is wanted or there
    rent              bandwidth x S / unit_khz, rounded up; takings bandwidth x P / unit_khz, rounded down

The retail price is advice, and what the micro-operator earns an expectation of the model; bandwidth and rent are what a
quote promises (wire/lease_quote.py). Mining is the micro-operator's own affair: market/leasing/mining.py.
Pure; integers. Reference: micro-operator leasing (001), Proposition 1, (8), (9).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import isqrt

from wire.band import MAX_KHZ
from wire.units import U63_MAX

MOST = 10**15
"""Of each number that is asked for: products stay small enough to be quick."""


class Unquoted(Enum):
    """Why there is no quote."""

    NOT_POSITIVE = "every number is at least 1"
    TOO_LARGE = "a number is too large to count with, or what it comes to for a band or an account"
    TOO_DEAR = "at this wholesale price nobody would buy"
    TOO_LITTLE = "it comes to less than one kHz, or to a price below 1 ubc"


@dataclass(frozen=True, slots=True)
class Site:
    """A micro-operator's users, and the bandwidth that its licence holder can spare."""

    users: int
    top_ubc: int
    unit_khz: int
    available_khz: int


@dataclass(frozen=True, slots=True)
class Quote:
    """Prices are for `unit_khz`, for the time of the lease."""

    wholesale_ubc: int
    retail_ubc: int
    bandwidth_khz: int
    rent_ubc: int
    takings_ubc: int

    @property
    def profit_ubc(self) -> int:
        """What the model expects the micro-operator to keep."""
        return self.takings_ubc - self.rent_ubc


def quote_lease(site: Site, wholesale_ubc: int | None = None) -> Quote | Unquoted:
    """At this wholesale price, or at the one that brings the licence holder most."""
    numbers = [site.users, site.top_ubc, site.unit_khz, site.available_khz]
    if wholesale_ubc is not None:
        numbers.append(wholesale_ubc)
    if min(numbers) < 1:
        return Unquoted.NOT_POSITIVE
    if max(numbers) > MOST:
        return Unquoted.TOO_LARGE
    least_ubc = _least_retail(site)
    wholesale = _leaders_price(site.top_ubc, least_ubc) if wholesale_ubc is None else wholesale_ubc
    if wholesale >= site.top_ubc:
        return Unquoted.TOO_DEAR
    if wholesale < 1:
        return Unquoted.TOO_LITTLE
    retail = max(_best_retail(wholesale, site.top_ubc), least_ubc)
    bandwidth = _wanted_khz(site, retail)
    if bandwidth < 1:
        return Unquoted.TOO_LITTLE
    rent = -(-bandwidth * wholesale // site.unit_khz)
    takings = bandwidth * retail // site.unit_khz
    if bandwidth > MAX_KHZ or max(rent, takings) > U63_MAX:
        return Unquoted.TOO_LARGE
    return Quote(wholesale, retail, bandwidth, rent, takings)


def _leaders_price(top: int, least_retail: int) -> int:
    """Without a cap, T (sqrt(17) - 4); with one that binds, the price to which the least retail price is the answer."""
    free = isqrt(17 * top * top) - 4 * top
    if _best_retail(max(free, 1), top) >= least_retail:
        return free
    return 2 * least_retail * least_retail // (top + least_retail)


def _best_retail(wholesale: int, top: int) -> int:
    square = wholesale * wholesale + 8 * wholesale * top
    root = isqrt(square - 1) + 1  # rounded up
    return -(-(wholesale + root) // 4)


def _least_retail(site: Site) -> int:
    """The least price at which no more is wanted than is available; p_W, rounded up."""
    top, wanted, there = site.top_ubc, site.users * site.unit_khz, site.available_khz
    root = isqrt(top * top * there * (there + 2 * wanted))
    return -(-(top * (wanted + there) - root) // wanted)


def _wanted_khz(site: Site, price: int) -> int:
    wanted = site.users * site.unit_khz * max(0, site.top_ubc - price) ** 2
    return wanted // (2 * price * site.top_ubc)
