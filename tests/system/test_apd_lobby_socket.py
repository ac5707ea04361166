"""The lobby's socket on a real link: what a neighbour says arrives, what is answered reaches it."""

import asyncio
import os
import socket
from functools import partial

import pytest

from apd.shells.lobby_socket import LobbySocket, LobbySockets
from lab.box import BOX_MAC, INTERFACE, STATION_MAC
from lab.namespaces import Port, create, delete, plug
from lab.processes import wait_until
from nas_tunnel.lobby import GROUP, MAX_LOBBY_BYTES, PORT
from wire.errors import ShellError

pytestmark = pytest.mark.system


@pytest.fixture
def link(needs):
    needs("ip", "ethtool")
    box, station = create("lobby-box"), create("lobby-sta")
    plug(Port(box, INTERFACE, BOX_MAC), Port(station, INTERFACE, STATION_MAC))
    for side in (box, station):
        wait_until(partial(_has_address, side), "an address", 10)
    yield box, station
    delete(box)
    delete(station)


def _has_address(side) -> bool:
    return "fe80" in side.run(["ip", "-6", "route"])


def neighbour(station) -> socket.socket:
    def make() -> socket.socket:
        made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex(INTERFACE))
        made.settimeout(5)
        return made

    return station.call(make)


def echo(box, speak) -> list[bytes]:
    """Answers everything with its length, while `speak` runs in a thread; what was heard."""
    heard: list[bytes] = []

    async def run() -> None:
        lobby = LobbySocket(INTERFACE, PORT)

        def receive(source, data) -> None:
            heard.append(data)
            lobby.send(source, b"%d" % len(data))

        lobby.listen(receive)
        try:
            await asyncio.to_thread(speak)
        finally:
            lobby.close()

    box.call(lambda: asyncio.run(run()))
    return heard


def test_a_neighbour_is_heard_and_answered(link):
    box, station = link
    index = station.call(lambda: socket.if_nametoindex(INTERFACE))
    with neighbour(station) as speaker:

        def speak() -> None:
            speaker.sendto(b"discover", (GROUP, PORT, 0, index))
            answer, source = speaker.recvfrom(100)
            assert answer == b"8"
            speaker.sendto(b"join", (source[0], PORT, 0, index))
            assert speaker.recv(100) == b"4"

        assert echo(box, speak) == [b"discover", b"join"]


def test_what_is_too_long_comes_as_too_long(link):
    box, station = link
    index = station.call(lambda: socket.if_nametoindex(INTERFACE))
    with neighbour(station) as speaker:

        def speak() -> None:
            for size in (0, MAX_LOBBY_BYTES, MAX_LOBBY_BYTES + 1, 1_400):
                speaker.sendto(os.urandom(size), (GROUP, PORT, 0, index))
                assert int(speaker.recv(100)) == min(size, MAX_LOBBY_BYTES + 1)

        assert len(echo(box, speak)) == 4


def test_a_flood_is_taken_in_portions(link):
    box, station = link
    index = station.call(lambda: socket.if_nametoindex(INTERFACE))
    with neighbour(station) as speaker:

        def speak() -> None:
            for _ in range(300):
                speaker.sendto(b"x", (GROUP, PORT, 0, index))
            for _ in range(200):
                speaker.recv(100)

        assert len(echo(box, speak)) >= 200


def test_two_on_one_interface_are_one_too_many(link):
    box, _ = link

    def open_twice() -> None:
        first = LobbySocket(INTERFACE, PORT)
        try:
            with pytest.raises(ShellError, match="is another apd on this interface"):
                LobbySocket(INTERFACE, PORT)
        finally:
            first.close()

    box.call(open_twice)


def test_an_interface_that_is_gone_or_was_replaced_is_told(link):
    box, station = link

    def watch() -> None:
        lobby = LobbySocket(INTERFACE, PORT)
        try:
            lobby.check()
            box.ip(f"link del {INTERFACE}")
            with pytest.raises(ShellError, match="is gone"):
                lobby.check()
            plug(Port(box, INTERFACE, BOX_MAC), Port(station, INTERFACE, STATION_MAC))
            with pytest.raises(ShellError, match="was replaced"):
                lobby.check()
        finally:
            lobby.close()

    box.call(watch)


def test_who_cannot_be_answered_disturbs_nobody(link):
    box, _ = link

    def answer_nobody() -> None:
        lobby = LobbySocket(INTERFACE, PORT)
        lobby.send(("fe80::dead", 9, 0, 9_999), b"x")
        lobby.send(("2001:db8::1", 9, 0, 0), b"x")
        lobby.close()

    box.call(answer_nobody)


def test_on_two_interfaces_an_answer_goes_where_the_question_came_from(link):
    box, station = link
    phone = create("lobby-phone")
    plug(Port(box, "lobby0", "02:00:00:00:78:01"), Port(phone, INTERFACE, "02:00:00:00:78:02"))
    wait_until(partial(_has_address, phone), "an address", 10)
    speakers = [
        (neighbour(side), side.call(lambda: socket.if_nametoindex(INTERFACE))) for side in (station, phone)
    ]

    async def run() -> None:
        lobbies = LobbySockets((INTERFACE, "lobby0"), PORT)
        lobbies.check()
        lobbies.listen(lambda source, data: lobbies.send(source, b"to " + data))
        try:
            for number, (speaker, index) in enumerate(speakers):
                speaker.sendto(b"%d" % number, (GROUP, PORT, 0, index))
                assert await asyncio.to_thread(speaker.recv, 100) == b"to %d" % number
        finally:
            lobbies.close()

    try:
        box.call(lambda: asyncio.run(run()))
    finally:
        for speaker, _ in speakers:
            speaker.close()
        delete(phone)


def test_of_two_interfaces_one_that_is_missing_leaves_no_socket(link):
    box, _ = link

    def open_both() -> None:
        with pytest.raises(ShellError, match="lobby9"):
            LobbySockets((INTERFACE, "lobby9"), PORT)
        LobbySockets((INTERFACE,), PORT).close()

    box.call(open_both)
