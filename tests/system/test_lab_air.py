"""The lab's network on the real kernel: who hears whom, how fast the air is, and how uplink turns are shared."""

import contextlib
import os
import socket
import time

import pytest

from lab.air import BOX_V4, BOX_V6, lab
from lab.counters import ByteCounter, Witness
from lab.namespaces import NETNS_FOLDER, create, delete
from lab.processes import Household
from lab.traffic import ping_once, start_flood
from lab.world import WORLD_V4, WORLD_V6
from wire.errors import ShellError

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        os.environ.get("AIRGRANT_SANDBOX") != "1", reason="needs network namespaces: lab/sandbox.sh"
    ),
]

AIR_BPS = 20_000_000
FRAME_OVER_IP = 1242 / 1228
"""The floods send 1200 bytes of payload: 1228 of IP, 1242 in a frame."""


@pytest.fixture(scope="module")
def network():
    with lab(3, downlink_bps=AIR_BPS, uplink_bps=AIR_BPS) as made:
        yield made


@pytest.mark.parametrize("address", [WORLD_V4, WORLD_V6, BOX_V4, BOX_V6])
def test_a_station_reaches_the_world_and_the_box_in_both_families(network, address):
    assert ping_once(network.station(1).namespace, str(address.ip)) > 0


def test_stations_reach_each_other_only_through_the_box(network):
    one, other = network.station(1), network.station(2)
    with ByteCounter(network.box, "wlan0") as at_box:
        before = at_box.read()
        ping_once(one.namespace, str(other.v4.ip))
        after = at_box.read()
    assert (after.rx_packets - before.rx_packets, after.tx_packets - before.tx_packets) >= (2, 2)
    network.box.run(["nft", "add table inet closed"])
    network.box.run(["nft", "add chain inet closed f { type filter hook forward priority 0; policy drop; }"])
    try:
        with pytest.raises(ShellError, match="no answer"):
            ping_once(one.namespace, str(other.v4.ip), deadline_s=0.3)
    finally:
        network.box.run(["nft", "delete table inet closed"])


def test_a_multicast_of_one_station_is_heard_by_the_box_and_by_no_station(network):
    group, port = "ff02::4147:1", 18573

    def listen():
        ear = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        ear.bind(("::", port))
        index = socket.if_nametoindex("wlan0")
        membership = socket.inet_pton(socket.AF_INET6, group) + index.to_bytes(4, "little")
        ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
        ear.settimeout(0.3)
        return ear

    ears = [place.call(listen) for place in (network.box, network.station(2).namespace)]

    def call_out():
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as mouth:
            mouth.sendto(b"who sells?", (group, port, 0, socket.if_nametoindex("wlan0")))

    network.station(1).namespace.call(call_out)
    with ears[0] as box, ears[1] as neighbour:
        heard, sender = box.recvfrom(100)
        assert (heard, sender[0].split("%")[0]) == (b"who sells?", "fe80::ff:fe00:7701")
        with pytest.raises(TimeoutError):
            neighbour.recv(100)


def test_the_box_sees_the_stations_mac(network):
    station = network.station(3)
    ping_once(station.namespace, str(BOX_V4.ip))
    assert f"{station.v4.ip} dev wlan0 lladdr {station.mac}" in network.box.run(["ip", "neigh"])


def test_downlink_is_limited_in_total(network, tmp_path):
    with contextlib.ExitStack() as stack:
        stations = [network.station(number) for number in (1, 2)]
        ears = [stack.enter_context(Witness(each.namespace, 7000)) for each in stations]
        home = stack.enter_context(Household(tmp_path))
        for each in stations:
            start_flood(home, each.name, network.world, str(each.v4.ip), 7000, AIR_BPS)
        got_bps = measure_full(lambda: [sum_of(ear) for ear in ears])
    assert sum(got_bps) == pytest.approx(AIR_BPS, rel=0.05)


def test_uplink_gives_equal_turns_to_those_who_have_something_to_send(network, tmp_path):
    """Two who flood with different greed get equal shares; the modest third gets all that it asks for."""
    offers = {1: AIR_BPS * 2, 2: AIR_BPS, 3: AIR_BPS // 20}
    with Witness(network.world, 7001) as world, Household(tmp_path) as home:
        for number, bps in offers.items():
            start_flood(home, f"{number}", network.station(number).namespace, str(WORLD_V4.ip), 7001, bps)
        addresses = [str(network.station(number).v4.ip) for number in offers]
        greedy, greedier, modest = measure_full(lambda: [world.read()[each].from_bytes for each in addresses])
    assert greedy == pytest.approx(greedier, rel=0.05)
    assert modest == pytest.approx(AIR_BPS // 20 * FRAME_OVER_IP, rel=0.05)
    assert greedy + greedier + modest == pytest.approx(AIR_BPS, rel=0.05)


def test_no_frame_is_longer_than_the_radio_allows(network):
    """TCP from the world arrives at the station in MTU-sized frames, none of them merged."""
    station = network.station(1)
    with ByteCounter(station.namespace, "wlan0") as counter:
        before = counter.read()
        sent = send_over_tcp(network.world, station.namespace, str(station.v4.ip), 1_000_000)
        after = counter.read()
    frames = after.rx_packets - before.rx_packets
    assert frames >= sent / 1448
    assert (after.rx_ip_bytes - before.rx_ip_bytes) / frames <= 1500


def test_a_borrowed_mac_is_indistinguishable(network):
    """An open network cannot tell: the box sees the victim's MAC on packets of the thief."""
    thief, victim = network.station(2), network.station(1)
    thief.borrow_mac(victim.mac)
    try:
        ping_once(thief.namespace, str(BOX_V4.ip))
        assert f"{thief.v4.ip} dev wlan0 lladdr {victim.mac}" in network.box.run(["ip", "neigh"])
    finally:
        thief.borrow_mac(thief.mac)
    ping_once(thief.namespace, str(BOX_V4.ip))


def test_an_unanswered_station_can_transmit_to_the_box(network):
    station = network.station(3)
    station.pin_box()
    neighbours = station.namespace.run(["ip", "neigh"])
    assert f"{BOX_V4.ip} dev wlan0 lladdr 02:00:00:00:77:00 PERMANENT" in neighbours


def test_namespaces_go_with_the_block():
    namespace = create("short-lived")
    assert (NETNS_FOLDER / "short-lived").exists()
    with pytest.raises(ShellError, match="File exists"):
        create("short-lived")
    delete(namespace)
    assert not (NETNS_FOLDER / "short-lived").exists()


def measure(read_bytes):
    """The average rates in bit/s of Ethernet frames over a window that the clock closes."""
    time.sleep(0.3)  # let the queues fill: what is asked is the steady state
    begun, first = time.monotonic(), read_bytes()
    time.sleep(1.5)
    last, lasted_s = read_bytes(), time.monotonic() - begun
    return [
        (after - before) * 8 / lasted_s * FRAME_OVER_IP for before, after in zip(first, last, strict=True)
    ]


def measure_full(read_bytes):
    """The same, of the first window of four in which the senders had enough of a busy machine to fill the air."""
    for _ in range(4):
        got_bps = measure(read_bytes)
        assert sum(got_bps) <= AIR_BPS * 1.05, "in no window may more come through"
        if sum(got_bps) >= AIR_BPS * 0.95:
            return got_bps
    return measure(read_bytes)


def sum_of(ear):
    return sum(seen.from_bytes for seen in ear.read().values())


def send_over_tcp(sender, receiver, address, size):
    def listen():
        server = socket.create_server((address, 7002))
        server.settimeout(10)
        return server

    server = receiver.call(listen)
    client = sender.call(lambda: socket.create_connection((address, 7002)))
    with server, client:
        incoming, _ = server.accept()
        client.settimeout(10)
        incoming.settimeout(10)
        received = 0
        client.setblocking(False)
        remaining = memoryview(bytes(size))
        with incoming:
            while received < size:
                with contextlib.suppress(BlockingIOError):
                    remaining = remaining[client.send(remaining[:65536]) :] if remaining else remaining
                received += len(incoming.recv(262_144))
    return size
