"""The device's state machine: from a wish to a session, and out again. Pure: no socket, clock, key or randomness.

In: events (device/events.py) and `now`. Out: the next state (device/state.py) and commands. Everything that is sent is
sent again, unchanged, until it is answered, with back-off and a limit: the ledger runs a transaction once and answers
a second copy with the first grant, the access point answers a second join of a station with the first session. Another
purchase is made only after the ledger's signed word that the one before was rejected, in a later run too: what was
sent is kept before it is sent, and asked for with the same bytes. What an access point says unsigned may end the
attempt in the lobby, never on the air, and never repeats it. What is not in HANDLERS for the phase, or does not
verify, is dropped with a count.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from device import associating, buying, discovering, joining
from device.events import (
    Associated,
    AssociationFailed,
    DatagramReceived,
    DeadlineReached,
    Disassociated,
    Event,
    LeaveWanted,
    MarketHeard,
    MessageHeard,
    OfferHeard,
    PurchaseSigned,
    RequestSigned,
    SendFailed,
    Started,
)
from device.retry import NS_PER_MS
from device.state import Phase, State, Step, drop
from nas_tunnel.lobby import Announcement, Joined, Left, LobbyMessage, Outcome, Refused, read_lobby
from wire.errors import DecodeError
from wire.units import Now


def step(state: State, event: Event, now: Now) -> Step:
    """The one entrance. An event that this phase does not know changes nothing but a count."""
    if isinstance(event, DatagramReceived):
        return _receive(state, event, now)
    if isinstance(event, MessageHeard):
        return _hear(state, event.message, now, event.address)
    if isinstance(event, SendFailed):
        return replace(state, setback=event.detail), []
    handler = HANDLERS.get((state.phase, type(event)))
    return handler(state, event, now, "") if handler else (state, [])


def next_deadline(state: State, now: Now) -> int | None:
    """Monotonic nanoseconds of the next `DeadlineReached`, or None if only the world can go on."""
    waits = [state.choose_ns, state.absent_until_ns, state.retry.due_ns if state.retry else None]
    if state.phase in (Phase.JOINED, Phase.ASSOCIATED):
        waits.append(now.mono_ns + max(0, state.ends_s * 1_000 - now.utc_ms) * NS_PER_MS)
    return min((wait for wait in waits if wait is not None), default=None)


def _receive(state: State, event: DatagramReceived, now: Now) -> Step:
    try:
        message = read_lobby(event.data)
    except DecodeError:
        return drop(state, "garbled"), []
    return _hear(state, message, now, event.address)


def _hear(state: State, message: LobbyMessage, now: Now, address: str) -> Step:
    handler = HANDLERS.get((state.phase, type(message)))
    if handler is None:
        return drop(state, "out_of_turn"), []
    return handler(state, message, now, address)


HANDLERS: Mapping[tuple[Phase, type], Callable[..., Step]] = {
    (Phase.IDLE, Started): discovering.start,
    (Phase.DISCOVERING, Announcement): discovering.hear_offer,
    (Phase.DISCOVERING, Refused): discovering.hear_refusal,
    (Phase.DISCOVERING, OfferHeard): discovering.hear_offer_on_the_air,
    (Phase.DISCOVERING, MarketHeard): buying.choose_or_give_up,
    (Phase.DISCOVERING, DeadlineReached): buying.search_again_or_choose,
    (Phase.DISCOVERING, LeaveWanted): buying.abandon,
    (Phase.BUYING, PurchaseSigned): buying.send_purchase,
    (Phase.BUYING, Outcome): buying.hear_outcome,
    (Phase.BUYING, Refused): buying.refused_purchase,
    (Phase.BUYING, DeadlineReached): buying.send_purchase_again,
    (Phase.BUYING, LeaveWanted): buying.abandon,
    (Phase.JOINING, RequestSigned): joining.send_request,
    (Phase.JOINING, Announcement): joining.hear_challenge,
    (Phase.JOINING, Joined): joining.hear_joined,
    (Phase.JOINING, Refused): joining.refused_request,
    (Phase.JOINING, DeadlineReached): joining.send_request_again,
    (Phase.JOINING, LeaveWanted): joining.leave,
    (Phase.JOINED, DeadlineReached): joining.time_is_up,
    (Phase.JOINED, Left): joining.hear_left,
    (Phase.JOINED, LeaveWanted): joining.leave,
    (Phase.ASSOCIATING, Associated): associating.enter_session,
    (Phase.ASSOCIATING, AssociationFailed): associating.hear_obstacle,
    (Phase.ASSOCIATING, Disassociated): associating.note_setback,
    (Phase.ASSOCIATING, DeadlineReached): associating.try_again,
    (Phase.ASSOCIATING, LeaveWanted): associating.leave,
    (Phase.ASSOCIATED, Associated): associating.come_back,
    (Phase.ASSOCIATED, AssociationFailed): associating.stay_away,
    (Phase.ASSOCIATED, Disassociated): associating.lose,
    (Phase.ASSOCIATED, DeadlineReached): associating.look_at_the_time,
    (Phase.ASSOCIATED, LeaveWanted): associating.leave,
    (Phase.LEAVING, RequestSigned): joining.send_request,
    (Phase.LEAVING, Announcement): joining.hear_challenge,
    (Phase.LEAVING, Left): joining.hear_left,
    (Phase.LEAVING, Refused): joining.refused_request,
    (Phase.LEAVING, DeadlineReached): joining.send_request_again,
}
"""The whole machine: what each phase listens to. The second column is an event or a lobby message."""
