"""From a proof inside EAP to a session: who has shown the key of a grant in NAS need not ask once more over IP.

In: proofs, whose key each was as the end of NAS says, and the core's lists. Out: a join like any other
(`cell_places.join`), from the address that the core gives for that subscriber; so that admission, moving into a slot,
counting and promises are the ones that all joins have. The end of NAS is told what became of it, as it may have to make
the UE register again.
"""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from apd import cell, cell_places
from apd.address import NasAddress
from apd.commands import Command, TellSignalling
from apd.outcome import Outcome
from apd.session import EndReason, Phase
from apd.signalling_frames import Placed, Told, write_frame
from apd.signalling_state import Proven, SendFrame, Tried
from apd.state import State
from nas_tunnel.lobby import Join, Joined, LobbyMessage, Refused, write_lobby
from ran_slicing.core_info import Stay
from wire.grant import Grant
from wire.units import NS_PER_S, Now

MAX_PROVEN = 256
"""Each was paid, so that nobody fills them for nothing; the oldest is forgotten, and may be shown again."""
PLACE_NS = 2 * NS_PER_S
"""So long the end of NAS may have to wait until a subscriber is moved: T3560 of its AMF lasts 6 s."""
AGAIN_NS = NS_PER_S
"""What was refused is tried again so often, beside each time that the core's lists come: a disk, a promise to others or
a floor that is in the way today is none in a second, and nobody asks again in NAS."""
DOUBT_NS = 30 * NS_PER_S
"""Who registers while the core's lists, some seconds old, show its session of before: the grant follows it from that
one to the next for so long."""


def prove(state: State, about: NasAddress, grant: Grant, encoded: bytes) -> State:
    """A UE has the key of this grant. Who proves it last has it; a UE has one grant, and the slot of another that it
    showed before is free.
    """
    for known, one in state.on_signalling.proven.items():
        if known != grant.grant_id and (one.link, one.ue) == (about.link, about.ue):
            state = _free(state, known)
    kept = {
        known: one
        for known, one in state.on_signalling.proven.items()
        if known != grant.grant_id and (one.link, one.ue) != (about.link, about.ue)
    }
    while len(kept) >= MAX_PROVEN:
        del kept[next(iter(kept))]
    kept[grant.grant_id] = Proven(about.link, about.ue, grant, encoded)
    return _with(state, kept)


def bind(state: State, link: int, ue: bytes, supi: str, now: Now) -> Outcome:
    """Whose key that was: a slot is kept for it, so that it comes into its own slice when it registers. Of a UE that
    proved nothing, or whose session has begun, nothing follows, but for the word that it was not moved.
    """
    proven = state.on_signalling.proven
    known = next((key for key, one in proven.items() if (one.link, one.ue) == (link, ue)), None)
    if known is None:
        unmoved = write_frame(Placed(ue, b""))  # whoever asks waits for a word
        return state.with_refusal("nas_unproven"), [TellSignalling(SendFrame(link, unmoved))]
    for other, before in proven.items():
        if other != known and before.supi == supi:  # it has registered anew, and shows another grant
            state = forget_ue(state, before.link, before.ue)
    proven = state.on_signalling.proven
    one = proven[known]._replace(supi=supi, tried=None, served=False, doubted_until_ns=None)
    one = one._replace(placed=False, place_by_ns=now.mono_ns + PLACE_NS)
    is_there = _stay_of(state, supi) is not None
    if is_there:
        one = one._replace(doubted_until_ns=now.mono_ns + DOUBT_NS)
    state = _with(state, {**proven, known: one})
    if is_there or state.on_cell.core_failing:
        return state, []
    about = NasAddress(link, ue)
    return cell_places.keep_slot(state, about, Join(one.encoded, b""), one.grant, supi, now)


def forget_ue(state: State, link: int, ue: bytes) -> State:
    """Nothing is done on its proof any more; a slot that was kept for it is free."""
    proven = state.on_signalling.proven
    gone = [known for known, one in proven.items() if (one.link, one.ue) == (link, ue)]
    for grant_id in gone:
        state = _free(state, grant_id)
    return _with(state, {known: one for known, one in proven.items() if known not in gone}) if gone else state


def forget_link(state: State, link: int) -> State:
    """Nobody will say whose keys those were that were proved there; what has a name needs no connection."""
    proven = state.on_signalling.proven
    kept = {known: one for known, one in proven.items() if one.link != link or one.supi}
    return _with(state, kept)


def _free(state: State, grant_id: bytes) -> State:
    """A slot that was kept for it, and is not its session's."""
    place = state.on_cell.places.get(grant_id)
    if place is None or place.waits_until_ns is None:
        return state
    return cell.with_place(state, grant_id, None)


def settle(before: State, state: State, now: Now) -> Outcome:
    """After each event: who has a session in the core by now is joined to its grant, and whoever left it is not pulled
    back. What was refused is tried again.
    """
    state, commands = _without_leavers(before, state), list[Command]()
    if not state.on_cell.core_failing:
        is_look = before.on_cell.stays is not state.on_cell.stays
        state, commands = _join_all(state, now, is_look=is_look)
    for grant_id, one in list(state.on_signalling.proven.items()):
        snssai = _placed(state, grant_id)
        if snssai is None and one.place_by_ns <= now.mono_ns:
            snssai = b""  # it is moved later, and hears then that it has to register again
        if one.supi and not one.placed and snssai is not None:
            state = _with(state, {**state.on_signalling.proven, grant_id: one._replace(placed=True)})
            frame = write_frame(Placed(one.ue, snssai))
            commands.append(TellSignalling(SendFrame(one.link, frame)))
    return state, commands


def _without_leavers(before: State, state: State) -> State:
    if before.sessions is state.sessions:
        return state
    proven = state.on_signalling.proven
    kept = {known: one for known, one in proven.items() if not _has_left(before, state, known)}
    return state if len(kept) == len(proven) else _with(state, kept)


def _has_left(before: State, state: State, grant_id: bytes) -> bool:
    was, session = before.sessions.get(grant_id), state.sessions.get(grant_id)
    if was is None or session is None:
        return False
    return session.reason is EndReason.LEFT and was.reason is not EndReason.LEFT


def _placed(state: State, grant_id: bytes) -> bytes | None:
    """The slice in which its subscriber is by its document, empty if nobody moves it; None while it is being moved."""
    place = state.on_cell.places.get(grant_id)
    if place is None or place.snssai is None:
        return b""
    if place.waits_until_ns is not None and not place.moved:
        return None
    sst, sd = place.snssai.sst, place.snssai.sd
    return bytes((sst,)) if sd is None else bytes((sst,)) + sd.to_bytes(3, "big")


def _join_all(state: State, now: Now, *, is_look: bool) -> Outcome:
    commands: list[Command] = []
    for grant_id in list(state.on_signalling.proven):
        state, more = _join(state, grant_id, now, is_look=is_look)
        commands += more
    return state, commands


def _join(state: State, grant_id: bytes, now: Now, *, is_look: bool) -> Outcome:
    """If its subscriber has a session, and something is other than it was, or it is time."""
    one, session = state.on_signalling.proven[grant_id], state.sessions.get(grant_id)
    found = _stay_of(state, one.supi)
    if found is None:
        return _put(state, one._replace(tried=None, again_ns=None)) if one.tried else state, []
    stay, address = found
    seen = Tried(stay.snssai, address, session.phase if session is not None else None)
    is_again = seen == one.tried
    if is_again and (_has_joined(state, one) or not (is_look or _is_due(one, now))):
        return state, []
    about, refused = NasAddress(one.link, one.ue, station=address), state.refused
    state = _put(state, one._replace(tried=seen, again_ns=now.mono_ns + AGAIN_NS))
    state, commands = cell_places.join(state, about, Join(one.encoded, b""), now)
    return replace(state, refused=refused) if is_again else state, commands  # each refusal is counted once


def _stay_of(state: State, supi: str) -> tuple[Stay, IPv4Address | IPv6Address] | None:
    """The subscriber's session with an address, in a slot that is for sale rather than elsewhere."""
    if not supi:
        return None
    slots = {slot.snssai for slot in state.on_cell.ran.pool.slots}
    stays = [stay for stay in state.on_cell.stays if stay.supi == supi]
    stays.sort(key=lambda stay: stay.snssai not in slots)
    for stay in stays:
        address = stay.ipv4 or stay.ipv6
        if address is not None:
            return stay, address
    return None


def answered(state: State, to: NasAddress, message: LobbyMessage) -> Outcome:
    """The end of NAS hears it, once; what has joined is a session from now on, and has to prove nothing more."""
    encoded, proven = write_lobby(message), dict(state.on_signalling.proven)
    word = message.reason if isinstance(message, Refused) else type(message).__name__
    for known, one in proven.items():
        if (one.link, one.ue) != (to.link, to.ue):
            continue
        if one.told == word:
            return state, []
        proven[known] = one._replace(told=word, served=isinstance(message, Joined))
    own = proven.get(message.grant_id) if isinstance(message, Joined) else None
    if own is not None and own.served and own.doubted_until_ns is None:
        del proven[own.grant.grant_id]
    frame = write_frame(Told(to.ue, encoded))
    return _with(state, proven), [TellSignalling(SendFrame(to.link, frame))]


def _is_settled(one: Proven, now: Now) -> bool:
    """Whether the session that it joined is its own beyond doubt."""
    return one.doubted_until_ns is None or one.doubted_until_ns <= now.mono_ns


def forget(state: State, now: Now) -> State:
    """Grants that are over, and those that were joined by their proof and are served beyond doubt. Before somebody has
    named a subscriber, and this has an address, a session that runs is one of before.
    """
    proven = state.on_signalling.proven
    kept = {
        known: one
        for known, one in proven.items()
        if one.grant.ends_s > now.utc_s and not (_has_joined(state, one) and _is_settled(one, now))
    }
    return state if len(kept) == len(proven) else _with(state, kept)


def deadlines_ns(state: State) -> list[int]:
    """When an end of NAS has waited long enough, and when a join is tried again."""
    proven = state.on_signalling.proven.values()
    due = [one.place_by_ns for one in proven if one.supi and not one.placed]
    if not state.on_cell.core_failing:
        due += [one.again_ns for one in proven if one.again_ns is not None and not _has_joined(state, one)]
    return due


def _is_due(one: Proven, now: Now) -> bool:
    return one.again_ns is None or one.again_ns <= now.mono_ns


def _has_joined(state: State, one: Proven) -> bool:
    return one.served and _is_served(state, one.grant.grant_id)


def _is_served(state: State, grant_id: bytes) -> bool:
    session = state.sessions.get(grant_id)
    return session is not None and session.phase is Phase.ACTIVE


def _put(state: State, one: Proven) -> State:
    return _with(state, {**state.on_signalling.proven, one.grant.grant_id: one})


def _with(state: State, proven: dict[bytes, Proven]) -> State:
    return replace(state, signalling=replace(state.on_signalling, proven=proven))
