"""Who is let in, and who leaves: joins, the grants and signed requests they show, and who waits to hear of it.

In: what strangers say, read already. Out: sessions to admit and to end, and answers. A join names its station in a
request that its consumer signed over a challenge of ours, or comes from where that key was proved; it is acted on once,
and what is remembered against that is bounded.
"""

import hashlib
import hmac
from dataclasses import replace

from apd import sessions
from apd.address import Address, NasAddress
from apd.commands import Command, SendLobby
from apd.outcome import NoCapacity, Outcome
from apd.session import FINAL_REASONS, EndReason, Phase, Session
from apd.state import LobbyState, State, Waiter
from nas_tunnel.lobby import Join, Joined, Leave, Left, LobbyMessage, Refused
from wire.errors import DecodeError, VerificationError
from wire.frozen import dataclass
from wire.grant import Grant
from wire.grant_proof import read_shown_grant
from wire.ids import MacAddress, Station
from wire.join_request import JoinPurpose, JoinRequest, read_join_request
from wire.qos import Qos, RateLayer
from wire.units import NS_PER_S, Now

CHALLENGE_PERIOD_NS = 30 * NS_PER_S
"""A challenge is good for this long at least and twice this at most."""
MAX_SEEN_REQUESTS = 4_096
"""Sixty a second for as long as a challenge lasts."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A join that is good: the ledger signed the grant, and its consumer the station."""

    grant: Grant
    station: Station


def challenge(lobby: LobbyState, now: Now) -> tuple[LobbyState, bytes]:
    """16 octets that only this run of this box can make, that it never made before, and that need no memory."""
    number = (lobby.challenges % 2**32).to_bytes(4, "big")
    return replace(lobby, challenges=lobby.challenges + 1), number + _challenge_proof(lobby, number, now, 0)


def is_fresh(lobby: LobbyState, given: bytes, now: Now) -> bool:
    """Whether we gave this challenge in the present period or in the one before."""
    number, proof = given[:4], given[4:]
    return any(hmac.compare_digest(proof, _challenge_proof(lobby, number, now, ago)) for ago in (0, 1))


def _challenge_proof(lobby: LobbyState, number: bytes, now: Now, periods_ago: int) -> bytes:
    period = now.mono_ns // CHALLENGE_PERIOD_NS - periods_ago
    return hmac.digest(lobby.secret, period.to_bytes(8, "big", signed=True) + number, hashlib.sha256)[:12]


def join(state: State, source: Address, message: Join, now: Now) -> Outcome:
    """On a box without a cell, which knows its stations by their MAC addresses."""
    asked = check(state, source, message, now)
    if not isinstance(asked, Asked):
        return asked
    grant, station = asked.grant, asked.station
    known = state.sessions.get(grant.grant_id)
    if known is not None and known.holds_slot:
        return move(state, source, known)
    if not isinstance(station, MacAddress):
        return refuse(
            state, source, grant.grant_id, "request_invalid", "a station is named by its MAC address here"
        )
    return let_in(state, source, message, grant, station, sessions.believed(state, now))


def check(state: State, source: Address, message: Join, now: Now) -> Asked | Outcome:
    """What its grant and its request say together; or the answer, where there is nothing more to decide."""
    settings, now = state.settings, sessions.believed(state, now)
    try:
        grant = read_shown_grant(message.grant, settings.ledger, settings.ledger_id)
    except DecodeError as error:
        return refuse(state, source, b"", "grant_invalid", str(error))
    grant_id = grant.grant_id
    if settings.air is not None:
        return refuse(
            state, source, grant_id, "join_by_eap", "join the network by EAP-TLS with the key that paid"
        )
    refusal = check_grant(state, grant, now)
    if refusal is not None:
        return refuse(state, source, grant_id, *refusal)
    station = _proven_station(source) or _named_station(state, grant, message.request, now)
    if isinstance(station, tuple):
        return refuse(state, source, grant_id, *station)
    known = state.sessions.get(grant_id)
    if known is not None and known.holds_slot and known.station == station:
        return joined_already(state, source, known)
    if _proven_station(source) is None and _digest(message.request) in state.lobby.seen_requests:
        return refuse(state, source, grant_id, "replayed", "this request was acted on before")
    other = state.session_of(station)
    if other is not None and other.grant_id != grant_id:
        detail = f"{station} has a session until {other.grant.ends_s}"
        return refuse(state, source, grant_id, "station_has_session", detail)
    return Asked(grant, station)


def _proven_station(source: Address) -> Station | None:
    """Where the grant's key was proved inside EAP there is no request, and nothing that could be replayed."""
    return source.station if isinstance(source, NasAddress) else None


def _named_station(state: State, grant: Grant, data: bytes, now: Now) -> Station | tuple[str, str]:
    """The station that the consumer's request names, or why it is refused."""
    request = _read_request(state, grant, data, JoinPurpose.JOIN, now)
    return request if isinstance(request, tuple) else request.station


def let_in(state: State, source: Address, message: Join, grant: Grant, station: Station, now: Now) -> Outcome:
    """Opens the session, if there is room."""
    grant_id = grant.grant_id
    match sessions.open_session(state, grant, message.grant, station, now):
        case NoCapacity(detail, reason):  # not remembered: it may be asked again as it is
            return refuse(state, source, grant_id, reason, detail)
        case (admitted, commands):
            admitted = _wait(_remember(admitted, message.request, now), grant_id, Waiter(source, joins=True))
            return admitted, [*commands, *_tell_early(admitted, source, grant_id)]


def _tell_early(state: State, source: Address, grant_id: bytes) -> list[Command]:
    """Whoever came before its time hears that it is expected, and again when it is let in."""
    session = state.sessions[grant_id]
    if session.installing:
        return []
    detail = f"admitted; let in at {session.grant.starts_s}"
    return [SendLobby(source, Refused(grant_id, "too_early", detail))]


def move(state: State, source: Address, session: Session) -> Outcome:
    """The consumer wants its session on another station: the old one ends first, and the consumer asks again."""
    state, commands = sessions.end(state, session.grant_id, EndReason.MOVED)
    state, answer = refuse(
        state, source, session.grant_id, "moving", "the session is leaving its old station; ask again"
    )
    return state, [*commands, *answer]


def joined_already(state: State, source: Address, session: Session) -> Outcome:
    """Our answer was lost, or the session is being installed."""
    if session.phase is Phase.ACTIVE:
        return state, [SendLobby(source, Joined(session.grant_id, session.grant.ends_s))]
    if session.phase is Phase.ADMITTED:
        state = _wait(state, session.grant_id, Waiter(source, joins=True))
        return state, _tell_early(state, source, session.grant_id)
    return refuse(state, source, session.grant_id, "moving", "the session is ending; ask again")


def leave(state: State, source: Address, message: Leave, now: Now) -> Outcome:
    session = state.sessions.get(message.grant_id)
    if session is None:
        return refuse(state, source, message.grant_id, "no_such_session", "")
    request = _read_request(state, session.grant, message.request, JoinPurpose.LEAVE, now)
    if isinstance(request, tuple):
        return refuse(state, source, message.grant_id, *request)
    if _digest(message.request) in state.lobby.seen_requests:
        if not session.holds_slot:
            return state, [SendLobby(source, Left(message.grant_id))]  # our answer was lost
        return refuse(state, source, message.grant_id, "replayed", "this request was acted on before")
    state = _remember(state, message.request, now)
    state = _wait(state, message.grant_id, Waiter(source, joins=False))
    return sessions.end(state, message.grant_id, EndReason.LEFT)


def answer_waiting(state: State) -> Outcome:
    """Tells who waits what became of the session."""
    commands: list[Command] = []
    waiting = dict(state.lobby.waiting)
    for grant_id, waiter in state.lobby.waiting.items():
        answer = _became(state.sessions[grant_id], waiter)
        if answer is not None:
            commands.append(SendLobby(waiter.address, answer))
            del waiting[grant_id]
    if not commands:
        return state, []
    return replace(state, lobby=replace(state.lobby, waiting=waiting)), commands


def _became(session: Session, waiter: Waiter) -> LobbyMessage | None:
    """None while it is not settled."""
    if session.phase is Phase.ACTIVE:
        return Joined(session.grant_id, session.grant.ends_s)
    if session.phase is not Phase.CLOSED:
        return None
    if waiter.joins:
        return Refused(session.grant_id, session.reason.value, "the session ended before it began")
    return Left(session.grant_id)


def check_grant(state: State, grant: Grant, now: Now) -> tuple[str, str] | None:
    """Why a grant that the ledger signed opens no session here and now; None if it does."""
    air = state.settings.air
    providers = (state.settings.provider, *(air.partners if air else ()))
    if grant.provider_id not in [provider.provider_id for provider in providers]:
        return "foreign_provider", "the grant is another provider's"
    return check_use(state, grant, now)


def check_use(state: State, grant: Grant, now: Now) -> tuple[str, str] | None:
    """The same of a grant, or a metered pass, whose provider is known to be one that is honoured here."""
    if grant.ends_s * 1_000 <= now.utc_ms:
        return "grant_expired", f"it ended at {grant.ends_s}, now is {now.utc_s}"
    if grant.starts_s > now.utc_s + state.settings.early_join_s:
        return "too_early", f"it begins at {grant.starts_s}, now is {now.utc_s}"
    if grant.grant_id in state.revoked:
        return "grant_used", "it was revoked"
    if layer_differs(state, grant.qos):
        return "rate_layer_differs", f"this access point shapes by {state.settings.shaper.rate_layer}"
    known = state.sessions.get(grant.grant_id)
    if state.disk.failing_ns is not None and not (known and known.holds_slot):
        return "not_metered", "this access point cannot account for anything now"
    if known is not None and known.reason in FINAL_REASONS and not _is_renewed(known, grant):
        return "grant_used", f"its session ended: {known.reason.value}"
    if known is not None and known.data_left_bytes == 0:
        return "grant_used", "its data cap is used up"
    return None


def _is_renewed(known: Session, grant: Grant) -> bool:
    """A pass has a later one of the same id; a grant has not."""
    return known.reason is EndReason.TIME_UP and grant.ends_s > known.grant.ends_s


def layer_differs(state: State, qos: Qos) -> bool:
    """Rates that are promised at one layer and shaped at another are a few per cent off."""
    return (qos.rate_layer is RateLayer.IP) != (state.settings.shaper.rate_layer == "ip")


def _read_request(
    state: State, grant: Grant, data: bytes, purpose: JoinPurpose, now: Now
) -> JoinRequest | tuple[str, str]:
    """The consumer's request, or why it is refused."""
    try:
        request = read_join_request(data, grant.consumer)
    except VerificationError:
        return "not_the_consumer", "the request is not signed by the grant's consumer"
    except DecodeError as error:
        return "request_invalid", str(error)
    if not is_fresh(state.lobby, request.challenge, now):
        return "challenge_stale", "discover again and sign the new challenge"
    if request.purpose is not purpose or request.grant_id != grant.grant_id:
        return "request_invalid", "the request is for something else"
    if request.bssid != state.settings.bssid:
        return "request_invalid", f"the request is for access point {request.bssid}"
    return request


def refuse(state: State, to: Address, subject: bytes, reason: str, detail: str) -> Outcome:
    return state.with_refusal(reason), [SendLobby(to, Refused(subject, reason, detail[:150]))]


def _wait(state: State, grant_id: bytes, waiter: Waiter) -> State:
    waiting = {**state.lobby.waiting, grant_id: waiter}
    return replace(state, lobby=replace(state.lobby, waiting=waiting))


def _remember(state: State, request: bytes, now: Now) -> State:
    """So that nobody can act on the same request again while its challenge lasts; the oldest is forgotten when full."""
    until_ns = now.mono_ns + 2 * CHALLENGE_PERIOD_NS
    seen = bounded({**state.lobby.seen_requests, _digest(request): until_ns}, MAX_SEEN_REQUESTS)
    return replace(state, lobby=replace(state.lobby, seen_requests=seen))


def _digest(request: bytes) -> bytes:
    """Of what was signed: another valid signature over it is still the same request."""
    return hashlib.sha256(request[:-64]).digest()


def bounded(remembered: dict[bytes, int], most: int) -> dict[bytes, int]:
    """Without the oldest, if there are too many."""
    while len(remembered) > most:
        del remembered[next(iter(remembered))]
    return remembered
