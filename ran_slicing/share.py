"""From bits per second to resource blocks, and from resource blocks to the whole percents that a gNB takes.

The gNB takes shares in whole percent and floors each to whole PRBs of the bandwidth part, so a percent may be no step
at all (51 PRBs: 0.51 PRB). Everything here is therefore counted in PRBs, and a ratio is only the smallest percent that
the gNB turns into that many of them.
Reference: 3GPP TS 28.541 clause 4.3.36 (RRMPolicyRatio); TS 38.214 clause 5.1.3.2 (resource elements of a PRB).
Units: bit/s as the gNB counts them (MAC transport blocks), bits per PRB of one slot, PRBs.
"""

from dataclasses import dataclass

from wire.units import PPM

PERCENT = 100
MAX_PRB = 275
"""A carrier has no more (TS 38.101-1 clause 5.3.2 gives 273; TS 38.211 clause 4.4.2 allows 275)."""


@dataclass(frozen=True, slots=True)
class CellShape:
    """What a cell has to share. `downlink_slots_per_s` counts slots with a full PDSCH: 1000 x 2^numerology times the
    part of the TDD pattern that is downlink. `elements_per_prb` are the resource elements of a PRB and slot that carry
    data: 168 less DM-RS and control. `uplink_slots_per_s` is the same of PUSCH, 0 where it is not known. Raises
    ValueError.
    """

    prbs: int
    downlink_slots_per_s: int
    elements_per_prb: int = 132
    uplink_slots_per_s: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.prbs <= MAX_PRB:
            raise ValueError(f"prbs: {self.prbs} is outside 1..{MAX_PRB}")
        if not 1 <= self.downlink_slots_per_s <= 8_000:
            raise ValueError(f"downlink_slots_per_s: {self.downlink_slots_per_s} is outside 1..8000")
        if not 1 <= self.elements_per_prb <= 168:
            raise ValueError(f"elements_per_prb: {self.elements_per_prb} is outside 1..168")
        if not 0 <= self.uplink_slots_per_s <= 8_000:
            raise ValueError(f"uplink_slots_per_s: {self.uplink_slots_per_s} is outside 0..8000")

    @property
    def uplink(self) -> "CellShape | None":
        """The same PRBs, as the other direction has them: a slice's share is one for both."""
        return CellShape(self.prbs, self.uplink_slots_per_s) if self.uplink_slots_per_s else None


@dataclass(frozen=True, slots=True, order=True)
class Ratio:
    """The pair that a slice is given, whole percents. A maximum of 0 blocks the slice: it is paused."""

    min_prb_policy_ratio: int
    max_prb_policy_ratio: int

    def __post_init__(self) -> None:
        assert 0 <= self.min_prb_policy_ratio <= self.max_prb_policy_ratio <= PERCENT, f"{self}"


PAUSED = Ratio(0, 0)
EVERYTHING = Ratio(0, PERCENT)
"""What the gNB gives a slice of which its file says nothing."""


def ratio_of(prb: int, shape: CellShape) -> int:
    """The smallest percent that the gNB turns into at least `prb` PRBs; 100 for all and more."""
    return min(PERCENT, -(-prb * PERCENT // shape.prbs))


def prb_of(ratio: int, shape: CellShape) -> int:
    """The PRBs that the gNB makes of a percent: rounded down."""
    return ratio * shape.prbs // PERCENT


def whole_steps(prb: int, shape: CellShape) -> int:
    """The PRBs that a slice really gets if it is to have `prb`: above 100 PRBs a percent is more than one."""
    return prb_of(ratio_of(prb, shape), shape)


def whole_steps_down(prb: int, shape: CellShape) -> int:
    """The most PRBs that a slice can be given without having more than `prb`."""
    ratio = ratio_of(prb, shape)
    return prb_of(ratio if prb_of(ratio, shape) <= prb else ratio - 1, shape)


def prb_for(rate_bps: int, bits_per_prb: int, shape: CellShape) -> int:
    """The PRBs of every slot that carry this rate, rounded up; without a known efficiency, the whole cell."""
    if bits_per_prb <= 0:
        return shape.prbs
    return min(shape.prbs, -(-rate_bps // (bits_per_prb * shape.downlink_slots_per_s)))


def rate_of(prb: int, bits_per_prb: int, shape: CellShape) -> int:
    """The rate that so many PRBs of every slot carry, bit/s."""
    return prb * bits_per_prb * shape.downlink_slots_per_s


def bits_per_prb_of(rate_bps: int, prb: int, shape: CellShape) -> int:
    """What a PRB carried if exactly `prb` of every slot carried this rate: the measured efficiency."""
    return rate_bps // (max(1, prb) * shape.downlink_slots_per_s)


def with_headers(rate_bps: int, header_ppm: int) -> int:
    """A rate of IP packets as the gNB counts it, with the headers of SDAP, PDCP, RLC and MAC; rounded up."""
    return -(-rate_bps * (PPM + header_ppm) // PPM)
