"""What is free in each slot: the least of capacity, places and air, beside everything that is somebody's already."""

from __future__ import annotations

from dataclasses import replace

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apd.airtime import StationAir, StationMeasurement, share_ppm
from apd.auction_state import AuctionState, SoldShare
from apd.budget import throughput_of
from apd.forecast import counted_units, forecast, most_units, promised
from apd.session import Phase, Session, instant_ns
from apd.state import PendingPurchase, State
from ledger.clearing.book import Listing
from market.ubid.forecast import forecast_of
from tests.apd.air_world import AIR, air_box, channel_pass
from tests.apd.playbook import settings, start_box
from tests.apd.world import CONSUMER, OTHER_CONSUMER, PROVIDER, START, START_S, grant
from tests.clearing_world import BIDDERS, CLEARING_S, ClearingWorld
from tests.clearing_world import SLOT_S as HOUSE_SLOT_S
from wire.auction_terms import MAX_UNITS
from wire.grant import Grant
from wire.ids import MacAddress
from wire.qos import Qos
from wire.units import PPM, Now

UNIT = Qos(1_000_000, 4_000_000, 500_000, 4_000_000)
SLOT_S = 20
FIRST_S = START_S + 10


def box(*sessions: Session, air: bool = False, **changes: object) -> State:
    """50 Mbit/s down, 20 up; these sessions, and nothing sold."""
    own = settings(air=AIR if air else None, **changes)
    return replace(start_box(own, sessions).state, auctions=AuctionState())


def session(number: int, qos: Qos = UNIT, ends_s: int = FIRST_S + 30, **changes: object) -> Session:
    made = grant(number, qos=qos, duration_s=ends_s - START_S)
    return of(made, number, **changes)


def of(made: Grant, number: int, **changes: object) -> Session:
    ends_ns = instant_ns(made.ends_s, START)
    station = MacAddress(b"\x02\0\0\0\5" + bytes((number,)))
    usual = Session(made, b"", made.total_qos, station, 15 + number, Phase.ACTIVE, ends_ns, START.mono_ns)
    return replace(usual, **changes)  # type: ignore[arg-type]  # a test names real fields


def sold(state: State, *shares: SoldShare) -> State:
    return replace(state, auctions=AuctionState(sold={b"a": shares}))


def look(state: State, slots: int = 4, unit: Qos = UNIT, now: Now = START) -> tuple[int, ...]:
    return forecast(state, unit, FIRST_S, SLOT_S, slots, now)


class TestResources:
    def test_an_empty_box_has_as_much_as_its_scarcest_direction(self):
        assert look(box()) == (40,) * 4
        assert look(box(), unit=replace(UNIT, floor_up_bps=0)) == (50,) * 4
        assert look(box(admission_ppm=500_000)) == (20,) * 4
        assert most_units(box(), UNIT) == 40

    def test_places_of_the_pool_are_counted(self):
        small = replace(UNIT, floor_down_bps=0, floor_up_bps=0)
        state = box(session(1, small))
        state = replace(state, pool=replace(state.pool, limit=10))
        assert look(state, unit=small) == (9, 9, 10, 10)

    def test_no_slot_has_more_than_a_house_clears(self):
        assert look(box(), unit=Qos(0, 1_000_000, 1_000, 1_000_000)) == (MAX_UNITS,) * 4

    def test_the_air_is_counted_at_the_reference(self):
        state = box(air=True)
        share = share_ppm(UNIT, throughput_of(state, None))
        assert look(state) == (650_000 // share,) * 4 == (8,) * 4

    def test_the_air_of_who_is_here_is_counted_as_his_station_is(self):
        state = box(session(1), air=True)
        slow = replace(throughput_of(state, None), down_bps=2_000_000, up_bps=20_000_000)
        station = next(iter(state.stations))
        known = air_box().state.airtime
        assert look(state) == (7, 7, 8, 8)
        measured = StationAir(StationMeasurement(MacAddress(bytes(6))), slow, slow)
        state = replace(state, airtime=replace(known, stations={station: measured}))
        assert look(state) == (1, 1, 8, 8)  # its unit takes 525,000 ppm now

    def test_stations_that_are_near_do_not_free_more_than_the_ledger_lets_go(self):
        """It counts units; on the air those of a station that is near are a part of one."""
        made = grant(1, qos=UNIT, allocations=3, duration_s=FIRST_S + 3 * SLOT_S - START_S)
        state = with_rate(box(of(made, 1), air=True), 4)
        share = SoldShare(CONSUMER.public, made.ends_s, made.total_qos, 3)
        assert [units for units, _ in counted_units(state, START)] == [3]
        assert look(state) == look(sold(state, share)) == (5, 5, 5, 8)


class TestPromises:
    def test_a_session_is_counted_until_it_ends(self):
        assert look(box(session(1, UNIT.times(3), FIRST_S + SLOT_S))) == (37, 40, 40, 40)
        assert look(box(session(1, UNIT.times(3), FIRST_S + SLOT_S + 1))) == (37, 37, 40, 40)
        assert look(box(session(1, UNIT.times(3), FIRST_S))) == (40, 40, 40, 40)

    def test_who_is_closed_is_not(self):
        left = box(session(1, phase=Phase.CLOSED))
        assert promised(left, START) == []

    def test_to_the_ledger_he_holds_his_units(self):
        closed = of(
            grant(1, qos=UNIT, allocations=3, duration_s=FIRST_S - START_S + 1), 1, phase=Phase.CLOSED
        )
        assert look(box(closed)) == (37, 40, 40, 40)

    def test_who_bought_of_somebody_else_holds_none(self):
        made = replace(grant(1, qos=replace(UNIT, floor_down_bps=0, floor_up_bps=0)), provider_id=bytes(16))
        assert counted_units(box(of(made, 1)), START) == []

    def test_who_cannot_be_removed_is_counted_until_he_is(self):
        assert look(box(session(1, phase=Phase.EXPIRING, ends_s=FIRST_S))) == (39,) * 4

    def test_a_metered_pass_is_renewed(self):
        made = replace(channel_pass(), qos=UNIT, duration_s=30, grant_id=b"pass" + bytes(12))
        assert look(box(of(made, 1), air=True)) == (7,) * 4

    def test_a_purchase_under_way_is_counted_in_each(self):
        state = box(air=True)
        pending = {b"t": PendingPurchase((), 0, {}, UNIT.times(2))}
        assert look(replace(state, lobby=replace(state.lobby, pending=pending))) == (6,) * 4

    def test_what_auctions_sold_is_counted_whether_he_came_or_not(self):
        made = grant(1, qos=UNIT, allocations=3, duration_s=FIRST_S + SLOT_S - START_S + 1)
        share = SoldShare(CONSUMER.public, made.ends_s, made.total_qos, 3)
        waits = sold(box(), share)
        assert look(waits) == (37, 37, 40, 40)
        assert look(sold(box(of(made, 1)), share)) == (37, 37, 40, 40)
        assert look(sold(box(of(made, 1, phase=Phase.CLOSED)), share)) == (37, 37, 40, 40)
        assert len(promised(waits, START)) == 1

    def test_two_of_one_winner_are_two(self):
        made = grant(1, qos=UNIT, duration_s=600)
        share = SoldShare(CONSUMER.public, made.ends_s, UNIT, 1)
        assert look(sold(box(of(made, 1)), share, share)) == (38,) * 4
        both = box(of(made, 1), of(grant(2, qos=UNIT, duration_s=600), 2))
        assert look(sold(both, share, share)) == (38,) * 4
        assert look(sold(both, share)) == (38,) * 4

    def test_a_wall_clock_that_is_set_forward_frees_nobody(self):
        late = Now(START.mono_ns, START.utc_ms + 3_600_000)
        state = box(session(1, ends_s=FIRST_S + SLOT_S))
        assert forecast(state, UNIT, FIRST_S + 3_600, SLOT_S, 4, late) == (39, 40, 40, 40)

    def test_clocks_that_differ_by_a_little_cost_no_slot(self):
        late = Now(START.mono_ns, START.utc_ms + 900)
        assert look(box(session(1, ends_s=FIRST_S + SLOT_S)), now=late) == (39, 40, 40, 40)


def with_rate(state: State, times: int, parts: int = 1) -> State:
    """Every station of it is that much faster than the reference."""
    reference = throughput_of(state, None)
    rate = replace(
        reference,
        down_bps=reference.down_bps * times // parts,
        up_bps=reference.up_bps * times // parts,
    )
    found = {
        station: StationAir(StationMeasurement(MacAddress(bytes(6))), rate, rate)
        for station in state.stations
    }
    return replace(state, airtime=replace(air_box().state.airtime, stations=found))


def is_settled(listing: Listing) -> bool:
    return listing.closed is not None and not listing.closed.reason


def test_a_real_house_and_ledger_settle_an_auction_of_all_of_it():
    """Three of eight units are sold for three slots to a station that is near; the next auction sells all the rest."""
    world = ClearingWorld()
    state = box(air=True)
    first = world.open(world.session(*look(state), units=most_units(state, UNIT), minimum_ubc=1))
    world.bid(first, BIDDERS[0], 1_000, units=3, slots=3)
    assert is_settled(world.clear(first))
    made = grant(1, qos=UNIT, allocations=3, duration_s=FIRST_S + 2 * SLOT_S - START_S)
    here = with_rate(box(of(made, 1), air=True), 4)
    state = sold(here, SoldShare(CONSUMER.public, made.ends_s, made.total_qos, 3))
    free, most = look(state), most_units(state, UNIT)
    assert (free, most) == ((5, 5, 8, 8), 8)
    later_s = CLEARING_S + HOUSE_SLOT_S
    full = world.open(world.session(*free, units=most, minimum_ubc=1, clearing_s=later_s))
    world.bid(full, BIDDERS[1], 1_000, units=4, slots=4)
    world.bid(full, BIDDERS[2], 1_000, units=1, slots=2)
    assert is_settled(world.clear(full))


sessions_of = st.lists(
    st.tuples(
        st.integers(0, 4_000_000),
        st.integers(0, 2_000_000),
        st.integers(1, 120),
        st.sampled_from([Phase.ACTIVE, Phase.ACTIVE, Phase.EXPIRING, Phase.CLOSED]),
    ),
    max_size=6,
)
shares_of = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 8), st.booleans(), st.booleans()), max_size=4, unique=True
)


def world(
    sessions: list[tuple[int, int, int, Phase]], shares: list[tuple[int, int, bool, bool]], air: bool = False
) -> State:
    """A box with ordinary sessions and with shares, whose winners came, or did not."""
    found = [
        session(number, Qos(down, 8_000_000, up, 8_000_000), START_S + ends_s, phase=phase)
        for number, (down, up, ends_s, phase) in enumerate(sessions, 1)
    ]
    won = []
    for number, (units, slots, came, other) in enumerate(shares, 20):
        consumer = (OTHER_CONSUMER if other else CONSUMER).public
        lasts_s = FIRST_S - SLOT_S + slots * SLOT_S - START_S
        made = grant(number, consumer=consumer, qos=UNIT, allocations=units, duration_s=max(1, lasts_s))
        won.append(SoldShare(consumer, made.ends_s, made.total_qos, units))
        found += [of(made, number)] if came else []
    return sold(box(*found, air=air), *won)


def limits(state: State) -> tuple[int, int]:
    shaper, ppm = state.settings.shaper, state.settings.admission_ppm
    return shaper.downlink_capacity_bps * ppm // PPM, shaper.uplink_capacity_bps * ppm // PPM


@hypothesis.settings(max_examples=150, deadline=None)
@given(sessions=sessions_of, shares=shares_of)
def test_it_is_that_of_the_market_for_each_resource(sessions, shares):
    state = world(sessions, shares)
    down_limit, up_limit = limits(state)
    downs, ups = [], []
    for slot in range(6):
        holding = [one for one in promised(state, START) if one.reaches((FIRST_S + slot * SLOT_S) * 1_000)]
        downs.append(down_limit - sum(one.qos.floor_down_bps for one in holding))
        ups.append(up_limit - sum(one.qos.floor_up_bps for one in holding))
    down, up = forecast_of(downs, UNIT.floor_down_bps), forecast_of(ups, UNIT.floor_up_bps)
    found = look(state, 6)
    counted = counted_units(state, START)
    left = [
        most_units(state, UNIT) - sum(units for units, ends_s in counted if ends_s > FIRST_S + slot * SLOT_S)
        for slot in range(6)
    ]
    assert found == tuple(map(min, down.units, up.units, left))
    assert list(found) == sorted(found), "it never falls"
    assert max(found) <= most_units(state, UNIT)


@hypothesis.settings(max_examples=150, deadline=None)
@given(sessions=sessions_of, shares=shares_of, data=st.data())
def test_whatever_is_sold_of_it_fits_in_each_slot(sessions, shares, data):
    state = world(sessions, shares)
    free, down_limit = list(look(state, 6)), limits(state)[0]
    more = []
    while max(free[:1], default=0) > 0 and data.draw(st.booleans()):
        units, slots = data.draw(st.integers(1, free[0])), data.draw(st.integers(1, 6))
        free = [left - units if slot < slots else left for slot, left in enumerate(free)]
        more.append(SoldShare(PROVIDER.public, FIRST_S + slots * SLOT_S, UNIT.times(units), units))
    assert state.auctions is not None
    after = sold(state, *state.auctions.sold[b"a"], *more)
    for slot in range(6):
        holding = [one for one in promised(after, START) if one.reaches((FIRST_S + slot * SLOT_S) * 1_000)]
        assert sum(one.qos.floor_down_bps for one in holding) <= down_limit
        assert sum(one.qos.floor_up_bps for one in holding) <= limits(state)[1]
    assert look(after, 6) == tuple(free)


@hypothesis.settings(max_examples=150, deadline=None)
@given(
    sessions=sessions_of,
    shares=shares_of,
    air=st.booleans(),
    times=st.integers(1, 8),
    parts=st.integers(1, 4),
)
def test_the_ledger_lets_all_of_it_go(sessions, shares, air, times, parts):
    """Counted as the ledger does: every unit of every grant that is not over, wherever its holder is."""
    state = world(sessions, shares, air)
    state = with_rate(state, times, parts) if air else state
    free, most = look(state, 6), most_units(state, UNIT)
    assert list(free) == sorted(free), "it never falls"
    won = [(units, FIRST_S - SLOT_S + slots * SLOT_S) for units, slots, _, _ in shares]
    others = [(1, START_S + ends_s) for _, _, ends_s, _ in sessions]
    for slot, units in enumerate(free):
        begins_s = FIRST_S + slot * SLOT_S
        held = sum(sold_units for sold_units, ends_s in won + others if ends_s > begins_s)
        assert units == 0 or held + units <= most


@pytest.mark.parametrize("slots", [1, 60])
def test_it_has_as_many_slots_as_are_asked_for(slots):
    assert len(look(box(), slots)) == slots
