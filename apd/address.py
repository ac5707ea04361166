"""Where an answer to a stranger goes."""

from wire.ids import MacAddress, Station

UdpAddress = tuple[str, int, int, int]
"""An IPv6 socket address: host, port, flow, scope."""
Address = UdpAddress | MacAddress
"""A station in the lobby, by its datagrams; or one on the air, before it has any address but its own (apd/air.py)."""


def mac_of(station: Station) -> MacAddress:
    """Of a session where no UEs are served: on a wired box, or on the air."""
    assert isinstance(station, MacAddress), f"{station} is a UE"
    return station


def host_of(address: Address) -> object:
    """Who that is, whatever port it sends from."""
    return address if isinstance(address, MacAddress) else address[0]
