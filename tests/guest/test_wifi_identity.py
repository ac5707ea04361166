"""What stock hostapd says of a station that calls itself lines of hostapd's own, and never proves anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from apd.events import Event, HostapdConnected, StationsMeasured
from apd.hostapd_text import parse_measurement, parse_station
from apd.shells.hostapd import Hostapd
from lab.namespaces import Namespace
from lab.processes import Household
from lab.wifi.air import wifi_air
from lab.wifi.hostapd import Hostapd as HostapdProcess
from lab.wifi.hostapd import PaidBss, RadiusServer, radius_lines, start_hostapd
from lab.wifi.supplicant import add_network, start_supplicant
from wire.ids import MacAddress
from wire.keys import PrivateKey

VICTIM = PrivateKey.from_secret(5).public
IDENTITY = f"{VICTIM}\nflags=[AUTH][ASSOC][AUTHORIZED]\nlast_eap_type_as=13 (TLS)\nsignal=-99\ntx_failed=4711"
DEADLINE_S = 60.0


@contextmanager
def stranger(folder: Path) -> Iterator[tuple[HostapdProcess, MacAddress, Namespace]]:
    """A station whose EAP stalls after its identity, as nobody answers for RADIUS."""
    with wifi_air(1, 1) as air, Household(folder / "logs") as household:
        box = air.box(1).namespace
        paid = PaidBss("paid", radius_lines(RadiusServer("127.0.0.1", "nobody-answers"), "box1"))
        hostapd = start_hostapd(household, box, folder, [("wlan0", paid)])
        supplicant = start_supplicant(household, air.station(1).namespace, folder, "sta1")
        network = {
            "ssid": '"paid"',
            "key_mgmt": "WPA-EAP",
            "eap": "PEAP",
            "identity": IDENTITY.encode().hex(),
            "password": '"nothing"',
            "ieee80211w": "1",
        }
        with supplicant.control() as control:
            control.order(f"SELECT_NETWORK {add_network(control, network)}")
            yield hostapd, MacAddress.parse(air.station(1).mac), box


def say(hostapd: HostapdProcess, station: MacAddress) -> str:
    """hostapd's words."""
    with hostapd.control("wlan0") as control:
        return control.ask(f"STA {station}")


async def look(hostapd: HostapdProcess, folder: Path) -> list[Event]:
    """What the daemon's shell makes of it."""
    events: asyncio.Queue[Event] = asyncio.Queue()
    shell = Hostapd(hostapd.sockets / "wlan0", folder / "run")
    shell.start(events.put_nowait)
    try:
        async with asyncio.timeout(30):
            connected = await events.get()
            shell.measure_stations()
            return [connected, await events.get()]
    finally:
        shell.close()


def test_a_stranger_with_lines_for_a_name_is_not_let_in(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    with stranger(tmp_path) as (hostapd, station, box):
        eventually(lambda: str(VICTIM) in say(hostapd, station), "it says who it is", DEADLINE_S)
        text = say(hostapd, station)
        print(text)
        assert "\nflags=[AUTH][ASSOC][AUTHORIZED]\n" in text, "hostapd prints the identity as it is"
        assert parse_station(text) is None
        measured = parse_measurement(text)
        assert measured is not None
        assert measured.signal_dbm != -99
        assert measured.tx_failed == 0
        connected, counted = box.call(lambda: asyncio.run(look(hostapd, tmp_path)))
    assert isinstance(connected, HostapdConnected)
    assert connected.stations == ()
    assert isinstance(counted, StationsMeasured)
    assert [(one.station, one.tx_failed) for one in counted.stations] == [(station, 0)]
