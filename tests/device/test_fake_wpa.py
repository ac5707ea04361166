"""The fake keeps the protocol where the tests lean on it. That the real one does the same: tests/system."""

import pytest

from device.fake_air import FakeAir
from device.fake_wpa import FakeSupplicant
from device.wpa import REPLY_BYTES
from tests.device.wpa_conversation import converse


@pytest.fixture
def fake() -> FakeSupplicant:
    return FakeSupplicant(FakeAir())


def test_a_conversation(fake: FakeSupplicant) -> None:
    answers = converse(lambda command: fake.reply(command).removesuffix("\n"))
    assert answers["0 PING"] == "PONG"
    assert list(answers.values()).count("OK") == 19
    assert set(answers.values()) >= {"FAIL", "UNKNOWN COMMAND", "0", "1", ""}


def test_a_reply_has_room_for_so_much(fake: FakeSupplicant) -> None:
    for number in range(200):
        fake.reply("ADD_NETWORK")
        fake.reply(f"SET_NETWORK {number} ssid {'61' * 32}")
    assert 3_000 < len(fake.reply("LIST_NETWORKS")) < REPLY_BYTES


def test_a_fault_to_order(fake: FakeSupplicant) -> None:
    fake.fail = {"SCAN": "FAIL-BUSY\n"}
    assert [fake.reply("SCAN TYPE=ONLY"), fake.reply("SCAN TYPE=ONLY")] == ["FAIL-BUSY\n", "OK\n"]


def test_a_network_without_its_blobs_asks_for_a_passphrase(fake: FakeSupplicant) -> None:
    for command in ("ADD_NETWORK", "SET_NETWORK 0 ssid 61", "SELECT_NETWORK 0"):
        fake.reply(command)
    assert fake.events[-1].startswith("<3>CTRL-REQ-PASSPHRASE-0:")
