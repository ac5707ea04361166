"""The life of sessions: admission, install, end, and when any of that is due.

In: decisions of the lobby, answers of the kernel, time. Out: commands to the shaper and the store. Knows no bytes.
Phases and their legal moves: apd/session.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from apd.commands import Command, InstallSession, Note, ReadCounters, RemoveSession, StoreSession
from apd.session import EndReason, Phase, Session, Usage, shape_of
from apd.state import State
from tc_shaper.pool import Exhausted, allocate, release
from wire.errors import ShellError
from wire.ids import MacAddress
from wire.qos import Qos
from wire.units import NS_PER_S, PPM, Now, format_rate

Outcome = tuple[State, list[Command]]

_CAP_READ_LEAST_NS = NS_PER_S // 10
"""A data cap is checked at most ten times a second: what passes in between at 100 Mbit/s is about a megabyte."""


@dataclass(frozen=True, slots=True)
class NoCapacity:
    """Why a floor cannot be promised."""

    detail: str


_REMOVE_RETRY_NS = NS_PER_S
"""A kernel that would not forget a session is asked again every second: until it does, somebody is served for
nothing.
"""


def check_capacity(state: State, qos: Qos, *, without: bytes = b"") -> NoCapacity | None:
    """Whether these floors fit beside those already promised, leaving out the grant `without`."""
    held = [s.grant.total_qos for s in state.sessions.values() if s.holds_slot and s.grant_id != without]
    shaper = state.settings.shaper
    for direction, capacity_bps, sold_bps, floor_bps in (
        ("down", shaper.downlink_capacity_bps, sum(q.floor_down_bps for q in held), qos.floor_down_bps),
        ("up", shaper.uplink_capacity_bps, sum(q.floor_up_bps for q in held), qos.floor_up_bps),
    ):
        limit_bps = capacity_bps * state.settings.admission_ppm // PPM
        if sold_bps + floor_bps > limit_bps:
            left = format_rate(max(0, limit_bps - sold_bps))
            return NoCapacity(f"{format_rate(floor_bps)} {direction} asked for, {left} left")
    return None


def admit(state: State, session: Session, now: Now) -> Outcome | NoCapacity:
    """Keeps a slot for a session and, when its time has come, has it installed."""
    full = check_capacity(state, session.grant.total_qos, without=session.grant_id)
    if full is not None:
        return full
    found = allocate(state.pool)
    if isinstance(found, Exhausted):
        return NoCapacity(f"all {found.slots} slots are in use")
    pool, slot = found
    admitted = replace(session, slot=slot, phase=Phase.ADMITTED, reason=EndReason.NONE, baseline=Usage())
    state = _put(replace(state, pool=pool), admitted)
    return state, [_install(admitted)] if admitted.starts_ns <= now.mono_ns else []


def installed(state: State, grant_id: bytes, now: Now) -> Outcome:
    """The kernel has it: the session is active, unless it was ended meanwhile."""
    session = replace(state.sessions[grant_id].move(Phase.ACTIVE), last_heard_ns=now.mono_ns)
    state = plan_counting(_put(state, session), now)
    rates = format_rate(session.grant.total_qos.floor_down_bps)
    note = Note("session_active", f"{session.station} gets {rates} down, grant {grant_id.hex()}")
    return state, [StoreSession(session), note]


def install_failed(state: State, grant_id: bytes, error: ShellError) -> Outcome:
    """The kernel has nothing of it: the slot is free, and the grant may try again."""
    session = state.sessions[grant_id]
    closed = session.move(Phase.CLOSED, EndReason.SHAPER_FAILED)
    state = replace(_put(state, closed), pool=release(state.pool, session.slot))
    return state, [StoreSession(closed), Note("install_failed", f"{session.station}: {error}")]


def end(state: State, grant_id: bytes, reason: EndReason) -> Outcome:
    """Ends a session, whatever its phase; ending it again changes nothing."""
    session = state.sessions[grant_id]
    match session.phase:
        case Phase.ACTIVE:
            expiring = session.move(Phase.EXPIRING, reason)
            note = Note("session_ends", f"{session.station}: {reason.value}, grant {grant_id.hex()}")
            return _put(state, expiring), [RemoveSession(grant_id, session.slot, session.station), note]
        case Phase.ADMITTED:
            closed = session.move(Phase.CLOSED, reason)
            state = replace(_put(state, closed), pool=release(state.pool, session.slot))
            return state, [StoreSession(closed)]
        case _:
            return state, []


def removed(state: State, grant_id: bytes, counters: Usage, now: Now) -> Outcome:
    """The kernel forgot it: its last bytes are counted, its slot is free."""
    session = state.sessions[grant_id].counted(counters, now.mono_ns)
    closed = session.move(Phase.CLOSED, session.reason)
    state = replace(_put(state, closed), pool=release(state.pool, session.slot))
    return state, [StoreSession(closed)]


def remove_failed(state: State, grant_id: bytes, error: ShellError, now: Now) -> Outcome:
    """The kernel may still let it through: it is asked again, the operator is told, and the slot stays taken."""
    session = replace(state.sessions[grant_id], retry_ns=now.mono_ns + _REMOVE_RETRY_NS)
    return _put(state, session), [Note("remove_failed", f"{session.station}: {error}")]


def revoke(state: State, grant_id: bytes) -> Outcome:
    """Ends a session for good, also one that is closed and could come back."""
    session = state.sessions[grant_id]
    if session.phase is Phase.CLOSED:
        closed = replace(session, reason=EndReason.REVOKED)
        return _put(state, closed), [StoreSession(closed)]
    return end(state, grant_id, EndReason.REVOKED)


def count(state: State, counters: Mapping[int, Usage], now: Now) -> Outcome:
    """Takes in the kernel's counters; ends who used up its data cap or fell silent."""
    sessions = dict(state.sessions)
    for grant_id, session in sessions.items():
        if session.phase is Phase.ACTIVE and session.slot in counters:
            sessions[grant_id] = session.counted(counters[session.slot], now.mono_ns)
    state = replace(state, sessions=sessions)
    commands: list[Command] = []
    for grant_id, session in sessions.items():
        if session.phase is Phase.ACTIVE and (reason := _used_up(state, session, now)) is not EndReason.NONE:
            state, ending = end(state, grant_id, reason)
            commands += ending
    return plan_counting(state, now), commands


def pass_time(state: State, now: Now) -> Outcome:
    """Starts and ends what is due, and has counters read when they are."""
    commands: list[Command] = []
    for grant_id, session in state.sessions.items():
        if session.phase in (Phase.ADMITTED, Phase.ACTIVE) and session.ends_ns <= now.mono_ns:
            state, ending = end(state, grant_id, EndReason.TIME_UP)
            commands += ending
        elif session.phase is Phase.ADMITTED and session.starts_ns <= now.mono_ns:
            commands.append(_install(session))
        elif session.retry_ns is not None and session.retry_ns <= now.mono_ns:
            state = _put(state, replace(session, retry_ns=None))
            commands.append(RemoveSession(grant_id, session.slot, session.station))
    if state.counting_due_ns is not None and state.counting_due_ns <= now.mono_ns:
        state = replace(state, counting_due_ns=None)
        commands.append(ReadCounters())
    return state, commands


def deadlines_ns(state: State) -> list[int]:
    """When something of the above is due."""
    due = [state.counting_due_ns] if state.counting_due_ns is not None else []
    for session in state.sessions.values():
        if session.phase is Phase.ADMITTED:
            due.append(session.starts_ns)
        if session.phase in (Phase.ADMITTED, Phase.ACTIVE):
            due.append(session.ends_ns)
        if session.retry_ns is not None:
            due.append(session.retry_ns)
    return due


def plan_counting(state: State, now: Now) -> State:
    """Counters are read when the first session can have used up its data cap at its ceiling, or can have gone
    silent.
    """
    waits = [
        wait
        for session in state.sessions.values()
        if session.phase is Phase.ACTIVE
        for wait in _counting_waits_ns(state, session, now)
    ]
    due = now.mono_ns + max(_CAP_READ_LEAST_NS, min(waits)) if waits else None
    return replace(state, counting_due_ns=due)


def leave(state: State, station: MacAddress, reason: EndReason) -> Outcome:
    """The link layer, or somebody, says that this station is gone."""
    session = state.session_of(station)
    return end(state, session.grant_id, reason) if session else (state, [])


def _counting_waits_ns(state: State, session: Session, now: Now) -> list[int]:
    waits = []
    left_bytes = session.data_left_bytes
    if left_bytes is not None:
        qos = session.grant.total_qos
        waits.append(left_bytes * 8 * NS_PER_S // (qos.ceil_down_bps + qos.ceil_up_bps))
    if state.settings.idle_timeout_s:
        waits.append(session.last_heard_ns + state.settings.idle_timeout_s * NS_PER_S - now.mono_ns)
    return waits


def _used_up(state: State, session: Session, now: Now) -> EndReason:
    if session.data_left_bytes == 0:
        return EndReason.DATA_CAP_USED
    silent_ns = now.mono_ns - session.last_heard_ns
    if state.settings.idle_timeout_s and silent_ns >= state.settings.idle_timeout_s * NS_PER_S:
        return EndReason.STATION_LEFT
    return EndReason.NONE


def _install(session: Session) -> InstallSession:
    return InstallSession(session.grant_id, shape_of(session))


def _put(state: State, session: Session) -> State:
    return replace(state, sessions={**state.sessions, session.grant_id: session})
