"""The shaper on the real kernel: who may pass, what is metered, what a restart, a change or an end leaves behind."""

import json
import socket
import subprocess
import time
from dataclasses import replace

import pytest

from lab.air import BOX_V4, lab
from lab.namespaces import Port, create, delete, plug
from lab.traffic import ping_once
from lab.world import WORLD_V4, WORLD_V6
from tc_shaper import rtnetlink
from tc_shaper.kernel import Shaper
from tc_shaper.ruleset import plan_ruleset
from tc_shaper.settings import ShaperSettings
from tc_shaper.tree import FIRST_SLOT, LINK, ClassShape, SessionShape, plan_tree
from wire.errors import ConfigError, ShellError
from wire.ids import MacAddress

pytestmark = pytest.mark.system

MBIT = 1_000_000
LOBBY_PORT = 18_573
SETTINGS = ShaperSettings(
    interface="wlan0",
    wan_interface="wan0",
    downlink_capacity_bps=100 * MBIT,
    uplink_capacity_bps=100 * MBIT,
    pool_size=8,
    pool_chunk=8,
)


@pytest.fixture(scope="module")
def network():
    with lab(3, downlink_bps=200 * MBIT, uplink_bps=200 * MBIT) as made:
        yield made


@pytest.fixture
def shaper(network, needs):
    needs("nft")
    made = Shaper(SETTINGS)
    network.box.call(made.set_up)
    yield made
    network.box.call(made.tear_down)


def shape(network, number, slot=FIRST_SLOT, down=20 * MBIT, up=20 * MBIT):
    station = MacAddress.parse(network.station(number).mac)
    return SessionShape(slot, station, down, down, up, up)


def reaches(station, address, deadline_s=0.4):
    try:
        return ping_once(station.namespace, str(address), deadline_s=deadline_s) > 0
    except ShellError:
        return False


def send(namespace, address, port, count, payload_bytes=1000, interface="wlan0"):
    """Count datagrams, paced so that no queue overflows."""

    def run():
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            scope = (0, socket.if_nametoindex(interface)) if family == socket.AF_INET6 else ()
            for number in range(count):
                sender.sendto(bytes(payload_bytes), (address, port, *scope))
                if number % 10 == 9:
                    time.sleep(0.008)

    namespace.call(run)


def ear(namespace, port=LOBBY_PORT, group=None, interface="wlan0"):
    """A UDP socket that listens in a namespace."""

    def run():
        listener = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("::", port))
        if group:
            index = socket.if_nametoindex(interface).to_bytes(4, "little")
            listener.setsockopt(
                socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, group) + index
            )
        listener.settimeout(0.5)
        return listener

    return namespace.call(run)


def heard(listener):
    count = 0
    try:
        while True:
            listener.recv(2048)
            count += 1
            listener.settimeout(0.3)
    except TimeoutError:
        return count


def link_local(namespace, interface="wlan0"):
    text = namespace.run(["ip", "-6", "-o", "addr", "show", "dev", interface, "scope", "link"])
    return text.split("inet6 ")[1].split("/")[0]


@pytest.mark.parametrize("address", [WORLD_V4.ip, WORLD_V6.ip])
def test_a_station_passes_from_its_installation_to_its_removal_and_not_before_or_after(
    network, shaper, address
):
    one = network.station(1)
    assert not reaches(one, address)
    shaper.install(shape(network, 1))
    assert reaches(one, address, 2.0)
    shaper.remove(FIRST_SLOT, MacAddress.parse(one.mac))
    assert not reaches(one, address)


def test_the_neighbour_of_a_paying_station_does_not_pass_on_its_ticket(network, shaper):
    shaper.install(shape(network, 1))
    assert not reaches(network.station(2), WORLD_V4.ip)
    assert not reaches(network.station(2), network.station(1).v4.ip)
    assert not reaches(network.station(2), BOX_V4.ip)
    assert shaper.read_refusals()["unpaid_in"].packets > 0


def test_an_unpaid_station_talks_to_the_lobby_port_of_the_box_and_to_no_other(network, shaper):
    box = link_local(network.box)
    with ear(network.box) as lobby, ear(network.box, 5_353) as other:
        send(network.station(1).namespace, box, LOBBY_PORT, 5)
        send(network.station(1).namespace, box, 5_353, 5)
        assert (heard(lobby), heard(other)) == (5, 0)
    assert shaper.read_refusals()["lobby_in"].packets >= 5


def test_discovery_by_multicast_reaches_the_box_and_its_answer_the_station(network, shaper):
    group = "ff02::4147:1"
    station = network.station(1).namespace
    with ear(network.box, group=group) as lobby, ear(station, 40_000) as device:
        station.call(
            lambda: device.sendto(b"who sells here", (group, LOBBY_PORT, 0, socket.if_nametoindex("wlan0")))
        )
        lobby.settimeout(2.0)
        text, peer = lobby.recvfrom(2048)
        network.box.call(lambda: lobby.sendto(b"I do", peer))
        device.settimeout(2.0)
        assert (text, device.recv(2048)) == (b"who sells here", b"I do")
    assert shaper.read_refusals()["lobby_out"].packets > 0


def test_the_box_sends_an_unpaid_station_nothing_but_lobby_answers(network, shaper):
    station = link_local(network.station(1).namespace)
    with ear(network.station(1).namespace, 40_000) as device:
        send(network.box, station, 40_000, 3)
        assert heard(device) == 0
    assert shaper.read_refusals()["unpaid_out"].packets >= 3


def test_a_flood_in_the_lobby_is_cut_to_its_rate(network, shaper):
    if not shaper.capabilities.lobby_limits:
        pytest.skip("this kernel has no limit expression in sets")
    box = link_local(network.box)
    began = time.monotonic()
    send(network.station(1).namespace, box, LOBBY_PORT, 1_000, payload_bytes=50)
    lasted_s = time.monotonic() - began
    counters = shaper.read_refusals()
    assert counters["lobby_in"].packets <= SETTINGS.lobby_packets_per_s * (1 + lasted_s) + 20
    assert counters["lobby_limited"].packets >= 500 - SETTINGS.lobby_packets_per_s * lasted_s


@pytest.mark.parametrize("paid", [False, True])
def test_key_handshakes_pass_whoever_paid(network, shaper, paid):
    """hostapd reads EAPOL from a packet socket behind our chain, and its answers go through the other one."""
    if paid:
        shaper.install(shape(network, 1))
    one, eapol = network.station(1), 0x888E
    box_mac = bytes.fromhex(network.box.run(["cat", "/sys/class/net/wlan0/address"]).strip().replace(":", ""))
    station_mac = MacAddress.parse(one.mac).octets
    with (
        packet_socket(network.box, eapol) as authenticator,
        packet_socket(one.namespace, eapol) as supplicant,
    ):
        supplicant.send(box_mac + station_mac + eapol.to_bytes(2) + bytes(46))
        assert authenticator.recv(2_048)[6:12] == station_mac
        authenticator.send(station_mac + box_mac + eapol.to_bytes(2) + bytes(46))
        assert supplicant.recv(2_048)[6:12] == box_mac
    if paid:
        assert shaper.read_counters()[0].up.offered_packets == 0


def packet_socket(namespace, protocol):
    def run():
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
        opened.bind(("wlan0", protocol))
        opened.settimeout(2.0)
        return opened

    return namespace.call(run)


@pytest.mark.parametrize("rate_layer", ["ip", "frame"])
def test_what_is_metered_is_what_arrives(network, shaper, rate_layer):
    """UDP of three sizes in both directions, counted independently by the socket that receives it."""
    shaper.close()
    shaper.settings = replace(SETTINGS, rate_layer=rate_layer)
    network.box.call(shaper.set_up)
    shaper.install(shape(network, 1))
    one = network.station(1)
    reaches(one, WORLD_V4.ip, 2.0)
    before = shaper.read_counters()[0]
    sizes = (100, 700, 1_472)
    with ear(one.namespace, 9_000) as down, ear(network.world, 9_000) as up:
        for size in sizes:
            send(network.world, str(one.v4.ip), 9_000, 30, size)
            send(one.namespace, str(WORLD_V4.ip), 9_000, 30, size)
        assert (heard(down), heard(up)) == (90, 90)
    after = shaper.read_counters()[0]
    wanted = sum(30 * (size + 28) for size in sizes)
    for flow, earlier in ((after.down, before.down), (after.up, before.up)):
        # Neighbour discovery of the two kernels may add a packet or two of 28 to 72 bytes.
        assert 0 <= flow.delivered_bytes - earlier.delivered_bytes - wanted <= 300
        assert flow.delivered_bytes == flow.offered_bytes
        assert flow.delivered_packets == flow.offered_packets
        assert not flow.saw_super_packets


def test_tcp_of_the_box_itself_is_metered_packet_by_packet(network, shaper):
    """The box's own TCP builds super-packets unless told not to; they would be metered 3 % short."""
    shaper.install(shape(network, 1, down=50 * MBIT))
    one = network.station(1)
    with network.box.call(lambda: socket.create_server(("", 9_100))) as server:
        client = one.namespace.call(lambda: socket.create_connection((str(BOX_V4.ip), 9_100), timeout=3))
        peer, _ = server.accept()
        with client, peer:
            peer.sendall(bytes(200_000))
            left = 200_000
            while left:
                left -= len(client.recv(left))
    down = shaper.read_counters()[0].down
    assert down.delivered_packets == down.offered_packets
    assert down.delivered_bytes == down.offered_bytes > 200_000


def test_a_removed_session_reports_its_last_counters_and_its_slot_starts_from_zero(
    network, shaper, eventually
):
    one, two = network.station(1), network.station(2)
    shaper.install(shape(network, 1))
    send(one.namespace, str(WORLD_V4.ip), 9_000, 20, 972)
    eventually(lambda: _queued(shaper) == 0, "the queue is empty")
    last = shaper.remove(FIRST_SLOT, MacAddress.parse(one.mac))
    assert last.station == MacAddress.parse(one.mac)
    assert last.up.delivered_bytes == last.up.offered_bytes >= 20_000
    shaper.install(shape(network, 2))
    fresh = shaper.read_counters()[0]
    assert fresh.station == MacAddress.parse(two.mac)
    assert (fresh.up.delivered_bytes, fresh.up.offered_bytes) == (0, 0)


def test_what_waited_when_a_session_ends_is_never_sent_nor_inherited(network, shaper):
    one = network.station(1)
    shaper.install(shape(network, 1, down=100_000, up=100_000))
    with ear(network.world, 9_000) as up:
        one.namespace.call(lambda: _burst(str(WORLD_V4.ip)))
        last = shaper.remove(FIRST_SLOT, MacAddress.parse(one.mac))
        # An ARP packet of 28 bytes may be among them.
        assert heard(up) * 1_000 <= last.up.delivered_bytes < last.up.offered_bytes
        assert last.up.delivered_bytes % 1_000 in (0, 28, 56)
    shaper.install(shape(network, 2))
    assert shaper.read_counters()[0].up.delivered_bytes == 0


def _queued(shaper):
    up = shaper.read_counters()[0].up
    return up.offered_packets - up.delivered_packets - up.dropped_packets


def _burst(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(5):
            sender.sendto(bytes(972), (address, 9_000))


def test_a_restart_adopts_sessions_and_counters_and_touches_nothing(network, shaper):
    one = network.station(1)
    wanted = shape(network, 1)
    shaper.install(wanted)
    send(one.namespace, str(WORLD_V4.ip), 9_000, 20)
    before = shaper.read_counters()
    again = Shaper(SETTINGS)
    network.box.call(again.set_up)
    try:
        assert again.sessions() == {FIRST_SLOT: MacAddress.parse(one.mac)}
        assert again.read_counters() == before
        assert again.resynchronise([wanted]) == []
        assert reaches(one, WORLD_V4.ip, 2.0)
    finally:
        again.close()


def test_a_resynchronisation_makes_exactly_the_wanted_sessions(network, shaper):
    shaper.install(shape(network, 1))
    shaper.install(shape(network, 2, FIRST_SLOT + 1))
    send(network.station(1).namespace, str(WORLD_V4.ip), 9_000, 20)
    assert shaper.read_counters()[0].up.delivered_packets > 0
    wanted = [shape(network, 2, FIRST_SLOT + 1), shape(network, 3, FIRST_SLOT, down=5 * MBIT)]
    shaper.resynchronise(wanted)
    assert shaper.read_counters()[0].up.delivered_packets == 0
    assert shaper.present() == plan_tree(SETTINGS, shaper.capabilities, wanted)
    assert not reaches(network.station(1), WORLD_V4.ip)
    assert reaches(network.station(3), WORLD_V4.ip, 2.0)
    assert [found.slot for found in shaper.read_counters()] == [FIRST_SLOT, FIRST_SLOT + 1]


def test_halves_that_a_crash_left_are_swept_away(network, shaper):
    """An element in one direction only, and a queue that nobody uses: neither is a session."""
    stray = "02:00:00:00:99:99"
    network.box.run(["nft", f"add element netdev airgrant down {{ {stray} : 4147:12 }}"])
    network.box.run(["tc", "qdisc", "add", "dev", "wlan0", "parent", "4147:13", "handle", "13:", "bfifo"])
    again = Shaper(SETTINGS)
    network.box.call(again.set_up)
    try:
        assert again.sessions() == {}
        assert again.present() == plan_tree(SETTINGS, again.capabilities, [])
    finally:
        again.close()


def test_a_change_keeps_queue_and_counters(network, shaper):
    shaper.install(shape(network, 1))
    send(network.station(1).namespace, str(WORLD_V4.ip), 9_000, 10)
    before = shaper.read_counters()
    changed = shape(network, 1, down=3 * MBIT, up=2 * MBIT)
    shaper.change(changed)
    assert shaper.read_counters() == before
    assert shaper.present() == plan_tree(SETTINGS, shaper.capabilities, [changed])


def test_removing_what_is_gone_is_no_error(network, shaper):
    shaper.install(shape(network, 1))
    network.box.run(["nft", "flush map netdev airgrant up"])
    network.box.run(["tc", "qdisc", "del", "dev", "wlan0", "parent", "4147:10"])
    station = MacAddress.parse(network.station(1).mac)
    shaper.remove(FIRST_SLOT, station)
    assert shaper.remove(FIRST_SLOT, station).down.delivered_bytes == 0
    assert shaper.present() == plan_tree(SETTINGS, shaper.capabilities, [])


def test_an_invalid_request_is_not_taken_for_what_is_gone(network, shaper):
    down = network.box.call(lambda: socket.if_nametoindex("wlan0"))
    no_rate = ClassShape(0, 0, 8_000, 8_000, 1_514)
    with pytest.raises(ShellError, match="EINVAL"):
        shaper._unless_gone(shaper._route, [rtnetlink.set_class(down, FIRST_SLOT, LINK, no_rate)])
    # No queue of ours is there: the kernel calls that invalid, or missing.
    shaper._unless_gone(shaper._route, [rtnetlink.remove_leaf(down, FIRST_SLOT)])


def test_the_kernel_knows_when_a_session_ends_and_no_restart_moves_it(network, shaper):
    def ends():
        listed = json.loads(network.box.run(["nft", "-j", "list", "table", "netdev", "airgrant"]))
        maps = [item["map"] for item in listed["nftables"] if "map" in item]
        return [entry[0]["elem"].get("timeout") for found in maps for entry in found.get("elem", [])]

    wanted = replace(shape(network, 1), lifetime_s=600)
    shaper.install(wanted)
    assert ends() == [660, 660]
    shaper.change(replace(wanted, lifetime_s=9, up_ceil_bps=30 * MBIT))
    again = Shaper(SETTINGS)
    network.box.call(again.set_up)
    try:
        assert again.resynchronise([replace(wanted, lifetime_s=30, up_ceil_bps=30 * MBIT)]) == []
        assert ends() == [660, 660]
    finally:
        again.close()


def test_without_a_daemon_a_session_ends_after_its_grace(network, shaper, eventually):
    shaper.close()
    shaper.settings = replace(SETTINGS, grace_s=1)
    network.box.call(shaper.set_up)
    shaper.install(replace(shape(network, 1), lifetime_s=1))
    one = network.station(1)
    assert reaches(one, WORLD_V4.ip, 0.9)
    shaper.close()
    eventually(lambda: not reaches(one, WORLD_V4.ip), "the kernel has ended it")
    again = Shaper(SETTINGS)
    network.box.call(again.set_up)
    try:
        assert again.present() == plan_tree(SETTINGS, again.capabilities, [])
    finally:
        again.close()
    network.box.call(shaper.set_up)


def test_trees_that_an_older_release_left_are_replaced(network):
    network.box.ip("link add airgrant0 type ifb")
    for device in ("wlan0", "airgrant0"):
        root = ["root", "handle", "4147:", "htb", "default", "2"]
        network.box.run(["tc", "qdisc", "add", "dev", device, *root])
    made = Shaper(SETTINGS)
    network.box.call(made.set_up)
    try:
        assert made.present() == plan_tree(SETTINGS, made.capabilities, [])
    finally:
        network.box.call(made.tear_down)


def test_a_station_that_has_a_session_is_refused_a_second_one_and_keeps_the_first(network, shaper):
    shaper.install(shape(network, 1))
    before = shaper.present()
    with pytest.raises(ShellError, match="EEXIST"):
        shaper.install(shape(network, 1, FIRST_SLOT + 1))
    assert shaper.present() == before


def test_the_pool_grows_when_a_slot_lies_beyond_it(network, shaper):
    far = FIRST_SLOT + 3 * SETTINGS.pool_chunk
    shaper.install(shape(network, 1, far))
    assert reaches(network.station(1), WORLD_V4.ip, 2.0)
    classes = shaper.present().down.classes
    assert max(classes) == FIRST_SLOT + 4 * SETTINGS.pool_chunk - 1


def test_a_lower_capacity_is_taken_over_at_the_next_start(network, shaper):
    lower = replace(SETTINGS, downlink_capacity_bps=10 * MBIT, uplink_capacity_bps=10 * MBIT)
    again = Shaper(lower)
    network.box.call(again.set_up)
    try:
        assert again.present().up.classes[LINK].rate_bytes_s == 1_250_000
    finally:
        again.close()


def test_another_programs_root_queue_is_not_replaced(network):
    network.box.run(["tc", "qdisc", "add", "dev", "wlan0", "root", "handle", "77:", "tbf", *TBF])
    made = Shaper(SETTINGS)
    try:
        with pytest.raises(ShellError, match="root queue"):
            network.box.call(made.set_up)
        assert "qdisc tbf 77:" in network.box.run(["tc", "qdisc", "show", "dev", "wlan0"])
    finally:
        network.box.call(made.tear_down)
        network.box.run(["tc", "qdisc", "del", "dev", "wlan0", "root"])


TBF = ("rate", "1gbit", "burst", "100k", "latency", "10ms")


def test_a_device_of_the_operator_is_not_taken_for_the_intermediate_one(network):
    settings = replace(SETTINGS, wan_interface=None, ifb="wan0")
    made = Shaper(settings)
    with pytest.raises(ConfigError, match="wan0 is another device"):
        network.box.call(made.set_up)
    network.box.call(made.tear_down)
    assert "wan0" in network.box.run(["ip", "link", "show", "wan0"])


def test_a_table_that_an_older_release_left_is_replaced(network):
    network.box.run(["nft", "table netdev airgrant { set down { type ether_addr; }; }"])
    made = Shaper(SETTINGS)
    network.box.call(made.set_up)
    try:
        made.install(shape(network, 1))
        assert reaches(network.station(1), WORLD_V4.ip, 2.0)
    finally:
        network.box.call(made.tear_down)


@pytest.mark.parametrize("limits", [True, False])
def test_rules_with_and_without_limits_are_rules_that_nft_takes(network, limits):
    network.box.run(["ip", "link", "add", "airgrant0", "type", "ifb"])
    text = plan_ruleset(SETTINGS, [MacAddress(b"\x02\0\0\0\0\1")], limits=limits, bridge="wan0")
    network.box.run(["nft", "-c", "-f", "-"], given=text)
    network.box.run(["ip", "link", "del", "airgrant0"])


def test_an_interface_that_is_not_there_is_named(network):
    settings = ShaperSettings(interface="nowhere0", downlink_capacity_bps=MBIT, uplink_capacity_bps=MBIT)
    with pytest.raises(ShellError, match="nowhere0"):
        network.box.call(Shaper(settings).set_up)


def test_tearing_down_leaves_the_box_as_it_was(network):
    def look():
        queues = network.box.run(["tc", "qdisc", "show"])
        links = network.box.run(["ip", "-d", "link", "show", "wlan0"])
        return (
            queues,
            links,
            network.box.run(["nft", "list", "ruleset"]),
            network.box.run(["ethtool", "-k", "wlan0"]),
        )

    network.box.run(["ethtool", "-K", "wlan0", "gro", "on"])
    before = look()
    made = Shaper(SETTINGS)
    network.box.call(made.set_up)
    assert "generic-receive-offload: off" in network.box.run(["ethtool", "-k", "wlan0"])
    again = Shaper(SETTINGS)
    network.box.call(again.set_up)
    made.close()
    network.box.call(again.tear_down)
    assert look() == before
    network.box.run(["ethtool", "-K", "wlan0", "gro", "off"])


def test_hardware_traffic_control_is_refused_in_words(network):
    features = network.box.run(["ethtool", "-k", "wlan0"])
    if "hw-tc-offload: off\n" not in features:
        pytest.skip("no device here can switch hw-tc-offload on")
    network.box.run(["ethtool", "-K", "wlan0", "hw-tc-offload", "on"])
    with pytest.raises(ConfigError, match="hw-tc-offload off"):
        network.box.call(Shaper(SETTINGS).check_offload)


def test_a_flowtable_over_the_interface_is_refused_in_words(network):
    text = "table inet t { flowtable f { hook ingress priority 0; devices = { wlan0, wan0 }; } }"
    try:
        network.box.run(["nft", text])
    except ShellError:
        pytest.skip(
            "this kernel has no nftables flowtables; tests/tc_shaper/test_offload.py reads a recorded one"
        )
    try:
        with pytest.raises(ConfigError, match="flowtable f in table inet t"):
            network.box.call(Shaper(SETTINGS).set_up)
    finally:
        network.box.run(["nft", "delete table inet t"])


def test_a_bridge_carries_nothing_of_an_unpaid_station_to_its_other_ports():
    """The box as a plain bridge between the air and a wire: even discovery by multicast stops at the box."""
    box, air, wire = create("bridgebox"), create("bridgeair"), create("bridgewire")
    try:
        plug(Port(box, "wlan0"), Port(air, "wlan0"))
        plug(Port(box, "wan0"), Port(wire, "wlan0"))
        box.ip("link add br0 type bridge mcast_snooping 0", "link set br0 up")
        box.ip("link set wlan0 master br0", "link set wan0 master br0")
        _wait_for_link_locals(box, air, wire)
        made = Shaper(SETTINGS)
        box.call(made.set_up)
        group = "ff02::4147:1"
        with ear(wire, group=group) as outside, ear(box, group=group, interface="br0") as lobby:
            send(air, group, LOBBY_PORT, 4)
            send(air, link_local(wire), LOBBY_PORT, 4)
            assert (heard(lobby), heard(outside)) == (4, 0)
        made.install(SessionShape(FIRST_SLOT, _mac(air), 10 * MBIT, 10 * MBIT, 10 * MBIT, 10 * MBIT))
        with ear(wire, 9_000) as outside:
            send(air, link_local(wire), 9_000, 4)
            assert heard(outside) == 4
        box.call(made.tear_down)
    finally:
        for namespace in (box, air, wire):
            delete(namespace)


def _mac(namespace):
    return MacAddress.parse(namespace.run(["cat", "/sys/class/net/wlan0/address"]).strip())


def _wait_for_link_locals(box, *others):
    deadline = time.monotonic() + 5
    for namespace, interface in ((box, "br0"), *((other, "wlan0") for other in others)):
        while "fe80" not in namespace.run(["ip", "-6", "addr", "show", "dev", interface]):
            assert time.monotonic() < deadline, f"no link-local address on {interface}"
            time.sleep(0.02)


def test_the_daemon_pays_no_memory_for_libraries_it_does_not_need():
    code = (
        "import sys, tc_shaper.kernel; print([m for m in ('pyroute2', 'asyncio', 'ssl') if m in sys.modules])"
    )
    done = subprocess.run(["python3", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
