"""How long a device that switches on anywhere in the cycle waits for a cell's offer, some segments being lost.

The cell sends one segment per period of its system information and the device is the one of nas_tunnel/segments.py.
What is found is held against the broadcast-rate bound: the time in which the cell sends each segment once. Nobody who
hears everything waits longer, and nobody on average much less.
A loss is of a whole segment and independent of the others; repetitions inside one window of system information are
taken to be behind it. Equal seeds give equal waits.
Units: milliseconds.
"""

import random
from dataclasses import dataclass

from lab.percentile import percentile
from nas_tunnel.carriage import Carriage, Form
from nas_tunnel.segments import Broadcast, Listener, hear, plan_broadcast

LOSS = 0.2
JOINERS = 2_000
PERIOD_MS = 160
MAX_CYCLES = 1_000
"""Nobody waits so long; a broadcast that cannot be heard at all ends here."""


@dataclass(frozen=True, slots=True)
class Acquisition:
    """The waits of all joiners, sorted, for `content_bytes` in `segments` segments."""

    carriage: str
    content_bytes: int
    segments: int
    period_ms: int
    waits_ms: tuple[float, ...]

    @property
    def bound_ms(self) -> int:
        """Each segment once."""
        return self.segments * self.period_ms

    @property
    def rate_bytes_per_s(self) -> float:
        """What of the content the cell sends in a second."""
        return 1_000 * self.content_bytes / self.bound_ms

    @property
    def mean_ms(self) -> float:
        return sum(self.waits_ms) / len(self.waits_ms)

    @property
    def within_bound(self) -> float:
        """The share of joiners who waited no longer than the bound."""
        return sum(wait <= self.bound_ms for wait in self.waits_ms) / len(self.waits_ms)

    def wait_ms(self, share: float) -> float:
        """So long this share of the joiners waited at most."""
        return percentile(self.waits_ms, share)


def acquire(
    carriage: Carriage,
    content: bytes,
    seed: int,
    *,
    period_ms: int = PERIOD_MS,
    loss: float = LOSS,
    joiners: int = JOINERS,
) -> Acquisition:
    """The waits of so many joiners for this content. A name is one segment, whatever it says."""
    chance = random.Random(seed)
    broadcast = None if carriage.form is Form.NAME else plan_broadcast(content, carriage)
    segments = 1 if broadcast is None else len(broadcast.pieces)
    assert len(content) <= carriage.segment_bytes or broadcast is not None, (
        f"{carriage.name}: {len(content)} bytes"
    )
    waits_ms = sorted(
        period_ms * (chance.random() + _occasions(broadcast, segments, loss, chance)) for _ in range(joiners)
    )
    return Acquisition(carriage.name, len(content), segments, period_ms, tuple(waits_ms))


def _occasions(broadcast: Broadcast | None, segments: int, loss: float, chance: random.Random) -> int:
    """How many occasions pass by before the one that completes the message, from anywhere in the cycle."""
    start, listener = chance.randrange(segments), Listener()
    for passed in range(MAX_CYCLES * segments):
        if chance.random() < loss:
            continue
        if broadcast is None:
            return passed
        listener, content = hear(listener, broadcast.segment(start + passed))
        if content is not None:
            return passed
    raise AssertionError(f"nothing heard in {MAX_CYCLES} cycles")
