"""Joining by EAP-TLS, with the key that bought. Pure handlers of device/agent.py.

A grant is the ticket, the radio's association is the session: there is nothing to send to the access point itself. A
shell works wpa_supplicant; here it is decided how often an attempt is made again, and when an association that was lost
has been lost for good. Roaming is wpa_supplicant's: another BSSID of the same network is the same session. Only the
first attempt, and every other one, is bound to the BSSID that the provider signed, as a stranger may use the same SSID.
Deauthentications and EAP failures can be forged by anybody near: once in, they are obstacles, and what ends a session
is its own time, or an absence that was too long.
The certificate's times come from the grant, and so from the ledger's clock, not from this device's.
"""

from dataclasses import replace

from device.events import (
    Associate,
    Associated,
    AssociationFailed,
    Disassociate,
    Disassociated,
    Event,
    Failure,
    Obstacle,
    Source,
    Tell,
)
from device.retry import NS_PER_MS, Retry
from device.state import COME_BACK, Phase, State, Step, end, enter, fail
from wire.units import Now

EARLIER_S, LATER_S = 24 * 3_600, 3_600
"""Margins of the certificate around the grant, for an operator's clock that is wrong. The grant is what counts."""
FINAL = frozenset({Obstacle.NO_SUPPLICANT})
"""Obstacles that another attempt does not remove."""

_SOURCES = {
    Obstacle.UNKNOWN_AUTHORITY: Source.DEVICE,
    Obstacle.REJECTED: Source.OPERATOR,
    Obstacle.REFUSED: Source.ACCESS_POINT,
    Obstacle.NOT_FOUND: Source.NETWORK,
    Obstacle.NO_SUPPLICANT: Source.MACHINE,
}


def associate(state: State, now: Now) -> Step:
    state = replace(enter(state, Phase.ASSOCIATING), strange_servers=0, choose_ns=None, setback="")
    state, order = _attempt(replace(state, retry=None), state.settings.attempt_ms, now)
    assert state.chosen is not None
    assert state.chosen.network is not None
    return state, [Tell(f"joining {_show_ssid(state.chosen.network.ssid)} with the key that bought"), order]


def _attempt(state: State, patience_ms: int, now: Now) -> tuple[State, Associate]:
    """One more. The odd ones are bound to the signed BSSID."""
    chosen, grant = state.chosen, state.grant
    assert chosen is not None
    assert grant is not None
    assert chosen.network is not None
    tries = state.retry.tries + 1 if state.retry else 1
    not_before_s, not_after_s = grant.starts_s - EARLIER_S, grant.ends_s + LATER_S
    order = Associate(chosen.network, not_before_s, not_after_s, pinned=bool(tries % 2))
    return replace(state, retry=Retry(tries, now.mono_ns + patience_ms * NS_PER_MS)), order


def _show_ssid(ssid: bytes) -> str:
    return ssid.decode(errors="replace")


def enter_session(state: State, event: Associated, now: Now, _address: str) -> Step:
    grant = state.grant
    assert grant is not None
    if grant.ends_s <= now.utc_s:
        return _give_up(state, "grant_over", "its time is over by this device's clock", Source.DEVICE)
    state = replace(enter(state, Phase.ASSOCIATED), retry=None, ends_s=grant.ends_s, bssid=event.bssid)
    return state, [Tell(f"joined at {event.bssid}")]


def hear_obstacle(state: State, event: AssociationFailed, now: Now, _address: str) -> Step:
    """One attempt failed: after a pause the next one, until patience ends."""
    retry = state.retry
    assert retry is not None
    state = replace(state, setback=f"{event.obstacle.value}: {event.detail}")
    if event.obstacle is Obstacle.NOT_FOUND:  # wpa_supplicant goes on looking
        return state, []
    strange = state.strange_servers + (event.obstacle is Obstacle.UNKNOWN_AUTHORITY)
    state = replace(state, strange_servers=strange)
    over = retry.exhausted(state.settings.associate) or strange >= state.settings.strange_servers
    if over or event.obstacle in FINAL:
        return _give_up(state, event.obstacle.value, event.detail, _SOURCES[event.obstacle])
    pause_ns = state.settings.associate.wait_ms(retry.tries) * NS_PER_MS
    state = replace(state, retry=Retry(retry.tries, now.mono_ns + pause_ns))
    return state, [Tell(f"not let in ({event.detail}); trying again")]


def note_setback(state: State, event: Disassociated, _now: Now, _address: str) -> Step:
    return replace(state, setback=event.detail), []


def try_again(state: State, _event: Event, now: Now, _address: str) -> Step:
    retry = state.retry
    assert retry is not None
    if now.mono_ns < retry.due_ns:
        return state, []
    if retry.exhausted(state.settings.associate):
        last = f"; last heard: {state.setback}" if state.setback else ""
        return _give_up(state, "no_answer", f"the radio did not get in{last}", Source.NETWORK)
    state, order = _attempt(state, state.settings.attempt_ms, now)
    return state, [order]


def _give_up(state: State, reason: str, detail: str, source: Source) -> Step:
    failure = Failure(reason, f"{detail}. {COME_BACK}", source)
    return fail(state, failure), [Disassociate()]


def leave(state: State, _event: Event, _now: Now, _address: str) -> Step:
    """The access point sees the station go; nobody has to be asked."""
    return _end(
        state, "left" if state.phase is Phase.ASSOCIATED else f"given up before it was in. {COME_BACK}"
    )


def _end(state: State, text: str) -> Step:
    state, commands = end(state, text)
    return replace(state, absent_until_ns=None), [Disassociate(), *commands]


# ---- In the session


def come_back(state: State, event: Associated, _now: Now, _address: str) -> Step:
    """Roamed, or let in again: the session goes on."""
    roamed = event.bssid != state.bssid
    told = Tell(f"roamed to {event.bssid}" if roamed else f"back at {event.bssid}")
    known = not roamed and state.absent_until_ns is None
    state = replace(state, bssid=event.bssid, absent_until_ns=None, retry=None)
    return state, [] if known else [told]


def lose(state: State, event: Disassociated, now: Now, _address: str) -> Step:
    """Out, whoever wanted it. wpa_supplicant looks for itself first; then attempts are ordered."""
    state = replace(state, setback=event.detail)
    if state.absent_until_ns is not None:
        return state, []
    until_ns = now.mono_ns + state.settings.absence_ms * NS_PER_MS
    own_ns = now.mono_ns + state.settings.return_ms * NS_PER_MS
    state = replace(state, absent_until_ns=until_ns, retry=Retry(0, own_ns))
    return state, [Tell(f"the association was lost ({event.detail}); looking for it again")]


def stay_away(state: State, event: AssociationFailed, now: Now, _address: str) -> Step:
    """Whoever says no may be a twin of the network, so it only makes the next attempt come sooner. Without
    wpa_supplicant there is none.
    """
    if event.obstacle in FINAL:
        return _end(state, f"the session is over: {event.detail}. {COME_BACK}")
    state = replace(state, setback=f"{event.obstacle.value}: {event.detail}")
    if state.retry is None or event.obstacle is Obstacle.NOT_FOUND:  # wpa_supplicant goes on looking
        return state, []
    pause_ns = state.settings.associate.wait_ms(max(1, state.retry.tries)) * NS_PER_MS
    due_ns = min(state.retry.due_ns, now.mono_ns + pause_ns)
    return replace(state, retry=Retry(state.retry.tries, due_ns)), []


def look_at_the_time(state: State, _event: Event, now: Now, _address: str) -> Step:
    if now.utc_s >= state.ends_s:
        return _end(state, "the time that was bought is over")
    if state.absent_until_ns is not None and now.mono_ns >= state.absent_until_ns:
        return _end(state, f"the association did not come back: {state.setback}. {COME_BACK}")
    if state.retry is not None and now.mono_ns >= state.retry.due_ns:
        state, order = _attempt(state, state.settings.return_ms, now)
        return state, [order]
    return state, []
