"""One accounting session: from RADIUS records, which may be late, twice or missing, to how many IP bytes were carried.

The counters of a record are absolute, so that a lost or repeated one does no harm. What can happen, and what follows:

    the same again, or one that was overtaken   the box's clock was not later then: nothing changes
    two in one second                           a Stop ends it, and of others the one that has counted more is the later
    the box's clock was set back                a session that lasts longer than before is told of later all the same
    octets roll over at 2**32                   Gigawords say so; packets have none: they wrap, and we see it
    counters went back                          the driver began anew (reassociation, restart): what was so far is kept
    no Start                                    the session began Acct-Session-Time before what we first hear
    no Stop                                     it stays open; after a silence others may use the permit
    a Start after the Stop                      a station came back to its box: the same session has one more run

The box's clock is a record's Event-Timestamp, else when it arrived less its Acct-Delay-Time; records are put in order
by that alone. Its event time is the same, but never later than we heard of it.

*Bytes.* A driver counts frames, the meter counts IP bytes. mac80211 counts for each packet the 802.11 header (26 with
QoS), LLC/SNAP (8) and, on reception where the processor decrypts, CCMP header and MIC (8 + 8): 50 bytes up, 34 down.
So `overhead x packets` is taken off each direction; a box whose driver counts otherwise says so in its settings.
Reference: RFC 2866, RFC 2869 clauses 5.1, 5.2, 5.3; Linux 6.1 net/mac80211/rx.c and tx.c.   Input is from the station.
"""

from dataclasses import dataclass, replace
from enum import Enum

from wire.ids import MacAddress

UP_OVERHEAD_BYTES = 50
DOWN_OVERHEAD_BYTES = 34
WRAP = 2**32
NAS_REBOOT = "NAS-Reboot"
"""Acct-Terminate-Cause 11 (RFC 2866 clause 5.10), which nobody was left to send."""
SessionKey = tuple[str, str]
"""(box, Acct-Session-Id)"""


class Status(Enum):
    """Acct-Status-Type, as far as sessions have it."""

    START = "Start"
    INTERIM = "Interim-Update"
    STOP = "Stop"


@dataclass(frozen=True, slots=True)
class Counters:
    """What a driver counted; octets with their Gigawords."""

    up_octets: int = 0
    down_octets: int = 0
    up_packets: int = 0
    down_packets: int = 0

    def plus(self, other: "Counters") -> "Counters":
        return Counters(
            self.up_octets + other.up_octets,
            self.down_octets + other.down_octets,
            self.up_packets + other.up_packets,
            self.down_packets + other.down_packets,
        )


@dataclass(frozen=True, slots=True)
class AccountingRecord:
    """One Accounting-Request about a session."""

    status: Status
    box: str
    address: str
    """IP address that the record came from."""
    session_id: str
    permit_id: bytes
    station: MacAddress
    bssid: MacAddress
    event_s: int
    clock_s: int
    """When it was by the box's own clock, which may be wrong and still tells what came first."""
    duration_s: int = 0
    counters: Counters = Counters()
    cause: str = ""
    identity: str = ""
    """Chargeable-User-Identity as echoed; empty if it was not."""

    @property
    def key(self) -> SessionKey:
        return self.box, self.session_id


@dataclass(frozen=True, slots=True)
class BoxRestarted:
    """Accounting-On or -Off: whatever ran at this box before `event_s` runs no more (RFC 2866 clause 5.1).

    Before: hostapd repeats an Accounting-On that nobody acknowledged while stations join already.
    """

    box: str
    address: str
    event_s: int


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its records tell it so far. `before` is what was counted before counters went back."""

    box: str
    session_id: str
    permit_id: bytes
    station: MacAddress
    bssid: MacAddress
    started_s: int
    event_s: int
    clock_s: int
    duration_s: int
    counters: Counters
    before: Counters = Counters()
    before_s: int = 0
    up_overhead_bytes: int = UP_OVERHEAD_BYTES
    down_overhead_bytes: int = DOWN_OVERHEAD_BYTES
    cause: str = ""
    stopped: bool = False
    start_seen: bool = False
    identity_echoed: bool = False
    times_went_back: int = 0

    @property
    def key(self) -> SessionKey:
        return self.box, self.session_id

    @property
    def total(self) -> Counters:
        return self.before.plus(self.counters)

    @property
    def total_s(self) -> int:
        return self.before_s + self.duration_s

    @property
    def up_bytes(self) -> int:
        """IP bytes from the station."""
        return max(0, self.total.up_octets - self.total.up_packets * self.up_overhead_bytes)

    @property
    def down_bytes(self) -> int:
        return max(0, self.total.down_octets - self.total.down_packets * self.down_overhead_bytes)

    @property
    def ip_bytes(self) -> int:
        return self.up_bytes + self.down_bytes


def open_session(
    record: AccountingRecord, up_overhead_bytes: int, down_overhead_bytes: int, identity: str
) -> Session:
    """A session of which this is the first record that we hear; `identity` is what should be echoed."""
    return Session(
        box=record.box,
        session_id=record.session_id,
        permit_id=record.permit_id,
        station=record.station,
        bssid=record.bssid,
        started_s=record.event_s - record.duration_s,
        event_s=record.event_s,
        clock_s=record.clock_s,
        duration_s=record.duration_s,
        counters=record.counters,
        up_overhead_bytes=up_overhead_bytes,
        down_overhead_bytes=down_overhead_bytes,
        cause=record.cause,
        stopped=record.status is Status.STOP,
        start_seen=record.status is Status.START,
        identity_echoed=record.identity == identity,
    )


def follow(session: Session, record: AccountingRecord) -> Session:
    """The session after one more record; the same session if the record tells nothing new."""
    session = replace(session, start_seen=session.start_seen or record.status is Status.START)
    if _begins_again(session, record):
        session = replace(session, stopped=False, cause="")
        if record.status is Status.START:
            return _add_run(session, record)
    if record.status is Status.START or not _is_news(session, record):
        return session
    counters = replace(
        record.counters,
        up_packets=_unwrap(
            session.counters.up_packets, record.counters.up_packets, went_on=_grew(session, record)
        ),
        down_packets=_unwrap(
            session.counters.down_packets, record.counters.down_packets, went_on=_grew(session, record)
        ),
    )
    if not _grew(session, record):
        session = replace(
            session,
            before=session.total,
            before_s=session.total_s if record.duration_s < session.duration_s else session.before_s,
            times_went_back=session.times_went_back + 1,
        )
        counters = record.counters
    return replace(
        session,
        event_s=record.event_s,
        clock_s=record.clock_s,
        duration_s=record.duration_s,
        counters=counters,
        cause=record.cause or session.cause,
        stopped=session.stopped or record.status is Status.STOP,
    )


def interrupt(session: Session) -> Session:
    """The session after its box began anew: what was last heard of it is its end."""
    return replace(session, stopped=True, cause=session.cause or NAS_REBOOT)


def fold(folded: Session | None, session: Session) -> Session:
    """The sum of sessions of one permit at one box with one more; its id is empty, as no box's is."""
    carried = Counters(session.up_bytes, session.down_bytes)  # IP bytes, whatever was taken off for a packet
    if folded is None:
        return replace(
            session,
            session_id="",
            before=carried,
            before_s=session.total_s,
            counters=Counters(),
            duration_s=0,
            stopped=True,
        )
    return replace(
        folded,
        before=folded.before.plus(carried),
        before_s=folded.before_s + session.total_s,
        started_s=min(folded.started_s, session.started_s),
        event_s=max(folded.event_s, session.event_s),
        start_seen=folded.start_seen and session.start_seen,
        identity_echoed=folded.identity_echoed and session.identity_echoed,
        times_went_back=folded.times_went_back + session.times_went_back,
    )


def _begins_again(session: Session, record: AccountingRecord) -> bool:
    """Whether a session that stopped goes on: hostapd gives a station that comes back its old Acct-Session-Id.

    Clocks count whole seconds. A Start of the very second of the Stop is new, unless the session began in it.
    """
    if not session.stopped or record.status is Status.STOP:
        return False
    if record.clock_s == session.clock_s:
        return record.status is Status.START and session.event_s > session.started_s
    return record.clock_s > session.clock_s


def _is_news(session: Session, record: AccountingRecord) -> bool:
    """Whether a record tells of later than what is known. In one run the duration decides where the clock cannot."""
    if record.clock_s > session.clock_s:
        return True
    if session.stopped:
        return False
    if record.clock_s < session.clock_s:
        return session.before_s == 0 and record.duration_s > session.duration_s
    if session.before_s and record.duration_s > session.duration_s + 1:  # it is of the run before
        return False
    return record.status is Status.STOP or _grew(session, record)


def _add_run(session: Session, record: AccountingRecord) -> Session:
    """What was counted so far is kept; counters and time begin anew."""
    return replace(
        session,
        before=session.total,
        before_s=session.total_s,
        counters=record.counters,
        duration_s=record.duration_s,
        event_s=record.event_s,
        clock_s=record.clock_s,
    )


def _grew(session: Session, record: AccountingRecord) -> bool:
    """Whether the counters went on from where they were."""
    new, old = record.counters, session.counters
    return new.up_octets >= old.up_octets and new.down_octets >= old.down_octets


def _unwrap(before: int, now: int, *, went_on: bool) -> int:
    """A packet counter of 32 bits that went on: it may have begun again at 0."""
    turns, rest = divmod(before, WRAP)
    if not went_on or now >= WRAP:
        return now
    return (turns + (now < rest)) * WRAP + now
