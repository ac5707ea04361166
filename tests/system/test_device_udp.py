"""The lobby's socket on the real kernel: one interface, no privilege, typed errors."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from device.udp import LobbySocket, read_clock
from nas_tunnel.lobby import GROUP, PORT, Discover, write_lobby
from tests.cable import cable_between
from wire.errors import ShellError

pytestmark = pytest.mark.system

INTERFACE, OTHER_END = "udpsta0", "udpap0"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=10)


@pytest.fixture(scope="module")
def cable() -> Iterator[None]:
    with cable_between(INTERFACE, OTHER_END):
        yield


def test_a_question_to_the_group_and_an_answer(cable: None) -> None:
    with LobbySocket(INTERFACE) as lobby, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as seller:
        index = socket.if_nametoindex(OTHER_END)
        seller.settimeout(5)
        seller.bind(("::", PORT))
        membership = socket.inet_pton(socket.AF_INET6, GROUP) + index.to_bytes(4, "little")
        seller.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
        lobby.send(write_lobby(Discover()), None)
        data, sender = seller.recvfrom(2_000)
        assert data == write_lobby(Discover())
        seller.sendto(b"answer", sender)
        answer = lobby.receive(5)
        assert answer is not None
        address, data = answer
        assert data == b"answer"
        assert address.startswith("fe80::")
        lobby.send(b"again", address)
        assert seller.recvfrom(2_000)[0] == b"again"


def test_waiting_has_an_end(cable: None) -> None:
    with LobbySocket(INTERFACE) as lobby:
        before = read_clock()
        assert lobby.receive(0.05) is None
        assert lobby.receive(-1) is None
        assert read_clock().mono_ns - before.mono_ns >= 50_000_000


def test_the_station_is_the_interfaces_own_address(cable: None) -> None:
    with LobbySocket(INTERFACE) as lobby:
        assert str(lobby.read_station()) == Path(f"/sys/class/net/{INTERFACE}/address").read_text().strip()


def test_no_such_interface() -> None:
    with pytest.raises(ShellError, match="interface nosuch0"):
        LobbySocket("nosuch0")


def test_datagrams_of_other_interfaces_are_not_ours(cable: None) -> None:
    with LobbySocket(INTERFACE) as lobby, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as stranger:
        port = lobby._socket.getsockname()[1]
        stranger.sendto(write_lobby(Discover()), ("::1", port))
        assert lobby.receive(0.5) is None


def test_an_interface_that_is_down_is_a_shell_error(cable: None) -> None:
    subprocess.run(
        ["ip", "link", "add", "devdown0", "type", "veth", "peer", "name", "devdown1"], check=True, timeout=10
    )
    try:
        with LobbySocket("devdown0") as lobby, pytest.raises(ShellError, match="sending on devdown0"):
            lobby.send(b"x", None)
    finally:
        subprocess.run(["ip", "link", "del", "devdown0"], check=True, timeout=10)


def test_a_cells_box_is_heard_at_its_address_and_nobody_else_is(cable: None) -> None:
    """The UE is known by the address from which the kernel sends there."""
    ip("addr", "replace", "10.45.0.2/16", "dev", INTERFACE)
    box_address = "10.45.0.1"
    ip("addr", "replace", f"{box_address}/16", "dev", "lo")
    ip("route", "replace", f"{box_address}/32", "dev", INTERFACE)
    with LobbySocket(INTERFACE, IPv4Address(box_address)) as lobby:
        assert lobby.read_station() == IPv4Address("10.45.0.2")
        own = lobby._socket.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"a stranger", ("10.45.0.2", own))
        assert lobby.receive(0.2) is None


def test_a_tunnel_has_no_mac_address() -> None:
    ip("tuntap", "add", "udptun0", "mode", "tun")
    try:
        with LobbySocket("udptun0") as lobby, pytest.raises(ShellError, match="say with --cell"):
            lobby.read_station()
    finally:
        ip("link", "del", "udptun0")
