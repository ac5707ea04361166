"""Where an answer to a stranger goes."""

from typing import NamedTuple

from wire.ids import MacAddress, Station

UdpAddress = tuple[str, int, int, int]
"""An IPv6 socket address: host, port, flow, scope."""


class NasAddress(NamedTuple):
    """A UE before it is let in, by its name on a connection of the end of NAS: a purchase of one of its exchanges, or
    one of its purchases in options. With a `station` it has proved the key of its grant (apd/signalling.py, which alone
    says so), and the core gave its session that address.
    """

    link: int
    ue: bytes
    exchange: int = 0
    tag: bytes = b""
    station: Station | None = None


Address = UdpAddress | MacAddress | NasAddress
"""A station in the lobby, by its datagrams; or one on the air, before it has any address but its own (apd/air.py); or
one that is still in NAS."""


def mac_of(station: Station) -> MacAddress:
    """Of a session where no UEs are served: on a wired box, or on the air."""
    assert isinstance(station, MacAddress), f"{station} is a UE"
    return station


def host_of(address: Address) -> object:
    """Who that is, whatever port it sends from."""
    if isinstance(address, NasAddress):
        return address.link, address.ue
    return address if isinstance(address, MacAddress) else address[0]
