"""The airtime budget: what stations are thought to carry, what floors cost of the air, and when another fits."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apd.airtime import (
    DEFAULT_WEIGHT,
    LEAST_FRAMES,
    MAX_WEIGHT,
    StationAir,
    StationMeasurement,
    Throughput,
    assume,
    fits,
    is_exceeded,
    measure,
    share_ppm,
    weigh,
)
from tests.apd.world import QOS, STATION
from wire.qos import Qos
from wire.units import PPM

REFERENCE_BPS = 20_000_000
BUDGET_PPM = 650_000


def sample(number: int, **changes: Any) -> StationMeasurement:
    """The `number`-th measurement of a station that moves 1,000 frames each way in between, at 100 Mbit/s."""
    usual = StationMeasurement(
        STATION,
        tx_rate_bps=100_000_000,
        rx_rate_bps=50_000_000,
        signal_dbm=-50,
        tx_bytes=1_500_000 * number,
        tx_frames=1_000 * number,
        rx_bytes=1_500_000 * number,
        rx_frames=1_000 * number,
    )
    return replace(usual, **changes)


def after(*samples: StationMeasurement) -> StationAir:
    known = None
    for one in samples:
        known = measure(known, one, REFERENCE_BPS)
    assert known is not None
    return known


class TestStations:
    @pytest.mark.parametrize(
        ("signal_dbm", "bps"),
        [
            (0, 20_000_000),
            (-40, 20_000_000),
            (-66, 20_000_000),
            (-74, 14_400_000),
            (-80, 5_400_000),
            (-95, 3_600_000),
        ],
    )
    def test_one_not_measured_yet_is_taken_for_the_reference_or_for_less(self, signal_dbm, bps):
        assert assume(signal_dbm, REFERENCE_BPS) == Throughput(bps, bps)

    def test_a_rate_where_nothing_moves_says_nothing(self):
        """After it associated its last frame towards it was one of management, at 1 Mbit/s."""
        idle = sample(
            0, tx_rate_bps=1_000_000, rx_rate_bps=1_000_000, tx_frames=LEAST_FRAMES - 1, rx_frames=3
        )
        air = after(idle, replace(idle, tx_frames=LEAST_FRAMES + 5))
        assert air.held == air.smoothed == Throughput(REFERENCE_BPS, REFERENCE_BPS)
        assert (air.down_measured, air.up_measured) == (False, False)

    def test_it_approaches_six_tenths_of_the_rate(self):
        air = after(*(sample(number) for number in range(1, 40)))
        assert air.smoothed.down_bps == pytest.approx(60_000_000, rel=0.001)
        assert air.smoothed.up_bps == pytest.approx(30_000_000, rel=0.001)
        assert air.held.down_bps >= 60_000_000 * 75 // 100
        assert (air.down_measured, air.up_measured) == (True, True)

    def test_what_the_driver_expects_comes_first_and_says_nothing_of_the_uplink(self):
        air = after(*(sample(number, expected_bps=40_000_000) for number in range(1, 40)))
        assert air.smoothed.down_bps == pytest.approx(40_000_000, rel=0.001)
        assert air.smoothed.up_bps == pytest.approx(30_000_000, rel=0.001)

    def test_one_slow_sample_changes_nothing_and_many_do(self):
        steady = after(*(sample(number) for number in range(1, 40)))
        steady = replace(steady, held=steady.smoothed)
        slow = measure(steady, sample(40, tx_rate_bps=1_000_000), REFERENCE_BPS)
        assert slow.held == steady.held
        for number in range(41, 60):
            slow = measure(slow, sample(number, tx_rate_bps=1_000_000), REFERENCE_BPS)
        assert slow.held.down_bps < 1_000_000

    def test_one_that_associates_again_begins_anew(self):
        known = after(*(sample(number) for number in range(1, 40)))
        again = measure(known, sample(0, signal_dbm=-80, tx_frames=4, rx_frames=2), REFERENCE_BPS)
        assert again.smoothed == Throughput(5_400_000, 5_400_000)
        assert not again.down_measured

    @given(st.lists(st.builds(
        StationMeasurement, st.just(STATION), st.integers(0, 10**11), st.integers(0, 10**11), st.integers(0, 10**11),
        st.integers(-128, 0), st.integers(0, 2**64), st.integers(0, 2**64), st.integers(0, 2**64),
        st.integers(0, 2**64), st.integers(0, 2**64),
    ), min_size=1, max_size=20))  # fmt: skip
    def test_whatever_is_measured_throughput_is_a_whole_number_above_nothing(self, samples):
        air = after(*samples)
        for value in (air.held.down_bps, air.held.up_bps, air.smoothed.down_bps, air.smoothed.up_bps):
            assert type(value) is int
            assert value >= 1


class TestBudget:
    @pytest.mark.parametrize(
        ("qos", "throughput", "ppm"),
        [
            (QOS, Throughput(20_000_000, 20_000_000), 150_000),
            (QOS, Throughput(2_000_000, 1_000_000), 2_000_000),
            (Qos(0, 1, 0, 1), Throughput(1, 1), 0),
            (Qos(1, 1, 1, 1), Throughput(10**12, 10**12), 2),
            (Qos(1_000_000, 1_000_000, 0, 1), Throughput(3_000_000, 1), 333_334),
        ],
    )
    def test_a_share_is_rounded_up_in_each_direction(self, qos, throughput, ppm):
        assert share_ppm(qos, throughput) == ppm

    def test_it_may_be_used_up_and_not_exceeded(self):
        assert fits(BUDGET_PPM, 500_000, 150_000)
        assert not fits(BUDGET_PPM, 500_000, 150_001)

    def test_an_exceeded_budget_does_not_ring(self):
        assert not is_exceeded(BUDGET_PPM, 650_000, before=False)
        assert is_exceeded(BUDGET_PPM, 650_001, before=False)
        assert is_exceeded(BUDGET_PPM, 600_001, before=True)
        assert not is_exceeded(BUDGET_PPM, 600_000, before=True)

    @given(
        st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 10**8), st.integers(1, 10**9)), max_size=40),
        st.integers(1, PPM),
        st.integers(),
    )
    def test_what_is_admitted_never_exceeds_it_in_whatever_order(self, wishes, budget_ppm, seed):
        shares = [
            share_ppm(Qos(down, down + 1, up, up + 1), Throughput(bps, bps)) for down, up, bps in wishes
        ]
        random.Random(seed).shuffle(shares)
        sold_ppm = 0
        for share in shares:
            if fits(budget_ppm, sold_ppm, share):
                sold_ppm += share
        assert 0 <= sold_ppm <= budget_ppm

    @given(st.lists(st.integers(0, 50_000), max_size=20), st.integers())
    def test_if_all_fit_they_fit_in_every_order(self, shares, seed):
        total, shuffled = sum(shares), list(shares)
        random.Random(seed).shuffle(shuffled)
        sold, all_fit = 0, True
        for share in shuffled:
            all_fit = all_fit and fits(BUDGET_PPM, sold, share)
            sold += share
        assert all_fit == (total <= BUDGET_PPM)


@pytest.mark.parametrize(
    ("sold_ppm", "weight"),
    [
        (0, DEFAULT_WEIGHT),
        (5_000, DEFAULT_WEIGHT),
        (10_000, 256),
        (150_000, 3_840),
        (650_000, 16_640),
        (10**9, MAX_WEIGHT),
    ],
)
def test_who_buys_a_hundredth_of_the_air_weighs_as_much_as_who_buys_nothing(sold_ppm, weight):
    assert weigh(sold_ppm) == weight
