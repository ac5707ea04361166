"""Whether the metrics agree with what a slice was told: the gNB's yes is no proof.

In: a slice's ratio, in force throughout a report, and what the report says of it. Out: agreement, contradiction, or
nothing to tell. The gNB says yes to slices that it does not have, to pairs that it drops, and forgets all when it
restarts; only the data tells. A share shows only while there is demand, so silence is no agreement.
"""

from enum import Enum

from ran_slicing.estimate import SliceSample, has_demand
from ran_slicing.share import CellShape, Ratio, prb_of, rate_of

LEAK_BPS = 64_000
"""A blocked slice still sends what was on its way (HARQ) and control elements of a few bytes."""
CONTRADICTIONS = 5
"""Reports in a row after which a slice is told again: half a second at the usual period, and fades are shorter."""
_SLACK = 2
"""A rate within this factor of what the share carries agrees: the efficiency is an estimate."""


class Verdict(Enum):
    """What one report says of one slice."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    UNKNOWN = "unknown"


def judge(ratio: Ratio, sample: SliceSample, bits_per_prb: int, floor_bps: int, shape: CellShape) -> Verdict:
    """`bits_per_prb` is what the link carries (the sample's own word, or the estimate)."""
    waits = has_demand(sample.waiting_bytes, floor_bps)
    most_bps = rate_of(prb_of(ratio.max_prb_policy_ratio, shape), bits_per_prb, shape)
    least_bps = rate_of(prb_of(ratio.min_prb_policy_ratio, shape), bits_per_prb, shape)
    if sample.rate_bps > most_bps * _SLACK + LEAK_BPS:
        return Verdict.CONTRADICTS
    if not waits:
        return Verdict.UNKNOWN
    if sample.rate_bps * _SLACK * 2 < least_bps:
        return Verdict.CONTRADICTS
    return Verdict.AGREES if sample.rate_bps * _SLACK >= least_bps else Verdict.UNKNOWN
