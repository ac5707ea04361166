"""The lobby's socket: datagrams over IPv6 link-local on one interface, without any privilege. A shell; decides nothing.

Whatever comes in by another interface is not ours and is passed over. Addresses are texts such as `fe80::1%3`, for
the core to give back. On a cell there is no link with neighbours: the box is spoken to at one address, over IPv4 or
IPv6, and only it is heard.
Reference: RFC 3493 (socket interface), RFC 4007 (zones), netdevice(7) (the own MAC address).
"""

import fcntl
import socket
import struct
import sys
import time
from ipaddress import IPv4Address, IPv6Address
from types import TracebackType
from typing import Self

from nas_tunnel.lobby import GROUP, MAX_LOBBY_BYTES, PORT
from wire.errors import ShellError
from wire.ids import MacAddress, Station, parse_station
from wire.units import Now

LONGEST_WAIT_S = 3_600.0
"""So that no clock arithmetic overflows; the loop asks again."""
_SIOCGIFHWADDR = 0x8927
_WITHOUT_MAC = (512, 519, 65_534)
"""PPP, raw IP and none (tun): what modems and tunnels are (include/uapi/linux/if_arp.h)."""


class LobbySocket:
    """Bound to a port of its own; closes with the `with` block. Raises ShellError if the interface is not there."""

    def __init__(self, interface: str, cell: IPv4Address | IPv6Address | None = None) -> None:
        self._box = "" if cell is None else f"::ffff:{cell}" if isinstance(cell, IPv4Address) else str(cell)
        try:
            self._index = socket.if_nametoindex(interface)
            self._socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        except OSError as error:
            raise ShellError(f"interface {interface}", error.strerror or str(error)) from None
        self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, self._index)
        self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 1)
        self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        self.interface = interface
        try:
            if self._box:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            self._socket.bind(("::", 0))
        except OSError as error:
            self._socket.close()
            raise ShellError(f"interface {interface}", error.strerror or str(error)) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """Readable when a datagram waits."""
        return self._socket.fileno()

    def read_station(self) -> Station:
        """The interface's own MAC address; on a cell, the address from which the box hears us. Raises ShellError."""
        if self._box:
            return self._read_own_address()
        request = struct.pack("16s24x", self.interface.encode())
        try:
            answer = fcntl.ioctl(self._socket.fileno(), _SIOCGIFHWADDR, request)
        except OSError as error:
            raise ShellError(f"MAC address of {self.interface}", error.strerror or str(error)) from None
        if int.from_bytes(answer[16:18], sys.byteorder) in _WITHOUT_MAC:
            why = "has no MAC address: on a cell, say with --cell at which address the box is"
            raise ShellError(f"interface {self.interface}", why)
        return MacAddress(answer[18:24])

    def _read_own_address(self) -> Station:
        """What the kernel would send from; a socket that is connected says it, and nothing is sent."""
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.interface.encode())
                probe.connect((self._box, PORT))
                own = str(probe.getsockname()[0])
            return parse_station(own.partition("%")[0].removeprefix("::ffff:"))
        except (OSError, ValueError) as error:
            raise ShellError(f"own address on {self.interface}", str(error)) from None

    def send(self, data: bytes, address: str | None) -> None:
        """To one neighbour, or to the lobby's group if None. Raises ShellError."""
        host = (address or self._box or GROUP).partition("%")[0]
        zone = 0 if self._box else self._index
        try:
            self._socket.sendto(data, (host, PORT, 0, zone))
        except OSError as error:
            raise ShellError(f"sending on {self.interface}", error.strerror or str(error)) from None

    def receive(self, timeout_s: float) -> tuple[str, bytes] | None:
        """(sender's address, datagram), or None: the time is up, or it was not for us. Raises ShellError."""
        self._socket.settimeout(min(max(timeout_s, 0.000_001), LONGEST_WAIT_S))
        try:
            data, sender = self._socket.recvfrom(MAX_LOBBY_BYTES + 1)
        except TimeoutError:
            return None
        except OSError as error:
            raise ShellError(f"receiving on {self.interface}", error.strerror or str(error)) from None
        if (sender[0] != self._box) if self._box else (sender[3] != self._index):
            return None
        return f"{sender[0].partition('%')[0]}%{sender[3]}", data


def read_clock() -> Now:
    """This instant on both clocks."""
    return Now(time.monotonic_ns(), time.time_ns() // 1_000_000)
