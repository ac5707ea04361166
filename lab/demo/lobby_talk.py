"""Talking to an access point's lobby datagram by datagram, as a cheat does: no agent, no good manners.

Functions here run inside a station's namespace (lab.namespaces.Namespace.call) and raise ShellError when nobody
answers.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from device.udp import LobbySocket
from lab.namespaces import Namespace
from nas_tunnel.lobby import (
    PORT,
    Announcement,
    Discover,
    Join,
    LobbyMessage,
    Purchase,
    read_lobby,
    write_lobby,
)
from wire.errors import DecodeError, ShellError

ANSWER_DEADLINE_S = 5.0
_ETH_P_IPV6 = 0x86DD
_ETH_P_ALL = 0x0003
"""A bridge takes frames from its ports before a socket for one protocol sees them; one for all protocols is asked
first.
"""
_IPV6_UDP_PAYLOAD = 14 + 40 + 8
"""Ethernet, IPv6 and UDP headers; a lobby datagram has no extension header."""


@dataclass(slots=True)
class Talker:
    """A socket in the lobby and the access point that answered."""

    socket: LobbySocket
    access_point: str

    def ask(self, message: LobbyMessage | bytes) -> LobbyMessage:
        """Sends once; returns the first answer. ShellError if none comes."""
        data = message if isinstance(message, bytes) else write_lobby(message)
        self.socket.send(data, self.access_point)
        answer = _receive(self.socket)
        if answer is None:
            raise ShellError("lobby", "no answer")
        return answer[1]


@contextmanager
def in_lobby(interface: str) -> Iterator[tuple[Talker, Announcement]]:
    """Finds the access point, and talks to it for the length of a block."""
    with LobbySocket(interface) as lobby:
        for _ in range(5):
            lobby.send(write_lobby(Discover()), None)
            answer = _receive(lobby, 1.0)
            if answer is not None and isinstance(answer[1], Announcement):
                yield Talker(lobby, answer[0]), answer[1]
                return
        raise ShellError("lobby", "no access point announced itself")


@dataclass(slots=True)
class Overheard:
    """What a neighbour with a radio hears of one station's datagrams to the lobby."""

    sniffer: socket.socket

    def messages(self) -> Iterator[bytes]:
        """The datagrams heard so far."""
        while True:
            try:
                frame = self.sniffer.recv(2_048)
            except BlockingIOError:
                return
            is_udp = frame[12:14] == _ETH_P_IPV6.to_bytes(2, "big") and frame[20] == socket.IPPROTO_UDP
            if is_udp and int.from_bytes(frame[56:58], "big") == PORT:
                yield frame[_IPV6_UDP_PAYLOAD : 14 + 40 + int.from_bytes(frame[18:20], "big")]


@contextmanager
def overhear(air: Namespace, port: str) -> Iterator[Overheard]:
    """Listens to everything that one station sends on the open air."""

    def listen() -> socket.socket:
        sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        sniffer.bind((port, _ETH_P_ALL))
        sniffer.setblocking(False)
        return sniffer

    sniffer = air.call(listen)
    with sniffer:
        yield Overheard(sniffer)


def first_of(kind: type[Join] | type[Purchase], datagrams: list[bytes]) -> bytes:
    """The first datagram of a kind among those overheard. ShellError if there is none."""
    for data in datagrams:
        try:
            if isinstance(read_lobby(data), kind):
                return data
        except DecodeError:
            continue
    raise ShellError("overheard", f"no {kind.__name__} among {len(datagrams)} datagrams")


def _receive(lobby: LobbySocket, deadline_s: float = ANSWER_DEADLINE_S) -> tuple[str, LobbyMessage] | None:
    ends = time.monotonic() + deadline_s
    while (left_s := ends - time.monotonic()) > 0:
        received = lobby.receive(left_s)
        if received is None:
            return None
        try:
            return received[0], read_lobby(received[1])
        except DecodeError:
            continue
    return None
