"""The monitor's socket on a real link: what a cable carries as frames is filtered, read, bounded and counted as what a
radio hears. tests/guest has real radios.
"""

import asyncio
import contextlib
import resource
import socket
import time

import pytest

from apd.events import MonitorCounted, MonitorListens, MonitorLost, PurchaseHeard
from apd.shells.monitor import Monitor
from apd.shells.nl80211 import add_monitor
from lab.gas_writer import write_gas_frame
from lab.namespaces import Port, create, delete, plug
from nas_tunnel.anqp import write_offer_query, write_purchase_query
from nas_tunnel.gas_frame import GasRequest, GasResponse
from wire.ids import MacAddress

pytestmark = pytest.mark.system

BSSID = MacAddress.parse("02:00:00:00:00:00")
STATION = MacAddress.parse("02:00:00:00:01:00")
NAME = "mon0"


@pytest.fixture
def link(needs):
    """Two namespaces and a cable: (the box's, a socket that puts frames on its monitor interface)."""
    needs("ip", "ethtool")
    box, air = create("monitor-box"), create("monitor-air")
    plug(Port(box, NAME), Port(air, NAME))
    for side in (box, air):
        side.set_kernel(f"ipv6/conf/{NAME}/disable_ipv6", 1)

    def make() -> socket.socket:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        made.bind((NAME, 0))
        return made

    with air.call(make) as radio:
        yield box, radio
    delete(box)
    delete(air)


def request(query: bytes, station: MacAddress = STATION, bssid: MacAddress = BSSID) -> bytes:
    return write_gas_frame(GasRequest(station, bssid, 7, query))


def listen(box, speak, until, heard: list | None = None) -> list:
    """What the monitor reports while `speak` runs in a thread, and after that until `until` is true of it."""
    heard = [] if heard is None else heard

    async def run() -> None:
        news = asyncio.Event()

        def report(event) -> None:
            heard.append(event)
            news.set()

        monitor = Monitor(NAME, BSSID, lambda: add_monitor("nothing", NAME))
        monitor.start(report)
        try:
            await asyncio.to_thread(speak)
            async with asyncio.timeout(10):
                while not until(heard):
                    news.clear()
                    await news.wait()
        finally:
            monitor.close()

    box.call(lambda: asyncio.run(run()))
    return heard


def test_purchases_for_this_bssid_are_heard_and_nothing_else(link):
    box, radio = link
    purchase = write_purchase_query(b"transaction")

    def speak() -> None:
        radio.send(request(write_offer_query()))
        radio.send(request(purchase, bssid=STATION))
        radio.send(write_gas_frame(GasResponse(STATION, BSSID, 7, 0, 0, b"response")))
        radio.send(bytes(100))
        radio.send(request(purchase))

    heard = listen(box, speak, lambda heard: len(heard) == 2)
    assert heard == [MonitorListens(), PurchaseHeard(STATION, b"transaction")]


def test_garbage_is_counted(link):
    box, radio = link
    good = request(write_purchase_query(b"transaction"))

    def speak() -> None:
        for _ in range(3):
            radio.send(good[:-3])

    heard = listen(box, speak, lambda heard: any(isinstance(event, MonitorCounted) for event in heard))
    assert heard[1:] == [MonitorCounted(3, 0)]


def test_a_flood_is_bounded_and_what_was_dropped_is_told(link):
    """100,000 hostile frames: the daemon takes at most 1,600 of them a second, and grows by nothing."""
    box, radio = link
    frame = request(write_purchase_query(b"x" * 1_000))
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()

    def speak() -> None:
        for _ in range(100_000):
            radio.send(frame)

    heard = listen(
        box, speak, lambda heard: any(isinstance(event, MonitorCounted) and event.dropped for event in heard)
    )
    took_s = time.monotonic() - began
    purchases = sum(isinstance(event, PurchaseHeard) for event in heard)
    assert 0 < purchases <= 1_600 * (took_s + 1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 20_000, (
        "the list of events included"
    )


def test_an_interface_that_goes_is_made_and_heard_again(link, eventually):
    box, radio = link
    heard: list = []

    def say() -> bool:
        with contextlib.suppress(OSError):  # the cable is down, or not up yet
            radio.send(request(write_purchase_query(b"transaction")))
        return any(isinstance(event, PurchaseHeard) for event in heard)

    def speak() -> None:
        eventually(lambda: heard, "it listens")
        box.ip(f"link set {NAME} down")
        eventually(lambda: len(heard) >= 3, "it listens again")
        eventually(say, "a purchase is heard")

    listen(box, speak, lambda _: True, heard)
    assert [type(event) for event in heard[:4]] == [
        MonitorListens,
        MonitorLost,
        MonitorListens,
        PurchaseHeard,
    ]
