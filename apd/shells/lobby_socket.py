"""The lobby's socket: UDP over IPv6 link-local on the station interface.

In: datagrams as they come. Out: answers. It knows no message. A datagram that cannot be sent is lost, as datagrams
are; the station asks again.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence

from apd.address import UdpAddress
from nas_tunnel.lobby import GROUP, MAX_LOBBY_BYTES
from wire.errors import ShellError

_AT_ONCE = 64
"""Datagrams taken before others get their turn."""


class LobbySockets:
    """The lobby on several interfaces, each of its own: an answer goes out where the question came in."""

    def __init__(self, interfaces: Sequence[str], port: int) -> None:
        self._sockets: list[LobbySocket] = []
        try:
            for interface in interfaces:
                self._sockets.append(LobbySocket(interface, port))
        except ShellError:
            self.close()
            raise

    def listen(self, receive: Callable[[UdpAddress, bytes], None]) -> None:
        for one in self._sockets:
            one.listen(receive)

    def send(self, to: UdpAddress, data: bytes) -> None:
        for one in self._sockets:
            if one.index == to[3]:
                one.send(to, data)

    def check(self) -> None:
        """Raises ShellError as each of them does."""
        for one in self._sockets:
            one.check()

    def close(self) -> None:
        for one in self._sockets:
            one.close()


class LobbySocket:
    """Bound to one interface, alone; `receive` is called for each datagram once `listen` was called."""

    def __init__(self, interface: str, port: int) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        try:
            self._interface, self.index = interface, socket.if_nametoindex(interface)
            self._socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            raise ShellError("lobby socket", f"{interface}: {error}") from error
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            membership = socket.inet_pton(socket.AF_INET6, GROUP) + struct.pack("@I", self.index)
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)
            self._socket.bind(("::", port, 0, self.index))
        except OSError as error:
            self._socket.close()
            why = f"{interface} port {port}: {error}; is another apd on this interface?"
            raise ShellError("lobby socket", why) from error

    def listen(self, receive: Callable[[UdpAddress, bytes], None]) -> None:
        """Calls `receive` for what comes, from the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read, receive)

    def send(self, to: UdpAddress, data: bytes) -> None:
        try:
            self._socket.sendto(data, to)
        except OSError:
            return  # a full buffer or a station that is gone: the same as a lost frame

    def check(self) -> None:
        """Raises ShellError if the device is not the one that we are bound to: another of its name has no rules."""
        try:
            index = socket.if_nametoindex(self._interface)
        except OSError as error:
            raise ShellError(f"interface {self._interface}", f"is gone: {error}") from error
        if index != self.index:
            raise ShellError(f"interface {self._interface}", f"was replaced: {self.index} is now {index}")

    def close(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
        self._socket.close()

    def _read(self, receive: Callable[[UdpAddress, bytes], None]) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, source = self._socket.recvfrom(MAX_LOBBY_BYTES + 1)
            except OSError:
                return
            receive(source, data)
