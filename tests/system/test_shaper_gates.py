"""What must not get past the box for or from a station that has not paid: real frames, each with a secret in it.

Every test ends with a frame that does pass, so that silence means refusal and not a deaf listener. The world's end,
the next hop, another station that has paid and the wire behind a bridge all listen.
"""

import contextlib
import socket
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6MLReport,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
)
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from lab.air import BOX_MAC, BOX_V6, OPERATOR_V6, lab
from lab.namespaces import Port, create, delete, plug
from lab.world import WORLD_V4, WORLD_V6
from tc_shaper.kernel import Shaper
from tc_shaper.ruleset import SMALL_GROUP_PER_S
from tc_shaper.settings import ShaperSettings
from tc_shaper.tree import FIRST_SLOT, SessionShape
from wire.ids import MacAddress

pytestmark = pytest.mark.system

MBIT = 1_000_000
LOBBY = 18_573
SECRET = b"SECRET OF A GUEST"
"""Short enough for the padding of an ARP frame."""
LONG = SECRET * 40
PASSES = b"THIS ONE MAY PASS"
FLOOD = b"ONE OF A FLOOD"
SETTINGS = ShaperSettings(
    interface="wlan0",
    wan_interface="wan0",
    downlink_capacity_bps=100 * MBIT,
    uplink_capacity_bps=100 * MBIT,
    pool_size=4,
)
UNPAID, PAID = "02:00:00:00:77:01", "02:00:00:00:77:02"
UNPAID_LOCAL, PAID_LOCAL, BOX_LOCAL = "fe80::77ff:fe01", "fe80::77ff:fe02", "fe80::77ff:fe00"
UNPAID_V4, UNPAID_V6 = "10.77.0.11", "fd77::11"
WORLD4, WORLD6 = str(WORLD_V4.ip), str(WORLD_V6.ip)


# --- frames


def advert(source, target, secret=SECRET, **ip):
    """ICMPv6 type 136 with a payload of choice, as a tunnel would use it."""
    return IPv6(src=source, dst=target, hlim=255, **ip) / ICMPv6ND_NA(tgt=source) / Raw(secret)


def udp6(source, target, sport=9_000, dport=9_000, secret=SECRET, **ip):
    return IPv6(src=source, dst=target, **ip) / UDP(sport=sport, dport=dport) / Raw(secret)


def between(source, target, header, *, secret=SECRET):
    """An advertisement behind an extension header."""
    return IPv6(src=source, dst=target, hlim=255) / header / ICMPv6ND_NA(tgt=source) / Raw(secret)


def fragments(source, target, header=None):
    """The two halves of a datagram to the lobby, or of an advertisement."""
    inner = bytes((header or UDP(sport=LOBBY, dport=LOBBY)) / Raw(LONG))
    number = 17 if header is None else 58
    for offset, more, part in ((0, 1, inner[:400]), (50, 0, inner[400:])):
        yield (
            IPv6(src=source, dst=target, hlim=255)
            / IPv6ExtHdrFragment(nh=number, offset=offset, m=more, id=7)
            / Raw(part)
        )


def arp(source, target, padding=SECRET):
    return ARP(op=1, hwsrc=source, psrc="10.77.0.11", pdst=target) / Raw(padding)


def uplink_packets():
    """Name and packet of what an unpaid station might try with the box's address on it, over routed links."""
    globally, locally = UNPAID_V6, UNPAID_LOCAL
    yield "advertisement to the world", advert(globally, WORLD6)
    yield "long advertisement to the world", advert(globally, WORLD6, LONG)
    yield "advertisement from a link-local address to the world", advert(locally, WORLD6)
    yield "advertisement from nowhere to the world", advert("::", WORLD6)
    yield (
        "solicitation to the world",
        IPv6(src=globally, dst=WORLD6, hlim=255) / ICMPv6ND_NS(tgt=WORLD6) / SECRET,
    )
    yield (
        "router solicitation to the world",
        IPv6(src=globally, dst=WORLD6, hlim=255) / ICMPv6ND_RS() / SECRET,
    )
    yield (
        "router advertisement to the world",
        IPv6(src=globally, dst=WORLD6, hlim=255) / ICMPv6ND_RA() / SECRET,
    )
    yield (
        "listener report to the world",
        IPv6(src=globally, dst=WORLD6, hlim=255) / ICMPv6MLReport() / SECRET,
    )
    yield "echo request to the world", IPv6(src=globally, dst=WORLD6) / ICMPv6EchoRequest() / SECRET
    yield "UDP to the world", udp6(globally, WORLD6)
    yield "UDP to the lobby's port of the world", udp6(globally, WORLD6, LOBBY, LOBBY)
    yield (
        "UDP from a link-local address to the lobby's port of the world",
        udp6(locally, WORLD6, LOBBY, LOBBY),
    )
    for name, header in (
        ("hop-by-hop", IPv6ExtHdrHopByHop()),
        ("destination options", IPv6ExtHdrDestOpt()),
        ("an atomic fragment", IPv6ExtHdrFragment()),
    ):
        yield f"advertisement to the world behind {name}", between(globally, WORLD6, header)
        yield f"advertisement to a neighbour behind {name}", between(locally, PAID_LOCAL, header)
    for name, inner in (("UDP", None), ("an advertisement", ICMPv6ND_NA(tgt=WORLD6))):
        first, second = fragments(globally, WORLD6, inner)
        yield f"first fragment of {name}", first
        yield f"last fragment of {name}", second
    yield "UDP to the lobby's port of a neighbour", udp6(locally, PAID_LOCAL, LOBBY, LOBBY)
    yield "advertisement to a neighbour", advert(locally, PAID_LOCAL)
    yield "advertisement to a neighbour's global address", advert(locally, "fd77::12")
    yield "UDP to a wide multicast group", udp6(globally, "ff0e::1:2", LOBBY, LOBBY, hlim=9)
    yield "IPv4 UDP to the world", IP(src=UNPAID_V4, dst=WORLD4) / UDP(sport=LOBBY, dport=LOBBY) / SECRET
    yield "IPv4 echo request to the world", IP(src=UNPAID_V4, dst=WORLD4) / ICMP() / SECRET
    yield "IPv4 fragment to the world", IP(src=UNPAID_V4, dst=WORLD4, frag=9, proto=17) / SECRET
    yield "IPv4 to a neighbour", IP(src=UNPAID_V4, dst="10.77.0.12") / UDP(dport=9) / SECRET
    yield "IPv6 in IPv4", IP(src=UNPAID_V4, dst=WORLD4) / udp6(globally, WORLD6)
    yield "ARP with a long tail", arp(UNPAID, "10.77.0.12", LONG)


UPLINK = dict(uplink_packets())

GROUPS = {
    "IPv4 broadcast": (
        "ff:ff:ff:ff:ff:ff",
        IP(src=UNPAID_V4, dst="255.255.255.255") / UDP(dport=67) / SECRET,
    ),
    "IPv4 to all of the net": ("ff:ff:ff:ff:ff:ff", IP(src=UNPAID_V4, dst="10.77.0.255") / UDP() / SECRET),
    "IPv4 multicast": ("01:00:5e:00:00:fb", IP(src=UNPAID_V4, dst="224.0.0.251", ttl=9) / UDP() / SECRET),
    "ARP broadcast": ("ff:ff:ff:ff:ff:ff", arp(UNPAID, "10.77.0.12")),
    "IPv6 unicast in a broadcast": ("ff:ff:ff:ff:ff:ff", udp6(UNPAID_V6, WORLD6)),
    "IPv6 unicast in a group's frame": ("33:33:00:00:00:01", udp6(UNPAID_V6, WORLD6, LOBBY, LOBBY)),
    "lobby in a group's frame": ("33:33:00:00:00:01", udp6(UNPAID_LOCAL, PAID_LOCAL, LOBBY, LOBBY)),
    "advertisement in a group's frame": ("33:33:00:00:00:01", advert(UNPAID_LOCAL, PAID_LOCAL)),
    "IPv6 multicast of the site": ("33:33:00:00:00:05", udp6(UNPAID_V6, "ff05::5", LOBBY, LOBBY, hlim=9)),
    "mDNS": ("33:33:00:00:00:fb", udp6(UNPAID_LOCAL, "ff02::fb", 5_353, 5_353, hlim=255)),
    "neighbour's own address": (PAID, udp6(UNPAID_LOCAL, PAID_LOCAL, LOBBY, LOBBY)),
}


def downlink_packets():
    """Name and packet of what the world might send to an unpaid station through a box that routes."""
    source = str(OPERATOR_V6.ip)
    yield "advertisement", advert(source, UNPAID_V6)
    yield "long advertisement", advert(source, UNPAID_V6, LONG)
    yield "solicitation", IPv6(src=source, dst=UNPAID_V6, hlim=255) / ICMPv6ND_NS(tgt=UNPAID_V6) / SECRET
    yield "router advertisement", IPv6(src=source, dst=UNPAID_V6, hlim=255) / ICMPv6ND_RA() / SECRET
    yield "UDP", udp6(source, UNPAID_V6)
    yield "UDP from the lobby's port", udp6(source, UNPAID_V6, LOBBY, 9_000)
    yield "UDP from a link-local address", udp6("fe80::1", UNPAID_V6, LOBBY, 9_000)
    yield "advertisement behind hop-by-hop", between(source, UNPAID_V6, IPv6ExtHdrHopByHop())
    yield "advertisement behind a fragment header", between(source, UNPAID_V6, IPv6ExtHdrFragment())
    first, second = fragments(source, UNPAID_V6)
    yield "first fragment", first
    yield "last fragment", second
    yield "advertisement to a link-local address", advert(source, UNPAID_LOCAL)
    yield "IPv4 UDP", IP(src="10.78.0.1", dst=UNPAID_V4) / UDP(sport=67, dport=68) / SECRET
    yield "IPv4 to all of the net", IP(src="10.78.0.1", dst="10.77.0.255") / UDP(sport=67, dport=68) / SECRET
    yield "IPv4 fragment", IP(src="10.78.0.1", dst=UNPAID_V4, frag=9, proto=17) / SECRET


DOWNLINK = dict(downlink_packets())


# --- the place


@pytest.fixture(scope="module")
def network():
    """Station 1 has not paid, station 2 has; the box knows where both are, and would route to them."""
    with lab(2, downlink_bps=200 * MBIT, uplink_bps=200 * MBIT) as made:
        box = made.box
        for mac, local, v4, v6 in (
            (UNPAID, UNPAID_LOCAL, UNPAID_V4, UNPAID_V6),
            (PAID, PAID_LOCAL, "10.77.0.12", "fd77::12"),
        ):
            box.ip(*(f"neigh replace {a} lladdr {mac} dev wlan0 nud permanent" for a in (local, v4, v6)))
        box.ip(f"addr add {BOX_LOCAL}/64 dev wlan0 nodad")
        for number, local in ((1, UNPAID_LOCAL), (2, PAID_LOCAL)):
            namespace = made.station(number).namespace
            namespace.ip(
                f"addr add {local}/64 dev wlan0 nodad",
                f"neigh replace {BOX_LOCAL} lladdr {BOX_MAC} dev wlan0 nud permanent",
            )
        made.station(2).pin_box()
        yield made


@pytest.fixture
def shaper(network, needs):
    needs("nft")
    made = Shaper(SETTINGS)
    network.box.call(made.set_up)
    made.install(SessionShape(FIRST_SLOT, MacAddress.parse(PAID), 20 * MBIT, 20 * MBIT, 20 * MBIT, 20 * MBIT))
    yield made
    network.box.call(made.tear_down)


class Listener:
    """Everything that comes to a device, whoever it is for."""

    def __init__(self, namespace, interface):
        def run():
            opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            opened.bind((interface, 3))
            return opened

        self.socket = namespace.call(run)
        self.name = f"{namespace.name}:{interface}"
        self.frames = []

    def take(self):
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, address = self.socket.recvfrom(4_096)
                if address[2] != socket.PACKET_OUTGOING:
                    self.frames.append(frame)
        return self.frames

    def heard(self, text):
        return [frame for frame in self.take() if text in frame]


@contextmanager
def listening(*places):
    with ExitStack() as stack:
        listeners = [Listener(*place) for place in places]
        for listener in listeners:
            stack.enter_context(listener.socket)
        yield listeners


def transmit(namespace, frames, interface="wlan0"):
    def run():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as mouth:
            mouth.bind((interface, 0))
            for frame in frames:
                mouth.send(frame if isinstance(frame, bytes) else bytes(frame))

    namespace.call(run)


def framed(packet, source, target=BOX_MAC, tags=()):
    frame = Ether(src=source, dst=target)
    for tag in tags:
        frame = frame / tag
    return frame / packet


def try_uplink(network, eventually, frames):
    """Send them, then what may pass by the same way to each listener; nobody may have heard the secret."""
    box = network.box
    two = network.station(2).namespace
    with listening(
        (network.world, "wan0"),
        (network.operator, "box0"),
        (two, "wlan0"),
    ) as ears:
        transmit(network.station(1).namespace, [frame for frame in frames for _ in range(3)])
        transmit(two, [framed(udp6("fd77::12", WORLD6, secret=PASSES), PAID)])
        box.call(lambda: say(PASSES, "fd77::12", 9_000))
        eventually(lambda: all(ear.heard(PASSES) for ear in ears), "what may pass has passed")
        assert {ear.name: ear.heard(SECRET) for ear in ears} == {ear.name: [] for ear in ears}


def say(text, address, port, sport=0, interface="wlan0"):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as mouth:
        mouth.bind(("::", sport))
        mouth.sendto(text, (address, port, 0, socket.if_nametoindex(interface)))


# --- from the stations


@pytest.mark.parametrize("name", UPLINK)
def test_nothing_of_an_unpaid_station_goes_through_the_box(network, shaper, eventually, name):
    try_uplink(network, eventually, [framed(UPLINK[name], UNPAID)])


@pytest.mark.parametrize("name", GROUPS)
def test_no_address_of_a_frame_opens_a_way(network, shaper, eventually, name):
    target, packet = GROUPS[name]
    try_uplink(network, eventually, [framed(packet, UNPAID, target)])


TAGS = {
    "802.1Q": (Dot1Q(vlan=7),),
    "802.1ad": (Dot1AD(vlan=7),),
    "priority only": (Dot1Q(vlan=0, prio=5),),
    "two of them": (Dot1AD(vlan=7), Dot1Q(vlan=7)),
}


@pytest.mark.parametrize("tags", TAGS)
@pytest.mark.parametrize("source", [UNPAID, PAID])
def test_a_frame_with_a_tag_is_nobodys(network, shaper, eventually, tags, source):
    before = shaper.read_refusals()["tagged"].packets
    frames = tagged_frames(source, TAGS[tags])
    try_uplink(network, eventually, frames)
    assert shaper.read_refusals()["tagged"].packets - before == 3 * len(frames)


def tagged_frames(source, tags):
    """What is inside would be let in: the lobby, neighbour discovery, a handshake."""
    inside = (
        udp6(UNPAID_LOCAL, BOX_LOCAL, LOBBY, LOBBY),
        advert(UNPAID_LOCAL, BOX_LOCAL),
        udp6(UNPAID_LOCAL, "ff02::4147:1", LOBBY, LOBBY, hlim=1),
    )
    tagged = [framed(packet, source, BOX_MAC, [tag.copy() for tag in tags]) for packet in inside]
    handshake = bytes(framed(Raw(SECRET), source, BOX_MAC, [tag.copy() for tag in tags]))
    return [*tagged, handshake.replace(b"\x90\x00" + SECRET, b"\x88\x8e" + SECRET)]


@pytest.mark.parametrize("source", ["fe80::77ff:fe01", "::"])
def test_discovery_of_a_neighbour_and_the_lobby_still_work(network, shaper, eventually, source):
    solicit = IPv6(src=source, dst="ff02::1:ff01:0", hlim=255) / ICMPv6ND_NS(tgt=BOX_LOCAL)
    if source != "::":
        solicit = solicit / ICMPv6NDOptSrcLLAddr(lladdr=UNPAID)
    before = shaper.read_refusals()["lobby_in"].packets
    transmit(network.station(1).namespace, [framed(solicit, UNPAID, "33:33:ff:01:00:00")])
    eventually(lambda: shaper.read_refusals()["lobby_in"].packets > before, "the box was asked")


def test_a_long_advertisement_is_not_one(network, shaper, eventually):
    before = shaper.read_refusals()
    long = framed(advert(UNPAID_LOCAL, BOX_LOCAL, bytes(41)), UNPAID)
    transmit(network.station(1).namespace, [long])
    eventually(
        lambda: shaper.read_refusals()["unpaid_in"].packets > before["unpaid_in"].packets, "it was refused"
    )
    assert shaper.read_refusals()["lobby_in"].packets == before["lobby_in"].packets


# --- to the stations


@contextmanager
def try_downlink(network, eventually):
    """After the block the box says something in the lobby; an unpaid station hears that and no secret."""
    with listening((network.station(1).namespace, "wlan0")) as (ear,):
        yield
        network.box.call(lambda: say(PASSES, UNPAID_LOCAL, 40_000, LOBBY))
        eventually(lambda: ear.heard(PASSES), "the box's own words are heard")
        assert ear.heard(SECRET) == []


@pytest.mark.parametrize("name", DOWNLINK)
def test_nothing_of_the_world_reaches_an_unpaid_station(network, shaper, eventually, name):
    wan_mac = network.box.run(["cat", "/sys/class/net/wan0/address"]).strip()
    frame = framed(DOWNLINK[name], "02:00:00:00:78:01", wan_mac)
    with try_downlink(network, eventually):
        transmit(network.operator, [frame] * 3, "box0")


@pytest.mark.parametrize("hops", [2, 64, 255])
def test_a_paid_station_does_not_speak_for_the_box(network, shaper, eventually, hops):
    """Link-local packets are routed back to the link that they came from, with the box's address on them."""
    lie = udp6(PAID_LOCAL, UNPAID_LOCAL, LOBBY, 40_000, hlim=hops)
    claim = IPv6(src=PAID_LOCAL, dst=UNPAID_LOCAL, hlim=hops) / ICMPv6ND_NA(tgt=PAID_LOCAL) / Raw(SECRET)
    with try_downlink(network, eventually):
        transmit(network.station(2).namespace, [framed(lie, PAID), framed(claim, PAID)] * 3)


def test_paid_stations_do_not_reach_each_other_unshaped(network, shaper, eventually):
    """What comes back from the uplink passes the egress hook unseen, so it finds a dead end."""
    one = MacAddress.parse(UNPAID)
    shaper.install(SessionShape(FIRST_SLOT + 1, one, 20 * MBIT, 20 * MBIT, 20 * MBIT, 20 * MBIT))
    with listening((network.station(1).namespace, "wlan0")) as (ear,):
        packets = (
            udp6("fd77::12", UNPAID_V6),
            udp6(PAID_LOCAL, UNPAID_LOCAL),
            IP(src="10.77.0.12", dst=UNPAID_V4) / UDP() / SECRET,
            IP(src="10.77.0.12", dst=UNPAID_V4, tos=0xB8) / UDP() / SECRET,
        )
        transmit(network.station(2).namespace, [framed(packet, PAID) for packet in packets])
        network.box.call(lambda: say(PASSES, UNPAID_V6, 9_000))
        eventually(lambda: ear.heard(PASSES), "the box itself reaches it")
        assert ear.heard(SECRET) == []
    dropped = network.box.run(["tc", "-s", "qdisc", "show", "dev", "wlan0"])
    assert "dropped 4," in dropped.split("qdisc bfifo 3:")[1].split("qdisc")[0]


def test_the_box_itself_sends_an_unpaid_station_no_datagram_of_wider_scope(network, shaper, eventually):
    with try_downlink(network, eventually):
        network.box.call(lambda: say(SECRET, UNPAID_V6, 9_000, LOBBY))
        network.box.call(lambda: say(SECRET, UNPAID_LOCAL, 9_000))


def speak():
    """A datagram from the box's global address, which makes the kernel look for its neighbour."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        sender.bind((str(BOX_V6.ip), 0))
        sender.sendto(b"?", ("fd77::12", 9))


def solicitors(ear):
    """Source addresses of the neighbour solicitations that were heard."""
    return [bytes(frame[22:38]) for frame in ear.take() if frame[54:55] == b"\x87"]


def test_the_box_seeks_a_paid_station_by_any_of_its_addresses(network, shaper, eventually):
    network.box.ip("neigh del fd77::12 dev wlan0")
    with listening((network.station(2).namespace, "wlan0")) as (ear,):
        network.box.call(speak)
        eventually(lambda: BOX_V6.ip.packed in solicitors(ear), "a solicitation from that address")
    network.box.ip(f"neigh replace fd77::12 lladdr {PAID} dev wlan0 nud permanent")


# --- the box as a bridge


WIRE, ALL_NODES = "02:00:00:00:99:01", "33:33:00:00:00:01"


@pytest.fixture(scope="module")
def bridged():
    """Air and wire in one segment, and a box that would route as well. Nobody has paid."""
    box, air, wire = (create(name) for name in ("gatebox", "gateair", "gatewire"))
    made = Shaper(SETTINGS)
    try:
        plug(Port(box, "wlan0", BOX_MAC), Port(air, "wlan0", UNPAID))
        plug(Port(box, "wan0", "02:00:00:00:99:00"), Port(wire, "wlan0", WIRE))
        box.set_kernel("ipv6/conf/all/forwarding", 1)
        box.set_kernel("ipv6/conf/default/forwarding", 1)
        box.ip(f"link add br0 address {BOX_MAC} type bridge mcast_snooping 0", "link set br0 up")
        box.ip("link set wlan0 master br0", "link set wan0 master br0")
        box.ip(
            f"addr add {BOX_LOCAL}/64 dev br0 nodad",
            f"neigh replace fe80::9901 lladdr {WIRE} dev br0 nud permanent",
            f"neigh replace {UNPAID_LOCAL} lladdr {UNPAID} dev br0 nud permanent",
        )
        for namespace, local in ((air, UNPAID_LOCAL), (wire, "fe80::9901")):
            namespace.ip(f"addr add {local}/64 dev wlan0 nodad")
        box.call(made.set_up)
        yield made, box, air, wire
        box.call(made.tear_down)
    finally:
        for namespace in (box, air, wire):
            delete(namespace)


def solicit(source, target="ff02::1", hops=255, tail=SECRET):
    return IPv6(src=source, dst=target, hlim=hops) / ICMPv6ND_NS(tgt=UNPAID_LOCAL) / Raw(tail)


def dhcp(target="255.255.255.255", tail=SECRET):
    return IP(src="192.0.2.1", dst=target) / UDP(sport=67, dport=68) / Raw(tail)


BROADCAST = "ff:ff:ff:ff:ff:ff"
REFUSED_GROUPS = {
    "solicitation with a global source": (ALL_NODES, solicit("2001:db8::1")),
    "solicitation of a wider group": (ALL_NODES, solicit("fe80::9901", "ff05::1")),
    "solicitation from afar": (ALL_NODES, solicit("fe80::9901", hops=254)),
    "solicitation with a long tail": (ALL_NODES, solicit("fe80::9901", tail=LONG)),
    "solicitation with a tail behind its packet": (
        ALL_NODES,
        IPv6(src="fe80::9901", dst="ff02::1", hlim=255, plen=24) / ICMPv6ND_NS(tgt=UNPAID_LOCAL) / Raw(LONG),
    ),
    "solicitation behind hop-by-hop": (ALL_NODES, between("fe80::9901", "ff02::1", IPv6ExtHdrHopByHop())),
    "solicitation behind a fragment header": (
        ALL_NODES,
        between("fe80::9901", "ff02::1", IPv6ExtHdrFragment()),
    ),
    "solicitation to its own address": (UNPAID, solicit("fe80::9901", UNPAID_LOCAL)),
    "advertisement with a tag": (ALL_NODES, Dot1Q(vlan=7) / solicit("fe80::9901")),
    "ARP with a long tail": (BROADCAST, arp(WIRE, UNPAID_V4, LONG)),
    "ARP to its own address": (UNPAID, arp(WIRE, UNPAID_V4)),
    "ARP with a tag": (BROADCAST, Dot1AD(vlan=7) / arp(WIRE, UNPAID_V4)),
    "DHCP to its own address": (UNPAID, dhcp()),
    "DHCP to a net": (BROADCAST, dhcp("10.77.0.255")),
    "DHCP that is too long": (BROADCAST, dhcp(tail=LONG)),
    "mDNS": (
        "33:33:00:00:00:fb",
        udp6("fe80::9901", "ff02::fb", 5_353, 5_353, hlim=255),
    ),
    "a lobby's answer": (UNPAID, udp6("fe80::9901", UNPAID_LOCAL, LOBBY, 40_000)),
    "a lobby's answer to a group": (ALL_NODES, udp6("fe80::9901", "ff02::1", LOBBY, 40_000)),
    "IPv4 broadcast": (BROADCAST, IP(src="192.0.2.1", dst="255.255.255.255") / UDP() / SECRET),
}


@pytest.mark.parametrize("name", REFUSED_GROUPS)
def test_the_wire_reaches_an_unpaid_station_with_nothing_else(bridged, eventually, name):
    _, _, air, wire = bridged
    target, packet = REFUSED_GROUPS[name]
    with listening((air, "wlan0")) as (ear,):
        transmit(wire, [framed(packet, WIRE, target)] * 3)
        transmit(wire, [framed(solicit("fe80::9901", tail=PASSES), WIRE, ALL_NODES)])
        eventually(lambda: ear.heard(PASSES), "a solicitation is heard")
        assert ear.heard(SECRET) == []


@pytest.mark.parametrize(
    ("target", "packet"),
    [
        (ALL_NODES, IPv6(src="fe80::9901", dst="ff02::1", hlim=255) / ICMPv6ND_RA() / Raw(PASSES)),
        (BROADCAST, arp(WIRE, UNPAID_V4, PASSES)),
        (BROADCAST, dhcp(tail=PASSES)),
    ],
)
def test_what_a_paid_station_needs_to_be_found_passes(bridged, eventually, target, packet):
    _, _, air, wire = bridged
    with listening((air, "wlan0")) as (ear,):
        transmit(wire, [framed(packet, WIRE, target)])
        eventually(lambda: ear.heard(PASSES), "it is heard")


@pytest.mark.parametrize(
    ("target", "packet"),
    [(BROADCAST, arp(WIRE, UNPAID_V4, FLOOD)), (ALL_NODES, solicit("fe80::9901", tail=FLOOD))],
    ids=["ARP", "solicitations"],
)
def test_a_flood_of_group_frames_from_the_wire_is_cut_to_a_trickle(bridged, eventually, target, packet):
    shaper, _, air, wire = bridged
    before, began = shaper.read_refusals()["unpaid_out"].packets, time.monotonic()
    with listening((air, "wlan0")) as (ear,):
        transmit(wire, [bytes(framed(packet, WIRE, target))] * 1_000)
        most = SMALL_GROUP_PER_S * (time.monotonic() - began + 1.1)
        eventually(
            lambda: shaper.read_refusals()["unpaid_out"].packets - before + len(ear.heard(FLOOD)) >= 1_000,
            "all have come",
        )
        assert 0 < len(ear.heard(FLOOD)) <= most
    # The next test finds the limits as they were.
    eventually(lambda: time.monotonic() - began > 1.5, "the limit has refilled")


@pytest.mark.parametrize(
    "packet",
    [
        advert(UNPAID_LOCAL, "fe80::9901"),
        udp6(UNPAID_LOCAL, "fe80::9901", LOBBY, LOBBY),
        udp6(UNPAID_LOCAL, "ff02::1", LOBBY, LOBBY, hlim=9),
        advert(UNPAID_LOCAL, "ff02::1"),
    ],
    ids=["advertisement", "lobby", "lobby group", "advertisement to a group"],
)
def test_a_bridge_that_routes_as_well_carries_nothing_on_to_the_wire(bridged, eventually, packet):
    _, box, air, wire = bridged
    target = ALL_NODES if packet.dst.startswith("ff") else BOX_MAC
    with listening((wire, "wlan0"), (box, "br0")) as (ear, inside):
        transmit(air, [framed(packet, UNPAID, target)] * 3)
        eventually(lambda: len(inside.heard(SECRET)) == 3, "the box itself has heard it")
        box.call(lambda: say(PASSES, "fe80::9901", 9_000, interface="br0"))
        eventually(lambda: ear.heard(PASSES), "the wire hears the box")
        assert ear.heard(SECRET) == []


@pytest.mark.parametrize("tags", TAGS)
def test_a_bridge_carries_no_frame_with_a_tag_not_even_of_a_paid_station(bridged, eventually, tags):
    shaper, _, air, wire = bridged
    shaper.install(SessionShape(FIRST_SLOT, MacAddress.parse(PAID), MBIT, MBIT, MBIT, MBIT))
    try:
        with listening((wire, "wlan0")) as (ear,):
            for source in (UNPAID, PAID):
                packet = udp6(UNPAID_LOCAL, "fe80::9901", LOBBY, LOBBY)
                tagged = framed(packet, source, WIRE, [tag.copy() for tag in TAGS[tags]])
                transmit(air, [tagged] * 3)
            transmit(air, [framed(udp6("fe80::2", "fe80::9901", secret=PASSES), PAID, WIRE)])
            eventually(lambda: ear.heard(PASSES), "a paid station's frame is carried on")
            assert ear.heard(SECRET) == []
    finally:
        shaper.remove(FIRST_SLOT, MacAddress.parse(PAID))


@pytest.mark.parametrize("hops", [2, 64, 255])
@pytest.mark.parametrize("source", [WIRE, BOX_MAC], ids=["by way of the box", "with the box's own address"])
def test_the_wire_does_not_speak_for_the_box_in_the_lobby(bridged, eventually, source, hops):
    _, box, air, wire = bridged
    target = BOX_MAC if source == WIRE else UNPAID
    packet = udp6("fe80::9901", UNPAID_LOCAL, LOBBY, 40_000, hlim=hops)
    with listening((air, "wlan0")) as (ear,):
        transmit(wire, [framed(packet, source, target)] * 3)
        box.call(lambda: say(PASSES, UNPAID_LOCAL, 40_000, LOBBY, "br0"))
        eventually(lambda: ear.heard(PASSES), "the box's own words are heard")
        assert ear.heard(SECRET) == []


# --- a closed interface, and a lobby apart


@pytest.fixture
def apart(network, needs):
    """The box with `wlan0` closed, and a phone on an interface that has the lobby only; the phone's namespace."""
    needs("nft")
    phone = create("phone")
    plug(Port(network.box, "lobby0", LOBBY_MAC), Port(phone, "wlan0", PHONE_MAC))
    network.box.ip(f"addr add {LOBBY_LOCAL}/64 dev lobby0 nodad", "addr add fd78::1/64 dev lobby0 nodad")
    phone.ip(f"addr add {PHONE_LOCAL}/64 dev wlan0 nodad", "addr add fd78::2/64 dev wlan0 nodad")
    made = Shaper(replace(SETTINGS, closed=True, lobby_interface="lobby0"))
    network.box.call(made.set_up)
    made.install(SessionShape(FIRST_SLOT, MacAddress.parse(PAID), 20 * MBIT, 20 * MBIT, 20 * MBIT, 20 * MBIT))
    yield phone
    network.box.call(made.tear_down)
    delete(phone)


LOBBY_MAC, PHONE_MAC = "02:00:00:00:78:01", "02:00:00:00:78:02"
LOBBY_LOCAL, PHONE_LOCAL = "fe80::78:1", "fe80::78:2"


@contextmanager
def lobby(box):
    """A socket where the daemon's would be."""

    def make():
        made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        made.bind(("::", LOBBY))
        made.settimeout(5)
        return made

    with box.call(make) as made:
        yield made


def test_on_a_closed_interface_only_who_has_paid_reaches_the_lobby(network, apart):
    with lobby(network.box) as ear:
        for _ in range(3):
            transmit(
                network.station(1).namespace,
                [
                    framed(udp6(UNPAID_LOCAL, to, sport=9_000, dport=LOBBY), UNPAID, BOX_MAC)
                    for to in (BOX_LOCAL, "ff02::1")
                ],
            )
        transmit(
            network.station(2).namespace,
            [framed(udp6(PAID_LOCAL, BOX_LOCAL, sport=9_000, dport=LOBBY, secret=PASSES), PAID, BOX_MAC)],
        )
        assert ear.recv(1_000) == PASSES


def test_on_a_closed_interface_the_box_says_nothing_to_who_has_not_paid(network, apart, eventually):
    one, two = network.station(1).namespace, network.station(2).namespace
    with listening((one, "wlan0"), (two, "wlan0")) as (unpaid, paid):
        network.box.call(lambda: say(SECRET, UNPAID_LOCAL, 9_000, sport=LOBBY))
        network.box.call(lambda: say(PASSES, PAID_LOCAL, 9_000, sport=LOBBY))
        eventually(lambda: paid.heard(PASSES), "what may pass has passed")
        assert not unpaid.heard(SECRET)


def test_a_lobby_apart_has_discovery_the_lobby_and_nothing_else(network, apart, eventually):
    """Without neighbour entries: the phone finds the box by itself, and is found."""
    phone, box = apart, network.box
    with (
        lobby(box) as ear,
        listening((network.world, "wan0"), (network.station(2).namespace, "wlan0")) as ears,
    ):
        for to, port in ((WORLD6, 9_000), (WORLD6, LOBBY), ("fd77::12", 9_000), (PAID_LOCAL, 9_000)):
            transmit(phone, [framed(udp6("fd78::2", to, dport=port), PHONE_MAC, LOBBY_MAC)] * 3)
            transmit(phone, [framed(udp6(PHONE_LOCAL, to, dport=port), PHONE_MAC, LOBBY_MAC)] * 3)
        transmit(
            phone, [framed(IP(src="10.78.0.2", dst=WORLD4) / UDP() / Raw(SECRET), PHONE_MAC, LOBBY_MAC)] * 3
        )
        phone.call(lambda: say(PASSES, LOBBY_LOCAL, LOBBY, sport=9_000))
        text, source = ear.recvfrom(1_000)
        assert (text, source[0].partition("%")[0]) == (PASSES, PHONE_LOCAL)
        with phone.call(lambda: hearing(9_000)) as heard:
            for sport in (9_001, LOBBY):
                box.call(
                    lambda sport=sport: answer(
                        SECRET if sport != LOBBY else PASSES,
                        PHONE_LOCAL,
                        9_000,
                        ear if sport == LOBBY else None,
                    )
                )
            assert heard.recv(1_000) == PASSES
        transmit(network.station(2).namespace, [framed(udp6("fd77::12", WORLD6, secret=PASSES), PAID)])
        box.call(lambda: say(PASSES, "fd77::12", 9_000))
        eventually(lambda: all(one.heard(PASSES) for one in ears), "what may pass has passed")
        assert {one.name: one.heard(SECRET) for one in ears} == {one.name: [] for one in ears}


def hearing(port):
    made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    made.bind(("::", port))
    made.settimeout(5)
    return made


def answer(text, address, port, mouth=None):
    """By the lobby's socket, or by one of another port."""
    to = (address, port, 0, socket.if_nametoindex("lobby0"))
    if mouth is not None:
        mouth.sendto(text, to)
        return
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
        other.sendto(text, to)


def test_a_lobby_apart_carries_no_more_than_the_lobbys_rate(network, apart):
    """Half a megabit is 62,500 bytes a second; a burst is 65,535 more."""
    box, sent = network.box, 0
    with apart.call(lambda: hearing(9_000)) as heard, lobby(box) as mouth:
        to = (PHONE_LOCAL, 9_000, 0, box.call(lambda: socket.if_nametoindex("lobby0")))
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        apart.call(lambda: say(PASSES, LOBBY_LOCAL, LOBBY, sport=0))
        mouth.recv(1_000)
        for _ in range(1_000):
            with contextlib.suppress(OSError):
                sent += mouth.sendto(bytes(1_000), to)
        heard.settimeout(0.2)
        count = 0
        with contextlib.suppress(TimeoutError):
            while heard.recv(2_000):
                count += 1
    assert sent >= 900_000
    assert 20 <= count <= 150
