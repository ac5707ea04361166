"""The control socket of the real wpa_supplicant, without a radio: the driver `none` on a virtual cable.

Scans, ANQP and EAP need a radio, and are tried in the guest kernel; everything else is tried here, and the fake is held
against it.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.events import Associate, AssociationFailed
from device.fake_air import FakeAir
from device.fake_wpa import FakeSupplicant
from device.membership import KEY_BLOB
from device.supplicant import Supplicant, restore
from device.wpa import WpaControl, control_path
from device.wpa_text import KnownNetwork, Terminating
from tests.device.wpa_conversation import converse
from wire.errors import ShellError
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.network import Network

pytestmark = pytest.mark.system
INTERFACE = "wpa0"
OPERATOR, BUYER = PrivateKey.from_secret(5), PrivateKey.from_secret(7)
NETWORK = Network(MacAddress(b"\x02\0\0\0\0\x01"), b"airgrant", OPERATOR.public, 2**40)


@pytest.fixture
def cable(needs) -> Iterator[None]:
    needs("wpa_supplicant", "ip")
    subprocess.run(
        ["ip", "link", "add", INTERFACE, "type", "veth", "peer", "name", "wpa1"], check=True, timeout=10
    )
    yield
    subprocess.run(["ip", "link", "delete", INTERFACE], check=True, timeout=10)


@pytest.fixture
def supplicant(cable: None, tmp_path: Path, eventually) -> Iterator[subprocess.Popen[bytes]]:
    conf = tmp_path / "wpa.conf"
    conf.write_text(f"ctrl_interface={tmp_path}/run\n")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["wpa_supplicant", "-i", INTERFACE, "-D", "none", "-c", str(conf)], stdout=log, stderr=log
        )
    try:
        path = control_path(tmp_path / "run", INTERFACE)
        eventually(path.exists, "wpa_supplicant's control socket")
        yield process
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def path(supplicant: subprocess.Popen[bytes], tmp_path: Path) -> Path:
    return control_path(tmp_path / "run", INTERFACE)


def test_the_fake_answers_as_the_real_one(path: Path) -> None:
    fake = FakeSupplicant(FakeAir())
    with WpaControl(path) as control:
        real = converse(control.request)
    assert converse(lambda command: fake.reply(command).removesuffix("\n")) == real


def test_more_networks_than_one_reply_has_room_for(path: Path) -> None:
    with WpaControl(path) as control:
        for number in range(150):
            control.set_network(control.add_network(), "ssid", f"{number:064x}")
        assert [known.network_id for known in control.list_networks()] == list(range(150))


def test_our_network_is_taken_and_removed(path: Path) -> None:
    with WpaControl(path) as control, Supplicant(path) as supplicant:
        home, spare = control.add_network(), control.add_network()
        control.enable_network(home)
        order = Associate(NETWORK, 1_700_000_000, 1_700_000_600, pinned=True)
        assert supplicant.associate(order, BUYER) == []
        assert control.list_networks() == (
            KnownNetwork(home, enabled=False),
            KnownNetwork(spare, enabled=False),
            KnownNetwork(2, enabled=True),
        )
        assert control.get_network(2, "ssid") == '"airgrant"'
        assert control.get_network(2, "private_key") == f'"blob://{KEY_BLOB}"'
        assert supplicant.associate(order, BUYER) == []  # again: the same network
        supplicant.disassociate()
        assert control.list_networks() == (
            KnownNetwork(home, enabled=True),
            KnownNetwork(spare, enabled=False),
        )
        assert not restore(control)


def test_wpa_supplicant_that_ends_is_noticed(
    path: Path, supplicant: subprocess.Popen[bytes], eventually
) -> None:
    with WpaControl(path) as control:
        supplicant.terminate()
        supplicant.wait(10)
        assert Terminating() in control.receive()
        with pytest.raises(ShellError, match="nobody listens there any more"):
            control.ping()


def test_ours_says_that_it_has_ended(path: Path, supplicant: subprocess.Popen[bytes]) -> None:
    with Supplicant(path) as ours:
        order = Associate(NETWORK, 1_700_000_000, 1_700_000_600, pinned=False)
        assert ours.associate(order, BUYER) == []
        supplicant.kill()
        supplicant.wait(10)
        (failed,) = ours.associate(order, BUYER)
    assert isinstance(failed, AssociationFailed)
    assert "ended, or was started anew" in failed.detail
