"""Where the shaper is measured: a world, a box and an air with any number of stations that are only addresses.

world ---- box ==== air (a witness counts what arrives for each station, and what the world gets from station 1)

The stations share one namespace and one cable; each is a MAC and an IPv4 address that the box knows as a neighbour.
Nothing limits the cables, so every limit that is seen is the shaper's. The witness is a table of its own at the far
end of the cable, after the shaper. Units: IP bytes.
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from lab.namespaces import Namespace, Port, create, delete, plug
from tc_shaper import nfnetlink
from tc_shaper.counters import ElementCounters
from tc_shaper.netlink import NetlinkSocket
from tc_shaper.settings import ShaperSettings
from tc_shaper.tree import FIRST_SLOT, Direction, SessionShape
from wire.ids import MacAddress

WITNESS = "witness"
BOX_AIR = ipaddress.IPv4Interface("10.100.0.1/16")
BOX_WAN = ipaddress.IPv4Interface("10.99.0.1/24")
WORLD = ipaddress.IPv4Interface("10.99.0.2/24")
GBIT = 1_000_000_000
T = TypeVar("T")


def station_mac(number: int) -> MacAddress:
    """Stations count from 1."""
    return MacAddress(bytes.fromhex("02000001") + number.to_bytes(2, "big"))


def station_address(number: int) -> str:
    """Station 1 is 10.100.1.1, the first that the box itself does not have."""
    return str(BOX_AIR.network.network_address + 256 + number)


def shape(number: int, floor_bps: int, ceil_bps: int) -> SessionShape:
    """Station `number` in its slot, the same in both directions."""
    return SessionShape(
        FIRST_SLOT + number - 1, station_mac(number), floor_bps, ceil_bps, floor_bps, ceil_bps
    )


def settings(capacity_bps: int = 10 * GBIT, pool_size: int = 64) -> ShaperSettings:
    """Of the box in a rig; the lobby gets next to nothing, so that the floors fill the link."""
    return ShaperSettings(
        interface="air0",
        wan_interface="wan0",
        downlink_capacity_bps=capacity_bps,
        uplink_capacity_bps=capacity_bps,
        lobby_bps=8_000,
        pool_size=pool_size,
        pool_chunk=1_000,
    )


@dataclass(frozen=True, slots=True)
class Rig:
    """One world, box and air, with the witness's socket in each of the outer two."""

    world: Namespace
    box: Namespace
    air: Namespace
    at_air: NetlinkSocket
    at_world: NetlinkSocket

    def in_box(self, function: Callable[[], T]) -> T:
        return self.box.call(function)

    def arrived(self) -> dict[MacAddress, ElementCounters]:
        """What came out of the shaper for each station."""
        answers = self.at_air.dump(nfnetlink.dump_elements(WITNESS, Direction.DOWN))
        return {
            item.station: item.counters for answer in answers for item in nfnetlink.read_elements(answer)[1]
        }

    def arrived_at_world(self) -> ElementCounters:
        """What the world got from station 1."""
        answers = self.at_world.dump(nfnetlink.dump_counters(WITNESS))
        return dict(nfnetlink.read_counter(answer) for answer in answers)["up"]


@contextmanager
def rig(name: str, stations: Sequence[int], *, swallow: bool) -> Iterator[Rig]:
    """Build a rig, and take it away. With `swallow` the witness drops what it counted, so nobody has to read it."""
    made: list[Namespace] = []
    try:
        made += (create(f"{part}-{name}") for part in "wba")
        world, box, air = made
        plug(Port(world, "w0", addresses=(WORLD,)), Port(box, "wan0", addresses=(BOX_WAN,)))
        first = ipaddress.IPv4Interface(f"{station_address(1)}/16")
        plug(Port(box, "air0", addresses=(BOX_AIR,)), Port(air, "sta0", str(station_mac(1)), (first,)))
        box.set_kernel("ipv4/ip_forward", 1)
        world.ip(f"route add {BOX_AIR.network} via {BOX_WAN.ip}")
        air.ip(f"route add default via {BOX_AIR.ip}")
        meet(box, stations)
        air.run(["nft", "-f", "-"], given=_air_witness(stations, "drop" if swallow else "accept"))
        world.run(["nft", "-f", "-"], given=_world_witness())
        yield Rig(world, box, air, _socket_in(air), _socket_in(world))
    finally:
        for namespace in made:
            delete(namespace)


def meet(box: Namespace, stations: Iterable[int]) -> None:
    """Tell the box who has which address, for ever."""
    box.ip(
        *(
            f"neigh replace {station_address(n)} lladdr {station_mac(n)} dev air0 nud permanent"
            for n in stations
        )
    )


def _air_witness(stations: Sequence[int], verdict: str) -> str:
    elements = ", ".join(str(station_mac(number)) for number in stations)
    return f"""table netdev {WITNESS} {{
  set down {{ type ether_addr; counter; elements = {{ {elements} }}; }}
  chain c {{
    type filter hook ingress device "sta0" priority 0;
    ether daddr @down {verdict}
  }}
}}
"""


def _world_witness() -> str:
    return f"""table netdev {WITNESS} {{
  counter up {{ }}
  chain c {{
    type filter hook ingress device "w0" priority 0;
    ip saddr {station_address(1)} counter name up
  }}
}}
"""


def _socket_in(namespace: Namespace) -> NetlinkSocket:
    return namespace.call(lambda: NetlinkSocket(nfnetlink.NETFILTER_PROTOCOL, WITNESS))
