"""Where a buyer's UE is: a join is answered by what the core says of the address that it names.

In: joins that the lobby found good, the core's lists, answers of its store of subscribers. Out: a slot and a session
for a UE that is in a slice for sale; a subscriber moved into a slot, and a word to register again, for one that is
not; the end of sessions whose UE has gone. A UE is known by the address of its PDU session and nothing that it says:
a join counts only if it comes from the address that it names (the UPF lets nobody send from another's).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from apd import cell, joins, promises, sessions
from apd.address import Address, NasAddress, host_of
from apd.commands import (
    ChangeSubscriber,
    Command,
    ConfineUes,
    FindSubscriber,
    FindSubscribersIn,
    Note,
    StoreSession,
    WantFlows,
)
from apd.outcome import Outcome
from apd.session import EndReason, Phase, Session
from apd.state import CellState, Move, Place, State, WaitingJoin, earliest
from nas_tunnel.lobby import Join
from ran_slicing.bson import Document
from ran_slicing.cell_events import UesListed
from ran_slicing.core_info import Stay, find_stays
from ran_slicing.core_plan import CoreReport, Service
from ran_slicing.n5 import AppSession, Rates
from ran_slicing.snssai import Snssai
from ran_slicing.subscriber_slice import NoSlice, SliceInPlace, named_slices, plan_slice
from tc_shaper.ue_elements import counted_as
from wire.errors import ShellError
from wire.grant import Grant
from wire.ids import MacAddress, Station, parse_station
from wire.units import NS_PER_S, Now

K = TypeVar("K")
V = TypeVar("V")

MAX_JOINS = 64
"""Joins that wait for the core: each shows a grant that was paid, so that nobody fills them for nothing."""
KEEP_SLOT_NS = 120 * NS_PER_S
"""How long a slot is kept for a UE that has to register again: a phone takes some seconds, a person longer."""
SLACK_NS = 2 * NS_PER_S
"""Beyond the period of the core's lists, until a UE that is not in them is not there."""
MOVE_AGAIN_NS = 5 * NS_PER_S
"""A store of subscribers that failed is asked again."""


# ---- Joins


def join(state: State, source: Address, message: Join, now: Now) -> Outcome:
    """A UE with a grant that is good and a request that its consumer signed: where is it?"""
    now, asked = sessions.believed(state, now), joins.check(state, source, message, now)
    if not isinstance(asked, joins.Asked):
        return asked
    grant, station = asked.grant, asked.station
    if isinstance(station, MacAddress):
        return joins.refuse(
            state, source, grant.grant_id, "request_invalid", "a UE is named by its IP address"
        )
    if station != _address_of(source):
        detail = f"the request names {station}, and came from {host_of(source)}"
        return joins.refuse(state, source, grant.grant_id, "address_differs", detail)
    session = state.sessions.get(grant.grant_id)
    if session is not None and session.holds_slot and _is_counted_as(session.station, station):
        return joins.joined_already(state, source, session)  # from another address below its prefix
    known = state.on_cell.places.get(grant.grant_id)
    if known is not None and known.waits_until_ns is not None and not known.moved:
        return _wait(state, source, message, grant, station, now)  # its subscriber is being moved
    found = find_stays(state.on_cell.stays, station)
    if len(found) != 1 or state.on_cell.core_failing:
        return _wait(state, source, message, grant, station, now)
    if session is not None and session.holds_slot:
        return _come_again(state, source, session, found[0], now)
    if (other := _other_grant(state, grant, found[0])) is not None:
        detail = f"{found[0].supi} is served, or waited for, with grant {other.hex()}"
        return joins.refuse(state, source, grant.grant_id, "station_has_session", detail)
    return _place(state, source, message, grant, found[0], now)


def _is_counted_as(one: Station, other: Station) -> bool:
    """An IPv6 UE makes up addresses below its prefix as it likes."""
    if isinstance(one, MacAddress) or isinstance(other, MacAddress):
        return one == other
    return counted_as(one) == counted_as(other)


def _come_again(state: State, source: Address, session: Session, stay: Stay, now: Now) -> Outcome:
    """From another address. The same subscriber in the same slot has registered again: the slot stays its own, and
    raised, while the counters of its old address are closed. Anybody else's UE begins anew.
    """
    grant_id = session.grant_id
    state = _with(state, gone_ns=_without(state.on_cell.gone_ns, grant_id))  # that was the other address
    place = state.on_cell.places.get(grant_id)
    if place is not None and (place.supi, place.snssai) == (stay.supi, stay.snssai):
        kept = replace(place, waits_until_ns=now.mono_ns + KEEP_SLOT_NS, moved=True)
        state = cell.count_anew(state, grant_id, kept)
    return joins.move(state, source, session)


def _other_grant(state: State, grant: Grant, stay: Stay) -> bytes | None:
    """The grant with which this subscriber has a slot already."""
    places = state.on_cell.places.items()
    return next(
        (known for known, place in places if place.supi == stay.supi and known != grant.grant_id), None
    )


def supi_at(state: State, source: Address) -> str:
    """Whose UE speaks from there; empty where the core does not say."""
    address = _address_of(source)
    if address is None or isinstance(address, MacAddress):
        return ""
    found = find_stays(state.on_cell.stays, address)
    return found[0].supi if len(found) == 1 else ""


def _address_of(source: Address) -> Station | None:
    """An IPv4 source comes as `::ffff:10.45.0.2` on a socket for both."""
    if isinstance(source, MacAddress):
        return None
    if isinstance(source, NasAddress):
        return source.station
    try:
        return parse_station(source[0].partition("%")[0].removeprefix("::ffff:"))
    except ValueError:
        return None


def _wait(state: State, source: Address, message: Join, grant: Grant, station: Station, now: Now) -> Outcome:
    """Answered when the core has told, or its time is over; asking again does not put that off. One of each grant
    waits; whoever has no room hears it.
    """
    grant_id, waiting = grant.grant_id, state.on_cell.joins
    asked_ns = waiting[station].asked_ns if station in waiting else now.mono_ns
    kept = {known: one for known, one in waiting.items() if one.grant_id != grant_id or known == station}
    gone = [one for known, one in waiting.items() if known not in kept]
    kept[station] = WaitingJoin(source, message, grant_id, asked_ns)
    while len(kept) > MAX_JOINS:
        gone.append(kept.pop(next(iter(kept))))
    state, commands = _with(state, joins=kept), list[Command]()
    for one in gone:
        state, more = joins.refuse(state, one.source, one.grant_id, "busy", "another join took its place")
        commands += more
    return state, commands


def _place(state: State, source: Address, message: Join, grant: Grant, stay: Stay, now: Now) -> Outcome:
    """It is in a slot that is vacant, or its own: let in. Else it has to move."""
    grant_id, commands = grant.grant_id, list[Command]()
    own = state.on_cell.ran.pool.slot_of(grant_id)
    if stay.snssai != own and stay.snssai not in cell.vacant(state, stay.supi):
        return _move(state, source, message, grant, stay, now)
    if own not in (None, stay.snssai):
        state, commands = cell.release(state, grant_id, now)  # it was kept another
    place = Place(stay.supi, stay.dnn, stay.snssai)
    if own == stay.snssai:
        state = cell.with_place(state, grant_id, place)
    else:
        state, more, refusal = _sell(state, source, message, grant, place, now)
        commands += more
        if refusal:
            state, more = joins.refuse(state, source, grant_id, "no_capacity", refusal)
            return state, [*commands, *more]
    state, more = _follow(state, stay)
    commands += more
    state, more = joins.let_in(state, source, message, grant, _served(source), now)
    session = state.sessions.get(grant_id)
    if session is not None and session.holds_slot:
        state = state.with_session(replace(session, place=cell.write_place(place)))
    return state, [*commands, *more]


def _sell(
    state: State, source: Address, message: Join, grant: Grant, place: Place, now: Now
) -> tuple[State, list[Command], str]:
    """Takes the place's slot, or says why not. What was bought here a moment ago fits as it did, unless its UE's link
    is known and too bad; who bought here and comes later is owed what there is no room for.
    """
    grant_id, qos, commands = grant.grant_id, grant.total_qos, list[Command]()
    known = state.on_cell.bought.get(grant_id)
    is_kept = known is not None and promises.is_kept(state, known, now)
    refusal = _check(state, grant, place, now) if place.snssai is None or not is_kept else ""
    if not refusal:
        sale = cell.sale_of(grant_id, qos, place, reserved=is_kept)
        state, commands = cell.sell(state, sale, place, now)
        if state.on_cell.ran.pool.slot_of(grant_id) is not None:
            return state, commands, ""
        refusal = "its floor does not fit into the cell beside those of others"
    if known is not None and _address_of(source) is not None:
        state, more = sessions.turn_away(state, grant, message.grant, _served(source), now)
        commands += more
    return state, commands, refusal


def keep_slot(state: State, source: Address, message: Join, grant: Grant, supi: str, now: Now) -> Outcome:
    """For a UE that proved its key before it has a session: a slot is raised and kept, and its subscriber moved, as by
    a join from elsewhere. Nothing where there is no room, or nobody is moved: its join hears why.
    """
    here, free = state.on_cell, cell.vacant(state, supi)
    if here.lobby_slice is None or not here.is_swept or not free:
        return state, []
    if grant.grant_id in here.places or _has_place(state, supi):
        return state, []
    place = Place(supi, "", free[0], now.mono_ns + KEEP_SLOT_NS)
    state, commands, refusal = _sell(state, source, message, grant, place, now)
    if refusal:
        return state, commands
    state, more = _order_move(state, supi, free[0])
    return state, [*commands, *more]


def _check(state: State, grant: Grant, place: Place, now: Now) -> str:
    """Beside all that is sold, and what is kept for others."""
    if place.snssai is None:
        return "no slot of the cell is free: all are sold, or a UE is still in them"
    kept = promises.reserved(state, now, without=grant)
    full = sessions.check_capacity(state, grant.total_qos, kept=kept)
    full = full or cell.check(state, grant.total_qos, kept, place.supi)
    return full.detail if full else ""


def _follow(state: State, stay: Stay) -> Outcome:
    """The document names the slot in which it is served, where it was about to name another."""
    move = state.on_cell.moves.get(stay.supi)
    if move is None or move.to == stay.snssai:
        return state, []
    return _order_move(state, stay.supi, stay.snssai, move.leaves)


def _served(source: Address) -> Station:
    address = _address_of(source)
    assert address is not None, f"{source} was found by its address"
    return address


def _move(state: State, source: Address, message: Join, grant: Grant, stay: Stay, now: Now) -> Outcome:
    """A slot is kept for it, and the subscriber's document changed, once; then it is told to come."""
    home, grant_id = state.on_cell.lobby_slice, grant.grant_id
    if home is None:
        detail = f"the SIM is in slice {stay.snssai}, which is not free for sale: ask the operator to put it into one"
        return joins.refuse(state, source, grant_id, "other_slice", detail)
    known = state.on_cell.places.get(grant_id)
    if known is not None and known.moved:
        detail = f"the SIM is in slice {known.snssai} now: register again (flight mode on and off), then join again"
        return joins.refuse(state, source, grant_id, "other_slice", detail)
    if not state.on_cell.is_swept:
        return _wait(
            state, source, message, grant, _served(source), now
        )  # slots may be somebody's on the way
    free = cell.vacant(state)
    place = Place(stay.supi, stay.dnn, free[0] if free else None, now.mono_ns + KEEP_SLOT_NS)
    state, commands, refusal = _sell(state, source, message, grant, place, now)
    if refusal:
        state, more = joins.refuse(state, source, grant_id, "no_capacity", refusal)
        return state, [*commands, *more]
    assert place.snssai is not None, "else it was refused"
    state, more = _order_move(state, stay.supi, place.snssai)
    state, waiting = _wait(state, source, message, grant, _served(source), now)
    return state, [*commands, *more, *waiting]


# ---- Subscribers


def settle(before: State, state: State) -> Outcome:
    """After each event: who lost a slot goes home, and the core guarantees the flows of who is in force."""
    commands: list[Command] = []
    if state.on_cell.lobby_slice is not None and before.cell is not None:
        for grant_id, place in before.on_cell.places.items():
            if grant_id not in state.on_cell.places and place.supi and not _has_place(state, place.supi):
                home = state.on_cell.lobby_slice
                state, more = _order_move(state, place.supi, home, place.snssai)
                commands += more
    state, confining = _confine(before, state)
    commands += confining
    flows = _flows(state)
    if flows != state.on_cell.flows:
        state = _with(state, flows=flows)
        commands.append(WantFlows(flows))
    return state, commands


def _has_place(state: State, supi: str) -> bool:
    return any(place.supi == supi for place in state.on_cell.places.values())


def _order_move(state: State, supi: str, to: Snssai, leaves: Snssai | None = None) -> Outcome:
    """The last word counts, whatever is under way. `leaves` is the slot that the document names up to then."""
    known = state.on_cell.moves.get(supi)
    under_way = known is not None and known.due_ns is None
    leaves = leaves or (known.leaves if known else None)
    state = _with(state, moves={**state.on_cell.moves, supi: Move(to, leaves)})
    return state, [] if under_way else [FindSubscriber(supi)]


def found(state: State, supi: str, document: Document | None, now: Now) -> Outcome:
    """The document as it is: what has to be changed, if anything."""
    move = state.on_cell.moves.get(supi)
    if move is None:
        return state, []
    if document is None:
        return _give_up(state, supi, f"the core's store has no {supi}")
    assert state.on_cell.lobby_slice is not None, "else nobody is moved"
    among = {*(slot.snssai for slot in state.on_cell.ran.pool.slots), state.on_cell.lobby_slice}
    match plan_slice(document, supi, among, move.to):
        case SliceInPlace():
            return _moved(state, supi, now)
        case NoSlice(reason):
            return _give_up(state, supi, reason)
        case change:
            return state, [ChangeSubscriber(change)]


def changed(state: State, supi: str) -> Outcome:
    """Read again, done or not: what is there now, is."""
    return state, [FindSubscriber(supi)] if supi in state.on_cell.moves else []


def store_failed(state: State, supi: str, error: ShellError, now: Now) -> Outcome:
    move = state.on_cell.moves.get(supi)
    if move is None:
        return state, []
    later = replace(move, due_ns=now.mono_ns + MOVE_AGAIN_NS, told=True)
    state = _with(state, moves={**state.on_cell.moves, supi: later})
    state, refusing = _refuse_waiting(
        state, supi, "core_unreachable", "the core's store of subscribers does not answer"
    )
    noting: list[Command] = (
        [] if move.told else [Note("subscriber_failed", f"{supi}: {error}; it is tried again")]
    )
    return state, [*noting, *refusing]


def _give_up(state: State, supi: str, reason: str) -> Outcome:
    """A person has to change the document."""
    state = _with(state, moves=_without(state.on_cell.moves, supi))
    kept = [one for one, place in state.on_cell.places.items() if place.supi == supi and place.waits_until_ns]
    state, refusing = _refuse_waiting(state, supi, "other_slice", "the SIM cannot be moved: ask the operator")
    for grant_id in kept:
        state = cell.with_place(state, grant_id, None)
    return state, [Note("subscriber_unmoved", reason), *refusing]


def _moved(state: State, supi: str, now: Now) -> Outcome:
    state = _with(state, moves=_without(state.on_cell.moves, supi))
    places = {
        grant_id: replace(place, moved=True) if place.supi == supi and place.waits_until_ns else place
        for grant_id, place in state.on_cell.places.items()
    }
    return _answer_joins(_with(state, places=places), now)


def _refuse_waiting(state: State, supi: str, reason: str, detail: str) -> Outcome:
    """Whoever waits for the move of this subscriber."""
    commands: list[Command] = []
    for station, waiting in state.on_cell.joins.items():
        if not isinstance(station, MacAddress) and any(
            stay.supi == supi for stay in find_stays(state.on_cell.stays, station)
        ):
            state = _with(state, joins=_without(state.on_cell.joins, station))
            state, refusing = joins.refuse(state, waiting.source, b"", reason, detail)
            commands += refusing
    return state, commands


# ---- Those of an earlier run


def found_in_slots(state: State, documents: Iterable[Document], now: Now, *, whole: bool) -> Outcome:
    """Whoever is in a slot by its document, and is neither served nor waited for, goes home: it was on its way when
    the daemon ended, or the store was away when its time was over.
    """
    commands: list[Command] = []
    home = state.on_cell.lobby_slice
    assert home is not None, "else nobody is asked for"
    for document in documents:
        supi = f"imsi-{document.get('imsi')}"
        if supi in state.on_cell.moves or _has_place(state, supi):
            continue
        named = [one for one in named_slices(document) if one in state.on_cell.ran.session.slices]
        state, more = _order_move(state, supi, home, named[0] if named else None)
        commands += more
    due_ns = None if whole else now.mono_ns + MOVE_AGAIN_NS
    state = _with(state, homecoming_due_ns=due_ns, homecoming_told=False, is_swept=True)
    return _answer_and(state, commands, now)


def _answer_and(state: State, commands: list[Command], now: Now) -> Outcome:
    state, answers = _answer_joins(state, now)
    return state, [*commands, *answers]


def slots_unknown(state: State, error: ShellError, now: Now) -> Outcome:
    note = Note("subscriber_failed", f"who is in a slot: {error}; it is tried again")
    told = state.on_cell.homecoming_told
    state = _with(state, homecoming_due_ns=now.mono_ns + MOVE_AGAIN_NS, homecoming_told=True)
    return state, [] if told else [note]


def _bring_home(state: State, now: Now) -> Outcome:
    """Asks for them, when the time has come."""
    here = state.on_cell
    if here.lobby_slice is None or here.homecoming_due_ns is None or here.homecoming_due_ns > now.mono_ns:
        return state, []
    slots = tuple(slot.snssai for slot in here.ran.pool.slots)
    return _with(state, homecoming_due_ns=None), [FindSubscribersIn(slots)]


# ---- Who has not bought


def _confine(before: State, state: State) -> Outcome:
    """A UE in a slot that is for sale reaches the lobby by the least that a gNB gives; the kernel lets it reach nothing
    else before it is served, and then only by the address that is counted.
    """
    here = state.on_cell
    if here.confined is None and here.core_failing:
        return state, []  # nobody knows yet who is there; the kernel goes on as it was
    unchanged = state.sessions is before.sessions and before.cell is not None
    if here.confined is not None and unchanged and before.on_cell.stays is here.stays:
        return state, []
    slots = {slot.snssai for slot in here.ran.pool.slots}
    served = {
        counted_as(session.station)
        for session in _served_now(state)
        if session.phase is Phase.ACTIVE and not isinstance(session.station, MacAddress)
    }
    ues = frozenset(
        counted_as(ue)
        for stay in here.stays
        if stay.snssai in slots
        for ue in (stay.ipv4, stay.ipv6)
        if ue is not None and counted_as(ue) not in served
    )
    if ues == here.confined:
        return state, []
    return _with(state, confined=ues), [ConfineUes(ues)]


def confine_failed(state: State, error: ShellError, now: Now) -> Outcome:
    state = _with(state, confine_due_ns=now.mono_ns + MOVE_AGAIN_NS)
    return state, [Note("confine_failed", f"UEs that bought nothing are not kept to the lobby: {error}")]


# ---- Who is there


def take_report(state: State, report: CoreReport, now: Now) -> Outcome:
    """The core's lists, and how guaranteed flows stand."""
    before = state.on_cell
    state = _with(state, stays=report.stays, core_failing=report.lists_failed)
    commands: list[Command] = []
    if report.lists_failed and report.lists_failed != before.core_failing:
        commands.append(Note("core_lost", report.lists_failed))
    elif before.core_failing and not report.lists_failed:
        commands.append(Note("core_connected", f"{len(report.stays)} sessions of UEs are in the core"))
    state, hearing = _hear_who_came(state, report, now)
    commands += hearing
    state, noting = _note_flows(state, report)
    state, storing = _keep_names(state, report)
    state = _note_gone(state, now)
    state, ending = _end_strangers(state)
    state, answers = _answer_joins(state, now)
    return state, [*commands, *noting, *storing, *ending, *answers]


def _hear_who_came(state: State, report: CoreReport, now: Now) -> Outcome:
    """Whom the AMF lists as connected, and who is in which slice, for whoever looks for them in the gNB's metrics."""
    if report.lists_failed:
        return state, []
    stays = frozenset((stay.supi, stay.snssai) for stay in report.stays)
    return cell.hear(state, UesListed(report.listed, stays), now)


def _answer_joins(state: State, now: Now) -> Outcome:
    """Each is read again: it is answered, or waits on."""
    commands: list[Command] = []
    for station, waiting in list(state.on_cell.joins.items()):
        state = _with(state, joins=_without(state.on_cell.joins, station))
        state, more = join(state, waiting.source, waiting.message, now)
        commands += more
        if station in state.on_cell.joins:
            kept = replace(state.on_cell.joins[station], asked_ns=waiting.asked_ns)
            state = _with(state, joins={**state.on_cell.joins, station: kept})
    return state, commands


def _stay_of(state: State, session: Session) -> Stay | None:
    if isinstance(session.station, MacAddress):
        return None
    found_stays = find_stays(state.on_cell.stays, session.station)
    return found_stays[0] if len(found_stays) == 1 else None


def _note_gone(state: State, now: Now) -> State:
    """Since when each UE that is served is not in the core; lists that cannot be had say nothing."""
    if state.on_cell.core_failing:
        return _with(state, gone_ns={})
    known = state.on_cell.gone_ns
    return _with(
        state,
        gone_ns={
            session.grant_id: known.get(session.grant_id, now.mono_ns)
            for session in _served_now(state)
            if _stay_of(state, session) is None
        },
    )


def _end_strangers(state: State) -> Outcome:
    """Its address is somebody else's by now, or its UE came again in another slice: what was served is over."""
    commands: list[Command] = []
    for session in _served_now(state):
        stay, place = _stay_of(state, session), state.on_cell.places.get(session.grant_id, Place())
        if stay is not None and place.supi and (stay.supi, stay.snssai) != (place.supi, place.snssai):
            state, ending = sessions.end(state, session.grant_id, EndReason.STATION_LEFT)
            commands += ending
    return state, commands


def _served_now(state: State) -> list[Session]:
    return [
        session
        for session in state.sessions.values()
        if session.phase in (Phase.ADMITTED, Phase.ACTIVE) and session.grant_id in state.on_cell.places
    ]


# ---- Time


def pass_time(state: State, now: Now) -> Outcome:
    """Joins that waited long enough, slots that were kept long enough, UEs that are gone long enough, moves again."""
    commands: list[Command] = []
    for station, waiting in list(state.on_cell.joins.items()):
        if waiting.asked_ns + _look_ns(state) <= now.mono_ns:
            state = _with(state, joins=_without(state.on_cell.joins, station))
            state, more = joins.refuse(state, waiting.source, b"", *_not_found(state.on_cell, station))
            commands += more
    for grant_id, place in list(state.on_cell.places.items()):
        if place.waits_until_ns is not None and place.waits_until_ns <= now.mono_ns:
            state = cell.with_place(state, grant_id, None)
            commands.append(Note("slot_unused", f"{place.supi} did not come into slice {place.snssai}"))
    for grant_id, since_ns in list(state.on_cell.gone_ns.items()):
        if since_ns + _look_ns(state) <= now.mono_ns:
            state = _with(state, gone_ns=_without(state.on_cell.gone_ns, grant_id))
            state, ending = sessions.end(state, grant_id, EndReason.STATION_LEFT)
            commands += ending
    if _is_due(state.on_cell.confine_due_ns, now):
        state = _with(state, confined=None, confine_due_ns=None)
    state, more = _bring_home(state, now)
    commands += more
    for supi, move in state.on_cell.moves.items():
        if move.due_ns is not None and move.due_ns <= now.mono_ns:
            state = _with(state, moves={**state.on_cell.moves, supi: replace(move, due_ns=None)})
            commands.append(FindSubscriber(supi))
    return state, commands


def deadlines_ns(state: State) -> list[int]:
    """When something of the above is due."""
    here, look_ns = state.on_cell, _look_ns(state)
    due = earliest(
        *(waiting.asked_ns + look_ns for waiting in here.joins.values()),
        *(place.waits_until_ns for place in here.places.values()),
        *(since_ns + look_ns for since_ns in here.gone_ns.values()),
        *(move.due_ns for move in here.moves.values()),
        here.confine_due_ns,
        here.homecoming_due_ns if here.lobby_slice is not None else None,
    )
    return [] if due is None else [due]


def _is_due(due_ns: int | None, now: Now) -> bool:
    return due_ns is not None and due_ns <= now.mono_ns


def _look_ns(state: State) -> int:
    """By then the core was asked again, whatever moment it is."""
    return state.on_cell.core.look_s * NS_PER_S + SLACK_NS


def _not_found(here: CellState, station: Station) -> tuple[str, str]:
    if here.core_failing:
        return "core_unreachable", "the core does not say whose address that is"
    if not isinstance(station, MacAddress) and len(find_stays(here.stays, station)) == 1:
        return "core_unreachable", "the core's store of subscribers does not answer"
    return "ue_unknown", f"the core has no session of a UE with {station}, or two of them"


# ---- Guaranteed flows


def _flows(state: State) -> dict[bytes, AppSession]:
    """Of every session in force whose UE is known."""
    flows: dict[bytes, AppSession] = {}
    for session in _served_now(state):
        place = state.on_cell.places[session.grant_id]
        if (
            session.phase is not Phase.ACTIVE
            or place.snssai is None
            or isinstance(session.station, MacAddress)
        ):
            continue
        qos = session.qos
        rates = Rates(qos.floor_down_bps, qos.floor_up_bps, qos.ceil_down_bps, qos.ceil_up_bps)
        flows[session.grant_id] = AppSession(
            session.station, place.supi, place.snssai, place.dnn, rates, state.on_cell.core.quality
        )
    return flows


def _note_flows(state: State, report: CoreReport) -> Outcome:
    """The operator hears once of each flow that is not there, and why: the share of the cell holds without it."""
    noted, commands = dict(state.on_cell.noted), list[Command]()
    for grant_id, served in report.served.items():
        missing = served.detail if served.service is Service.NOT_SERVED else ""
        if grant_id in (state.on_cell.flows or {}) and missing and noted.get(grant_id) != missing:
            text = f"grant {grant_id.hex()}: {missing}; its share of the cell holds without it"
            commands.append(Note("no_guaranteed_flow", text))
            noted[grant_id] = missing
    return _with(state, noted=noted), commands


def _keep_names(state: State, report: CoreReport) -> Outcome:
    """Flows that the core granted are known by their names also after a restart, until they are gone."""
    commands: list[Command] = []
    for grant_id, session in list(state.sessions.items()):
        stored, name = cell.read_place(session.place), report.names.get(grant_id, "")
        if not session.place or stored.flow == name:
            continue
        named = replace(session, place=cell.write_place(replace(stored, flow=name)))
        state = state.with_session(named)
        commands.append(StoreSession(named))
        if (place := state.on_cell.places.get(grant_id)) is not None:
            state = cell.with_place(state, grant_id, replace(place, flow=name))
    return state, commands


def _without(items: Mapping[K, V], key: K) -> dict[K, V]:
    return {known: value for known, value in items.items() if known != key}


def _with(state: State, **changes: object) -> State:
    return replace(state, cell=replace(state.on_cell, **changes))  # type: ignore[arg-type]  # real fields
