"""The control socket, against a fake that keeps the protocol and its limits. Against the real one: tests/system."""

import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.anqp import Found
from device.wpa import GAS_PIECE_BYTES, MAX_BSS, WpaControl, control_path, explain
from device.wpa_text import Connected, GasResponse, KnownNetwork, ScanResults
from nas_tunnel.anqp import find_beacon_element
from tests.device.wpa_world import WpaWorld, own_sockets, running, serving
from wire.errors import DecodeError, ShellError
from wire.ids import MacAddress

AP = MacAddress(b"\x02\0\0\0\0\x01")


@pytest.fixture
def world() -> Iterator[WpaWorld]:
    with running() as world:
        yield world


@pytest.fixture
def control(world: WpaWorld) -> Iterator[WpaControl]:
    with WpaControl(world.path, timeout_s=2) as control:
        yield control
    assert own_sockets() == set()


def test_scanning_and_what_is_found(world: WpaWorld, control: WpaControl) -> None:
    cells = [world.add(number, signal_dbm=-40 - number) for number in range(1, 30)]
    control.scan()
    assert next_event(control) == ScanResults()
    found = control.list_bss()
    assert [(one.bssid, one.signal_dbm) for one in found] == [
        (cell.shop.bssid, cell.signal_dbm) for cell in cells
    ]
    assert all(find_beacon_element(one.elements) for one in found)
    assert "SCAN TYPE=ONLY" in world.fake.heard


def test_elements_that_are_too_long_for_a_reply_hide_nobody_else(
    world: WpaWorld, control: WpaControl
) -> None:
    world.add(1)
    world.fake.air.cells[AP].padding = b"\xdd\xff" + bytes(255) + b"\xdd\xff" * 900
    world.add(2)
    control.scan()
    assert [len(one.elements) > 0 for one in control.list_bss()] == [False, True]


def test_a_crowd_is_looked_at_so_far(world: WpaWorld, control: WpaControl) -> None:
    world.fake.found = (Found(AP, -50, b"\0\0"),) * (MAX_BSS + 100)
    assert len(control.list_bss()) == MAX_BSS


def test_a_query_and_its_answer(world: WpaWorld, control: WpaControl) -> None:
    world.add(1)
    control.query(AP, bytes.fromhex("00010200dddd"))
    response = next_event(control)
    assert isinstance(response, GasResponse)
    data = control.fetch(AP, response.dialog_token, response.size)
    assert data == world.fake.responses[-1][2]
    assert data.startswith(b"\xdd\xdd")


def test_a_long_answer_is_fetched_in_pieces(world: WpaWorld, control: WpaControl) -> None:
    long = os.urandom(3 * GAS_PIECE_BYTES + 7)
    world.fake.responses = [(AP, 9, long)]
    assert control.fetch(AP, 9, len(long)) == long
    assert len([command for command in world.fake.heard if command.startswith("GAS_RESPONSE_GET")]) == 4


def test_a_piece_of_the_wrong_length_is_not_taken(world: WpaWorld, control: WpaControl) -> None:
    world.fake.fail = {"GAS_RESPONSE_GET": "abcd"}
    with pytest.raises(DecodeError, match="2 bytes of a GAS response, not 7"):
        control.fetch(AP, 9, 7)


def test_networks(world: WpaWorld, control: WpaControl) -> None:
    first, second = control.add_network(), control.add_network()
    control.set_network(first, "ssid", "6169")
    control.set_network(first, "id_str", '"airgrant/"')
    assert control.get_network(first, "id_str") == '"airgrant/"'
    assert control.get_network(second, "id_str") == ""
    control.enable_network(second)
    assert control.list_networks() == (KnownNetwork(first, False), KnownNetwork(second, True))
    control.remove_network(first)
    assert control.list_networks() == (KnownNetwork(second, True),)
    assert control.status()["wpa_state"] == "DISCONNECTED"
    control.disconnect()
    control.ping()


def test_more_networks_than_one_reply_has_room_for(world: WpaWorld, control: WpaControl) -> None:
    for number in range(150):
        control.set_network(control.add_network(), "ssid", f"{number:064x}")
    assert [known.network_id for known in control.list_networks()] == list(range(150))


def test_a_failure_says_what_failed_and_no_secret(world: WpaWorld, control: WpaControl) -> None:
    world.fake.fail = {"SET": "FAIL\n"}
    with pytest.raises(ShellError, match=r"SET blob airgrant-key: FAIL") as caught:
        control.set_blob("airgrant-key", b"\x01\x02secret")
    assert b"secret".hex() not in str(caught.value)
    with pytest.raises(ShellError, match="SET_NETWORK nonsense: FAIL"):
        control.set_network(control.add_network(), "nonsense", "1")


def test_events_between_requests_are_not_lost(world: WpaWorld, control: WpaControl) -> None:
    world.fake.say(f"CTRL-EVENT-CONNECTED - Connection to {AP} completed [id=3 id_str=]")
    for _ in range(5):
        control.ping()
    assert next_event(control) == Connected(AP, 3)


def next_event(control: WpaControl) -> object:
    while select.select([control], [], [], 10)[0]:
        for event in control.receive():
            return event
    pytest.fail("no event within 10 s")


def test_listening_anew_forgets_what_waited(world: WpaWorld, control: WpaControl) -> None:
    world.fake.say("CTRL-EVENT-NETWORK-NOT-FOUND ")
    assert select.select([control], [], [], 10)[0]
    control.attach_again()
    assert control.receive() == []
    world.fake.say(f"CTRL-EVENT-CONNECTED - Connection to {AP} completed [id=3 id_str=]")
    assert next_event(control) == Connected(AP, 3)
    control.attach_again()
    control.attach_again()


# ---- What a person can do


def test_no_socket_there(tmp_path: Path) -> None:
    with pytest.raises(ShellError, match=r"no control socket there.*ctrl_interface=.*--control"):
        WpaControl(control_path(tmp_path, "wlan0"))
    assert own_sockets() == set()


def test_nobody_behind_the_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as orphan:
        orphan.bind(str(tmp_path / "wlan0"))
    with pytest.raises(ShellError, match="nobody listens there any more"):
        WpaControl(tmp_path / "wlan0")


def test_not_permitted() -> None:
    """Told as a sentence; root, as whom the sandbox runs, is permitted everything."""
    text = explain(PermissionError(13, "Permission denied"), Path("/run/wpa_supplicant/wlan0"))
    assert "usermod -aG netdev" in text
    assert "ctrl_interface_group" in text


def test_no_answer_in_time_and_the_next_answer_is_the_right_one(world: WpaWorld) -> None:
    with WpaControl(world.path, timeout_s=0.2) as control:
        world.fake.silent = True
        with pytest.raises(ShellError, match=r"no answer to STATUS within 0.2 s"):
            control.status()
        world.fake.silent = False
        control.ping()
    assert own_sockets() == set()


def test_a_wpa_supplicant_that_was_started_anew(tmp_path: Path) -> None:
    world = WpaWorld(tmp_path)
    with serving(world):
        control = WpaControl(world.path)
    with serving(world):
        with pytest.raises(ShellError, match="started anew"):
            control.ping()
        control.close()
    assert own_sockets() == set()
