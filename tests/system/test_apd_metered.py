"""Paying as one goes through the real box: `python -m apd run` beside the real operatord, ledger and broker, on the
real kernel, with traffic that is counted on both sides. hostapd has no radio, and FreeRADIUS asks operatord as in
tests/system/test_operatord_metered.py, which has the device.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from apd.shells.control import ask_status
from apd.shells.fake_hostapd import FakeHostapd
from lab.counters import ByteCounter
from lab.ledger_process import format_ledger_section, write_private
from lab.namespaces import Namespace, Port, namespaces, plug, run
from lab.processes import Child, Household
from nas_tunnel.anqp import VENDOR, read_air_offer
from operatord.channels import permit_id_of
from tests.ledger_house import ledger_house
from tests.operator_house import STATION, OperatorHouse
from tests.system.test_operatord_metered import (
    BSSID,
    DAS_PORT,
    INCREMENT_UBC,
    INTERVAL_S,
    METERED,
    PAYMENT_PORT,
    PORT,
    Device,
    das,
)
from wire.create import Create
from wire.ids import MacAddress
from wire.micropayment import instance_of
from wire.network import read_network
from wire.payment import Word
from wire.tariff import terms_id

__all__ = ["das"]  # a fixture
pytestmark = pytest.mark.system
INTERFACE, MONITOR = "wlan0", "airmon0"
TRAFFIC_PORT = 9_000
IP_HEADERS = 20 + 8
PATIENT = METERED.replace("interval_s =", "missed_allowed = 4\ninterval_s =")
"""A busy machine may miss a payment or two."""


@dataclass
class Roof:
    """The box with its air: `say` does something where hostapd lives."""

    house: OperatorHouse
    apd: Child
    hostapd: FakeHostapd
    here: Namespace
    station: Namespace
    folder: Path
    loop: asyncio.AbstractEventLoop

    def say(self, work: Callable[[], object]) -> None:
        async def run() -> None:
            work()

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def lets_in(self) -> bool:
        """What the kernel says of the station."""
        return STATION in run(["nft", "list", "map", "netdev", "airgrant", "down"])

    def rates(self) -> str:
        return run(["tc", "class", "show", "dev", INTERFACE])

    def wait(self, fact: Callable[[], bool], what: str) -> None:
        self.apd.wait_for(fact, what, 20)

    def session_bytes(self) -> tuple[int, int]:
        (session,) = ask_status(self.folder / "apd.sock")["sessions"]
        return session["down_bytes"], session["up_bytes"]


@pytest.fixture
def roof(tmp_path: Path, needs: Callable[..., None]) -> Iterator[Roof]:
    needs("mosquitto", "nft", "tc", "ip", "ethtool")
    with (
        ledger_house(tmp_path, PORT, "accept_software_keys = true") as ledger,
        Household(tmp_path / "logs") as household,
        namespaces() as make,
        _here() as here,
    ):
        house = OperatorHouse(ledger, household, PORT + 1, tmp_path / "operator")
        house.write(PATIENT, das_port=DAS_PORT)
        house.open_shop()
        with ledger.client(house.key) as client:
            assert ledger.submit(client, Create(house.key.public), house.key).executed
        house.start()
        station = make("metered-sta")
        ends = (IPv4Interface("10.98.0.1/24"),), (IPv4Interface("10.98.0.2/24"),)
        plug(Port(here, INTERFACE, str(BSSID), ends[0]), Port(station, INTERFACE, STATION, ends[1]))
        plug(Port(here, MONITOR), Port(station, MONITOR))
        with _hostapd(tmp_path / "hostapd") as (hostapd, loop):
            words: list[str | Path] = [sys.executable, "-m", "apd", "run", _write_config(tmp_path, house)]
            box = Roof(house, household.start("apd", words), hostapd, here, station, tmp_path, loop)
            box.apd.wait_for_line('"ready"', 20)
            box.wait(lambda: hostapd.beacons > 0, "the offer on the air")
            yield box


@contextmanager
def _here() -> Iterator[Namespace]:
    """Where the operator's loopback is: the namespace of this process, by a name."""
    run(["ip", "netns", "attach", "metered-roof", str(os.getpid())])
    try:
        yield Namespace("metered-roof")
    finally:
        run(["ip", "link", "del", INTERFACE])
        run(["ip", "link", "del", MONITOR])
        run(["ip", "netns", "del", "metered-roof"])


@contextmanager
def _hostapd(path: Path) -> Iterator[tuple[FakeHostapd, asyncio.AbstractEventLoop]]:
    loop, hostapd = asyncio.new_event_loop(), FakeHostapd(path, bssid=BSSID)
    thread = threading.Thread(target=loop.run_forever, name="hostapd")
    thread.start()

    async def start() -> None:
        hostapd.start()

    async def kill() -> None:
        hostapd.kill()

    asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield hostapd, loop
    finally:
        asyncio.run_coroutine_threadsafe(kill(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _write_config(folder: Path, house: OperatorHouse) -> Path:
    write_private(folder / "provider.pem", house.provider.to_pem())
    ledger = house.ledger
    identity = ledger.authority.issue_client("roof", house.provider.key)
    config = folder / "apd.toml"
    config.write_text(
        f'[box]\nreport_interval_s = 1\nsubmit_timeout_s = 1\n[shaper]\ninterface = "{INTERFACE}"\n'
        'downlink_capacity_bps = "50Mbit/s"\nuplink_capacity_bps = "50Mbit/s"\n'
        + format_ledger_section("127.0.0.1", identity, ledger.key.public, ledger.ledger_id, ledger.port)
        + '[meter]\nsoftware_key_file = "meter.pem"\naccept_unattested = true\n'
        '[files]\nprovider_key_file = "provider.pem"\nstore = "apd.sqlite"\ncontrol_socket = "apd.sock"\n'
        f'[air]\nhostapd_socket = "hostapd"\noperator = "{house.key.public}"\nmonitor = "{MONITOR}"\n'
        f'[tariff]\naddress = "127.0.0.1"\nport = {PAYMENT_PORT}\ninterval_s = {INTERVAL_S}\n'
        'per_minute_ubc = 30_000\nfloor_down_bps = "1Mbit/s"\nceil_down_bps = "2Mbit/s"\n'
        'floor_up_bps = 0\nceil_up_bps = "2Mbit/s"\n'
    )
    return config


class Stream:
    """Datagrams from the box to its station, each heard before the next is sent."""

    def __init__(self, roof: Roof) -> None:
        self.to = ("10.98.0.2", TRAFFIC_PORT)
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ear = roof.station.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.ear.bind(("10.98.0.2", TRAFFIC_PORT))
        self.ear.settimeout(5)
        self.bytes = 0

    def send(self, count: int, payload_bytes: int = 1_000) -> None:
        for _ in range(count):
            self.sender.sendto(bytes(payload_bytes), self.to)
            assert len(self.ear.recv(2_000)) == payload_bytes
            self.bytes += IP_HEADERS + payload_bytes

    def is_heard(self) -> bool:
        self.sender.sendto(b"?", self.to)
        self.ear.settimeout(0.5)
        try:
            return bool(self.ear.recv(2_000))
        except TimeoutError:
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sender.close()
        self.ear.close()


def test_a_station_is_served_by_its_channel_as_long_as_it_pays(roof: Roof, das: socket.socket) -> None:
    house, station = roof.house, MacAddress.parse(STATION)
    shown = read_air_offer(roof.hostapd.elements[VENDOR])
    tariff = read_network(shown.network, house.provider.public).tariff
    assert tariff is not None
    device = Device(house)
    instance = instance_of(house.ledger.ledger_id, house.key.public.octets)
    assert terms_id(tariff, instance, BSSID) == device._terms_id, "operator and box ask the same"

    with device.socket, ByteCounter(roof.station, INTERFACE) as counter, Stream(roof) as stream:
        assert device.join().status_code == 200
        roof.say(lambda: roof.hostapd.let_in(station, str(device.key.public)))
        roof.wait(roof.lets_in, "the station is served")
        assert device.pay(INCREMENT_UBC, 0).word is Word.SERVED
        assert "rate 1Mbit ceil 2Mbit" in roof.rates()

        before = counter.read()
        stream.send(300)
        received = counter.read().rx_ip_bytes - before.rx_ip_bytes
        assert received >= stream.bytes
        roof.wait(lambda: roof.session_bytes()[0] >= stream.bytes, "the box counted it")
        down, up = roof.session_bytes()
        assert stream.bytes <= down <= received + 3_000, "and hardly more: neighbours are looked for"
        opened_s = time.monotonic()
        _account(house, device, 3, down, up)
        assert device.pay(2 * INCREMENT_UBC, 1).counted_bytes == down + up

        request = das.recv(4_096)  # nobody has paid since
        assert request[0] == 40, "Disconnect-Request"
        roof.say(lambda: roof.hostapd.leave(station))
        roof.wait(lambda: not roof.lets_in(), "it is served no more")
        assert not stream.is_heard()
        roof.say(lambda: roof.hostapd.let_in(station, str(device.key.public)))  # without asking the operator
        roof.wait(lambda: station not in roof.hostapd.stations, "it is thrown out")
        assert not roof.lets_in()
    _account(house, device, 2, *roof.session_bytes(), round(time.monotonic() - opened_s))
    roof.wait(lambda: _reconcile(house)["judged"] == 1, "the box has reported up to the end")
    told = _reconcile(house)
    assert (told["ok"], told["meters"], told["grants"][0]["outcome"]) == (True, [], "agrees")
    assert told["grants"][0]["metered_down_bytes"] == roof.session_bytes()[0]


def _reconcile(house: OperatorHouse) -> dict[str, Any]:
    """What `operatord reconcile` finds of the only session there was; one that is open is none yet."""
    said = subprocess.run(
        [sys.executable, "-m", "operatord", "reconcile", house.config, "--json"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    page: dict[str, Any] = json.loads(said.stdout)
    return page


def _account(
    house: OperatorHouse, device: Device, status: int, down: int, up: int, lasted_s: int = 0
) -> None:
    """What hostapd would say by RADIUS, of whatever the box counted."""
    permit_id = permit_id_of(instance_of(house.ledger.ledger_id, house.key.public.octets), device.key.public)
    page = {
        "Acct-Session-Id": "A", "NAS-Identifier": "roof", "Packet-Src-IP-Address": "127.0.0.1",
        "Class": "0x" + permit_id.hex(), "Calling-Station-Id": STATION, "Called-Station-Id": f"{BSSID}:airgrant",
        "Acct-Status-Type": status, "Acct-Session-Time": lasted_s, "Event-Timestamp": int(time.time()),
        "Acct-Input-Octets": up, "Acct-Output-Octets": down,
    }  # fmt: skip
    assert httpx.post(f"{house.url}/v1/accounting", json=page, timeout=10).status_code == 204
