"""The radio's time, event by event: what is sold, measured, weighed and said."""

from dataclasses import replace
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apd import budget, sessions
from apd.airtime import MEASURE_NS, StationMeasurement
from apd.commands import MeasureStations, ReadCounters, SetAirtimeWeight, SubmitTransaction
from apd.events import (
    AirtimeWeightFailed,
    AirtimeWeightsMissed,
    CountersRead,
    DeadlineReached,
    HostapdConnected,
    LedgerReplied,
    MeasuringFailed,
    StationAssociated,
    StationsMeasured,
)
from apd.outcome import NoCapacity
from apd.session import Queued, Usage
from nas_tunnel.lobby import Purchase, Refused
from tests.apd.air_world import AIR, SSID, air_box, associates, bought, serve
from tests.apd.playbook import (
    Box,
    Playbook,
    a,
    heard,
    note,
    run_session,
    seconds,
    sells,
    settings,
    start_box,
    told,
)
from tests.apd.world import (
    BSSID,
    CONSUMER,
    OTHER_CONSUMER,
    OTHER_STATION,
    STATION,
    grant,
    purchase,
    reply,
    signed_grant,
)
from wire.errors import ShellError
from wire.ids import MacAddress
from wire.qos import Qos

QUIET = {"report_interval_s": 86_400, "idle_timeout_s": 0}
HEAVY = Qos(5_000_000, 8_000_000, 5_000_000, 8_000_000)
"""Half of the air of the reference station, 20 Mbit/s each way."""


@pytest.fixture
def box() -> Box:
    return air_box(**QUIET)


def of(station=STATION, round_number: int = 1, **changes: Any) -> StationMeasurement:
    """A station at 100 Mbit/s both ways that moved 1,000 frames since the round before."""
    frames = 1_000 * round_number
    usual = StationMeasurement(
        station, 100_000_000, 100_000_000, 0, -50, 1_500 * frames, frames, 1_500 * frames, frames
    )
    return replace(usual, **changes)


def measure(box: Box, *rounds: StationMeasurement) -> None:
    for one in rounds:
        box.feed(StationsMeasured((one,)))


class TestAdmission:
    def test_what_does_not_fit_is_not_sold(self, box):
        serve(box, grant(qos=HEAVY))
        assert Playbook(box) >> heard(Purchase(purchase(9).envelope.encoded)) << a(SubmitTransaction)
        subject = purchase(9).transaction_id
        box.feed(LedgerReplied(subject, reply(subject, reason="sold_out")))
        sells(box, qos=HEAVY, epoch=4, height=20)
        refused = Playbook(box) >> heard(Purchase(purchase(8, epoch=4).envelope.encoded))
        assert refused << told(
            Refused, reason="no_airtime", detail="50.0 % of the air asked for, 15.0 % left"
        )

    def test_nor_for_many_if_not_even_one_of_them_fits(self, box):
        serve(box, grant(qos=HEAVY))
        sells(box, qos=HEAVY, epoch=4, height=20)
        keys = CONSUMER.public.octets + OTHER_CONSUMER.public.octets
        bulk = purchase(8, epoch=4, consumer_keys=keys).envelope.encoded
        assert Playbook(box) >> heard(Purchase(bulk)) << told(Refused, reason="no_airtime")

    def test_neither_on_the_air(self, box):
        serve(box, grant(qos=HEAVY))
        sells(box, qos=HEAVY, epoch=4, height=20)
        box.feed(replace(bought(), transaction=purchase(8, epoch=4).envelope.encoded))
        assert box.state.refused["no_airtime"] == 1
        assert not [command for command in box.ordered if isinstance(command, SubmitTransaction)]

    def test_nor_admitted_when_it_was_bought_before(self, box):
        serve(box, grant(qos=HEAVY))
        serve_other(box, HEAVY)
        assert OTHER_STATION not in box.state.stations
        assert box.state.on_air.associations[OTHER_STATION].reason == "no_airtime"

    def test_it_fits_once_the_first_is_seen_to_be_fast(self, box):
        serve(box, grant(qos=HEAVY))
        less = Qos(4_000_000, 8_000_000, 4_000_000, 8_000_000)
        serve_other(box, less)
        assert OTHER_STATION not in box.state.stations
        measure(box, *(of(round_number=number) for number in range(1, 30)))
        serve_other(box, less)
        assert OTHER_STATION in box.state.stations

    def test_a_wired_box_has_no_such_budget(self):
        wired = sells(start_box(settings(**QUIET)), qos=Qos(25_000_000, 25_000_000, 1, 1))
        asked = Playbook(wired) >> heard(Purchase(purchase().envelope.encoded))
        assert asked << a(SubmitTransaction)


FLOORS = st.lists(st.tuples(st.integers(0, 9_000_000), st.integers(0, 9_000_000)), max_size=12)


@hypothesis.settings(max_examples=60, deadline=None)
@given(FLOORS, st.randoms(use_true_random=False))
def test_admissions_never_exceed_the_budget_and_in_any_order_everybody_fits_or_somebody_is_refused(
    floors, chance
):
    box = air_box(**QUIET)
    wishes = [Qos(down, down + 1, up, up + 1) for down, up in floors]
    outcomes = []
    for order in (wishes, chance.sample(wishes, len(wishes))):
        state, refused = box.state, 0
        for number, qos in enumerate(order, 1):
            made = grant(number, qos=qos)
            station = MacAddress(b"\x02\0\0\0\1" + bytes((number,)))
            opened = sessions.open_session(state, made, signed_grant(made), station, box.now)
            if isinstance(opened, NoCapacity):
                assert opened.reason in ("no_airtime", "no_capacity")
                refused += 1
            else:
                state, _ = opened
            assert budget.sold_ppm(state) <= AIR.airtime_budget_ppm
        outcomes.append(refused == 0)
    assert outcomes[0] == outcomes[1]


def serve_other(box: Box, qos: Qos) -> None:
    made = grant(2, consumer=OTHER_CONSUMER.public, qos=qos)
    try:
        serve(box, made, OTHER_STATION)
    except KeyError:
        assert made.grant_id not in box.state.sessions, "it was not let in"


class TestMeasuring:
    def test_it_begins_with_the_first_session_and_goes_on(self, box):
        serve(box)
        for _ in range(3):
            assert (
                Playbook(box)
                >> seconds(MEASURE_NS / 10**9)
                >> DeadlineReached()
                << ReadCounters()
                << MeasureStations()
            )

    def test_a_kernel_that_says_nothing_is_told_once_and_hostapd_is_asked(self, box):
        serve(box)
        later = Playbook(box) >> MeasuringFailed(ShellError("nl80211", "no")) << note("stations_by_hostapd")
        assert later << MeasureStations(by_hostapd=True)
        again = Playbook(box) >> seconds(5) >> DeadlineReached()
        assert again << ReadCounters() << MeasureStations(by_hostapd=True)
        box.feed(HostapdConnected(SSID, BSSID, (StationAssociated(STATION, CONSUMER.public),)))
        anew = Playbook(box) >> seconds(5) >> DeadlineReached()
        assert anew << ReadCounters() << MeasureStations()

    def test_nobody_is_measured_while_nobody_is_served(self, box):
        assert Playbook(box) >> associates(account=None) >> seconds(1) >> DeadlineReached()
        assert box.state.airtime.measure_due_ns is None

    def test_who_moves_away_stays_and_the_operator_is_told_once(self, box):
        serve(box, grant(qos=HEAVY))
        measure(box, *(of(round_number=number) for number in range(1, 30)))
        box.ordered.clear()
        far = [
            of(round_number=30 + number, tx_rate_bps=6_000_000, rx_rate_bps=6_000_000) for number in range(30)
        ]
        measure(box, *far)
        exceeded = [
            command.text for command in box.ordered if getattr(command, "what", "") == "airtime_exceeded"
        ]
        assert len(exceeded) == 1
        assert STATION in box.state.stations
        assert (
            Playbook(box)
            >> heard(Purchase(purchase(7).envelope.encoded))
            << told(Refused, reason="no_airtime")
        )
        near = [of(round_number=70 + number) for number in range(30)]
        box.ordered.clear()
        measure(box, *near)
        assert [c.what for c in box.ordered if getattr(c, "what", "").startswith("airtime")] == [
            "airtime_fits"
        ]

    def test_who_was_left_out_is_not_forgotten_while_it_is_served(self, box):
        serve(box)
        measure(box, *(of(round_number=number) for number in range(1, 30)))
        known = box.state.airtime.stations[STATION]
        box.feed(StationsMeasured((of(OTHER_STATION),)))
        assert box.state.airtime.stations[STATION] == known
        box.feed(StationsMeasured(()))
        assert set(box.state.airtime.stations) == {STATION}


class TestWeights:
    def test_a_buyer_weighs_what_it_bought_and_no_more_as_it_becomes_faster(self, box):
        serve(box)
        assert box.last(SetAirtimeWeight) == SetAirtimeWeight(STATION, 3_840)
        measure(box, *(of(round_number=number) for number in range(1, 30)))
        weights = [command.weight for command in box.ordered if isinstance(command, SetAirtimeWeight)]
        assert weights == sorted(weights, reverse=True)
        assert 1_280 <= weights[-1] <= 1_280 * 5 // 3

    def test_a_driver_without_weights_is_asked_once_and_it_is_said(self, box):
        serve(box)
        assert Playbook(box) >> AirtimeWeightsMissed() << note("no_airtime_weights") >> AirtimeWeightsMissed()
        serve_other(box, Qos(1, 2, 1, 2))
        asked = [command for command in box.ordered if isinstance(command, SetAirtimeWeight)]
        assert [command.station for command in asked] == [STATION]

    def test_a_station_that_is_gone_is_no_fault_of_the_driver(self, box):
        serve(box)
        assert (
            Playbook(box)
            >> AirtimeWeightFailed(ShellError("nl80211", "no such device"), STATION)
            << note("weight_failed")
        )
        assert not box.state.airtime.weightless

    def test_a_new_hostapd_is_told_again(self, box):
        serve(box)
        box.ordered.clear()
        box.feed(HostapdConnected(SSID, BSSID, (StationAssociated(STATION, CONSUMER.public),)))
        assert box.last(SetAirtimeWeight).station == STATION

    def test_a_weight_that_the_driver_refused_is_tried_again(self, box):
        serve(box)
        weighed = box.last(SetAirtimeWeight)
        assert (
            Playbook(box)
            >> AirtimeWeightFailed(ShellError("nl80211", "busy"), STATION)
            << note("weight_failed")
            >> seconds(25)
            >> StationsMeasured((of(),))
            >> seconds(5)
            >> StationsMeasured((of(round_number=2),))
            << a(SetAirtimeWeight, station=weighed.station)
        )

    def test_after_a_restart_it_begins_at_once(self, box):
        serve(box)
        going = box.state.sessions[grant().grant_id]
        again = start_box(settings(air=AIR, **QUIET), [going])
        assert again.state.airtime.measure_due_ns == again.now.mono_ns + MEASURE_NS
        idle = start_box(settings(air=AIR, **QUIET))
        assert idle.state.airtime.measure_due_ns is None


class TestShortfall:
    def rounds(self, box: Box, *steps: tuple[Usage, Queued, StationMeasurement]) -> Usage:
        """Every five seconds these counters and measurements; what was used in the end."""
        for usage, queued, sample in steps:
            box.pass_time(seconds(5))
            box.feed(CountersRead({16: usage}, queued={16: queued}))
            box.feed(StationsMeasured((sample,)))
        return box.state.sessions[grant().grant_id].used

    def test_what_the_driver_did_not_send_is_missing(self, box):
        """2 Mbit/s down are 1,250,000 bytes in five seconds: the shaper let them through, half of them left the air."""
        serve(box)
        wait = Queued(down=True)
        used = self.rounds(
            box,
            (Usage(0, 0, 0, 0), wait, of(tx_bytes=0, tx_frames=0)),
            (Usage(1_250_000, 0, 5_000_000, 0), wait, of(tx_bytes=500 * 1_282, tx_frames=500)),
            (Usage(2_500_000, 0, 9_000_000, 0), wait, of(tx_bytes=1_500 * 1_282, tx_frames=1_500)),
        )
        assert used.down_shortfall_bytes == 1_250_000 - 500 * 1_250
        assert used.up_shortfall_bytes == 0
        assert box.state.sessions[grant().grant_id].unreported.down_shortfall_bytes == 625_000

    def test_counters_that_began_anew_say_nothing_even_if_they_are_higher(self, box):
        """It associated again between two measurements, and got so much since that only we know."""
        serve(box)
        wait = Queued(down=True)
        first = (Usage(0, 0, 0, 0), wait, of(tx_bytes=100_000, tx_frames=100))
        self.rounds(box, first)
        box.feed(associates())
        second = (Usage(1_250_000, 0, 5_000_000, 0), wait, of(tx_bytes=1_000 * 1_282, tx_frames=1_000))
        assert self.rounds(box, second).down_shortfall_bytes == 0

    def test_a_station_that_nobody_measures_is_judged_by_the_shaper(self, box):
        serve(box)
        box.feed(CountersRead({16: Usage()}, queued={16: Queued(down=True)}))
        box.pass_time(seconds(15))
        box.feed(CountersRead({16: Usage()}, queued={16: Queued(down=True)}))
        box.pass_time(seconds(15))
        box.feed(CountersRead({16: Usage(1_250_000, 0, 9_000_000)}, queued={16: Queued(down=True)}))
        assert box.state.sessions[grant().grant_id].used.down_shortfall_bytes == 2_500_000

    def test_without_demand_nothing_is_missing(self, box):
        serve(box)
        idle = (Usage(10, 10, 10, 10), Queued(), of(tx_bytes=100, tx_frames=1))
        assert self.rounds(box, idle, idle, idle) == Usage(10, 10, 10, 10)

    def test_on_a_wire_nobody_watches(self):
        wired = sells(start_box(settings(**QUIET)))
        made = run_session(wired)
        for _ in range(4):
            wired.pass_time(seconds(60))
            wired.feed(CountersRead({16: Usage(0, 0, 10**9, 0)}, queued={16: Queued(True, True)}))
        assert wired.state.sessions[made].used.down_shortfall_bytes == 0
