"""`airgrant deposit`, `deposits` and `connect` with everything real but the radio: ledger, broker, operatord, payments.

The fake wpa_supplicant asks the operator's server, as hostapd and FreeRADIUS would, whenever a station is let in.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpx
import pytest

from device.choice import PinnedLedger
from device.connect_cli import connect, deposits
from device.fake_access_point import FakeAccessPoint
from device.fake_air import FakeAir, FakeBss
from device.fake_wpa import FakeSupplicant
from device.wallet import Wallet, pin_ledger
from lab.processes import Household
from ledger.payplace import bls, deposit_cli
from tests.device.wpa_world import INTERFACE, SSID, WpaWorld, serving
from tests.ledger_house import ledger_house
from tests.operator_house import STATION, OperatorHouse
from wire.create import Create
from wire.ids import MacAddress, PublicKey
from wire.keys import PrivateKey
from wire.micropayment import instance_of
from wire.money_actions import Deposit
from wire.payplace_registration import RegisterOperator, Times
from wire.qos import Qos
from wire.tariff import Tariff

pytestmark = pytest.mark.system
PORT, PAYMENT_PORT = 28_960, 28_969
BSSID = MacAddress.parse("02:00:00:00:00:01")
INTERVAL_S, INCREMENT_UBC = 2, 1_000
QOS = Qos(2_000_000, 4_000_000, 0, 2_000_000)
METERED = f"""[metered]
address = "127.0.0.1"
port = {PAYMENT_PORT}
listen = "127.0.0.1"
interval_s = {INTERVAL_S}
floor_down = "2Mbit/s"
ceil_down = "4Mbit/s"
floor_up = "0"
ceil_up = "2Mbit/s"
[tariffs.roof]
bssids = ["{BSSID}"]
per_minute_ubc = 30000
"""


@dataclass(slots=True)
class Air(FakeAir):
    """Where the operator's own server says who comes in."""

    url: str = ""

    def authenticate(self, cell: FakeBss | None, anchor: bytes, certificate: bytes) -> str:
        said = FakeAir.authenticate(self, cell, anchor, certificate)
        if said != "in":
            return said
        name = f"/UID={self.joined}/CN=airgrant account"
        question = {
            "issuer": name, "subject": name, "station": STATION, "called_station": f"{BSSID}:airgrant",
            "nas_identifier": "roof", "address": "127.0.0.1",
        }  # fmt: skip
        answer = httpx.post(f"{self.url}/v1/authorise", content=json.dumps(question), timeout=10)
        return "in" if answer.status_code == 200 else "rejected"


@dataclass
class Town:
    operator: OperatorHouse
    wallet: Path
    key: PrivateKey
    submitting: list[str]
    """Options of commands that submit."""


@pytest.fixture
def town(tmp_path: Path, needs) -> Iterator[Town]:
    needs("mosquitto")
    with (
        ledger_house(tmp_path, PORT, "accept_software_keys = true") as ledger,
        Household(tmp_path / "logs") as household,
    ):
        operator = OperatorHouse(ledger, household, PORT + 1, tmp_path / "operator")
        operator.write(METERED, das_port=PORT + 7)
        operator.open_shop()
        secret, account = bls.SecretKey(77), operator.key.public.octets
        possession = secret.prove_possession(instance_of(ledger.ledger_id, account), account)
        register = RegisterOperator(Times(60, 10, 5, 70), secret.public.eip2537, possession.eip2537)
        key = PrivateKey.generate()
        with ledger.client(operator.key) as client:
            assert ledger.submit(client, Create(operator.key.public), operator.key).executed
            assert ledger.submit(client, register, operator.key).executed
        with ledger.client(key) as client:
            assert ledger.submit(client, Create(key.public), key).executed
            assert ledger.submit(client, Deposit(key.public, 1_000_000), ledger.exchange).executed
        operator.start()
        wallet = tmp_path / "wallet.pem"
        wallet.write_bytes(key.to_pem())
        wallet.chmod(0o600)
        pin_ledger(Wallet(wallet, key), PinnedLedger(ledger.key.public, ledger.ledger_id))
        files = ledger.authority.issue_client(str(key.public), key.key)
        submitting = [
            "--key", str(wallet), "--broker", f"127.0.0.1:{ledger.port}", "--authority", str(files.authority),
            "--certificate", str(files.certificate), "--certificate-key", str(files.key),
            "--ledger", ledger.reader.url, "--json",
        ]  # fmt: skip
        yield Town(operator, wallet, key, submitting)


def shop(town: Town) -> FakeAccessPoint:
    """The access point, whose word on how to join has the operator's tariff."""
    ledger, operator = town.operator.ledger, town.operator.key
    tariff = Tariff(30_000, 0, INTERVAL_S, QOS, IPv4Address("127.0.0.1"), PAYMENT_PORT)
    return FakeAccessPoint(
        town.key.public, lambda: int(time.time()), provider=town.operator.provider, ledger=ledger.key,
        ledger_id=ledger.ledger_id, bssid=BSSID, price_ubc=10**9, qos=QOS, ssid=SSID, operator=operator,
        alter_network=lambda network: replace(network, tariff=tariff), grants={b"the operator": b"decides"},
    )  # fmt: skip


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    page: dict[str, Any] = json.loads(capsys.readouterr().out)
    return page


def test_a_deposit_becomes_two_megabits_for_some_seconds(
    town: Town, capsys: pytest.CaptureFixture[str], eventually
) -> None:
    operator, url = str(town.operator.key.public), town.operator.ledger.reader.url
    assert deposit_cli.main([f"{operator}=0.5", *town.submitting]) == 0
    assert said(capsys)["executed"] is True
    assert deposit_cli.main(["show", str(town.key.public), operator, "--ledger", url, "--json"]) == 0
    assert said(capsys)["deposits"][0]["deposited_ubc"] == 500_000
    assert deposits(["--wallet", str(town.wallet), operator, "--ledger", url, "--json"]) == 0
    assert said(capsys)["deposits"] == [{"operator": operator, "deposited_ubc": 500_000}]
    eventually(lambda: town.operator.status()["channels"] == 1, "operatord has heard of it", 20)
    air = Air(url=town.operator.url)
    air.add(shop(town))
    with tempfile.TemporaryDirectory() as folder:
        world = WpaWorld(Path(folder), FakeSupplicant(air))
        with serving(world):
            way = ["--interface", INTERFACE, "--over", "air", "--control", folder, "--json"]
            assert connect(["2M", "for", "5s", "--wallet", str(town.wallet), *way]) == 0
    receipt = said(capsys)
    assert [(one["manner"], one["reason"]) for one in receipt["stays"]] == [("metered", "time_is_up")]
    assert receipt["paid_ubc"] == 3 * INCREMENT_UBC, "5 s of intervals of 2 s"
    assert town.operator.status()["paid_ubc"] == receipt["paid_ubc"]


def test_what_is_no_deposit_is_refused(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    operator, stranger = str(town.operator.key.public), str(PublicKey(town.key.public.octets))
    assert deposit_cli.main([f"{operator}=2", *town.submitting]) == 1
    assert said(capsys)["reason"] == "insufficient_funds"
    assert deposit_cli.main([f"{stranger}=0.1", *town.submitting]) == 1
    assert said(capsys)["reason"] == "no_such_operator"
    assert deposit_cli.main([operator, *town.submitting]) == 2
    assert deposit_cli.main(["shift", operator, stranger, "0.1", *town.submitting]) == 1
    capsys.readouterr()
    url = town.operator.ledger.reader.url
    assert deposit_cli.main(["show", stranger, operator, "--ledger", url]) == 1
