"""The Wi-Fi lab's network: an operator with the world behind it, access points that bridge, stations with radios.

    world ---- operator ==(switch)== box1 (br0: wan0 + wlan0)  )))  sta1, sta2, ...   one radio each
    10.79.0.2   10.77.0.1        |   10.77.0.2                      10.77.0.11 ...
    fd79::2     fd77::1          |   fd77::2                        fd77::11 ...
                                 == box2 (br0: wan0 + wlan0)  )))   the same network: a station keeps its addresses

An access point is a bridge between its radio and the cable to the operator, who is the router: a station that changes
from one to the other keeps its addresses. Nobody here has a price, a session or a daemon: hostapd, FreeRADIUS and
ours are started by whoever uses this (lab/wifi/stage.py).

Run it only in the guest (lab/guest.sh).
"""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab.namespaces import Namespace, Port, namespaces, plug
from lab.wifi.radios import STATION_INTERFACE, Radio, radios
from lab.world import lay_world

RADIO_INTERFACE = "wlan0"
BRIDGE = "br0"
BACKHAUL_INTERFACE = "wan0"

OPERATOR_V4 = ipaddress.IPv4Interface("10.77.0.1/24")
OPERATOR_V6 = ipaddress.IPv6Interface("fd77::1/64")
MAX_BOXES = 8


@dataclass(frozen=True, slots=True)
class Box:
    """One access point: `number` from 1 gives its name and its addresses."""

    number: int
    namespace: Namespace
    radio: Radio

    @property
    def name(self) -> str:
        return f"box{self.number}"

    @property
    def interface(self) -> str:
        return RADIO_INTERFACE

    @property
    def bssid(self) -> str:
        return self.radio.mac

    @property
    def v4(self) -> ipaddress.IPv4Interface:
        return ipaddress.IPv4Interface(f"10.77.0.{1 + self.number}/24")


@dataclass(frozen=True, slots=True)
class Station:
    """One device with a radio: `number` from 1 gives its name and its addresses."""

    number: int
    namespace: Namespace
    radio: Radio

    @property
    def name(self) -> str:
        return f"sta{self.number}"

    @property
    def interface(self) -> str:
        return STATION_INTERFACE

    @property
    def mac(self) -> str:
        return self.radio.mac

    @property
    def v4(self) -> ipaddress.IPv4Interface:
        return ipaddress.IPv4Interface(f"10.77.0.{10 + self.number}/24")

    @property
    def v6(self) -> ipaddress.IPv6Interface:
        return ipaddress.IPv6Interface(f"fd77::{10 + self.number:x}/64")

    def take_addresses(self) -> None:
        """The addresses and the way to the world; once is enough, they survive a change of access point."""
        self.namespace.ip(
            f"addr replace {self.v4} dev {self.interface}",
            f"addr replace {self.v6} dev {self.interface} nodad",
            f"route replace default via {OPERATOR_V4.ip} dev {self.interface}",
            f"route replace ::/0 via {OPERATOR_V6.ip} dev {self.interface}",
        )


@dataclass(frozen=True, slots=True)
class WifiAir:
    """The whole network, cabled; the radios are silent until somebody starts a daemon."""

    operator: Namespace
    world: Namespace
    boxes: tuple[Box, ...]
    stations: tuple[Station, ...]

    def box(self, number: int) -> Box:
        """Access point `number`, counted from 1."""
        return self.boxes[number - 1]

    def station(self, number: int) -> Station:
        """Station `number`, counted from 1."""
        return self.stations[number - 1]


@contextmanager
def wifi_air(box_count: int, station_count: int) -> Iterator[WifiAir]:
    """The network for the length of a block; radios and namespaces are gone afterwards."""
    if not 1 <= box_count <= MAX_BOXES:
        raise ValueError(f"{box_count} access points: the lab has room for 1 to {MAX_BOXES}")
    with radios(box_count + station_count) as found, namespaces() as make:
        air = WifiAir(
            operator=make("operator"),
            world=make("world"),
            boxes=tuple(Box(n, make(f"box{n}"), found[n - 1]) for n in range(1, box_count + 1)),
            stations=tuple(
                Station(n, make(f"sta{n}"), found[box_count + n - 1]) for n in range(1, station_count + 1)
            ),
        )
        _lay_cables(air)
        for box in air.boxes:
            box.radio.move(box.namespace)
        for station in air.stations:
            station.radio.move(station.namespace)
        yield air


def _lay_cables(air: WifiAir) -> None:
    operator = air.operator
    operator.ip("link add lan0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0", "link set lan0 up")
    operator.ip(f"addr add {OPERATOR_V4} dev lan0", f"addr add {OPERATOR_V6} dev lan0 nodad")
    lay_world(operator, air.world)
    for box in air.boxes:
        plug(Port(operator, box.name), Port(box.namespace, BACKHAUL_INTERFACE))
        operator.ip(f"link set {box.name} master lan0")
        box.namespace.ip(
            f"link add {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            f"link set {BACKHAUL_INTERFACE} master {BRIDGE}",
            f"link set {BRIDGE} up",
            f"addr add {box.v4} dev {BRIDGE}",
            f"route add default via {OPERATOR_V4.ip}",
        )
