"""One cell as it is sold: slots, floors, the conversation with its gNB, and the loop that keeps them together.

    step(state, event, now) -> (state, [command])      no await, no clock, no I/O, no randomness
    next_deadline_ns(state) -> monotonic ns | None     whoever drives it arms one timer

A sale takes a slot and a place in the loop; what the loop wants is told to the gNB; what the gNB measures is joined to
slots and goes back into the loop. Slots that nobody bought are blocked. A gNB that is away is told everything when it
is back; meanwhile sales go on, as the promise is kept from then on and the shortfall is counted by whoever meters.
The parts: slots (who has which), controller (shares), gnb (requests and answers), confirmation (whether it is true);
whose metrics are whose is found by arrivals (who came), join (bytes) and probe (a pause).
Reference: docs/decisions/0023.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar, assert_never

from ran_slicing import arrivals, gnb, join, probe
from ran_slicing import controller as loop
from ran_slicing.cell_commands import Command, GrantSlot, Note, RefuseSlot, ReportRatio
from ran_slicing.cell_events import (
    DeadlineReached,
    Event,
    GnbConnected,
    GnbLost,
    GnbSaid,
    GrantsCounted,
    SliceEnded,
    SliceSold,
    UesListed,
)
from ran_slicing.confirmation import CONTRADICTIONS, Verdict, judge
from ran_slicing.controller import CellFull, Controller, Promise
from ran_slicing.estimate import SliceSample, Traffic
from ran_slicing.gnb_config import GnbConfig
from ran_slicing.link import (
    UNHEARD_BITS,
    UPLINK_ELEMENTS_PER_PRB,
    LinkReport,
    McsTable,
    UsualLink,
    bits_per_prb,
    mean_bits_per_prb,
)
from ran_slicing.messages import OtherReport, Refusal, Reply, read_message
from ran_slicing.metrics import CellReport, UeReport
from ran_slicing.settings import CellSettings
from ran_slicing.share import PAUSED, Ratio, with_headers
from ran_slicing.slots import NoSlot, Slot, SlotPool, allocate, new_pool, release, take
from ran_slicing.snssai import Snssai
from wire.errors import ConfigError, DecodeError
from wire.units import NS_PER_S, Now

K = TypeVar("K")
V = TypeVar("V")

LONGEST_PERIOD_NS = 2 * NS_PER_S
"""Reports further apart than this are not one interval."""
NOTED_WINDOWS = 2 * join.ENOUGH
"""After so many in which a floor was asked for by a UE that is not found, the operator is told: most are found in half
of them."""
_ASKS_PERCENT = 50
"""A slice that is sent so much of its floor asks for it: more share than it uses costs nobody anything."""
NO_FLOOR_BPS = 1
"""What a sale without a floor is given: a PRB."""


class Delivery(NamedTuple):
    """What the gNB says that a grant's slot got, bits as it counts them, and what it says was waiting at last. None of
    it is signed by anybody: the box's own counters are the meter.
    """

    bits: int = 0
    waiting_bytes: int = 0


class State(NamedTuple):
    """`counted` are the box's counters at the last window, taken at `counted_ns`; `window` is what the gNB says of
    each UE since, `links` what its PRBs usually carry, and `unknown` counts the windows in which a slot was to have
    its floor and nobody knew its UE; `asking` are those of the last window. `subscribers` are in sold slots, as far
    as somebody said whose they are, `stays` who is in which slice by the core's last list. `trials` were sold by the
    reference, and are weighed when their UEs are known. `pause` is going on, `tried` what those before showed.
    """

    settings: CellSettings
    mcs_table: McsTable
    up_mcs_table: McsTable
    pool: SlotPool
    controller: Controller
    session: gnb.Session
    joined: join.Join = join.Join()
    arrived: arrivals.Arrivals = arrivals.Arrivals()
    subscribers: Mapping[Snssai, str] = {}
    stays: frozenset[tuple[str, Snssai]] = frozenset()
    trials: frozenset[Snssai] = frozenset()
    pause: probe.Probe | None = None
    tried: Mapping[Snssai, probe.Tried] = {}
    deliveries: Mapping[bytes, Delivery] = {}
    counted: Mapping[bytes, int] = {}
    counted_ns: int | None = None
    window: Mapping[int, join.Window] = {}
    unknown: Mapping[Snssai, int] = {}
    asking: frozenset[Snssai] = frozenset()
    links: Mapping[int, UsualLink] = {}
    doubts: Mapping[Snssai, int] = {}
    reported_ns: int | None = None
    garbage: int = 0
    told_overbooked: bool = False

    @property
    def sure_slots(self) -> frozenset[Snssai]:
        """Whose UE is known well enough that money may depend on it."""
        return frozenset(self.joined.slot_of[rnti] for rnti in self.joined.sure)

    def usual_bits(self, supi: str) -> int:
        """What a PRB usually carries for this subscriber's UE; 0 where it is not known."""
        rnti = self.arrived.rnti_of.get(supi)
        return 0 if rnti is None else self.links.get(rnti, UsualLink()).bits_per_prb


Outcome = tuple[State, list[Command]]


def start(settings: CellSettings, config: GnbConfig) -> State:
    """The state of a cell that begins: every slot is free, and blocked. Raises ConfigError where the gNB's file has not
    the slices that are for sale.
    """
    entries = {entry.snssai: entry for entry in config.slices}
    missing = [str(snssai) for snssai in settings.snssais if snssai not in entries]
    if missing:
        raise ConfigError(f"cell.slots: the gNB's file has no slice {', '.join(missing)}")
    shape = settings.shape or config.shape
    if shape is None:
        raise ConfigError(
            "cell.prbs: the gNB's file does not tell the cell's size; give prbs and downlink_slots_per_s"
        )
    slots = settings.snssais
    idle = dict.fromkeys(slots, _idle(settings))
    return State(
        settings=settings,
        mcs_table=config.mcs_table,
        up_mcs_table=config.up_mcs_table,
        pool=new_pool(Slot(snssai, entries[snssai].priority) for snssai in slots),
        controller=Controller(settings.controller, shape),
        session=gnb.Session(config.plmn, frozenset(slots), wanted=idle),
    )


def step(state: State, event: Event, now: Now) -> Outcome:
    """What one fact changes, and what is to be done about it."""
    state, commands = _decide(state, event, now.mono_ns)
    session, asking = gnb.want(state.session, _wanted(state), now.mono_ns)
    state, more = _take_session(state, (session, asking), now.mono_ns)
    state, noting = _note_overbooked(state)
    return state, [*commands, *more, *noting]


def next_deadline_ns(state: State) -> int | None:
    """The monotonic instant at which `DeadlineReached` is wanted next; None while there is no gNB."""
    due_ns, pause = gnb.deadline_ns(state.session), state.pause
    return due_ns if due_ns is None or pause is None else min(due_ns, pause.due_ns)


def _decide(state: State, event: Event, now_ns: int) -> Outcome:
    match event:
        case GnbSaid(text):
            return _hear(state, text, now_ns)
        case GnbConnected():
            state, commands = _take_session(state, gnb.connected(state.session, now_ns), now_ns)
            return _forget_ues(state), [
                Note("gnb_connected", "the gNB is told all again"),
                *commands,
            ]
        case GnbLost(detail):
            return state._replace(session=gnb.lost(state.session)), [Note("gnb_lost", detail)]
        case SliceSold():
            return _sell(state, event, now_ns)
        case SliceEnded(grant_id):
            return _end(state, grant_id), []
        case UesListed(listed, stays):
            arrived = state.arrived if listed is None else arrivals.look(state.arrived, listed)
            return state._replace(arrived=arrived, stays=stays), []
        case GrantsCounted(counters):
            return _count(state, dict(counters), now_ns)
        case DeadlineReached():
            return _pass_time(state, now_ns)
        case _:
            assert_never(event)


# ---- Sales


def _sell(state: State, sale: SliceSold, now_ns: int) -> Outcome:
    if sale.floor_up_bps and state.controller.shape.uplink is None:
        return state, [RefuseSlot(sale.grant_id, "no_uplink: how much uplink the cell has is not known")]
    slot = _find_slot(state, sale)
    if isinstance(slot, NoSlot):
        return state, [RefuseSlot(sale.grant_id, f"no_slot: {slot.reason}")]
    pool, snssai = slot
    promise = _promise(state.settings, snssai, sale)
    usual_bits = _usual_bits(state, sale)
    admitted = (
        loop.readmit(state.controller, promise, now_ns)
        if sale.resumed or (sale.reserved and not usual_bits)
        else loop.admit(state.controller, promise, now_ns, usual_bits)
    )
    if isinstance(admitted, CellFull):
        return state, [RefuseSlot(sale.grant_id, _no_room(admitted))]
    sold = state._replace(
        pool=pool,
        controller=admitted,
        joined=state.joined if sale.rnti is None else join.tell(state.joined, sale.rnti, snssai),
        subscribers={**state.subscribers, snssai: sale.supi} if sale.supi else state.subscribers,
        trials=state.trials if sale.resumed or usual_bits else state.trials | {snssai},
    )
    return _seat_arrived(sold), [GrantSlot(sale.grant_id, snssai)]


def _no_room(full: CellFull) -> str:
    return f"no_prb: needs {full.needed_prb} PRBs, {full.free_prb} are free"


def _usual_bits(state: State, sale: SliceSold) -> int:
    """What a PRB carries for a UE that was measured; 0 if nobody knows."""
    if sale.rnti is None:
        return state.usual_bits(sale.supi)
    return state.links.get(sale.rnti, UsualLink()).bits_per_prb


def _find_slot(state: State, sale: SliceSold) -> tuple[SlotPool, Snssai] | NoSlot:
    if sale.snssai is None:
        return allocate(state.pool, sale.grant_id, sale.tier)
    pool = take(state.pool, sale.snssai, sale.grant_id)
    return pool if isinstance(pool, NoSlot) else (pool, sale.snssai)


def _promise(settings: CellSettings, snssai: Snssai, sale: SliceSold) -> Promise:
    """As the gNB counts."""
    floor_bps = max(NO_FLOOR_BPS, with_headers(sale.floor_bps, settings.header_ppm))
    ceil_bps = with_headers(sale.ceil_bps, settings.header_ppm)
    up_bps = with_headers(sale.floor_up_bps, settings.header_ppm)
    return Promise(snssai, floor_bps, max(ceil_bps, floor_bps) if ceil_bps else 0, up_bps)


def _end(state: State, grant_id: bytes) -> State:
    snssai = state.pool.slot_of(grant_id)
    if snssai is None:
        return state
    return state._replace(
        pool=release(state.pool, snssai),
        controller=loop.withdraw(state.controller, snssai),
        joined=join.free(state.joined, snssai),
        subscribers=_without(state.subscribers, snssai),
        trials=state.trials - {snssai},
        pause=None if state.pause is not None and state.pause.snssai == snssai else state.pause,
        tried=_without(state.tried, snssai),
        asking=state.asking - {snssai},
        deliveries=_without(state.deliveries, grant_id),
        counted=_without(state.counted, grant_id),
        doubts=_without(state.doubts, snssai),
        unknown=_without(state.unknown, snssai),
    )


def _weigh(state: State) -> Outcome:
    """Who was sold a floor by the reference is weighed once his link is known: what it takes is kept for him from then
    on, or he is told that there is no room.
    """
    commands: list[Command] = []
    for rnti, snssai in state.joined.slot_of.items():
        usual_bits = state.links.get(rnti, UsualLink()).bits_per_prb
        if snssai not in state.trials or not usual_bits or rnti not in state.joined.sure:
            continue
        state = state._replace(trials=state.trials - {snssai})
        weighed = loop.weigh(state.controller, snssai, usual_bits)
        if isinstance(weighed, CellFull):
            grant_id = state.pool.holder(snssai)
            assert grant_id is not None, "else it is on no trial"
            state = _end(state, grant_id)
            commands.append(RefuseSlot(grant_id, f"{_no_room(weighed)}, now that its link is known"))
        else:
            state = state._replace(controller=weighed)
    return state, commands


def _wanted(state: State) -> dict[Snssai, Ratio]:
    """Of every slot: what the loop wants, and nothing for those that nobody bought, or that is paused."""
    wanted = dict.fromkeys(state.session.slices, _idle(state.settings)) | loop.ratios(state.controller)
    if state.pause is not None and state.pause.still is None:
        wanted[state.pause.snssai] = PAUSED
    return wanted


def _idle(settings: CellSettings) -> Ratio:
    return Ratio(0, settings.idle_max_prb_policy_ratio)


# ---- The gNB


def _hear(state: State, text: bytes, now_ns: int) -> Outcome:
    try:
        message = read_message(text)
    except DecodeError as error:
        state = state._replace(garbage=state.garbage + 1)
        return state, [Note("gnb_garbage", str(error))] if state.garbage == 1 else []
    match message:
        case Reply() | Refusal():
            return _take_session(state, gnb.answered(state.session, message, now_ns), now_ns)
        case CellReport():
            return _measure(state, message, now_ns)
        case OtherReport():
            return state, []


def _pass_time(state: State, now_ns: int) -> Outcome:
    """Of a slot without a known UE, a blocked one above all, no metrics tell whether the gNB did what it said: with
    each keepalive it is told again.
    """
    commands: list[Command] = []
    if state.pause is not None and now_ns >= state.pause.due_ns:
        state, commands = _break_off(state, state.pause, now_ns)
    keeps_alive = state.session.connected and now_ns >= state.session.ping_ns
    state, more = _take_session(state, gnb.pass_time(state.session, now_ns), now_ns)
    commands += more
    if not keeps_alive:
        return state, commands
    unseen = state.session.slices - set(state.joined.slot_of.values())
    state, more = _take_session(state, gnb.doubt(state.session, unseen, now_ns), now_ns)
    return state, [*commands, *more]


def _break_off(state: State, pause: probe.Probe, now_ns: int) -> Outcome:
    """It lasted long enough: the slot has its share again, whether the gNB has answered to the pause or not."""
    state = _conclude(state, pause, frozenset(), now_ns)
    share = loop.ratio(state.controller, state.controller.slices[pause.snssai])
    return _take_session(state, gnb.overtake(state.session, pause.snssai, share, now_ns), now_ns)


def end_pause(state: State, now_ns: int) -> Outcome:
    """The daemon ends: no slot stays blocked that somebody paid for."""
    if state.pause is None or state.pause.still is not None:
        return state, []
    state, commands = _break_off(state, state.pause, now_ns)
    session, asking = gnb.want(state.session, _wanted(state), now_ns)
    state, more = _take_session(state, (session, asking), now_ns)
    return state, [*commands, *more]


def _forget_ues(state: State) -> State:
    """A gNB that was away may be another one: it gives the same RNTIs to others. What was delivered stays so."""
    deliveries = {grant_id: known._replace(waiting_bytes=0) for grant_id, known in state.deliveries.items()}
    return state._replace(
        joined=join.Join(),
        arrived=arrivals.lose(state.arrived),
        pause=None,
        deliveries=deliveries,
        window={},
        links={},
        doubts={},
        reported_ns=None,
    )


def _take_session(state: State, outcome: gnb.Outcome, now_ns: int) -> Outcome:
    """Requests go out as they are; what became of them is told to whoever it concerns."""
    session, said = outcome
    state = state._replace(session=session)
    pause = state.pause
    commands: list[Command] = []
    for command in said:
        match command:
            case gnb.RatioTaken(slices, ratio, took_ns):
                if pause is not None and pause.still is None and ratio == PAUSED and pause.snssai in slices:
                    state = state._replace(pause=pause._replace(paused_ns=now_ns))
                grants = [state.pool.holder(snssai) for snssai in slices]
                commands += [ReportRatio(grant, ratio, took_ns) for grant in grants if grant is not None]
            case gnb.RequestRefused(name, error):
                commands.append(Note("gnb_refused", f"{name}: {error}"))
            case gnb.Reconnect(detail):
                commands += [Note("gnb_lost", detail), command]
            case _:
                commands.append(command)
    return state, commands


# ---- Measuring


def _measure(state: State, report: CellReport, now_ns: int) -> Outcome:
    ues = {ue.rnti: ue for cell in report.cells for ue in cell.ues}
    left = [event.rnti for cell in report.cells for event in cell.events if event.kind == "ue_rem"]
    before = state.reported_ns
    elapsed_ns = 0 if before is None else min(now_ns - before, LONGEST_PERIOD_NS)
    known = set(state.joined.slot_of.values())
    state = state._replace(
        session=gnb.heard(state.session, now_ns),
        joined=join.list_ues(state.joined, ues, left),
        arrived=arrivals.list_ues(state.arrived, ues, left, now_ns if before is None else before, now_ns),
    )
    state = state._replace(window=_with_window(state, ues, now_ns), links=_links(state, ues))
    state = _probe(_seat_arrived(_note_lost(state, known, now_ns)), ues, elapsed_ns, now_ns)
    state, refusing = _weigh(state)
    samples = list(_samples(state, ues))
    state, commands = _confirm(state, samples, now_ns)
    return (
        state._replace(
            controller=loop.measure(state.controller, samples, now_ns),
            deliveries=_delivered(state, samples, elapsed_ns),
            reported_ns=now_ns,
        ),
        [*refusing, *commands],
    )


def _note_lost(state: State, known: set[Snssai], now_ns: int) -> State:
    """Slots whose UE went: by the core's next list it may be known again, without a pause."""
    lost = known - set(state.joined.slot_of.values())
    tried = {snssai: state.tried.get(snssai, probe.Tried())._replace(lost_ns=now_ns) for snssai in lost}
    return state._replace(tried={**state.tried, **tried}) if tried else state


def _seat_arrived(state: State) -> State:
    """Who was seen to come is in the slot of his subscriber, once the core lists him there: before, he is in the
    lobby's slice, and what he gets in that says nothing of the slot. By his next connection the RNTI is another.
    """
    for snssai, supi in state.subscribers.items():
        if (supi, snssai) not in state.stays:
            continue
        rnti = state.arrived.rnti_of.get(supi)
        if rnti is not None and rnti not in state.joined.slot_of:
            state = state._replace(joined=join.seat_likely(join.free(state.joined, snssai), rnti, snssai))
    return state


def _probe(state: State, ues: Mapping[int, UeReport], elapsed_ns: int, now_ns: int) -> State:
    """A pause goes through its three reports: what was before, what stopped, what came back."""
    pause = state.pause
    if pause is None:
        return _begin_pause(state, ues, elapsed_ns, now_ns)
    if pause.snssai in state.joined.slot_of.values():
        return state._replace(pause=None)
    if pause.still is not None:
        return _conclude(state, pause, probe.came_back(pause, ues), now_ns)
    if probe.is_of_pause(pause, now_ns - elapsed_ns, now_ns):
        item = state.controller.slices[pause.snssai]
        assert pause.paused_ns is not None, "else the report is not of the pause"
        held_ns = now_ns - pause.paused_ns
        controller = loop.hold_up(state.controller, pause.snssai, held_ns, now_ns)
        stopped = probe.stop(pause, ues, item.promise.floor_bps, now_ns)
        return state._replace(controller=controller, pause=stopped)
    return state


def _conclude(state: State, pause: probe.Probe, stopped: frozenset[int], now_ns: int) -> State:
    snssai = pause.snssai
    tried = state.tried.get(snssai, probe.Tried())
    fitting = frozenset(rnti for slot, rnti in state.joined.fits if slot == snssai)
    unknown_slots = len(state.asking - set(state.joined.slot_of.values()))
    found = probe.verdict(stopped, tried.stopped, fitting, unknown_slots)
    if found is None:
        again = tried.ended(now_ns, stopped)
        controller = loop.forgive(state.controller, snssai)
        return state._replace(pause=None, tried={**state.tried, snssai: again}, controller=controller)
    joined = join.seat(state.joined, found, snssai)
    return state._replace(pause=None, tried={**state.tried, snssai: tried.ended(now_ns)}, joined=joined)


def _begin_pause(state: State, ues: Mapping[int, UeReport], elapsed_ns: int, now_ns: int) -> State:
    """Of the slot that has waited longest, if the gNB has nothing else to answer."""
    if not 0 < elapsed_ns <= probe.LONGEST_PERIOD_NS or not state.session.is_settled:
        return state
    due = [
        (tried.last_ns, snssai)
        for snssai in state.asking - set(state.joined.slot_of.values())
        if (tried := state.tried.get(snssai, probe.Tried())).due_ns <= now_ns
    ]
    if not due:
        return state
    _, snssai = min(due)
    return state._replace(pause=probe.begin(snssai, ues, state.joined.slot_of, now_ns))


def _samples(state: State, ues: Mapping[int, UeReport]) -> Iterable[SliceSample]:
    """Of each slot that has a UE: all its UEs together."""
    by_slot: dict[Snssai, list[UeReport]] = {}
    for rnti, snssai in state.joined.slot_of.items():
        if rnti in ues:
            by_slot.setdefault(snssai, []).append(ues[rnti])
    for snssai, own in by_slot.items():
        yield SliceSample(
            snssai,
            sum(ue.dl_bps for ue in own),
            sum(ue.dl_waiting_bytes for ue in own),
            mean_bits_per_prb([(ue.dl_bps, _link(state, ue)) for ue in own]),
            Traffic(
                sum(ue.ul_bps for ue in own),
                sum(ue.ul_waiting_bytes for ue in own),
                mean_bits_per_prb([(ue.ul_bps, _uplink(state, ue)) for ue in own]),
            ),
        )


def _link(state: State, ue: UeReport) -> int:
    report = LinkReport(ue.dl_mcs, ue.cqi, ue.dl_ok, ue.dl_lost, ue.dl_layers_ppm)
    return bits_per_prb(report, state.mcs_table, state.controller.shape.elements_per_prb)


def _links(state: State, ues: Mapping[int, UeReport]) -> dict[int, UsualLink]:
    """A UE that says that it hears nothing is not one that says nothing: its link is the worst. Who is missing in one
    report is not forgotten.
    """
    here = state.arrived.seen_ns or {}
    return {rnti: link for rnti, link in state.links.items() if rnti in here} | {
        rnti: state.links.get(rnti, UsualLink()).heard(
            _link(state, ue) or (UNHEARD_BITS if ue.cqi == 0 else 0)
        )
        for rnti, ue in ues.items()
    }


def _uplink(state: State, ue: UeReport) -> int:
    """Of the uplink only its MCS tells, and only where data moved."""
    report = LinkReport(ue.ul_mcs, None, ue.ul_ok, ue.ul_lost, ue.ul_layers_ppm)
    return bits_per_prb(report, state.up_mcs_table, UPLINK_ELEMENTS_PER_PRB)


def _confirm(state: State, samples: Sequence[SliceSample], now_ns: int) -> Outcome:
    """Slices whose metrics contradict what they were told are told again, and the operator once."""
    doubts = dict(state.doubts)
    for sample in samples:
        item = state.controller.slices.get(sample.snssai)
        told = state.session.told.get(sample.snssai)
        whole = state.reported_ns is not None and item is not None and item.changed_ns <= state.reported_ns
        if item is None or told is None or not whole or told != loop.ratio(state.controller, item):
            continue
        bits = sample.bits_per_prb or item.estimate.bits_per_prb
        verdict = judge(told, sample, bits, item.promise.floor_bps, state.controller.shape)
        if verdict is Verdict.AGREES:
            doubts.pop(sample.snssai, None)
        elif verdict is Verdict.CONTRADICTS:
            doubts[sample.snssai] = doubts.get(sample.snssai, 0) + 1
    doubtful = [snssai for snssai, count in doubts.items() if count and count % CONTRADICTIONS == 0]
    fresh = [snssai for snssai in doubtful if doubts[snssai] == CONTRADICTIONS]
    state = state._replace(doubts=doubts)
    state, commands = (
        _take_session(state, gnb.doubt(state.session, doubtful, now_ns), now_ns) if doubtful else (state, [])
    )
    notes = [
        Note("slice_not_applied", f"slice {snssai} does not get what the gNB said it has; it is told again")
        for snssai in fresh
    ]
    return state, [*notes, *commands]


def _delivered(state: State, samples: Sequence[SliceSample], elapsed_ns: int) -> dict[bytes, Delivery]:
    """Of UEs for whom more speaks than that they were seen to come."""
    deliveries, sure = dict(state.deliveries), state.sure_slots
    for sample in samples:
        grant_id = state.pool.holder(sample.snssai)
        if grant_id is not None and sample.snssai in sure:
            bits = deliveries.get(grant_id, Delivery()).bits + sample.rate_bps * elapsed_ns // NS_PER_S
            deliveries[grant_id] = Delivery(bits, sample.waiting_bytes)
    return deliveries


def _with_window(state: State, ues: Mapping[int, UeReport], now_ns: int) -> dict[int, join.Window]:
    """What each UE got since the box counted last, and what waits for it."""
    elapsed_ns = 0 if state.reported_ns is None else min(now_ns - state.reported_ns, LONGEST_PERIOD_NS)
    here = state.arrived.seen_ns or {}
    windows = {rnti: known for rnti, known in state.window.items() if rnti in here}
    for rnti, ue in ues.items():
        waiting_bytes = ue.dl_waiting_bytes
        known = state.window.get(rnti) or join.Window(least_bytes=waiting_bytes)
        carried_bps = _link(state, ue) * state.controller.shape.downlink_slots_per_s
        windows[rnti] = join.Window(
            known.bits + ue.dl_bps * elapsed_ns // NS_PER_S,
            known.prb_bits + carried_bps * elapsed_ns // NS_PER_S,
            known.before_bytes,
            waiting_bytes,
            min(known.least_bytes, waiting_bytes),
            max(known.most_bytes, waiting_bytes),
        )
    return windows


def _count(state: State, counters: Mapping[bytes, int], now_ns: int) -> Outcome:
    """The box's own counters: one window of the comparison by bytes."""
    sent = {
        snssai: _sent(state, snssai, max(0, octets - state.counted[grant_id]) * 8)
        for grant_id, octets in counters.items()
        if grant_id in state.counted and (snssai := state.pool.slot_of(grant_id)) is not None
    }
    known = {
        grant_id: octets for grant_id, octets in counters.items() if state.pool.slot_of(grant_id) is not None
    }
    before_ns, window = state.counted_ns, state.window
    waiting = {rnti: _next_window(ended) for rnti, ended in window.items()}
    state = state._replace(counted=known, counted_ns=now_ns, window=waiting)
    if before_ns is None or state.reported_ns is None or state.reported_ns <= before_ns:
        return state, []  # the gNB said nothing of this window
    joined = join.compare(state.joined, sent, window)
    for rnti in state.joined.slot_of.keys() - joined.slot_of.keys():  # its bytes are somebody else's
        state = state._replace(arrived=arrivals.forget(state.arrived, rnti))
    state = state._replace(joined=joined)
    return _serve_blindly(state, sent, now_ns - before_ns)


def _sent(state: State, snssai: Snssai, bits: int) -> join.Sent:
    item = state.controller.slices[snssai]
    return join.Sent(bits, item.promise.floor_bps, item.prb, item.max_prb)


def _next_window(window: join.Window) -> join.Window:
    waiting_bytes = window.waiting_bytes
    return join.Window(0, 0, waiting_bytes, waiting_bytes, waiting_bytes, waiting_bytes)


def _serve_blindly(state: State, sent: Mapping[Snssai, join.Sent], elapsed_ns: int) -> Outcome:
    """Slots whose UE is not found although their floors are asked for get more, and the operator hears of it once."""
    controller, unknown = state.controller, dict(state.unknown)
    commands: list[Command] = []
    asking: set[Snssai] = set()
    for snssai in state.joined.slot_of.values():
        if unknown.pop(snssai, None) is not None:
            controller = loop.see(controller, snssai)
    for snssai in sent.keys() - set(state.joined.slot_of.values()):
        own = sent[snssai]
        asks = own.bits * 100 * NS_PER_S >= own.floor_bps * _ASKS_PERCENT * elapsed_ns
        if not asks or own.floor_bps == NO_FLOOR_BPS:
            continue
        asking.add(snssai)
        unknown[snssai] = unknown.get(snssai, 0) + 1
        controller = loop.raise_blindly(controller, snssai)
        if unknown[snssai] == NOTED_WINDOWS:
            text = f"slice {snssai}: which UE is in it is not known yet; its share is raised blindly"
            commands.append(Note("ue_unknown_to_gnb", text))
    return state._replace(controller=controller, unknown=unknown, asking=frozenset(asking)), commands


def _note_overbooked(state: State) -> Outcome:
    """Once when it begins; and when there is room to sell again, or a fade would be news every second."""
    needed_prb = state.controller.needed_prb
    over = needed_prb > (state.controller.sell_prb if state.told_overbooked else state.controller.keep_prb)
    if over is state.told_overbooked:
        return state, []
    text = f"floors need {needed_prb} PRBs, {state.controller.keep_prb} may be used"
    kind = "cell_overbooked" if over else "cell_fits_again"
    return state._replace(told_overbooked=over), [Note(kind, text)]


def _without(items: Mapping[K, V], key: K) -> dict[K, V]:
    return {known: value for known, value in items.items() if known != key}
