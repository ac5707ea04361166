"""The lobby's socket: datagrams over IPv6 link-local on one interface, without any privilege. A shell; decides nothing.

Whatever comes in by another interface is not ours and is passed over. Addresses are texts such as `fe80::1%3`, for
the core to give back. Reference: RFC 3493 (socket interface), RFC 4007 (zones), netdevice(7) (the own MAC address).
"""

import fcntl
import socket
import struct
import time
from types import TracebackType
from typing import Self

from nas_tunnel.lobby import GROUP, MAX_LOBBY_BYTES, PORT
from wire.errors import ShellError
from wire.ids import MacAddress
from wire.units import Now

LONGEST_WAIT_S = 3_600.0
"""So that no clock arithmetic overflows; the loop asks again."""
_SIOCGIFHWADDR = 0x8927


class LobbySocket:
    """Bound to a port of its own; closes with the `with` block. Raises ShellError if the interface is not there."""

    def __init__(self, interface: str) -> None:
        try:
            self._index = socket.if_nametoindex(interface)
            self._socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        except OSError as error:
            raise ShellError(f"interface {interface}", error.strerror or str(error)) from None
        self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, self._index)
        self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 1)
        self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        self._socket.bind(("::", 0))
        self.interface = interface

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

    def read_station(self) -> MacAddress:
        """The interface's own MAC address. Raises ShellError."""
        request = struct.pack("16s24x", self.interface.encode())
        try:
            answer = fcntl.ioctl(self._socket.fileno(), _SIOCGIFHWADDR, request)
        except OSError as error:
            raise ShellError(f"MAC address of {self.interface}", error.strerror or str(error)) from None
        return MacAddress(answer[18:24])

    def send(self, data: bytes, address: str | None) -> None:
        """To one neighbour, or to the lobby's group if None. Raises ShellError."""
        host = (address or GROUP).partition("%")[0]
        try:
            self._socket.sendto(data, (host, PORT, 0, self._index))
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
        if sender[3] != self._index:
            return None
        return f"{sender[0].partition('%')[0]}%{sender[3]}", data


def read_clock() -> Now:
    """This instant on both clocks."""
    return Now(time.monotonic_ns(), time.time_ns() // 1_000_000)
