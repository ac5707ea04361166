"""What makes an auction that auction: its terms, and the id that a bid names.

The id is a hash over everything that a winner gets and over when and how the price is found, the keys of provider and
clearing house included. The ledger computes it again from the offer that settles the auction, so a bid fits that offer
and no other, whatever the provider posted in between (docs/decisions/0027). Reference: Bandcoin 5.4, table 1.
"""

import hashlib
from dataclasses import dataclass
from enum import IntEnum

from wire.band import Band, write_band
from wire.cbor import write_cbor
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
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
_DOMAIN = "airgrant/auction"


class AuctionKind(IntEnum):
    """How the units are given out."""

    VICKREY = 0
    """One unit for each of the highest bids; every winner pays the highest losing bid."""
    PROPSHARE = 1
    """Units in proportion to what is bid; everybody pays what he bid."""


@dataclass(frozen=True, slots=True)
class AuctionMark:
    """What an offer says of the auction that it settles, beside its own fields. `clearing_s` is UTC."""

    kind: AuctionKind
    clearing_s: int
    min_price_ubc: int

    def __post_init__(self) -> None:
        check_range("auction", "clearing_s", self.clearing_s, 1)
        check_range("auction", "min_price_ubc", self.min_price_ubc)

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
    """`max_allocations` units of `allocation_duration_s` each, with this qos, in this band."""

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
                    write_band(self.band),
                    self.max_allocations,
                    self.allocation_duration_s,
                    write_qos(self.qos),
                    house.octets,
                ]
            )
        ).digest()


def read_mark(fields: FieldReader, label: int) -> AuctionMark:
    """From an array of kind, clearing_s, min_price_ubc."""
    kind, clearing_s, min_price_ubc = fields.integers(label, "auction", 3, 3)
    if kind > max(AuctionKind):
        raise fields.error(f"auction: kind {kind} is none of 0 (Vickrey), 1 (proportional share)")
    return AuctionMark(AuctionKind(kind), clearing_s, min_price_ubc)
