"""The device's control socket where there is a radio: scans, beacons, and ANQP of every length, by stock programs.

What needs no radio is tried in tests/system/test_device_wpa.py, whole purchases in tests/guest/test_wifi_journeys.py.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from device.anqp import FRESH_S, QueryAnswered, QueryFailed
from device.choice import Candidate
from device.fake_access_point import FakeAccessPoint
from device.fake_air import FakeBss
from device.survey import survey_air
from device.wpa import WpaControl
from device.wpa_text import GasResponse, ScanResults, WpaEvent
from lab.processes import Household
from lab.wifi.air import wifi_air
from lab.wifi.control import Control
from lab.wifi.hostapd import Bss, Hostapd, LobbyBss, PaidBss, RadiusServer, radius_lines, start_hostapd
from lab.wifi.supplicant import Supplicant, start_supplicant
from nas_tunnel.anqp import MAX_ELEMENT_BYTES, VENDOR, find_beacon_element, read_elements, write_offer_query
from tests.device.playbook import BUYER
from wire.ids import MacAddress

ELEMENTS = (281, 282, 283, 284)
DEADLINE_S = 30.0


@dataclass
class Site:
    hostapd: Hostapd
    supplicant: Supplicant
    bssid: MacAddress
    other: MacAddress

    def access_point(self, interface: str = "wlan0") -> Control:
        return self.hostapd.control(interface)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("device")
    with wifi_air(1, 1) as air, Household(folder / "logs") as household:
        bsses: list[tuple[str, Bss]] = [
            ("wlan0", PaidBss("paid", radius_lines(RadiusServer("127.0.0.1", "nobody-is-asked"), "box1"))),
            ("other0", LobbyBss("other")),
        ]
        hostapd = start_hostapd(household, air.box(1).namespace, folder, bsses)
        with hostapd.control("wlan0") as control:
            other = control.ask("STATUS").partition("bssid[1]=")[2][:17]
        yield Site(
            hostapd=hostapd,
            supplicant=start_supplicant(household, air.station(1).namespace, folder, "sta1"),
            bssid=MacAddress.parse(air.box(1).bssid),
            other=MacAddress.parse(other),
        )


@pytest.fixture
def control(site: Site) -> Iterator[WpaControl]:
    with WpaControl(site.supplicant.socket) as control:
        yield control


def wait_for(control: WpaControl, kind: type[WpaEvent]) -> WpaEvent:
    end_s = time.monotonic() + DEADLINE_S
    while (left_s := end_s - time.monotonic()) > 0:
        if select.select([control], [], [], left_s)[0]:
            for event in control.receive():
                if isinstance(event, kind):
                    return event
    pytest.fail(f"no {kind.__name__} within {DEADLINE_S} s")


def scan(control: WpaControl) -> dict[MacAddress, bytes]:
    control.scan()
    wait_for(control, ScanResults)
    return {one.bssid: one.elements for one in control.list_bss() if one.age_s <= FRESH_S}


def ask(control: WpaControl, bssid: MacAddress, ids: tuple[int, ...]) -> QueryAnswered | QueryFailed:
    control.query(bssid, write_offer_query(ids))
    response = wait_for(control, GasResponse)
    assert isinstance(response, GasResponse)
    if response.size < 0:
        return QueryFailed(response.bssid, str(response.status))
    return QueryAnswered(response.bssid, control.fetch(response.bssid, response.dialog_token, response.size))


def test_a_beacon_s_element_is_found(site: Site, control: WpaControl) -> None:
    shop = FakeAccessPoint(BUYER.public, lambda: int(time.time()), bssid=site.bssid, ssid=b"paid")
    cell = FakeBss(shop)
    ours = cell.found().elements[2 + len(shop.ssid) :]
    with site.access_point() as access_point:
        access_point.order(f"SET vendor_elements {ours.hex()}")
        access_point.order("UPDATE_BEACON")
    found = scan(control)
    hint = find_beacon_element(found[site.bssid])
    assert hint is not None
    assert hint.price_ubc == shop.price_ubc
    assert find_beacon_element(found[site.other]) is None


def test_an_offer_is_read_and_verified_without_joining(site: Site, control: WpaControl) -> None:
    shop = FakeAccessPoint(BUYER.public, lambda: int(time.time()), bssid=site.bssid, ssid=b"paid")
    cell = FakeBss(shop)
    ours = cell.found().elements[2 + len(shop.ssid) :]
    payload = read_elements(cell.respond(write_offer_query()) or b"")[VENDOR]
    with site.access_point() as access_point:
        access_point.order(f"SET vendor_elements {ours.hex()}")
        access_point.order("UPDATE_BEACON")
        access_point.order(f"SET anqp_elem {VENDOR}:{payload.hex()}")
    scan(control)
    (shown,) = survey_air(site.supplicant.socket, None)
    assert isinstance(shown.seen, Candidate)
    assert shown.seen.offer.bssid == site.bssid
    assert shown.seen.signal_dbm < 0
    assert "wpa_state=COMPLETED" not in control.request("STATUS")


@pytest.mark.parametrize("count", [1, 2, 4])
def test_answers_of_every_length_come_whole(site: Site, control: WpaControl, count: int) -> None:
    """Of 2 to 8 KiB: more than one GAS fragment, and more than one reply of the control socket."""
    scan(control)
    payloads = {
        info_id: bytes((info_id % 251 + at) % 256 for at in range(MAX_ELEMENT_BYTES))
        for info_id in ELEMENTS[:count]
    }
    with site.access_point() as access_point:
        for info_id, payload in payloads.items():
            access_point.order(f"SET anqp_elem {info_id}:{payload.hex()}")
    answered = ask(control, site.bssid, ELEMENTS[:count])
    assert isinstance(answered, QueryAnswered)
    assert read_elements(answered.response) == payloads


def test_who_went_away_does_not_answer(site: Site, control: WpaControl) -> None:
    """The last one: hostapd 2.10 does not enable two BSSes again."""
    scan(control)
    with site.access_point() as access_point:
        access_point.order("DISABLE")
    assert isinstance(ask(control, site.bssid, (VENDOR,)), QueryFailed)
