"""Joining with a grant, and leaving. Pure handlers of device/agent.py."""

from dataclasses import replace

from device.associating import associate
from device.events import Event, Failure, RequestSigned, Send, SignRequest, Source, Tell
from device.retry import Backoff, again, begin
from device.state import COME_BACK, Phase, State, Step, drop, end, enter, fail, from_chosen, to_chosen
from nas_tunnel.lobby import Announcement, Discover, Join, Joined, Leave, Left, Refused
from wire.join_request import JoinPurpose
from wire.units import Now

NOT_YET = frozenset({
    "busy", "core_unreachable", "moving", "no_airtime", "no_capacity", "not_metered", "too_early", "ue_unknown",
})  # fmt: skip
"""Refusals after which the same request is worth repeating for a while: the grant is paid for."""
WANTS_CHALLENGE = frozenset({"challenge_stale", "replayed"})
"""Refusals after which the request has to be signed anew, over another challenge."""


def enter_network(state: State, now: Now) -> Step:
    """With a grant in hand: by EAP-TLS where the provider names a network, else by a Join in the lobby."""
    assert state.chosen is not None
    return associate(state, now) if state.chosen.network else join(state, now)


def join(state: State, now: Now) -> Step:
    state = replace(enter(state, Phase.JOINING), challenges=0, choose_ns=None, setback="")
    return sign_request(state, JoinPurpose.JOIN, now)


def sign_request(state: State, purpose: JoinPurpose, now: Now) -> Step:
    chosen, grant = state.chosen, state.grant
    assert chosen is not None
    assert grant is not None
    state = replace(state, request=b"", retry=begin(_backoff(state), now.mono_ns))
    return state, [
        SignRequest(purpose, grant.grant_id, state.station, chosen.offer.bssid, chosen.announcement.challenge)
    ]


def _backoff(state: State) -> Backoff:
    return state.settings.leave if state.phase is Phase.LEAVING else state.settings.join


def send_request(state: State, event: RequestSigned, now: Now, _address: str) -> Step:
    state = replace(state, request=event.request, retry=begin(_backoff(state), now.mono_ns))
    return state, [_request(state)]


def _request(state: State) -> Send:
    assert state.grant is not None
    if not state.request:
        return to_chosen(state, Discover())
    if state.phase is Phase.LEAVING:
        return to_chosen(state, Leave(state.grant.grant_id, state.request))
    return to_chosen(state, Join(state.grant_bytes, state.request))


def send_request_again(state: State, _event: Event, now: Now, _address: str) -> Step:
    """The request, or the question for a fresh challenge to make one with."""
    assert state.retry is not None
    if now.mono_ns < state.retry.due_ns:
        return state, []
    if state.retry.exhausted(_backoff(state)):
        return _give_up(state, "no_answer", "the access point does not answer", Source.NETWORK)
    state = replace(state, retry=again(state.retry, _backoff(state), now.mono_ns))
    return state, [_request(state)]


def _give_up(state: State, reason: str, detail: str, source: Source) -> Step:
    if state.phase is Phase.LEAVING:
        return end(state, "left without a confirmation: the session ends by itself when its time is over")
    last = f"; last heard: {state.setback}" if state.setback else ""
    return fail(state, Failure(reason, f"{detail}{last}. {COME_BACK}", source)), []


def refused_request(state: State, refused: Refused, now: Now, address: str) -> Step:
    assert state.grant is not None
    if not from_chosen(state, address) or refused.subject not in (b"", state.grant.grant_id):
        return drop(state, "foreign_refusal"), []
    if refused.reason in WANTS_CHALLENGE:
        return _ask_for_challenge(state, refused.reason, now)
    if refused.reason in NOT_YET:
        return replace(state, setback=f"{refused.reason}: {refused.detail}"), []
    return _give_up(state, refused.reason, refused.detail, Source.ACCESS_POINT)


def _ask_for_challenge(state: State, reason: str, now: Now) -> Step:
    if not state.request:
        return state, []  # asked already
    if state.challenges >= state.settings.challenges:
        return _give_up(
            state, reason, f"{state.challenges} fresh challenges did not help", Source.ACCESS_POINT
        )
    retry = begin(_backoff(state), now.mono_ns)
    state = replace(state, request=b"", challenges=state.challenges + 1, retry=retry)
    return state, [to_chosen(state, Discover())]


def hear_challenge(state: State, announcement: Announcement, now: Now, address: str) -> Step:
    """Another announcement of the chosen access point: its challenge is wanted if the last one was stale."""
    chosen = state.chosen
    assert chosen is not None
    if not from_chosen(state, address):
        return drop(state, "foreign_announcement"), []
    if announcement.provider != chosen.announcement.provider:
        return drop(state, "other_provider"), []
    if state.request or announcement.challenge == chosen.announcement.challenge:
        return state, []
    fresh = replace(chosen, announcement=replace(chosen.announcement, challenge=announcement.challenge))
    purpose = JoinPurpose.LEAVE if state.phase is Phase.LEAVING else JoinPurpose.JOIN
    return sign_request(replace(state, chosen=fresh), purpose, now)


def hear_joined(state: State, joined: Joined, now: Now, address: str) -> Step:
    grant = state.grant
    assert grant is not None
    if not from_chosen(state, address) or joined.grant_id != grant.grant_id:
        return drop(state, "foreign_joined"), []
    ends_s = min(joined.ends_s, grant.ends_s)
    if ends_s <= now.utc_s:
        return _give_up(state, "grant_over", "its time is over by this device's clock", Source.DEVICE)
    return replace(enter(state, Phase.JOINED), ends_s=ends_s, retry=None), [Tell("joined")]


def time_is_up(state: State, _event: Event, now: Now, _address: str) -> Step:
    return end(state, "the time that was bought is over") if now.utc_s >= state.ends_s else (state, [])


def hear_left(state: State, left: Left, _now: Now, address: str) -> Step:
    assert state.grant is not None
    if not from_chosen(state, address) or left.grant_id != state.grant.grant_id:
        return drop(state, "foreign_left"), []
    return end(state, "left" if state.phase is Phase.LEAVING else "the access point ended the session")


def leave(state: State, _event: Event, now: Now, _address: str) -> Step:
    return sign_request(
        replace(enter(state, Phase.LEAVING), challenges=0, setback=""), JoinPurpose.LEAVE, now
    )
