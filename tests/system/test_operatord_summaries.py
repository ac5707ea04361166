"""From a session to a choice: the real operatord publishes totals on a real ledger, and a device believes the proof.

A station joins by its channel: it pays and is thrown out, pays and goes, and pays nothing. Ledger, broker and operatord
are processes; FreeRADIUS asks by HTTP, as in tests/system/test_operatord_metered.py.
"""

from __future__ import annotations

import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.asking_around import ask_around
from device.choice import PinnedLedger
from device.reputation import Reputation, explain, score_of
from lab.processes import Household
from ledger.payplace import bls
from ledger.payplace.summary_pages import UsageSummaryPage
from operatord.payplace.opening import open_chain
from operatord.payplace.settings import ChainLink
from operatord.settings import parse_settings
from tests.ledger_house import ledger_house
from tests.operator_house import OperatorHouse
from tests.system.test_operatord_metered import INCREMENT_UBC, METERED, PORT, Device
from wire.create import Create
from wire.payment import Word
from wire.payplace_registration import RegisterOperator, Times

pytestmark = pytest.mark.system
SHIFT = 200
"""Ports away from those of the other test."""
SUMMARIES = "[summaries]\nperiod_s = 2\nleast_sessions = 1\n"


@pytest.fixture(autouse=True)
def _programs(needs) -> None:
    needs("mosquitto")


@pytest.fixture
def das() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box:
        box.bind(("127.0.0.1", 0))
        box.settimeout(10)
        yield box


@pytest.fixture
def house(tmp_path: Path, das: socket.socket) -> Iterator[OperatorHouse]:
    with (
        ledger_house(tmp_path, PORT + SHIFT, "accept_software_keys = true") as ledger,
        Household(tmp_path / "logs") as household,
    ):
        operator = OperatorHouse(ledger, household, PORT + SHIFT + 1, tmp_path / "operator")
        operator.write(METERED + SUMMARIES, das_port=das.getsockname()[1])
        operator.open_shop()
        register(operator)
        operator.start()
        yield operator


def register(house: OperatorHouse) -> None:
    """The operator has an account, and is one of PayPlace's."""
    with house.ledger.client(house.key) as client:
        assert house.ledger.submit(client, Create(house.key.public), house.key).executed
    settings = parse_settings(tomllib.loads(house.config.read_text()), house.config)
    link = ChainLink(settings.ledger.url, settings.ledger.ledger_id, settings.broker)
    chain = open_chain(link, house.key.public, house.key)
    key = bls.SecretKey.generate(bytes(range(32)))
    possession = key.prove_possession(chain.instance, house.key.public.octets)
    action = RegisterOperator(Times(3_600, 600, 30, 7_200), key.public.eip2537, possession.eip2537)
    assert chain.register(action) == ""


@pytest.fixture
def device(house: OperatorHouse) -> Iterator[Device]:
    made = Device(house)
    yield made
    made.socket.close()


def test_what_an_operator_publishes_is_what_a_device_chooses_by(
    house: OperatorHouse, das: socket.socket, device: Device, eventually
) -> None:
    reader = house.ledger.reader
    with house.ledger.client(device.key) as client:
        assert house.ledger.submit(client, Create(device.key.public), device.key).executed

    def told(subject: object) -> tuple[int, int]:
        page = reader.read(UsageSummaryPage, f"payplace/summaries/{subject}", publisher=str(house.key.public))
        return page.sessions, page.completed

    assert device.join().status_code == 200
    assert device.pay(INCREMENT_UBC, 0).word is Word.SERVED
    assert das.recv(4_096)[0] == 40, "Disconnect-Request: interval 1 was not paid"
    eventually(lambda: told(device.key.public) == (1, 0), "the consumer's total", 30)
    eventually(lambda: told(house.provider.public) == (1, 0), "the seller's", 30)

    seller, publisher = house.provider.public, house.key.public
    pinned = PinnedLedger(house.ledger.key.public, house.ledger.ledger_id)
    now_s = reader.said_s or 0
    asked = ask_around(reader.url, pinned, [(seller, publisher)], Reputation(), now_s)
    assert asked.trouble == ""
    made = score_of(asked.known, seller, None, [publisher], now_s)
    assert explain(made) == "served as promised 33 % (0 of 1 told by 1)"

    stranger = PinnedLedger(house.provider.public, house.ledger.ledger_id)
    forged = ask_around(reader.url, stranger, [(seller, publisher)], Reputation(), now_s)
    assert forged.known == Reputation()
    assert "header" in forged.trouble or "sign" in forged.trouble or "key" in forged.trouble

    assert device.join().status_code == 200
    assert device.pay(2 * INCREMENT_UBC, 0, b"t" * 16).word is Word.SERVED
    assert device.join().status_code == 200, "that session is over, and kept; of this one nothing is paid"
    eventually(lambda: told(device.key.public) == (3, 1), "which counts against the consumer", 30)
    eventually(lambda: told(seller) == (2, 1), "and not against the seller", 30)
