"""A gateway whose client key is in a TPM, set up by the words of docs/gateway.md: it serves, its key is nowhere to be
read, and a copy of the file is of no use beside another TPM.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from lab.access_broker import AccessBroker
from lab.certificates import Identity, key_to_pem
from lab.software_tpm import SoftwareTpm
from tests.gateway_house import READY, GatewayHouse, gateway_house
from tests.ledger_house import purchase, sixty_seconds
from wire.create import Create
from wire.keys import PrivateKey
from wire.money_actions import Deposit

PORT = 28_870
NAME = "gateway-1"
ORDER = int("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text()
pytestmark = pytest.mark.system


def blocks() -> list[str]:
    """What the page shows in type of its own, in the section on TPMs."""
    section = PAGE.partition("## A key in the TPM\n")[2]
    found = re.findall(r"(?:^ {7}.*\n)+", section, re.MULTILINE)
    return ["".join(line[7:] + "\n" for line in block.splitlines()) for block in found]


@dataclass(frozen=True, slots=True)
class Station:
    """What the operator's machine has: a folder in which the page was followed, and how its TPM is reached."""

    folder: Path
    tpm: SoftwareTpm
    environment: Mapping[str, str]

    @property
    def files(self) -> Identity:
        return Identity(
            self.folder / f"{NAME}.pem", self.folder / f"{NAME}.key", self.folder / "authority.pem"
        )

    @property
    def served(self) -> Mapping[str, str]:
        """What the page says is in the gateway's environment, and where the software TPM is."""
        return {"OPENSSL_CONF": str(self.folder / "openssl.cnf"), **self.environment}


def follow(house: GatewayHouse, folder: Path, environment: Mapping[str, str]) -> None:
    """The page's words as they stand; where the authority is, and where the gateway is, are one folder."""
    settings, key, certificate, run = blocks()
    assert settings.startswith("# openssl.cnf\n")
    assert run == "OPENSSL_CONF=openssl.cnf airgrant ledger gateway run gateway-1.toml\n"
    folder.mkdir()
    shutil.copy(house.house.authority.file, folder / "authority.pem")
    authority = folder / "authority.key"
    authority.write_bytes(key_to_pem(house.house.authority.key))
    (folder / "openssl.cnf").write_text(settings)
    for words in (key, certificate):
        done = subprocess.run(
            ["bash", "-ec", words],
            cwd=folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    authority.unlink()


@pytest.fixture
def house(tmp_path: Path, needs: Callable[..., None]) -> Iterator[GatewayHouse]:
    needs("mosquitto", "swtpm", "tpm2-abrmd", "dbus-daemon", "openssl")
    with gateway_house(tmp_path, PORT, 1) as running:
        running.gateways[NAME].stop()  # the one with a key in a file
        yield running


@pytest.fixture
def station(house: GatewayHouse, tmp_path: Path) -> Iterator[Station]:
    with SoftwareTpm(tmp_path / "tpm") as tpm, AccessBroker(tpm, tmp_path / "manager") as manager:
        follow(house, tmp_path / "station", manager.environment)
        yield Station(tmp_path / "station", tpm, manager.environment)


def sell(house: GatewayHouse) -> None:
    """From an account to a grant, through the gateway."""
    provider, buyer = PrivateKey.generate(), PrivateKey.generate()
    with house.client(provider) as client:
        assert house.house.submit(client, Create(provider.public), provider).executed
        assert house.house.submit(client, sixty_seconds(), provider).executed
    with house.client(buyer) as client:
        assert house.house.submit(client, Create(buyer.public), buyer).executed
        assert house.house.submit(client, Deposit(buyer.public, 1_000), house.house.exchange).executed
        assert len(client.submit(house.house.sign(purchase(provider), buyer)).grants) == 1


def test_it_serves_by_the_words_of_the_page(house: GatewayHouse, station: Station) -> None:
    gateway = house.run_gateway(NAME, station.files, station.served)
    gateway.wait_for_line(READY, 30)
    sell(house)
    for broker in (house.front, house.house.broker):
        assert broker is not None
        assert f"u'{NAME}'" in broker.said  # the name in a certificate that mosquitto asked for and verified
    house.front.stop()
    gateway.wait_for_line("the broker is away", 20)
    house.start_front()  # and each new connection is signed for anew
    sell(house)
    assert house.counters(NAME)["passed on"] >= 10


def test_its_key_is_nowhere_to_be_read(house: GatewayHouse, station: Station, tmp_path: Path) -> None:
    house.run_gateway(NAME, station.files, station.served).wait_for_line(READY, 30)
    point = x509.load_pem_x509_certificate(station.files.certificate.read_bytes()).public_key()
    assert isinstance(point, ec.EllipticCurvePublicKey)
    everything = [file for file in station.folder.rglob("*") if file.is_file()]
    everything += [tmp_path / f"{NAME}.toml", *(tmp_path / "logs").glob(f"{NAME}*")]
    assert station.files.key in everything
    assert [file for file in everything if holds_key(file.read_bytes(), point)] == []

    control = PrivateKey.generate().key  # the same look finds a key that is there, in whatever form
    number = control.private_numbers().private_value
    forms = (
        key_to_pem(control),
        number.to_bytes(32, "big"),
        number.to_bytes(32, "little"),
        b"%064x" % number,
    )
    for form in forms:
        assert holds_key(b"Good morning." + form if b"-----" not in form else form, control.public_key())


def holds_key(content: bytes, point: ec.EllipticCurvePublicKey) -> bool:
    """Whether any 32 octets of it, as they are, in base64 or in hexadecimal, are the private key of this point."""
    wanted = point.public_numbers()
    octets = [content]
    octets += [_unpack(one) for one in re.findall(rb"-----BEGIN [^-]+-----([^-]+)-----END", content)]
    octets += [bytes.fromhex(one.decode()) for one in re.findall(rb"(?:[0-9a-fA-F]{2}){32,}", content)]
    windows = {text[at : at + 32] for text in octets for at in range(len(text) - 31)}
    numbers = {int.from_bytes(turned, "big") for one in windows for turned in (one, one[::-1])}
    keys = (ec.derive_private_key(number, point.curve) for number in numbers if 0 < number < ORDER)
    return any(key.public_key().public_numbers() == wanted for key in keys)


def _unpack(text: bytes) -> bytes:
    return base64.b64decode(b"".join(text.split()))


def test_a_copy_of_its_files_is_of_no_use_beside_another_tpm(
    house: GatewayHouse, station: Station, tmp_path: Path
) -> None:
    copy = tmp_path / "thief"
    shutil.copytree(station.folder, copy)
    with SoftwareTpm(tmp_path / "tpm2") as tpm, AccessBroker(tpm, tmp_path / "manager2") as manager:
        thief = Station(copy, tpm, manager.environment)
        gateway = house.run_gateway(NAME, thief.files, thief.served)
        assert gateway.wait(30.0) == 2
        assert (
            f"cannot use {copy / 'authority.pem'}, {thief.files.certificate}, {thief.files.key}"
            in gateway.said
        )
    gateway = house.run_gateway(NAME, thief.files, station.served)
    gateway.wait_for_line(READY, 30)  # it is the TPM that was missing, and nothing else


def test_a_gateway_that_was_not_told_of_its_tpm_says_what_it_lacks(
    house: GatewayHouse, station: Station
) -> None:
    gateway = house.run_gateway(NAME, station.files, station.environment)
    assert gateway.wait(30.0) == 2
    assert "the key is in a TPM, by this one and with OPENSSL_CONF (docs/gateway.md)" in gateway.said


def test_a_key_outlives_a_power_cut(house: GatewayHouse, tmp_path: Path) -> None:
    with SoftwareTpm(tmp_path / "tpm") as tpm:
        with AccessBroker(tpm, tmp_path / "manager") as manager:
            follow(house, tmp_path / "station", manager.environment)
        tpm.reset()
        with AccessBroker(tpm, tmp_path / "manager") as manager:
            again = Station(tmp_path / "station", tpm, manager.environment)
            house.run_gateway(NAME, again.files, again.served).wait_for_line(READY, 30)
            sell(house)
            house.gateways[NAME].stop()
