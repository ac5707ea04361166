"""hostapd's tables on ubus: what they say of a network and its stations, and what is none."""

import pytest

from apd.airtime import StationMeasurement
from apd.hostapd_table import parse_clients, parse_measurements, parse_status
from apd.hostapd_text import BssConfig
from apd.ubus_message import Table
from tests.apd.world import BSSID, OTHER_STATION, STATION

STATUS: Table = {"status": "ENABLED", "bssid": str(BSSID), "ssid": "airgrant", "freq": 5180}
CLIENT: Table = {
    "authorized": True,
    "bytes": {"rx": 1, "tx": 2},
    "packets": {"rx": 3, "tx": -1},
    "rate": {"rx": 6_000, "tx": 54_000},
    "signal": -70,
}


def test_a_network():
    assert parse_status(STATUS) == BssConfig(b"airgrant", BSSID)


@pytest.mark.parametrize(
    "changes",
    [{"status": "DFS"}, {"status": None}, {"ssid": ""}, {"ssid": 7}, {"bssid": "00:00"}, {"bssid": None}],
)
def test_no_network(changes):
    assert parse_status({**STATUS, **changes}) is None


def test_only_who_was_let_in_is_there():
    clients: Table = {
        str(STATION): CLIENT,
        str(OTHER_STATION): {"authorized": False},
        "nobody": CLIENT,
        "x": 1,
    }
    assert parse_clients({"clients": clients}) == frozenset({STATION})
    assert parse_clients({"clients": {}}) == frozenset()
    assert parse_clients({}) is None
    assert parse_clients({"clients": []}) is None


def test_a_link():
    assert parse_measurements({"clients": {str(STATION): CLIENT, str(OTHER_STATION): {}}}) == (
        StationMeasurement(
            STATION,
            54_000_000,
            6_000_000,
            signal_dbm=-70,
            tx_bytes=2,
            tx_frames=2**32 - 1,
            rx_bytes=1,
            rx_frames=3,
        ),
        StationMeasurement(OTHER_STATION),
    )
    assert parse_measurements({}) == ()


def test_a_rate_below_nothing_is_nothing():
    told: Table = {"clients": {str(STATION): {**CLIENT, "rate": {"rx": -5, "tx": 54_000}}}}
    (measured,) = parse_measurements(told)
    assert (measured.rx_rate_bps, measured.tx_rate_bps) == (0, 54_000_000)
