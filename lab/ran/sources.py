"""Traffic that comes to the cell for a UE: when the next packets arrive, and how many bits.

A source is an endless sequence of arrivals, (seconds since its start, bits), from a seed. Packets of a burst arrive
together: a model of a cell does not see the wire before it.
Units: bit/s, bits, seconds.
"""

import random
from collections.abc import Iterator

PACKET_BITS = 1_400 * 8

Arrivals = Iterator[tuple[float, int]]


def steady(rate_bps: float, seed: int, packet_bits: int = PACKET_BITS) -> Arrivals:
    """Packets at equal distances, as a call or a capped download sends; the first at a random phase."""
    gap_s = packet_bits / rate_bps
    at_s = random.Random(seed).random() * gap_s
    while True:
        yield at_s, packet_bits
        at_s += gap_s


def random_packets(rate_bps: float, seed: int, packet_bits: int = PACKET_BITS) -> Arrivals:
    """Packets at exponential distances (a Poisson process): many small users behind one UE."""
    chance, at_s = random.Random(seed), 0.0
    while True:
        at_s += chance.expovariate(rate_bps / packet_bits)
        yield at_s, packet_bits


def chunks(rate_bps: float, period_s: float, seed: int) -> Arrivals:
    """A video player: a chunk of `period_s` seconds of video each `period_s`, sizes vary by a quarter."""
    chance = random.Random(seed)
    at_s = chance.random() * period_s
    while True:
        yield at_s, max(1, round(rate_bps * period_s * chance.uniform(0.75, 1.25)))
        at_s += period_s


def full_buffer(packet_bits: int = 1 << 40) -> Arrivals:
    """More than can be sent."""
    while True:
        yield 0.0, packet_bits
        return


def silence() -> Arrivals:
    """Nothing ever."""
    return iter(())
