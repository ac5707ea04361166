"""The operator of the compose lab, on this host's loopback: what apd and a buyer find in the folder is sound."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from apd.config import load_config
from device.wallet import load_wallet
from lab.certificates import Identity
from lab.compose import sold_slice
from lab.compose.shop import ADDRESS, DEPOSIT_UBC, FLOOR_BPS, OFFER, Place, open_shop
from lab.compose.subscribers import LOBBY, SLOT_1, SLOT_2
from lab.ledger_process import HTTP_PORT
from lab.namespaces import namespaces
from ledger.client import LedgerClient, LedgerReader
from ran_slicing.gnb_config import read_gnb_files, refuse_fatal
from wire.errors import ConfigError
from wire.ids import MacAddress

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "lab/compose"
HOST = "127.0.0.1"


def no_interface(name: str) -> MacAddress:
    raise AssertionError(f"a cell is named in the file, and not after {name}")


@pytest.mark.system
def test_everything_that_box_and_buyer_need_is_there(
    needs: Callable[..., None], tmp_path: Path, free_port: Callable[[], int]
) -> None:
    needs("mosquitto")
    gnb, remote = COMPOSE / "srsran/gnb.yaml", COMPOSE / "apd/remote.yaml"
    place = Place(tmp_path / "shop", HOST, free_port(), gnb, remote)
    with open_shop(place):
        config = load_config(place.apd, no_interface)
        assert config.cell is not None
        assert (config.cell.host, config.cell.port) == ("10.53.1.40", 8001)
        assert config.cell.lobby_slice == LOBBY
        assert [slot.snssai for slot in config.cell.begins.pool.slots] == [SLOT_1, SLOT_2]
        wallet = load_wallet(place.wallet)
        assert wallet.pinned is not None
        assert (wallet.pinned.key, wallet.pinned.ledger_id) == (config.ledger.key, config.ledger.ledger_id)
        reader = LedgerReader(f"http://{HOST}:{HTTP_PORT}")
        assert reader.get(f"accounts/{wallet.account}")["balance_ubc"] == DEPOSIT_UBC >= OFFER.price_ubc
        assert reader.get(f"accounts/{config.provider_key.public}")["balance_ubc"] == 0
        link = config.ledger
        identity = Identity(link.certificate_file, link.certificate_key_file, link.authority_file)
        with LedgerClient(HOST, place.port, "provider", identity.client_context()):
            pass  # the broker takes the box's certificate


@pytest.mark.system
def test_as_its_container_runs_it(
    needs: Callable[..., None], tmp_path: Path, eventually: Callable[[Callable[[], bool], str], None]
) -> None:
    """The command of apd.yaml at the address of apd.yaml, until it is told to end."""
    needs("mosquitto", "ip")
    with namespaces() as make:
        box = make("compose-shop")
        box.ip(f"addr add {ADDRESS}/32 dev lo")
        done = tmp_path / "ready"
        words = [sys.executable, "-m", "lab.compose", "shop", "--folder", str(tmp_path), "--done", str(done)]
        with subprocess.Popen(box.argv(words), cwd=ROOT, stderr=subprocess.PIPE) as child:
            try:
                eventually(lambda: done.exists() or child.poll() is not None, "the shop is open")
                assert child.poll() is None, child.communicate()[1]
                assert f'host = "{ADDRESS}"' in (tmp_path / "apd.toml").read_text()
                child.send_signal(signal.SIGTERM)
                assert child.wait(20) == 0
            finally:
                child.kill()


def test_apd_refuses_the_lab_s_gnb_anywhere_else(tmp_path: Path) -> None:
    """Bound to a network, a remote control is for whoever is there: only the lab's is named."""
    text = (COMPOSE / "apd/remote.yaml").read_text().replace("10.53.1.40", "10.99.0.1")
    remote = tmp_path / "remote.yaml"
    remote.write_text(text)
    files = [(str(path), path.read_text()) for path in (COMPOSE / "srsran/gnb.yaml", remote)]
    _, findings = read_gnb_files(files, ("10.53.1.0/24",), LOBBY)
    with pytest.raises(ConfigError, match="remote_control"):
        refuse_fatal(findings)
    files[1] = (files[1][0], (COMPOSE / "apd/remote.yaml").read_text())
    refuse_fatal(read_gnb_files(files, ("10.53.1.0/24",), LOBBY)[1])
    with pytest.raises(ConfigError, match="remote_control"):
        refuse_fatal(read_gnb_files(files, (), LOBBY)[1])


def test_what_is_sold_is_what_the_test_measures() -> None:
    assert OFFER.qos.floor_down_bps == FLOOR_BPS == sold_slice.FLOOR_BPS
