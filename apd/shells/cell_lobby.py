"""The lobby on a cell: datagrams of UEs, over IPv4 and IPv6, on the user plane's device. A shell; decides nothing.

UEs are beyond a point-to-point device: there is no group to join and no neighbour to find, and each speaks to an
address of this machine that it was told. Bound to the device, so that no other network reaches it. An UPF that starts
anew makes its device anew: then the socket is, too. No send ever blocks, and a full buffer drops.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from apd.address import UdpAddress
from nas_tunnel.lobby import MAX_LOBBY_BYTES
from wire.errors import ShellError

_AT_ONCE = 64
"""Datagrams taken before others get their turn."""


class CellLobby:
    """`receive` is called for each datagram once `listen` was called; an IPv4 source is `::ffff:10.45.0.2`."""

    def __init__(self, interface: str, port: int) -> None:
        self._interface, self._port = interface, port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._receive: Callable[[UdpAddress, bytes], None] | None = None
        self._socket, self._index = self._open()

    def listen(self, receive: Callable[[UdpAddress, bytes], None]) -> None:
        """From the running loop."""
        self._loop, self._receive = asyncio.get_running_loop(), receive
        self._loop.add_reader(self._socket, self._read)

    def send(self, to: UdpAddress, data: bytes) -> None:
        with contextlib.suppress(OSError):  # a full buffer or a UE that is gone: the same as a lost packet
            self._socket.sendto(data, to)

    def check(self) -> None:
        """Follows the device to the one that has its name now. Raises ShellError if there is none."""
        try:
            index = socket.if_nametoindex(self._interface)
        except OSError as error:
            raise ShellError(f"interface {self._interface}", f"is gone: {error}") from error
        if index != self._index:
            self._hang_up()
            self._socket, self._index = self._open()
            if self._loop is not None:
                self._loop.add_reader(self._socket, self._read)

    def close(self) -> None:
        self._hang_up()

    def _open(self) -> tuple[socket.socket, int]:
        try:
            index = socket.if_nametoindex(self._interface)
            opened = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            raise ShellError("lobby socket", f"{self._interface}: {error}; does the UPF run?") from error
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self._interface.encode())
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            opened.bind(("::", self._port))
        except OSError as error:
            opened.close()
            why = f"{self._interface} port {self._port}: {error}; is another apd on this interface?"
            raise ShellError("lobby socket", why) from error
        return opened, index

    def _hang_up(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        assert self._receive is not None, "nobody listens"
        for _ in range(_AT_ONCE):
            try:
                data, source = self._socket.recvfrom(MAX_LOBBY_BYTES + 1)
            except OSError:
                return
            self._receive(source, data)
