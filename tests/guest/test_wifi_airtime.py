"""What kernel and hostapd say of a station, against what was really sent to it: the ground under apd/shortfall.py."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from apd.airtime import StationMeasurement
from apd.hostapd_text import parse_measurement
from apd.shells.nl80211 import measure_stations, set_airtime_weight
from apd.shortfall import LinkCounters, link_bytes
from lab.namespaces import run
from lab.processes import Household
from lab.traffic import ping_once
from lab.wifi.air import WifiAir, wifi_air
from lab.wifi.hostapd import Hostapd, PskBss, start_hostapd
from lab.wifi.supplicant import join, psk, scan, start_supplicant
from lab.world import WORLD_V4
from wire.ids import MacAddress

PASSPHRASE = "everybody knows it"
DATAGRAMS, IP_BYTES = 400, 1_500
DEBUG = Path("/sys/kernel/debug/ieee80211")


@dataclass
class Site:
    air: WifiAir
    hostapd: Hostapd

    @property
    def address(self) -> MacAddress:
        return MacAddress.parse(self.air.station(1).mac)

    def measure(self) -> StationMeasurement:
        (one,) = self.air.box(1).namespace.call(lambda: measure_stations("wlan0"))
        return one

    def send(self) -> None:
        """From the world to the station, as fast as it goes; nobody listens there."""
        station = str(self.air.station(1).v4.ip)

        def flood() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for _ in range(DATAGRAMS):
                    sender.sendto(bytes(IP_BYTES - 28), (station, 9))

        self.air.world.call(flood)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("airtime")
    if not DEBUG.parent.is_mount():
        run(["mount", "-t", "debugfs", "none", "/sys/kernel/debug"])
    with wifi_air(1, 1) as air, Household(folder / "logs") as household:
        station = air.station(1)
        hostapd = start_hostapd(
            household, air.box(1).namespace, folder, [("wlan0", PskBss("known", PASSPHRASE, bridge="br0"))]
        )
        supplicant = start_supplicant(household, station.namespace, folder, "sta1")
        with supplicant.control() as control:
            scan(control, "known")
            join(control, psk("known", PASSPHRASE))
        station.take_addresses()
        assert ping_once(station.namespace, str(WORLD_V4.ip)) > 0
        yield Site(air, hostapd)


def counters(one: StationMeasurement) -> LinkCounters:
    return LinkCounters(one.tx_bytes, one.tx_frames, one.tx_failed)


def test_the_link_counts_what_was_sent_and_at_most_ten_bytes_a_frame_more(
    site: Site, eventually: Callable[..., None]
) -> None:
    before = site.measure()
    site.send()
    eventually(lambda: site.measure().tx_frames >= before.tx_frames + DATAGRAMS, "all frames")
    after = site.measure()
    found = link_bytes(counters(before), counters(after))
    frames = after.tx_frames - before.tx_frames
    print(
        f"{frames} frames, {after.tx_bytes - before.tx_bytes} bytes, {found} bytes of IP found", before, after
    )
    assert found is not None
    assert DATAGRAMS * IP_BYTES <= found <= DATAGRAMS * IP_BYTES + 10 * frames + 1_500 * (frames - DATAGRAMS)
    assert after.tx_failed == before.tx_failed


def test_hostapd_says_the_same_of_rates_and_bytes_and_nothing_of_failures(site: Site) -> None:
    with site.hostapd.control("wlan0") as control:
        told = parse_measurement(control.ask(f"STA {site.address}"))
    known = site.measure()
    assert told is not None
    print(told, known)
    assert (told.station, told.tx_rate_bps, told.signal_dbm) == (
        known.station,
        known.tx_rate_bps,
        known.signal_dbm,
    )
    assert 0 <= known.tx_bytes - told.tx_bytes <= 2_000
    assert told.tx_failed == 0
    assert known.signal_dbm < 0
    assert known.tx_rate_bps >= 1_000_000


def test_this_radio_has_no_airtime_weights(site: Site) -> None:
    assert site.air.box(1).namespace.call(lambda: set_airtime_weight("wlan0", site.address, 512)) is False


def test_a_station_that_is_out_of_range_gets_nothing_and_the_link_says_so(
    site: Site, eventually: Callable[..., None]
) -> None:
    """Radios of another group do not hear each other: nobody acknowledges."""
    group = DEBUG / site.air.station(1).radio.phy / "hwsim" / "group"
    before = site.measure()
    group.write_text("2")
    site.send()
    eventually(lambda: site.measure().tx_failed >= before.tx_failed + DATAGRAMS // 2, "frames that fail")
    after = site.measure()
    found = link_bytes(counters(before), counters(after))
    print(
        f"{after.tx_frames - before.tx_frames} frames, {after.tx_failed - before.tx_failed} failed, {found} bytes"
    )
    assert found is not None
    assert found <= DATAGRAMS * IP_BYTES // 20
    group.write_text("1")
