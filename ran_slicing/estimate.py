"""What a PRB of a slice carries, learnt from what the link says and from what arrived; and what is still owed.

In: one sample per report. Out: bits per PRB to count with, and the bits that the slice fell behind its floor. What the
link says (MCS, CQI) follows a fade within a report, but knows nothing of control channels, of slots in which the
slice was passed over, of how the gNB rounds. What arrived knows all that, but only bounds the efficiency: a slice with
data waiting used at least its minimum and at most its maximum, so

    rate / maximum  <=  bits per PRB  <=  rate / minimum         (the second only while data waited)

The estimate is the link's word, smoothed, times a factor (`trust`) that is moved into these bounds.
Units: bits per PRB of one slot, bit/s, parts per million.
"""

from typing import NamedTuple

from ran_slicing.share import CellShape, bits_per_prb_of
from ran_slicing.snssai import Snssai
from wire.units import NS_PER_S, PPM

DEMAND_MS = 20
"""Data that waits longer than this at the floor is demand; less is what a scheduler always has in hand."""
OWED_MS = 500
"""No more than so much of the floor is owed: an older debt helps nobody, and would take from others."""
LEAST_TRUST_PPM, MOST_TRUST_PPM = PPM // 8, 4 * PPM
_FALL_PART, _RISE_PART = 2, 4
"""A worse link is believed at once (half of the difference per report), a better one more slowly."""
_TRUST_PART = 2
_FORGET_PART = 128
"""Without evidence, trust comes back to one by this part of the difference per report."""
_LONGEST_NS = 2 * NS_PER_S
"""Reports further apart than this have nothing to say about each other."""


class Traffic(NamedTuple):
    """What one report says of one direction: the rate since the report before, what waits, and what a PRB carries (0:
    unknown).
    """

    rate_bps: int = 0
    waiting_bytes: int = 0
    bits_per_prb: int = 0


class SliceSample(NamedTuple):
    """What one report says of a slice, all its UEs together: what they got since the report before (bit/s), what waits
    for them, and what a PRB carries for them (0: unknown); `up` is what they sent, and wait to send.
    """

    snssai: Snssai
    rate_bps: int
    waiting_bytes: int
    bits_per_prb: int
    up: Traffic = Traffic()


class Estimate(NamedTuple):
    """Of one slice. `waited` says that there was demand at the last report."""

    link_bits: int
    trust_ppm: int = PPM
    owed_bits: int = 0
    waited: bool = False

    @property
    def bits_per_prb(self) -> int:
        return max(1, self.link_bits * self.trust_ppm // PPM)


class InForce(NamedTuple):
    """What the slice could use during the interval that a sample reports of; `whole` if it was the same throughout."""

    min_prb: int
    max_prb: int
    whole: bool


def learn(
    known: Estimate,
    sample: SliceSample | Traffic,
    floor_bps: int,
    force: InForce,
    shape: CellShape,
    elapsed_ns: int,
) -> Estimate:
    """The estimate after one more sample, `elapsed_ns` after the one before."""
    elapsed_ns = min(elapsed_ns, _LONGEST_NS)
    waits = has_demand(sample.waiting_bytes, floor_bps)
    link_bits = follow(known.link_bits, sample.bits_per_prb)
    trust_ppm = known.trust_ppm
    if force.whole and elapsed_ns:
        word_bits = sample.bits_per_prb or link_bits
        trust_ppm = _bounded_trust(known, sample.rate_bps, word_bits, force, shape, waits=waits)
    owed_bits = _owe(known.owed_bits, sample, floor_bps, elapsed_ns) if waits or known.owed_bits else 0
    return known._replace(link_bits=link_bits, trust_ppm=trust_ppm, owed_bits=owed_bits, waited=waits)


def has_demand(waiting_bytes: int, floor_bps: int) -> bool:
    """Whether more waits than the floor carries away at once."""
    return waiting_bytes * 8_000 > floor_bps * DEMAND_MS


def follow(known_bits: int, sampled_bits: int) -> int:
    """A link's efficiency after one more word of it; 0 says nothing."""
    if not sampled_bits:
        return known_bits
    if not known_bits:
        return sampled_bits
    part = _FALL_PART if sampled_bits < known_bits else _RISE_PART
    return known_bits + (sampled_bits - known_bits) // part


def _bounded_trust(
    known: Estimate, rate_bps: int, word_bits: int, force: InForce, shape: CellShape, *, waits: bool
) -> int:
    """Trust, moved half the way into what the rate allows."""
    if not word_bits:
        return known.trust_ppm
    at_least = bits_per_prb_of(rate_bps, force.max_prb, shape) * PPM // word_bits
    at_most = bits_per_prb_of(rate_bps, force.min_prb, shape) * PPM // word_bits
    trust_ppm = known.trust_ppm
    if at_least > trust_ppm:
        trust_ppm += (at_least - trust_ppm) // _TRUST_PART
    elif waits and known.waited and force.min_prb and at_most < trust_ppm:
        trust_ppm += (at_most - trust_ppm) // _TRUST_PART
    else:
        trust_ppm += (PPM - trust_ppm) // _FORGET_PART
    return min(MOST_TRUST_PPM, max(LEAST_TRUST_PPM, trust_ppm))


def _owe(owed_bits: int, sample: SliceSample | Traffic, floor_bps: int, elapsed_ns: int) -> int:
    """What was missing is owed while it still waits: what nobody asks for any more is not."""
    owed_bits += (floor_bps - sample.rate_bps) * elapsed_ns // NS_PER_S
    return max(0, min(owed_bits, sample.waiting_bytes * 8, floor_bps * OWED_MS // 1_000))
