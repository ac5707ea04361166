"""The two ends of the compose labs' traffic."""

from __future__ import annotations

import json

import pytest

from lab.compose.load import (
    LEASE_S,
    MAX_RATE_BPS,
    PAYLOAD_BYTES,
    Order,
    Pace,
    read_count,
    read_order,
    write_count,
    write_order,
)

UE = "10.45.0.2"
ONE_PER_MS = 8 * PAYLOAD_BYTES * 1_000


def test_an_order_and_a_count_are_read_as_they_were_written() -> None:
    order = Order(UE, 5_000_000)
    assert read_order(write_order(order)) == order
    assert read_count(write_count(1 << 40)) == 1 << 40


@pytest.mark.parametrize(
    "fields",
    [
        {"to": "10.53.1.12", "rate_bps": 1},  # not a UE
        {"to": "8.8.8.8", "rate_bps": 1},
        {"to": UE, "rate_bps": 0},
        {"to": UE, "rate_bps": MAX_RATE_BPS + 1},
        {"to": UE, "rate_bps": "5"},
        {"to": UE},
        {"to": None, "rate_bps": 1},
        [],
    ],
)
def test_an_order_that_leads_elsewhere_is_none(fields: object) -> None:
    assert read_order(json.dumps(fields).encode()) is None


@pytest.mark.parametrize(
    "octets", [b"", b"\xff", b"{}", b"[1]", b'{"received_bytes": -1}', b'{"received_bytes": 1.5}']
)
def test_what_is_no_count_is_none(octets: bytes) -> None:
    assert read_count(octets) is None
    assert read_order(octets) is None


def test_the_source_keeps_the_ordered_rate_and_owes_little_after_a_pause() -> None:
    pace = Pace()
    assert pace.due(0.0) == 0
    pace.take(Order(UE, ONE_PER_MS), 0.0)
    sent = sum(pace.due(tick / 4_000) for tick in range(4_000))
    assert 995 <= sent <= 1_005
    assert pace.due(1.5) <= 7  # not the 500 that it missed


def test_without_a_new_order_the_source_falls_silent() -> None:
    pace = Pace()
    pace.take(Order(UE, ONE_PER_MS), 0.0)
    assert pace.due(0.0) == 1
    assert pace.due(LEASE_S) == 0
    assert pace.wait_s(LEASE_S) > 0.1
    pace.take(Order(UE, ONE_PER_MS), 10.0)
    assert pace.due(10.0) == 1


def test_an_order_renewed_does_not_begin_anew() -> None:
    pace = Pace()
    for tick in range(10):
        pace.take(Order(UE, ONE_PER_MS), tick / 10_000)
        pace.due(tick / 10_000)
    assert pace.wait_s(0.0009) == pytest.approx(0.0001)
