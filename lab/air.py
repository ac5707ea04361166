"""The lab's network: an operator, the world behind it, one access point and its stations on a shared segment
of air.

    world ---- operator ---- box (apd) ==== air ==== sta1, sta2, ... staN
    10.79.0.2    10.78.0.1   10.78.0.2          10.77.0.1   10.77.0.11 ...
    fd79::2      fd78::1     fd78::2            fd77::1     fd77::11 ...

The `air` namespace stands for the radio channel. Two bridges in it are joined by one cable, and that cable is
the bottleneck: all downlink together gets `downlink_bps`, all uplink together gets `uplink_bps`. Uplink is
shared as 802.11 DCF shares it: every station *that has something to send* gets an equal opportunity, whatever
it offers, for each station port has an HTB class of rate air/N that may borrow up to the whole air. So a
freeloader who floods takes his turns away from everybody, exactly as on a real channel, and cannot be stopped
from transmitting; what the access point can do is refuse to carry it further. Unlike on a real channel,
downlink and uplink do not compete with each other, nobody is far away, and a frame's size is its only cost.
Stations hear only the box: their bridge ports are isolated, as radio stations associated to an access point
are, and the routes send even station-to-station packets through the box.

What this file does not do: it knows no prices, no sessions and no apd, and sets no rule in the box. The
access point's own shaping must stay below the air's rates, as on a real access point.

Units: bits per second of Ethernet frames (the air counts 14 bytes of header per packet; IP rates are lower by
that).
"""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab.namespaces import Address, Namespace, Port, namespaces, plug
from lab.world import forward, lay_world

DEFAULT_AIR_BPS = 60_000_000
"""A modest 802.11n cell; small enough that two cores can overload it eightfold."""

AIR_QUEUE_MS = 60
"""Depth of the air's own queues at full rate, about what a driver without AQM holds."""

HTB_BURST_BYTES = 3_200
"""Two MTU-sized frames: a radio does not save up unused time."""

FRAME_BYTES = 1_514
"""The longest frame on these cables: MTU 1500 and the Ethernet header."""

BOX_INTERFACE = "wlan0"
STATION_INTERFACE = "wlan0"
BACKHAUL_INTERFACE = "wan0"
BOX_MAC = "02:00:00:00:77:00"
"""The BSSID: locally administered, and easy to find in a trace."""

BOX_V4 = ipaddress.IPv4Interface("10.77.0.1/24")
BOX_V6 = ipaddress.IPv6Interface("fd77::1/64")
BOX_BACKHAUL_V4 = ipaddress.IPv4Interface("10.78.0.2/24")
BOX_BACKHAUL_V6 = ipaddress.IPv6Interface("fd78::2/64")
OPERATOR_V4 = ipaddress.IPv4Interface("10.78.0.1/24")
OPERATOR_V6 = ipaddress.IPv6Interface("fd78::1/64")

MAX_STATIONS = 200
"""Addresses 10.77.0.11 to 10.77.0.210."""


@dataclass(frozen=True, slots=True)
class Station:
    """One device on the air: `number` from 1 gives its name, its MAC and its addresses."""

    number: int
    namespace: Namespace

    @property
    def name(self) -> str:
        return f"sta{self.number}"

    @property
    def interface(self) -> str:
        return STATION_INTERFACE

    @property
    def mac(self) -> str:
        """sta1 is 02:00:00:00:77:01; decimal digits up to 99 so that a reader recognises the number."""
        return f"02:00:00:00:{0x77 + self.number // 100:02x}:{self.number % 100:02d}"

    @property
    def v4(self) -> ipaddress.IPv4Interface:
        """A host address: everything beyond it, other stations included, lies behind the box."""
        return ipaddress.IPv4Interface(f"{BOX_V4.network.network_address + 10 + self.number}/32")

    @property
    def v6(self) -> ipaddress.IPv6Interface:
        return ipaddress.IPv6Interface(f"fd77::{10 + self.number}/128")

    def pin_box(self) -> None:
        """Know the box's MAC without asking: a station that the box does not answer can still transmit to it."""
        self.namespace.ip(
            f"neigh replace {BOX_V4.ip} lladdr {BOX_MAC} dev {self.interface} nud permanent",
            f"neigh replace {BOX_V6.ip} lladdr {BOX_MAC} dev {self.interface} nud permanent",
        )

    def borrow_mac(self, mac: str) -> None:
        """Take another station's MAC address, which nothing on an open network prevents."""
        self.namespace.ip(
            f"link set {self.interface} down",
            f"link set {self.interface} address {mac}",
            f"link set {self.interface} up",
        )
        _route_through_box(self)


@dataclass(frozen=True, slots=True)
class Lab:
    """The whole network, up and routed."""

    operator: Namespace
    world: Namespace
    box: Namespace
    air: Namespace
    stations: tuple[Station, ...]
    downlink_bps: int
    uplink_bps: int

    def station(self, number: int) -> Station:
        """Station `number`, counted from 1."""
        return self.stations[number - 1]

    @property
    def namespaces(self) -> tuple[Namespace, ...]:
        return (
            self.operator,
            self.world,
            self.box,
            self.air,
            *(station.namespace for station in self.stations),
        )


@contextmanager
def lab(
    station_count: int, *, downlink_bps: int = DEFAULT_AIR_BPS, uplink_bps: int = DEFAULT_AIR_BPS
) -> Iterator[Lab]:
    """The network for the length of a `with` block; its namespaces are gone afterwards."""
    if not 1 <= station_count <= MAX_STATIONS:
        raise ValueError(f"{station_count} stations: the lab has room for 1 to {MAX_STATIONS}")
    with namespaces() as make:
        network = Lab(
            operator=make("operator"),
            world=make("world"),
            box=make("box"),
            air=make("air"),
            stations=tuple(Station(number, make(f"sta{number}")) for number in range(1, station_count + 1)),
            downlink_bps=downlink_bps,
            uplink_bps=uplink_bps,
        )
        _lay_backhaul(network)
        _open_air(network)
        yield network


def _lay_backhaul(network: Lab) -> None:
    """Box - operator - world, routed in both address families."""
    plug(
        Port(network.box, BACKHAUL_INTERFACE, addresses=(BOX_BACKHAUL_V4, BOX_BACKHAUL_V6)),
        Port(network.operator, "box0", addresses=(OPERATOR_V4, OPERATOR_V6)),
    )
    lay_world(network.operator, network.world)
    forward(network.box)
    for router in (network.box, network.operator):  # stations may not be told of a shorter way: there is none
        for family in ("all", "default"):
            router.set_kernel(f"ipv4/conf/{family}/send_redirects", 0)
    network.box.ip(f"route add default via {OPERATOR_V4.ip}", f"route add ::/0 via {OPERATOR_V6.ip}")
    network.operator.ip(
        f"route add {BOX_V4.network} via {BOX_BACKHAUL_V4.ip}",
        f"route add {BOX_V6.network} via {BOX_BACKHAUL_V6.ip}",
    )


def _open_air(network: Lab) -> None:
    """Two bridges, the limited cable between them, the box on one side and the isolated stations on the
    other.
    """
    air = network.air
    for family in ("all", "default"):
        air.set_kernel(f"ipv6/conf/{family}/disable_ipv6", 1)  # the channel itself says nothing
    air.ip(
        "link add ap type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        "link add bss type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        "link set ap up",
        "link set bss up",
    )
    plug(Port(air, "downlink"), Port(air, "uplink"))
    plug(Port(air, "box"), Port(network.box, BOX_INTERFACE, BOX_MAC, (BOX_V4, BOX_V6)))
    air.ip("link set box master ap", "link set downlink master ap", "link set uplink master bss")
    for station in network.stations:
        plug(
            Port(air, station.name),
            Port(station.namespace, station.interface, station.mac, _addresses(station)),
        )
        air.ip(
            f"link set {station.name} master bss", f"link set {station.name} type bridge_slave isolated on"
        )
        _route_through_box(station)
    _limit_downlink(network)
    _limit_uplink(network)


def _limit_downlink(network: Lab) -> None:
    """Everything from the box shares one bucket at the cable's ap end."""
    network.air.run(
        [
            *(
                "tc",
                "qdisc",
                "replace",
                "dev",
                "downlink",
                "root",
                "tbf",
                "rate",
                f"{network.downlink_bps}bit",
            ),
            *("burst", str(_burst_bytes(network.downlink_bps)), "latency", f"{AIR_QUEUE_MS}ms"),
        ]
    )


def _limit_uplink(network: Lab) -> None:
    """One HTB class for each station port at the cable's bss end, with equal turns; the port decides, not the
    MAC.
    """
    total = network.uplink_bps
    share = max(total // len(network.stations), 8_000)
    burst = _burst_bytes(total)
    queue_bytes = max(total * AIR_QUEUE_MS // 8_000, 4 * FRAME_BYTES)
    limits = f"ceil {total}bit burst {burst} cburst {burst} quantum {FRAME_BYTES}"
    lines = [
        "qdisc replace dev uplink root handle 1: htb default 0",
        f"class add dev uplink parent 1: classid 1:1 htb rate {total}bit {limits}",
    ]
    for station in network.stations:
        minor = _class_minor(station)
        lines += [
            f"class add dev uplink parent 1:1 classid 1:{minor:x} htb rate {share}bit {limits}",
            f"qdisc add dev uplink parent 1:{minor:x} handle {minor:x}: bfifo limit {queue_bytes}",
        ]
    network.air.run(["tc", "-batch", "-"], given="\n".join(lines) + "\n")
    turns = "\n".join(
        f'    iifname "{station.name}" oifname "uplink" meta priority set 1:{_class_minor(station):x}'
        for station in network.stations
    )
    network.air.run(
        ["nft", "-f", "-"],
        given="table bridge air {\n  chain turns {\n    type filter hook forward priority 0;\n"
        + turns
        + "\n  }\n}\n",
    )


def _class_minor(station: Station) -> int:
    return 0x10 + station.number


def _burst_bytes(rate_bps: int) -> int:
    """Two frames, or what a timer that fires every millisecond must hand out at once."""
    return max(HTB_BURST_BYTES, rate_bps // 8_000)


def _addresses(station: Station) -> tuple[Address, ...]:
    return (station.v4, station.v6)


def _route_through_box(station: Station) -> None:
    device = station.interface
    station.namespace.ip(
        f"addr replace {station.v6} dev {device} nodad",
        f"route replace {BOX_V4.ip}/32 dev {device}",
        f"route replace default via {BOX_V4.ip} dev {device}",
        f"route replace {BOX_V6.ip}/128 dev {device}",
        f"route replace ::/0 via {BOX_V6.ip} dev {device}",
    )
