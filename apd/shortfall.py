"""The shortfall: bytes that were promised, were wanted, and did not arrive.

In: what a direction of a session was offered and what it was delivered over an interval, its floor, and on radio the
link layer's counters of the station. Out: the missing bytes, and the rate delivered while there was demand. Knows no
session and no clock.

An interval counts if there was demand throughout: the shaper was offered at least the floor, and either let that much
through or had packets waiting for it when the interval began and when it ended. (Without the latter a burst that no
queue can hold would look like hours of waiting.) If less than the floor arrived, by more than 2 %, all that is missing
below the floor is shortfall. Delivered is what left the shaper; on radio the shaper
may hand bytes to a driver that cannot send them, so downlink is the smaller of that and of what the link layer says
that it sent: its bytes towards the station, less 32 octets of header for each frame, less the frames that it gave up at
the mean size. An interval in which nothing at all came from the station is absence: nothing is missing in it. Uplink
bytes have crossed the air when the shaper sees them: what a station could not send shows as no
demand, and no access point can tell. Decision 0019 says what else this cannot see.
Units: bytes of IP packets, ns, bit/s.
"""

from wire.frozen import dataclass
from wire.qos import Qos, RateLayer
from wire.units import NS_PER_S

INTERVAL_NS = 5 * NS_PER_S
"""Long beside a shaper's bucket (8 ms) and the jitter of reading counters, short beside what a person waits for."""
LEAST_NS = NS_PER_S
"""A shorter rest of an interval, at the end of a session, says nothing."""
TOLERANCE_PERCENT = 2
LINK_HEADER_BYTES = 32
"""24 of 802.11 and 8 of LLC: the least that mac80211 counts for each frame beside the IP packet. QoS and cipher add 2
to 10, so that what the link delivered is at most that little too high: the seller is never charged for headers.
"""


@dataclass(frozen=True, slots=True)
class Flow:
    """One direction of a session since it began, and whether packets wait in its queue now."""

    offered_bytes: int = 0
    delivered_bytes: int = 0
    queued: bool = False


@dataclass(frozen=True, slots=True)
class LinkCounters:
    """What the link layer sent towards a station since it associated."""

    tx_bytes: int
    tx_frames: int
    tx_failed: int = 0
    rx_frames: int = 0
    """What came from it, acknowledgements not counted."""


@dataclass(frozen=True, slots=True)
class Demanded:
    """All intervals with demand together, and what was delivered in them."""

    time_ns: int = 0
    delivered_bytes: int = 0

    @property
    def delivered_bps(self) -> int | None:
        """None if there never was demand."""
        return self.delivered_bytes * 8 * NS_PER_S // self.time_ns if self.time_ns else None

    def plus(self, time_ns: int, delivered_bytes: int) -> "Demanded":
        return Demanded(self.time_ns + time_ns, self.delivered_bytes + delivered_bytes)


@dataclass(frozen=True, slots=True)
class Watch:
    """The interval under way: when it began, how counters stood then, and the intervals before."""

    began_ns: int | None = None
    """None while nobody is served."""
    down: Flow = Flow()
    up: Flow = Flow()
    link: LinkCounters | None = None
    demanded_down: Demanded = Demanded()
    demanded_up: Demanded = Demanded()


@dataclass(frozen=True, slots=True)
class Missing:
    """The shortfall of an interval."""

    down_bytes: int = 0
    up_bytes: int = 0


def judge(
    watch: Watch, qos: Qos, down: Flow, up: Flow, link: LinkCounters | None, now_ns: int
) -> tuple[Watch, Missing]:
    """Ends the interval now and begins the next. Nothing is missing where none was under way.

    Floors of Ethernet frames are not judged: the counters are of IP packets, and small ones make that a large
    difference.
    """
    begun = Watch(now_ns, down, up, link, watch.demanded_down, watch.demanded_up)
    if watch.began_ns is None or qos.rate_layer is not RateLayer.IP:
        return begun, Missing()
    elapsed_ns = now_ns - watch.began_ns
    if watch.link is not None and link is not None and _is_absent(watch.link, link):
        return begun, Missing()
    at_most_bytes = link_bytes(watch.link, link) if watch.link is not None and link is not None else None
    demanded_down, down_bytes = _judge_flow(
        watch.demanded_down, qos.floor_down_bps, _since(watch.down, down), elapsed_ns, at_most_bytes
    )
    demanded_up, up_bytes = _judge_flow(watch.demanded_up, qos.floor_up_bps, _since(watch.up, up), elapsed_ns)
    return Watch(now_ns, down, up, link, demanded_down, demanded_up), Missing(down_bytes, up_bytes)


def missing_bytes(floor_bps: int, delivered_bytes: int, elapsed_ns: int) -> int:
    """What is missing below the floor in an interval of this length, in which there was demand."""
    promised = _promised_bytes(floor_bps, elapsed_ns)
    return 0 if _reaches(delivered_bytes, promised) else promised - delivered_bytes


def link_bytes(before: LinkCounters, after: LinkCounters) -> int | None:
    """At most so many bytes of IP packets arrived. None if the counters began anew: the station associated again."""
    sent = after.tx_bytes - before.tx_bytes
    frames = after.tx_frames - before.tx_frames
    failed = after.tx_failed - before.tx_failed
    if min(sent, frames, failed) < 0:
        return None
    if not frames:
        return 0
    lost = sent * min(failed, frames) // frames
    return max(0, sent - lost - LINK_HEADER_BYTES * (frames - min(failed, frames)))


def _is_absent(before: LinkCounters, after: LinkCounters) -> bool:
    """No frame came from the station and none was acknowledged by it: it is out of reach, or gone, and who is not there
    misses nothing. Nobody is told from outside whether it went or was jammed.
    """
    acknowledged = (after.tx_frames - after.tx_failed) - (before.tx_frames - before.tx_failed)
    return after.rx_frames == before.rx_frames and acknowledged <= 0 and after.tx_frames >= before.tx_frames


def _judge_flow(
    demanded: Demanded, floor_bps: int, passed: Flow, elapsed_ns: int, at_most_bytes: int | None = None
) -> tuple[Demanded, int]:
    """`passed` is what happened in the interval; `queued` says that packets waited at both of its ends."""
    promised = _promised_bytes(floor_bps, elapsed_ns)
    wanted = passed.offered_bytes >= promised and (
        passed.queued or _reaches(passed.delivered_bytes, promised)
    )
    if not floor_bps or not wanted:
        return demanded, 0
    arrived = passed.delivered_bytes
    if at_most_bytes is not None:
        arrived = min(arrived, at_most_bytes)
    return demanded.plus(elapsed_ns, arrived), missing_bytes(floor_bps, arrived, elapsed_ns)


def _reaches(delivered_bytes: int, promised: int) -> bool:
    """Within the tolerance."""
    return delivered_bytes * 100 >= promised * (100 - TOLERANCE_PERCENT)


def _promised_bytes(floor_bps: int, elapsed_ns: int) -> int:
    return -(-floor_bps * elapsed_ns // (8 * NS_PER_S))


def _since(before: Flow, after: Flow) -> Flow:
    return Flow(
        after.offered_bytes - before.offered_bytes,
        after.delivered_bytes - before.delivered_bytes,
        before.queued and after.queued,
    )
