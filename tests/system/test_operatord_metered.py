"""Paying as one goes at the real operatord: a channel is heard of, a station joins by it, pays, and is thrown out.

The ledger and the broker are real; FreeRADIUS asks by HTTP as in tests/system/test_operatord_daemon.py, and the access
point is a socket that hears Disconnects.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import httpx
import pytest

from lab.processes import Household
from operatord.shells.control import ask
from tests.ledger_house import ledger_house
from tests.operator_house import STATION, OperatorHouse
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.meter_statement import MeterStatement, write_meter_statement
from wire.micropayment import Micropayment, instance_of, write_micropayment
from wire.payment import Payment, PaymentTaken, PaymentWord, Word, read_datagram, read_word, write_datagram
from wire.qos import Qos
from wire.tariff import Tariff, terms_id

pytestmark = pytest.mark.system
PORT, DAS_PORT, PAYMENT_PORT = 28_980, 28_988, 28_989
BSSID = MacAddress.parse("02:00:00:00:00:01")
INTERVAL_S = 2
METERED = f"""[metered]
address = "127.0.0.1"
port = {PAYMENT_PORT}
listen = "127.0.0.1"
interval_s = {INTERVAL_S}
floor_down = "1Mbit/s"
ceil_down = "2Mbit/s"
floor_up = "0"
ceil_up = "2Mbit/s"
[tariffs.roof]
bssids = ["{BSSID}"]
per_minute_ubc = 30000
"""
INCREMENT_UBC = 1_000


@pytest.fixture
def house(tmp_path: Path) -> Iterator[OperatorHouse]:
    folder = tmp_path
    with (
        ledger_house(folder, PORT, "accept_software_keys = true") as ledger,
        Household(folder / "logs") as household,
    ):
        operator = OperatorHouse(ledger, household, PORT + 1, folder / "operator")
        operator.write(METERED, das_port=DAS_PORT)
        operator.open_shop()
        operator.start()
        yield operator


@pytest.fixture(autouse=True)
def _programs(needs) -> None:
    needs("mosquitto")


class Device:
    """Somebody with a channel, and a socket to the operator."""

    def __init__(self, house: OperatorHouse, limit_ubc: int = 1_000_000) -> None:
        self.key = PrivateKey.generate()
        self._operator = house.key.public
        self._house = house
        self._instance = instance_of(house.ledger.ledger_id, house.key.public.octets)
        qos = Qos(1_000_000, 2_000_000, 0, 2_000_000)
        tariff = Tariff(30_000, 0, INTERVAL_S, qos, IPv4Address("127.0.0.1"), PAYMENT_PORT)
        self._terms_id = terms_id(tariff, self._instance, BSSID)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", PAYMENT_PORT))
        self.socket.settimeout(5)
        self.deposit(limit_ubc)

    def deposit(self, limit_ubc: int) -> None:
        """What the ledger will say of the channel."""
        question = {"ask": "channel", "consumer": str(self.key.public), "number": 0, "limit_ubc": limit_ubc}
        ask(self._house.folder / "state" / "operatord.sock", question)

    def join(self) -> httpx.Response:
        name = f"/UID={self.key.public}/CN=airgrant account"
        question = {
            "issuer": name, "subject": name, "station": STATION, "called_station": f"{BSSID}:airgrant",
            "nas_identifier": "roof", "address": "127.0.0.1",
        }  # fmt: skip
        return httpx.post(f"{self._house.url}/v1/authorise", content=json.dumps(question), timeout=10)

    def pay(self, cumulative_ubc: int, interval: int, session: bytes = b"s" * 16) -> PaymentWord:
        money = write_micropayment(Micropayment(self._instance, self.key.public, cumulative_ubc), self.key)
        said = write_meter_statement(MeterStatement(session, self._terms_id, interval, 0, 0), self.key)
        self.socket.send(write_datagram(Payment(money, said)))
        taken = read_datagram(self.socket.recv(2_000))
        assert isinstance(taken, PaymentTaken)
        return read_word(taken.word, self._operator)


@pytest.fixture
def das() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box:
        box.bind(("127.0.0.1", DAS_PORT))
        box.settimeout(10)
        yield box


def test_a_station_joins_by_its_channel_pays_and_is_thrown_out_when_it_does_not(
    house: OperatorHouse, das: socket.socket
) -> None:
    device = Device(house)
    answer = device.join()
    assert answer.status_code == 200, answer.text
    assert device.key.public.octets.hex() in answer.text
    assert device.pay(INCREMENT_UBC, 0).word is Word.SERVED
    assert device.pay(2 * INCREMENT_UBC, 1).taken_ubc == 2 * INCREMENT_UBC
    request = das.recv(4_096)  # after interval 2 was not paid
    assert request[0] == 40, "Disconnect-Request"
    assert STATION.replace(":", "-").encode() in request or STATION.encode() in request.lower()
    assert device.pay(3 * INCREMENT_UBC, 2).word is Word.NO_SESSION
    device.socket.close()


def test_who_has_no_money_does_not_join(house: OperatorHouse) -> None:
    device = Device(house, 10 * INCREMENT_UBC - 1)
    answer = device.join()
    assert answer.status_code == 401
    assert "unfunded" in answer.text
    device.deposit(10 * INCREMENT_UBC)
    assert device.join().status_code == 200
    device.socket.close()


def test_what_was_paid_is_there_after_a_crash(house: OperatorHouse) -> None:
    """The answer came when it was on disk."""
    device = Device(house)
    assert device.join().status_code == 200
    assert device.pay(INCREMENT_UBC, 0).word is Word.SERVED
    assert house.daemon is not None
    house.daemon.kill()
    house.start()
    word = device.pay(INCREMENT_UBC, 0)
    assert (word.word, word.taken_ubc) == (Word.SERVED, INCREMENT_UBC)
    assert device.pay(2 * INCREMENT_UBC, 1).word is Word.SERVED
    device.socket.close()
