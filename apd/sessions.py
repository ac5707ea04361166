"""The life of sessions: admission, install, end, and when any of that is due.

In: decisions of the lobby, answers of the kernel, time. Out: commands to the shaper and the store. Knows no bytes.
Phases and their legal moves: apd/session.py.
"""

from collections.abc import Mapping
from dataclasses import replace

from apd.commands import (
    Command,
    CountUe,
    GiveUp,
    InstallSession,
    Note,
    ReadCounters,
    RemoveSession,
    StoreRevocation,
    StoreSession,
    UncountUe,
)
from apd.outcome import NoCapacity, Outcome
from apd.promises import NOTHING, Reserved, reserved
from apd.session import EndReason, Phase, Queued, Session, Usage, instant_ns, shape_of
from apd.shortfall import INTERVAL_NS, LEAST_NS, Watch
from apd.state import State, earliest
from tc_shaper.pool import Exhausted, allocate, release
from wire.errors import ShellError
from wire.grant import Grant
from wire.ids import MacAddress, Station
from wire.qos import Qos
from wire.units import NS_PER_S, PPM, Now, format_rate

_CAP_READ_LEAST_NS = NS_PER_S // 10
"""A data cap is checked at most ten times a second: what passes in between at 100 Mbit/s is about a megabyte."""
MAX_REVOKED = 4_096
"""Revoked grants remembered: a grant may be shown only after it was revoked. The oldest is forgotten first."""
UNMEASURED_NS = 3 * INTERVAL_NS
"""A session whose station nobody measured for so long is held against its floors by the shaper's counters alone."""
MAX_FAILED_READINGS = 3
_READ_AGAIN_NS = NS_PER_S
_REMOVE_RETRY_NS = NS_PER_S
"""A kernel that would not forget a session is asked again every second: until it does, somebody is served for
nothing.
"""


def check_capacity(
    state: State, qos: Qos, station: Station | None = None, kept: Reserved = NOTHING
) -> NoCapacity | None:
    """Whether these floors fit beside those already promised and what is kept for others; on the air, to this station
    if it is known.
    """
    shaper, promised, pool = state.settings.shaper, state.promised, state.pool
    for direction, capacity_bps, sold_bps, floor_bps in (
        ("down", shaper.downlink_capacity_bps, promised.down_bps + kept.down_bps, qos.floor_down_bps),
        ("up", shaper.uplink_capacity_bps, promised.up_bps + kept.up_bps, qos.floor_up_bps),
    ):
        limit_bps = capacity_bps * state.settings.admission_ppm // PPM
        if sold_bps + floor_bps > limit_bps:
            left = format_rate(max(0, limit_bps - sold_bps))
            return NoCapacity(f"{format_rate(floor_bps)} {direction} asked for, {left} left")
    if len(pool.free) + pool.limit - pool.length <= kept.sessions:
        return NoCapacity(f"all {pool.limit} slots are in use or promised")
    if state.settings.air is None:
        return None
    from apd import budget  # a wired box does without

    return budget.check(state, qos, station, kept)


def open_session(
    state: State, grant: Grant, encoded_grant: bytes, station: Station, now: Now, elsewhere_bytes: int = 0
) -> Outcome | NoCapacity:
    """Admits the session of a grant that is good, goes on with what it used before if it had one here."""
    known = state.sessions.get(grant.grant_id)
    known = known.missed(now.mono_ns) if known else None
    session = replace(
        _session(grant, encoded_grant, station, now),
        used=known.used if known else Usage(),
        unreported=known.unreported if known else Usage(),
        elsewhere_bytes=elsewhere_bytes,
    )
    return admit(state, session, now)


def turn_away(state: State, grant: Grant, encoded_grant: bytes, station: Station, now: Now) -> Outcome:
    """There is no room for a grant that was sold here: until there is, all of its floors are missing. Said once."""
    known = state.sessions.get(grant.grant_id)
    if known is not None and known.unserved_ns is not None:
        return state, []
    session = known or replace(_session(grant, encoded_grant, station, now), phase=Phase.CLOSED)
    since_ns = max(now.mono_ns, session.starts_ns)
    away = replace(session, station=station, reason=EndReason.NO_ROOM, unserved_ns=since_ns)
    note = Note("turned_away", f"{station}: no room for grant {grant.grant_id.hex()}, which was sold here")
    return state.with_session(away), [StoreSession(away), note]


def count_unserved(state: State, now: Now) -> State:
    """What is missing up to now of those that were turned away."""
    missed = {
        grant_id: session.missed(now.mono_ns)
        for grant_id, session in state.sessions.items()
        if session.unserved_ns is not None
    }
    return (
        replace(state, sessions={**state.sessions, **missed}) if missed else state
    )  # who holds what is as before


def _session(grant: Grant, encoded_grant: bytes, station: Station, now: Now) -> Session:
    return Session(
        grant=grant,
        encoded_grant=encoded_grant,
        qos=grant.total_qos,
        station=station,
        slot=0,
        phase=Phase.OFFERED,
        starts_ns=instant_ns(grant.starts_s, now),
        ends_ns=instant_ns(grant.ends_s, now),
    )


def believed(state: State, now: Now) -> Now:
    """A wall clock behind what was reported already is not believed: a grant that ended would begin anew."""
    return Now(now.mono_ns, max(now.utc_ms, state.meter.reported_utc_ms))


def admit(state: State, session: Session, now: Now) -> Outcome | NoCapacity:
    """Keeps a slot for a session that holds none and, when its time has come, has it installed. What was sold here fits
    as it did when it was sold, as if by a station at the reference, however far away the station is now.
    """
    known = state.air.grants.get(session.grant_id) if state.air else None
    station = None if known is not None and known.bought else session.station
    full = check_capacity(state, session.qos, station, reserved(state, now, without=session.grant))
    if full is not None:
        return full
    found = allocate(state.pool)
    if isinstance(found, Exhausted):
        return NoCapacity(f"all {found.slots} slots are in use")
    pool, slot = found
    admitted = replace(session.move(Phase.ADMITTED), slot=slot, baseline=Usage())
    state = state.with_session(replace(admitted, installing=admitted.starts_ns <= now.mono_ns))
    state = replace(state, pool=pool)
    return state, [_install(admitted, now)] if admitted.starts_ns <= now.mono_ns else []


def installed(state: State, grant_id: bytes, now: Now) -> Outcome:
    """The kernel has it: the session is active, unless it has to end already."""
    session = replace(state.sessions[grant_id], installing=False, last_heard_ns=now.mono_ns)
    if session.phase is Phase.EXPIRING:
        return state.with_session(session), []
    active = session.move(Phase.ACTIVE)
    if state.settings.air is not None or state.cell is not None:
        active = replace(active, watch=Watch(), queued=Queued()).judged(None, now.mono_ns)
    due_ns = earliest(state.counting_due_ns, _counting_due_ns(state, active, now))
    state = replace(state.with_session(active), counting_due_ns=due_ns)
    rates = format_rate(active.qos.floor_down_bps)
    note = Note("session_active", f"{active.station} gets {rates} down, grant {grant_id.hex()}")
    return state, [StoreSession(active), note]


def install_failed(state: State, grant_id: bytes, error: ShellError) -> Outcome:
    """The kernel has nothing of it: the slot is free, and the grant may try again."""
    session = replace(state.sessions[grant_id], installing=False)
    note = Note("install_failed", f"{session.station}: {error}")
    if session.phase is Phase.EXPIRING:
        return state.with_session(session), [note]  # its removal was ordered, and its answer frees the slot
    state, commands = _close(state, session, EndReason.SHAPER_FAILED)
    return state, [*commands, note]


def end(state: State, grant_id: bytes, reason: EndReason) -> Outcome:
    """Ends a session, whatever its phase; ending it again changes nothing."""
    session = state.sessions[grant_id]
    if session.phase is Phase.ADMITTED and not session.installing:
        return _close(state, session, reason)
    if session.phase not in (Phase.ADMITTED, Phase.ACTIVE):
        return state, []
    expiring = session.move(Phase.EXPIRING, reason)
    commands: list[Command] = [
        _remove(session),
        Note("session_ends", f"{session.station}: {reason.value}, grant {grant_id.hex()}"),
    ]
    return state.with_session(expiring), commands


def removed(state: State, grant_id: bytes, counters: Usage, now: Now) -> Outcome:
    """The kernel forgot it: its last bytes are counted, its slot is free."""
    session = state.sessions[grant_id].counted(counters, now.mono_ns)
    if _watched_ns(session, now) >= LEAST_NS:
        session = session.judged(None, now.mono_ns)
    return _close(state, replace(session, watch=replace(session.watch, began_ns=None)), session.reason)


def remove_failed(state: State, grant_id: bytes, error: ShellError, now: Now) -> Outcome:
    """The kernel may still let it through: it is asked again, the operator is told, and the slot stays taken."""
    session = replace(state.sessions[grant_id], retry_ns=now.mono_ns + _REMOVE_RETRY_NS)
    return state.with_session(session), [Note("remove_failed", f"{session.station}: {error}")]


def resume(state: State) -> Outcome:
    """After a restart: what was being removed when the daemon died is removed now, and what was revoked ends."""
    commands: list[Command] = [
        _remove(session) for session in state.sessions.values() if session.phase is Phase.EXPIRING
    ]
    for grant_id in state.revoked.keys() & set(state.stations.values()):
        state, ending = end(state, grant_id, EndReason.REVOKED)
        commands += ending
    return state, commands


def revoke(state: State, grant_id: bytes) -> Outcome:
    """Ends a grant for good: its session, one that is closed and could come back, and one that is yet to come."""
    if grant_id in state.revoked:
        return state, []
    revoked = dict.fromkeys([*list(state.revoked)[-MAX_REVOKED + 1 :], grant_id])
    state = replace(state, revoked=revoked)
    commands: list[Command] = [StoreRevocation(grant_id)]
    session = state.sessions.get(grant_id)
    if session is None:
        return state, [*commands, Note("revoked", f"grant {grant_id.hex()} has no session here")]
    if session.phase is Phase.CLOSED:
        closed = replace(session, reason=EndReason.REVOKED)
        note = Note("revoked", f"grant {grant_id.hex()} had a session here")
        return state.with_session(closed), [*commands, StoreSession(closed), note]
    state, ending = end(state, grant_id, EndReason.REVOKED)
    return state, [*commands, *ending]


def end_all(state: State, reason: EndReason) -> Outcome:
    """Ends every session that holds a slot."""
    commands: list[Command] = []
    for grant_id in state.stations.values():
        state, ending = end(state, grant_id, reason)
        commands += ending
    return state, commands


def count(
    state: State, counters: Mapping[int, Usage], now: Now, queued: Mapping[int, Queued] | None = None
) -> Outcome:
    """Takes in the kernel's counters; ends who used up its data cap or fell silent."""
    sessions, waiting = dict(state.sessions), queued or {}
    for grant_id, session in sessions.items():
        if session.phase is Phase.ACTIVE and session.slot in counters:
            counted = session.counted(
                counters[session.slot], now.mono_ns, waiting.get(session.slot, Queued())
            )
            silent = _watched_ns(counted, now) >= UNMEASURED_NS
            sessions[grant_id] = counted.judged(None, now.mono_ns) if silent else counted
    state = replace(state, sessions=sessions, failed_readings=0)  # counters only: who holds what is as before
    commands: list[Command] = []
    for grant_id, session in sessions.items():
        if session.phase is Phase.ACTIVE and (reason := _used_up(state, session, now)) is not EndReason.NONE:
            state, ending = end(state, grant_id, reason)
            commands += ending
    return plan_counting(state, now), commands


def _watched_ns(session: Session, now: Now) -> int:
    """How long the interval under way has lasted; 0 if nobody watches."""
    return 0 if session.watch.began_ns is None else now.mono_ns - session.watch.began_ns


def count_failed(state: State, error: ShellError, now: Now) -> Outcome:
    """Reads again soon. A kernel that goes on failing has lost what we set up (its device was replaced, say): nobody is
    shaped, and nobody kept out.
    """
    state = replace(state, failed_readings=state.failed_readings + 1)
    note = Note("counters_failed", str(error))
    if state.failed_readings >= MAX_FAILED_READINGS:
        return state, [note, GiveUp(error)]
    return replace(state, counting_due_ns=now.mono_ns + _READ_AGAIN_NS), [note]


def pass_time(state: State, now: Now) -> Outcome:
    """Starts and ends what is due, and has counters read when they are."""
    commands: list[Command] = []
    if state.session_due_ns is not None and state.session_due_ns <= now.mono_ns:
        state, commands = _pass_session_time(state, now)
    if state.counting_due_ns is not None and state.counting_due_ns <= now.mono_ns:
        state = replace(state, counting_due_ns=None)
        commands.append(ReadCounters())
    return state, commands


def _pass_session_time(state: State, now: Now) -> Outcome:
    commands: list[Command] = []
    for grant_id, session in state.sessions.items():
        if session.due_ns is None or session.due_ns > now.mono_ns:
            continue
        if session.retry_ns is not None:
            state = state.with_session(replace(session, retry_ns=None))
            commands.append(_remove(session))
        elif session.ends_ns <= now.mono_ns:
            state, ending = end(state, grant_id, EndReason.TIME_UP)
            commands += ending
        else:
            state = state.with_session(replace(session, installing=True))
            commands.append(_install(session, now))
    due_ns = earliest(*(session.due_ns for session in state.sessions.values()))
    return replace(state, session_due_ns=due_ns), commands


def deadlines_ns(state: State) -> list[int]:
    """When something of the above is due, or earlier."""
    return [due for due in (state.session_due_ns, state.counting_due_ns) if due is not None]


def plan_counting(state: State, now: Now) -> State:
    """Counters are read when the first session can have used up its data cap at its ceiling, or can have gone
    silent.
    """
    active = (session for session in state.sessions.values() if session.phase is Phase.ACTIVE)
    due_ns = earliest(*(_counting_due_ns(state, session, now) for session in active))
    return replace(state, counting_due_ns=due_ns)


def leave(state: State, station: Station, reason: EndReason) -> Outcome:
    """The link layer, or somebody, says that this station is gone."""
    session = state.session_of(station)
    return end(state, session.grant_id, reason) if session else (state, [])


def _counting_due_ns(state: State, session: Session, now: Now) -> int | None:
    waits = []
    left_bytes = session.data_left_bytes
    if left_bytes is not None:
        qos = session.qos
        waits.append(left_bytes * 8 * NS_PER_S // (qos.ceil_down_bps + qos.ceil_up_bps))
    if state.settings.idle_timeout_s:
        waits.append(session.last_heard_ns + state.settings.idle_timeout_s * NS_PER_S - now.mono_ns)
    return now.mono_ns + max(_CAP_READ_LEAST_NS, min(waits)) if waits else None


def _used_up(state: State, session: Session, now: Now) -> EndReason:
    if session.data_left_bytes == 0:
        return EndReason.DATA_CAP_USED
    silent_ns = now.mono_ns - session.last_heard_ns
    if state.settings.idle_timeout_s and silent_ns >= state.settings.idle_timeout_s * NS_PER_S:
        return EndReason.STATION_LEFT
    return EndReason.NONE


def _install(session: Session, now: Now) -> Command:
    """Has the kernel shape a station. A UE is shaped by its cell (apd/cell.py): the kernel counts it."""
    if isinstance(session.station, MacAddress):
        return InstallSession(session.grant_id, shape_of(session, now))
    return CountUe(session.grant_id, session.slot, session.station)


def _remove(session: Session) -> Command:
    if isinstance(session.station, MacAddress):
        return RemoveSession(session.grant_id, session.slot, session.station)
    return UncountUe(session.grant_id, session.slot, session.station)


def _close(state: State, session: Session, reason: EndReason) -> Outcome:
    """Over, whatever it was doing: its slot is free."""
    closed = replace(session.move(Phase.CLOSED, reason), retry_ns=None, installing=False)
    state = replace(state.with_session(closed), pool=release(state.pool, session.slot))
    return state, [StoreSession(closed)]
