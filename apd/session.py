"""Sessions: the phases of one, and which phase may follow which.

        offered   a purchase was relayed to the ledger and its answer is awaited (see PendingPurchase)
        admitted  its grant and its consumer's request are good and a slot is kept; waits for its time or for the kernel
        active    the kernel shapes it
        expiring  it has to end; the kernel's final counters are awaited
        closed    over; kept until its grant ends, so that a rejoin goes on with the same data cap

A session is named by its grant id and serves one station at a time. The diagram of the moves is in docs/apd.md.
"""

from dataclasses import replace
from enum import Enum

from apd.address import mac_of
from apd.shortfall import Flow, LinkCounters, Watch, judge, missing_bytes
from tc_shaper.counters import SlotCounters
from tc_shaper.tree import MAX_LIFETIME_S, SessionShape
from wire.frozen import dataclass
from wire.grant import Grant
from wire.ids import Station
from wire.qos import LatencyClass, Qos
from wire.units import NS_PER_S, Now


class Phase(Enum):
    """See the module; values are what is stored and shown."""

    OFFERED = "offered"
    ADMITTED = "admitted"
    ACTIVE = "active"
    EXPIRING = "expiring"
    CLOSED = "closed"


FOLLOWS: dict[Phase, frozenset[Phase]] = {
    Phase.OFFERED: frozenset({Phase.ADMITTED}),
    Phase.ADMITTED: frozenset({Phase.ACTIVE, Phase.EXPIRING, Phase.CLOSED}),
    Phase.ACTIVE: frozenset({Phase.EXPIRING}),
    Phase.EXPIRING: frozenset({Phase.CLOSED}),
    Phase.CLOSED: frozenset({Phase.ADMITTED}),
}
"""Legal moves. From admitted to expiring when it has to end while the kernel is being asked to shape it; a closed
session may be joined again while its grant lasts, unless its reason is final.
"""


class EndReason(Enum):
    """Why a session ended or is ending."""

    NONE = ""
    TIME_UP = "time_up"
    DATA_CAP_USED = "data_cap_used"
    REVOKED = "revoked"
    LEFT = "left"
    STATION_LEFT = "station_left"
    MOVED = "moved"
    SHAPER_FAILED = "shaper_failed"
    NOT_METERED = "not_metered"
    NO_ROOM = "no_room"


FINAL_REASONS = frozenset({EndReason.TIME_UP, EndReason.DATA_CAP_USED, EndReason.REVOKED})
"""After these the grant opens no session again."""


@dataclass(frozen=True, slots=True)
class Usage:
    """IP bytes in both directions: delivered by the shaper, offered to it, and the shortfall (apd/shortfall.py), which
    no kernel counts.
    """

    down_bytes: int = 0
    up_bytes: int = 0
    down_offered_bytes: int = 0
    up_offered_bytes: int = 0
    down_shortfall_bytes: int = 0
    up_shortfall_bytes: int = 0

    def plus(self, other: "Usage") -> "Usage":
        return Usage(
            self.down_bytes + other.down_bytes,
            self.up_bytes + other.up_bytes,
            self.down_offered_bytes + other.down_offered_bytes,
            self.up_offered_bytes + other.up_offered_bytes,
            self.down_shortfall_bytes + other.down_shortfall_bytes,
            self.up_shortfall_bytes + other.up_shortfall_bytes,
        )

    def since(self, baseline: "Usage") -> "Usage":
        """What was counted after `baseline`. A counter below its baseline began anew at zero (a reboot)."""
        return Usage(
            _since(self.down_bytes, baseline.down_bytes),
            _since(self.up_bytes, baseline.up_bytes),
            _since(self.down_offered_bytes, baseline.down_offered_bytes),
            _since(self.up_offered_bytes, baseline.up_offered_bytes),
        )

    @property
    def delivered_bytes(self) -> int:
        return self.down_bytes + self.up_bytes


@dataclass(frozen=True, slots=True)
class Queued:
    """In which of a session's two queues packets wait now."""

    down: bool = False
    up: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """One grant in use. `baseline` is the kernel's counters as last read; `used` what it got in all."""

    grant: Grant
    encoded_grant: bytes
    qos: Qos
    """What all units of the grant get together."""
    station: Station
    slot: int
    phase: Phase
    ends_ns: int
    """On the monotonic clock: a step of the wall clock does not shorten what was paid for."""
    starts_ns: int
    installing: bool = False
    """The kernel was asked to shape it and has not answered."""
    reason: EndReason = EndReason.NONE
    baseline: Usage = Usage()
    used: Usage = Usage()
    unreported: Usage = Usage()
    last_heard_ns: int = 0
    retry_ns: int | None = None
    """When the kernel is asked again to forget it, after it failed to."""
    elsewhere_bytes: int = 0
    """Delivered on the same grant at other access points of the provider: they count against its data cap."""
    queued: Queued = Queued()
    watch: Watch = Watch()
    """Where nothing is sold over the air, nobody is watched."""
    place: str = ""
    """On a cell: slot, subscriber, data network, guaranteed flow (apd/cell.py)."""
    unserved_ns: int | None = None
    """Up to when it was counted what is missing of one that is closed because there is no room for it."""

    @property
    def grant_id(self) -> bytes:
        return self.grant.grant_id

    @property
    def holds_slot(self) -> bool:
        return self.phase in (Phase.ADMITTED, Phase.ACTIVE, Phase.EXPIRING)

    @property
    def due_ns(self) -> int | None:
        """When something is to be done about it next; None when it is closed or others have to answer first."""
        if self.retry_ns is not None:
            return self.retry_ns
        if self.phase is Phase.ADMITTED and not self.installing:
            return min(self.starts_ns, self.ends_ns)
        return self.ends_ns if self.phase in (Phase.ADMITTED, Phase.ACTIVE) else None

    @property
    def data_left_bytes(self) -> int | None:
        """None without a data cap."""
        cap_bytes = self.qos.data_cap_bytes
        spent_bytes = self.used.delivered_bytes + self.elsewhere_bytes
        return max(0, cap_bytes - spent_bytes) if cap_bytes else None

    def move(self, phase: Phase, reason: EndReason = EndReason.NONE) -> "Session":
        assert phase in FOLLOWS[self.phase], f"{self.phase.value} -> {phase.value} is not a move"
        return replace(self, phase=phase, reason=reason)

    def counted(self, counters: Usage, now_ns: int, queued: Queued | None = None) -> "Session":
        """The session after the kernel's counters were read; its queues, too, unless they are gone."""
        delta = counters.since(self.baseline)
        heard = self.last_heard_ns if delta.up_offered_bytes == 0 else now_ns
        return replace(
            self,
            baseline=counters,
            used=self.used.plus(delta),
            unreported=self.unreported.plus(delta),
            last_heard_ns=heard,
            queued=queued or self.queued,
        )

    def judged(self, link: LinkCounters | None, now_ns: int) -> "Session":
        """The session after the interval that ends now was held against its floors."""
        used, queued = self.used, self.queued
        down = Flow(used.down_offered_bytes, used.down_bytes, queued.down)
        up = Flow(used.up_offered_bytes, used.up_bytes, queued.up)
        watch, missing = judge(self.watch, self.qos, down, up, link, now_ns)
        shortfall = Usage(down_shortfall_bytes=missing.down_bytes, up_shortfall_bytes=missing.up_bytes)
        return replace(
            self, watch=watch, used=used.plus(shortfall), unreported=self.unreported.plus(shortfall)
        )

    def missed(self, now_ns: int) -> "Session":
        """The session after the time in which there was no room for it was held against its floors."""
        until_ns = min(now_ns, self.ends_ns)
        if self.unserved_ns is None or until_ns <= self.unserved_ns:
            return self
        down, up = (
            missing_bytes(floor_bps, 0, until_ns - self.unserved_ns) if floor_bps else 0
            for floor_bps in (self.qos.floor_down_bps, self.qos.floor_up_bps)
        )
        shortfall = Usage(down_shortfall_bytes=down, up_shortfall_bytes=up)
        return replace(
            self,
            unserved_ns=until_ns,
            used=self.used.plus(shortfall),
            unreported=self.unreported.plus(shortfall),
        )


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as it lies on disk; its monotonic instants are computed anew from the grant."""

    grant: Grant
    encoded_grant: bytes
    qos: Qos
    station: Station
    slot: int
    phase: Phase
    reason: EndReason
    baseline: Usage
    used: Usage
    unreported: Usage
    place: str = ""


def restore(stored: StoredSession, now: Now, *, kept: bool) -> Session:
    """A session as it goes on after a restart; `kept` says that the kernel still had it, with its counters.

    One that was being removed when the daemon died is still to be removed; one whose kernel state is gone counts from
    zero.
    """
    grant = stored.grant
    return Session(
        grant=grant,
        encoded_grant=stored.encoded_grant,
        qos=stored.qos,
        station=stored.station,
        slot=stored.slot,
        phase=stored.phase,
        starts_ns=instant_ns(grant.starts_s, now),
        ends_ns=instant_ns(grant.ends_s, now),
        reason=stored.reason,
        baseline=stored.baseline if kept else Usage(),
        used=stored.used,
        unreported=stored.unreported,
        last_heard_ns=now.mono_ns,
        place=stored.place,
        unserved_ns=now.mono_ns if stored.reason is EndReason.NO_ROOM else None,
    )


def instant_ns(utc_s: int, now: Now) -> int:
    """When that is on the monotonic clock, as the wall clock stands now."""
    return now.mono_ns + (utc_s * 1_000 - now.utc_ms) * 1_000_000


def shape_of(session: Session, now: Now) -> SessionShape:
    """What the shaper has to give this session, and for how long should nobody be there to end it."""
    qos = session.qos
    left_s = -(-(session.ends_ns - now.mono_ns) // NS_PER_S)
    return SessionShape(
        slot=session.slot,
        station=mac_of(session.station),
        down_floor_bps=qos.floor_down_bps,
        down_ceil_bps=qos.ceil_down_bps,
        up_floor_bps=qos.floor_up_bps,
        up_ceil_bps=qos.ceil_up_bps,
        lifetime_s=min(max(left_s, 1), MAX_LIFETIME_S),
        interactive=qos.latency_class is LatencyClass.INTERACTIVE,
    )


def usage_of(counted: SlotCounters) -> Usage:
    """What the kernel counted."""
    return Usage(
        counted.down.delivered_bytes,
        counted.up.delivered_bytes,
        counted.down.offered_bytes,
        counted.up.offered_bytes,
    )


def _since(value: int, baseline: int) -> int:
    return value - baseline if value >= baseline else value
