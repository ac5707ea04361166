"""The queues that many kernels lack, on one that has them: sessions with fq_codel and CAKE below their class."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from lab.namespaces import Namespace, Port, create, delete, plug
from lab.processes import wait_until
from tc_shaper.kernel import Shaper
from tc_shaper.settings import ShaperSettings
from tc_shaper.tree import FIRST_SLOT, SessionShape, plan_tree
from wire.ids import MacAddress

STATION = "02:00:00:00:77:01"
RATE_BPS = 2_000_000
PUSH_S = 3.0
PAYLOAD_BYTES, PACKET_BYTES = 972, 1_000
PACKETS_PER_S = 1_000


@pytest.fixture
def link() -> Iterator[tuple[Namespace, Namespace]]:
    box, station = create("leafbox"), create("leafsta")
    try:
        plug(Port(box, "wlan0"), Port(station, "wlan0", STATION))
        box.ip(
            "addr add 10.9.0.1/24 dev wlan0",
            f"neigh replace 10.9.0.2 lladdr {STATION} dev wlan0 nud permanent",
        )
        station.ip("addr add 10.9.0.2/24 dev wlan0")
        yield box, station
    finally:
        delete(box)
        delete(station)


def push(box: Namespace, ear: socket.socket) -> int:
    """Four times the rate, for some seconds; how many datagrams arrived meanwhile."""

    def run() -> int:
        begins, sent, arrived = time.monotonic(), 0, 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            while (pushed_s := time.monotonic() - begins) < PUSH_S:
                try:
                    while sent < pushed_s * PACKETS_PER_S:  # a slow machine catches up
                        sender.sendto(bytes(PAYLOAD_BYTES), ("10.9.0.2", 9_000))
                        sent += 1
                except BlockingIOError:  # full: it is the queue behind that is looked at
                    pass
                arrived += drain(ear)
                time.sleep(0.008)
        return arrived

    return box.call(run)


def drain(ear: socket.socket) -> int:
    """How many datagrams wait there."""
    count = 0
    try:
        while ear.recv(2_048):
            count += 1
    except BlockingIOError:
        return count
    raise AssertionError("an empty datagram came")


@pytest.mark.parametrize("leaf", ["fq_codel", "cake"])
def test_a_session_with_this_queue_gets_its_rate_and_its_meter_is_right(
    link: tuple[Namespace, Namespace], leaf: str
) -> None:
    box, station = link
    settings = ShaperSettings(
        interface="wlan0",
        downlink_capacity_bps=20_000_000,
        uplink_capacity_bps=20_000_000,
        leaf=leaf,
        pool_size=4,
        pool_chunk=4,
    )
    shaper = Shaper(settings)
    assert box.call(shaper.set_up).leaf == leaf
    shape = SessionShape(FIRST_SLOT, MacAddress.parse(STATION), RATE_BPS, RATE_BPS, RATE_BPS, RATE_BPS)
    with (
        station.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as ear,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(box.call, shaper.tear_down)
        shaper.install(shape)
        assert shaper.present() == plan_tree(settings, shaper.capabilities, [shape])
        ear.bind(("10.9.0.2", 9_000))
        ear.setblocking(False)
        arrived = push(box, ear)
        wait_until(lambda: not shaper.read_counters()[0].down.waiting_packets, "the queue is empty", 5.0)
        received = PACKET_BYTES * (arrived + drain(ear))
        down = shaper.read_counters()[0].down
    assert abs(down.delivered_bytes - received) <= 300
    assert down.offered_bytes > 1.1 * down.delivered_bytes  # it dropped: a socket of its own holds no more
    assert 0.8 * RATE_BPS * PUSH_S < 8 * received < 1.3 * RATE_BPS * PUSH_S
