"""apd's shells on a radio: what the monitor interface hears of stock wpa_supplicant, what stock hostapd shows and
tells, and that who is thrown out has to prove its key again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apd.events import Event, HostapdConnected, MonitorListens, PurchaseHeard, StationAssociated, StationLeft
from apd.shells.hostapd import Hostapd
from apd.shells.monitor import Monitor
from apd.shells.nl80211 import add_monitor
from lab.certificates import Authority, Identity, new_key
from lab.processes import Household
from lab.wifi.air import OPERATOR_V4, WifiAir, wifi_air
from lab.wifi.hostapd import Hostapd as HostapdProcess
from lab.wifi.hostapd import PaidBss, RadiusServer, radius_lines, start_hostapd
from lab.wifi.radius import start_freeradius, write_comparison
from lab.wifi.supplicant import Supplicant, ask_anqp, eap_tls, join, leave, scan, start_supplicant
from nas_tunnel.anqp import (
    VENDOR,
    read_elements,
    write_beacon_element,
    write_offer_query,
    write_purchase_query,
)
from wire.ids import MacAddress

SECRET = "0123456789abcdef"
OFFER_CHANGES = 10


@dataclass
class Site:
    air: WifiAir
    hostapd: HostapdProcess
    supplicant: Supplicant
    mine: Identity
    folder: Path

    @property
    def bssid(self) -> MacAddress:
        return MacAddress.parse(self.air.box(1).bssid)

    @property
    def station(self) -> MacAddress:
        return MacAddress.parse(self.air.station(1).mac)


class Shells:
    """Both, in a running loop, and what they reported."""

    def __init__(self, site: Site) -> None:
        self.heard: list[Event] = []
        self._news = asyncio.Event()
        self.hostapd = Hostapd(site.hostapd.sockets / "wlan0", site.folder / "run")
        self.monitor = Monitor("airmon0", site.bssid, lambda: add_monitor("wlan0", "airmon0"))

    def report(self, event: Event) -> None:
        self.heard.append(event)
        self._news.set()

    async def until(self, kind: type, count: int = 1) -> Any:
        async with asyncio.timeout(30):
            while len(found := [event for event in self.heard if isinstance(event, kind)]) < count:
                self._news.clear()
                await self._news.wait()
        return found[count - 1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("shells")
    with wifi_air(1, 1) as air, Household(folder / "logs") as household:
        authority = Authority.create(folder / "pki")
        server = authority.issue_server("radius", ["radius"])
        address = str(OPERATOR_V4.ip)
        write_comparison(folder / "radius", address, SECRET, server, [("bob", "builder")])
        start_freeradius(household, air.operator, folder / "radius")
        lines = radius_lines(RadiusServer(address, SECRET), "box1")
        keeps_keys = tuple(line for line in lines if line != "disable_pmksa_caching=1")
        paid = PaidBss("paid", keeps_keys, bridge="br0")
        yield Site(
            air=air,
            hostapd=start_hostapd(household, air.box(1).namespace, folder, [("wlan0", paid)]),
            supplicant=start_supplicant(household, air.station(1).namespace, folder, "sta1"),
            mine=authority.issue_client("me", new_key()),
            folder=folder,
        )


def beside(site: Site, story: Callable[[Shells], Coroutine[Any, Any, None]]) -> None:
    """Plays a story in the box's namespace, with both shells there."""

    async def run() -> None:
        shells = Shells(site)
        shells.hostapd.start(shells.report)
        shells.monitor.start(shells.report)
        try:
            await shells.until(HostapdConnected)
            await shells.until(MonitorListens)
            await story(shells)
        finally:
            shells.hostapd.close()
            shells.monitor.close()

    site.air.box(1).namespace.call(lambda: asyncio.run(run()))


def test_it_is_this_network(site: Site) -> None:
    async def story(shells: Shells) -> None:
        assert await shells.until(HostapdConnected) == HostapdConnected(b"paid", site.bssid)

    beside(site, story)


def test_what_was_set_is_in_an_answer_at_once_and_in_the_beacon(site: Site) -> None:
    async def story(shells: Shells) -> None:
        with site.supplicant.control() as control:
            scan(control, "paid")
            took_ms = []
            for number in range(OFFER_CHANGES):
                began, shown = time.perf_counter(), b""
                shells.hostapd.set_element(VENDOR, b"\x02AG%d" % number)
                async with asyncio.timeout(5):  # a request waits for the reply to the one before
                    while shown != b"\x02AG%d" % number:
                        answer = await asyncio.to_thread(
                            ask_anqp, control, str(site.bssid), write_offer_query()
                        )
                        shown = read_elements(answer).get(VENDOR, b"")
                took_ms.append((time.perf_counter() - began) * 1_000)
            shells.hostapd.set_beacon_element(write_beacon_element(b"offer", 250_000, 600, 2_000_000))
            await asyncio.sleep(0)
            await asyncio.to_thread(scan, control, "paid")
            assert write_beacon_element(b"offer", 250_000, 600, 2_000_000).hex() in control.ask(
                f"BSS {site.bssid}"
            )
            print(f"set and asked: {sorted(took_ms)[len(took_ms) // 2]:.1f} ms, median of {len(took_ms)}")

    beside(site, story)


def test_a_purchase_of_a_stranger_is_heard_and_one_over_a_protected_link_is_not(site: Site) -> None:
    async def story(shells: Shells) -> None:
        with site.supplicant.control() as control:
            scan(control, "paid")
            query = write_purchase_query(b"p" * 400)
            await asyncio.to_thread(ask_anqp, control, str(site.bssid), query)
            assert await shells.until(PurchaseHeard) == PurchaseHeard(site.station, b"p" * 400)
            mine = site.mine
            await asyncio.to_thread(
                join, control, eap_tls("paid", mine.certificate, mine.key, mine.authority)
            )
            await asyncio.to_thread(ask_anqp, control, str(site.bssid), write_purchase_query(b"unheard"))
            await asyncio.to_thread(leave, control)
            await asyncio.to_thread(scan, control, "paid")
            await asyncio.to_thread(ask_anqp, control, str(site.bssid), write_purchase_query(b"heard"))
            assert await shells.until(PurchaseHeard, 2) == PurchaseHeard(site.station, b"heard")

    beside(site, story)


def test_who_is_thrown_out_proves_its_key_again_also_where_hostapd_keeps_keys(site: Site) -> None:
    async def story(shells: Shells) -> None:
        mine = site.mine
        with site.supplicant.control() as control:
            scan(control, "paid")
            await asyncio.to_thread(
                join, control, eap_tls("paid", mine.certificate, mine.key, mine.authority)
            )
            assert (await shells.until(StationAssociated)).station == site.station
            since = control.mark()
            shells.hostapd.deauthenticate(site.station)
            await shells.until(StationLeft)
            await asyncio.to_thread(control.wait_for, "CTRL-EVENT-CONNECTED", 30.0, since=since)
            said = " ".join(one.text for one in control.heard[since:])
            assert "CTRL-EVENT-EAP-SUCCESS" in said, "it came back without RADIUS"
            await asyncio.to_thread(leave, control)

    beside(site, story)
