"""The core's side of airtime: stations are measured, floors are held against the budget, buyers get their weight.

In: what the link layer says of stations every few seconds, sessions. Out: refusals (`no_airtime`), orders to measure
and to weigh, a note when more is promised than there is. Nobody who was admitted is thrown out for moving away: then
nothing more is sold, the operator is told, and what does not arrive is shortfall (apd/shortfall.py).
The arithmetic is in apd/airtime.py. Only a box with [air] has any of this.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from apd.address import mac_of
from apd.airtime import (
    MEASURE_NS,
    StationAir,
    StationMeasurement,
    Throughput,
    assume,
    fits,
    is_exceeded,
    measure,
    share_of_floors_ppm,
    share_ppm,
    weigh,
)
from apd.commands import Command, MeasureStations, Note, ReadCounters, SetAirtimeWeight
from apd.outcome import NoCapacity, Outcome
from apd.promises import NOTHING, Reserved
from apd.session import Phase, Session
from apd.settings import AirSettings
from apd.shortfall import LinkCounters
from apd.state import State
from wire.errors import ShellError
from wire.ids import MacAddress, Station
from wire.qos import Qos
from wire.units import NS_PER_S, PPM, Now

WEIGH_AGAIN_NS = 30 * NS_PER_S
"""After a weight that the driver refused."""


def check(
    state: State, qos: Qos, station: Station | None = None, kept: Reserved = NOTHING
) -> NoCapacity | None:
    """Whether these floors fit into the air beside what is kept for others; of a station that is not known, as if it
    were the reference.
    """
    budget_ppm = _settings(state).airtime_budget_ppm
    sold = sold_ppm(state) + share_of_floors_ppm(kept.down_bps, kept.up_bps, throughput_of(state, None))
    wanted = share_ppm(qos, throughput_of(state, station))
    if fits(budget_ppm, sold, wanted):
        return None
    left = _format_share(max(0, budget_ppm - sold))
    return NoCapacity(f"{_format_share(wanted)} of the air asked for, {left} left", "no_airtime")


def sold_ppm(state: State) -> int:
    """The part of the air that the floors of all sessions take, as their stations are now."""
    return sum(_share_of(state, session) for session in _held(state))


def throughput_of(state: State, station: Station | None) -> Throughput:
    known = state.airtime.stations.get(station) if station is not None else None
    return known.held if known is not None else assume(0, _settings(state).reference_throughput_bps)


def start(state: State, now: Now) -> State:
    """After a restart: who goes on is measured, and held against the floors, from the beginning."""
    if not any(session.phase is Phase.ACTIVE for session in _held(state)):
        return state
    return replace(state, airtime=replace(state.airtime, measure_due_ns=now.mono_ns + MEASURE_NS))


def plan(before: State, state: State, now: Now) -> Outcome:
    """After each event: measuring goes on while somebody is served, and buyers weigh what they bought."""
    airtime = state.airtime
    if before.sessions is state.sessions and before.airtime is airtime:
        return state, []
    served = [session for session in _held(state) if session.phase is Phase.ACTIVE]
    if airtime.measure_due_ns is None and served:
        airtime = replace(airtime, measure_due_ns=now.mono_ns + MEASURE_NS)
    elif airtime.measure_due_ns is not None and not served:
        airtime = replace(airtime, measure_due_ns=None)
    return _weigh(replace(state, airtime=airtime), served, now)


def pass_time(state: State, now: Now) -> Outcome:
    """Has everybody measured when that is due: both counts at the same instant, as nearly as can be."""
    due_ns = state.airtime.measure_due_ns
    if due_ns is None or due_ns > now.mono_ns:
        return state, []
    state = replace(state, airtime=replace(state.airtime, measure_due_ns=now.mono_ns + MEASURE_NS))
    return state, [ReadCounters(), MeasureStations(state.airtime.by_hostapd)]


def deadlines_ns(state: State) -> list[int]:
    """When something of the above is due."""
    due_ns = state.airtime.measure_due_ns
    return [] if due_ns is None else [due_ns]


def measured(state: State, stations: tuple[StationMeasurement, ...], now: Now) -> Outcome:
    """The stations of the BSS, as the link layer sees them. One that is not among them is forgotten, unless it is
    served: it may have been left out.
    """
    reference_bps = _settings(state).reference_throughput_bps
    known = state.airtime.stations
    air: dict[Station, StationAir] = {at: one for at, one in known.items() if at in state.stations}
    for sample in stations:
        air[sample.station] = measure(known.get(sample.station), sample, reference_bps)
    state = replace(state, airtime=replace(state.airtime, stations=air))
    links: dict[Station, LinkCounters] = {
        one.station: LinkCounters(one.tx_bytes, one.tx_frames, one.tx_failed, one.rx_frames)
        for one in stations
    }
    return _tell(_judge(state, links, now))


def _judge(state: State, links: Mapping[Station, LinkCounters], now: Now) -> State:
    """Holds what was counted last against the floors, of stations whose link layer was counted at the same time."""
    judged = {
        grant_id: session.judged(links[session.station], now.mono_ns)
        for grant_id, session in state.sessions.items()
        if session.phase is Phase.ACTIVE and session.station in links
    }
    return replace(state, sessions={**state.sessions, **judged})  # counters only: who holds what is as before


def measuring_failed(state: State, error: ShellError) -> Outcome:
    """Hostapd is asked from now on, and until another one is there."""
    text = f"{error}: hostapd is asked instead, which counts no failed frames and expects no throughput"
    state = replace(state, airtime=replace(state.airtime, by_hostapd=True))
    return state, [Note("stations_by_hostapd", text), MeasureStations(by_hostapd=True)]


def associated_anew(state: State, station: Station) -> State:
    """The driver made it anew: its weight is forgotten, and its counters began at zero."""
    weights = {other: weight for other, weight in state.airtime.weights.items() if other != station}
    stations = {other: known for other, known in state.airtime.stations.items() if other != station}
    state = replace(state, airtime=replace(state.airtime, weights=weights, stations=stations))
    session = state.session_of(station)
    if session is None or session.watch.link is None:
        return state
    return state.with_session(replace(session, watch=replace(session.watch, link=None)))


def hostapd_anew(state: State) -> State:
    """Every station was made anew; and what could not be done before may be possible now."""
    for station in state.stations:
        state = associated_anew(state, station)
    return replace(state, airtime=replace(state.airtime, weights={}, weightless=False, by_hostapd=False))


def weight_failed(state: State, error: ShellError, station: MacAddress, now: Now) -> Outcome:
    """It does not weigh what it should: that is tried again with a later measurement, if it is still there."""
    airtime = state.airtime
    weights = {other: weight for other, weight in airtime.weights.items() if other != station}
    held = {other: ns for other, ns in airtime.weights_held_ns.items() if ns > now.mono_ns}
    held[station] = now.mono_ns + WEIGH_AGAIN_NS
    state = replace(state, airtime=replace(airtime, weights=weights, weights_held_ns=held))
    return state.with_refusal("weight_failed"), [Note("weight_failed", str(error))]


def weightless(state: State) -> Outcome:
    """The driver shares the air by no weights: said once, and not tried again."""
    if state.airtime.weightless:
        return state, []
    text = "this radio's driver has none: buyers have their floors by admission and shaping alone"
    return replace(state, airtime=replace(state.airtime, weightless=True)), [Note("no_airtime_weights", text)]


def _held(state: State) -> list[Session]:
    """The sessions that something is promised to."""
    return [state.sessions[grant_id] for grant_id in state.stations.values()]


def _share_of(state: State, session: Session) -> int:
    return share_ppm(session.qos, throughput_of(state, session.station))


def _weigh(state: State, served: Iterable[Session], now: Now) -> Outcome:
    """Orders what differs from what the driver was told. Who buys no more is thrown out, and its weight forgotten."""
    airtime = state.airtime
    if airtime.weightless:
        return state, []
    wanted = {
        session.station: weigh(_share_of(state, session))
        for session in served
        if airtime.weights_held_ns.get(session.station, 0) <= now.mono_ns
    }
    if wanted == airtime.weights:
        return state, []
    commands: list[Command] = [
        SetAirtimeWeight(mac_of(at), weight)
        for at, weight in wanted.items()
        if airtime.weights.get(at) != weight
    ]
    return replace(state, airtime=replace(airtime, weights=wanted)), commands


def _tell(state: State) -> Outcome:
    """Tells the operator when more is promised than there is, and when that is over."""
    budget_ppm, sold, airtime = _settings(state).airtime_budget_ppm, sold_ppm(state), state.airtime
    exceeded = is_exceeded(budget_ppm, sold, before=airtime.exceeded)
    if exceeded == airtime.exceeded:
        return state, []
    state = replace(state, airtime=replace(airtime, exceeded=exceeded))
    shares = f"{_format_share(sold)} of the air is promised, {_format_share(budget_ppm)} may be"
    if exceeded:
        return state, [
            Note("airtime_exceeded", f"{shares}: stations moved away; nothing more is sold until it fits")
        ]
    return state, [Note("airtime_fits", shares)]


def _settings(state: State) -> AirSettings:
    assert state.settings.air is not None, "no [air] in the settings"
    return state.settings.air


def _format_share(ppm: int) -> str:
    """In tenths of a per cent."""
    whole, tenth = divmod(ppm * 1_000 // PPM, 10)
    return f"{whole}.{tenth} %"
