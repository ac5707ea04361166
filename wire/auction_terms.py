"""What makes an auction that auction: its terms, and the id that a bid names.

The id is a hash over everything that a winner gets and over when and how the price is found, the keys of provider and
clearing house included. The ledger computes it again from the offer that settles the auction, so a bid fits that offer
and no other, whatever the provider posted in between (docs/decisions/0027). Reference: Bandcoin 5.4, table 1.
"""

import hashlib
import re
from enum import IntEnum

from wire.band import Band, write_band
from wire.cbor import Value, write_cbor
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import SIGNATURE_SIZE
from wire.qos import Qos, write_qos

AUCTION_ID_SIZE = 32
HEAD_SIZE = 32
GUARD_S = 2
"""Bids are taken until so long before the clearing time. Then the house notes what every bidder has, and only after
that do keepers tell the secrets with which bids are read. Longer than two clocks that are kept by NTP ever differ, and
than a ledger takes to answer.
"""
MAX_AUCTION_RECEIPT_BYTES = 500
"""Of a house's word (wire/auction_receipt.py); here for those who pass it on and cannot read it."""
MAX_SLOTS = 60
MAX_UNITS = 250
"""Free in a slot, at most, so that a clearing house counts every case in milliseconds."""
NOT_FREE = "not_free"
"""A house's word for an auction that sells what is sold already; `say_sold` is the sentence beside it."""
_SOLD = re.compile(r"(\d{1,10}) units are sold for when these would be used")
_DOMAIN = "airgrant/auction"


class AuctionKind(IntEnum):
    """How the units are given out."""

    VICKREY = 0
    """One unit for each of the highest bids; every winner pays the highest losing bid."""
    PROPSHARE = 1
    """Units in proportion to what is bid; everybody pays what he bid."""
    SESSION = 2
    """Some units for some slots of time to each of the bids that together are worth most, as far as the forecast of
    free units allows; every winner pays what the others lose by him (docs/decisions/0040).
    """


@dataclass(frozen=True, slots=True)
class AuctionMark:
    """What an offer says of the auction that it settles, beside its own fields. `clearing_s` is UTC. `forecast`, of a
    SESSION auction alone: the units that are free in each slot from the clearing time on; `min_price_ubc` is then for
    one unit in one slot.
    """

    kind: AuctionKind
    clearing_s: int
    min_price_ubc: int
    forecast: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_range("auction", "clearing_s", self.clearing_s, 1)
        check_range("auction", "min_price_ubc", self.min_price_ubc)
        if (self.kind is AuctionKind.SESSION) != bool(self.forecast):
            raise DecodeError("auction: a session auction has a forecast, and no other has one")
        if len(self.forecast) > MAX_SLOTS:
            raise DecodeError(f"auction: a forecast of {len(self.forecast)} slots, at most {MAX_SLOTS}")
        for units in self.forecast:
            check_range("auction", "forecast", units, 0, MAX_UNITS)

    def least_ubc(self, units: int, slots: int) -> int:
        """The least that a share sells for: of a session auction the minimum is for one unit in one slot."""
        session = self.kind is AuctionKind.SESSION
        return self.min_price_ubc * units * slots if session else self.min_price_ubc

    @property
    def bids_until_s(self) -> int:
        """UTC: the first second in which no bid is taken."""
        return self.clearing_s - GUARD_S


@dataclass(frozen=True, slots=True)
class Ruling:
    """The signature of the auction's `house` over what an offer settles, and over `head`: of its log, as of the entry
    with which the bids could be read (wire/ruling.py).
    """

    house: PublicKey
    head: bytes
    signature: bytes

    def __post_init__(self) -> None:
        if len(self.head) != HEAD_SIZE:
            raise DecodeError(f"ruling: a head has {HEAD_SIZE} bytes, not {len(self.head)}")
        if len(self.signature) != SIGNATURE_SIZE:
            raise DecodeError(f"ruling: a signature has {SIGNATURE_SIZE} bytes, not {len(self.signature)}")


@dataclass(frozen=True, slots=True)
class AuctionTerms:
    """`max_allocations` units of `allocation_duration_s` each, with this qos, in this band. Of a SESSION auction these
    are the units that are free while nobody is there, and the duration of a slot.
    """

    provider: PublicKey
    mark: AuctionMark
    band: Band
    max_allocations: int
    allocation_duration_s: int
    qos: Qos

    def auction_id(self, house: PublicKey) -> bytes:
        """32 octets. Two auctions of a provider in one house with the same terms and the same clearing time are one."""
        mark = self.mark
        return hashlib.sha256(
            write_cbor(
                [
                    _DOMAIN,
                    self.provider.octets,
                    int(mark.kind),
                    mark.clearing_s,
                    mark.min_price_ubc,
                    *_forecast_of(mark),
                    write_band(self.band),
                    self.max_allocations,
                    self.allocation_duration_s,
                    write_qos(self.qos),
                    house.octets,
                ]
            )
        ).digest()


def _forecast_of(mark: AuctionMark) -> list[Value]:
    """One item, as it was when no auction had a forecast: none."""
    return [list[Value](mark.forecast)] if mark.forecast else []


def say_sold(units: int) -> str:
    return f"{units} units are sold for when these would be used"


def read_sold(detail: str) -> int | None:
    """The units that the ledger counts as sold while an auction's first slot runs, from a house's sentence. None: it is
    another sentence.
    """
    found = _SOLD.match(detail)
    return None if found is None else int(found[1])


def write_mark(mark: AuctionMark) -> list[Value]:
    return [int(mark.kind), mark.clearing_s, mark.min_price_ubc, *mark.forecast]


def read_mark(fields: FieldReader, label: int) -> AuctionMark:
    """From an array of kind, clearing_s, min_price_ubc, and the forecast of a session auction."""
    kind, clearing_s, min_price_ubc, *forecast = fields.integers(label, "auction", 3, 3 + MAX_SLOTS)
    if kind > max(AuctionKind):
        raise fields.error(
            f"auction: kind {kind} is none of 0 (Vickrey), 1 (proportional share), 2 (session)"
        )
    return AuctionMark(AuctionKind(kind), clearing_s, min_price_ubc, tuple(forecast))
