"""What is free in each slot from now on, in units of an offer: what an auction of this box may sell.

In: sessions, what earlier auctions sold, what else is promised. Out: units by slot, rounded down. A slot has as many
units as the scarcest of its resources: either direction of the capacity, places of the shaper's pool and, with [air],
the radio's time. The ledger counts otherwise: units, wherever their stations are. So no slot has more than what an
empty box would have, less the units that are sold for it: the ledger lets go whatever is sold of a forecast.
Nothing is forecast to come but the end of what is promised, so that a forecast never falls.
Reference: session auctions, 003 4.5 (C(tau)); market/ubid/forecast.py is the same of one resource.
"""

from collections.abc import Iterable, Sequence

from apd.auction_state import ShareKey, SoldShare, key_of
from apd.promises import others
from apd.session import Phase, Session
from apd.state import State
from wire.auction_terms import MAX_UNITS
from wire.frozen import dataclass
from wire.ids import Station
from wire.metered_pass import is_metered_pass
from wire.qos import Qos
from wire.units import PPM, Now

STEP_MS = 1_000
"""A session ends on the monotonic clock, a slot begins on the wall clock. One that is stepped further than this is
heeded; what is nearer is how far two readings of them differ.
"""


@dataclass(frozen=True, slots=True)
class Promise:
    """Floors that are somebody's until `ends_ms` (UTC; None: nobody knows until when), at his station if he is here."""

    qos: Qos
    ends_ms: int | None = None
    station: Station | None = None

    def reaches(self, begins_ms: int) -> bool:
        """Whether it holds when a slot begins."""
        return self.ends_ms is None or self.ends_ms > begins_ms


@dataclass(frozen=True, slots=True)
class Resource:
    """`limit` in all, of which each promise takes its part, and one unit more takes `unit`."""

    limit: int
    taken: Sequence[int]
    unit: int

    def units(self, holding: Sequence[bool]) -> int:
        """How many fit beside the promises that hold."""
        used = sum(amount for amount, holds in zip(self.taken, holding, strict=True) if holds)
        return max(0, (self.limit - used) // self.unit)


def forecast(state: State, qos: Qos, first_s: int, slot_s: int, slots: int, now: Now) -> tuple[int, ...]:
    """Units of `qos` that are free in each of so many slots, of which the first begins at `first_s` (UTC)."""
    promises = promised(state, now)
    resources = _resources(state, qos, promises)
    counted, most = counted_units(state, now), most_units(state, qos)
    if state.auctions is not None:
        most -= state.auctions.elsewhere
    found = []
    for begins_s in range(first_s, first_s + slots * slot_s, slot_s):
        units = _units(resources, [one.reaches(begins_s * 1_000) for one in promises])
        left = most - sum(sold for sold, ends_s in counted if ends_s > begins_s)
        found.append(max(0, min(MAX_UNITS, units, left)))
    return tuple(found)


def most_units(state: State, qos: Qos) -> int:
    """What the same box would have if nothing was promised: the most that the ledger lets be out at once."""
    return _units(_resources(state, qos, ()), ())


def counted_units(state: State, now: Now) -> list[tuple[int, int]]:
    """What is sold as the ledger counts it: units, and until when (UTC, seconds). Whoever left is counted until then,
    too. Grants that were bought before auctions began are among them if this box has seen them.
    """
    shares = state.auctions.shares(now.utc_s) if state.auctions is not None else []
    grants = {grant_id: session.grant for grant_id, session in state.sessions.items()}
    if state.air is not None:
        grants |= {grant_id: known.grant for grant_id, known in state.on_air.grants.items()}
    mine = state.settings.provider.provider_id
    bought = [one for one in grants.values() if one.provider_id == mine and not is_metered_pass(one)]
    if state.auctions is not None:
        bought = state.auctions.without_winners(bought)
    return [(one.units, one.ends_s) for one in shares] + [(one.allocations, one.ends_s) for one in bought]


def promised(state: State, now: Now) -> list[Promise]:
    """Everything that is somebody's: what auctions sold, joined or not, left or not, as the ledger counts it, too; what
    other sessions hold; and what was bought here and has no session yet, for as long as it may take.
    """
    shares = state.auctions.shares(now.utc_s) if state.auctions is not None else []
    holding: dict[ShareKey, list[Session]] = {}
    for grant_id in state.stations.values():
        session = state.sessions[grant_id]
        holding.setdefault(key_of(session.grant), []).append(session)
    promises = [_of_winner(share, holding.get(share.key, []), now) for share in shares]
    promises += [_of_session(session, now) for sessions in holding.values() for session in sessions]
    return promises + [Promise(qos) for qos in others(state, now)]


def _of_winner(share: SoldShare, sessions: list[Session], now: Now) -> Promise:
    """What was sold; his session, if he has one, is the same promise and is taken off the list."""
    if not sessions:
        return Promise(share.qos, share.ends_s * 1_000)
    here = _of_session(sessions.pop(), now)
    return Promise(share.qos, here.ends_ms, here.station)


def _of_session(session: Session, now: Now) -> Promise:
    """A metered pass is renewed as long as it is paid for; who is being removed is there until he is."""
    if session.phase is Phase.EXPIRING or is_metered_pass(session.grant):
        return Promise(session.qos, None, session.station)
    ends_ms = now.utc_ms + (session.ends_ns - now.mono_ns) // 1_000_000
    return Promise(session.qos, max(session.grant.ends_s * 1_000, ends_ms - STEP_MS), session.station)


def _resources(state: State, unit: Qos, promises: Sequence[Promise]) -> list[Resource]:
    shaper, ppm = state.settings.shaper, state.settings.admission_ppm
    found = [
        Resource(
            shaper.downlink_capacity_bps * ppm // PPM,
            [one.qos.floor_down_bps for one in promises],
            unit.floor_down_bps,
        ),
        Resource(
            shaper.uplink_capacity_bps * ppm // PPM,
            [one.qos.floor_up_bps for one in promises],
            unit.floor_up_bps,
        ),
        Resource(state.pool.limit, [1 for _ in promises], 1),
    ]
    if state.settings.air is not None:
        found.append(_air(state, unit, promises))
    return [one for one in found if one.unit]


def _air(state: State, unit: Qos, promises: Iterable[Promise]) -> Resource:
    """The radio's time: who is here as his station is, everybody else at the reference."""
    from apd import budget  # a wired box does without
    from apd.airtime import share_ppm

    assert state.settings.air is not None, "no [air] in the settings"
    taken = [share_ppm(one.qos, budget.throughput_of(state, one.station)) for one in promises]
    reference = budget.throughput_of(state, None)
    return Resource(state.settings.air.airtime_budget_ppm, taken, share_ppm(unit, reference))


def _units(resources: Iterable[Resource], holding: Sequence[bool]) -> int:
    return min(resource.units(holding) for resource in resources)
