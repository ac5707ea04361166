"""operatord's daemon with a real ledger, a real broker and hostapd's real DAS: what it hears, and what it tells boxes.

FreeRADIUS is beside it in tests/system/test_operatord_radius.py; here questions come by HTTP as it sends them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx
import paho.mqtt.client as paho
import pytest
from pyrad import packet as radius

from lab.processes import Household
from operatord.shells.das import GONE
from tests.ledger_house import LedgerHouse, ledger_house, purchase
from tests.operator_house import BSSID, SECRET, STATION, OperatorHouse
from wire.admission import read_admission
from wire.grant import Grant, write_grant
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.meter_record import UsageRow
from wire.revocation import read_revocation

pytestmark = pytest.mark.system
PORT = 28_940


@pytest.fixture(autouse=True)
def _programs(needs) -> None:
    needs("mosquitto")


@contextmanager
def daemon_house(folder: Path, port: int) -> Iterator[OperatorHouse]:
    """Ledger, broker and operatord, without FreeRADIUS."""
    with (
        ledger_house(folder, port, "accept_software_keys = true") as ledger,
        Household(folder / "logs") as household,
    ):
        house = OperatorHouse(ledger, household, port + 1, folder / "operator")
        house.write(das_port=port + 8)
        house.open_shop()
        house.start()
        yield house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorHouse]:
    with daemon_house(tmp_path_factory.mktemp("house"), PORT) as running:
        yield running


class Box:
    """The access point's side of the broker: what it is told, and what it publishes."""

    def __init__(self, ledger: LedgerHouse, name: str = "roof") -> None:
        self.told: list[tuple[str, bytes]] = []
        key = PrivateKey.generate()
        files = ledger.authority.issue_client(name, key.key)
        self._client = ledger.client(key)
        self._client = type(self._client)("127.0.0.1", ledger.port, name, files.client_context(), 15)
        self._name = name

    def __enter__(self) -> Self:
        self._client.__enter__()
        mqtt = self._client._client
        for kind in ("admission", "command"):
            topic = f"airgrant/v1/down/{self._name}/{kind}"
            mqtt.message_callback_add(topic, self._hear)
            self._wait(mqtt, topic)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def publish(self, payload: bytes) -> None:
        self._client._client.publish(f"airgrant/v1/up/{self._name}/grant", payload, qos=1).wait_for_publish(
            10
        )

    def _hear(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        self.told.append((message.topic.rpartition("/")[2], bytes(message.payload)))

    def _wait(self, mqtt: paho.Client, topic: str) -> None:
        self._client._ready.clear()
        mqtt.subscribe(topic, qos=1)
        assert self._client._ready.wait(10)


def authorise(
    house: OperatorHouse, account: PrivateKey, box: str = "roof", station: str = STATION
) -> httpx.Response:
    name = f"/UID={account.public}/CN=airgrant account"
    page = {
        "issuer": name, "subject": name, "station": station.replace(":", "-"), "called_station": f"{BSSID}:airgrant",
        "nas_identifier": box, "address": "127.0.0.1",
    }  # fmt: skip
    return httpx.post(f"{house.url}/v1/authorise", json=page, timeout=10)


def counter(house: OperatorHouse, name: str) -> int:
    return int(house.status()["counters"].get(name, 0))


def sold_elsewhere(house: OperatorHouse, account: PrivateKey, ledger_key: PrivateKey | None = None) -> bytes:
    """A grant that no ledger of this house shows, signed by its key or by another."""
    import time

    from tests.ledger_world import BAND, QOS

    grant = Grant(
        account.public,
        house.provider.public.provider_id,
        os.urandom(16),
        1,
        int(time.time()) - 5,
        600,
        BAND,
        QOS,
    )
    return write_grant(grant, ledger_key or house.ledger.key, house.ledger.ledger_id)


# ---- What it hears


def test_a_grant_that_a_box_tells_of_is_good_at_once(house, eventually) -> None:
    buyer = PrivateKey.generate()
    with Box(house.ledger) as box:
        box.publish(sold_elsewhere(house, buyer))
        eventually(house.anchor(buyer).exists, "the anchor")
    assert authorise(house, buyer).status_code == 200


def test_what_the_ledger_did_not_sign_is_counted_and_dropped(house, eventually) -> None:
    thief, forger = PrivateKey.generate(), PrivateKey.generate()
    good = sold_elsewhere(house, thief)
    before = {name: counter(house, f"grant: {name}") for name in ("DecodeError", "VerificationError")}
    with Box(house.ledger) as box:
        for payload in (b"", b"junk", good[:-1], good + b"\x00", os.urandom(400)):
            box.publish(payload)
        for payload in (sold_elsewhere(house, thief, forger), good[:-1] + bytes([good[-1] ^ 1])):
            box.publish(payload)
        eventually(
            lambda: counter(house, "grant: VerificationError") == before["VerificationError"] + 2,
            "both forged",
        )
        eventually(
            lambda: counter(house, "grant: DecodeError") >= before["DecodeError"] + 4, "and the garbage"
        )
    assert not house.anchor(thief).exists()
    assert authorise(house, thief).json()["reply:Reply-Message"]["value"][0].startswith("no_permit")


def test_only_boxes_speak_of_grants_and_only_for_themselves(house, eventually) -> None:
    """The broker's rules: a box writes below its own name; the operator reads grants and nothing else."""
    buyer = PrivateKey.generate()
    before = counter(house, "grant: DecodeError")
    with Box(house.ledger, "attic") as box:
        box._client._client.publish("airgrant/v1/up/roof/grant", sold_elsewhere(house, buyer), qos=1)
        box._client._client.publish("airgrant/v1/up/attic/transaction", b"junk", qos=1)
        box.publish(b"junk")
        eventually(lambda: counter(house, "grant: DecodeError") == before + 1, "the one that may be heard")
    assert not house.anchor(buyer).exists()


# ---- What it tells


def test_the_box_is_told_who_comes_before_the_answer(house, eventually) -> None:
    buyer, grant = house.buy(eventually)
    with Box(house.ledger) as box:
        assert authorise(house, buyer).status_code == 200
        eventually(lambda: box.told, "an admission")
        ((kind, payload),) = box.told
    assert kind == "admission"
    admission = read_admission(payload, house.key.public)
    assert house.ledger.grant(admission.grant) == grant
    assert (str(admission.station), admission.expires_s, admission.used_bytes) == (STATION, grant.ends_s, 0)
    assert admission.bssid == MacAddress.parse(BSSID)


def test_a_provider_s_revocation_goes_to_its_box(house, eventually) -> None:
    buyer, grant = house.buy(eventually)
    (house.folder / "provider.key").write_bytes(house.provider.to_pem())
    with Box(house.ledger) as box:
        said = house.command(
            "revoke", "--grant", grant.grant_id.hex(), "--reason", "enough", "--provider-key",
            str(house.folder / "provider.key"), "--json",
        )  # fmt: skip
        assert '"boxes_told": true' in said
        eventually(lambda: box.told, "a command")
        ((kind, payload),) = box.told
    assert kind == "command"
    revocation = read_revocation(payload, house.provider.public)
    assert (revocation.grant_id, revocation.reason) == (grant.grant_id, "enough")
    assert not house.anchor(buyer).exists()
    assert (
        authorise(house, buyer).json()["reply:Reply-Message"]["value"][0]
        == f"revoked: grant {grant.grant_id.hex()}: enough"
    )


def test_nobody_else_s_revocation_counts(house, eventually) -> None:
    _, grant = house.buy(eventually)
    for key, complaint in ((PrivateKey.generate(), "no provider of our boxes"),):
        (house.folder / "other.key").write_bytes(key.to_pem())
        said = house.command(
            "revoke",
            "--grant",
            grant.grant_id.hex(),
            "--provider-key",
            str(house.folder / "other.key"),
            status=1,
        )
        assert complaint in said
    assert "32 hexadecimal digits" in house.command("revoke", "--grant", "00", status=1)
    assert counter(house, "accepted") >= 0
    assert not any(one["grant"] == grant.grant_id.hex() for one in house.status()["uses"])


# ---- Throwing out


def test_hostapd_understands_who_is_to_leave(house, eventually, needs, tmp_path) -> None:
    """The real hostapd, without a radio and so without that station: it verifies everything, and finds nobody."""
    needs("hostapd")
    lines = house.command(
        "hostapd", "--box", "roof", "--server", "127.0.0.1", "--availability", "99", "--currency", "EUR=1000"
    )
    assert "radius_auth_req_attr=26:x:0000372a1106631e8480" in lines, "2 Mbit/s, 99 % of the time"
    (tmp_path / "hostapd.conf").write_text("interface=lo\ndriver=none\nssid=airgrant\n" + lines)
    buyer, grant = house.buy(eventually)
    with Household(tmp_path) as household:
        hostapd = household.start("hostapd", ["hostapd", "-dd", tmp_path / "hostapd.conf"])
        hostapd.wait_for_line("AP-ENABLED")
        assert authorise(house, buyer).status_code == 200
        house.command("revoke", "--grant", grant.grant_id.hex())
        hostapd.wait_for_line("RADIUS DAS: No matching session found")
        eventually(
            lambda: counter(house, "disconnect: Disconnect-NAK: Session-Context-Not-Found") == 1, "its answer"
        )
    assert 503 in GONE


def test_a_station_that_roams_or_whose_grant_ends_is_thrown_out(house, eventually) -> None:
    """At a box of our own making, which answers as it should."""
    buyer, grant = house.buy(eventually, house.short)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as das:
        das.bind(("127.0.0.1", house.port + 7))
        das.settimeout(20)
        assert authorise(house, buyer).status_code == 200
        octets, sender = das.recvfrom(4_096)
        request = radius.CoAPacket(packet=octets, secret=SECRET.encode())
        assert request.VerifyCoARequest()
        assert request.verify_message_authenticator()
        assert (request[31], request[32]) == ([STATION.replace(":", "-").encode()], [b"roof"])
        das.sendto(request.CreateReply().ReplyPacket(), sender)
        eventually(lambda: counter(house, "disconnect: Disconnect-ACK") == 1, "its answer")
    assert not house.anchor(buyer).exists()
    assert authorise(house, buyer).json()["reply:Reply-Message"]["value"][0].startswith("ended")
    assert grant.grant_id.hex() not in house.command("status")


# ---- Away and back


@pytest.fixture
def own_house(tmp_path: Path) -> Iterator[OperatorHouse]:
    with daemon_house(tmp_path, PORT + 20) as running:
        yield running


def test_what_was_bought_meanwhile_is_heard_of_at_the_start(own_house, eventually) -> None:
    """Ahead of time, elsewhere, and while nobody listened: the ledger has it all."""
    house = own_house
    first, _ = house.buy(eventually)
    assert house.daemon.stop() == 0
    buyers = [house.ledger.new_buyer() for _ in range(3)]
    for buyer in buyers:
        with house.ledger.client(buyer) as client:
            house.ledger.submit(client, purchase(house.provider), buyer)
    house.start()
    assert all(house.anchor(one).exists() for one in (first, *buyers)), "before it says that it is ready"
    assert {
        authorise(house, one, station=f"02:00:00:00:03:0{at}").status_code for at, one in enumerate(buyers)
    } == {200}


def test_a_broker_that_dies_is_found_again_and_nobody_is_locked_out_meanwhile(own_house, eventually) -> None:
    house = own_house
    buyer, _ = house.buy(eventually)
    house.ledger.broker.kill()
    eventually(lambda: not house.status()["broker_connected"], "it is seen")
    assert authorise(house, buyer).status_code == 200, "the box throws out by itself whom it does not know"
    assert counter(house, "admissions not published") == 1
    house.ledger.start_broker()
    eventually(lambda: house.status()["broker_connected"], "it is found again")
    with Box(house.ledger) as box:
        assert authorise(house, buyer).status_code == 200
        eventually(lambda: box.told, "an admission")


def test_a_disk_that_fails_ends_the_daemon_with_a_word(own_house, eventually) -> None:
    import sqlite3

    house = own_house
    buyer, _ = house.buy(eventually)
    database = sqlite3.connect(house.folder / "state" / "operatord.db", isolation_level=None)
    database.execute("CREATE TRIGGER full BEFORE INSERT ON used BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    database.close()
    authorise(house, buyer)
    assert house.daemon.wait(10) == 3
    assert "disk full" in house.daemon.said


# ---- Against the meter


def test_accounting_is_held_against_the_signed_meter(own_house, eventually) -> None:
    """Two grants that an access point metered and accounted for: once it says the same of both, once it does not."""
    import json
    import time

    from apd.shells.software_key import SoftwareKey
    from lab.meter_chain import MeterChain

    house, ledger = own_house, own_house.ledger
    honest, forgotten = house.buy(eventually)[1], house.buy(eventually)[1]
    meter = SoftwareKey(PrivateKey.generate())
    starts_ms = min(honest.starts_s, forgotten.starts_s) * 1_000
    chain = MeterChain(meter, starts_ms)
    up, down = 2_000_000, 30_000_000
    rows = [UsageRow(one.grant_id, down, up, down, up) for one in (honest, forgotten)]
    with ledger.client(house.provider) as client:
        ledger.enrol(client, house.provider, meter)
        for record in (chain.boot(), chain.usage(60_000, *rows), chain.usage(60_000)):
            assert ledger.receipt(client.report(record)).executed
    packets = 24_000
    for grant, share in ((honest, 100), (forgotten, 90)):
        page = {
            "Acct-Session-Id": grant.grant_id.hex()[:16], "NAS-Identifier": "roof",
            "Packet-Src-IP-Address": "127.0.0.1", "Class": "0x" + grant.grant_id.hex(),
            "Calling-Station-Id": STATION, "Called-Station-Id": f"{BSSID}:airgrant", "Acct-Session-Time": 55,
            "Acct-Status-Type": 2, "Event-Timestamp": int(time.time()),
            "Acct-Input-Octets": up * share // 100 + 50 * 3_000, "Acct-Input-Packets": 3_000,
            "Acct-Output-Octets": down * share // 100 + 34 * packets, "Acct-Output-Packets": packets,
        }  # fmt: skip
        assert httpx.post(f"{house.url}/v1/accounting", json=page, timeout=10).status_code == 204
    told = json.loads(house.command("reconcile", "--json", status=1))
    outcomes = {row["grant"]: row for row in told["grants"]}
    assert outcomes[honest.grant_id.hex()]["outcome"] == "agrees"
    assert outcomes[forgotten.grant_id.hex()]["outcome"] == "disagrees"
    assert (told["ok"], told["meters"]) == (False, [])
    page = house.command("reconcile", status=1)
    assert "10.0 % apart; 3 % and 20000 bytes are accepted" in " ".join(page.split())
