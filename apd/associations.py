"""Stations that hostapd serves: which grant each of them holds, and who is thrown out.

In: who associated, and which grant, or metered pass, the operator's signed admission names for that station (EAP-TLS
proved the key to the operator's RADIUS server). Out: sessions admitted by the machinery of the lobby's joins, and
deauthentications.

The account that hostapd shows for a station can be a word of the station itself, so that it lets nobody in: it has to
be the grant's consumer, and that is all. An admission may come a moment after its station, so nobody is thrown out for
want of one before PATIENCE_NS; without one only a session goes on that runs already. A grant serves one station at a
time.
"""

from collections.abc import Mapping
from dataclasses import replace

from apd import joins, known_grants, sessions
from apd.address import mac_of
from apd.commands import Command, Deauthenticate, Note
from apd.events import StationAssociated
from apd.outcome import NoCapacity, Outcome
from apd.session import FINAL_REASONS, EndReason, Phase, Session
from apd.state import Association, KnownGrant, State
from wire.ids import MacAddress, PublicKey
from wire.units import NS_PER_S, Now

PATIENCE_NS = 3 * NS_PER_S
"""From the association until who has no grant is thrown out: an admission that the broker delays still counts."""
_WAIT = "moving"
"""The reason of those for whom the kernel is still forgetting an old session."""


def associated(state: State, station: MacAddress, account: PublicKey | None, now: Now) -> Outcome:
    """It was let in. One that merely associated again goes on as it was."""
    known = state.on_air.associations.get(station)
    account = account or _told_by_operator(state, station)
    if known is not None and known.grant_id and known.account == account:
        return state, []
    commands: list[Command] = []
    session = state.session_of(station)
    if session is not None and session.grant.consumer != account:  # another device has its address now
        state, commands = sessions.end(state, session.grant_id, EndReason.STATION_LEFT)
    reason = "no_account" if account is None else "no_grant"
    return _put(state, station, Association(account, b"", now.mono_ns + PATIENCE_NS, reason)), commands


def left(state: State, station: MacAddress) -> Outcome:
    """It is gone, says hostapd: its slice ends, and may begin again while its grant lasts; by a pass only after a new
    word of the operator's, which may have thrown it out because it does not pay.
    """
    state, commands = sessions.leave(_drop(state, station), station, EndReason.STATION_LEFT)
    state, forgetting = known_grants.forget_place(state, station)
    return state, [*commands, *forgetting]


def synchronise(state: State, present: tuple[StationAssociated, ...], now: Now) -> Outcome:
    """These are the stations of a hostapd that is there (again), and no others."""
    commands: list[Command] = []
    stations = {one.station for one in present}
    for station in [*state.stations, *state.on_air.associations]:
        if station not in stations:
            state, more = left(state, mac_of(station))
            commands += more
    for one in present:
        state, more = associated(state, one.station, one.account, now)
        commands += more
    return state, commands


def settle(before: State, state: State, now: Now) -> Outcome:
    """After each event: whoever waits is served if it can be, and whose session ended is thrown out."""
    if before.air is not None and _basis(before) == _basis(state):
        return state, []
    commands: list[Command] = []
    for station, one in state.on_air.associations.items():
        state, more = _settle(state, station, one, now)
        commands += more
    return state, commands


def pass_time(state: State, now: Now) -> Outcome:
    """Throws out whose patience is over, and forgets grants that are."""
    state, commands = known_grants.forget_ended(state, now)
    for station, one in state.on_air.associations.items():
        if one.patience_ns is not None and one.patience_ns <= now.mono_ns:
            state, more = _throw_out(state, station, one)
            commands += more
    return state, commands


def deadlines_ns(state: State) -> list[int]:
    """When somebody's patience is over."""
    waiting = (one.patience_ns for one in state.on_air.associations.values())
    return [patience_ns for patience_ns in waiting if patience_ns is not None]


def _basis(state: State) -> tuple[int, ...]:
    """What a verdict depends on: while these are the same objects, so is every verdict."""
    air = state.on_air
    return (id(state.sessions), id(air.associations), id(air.grants), id(state.revoked))


def _settle(state: State, station: MacAddress, one: Association, now: Now) -> Outcome:
    if one.grant_id:
        session = state.sessions.get(one.grant_id)
        mine = session is not None and session.station == station
        if session is not None and mine and session.holds_slot and session.phase is not Phase.EXPIRING:
            return state, []
        ended = session.reason if session is not None and mine else EndReason.MOVED
        named = known_grants.named(state, station)
        if named is not None and named.grant.grant_id != one.grant_id:  # it may be another device by now
            one = Association(one.account, b"", now.mono_ns + PATIENCE_NS, ended.value)
        else:
            one = Association(one.account, b"", now.mono_ns, ended.value)
            if ended not in FINAL_REASONS:
                return _throw_out(state, station, one)
    elif one.patience_ns is None:
        return state, []
    return _find(state, station, one, now)


def _find(state: State, station: MacAddress, one: Association, now: Now) -> Outcome:
    """Serves it by the grant that the operator named for it, or keeps the reason why not."""
    one = replace(one, account=one.account or _told_by_operator(state, station))
    if one.account is None:
        return _wait(state, station, one, one.reason, now)
    running = state.session_of(station)
    if running is not None and running.grant.consumer == one.account and _stands(state, running):
        return _put(state, station, Association(one.account, running.grant_id)), []  # from before a restart
    known = known_grants.named(state, station)
    if known is None:
        return _wait(state, station, one, _unnamed(state, one.account), now)
    if known.grant.consumer != one.account:
        return _wait(state, station, one, "identity_differs", now)
    match _try(state, station, known, now):
        case str(reason):
            return _wait(state, station, one, reason, now)
        case NoCapacity(_, reason):
            return _turn_away(state, station, one, known, reason, now)
        case (served, commands):
            return _put(served, station, Association(one.account, known.grant.grant_id)), commands


def _wait(state: State, station: MacAddress, one: Association, reason: str, now: Now) -> Outcome:
    """Not served for this reason: thrown out if its patience is over, with the reason that it had then."""
    if reason == _WAIT and one.reason != _WAIT:
        return _put(state, station, replace(one, patience_ns=now.mono_ns + PATIENCE_NS, reason=_WAIT)), []
    if one.patience_ns is not None and one.patience_ns <= now.mono_ns:
        return _throw_out(state, station, one)
    return _put(state, station, replace(one, reason=reason)), []


def _turn_away(
    state: State, station: MacAddress, one: Association, known: KnownGrant, reason: str, now: Now
) -> Outcome:
    """Whoever bought here is owed what it cannot have; of others nobody has the money here."""
    commands: list[Command] = []
    if known.bought:
        state, commands = sessions.turn_away(state, known.grant, known.encoded, station, now)
    state, waiting = _wait(state, station, one, reason, now)
    return state, [*commands, *waiting]


def _told_by_operator(state: State, station: MacAddress) -> PublicKey | None:
    """Where hostapd knows nobody's account (ubus), it is that of the grant that the operator named last for it."""
    air = state.settings.air
    named = known_grants.named(state, station) if air is not None and air.by_ubus else None
    return None if named is None else named.grant.consumer


def _stands(state: State, running: Session) -> bool:
    """Whether a session goes on as it was: nothing has ended it, and the operator named nobody else since."""
    known = state.on_air.grants.get(running.grant_id)
    return running.phase is not Phase.EXPIRING and (known is None or known.station in (None, running.station))


def _unnamed(state: State, account: PublicKey) -> str:
    """Why a station is not served that the operator did not name."""
    grants = known_grants.grants_of(state, account)
    used = [known for known in grants if known.grant.grant_id in state.stations.values()]
    return "grant_in_use" if used else "no_admission" if grants else "no_grant"


def _try(state: State, station: MacAddress, known: KnownGrant, now: Now) -> Outcome | NoCapacity | str:
    """The state in which this grant serves the station, or why it does not."""
    grant, now = known.grant, sessions.believed(state, now)
    refusal = (joins.check_use if known.metered else joins.check_grant)(state, grant, now)
    if refusal is not None:
        return refusal[0]
    session = state.sessions.get(grant.grant_id)
    if session is not None and session.holds_slot:
        return _WAIT if session.phase is Phase.EXPIRING else "grant_in_use"
    if state.session_of(station) is not None:
        return _WAIT
    return sessions.open_session(state, grant, known.encoded, station, now, known.used_bytes)


def _throw_out(state: State, station: MacAddress, one: Association) -> Outcome:
    note = Note("thrown_out", f"{station}: {one.reason or 'no_grant'}, account {one.account or 'unknown'}")
    state = state.with_refusal(one.reason) if one.reason else state
    return _put(state, station, Association(one.account)), [Deauthenticate(station), note]


def _put(state: State, station: MacAddress, one: Association) -> State:
    if state.on_air.associations.get(station) == one:
        return state
    return _with(state, {**state.on_air.associations, station: one})


def _drop(state: State, station: MacAddress) -> State:
    return _with(state, {at: one for at, one in state.on_air.associations.items() if at != station})


def _with(state: State, associations: Mapping[MacAddress, Association]) -> State:
    return replace(state, air=replace(state.on_air, associations=associations))
