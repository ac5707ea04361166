"""The cell's side of the core: "grant accepted" becomes "raise this slice", and an end becomes "block it".

In: sessions as they come and go (apd/sessions.py), places that were found for them, the gNB's texts. Out:
what the gNB is told, through the pure machine of ran_slicing/cell.py, and whether a session is in force: it is once the
kernel counts its packets and the gNB has said that it has the share. The machine decides shares, and where a UE is says
the core (apd/cell_places.py); here is only which grants have a slot.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from apd import sessions
from apd.commands import Command, Note, ReadCounters, TellGnb
from apd.outcome import NoCapacity, Outcome
from apd.promises import NOTHING, Reserved
from apd.session import EndReason, Phase, Queued, Session
from apd.shortfall import INTERVAL_NS, LinkCounters
from apd.state import CellState, Place, State
from ran_slicing import cell as ran
from ran_slicing import cell_events, gnb
from ran_slicing.cell_commands import GrantSlot, RefuseSlot, ReportRatio
from ran_slicing.cell_commands import Note as RanNote
from ran_slicing.controller import CellFull, Promise
from ran_slicing.controller import admit as fit_into_loop
from ran_slicing.estimate import has_demand
from ran_slicing.share import with_headers
from ran_slicing.snssai import Snssai, parse_snssai
from wire.errors import DecodeError
from wire.grant import read_grant
from wire.qos import Qos
from wire.units import NS_PER_S, PPM, Now, format_rate

PATIENCE_NS = 8 * NS_PER_S
"""A gNB answers within milliseconds, and is asked again five seconds after it refused anybody's share; who waits for
one that is away longer is told, and may ask again.
"""
MAX_BOUGHT = 1_024
"""So many purchases are remembered until they end: their buyers are owed what the cell cannot give them."""
COUNT_NS = NS_PER_S
"""How often bytes are counted while somebody is served: by them the machine finds the UE in the gNB's metrics."""


def start(state: State, begins: CellState, now: Now) -> Outcome:
    """After a restart: sessions go on in the slots that they had. The gNB kept what it was told, if it lived on, and
    hears the same again.
    """
    state = replace(state, cell=begins)
    commands: list[Command] = []
    for session in [one for one in _held(state) if one.phase is Phase.ACTIVE]:
        state = state.with_session(watch_from_now(session, now))
        place = read_place(session.place)
        state = with_place(state, session.grant_id, place)
        state, more = _feed(state, sale_of(session.grant_id, session.qos, place, resumed=True), now)
        commands += more
    return _plan_clocks(state, now), commands


def write_place(place: Place) -> str:
    """As it is kept with its session: slot, subscriber, data network, and the name of its guaranteed flow."""
    return f"{place.snssai} {place.supi} {place.dnn} {place.flow}"


def read_place(text: str) -> Place:
    """The other way; of a session that was kept without, any slot."""
    match text.split(" "):
        case [slot, supi, dnn, flow]:
            return Place(supi, dnn, parse_snssai(slot), flow=flow)
        case _:
            return Place()


def watch_from_now(session: Session, now: Now) -> Session:
    """Its floors are judged from here on."""
    return replace(session, queued=Queued()).judged(None, now.mono_ns)


def check(state: State, qos: Qos, kept: Reserved = NOTHING, supi: str = "") -> NoCapacity | None:
    """Whether floors fit into the cell, beside what is sold and, each by itself, what is kept for others: by the UE's
    own link where it was seen to come, else as if it were the reference.
    """
    begins, slots = state.on_cell.ran, vacant(state, supi)
    if len(slots) <= kept.sessions:
        total = len(begins.pool.slots)
        return NoCapacity(f"all {total} slots of the cell are sold, promised, or a UE is still in them")
    loop = begins.controller
    if qos.floor_up_bps and loop.shape.uplink is None:
        return NoCapacity("how much uplink the cell has is not known: no floor of it is sold")
    usual_bits = begins.usual_bits(supi)
    asked = [*((floors, 0) for floors in kept.each), (qos, usual_bits)]
    for snssai, (floors, bits) in zip(slots, asked, strict=False):
        fitted = fit_into_loop(loop, _promise(state, snssai, floors), 0, bits)
        if isinstance(fitted, CellFull):
            floor = f"{format_rate(qos.floor_down_bps)} down and {format_rate(qos.floor_up_bps)} up"
            text = f"{floor} need {fitted.needed_prb} resource blocks, {fitted.free_prb} are left"
            return NoCapacity(f"{text}, by this UE's link" if usual_bits else text)
        loop = fitted
    return None


def _promise(state: State, snssai: Snssai, qos: Qos) -> Promise:
    ppm = state.on_cell.ran.settings.header_ppm
    down_bps, up_bps = with_headers(qos.floor_down_bps, ppm), with_headers(qos.floor_up_bps, ppm)
    return Promise(snssai, max(1, down_bps), floor_up_bps=up_bps)


def vacant(state: State, supi: str = "") -> tuple[Snssai, ...]:
    """The slots that can be sold to this subscriber: nobody holds them, the core shows nobody else's UE in them, and no
    document of somebody else names them. A gNB shares a slice among all who are in it.
    """
    here = state.on_cell
    taken = {stay.snssai for stay in here.stays if stay.supi != supi}
    taken |= {move.leaves for known, move in here.moves.items() if move.leaves is not None and known != supi}
    return tuple(snssai for snssai in here.ran.pool.free if snssai not in taken)


def flow_names(state: State) -> dict[bytes, str]:
    """By which names the core knows guaranteed flows of an earlier run; also of sessions that are over: a PCF that was
    away at their end has them still.
    """
    names = {session.grant_id: read_place(session.place).flow for session in state.sessions.values()}
    return {grant_id: name for grant_id, name in names.items() if name}


def remember_bought(state: State, grants: Iterable[bytes], now: Now) -> State:
    """What was sold here keeps its room until it has joined, or for a while: its buyer is here, and in a hurry."""
    settings, bought = state.settings, dict(state.on_cell.bought)
    for encoded in grants:
        try:
            grant = read_grant(encoded, settings.ledger, settings.ledger_id)
        except DecodeError:
            continue  # its buyer will find out
        if (
            grant.provider_id == settings.provider.provider_id
            and grant.starts_s <= now.utc_s + settings.early_join_s
        ):
            bought[grant.grant_id] = grant
    while len(bought) > MAX_BOUGHT:
        del bought[next(iter(bought))]
    return _with(state, bought=bought)


def _forget_bought(state: State, now: Now) -> State:
    """Whose time is over."""
    bought = {known: grant for known, grant in state.on_cell.bought.items() if grant.ends_s > now.utc_s}
    return state if len(bought) == len(state.on_cell.bought) else _with(state, bought=bought)


# ---- The gNB


def hear(state: State, fact: cell_events.Event, now: Now) -> Outcome:
    return _feed(state, fact, now)


def _feed(state: State, fact: cell_events.Event, now: Now) -> Outcome:
    """One fact for the machine; what it orders is handed on, what it says of grants is kept."""
    machine, ordered = ran.step(state.on_cell.ran, fact, now)
    state = _with(state, ran=machine)
    commands: list[Command] = []
    for command in ordered:
        match command:
            case GrantSlot(grant_id, snssai):
                place = state.on_cell.places.get(grant_id, Place())
                state = with_place(state, grant_id, replace(place, snssai=snssai))
            case RefuseSlot(grant_id, reason):
                state, more = _refused(state, grant_id, reason, now)
                commands += more
            case ReportRatio(grant_id, ratio):
                if ratio.max_prb_policy_ratio > state.on_cell.ran.settings.idle_max_prb_policy_ratio or (
                    ratio.min_prb_policy_ratio
                ):  # not the answer to what it was given while nobody had it
                    state = _with(state, confirmed=state.on_cell.confirmed | {grant_id})
            case RanNote(kind, detail):
                commands.append(Note(kind, detail))
            case gnb.SendText() | gnb.SendPing() | gnb.Reconnect():
                commands.append(TellGnb(command))
    return state, commands


def _refused(state: State, grant_id: bytes, reason: str, now: Now) -> Outcome:
    """It fitted when it was admitted: somebody else was faster, a grant that was sold before finds no slot, or its UE's
    link, now that it is known, is too bad for its floor. What it does not get from here on is owed.
    """
    state = with_place(state, grant_id, None)
    note = Note("slot_refused", f"grant {grant_id.hex()}: {reason}")
    if grant_id not in state.sessions:
        return state, [note]
    state, ending = sessions.end(state, grant_id, EndReason.NO_ROOM)
    session = state.sessions[grant_id]
    if session.reason is EndReason.NO_ROOM and session.unserved_ns is None:
        since_ns = max(now.mono_ns, session.starts_ns)
        state = state.with_session(replace(session, unserved_ns=since_ns))
    return state, [note, *ending]


def last_words(state: State, now: Now) -> list[Command]:
    """What the gNB is told before the daemon ends: it keeps what it was told, and a slot that is paused is paid for."""
    _, commands = ran.end_pause(state.on_cell.ran, now.mono_ns)
    return [TellGnb(command) for command in commands if isinstance(command, gnb.SendText)]


# ---- Sessions


def settle(state: State, now: Now) -> Outcome:
    """After each event: who has a slot and should have none loses it, who has none gets one, and who has all of what
    was sold is in force.
    """
    commands: list[Command] = []
    wanted = _wanted(state)
    holders = dict.fromkeys([*state.on_cell.places, *(holder for _, holder in state.on_cell.ran.pool.held)])
    for grant_id in [one for one in holders if one not in wanted]:
        state, more = release(state, grant_id, now)
        commands += more
    for grant_id, sale in wanted.items():
        if state.on_cell.ran.pool.slot_of(grant_id) is None and sale is not None:
            state, more = _feed(state, sale, now)
            commands += more
    for session in _ready(state):
        state, more = sessions.installed(state, session.grant_id, now)
        commands += more
    return _plan_clocks(_forget_bought(state, now), now), commands


def _wanted(state: State) -> dict[bytes, cell_events.SliceSold | None]:
    """The grants that are to have a slot, with the sale of each; None where it has been sold."""
    wanted: dict[bytes, cell_events.SliceSold | None] = {}
    for grant_id, place in state.on_cell.places.items():
        session = state.sessions.get(grant_id)
        if place.waits_until_ns is not None:
            wanted[grant_id] = None  # it was sold when its place was made
        elif session is not None and session.phase in (Phase.ADMITTED, Phase.ACTIVE):
            wanted[grant_id] = sale_of(session.grant_id, session.qos, place, resumed=True)
    return wanted


def sale_of(
    grant_id: bytes, qos: Qos, place: Place, *, resumed: bool = False, reserved: bool = False
) -> cell_events.SliceSold:
    return cell_events.SliceSold(
        grant_id,
        qos.floor_down_bps,
        qos.ceil_down_bps,
        place.snssai,
        floor_up_bps=qos.floor_up_bps,
        resumed=resumed,
        supi=place.supi,
        reserved=reserved,
    )


def sell(state: State, sale: cell_events.SliceSold, place: Place, now: Now) -> Outcome:
    """Take a slot for a grant, and say where it is served."""
    state = with_place(state, sale.grant_id, place)
    return _feed(state, sale, now)


def release(state: State, grant_id: bytes, now: Now) -> Outcome:
    cell = state.on_cell
    state = _with(
        state,
        places={known: one for known, one in cell.places.items() if known != grant_id},
        counted=cell.counted - {grant_id},
        confirmed=cell.confirmed - {grant_id},
        patience_ns={known: due for known, due in cell.patience_ns.items() if known != grant_id},
        gone_ns={known: since for known, since in cell.gone_ns.items() if known != grant_id},
        noted={known: text for known, text in cell.noted.items() if known != grant_id},
    )
    return _feed(state, cell_events.SliceEnded(grant_id), now)


def counted(state: State, grant_id: bytes, now: Now) -> Outcome:
    """The kernel counts its packets. What ends already is not waited for."""
    session = state.sessions[grant_id]
    if session.phase is not Phase.ADMITTED:
        return sessions.installed(state, grant_id, now)
    patience = {**state.on_cell.patience_ns, grant_id: now.mono_ns + PATIENCE_NS}
    return _with(state, counted=state.on_cell.counted | {grant_id}, patience_ns=patience), []


def count_anew(state: State, grant_id: bytes, place: Place) -> State:
    """Its UE has another address: the share is as it was, and its packets are not counted yet."""
    here = state.on_cell
    patience = {known: due for known, due in here.patience_ns.items() if known != grant_id}
    state = _with(state, counted=here.counted - {grant_id}, patience_ns=patience)
    return with_place(state, grant_id, place)


def _ready(state: State) -> list[Session]:
    cell = state.on_cell
    return [
        state.sessions[grant_id]
        for grant_id in cell.counted & cell.confirmed
        if grant_id in state.sessions and state.sessions[grant_id].phase is Phase.ADMITTED
    ]


def with_place(state: State, grant_id: bytes, place: Place | None) -> State:
    places = {known: one for known, one in state.on_cell.places.items() if known != grant_id}
    return _with(state, places=places if place is None else {**places, grant_id: place})


def _held(state: State) -> Iterable[Session]:
    return (state.sessions[grant_id] for grant_id in state.stations.values())


# ---- Time


def pass_time(state: State, now: Now) -> Outcome:
    """The machine's deadline, a gNB that took too long, counters, floors, and the core's lists."""
    commands: list[Command] = []
    due_ns = ran.next_deadline_ns(state.on_cell.ran)
    if due_ns is not None and due_ns <= now.mono_ns:
        state, commands = _feed(state, cell_events.DeadlineReached(), now)
    for grant_id in [one for one, due in state.on_cell.patience_ns.items() if due <= now.mono_ns]:
        state, more = _lose_patience(state, grant_id)
        commands += more
    if _is_due(state.on_cell.count_due_ns, now):
        state = _with(state, count_due_ns=now.mono_ns + COUNT_NS)
        commands.append(ReadCounters())
    if _is_due(state.on_cell.judge_due_ns, now):
        state = _with(_judge(state, now), judge_due_ns=now.mono_ns + INTERVAL_NS)
    return state, commands


def deadlines_ns(state: State) -> list[int]:
    """When something of the above is due."""
    cell = state.on_cell
    due = [ran.next_deadline_ns(cell.ran), cell.count_due_ns, cell.judge_due_ns, *cell.patience_ns.values()]
    return [one for one in due if one is not None]


def _lose_patience(state: State, grant_id: bytes) -> Outcome:
    """Of a session that is in force nobody has lost it."""
    patience = {known: due for known, due in state.on_cell.patience_ns.items() if known != grant_id}
    state = _with(state, patience_ns=patience)
    session = state.sessions.get(grant_id)
    if session is None or session.phase is not Phase.ADMITTED:
        return state, []
    state, ending = sessions.end(state, grant_id, EndReason.SHAPER_FAILED)
    seconds = PATIENCE_NS // NS_PER_S
    return state, [
        Note("install_failed", f"{session.station}: the gNB said nothing for {seconds} s"),
        *ending,
    ]


def _plan_clocks(state: State, now: Now) -> State:
    serves = any(session.phase is Phase.ACTIVE for session in _held(state))
    cell = state.on_cell
    if serves and cell.count_due_ns is None:
        return _with(state, count_due_ns=now.mono_ns + COUNT_NS, judge_due_ns=now.mono_ns + INTERVAL_NS)
    if not serves and cell.count_due_ns is not None:
        return _with(state, count_due_ns=None, judge_due_ns=None)
    return state


def _is_due(due_ns: int | None, now: Now) -> bool:
    return due_ns is not None and due_ns <= now.mono_ns


# ---- What was delivered


def take_counters(state: State, now: Now) -> Outcome:
    """The kernel's counters were read: the machine compares them with the gNB's metrics."""
    counters = tuple((one.grant_id, one.used.down_bytes) for one in _held(state) if one.phase is Phase.ACTIVE)
    return _feed(state, cell_events.GrantsCounted(counters), now)


def queued(state: State) -> Mapping[int, Queued]:
    """For whose slots more data waits in the gNB than its floor carries away at once."""
    deliveries = state.on_cell.ran.deliveries
    return {
        session.slot: Queued(
            down=has_demand(deliveries[session.grant_id].waiting_bytes, session.qos.floor_down_bps)
        )
        for session in _held(state)
        if session.grant_id in deliveries
    }


def _judge(state: State, now: Now) -> State:
    """Holds what the gNB sent against the floors, where it is known whose it was and data waited all the while."""
    joined = state.on_cell.ran.sure_slots
    for session in list(_held(state)):
        if session.phase is not Phase.ACTIVE:
            continue
        place = state.on_cell.places.get(session.grant_id, Place())
        link = _link_of(state, session, now) if place.snssai in joined else None
        waited = session.watch.down.queued and session.queued.down
        judged = session.judged(link if waited else None, now.mono_ns)
        state = state.with_session(replace(judged, watch=replace(judged.watch, link=link)))
    return state


def _link_of(state: State, session: Session, now: Now) -> LinkCounters | None:
    """What the gNB sent, as bytes of IP packets. It counts no frames: one for each interval stands for all."""
    delivery = state.on_cell.ran.deliveries.get(session.grant_id)
    if delivery is None:
        return None
    octets = delivery.bits * PPM // (8 * (PPM + state.on_cell.ran.settings.header_ppm))
    intervals = now.mono_ns // NS_PER_S
    return LinkCounters(octets, intervals, 0, intervals)


def _with(state: State, **changes: object) -> State:
    return replace(state, cell=replace(state.on_cell, **changes))  # type: ignore[arg-type]  # real fields
