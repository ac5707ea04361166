"""What is due, and what follows from it: an increment is all that anybody risks."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.metered import (
    bytes_cost_ubc,
    cost_ubc,
    deadline_ms,
    due_ubc,
    goodwill_ubc,
    increment_ubc,
    least_agreed_bytes,
    most_bytes,
    part_cost_ubc,
    time_cost_ubc,
)
from wire.qos import Qos
from wire.tariff import Tariff

QOS = Qos(2_000_000, 4_000_000, 500_000, 4_000_000)
ADDRESS = IPv4Address("192.0.2.1")
BY_TIME = Tariff(1_000, 0, 10, QOS, ADDRESS)
BY_VOLUME = Tariff(0, 4_000, 60, QOS, ADDRESS)
prices = st.integers(0, 2**32 - 1)
tariffs = st.builds(
    lambda minute, megabyte, interval_s, rate: Tariff(
        minute, megabyte, interval_s, Qos(0, rate, 0, rate), ADDRESS
    ),
    st.integers(1, 2**32 - 1), prices, st.integers(1, 3_600), st.integers(1, 10**10),
)  # fmt: skip
counts = st.integers(0, 10**15)


def test_a_minute_and_a_megabyte() -> None:
    assert time_cost_ubc(BY_TIME, 6) == 1_000
    assert bytes_cost_ubc(BY_VOLUME, 2_500_000) == 10_000
    assert cost_ubc(Tariff(1_000, 4_000, 10, QOS, ADDRESS), 6, 1_000_000) == 5_000


def test_roundings_are_up_and_once() -> None:
    assert time_cost_ubc(BY_TIME, 1) == 167
    assert time_cost_ubc(BY_TIME, 3) == 500
    assert bytes_cost_ubc(BY_VOLUME, 1) == 1
    assert part_cost_ubc(BY_TIME, 1, 0) == 1
    assert part_cost_ubc(BY_TIME, 60_000, 0) == 1_000


def test_an_increment_is_the_most_that_an_interval_costs() -> None:
    assert increment_ubc(BY_TIME) == 167
    assert most_bytes(BY_VOLUME) == 60_000_000
    assert increment_ubc(BY_VOLUME) == 240_000


@given(tariffs, st.integers(0, 10**6), counts)
def test_who_pays_what_is_due_is_at_most_an_increment_ahead(tariff: Tariff, interval: int, had: int) -> None:
    ahead_ubc = due_ubc(tariff, interval, had) - cost_ubc(tariff, interval, had)
    assert 0 < ahead_ubc <= increment_ubc(tariff)


@given(tariffs, st.integers(0, 10**6), counts, st.integers(0, 10**9))
def test_what_was_due_covers_all_that_is_had_until_the_next_payment(
    tariff: Tariff, interval: int, had: int, more: int
) -> None:
    more = min(more, most_bytes(tariff))
    assert due_ubc(tariff, interval, had) >= cost_ubc(tariff, interval + 1, had + more)


@given(tariffs, st.integers(0, 10**6), st.integers(0, 10**6), counts, counts)
def test_more_is_never_cheaper(tariff: Tariff, one: int, other: int, had: int, more: int) -> None:
    assert due_ubc(tariff, one + other, had + more) >= due_ubc(tariff, one, had)


@pytest.mark.parametrize(
    ("counted", "least"), [(0, 0), (20_000, 0), (100_000, 77_000), (10_000_000, 9_680_000)]
)
def test_three_per_cent_and_what_is_no_traffic(counted: int, least: int) -> None:
    assert least_agreed_bytes(counted) == least


def test_a_slow_clock_is_waited_for() -> None:
    assert deadline_ms(BY_TIME, 0) == 7_500
    assert deadline_ms(BY_TIME, 100) == 1_000_000 + 1_000 + 7_500


def test_goodwill_is_what_may_be_missed_and_a_hundredth() -> None:
    assert goodwill_ubc(BY_TIME, 1, 0) == 167
    assert goodwill_ubc(BY_TIME, 3, 10_000) == 601
