"""Stations as the kernel dumps them: every field from where it stands, and nothing raised by what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apd.airtime import StationMeasurement
from apd.station_dump import read_station
from tc_shaper.attributes import attribute, nested
from tests.apd.world import STATION


def u32(kind: int, value: int) -> bytes:
    return attribute(kind, value.to_bytes(4, "little"))


def u64(kind: int, value: int) -> bytes:
    return attribute(kind, value.to_bytes(8, "little"))


def station(*info: bytes, address: bytes = STATION.octets) -> bytes:
    return u32(3, 7) + attribute(6, address) + u32(46, 1) + nested(21, *info)


def test_every_field():
    rates = nested(8, attribute(1, b"\x1c\x02"), u32(5, 5_400)), nested(14, attribute(1, b"\x82\x00"))
    info = u32(2, 1), u32(3, 2), u64(23, 2**33), u64(24, 2**34), u32(9, 70), u32(10, 80), u32(12, 9)
    signal, expected = attribute(7, b"\xe2"), u32(27, 31_000)
    assert read_station(station(*info, *rates, signal, expected)) == StationMeasurement(
        STATION,
        tx_rate_bps=540_000_000,
        rx_rate_bps=13_000_000,
        expected_bps=31_000_000,
        signal_dbm=-30,
        tx_bytes=2**34,
        tx_frames=80,
        rx_bytes=2**33,
        rx_frames=70,
        tx_failed=9,
    )


def test_old_kernels_count_to_32_bits_and_drivers_leave_out_what_they_do_not_know():
    assert read_station(station(u32(2, 5), u32(3, 6))) == StationMeasurement(STATION, rx_bytes=5, tx_bytes=6)


@pytest.mark.parametrize("body", [b"", u32(3, 7), attribute(6, STATION.octets), station(address=b"short")])
def test_what_is_no_station_is_none(body):
    assert read_station(body) is None


@given(st.binary(max_size=200), st.integers(0, 400))
def test_garbage_is_none_or_a_station(noise, cut):
    whole = station(u32(2, 5), nested(8, noise), nested(14, noise))
    for body in (noise, whole[:cut] + noise, attribute(6, STATION.octets) + nested(21, noise)):
        found = read_station(body)
        assert found is None or found.station.octets
