"""operatord's daemon with a real ledger, a real broker and hostapd's real DAS: what it hears, and what it tells boxes.

FreeRADIUS is beside it in tests/system/test_operatord_radius.py; here questions come by HTTP as it sends them.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

import httpx
import paho.mqtt.client as paho
import pytest
from pyrad import packet as radius

from lab.processes import Household
from operatord.commands import KeepSession
from operatord.shells.das import GONE, OVERTAKEN
from operatord.shells.store import KEEP_SESSIONS_S, Store
from tests.ledger_house import LedgerHouse, ledger_house, purchase
from tests.operator_house import BSSID, SECRET, STATION, OperatorHouse
from tests.operatord.shells.test_store import SESSION
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
        attic = f'[boxes.attic]\nprovider = "{house.short.public}"\naddress = "127.0.0.1"\nsecret = "roof.secret"\n'
        house.write(f"{attic}das_port = {port + 9}\n", das_port=port + 8)
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


def sold_elsewhere(
    house: OperatorHouse, account: PrivateKey, ledger_key: PrivateKey | None = None, data_cap_bytes: int = 0
) -> bytes:
    """A grant that no ledger of this house shows, signed by its key or by another."""
    from tests.ledger_world import BAND, QOS

    grant = Grant(
        account.public,
        house.provider.public.provider_id,
        os.urandom(16),
        1,
        int(time.time()) - 5,
        600,
        BAND,
        replace(QOS, data_cap_bytes=data_cap_bytes),
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


def test_a_box_is_told_what_others_deliver_on_a_grant_with_a_cap(house, eventually) -> None:
    """The station moved on before its first box had accounted for anything."""
    buyer = PrivateKey.generate()
    encoded = sold_elsewhere(house, buyer, data_cap_bytes=10_000)
    with Box(house.ledger) as roof, Box(house.ledger, "attic") as attic:
        roof.publish(encoded)
        eventually(house.anchor(buyer).exists, "the anchor")
        assert [authorise(house, buyer, box).status_code for box in ("roof", "attic")] == [200, 200]
        page = {
            "Acct-Session-Id": "A", "NAS-Identifier": "roof", "Packet-Src-IP-Address": "127.0.0.1",
            "Class": "0x" + house.ledger.grant(encoded).grant_id.hex(), "Calling-Station-Id": STATION,
            "Called-Station-Id": f"{BSSID}:airgrant", "Acct-Status-Type": 2, "Acct-Input-Octets": 6_000,
        }  # fmt: skip
        assert httpx.post(f"{house.url}/v1/accounting", json=page, timeout=10).status_code == 204
        eventually(lambda: len(attic.told) == 2, "a second admission")
    told = [read_admission(payload, house.key.public) for _, payload in attic.told]
    assert [one.used_bytes for one in told] == [0, 6_000]


def test_a_provider_s_revocation_goes_to_its_box(house, eventually) -> None:
    buyer, grant = house.buy(eventually)
    (house.folder / "provider.key").write_bytes(house.provider.to_pem())
    with Box(house.ledger) as box:
        said = house.command(
            "revoke", "--grant", grant.grant_id.hex(), "--reason", "enough", "--provider-key",
            str(house.folder / "provider.key"), "--json",
        )  # fmt: skip
        assert json.loads(said)["sent_to"] == ["roof"]
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
    """Neither a stranger's, nor that of a provider of ours for a partner's grant."""
    buyer, grant = house.buy(eventually, house.short)
    for key, complaint in (
        (PrivateKey.generate(), "no provider of our boxes"),
        (house.provider, "is another provider's"),
    ):
        (house.folder / "other.key").write_bytes(key.to_pem())
        arguments = ("--grant", grant.grant_id.hex(), "--provider-key", str(house.folder / "other.key"))
        assert complaint in house.command("revoke", *arguments, status=1)
    assert "32 hexadecimal digits" in house.command("revoke", "--grant", "00", status=1)
    assert authorise(house, buyer).status_code == 200


def test_a_grant_that_nobody_knows_is_revoked_ahead_only(house) -> None:
    nobody_s = os.urandom(16).hex()
    assert "is not known" in house.command("revoke", "--grant", nobody_s, status=1)
    assert json.loads(house.command("revoke", "--grant", nobody_s, "--ahead", "--json"))["known"] is False


def test_who_revokes_again_with_the_provider_s_word_tells_the_box(house, eventually) -> None:
    _, grant = house.buy(eventually)
    (house.folder / "provider.key").write_bytes(house.provider.to_pem())
    arguments = ("--grant", grant.grant_id.hex(), "--json")
    assert json.loads(house.command("revoke", *arguments))["sent_to"] == [], "a Disconnect only"
    with Box(house.ledger) as box:
        said = house.command("revoke", *arguments, "--provider-key", str(house.folder / "provider.key"))
        assert json.loads(said)["sent_to"] == ["roof"]
        eventually(lambda: box.told, "a command")
        assert read_revocation(box.told[0][1], house.provider.public).grant_id == grant.grant_id


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
            lambda: counter(house, "disconnect: Disconnect-NAK: Session-Context-Not-Found") >= 1, "its answer"
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
    eventually(lambda: not house.anchor(buyer).exists(), "its anchor's end")
    assert authorise(house, buyer).json()["reply:Reply-Message"]["value"][0].startswith("ended")
    assert grant.grant_id.hex() not in house.command("status")


def test_a_station_that_is_back_is_not_thrown_out_by_the_order_of_before(own_house, eventually) -> None:
    """From roof to attic and back, while the first request for roof is lost."""
    house = own_house
    buyer, _ = house.buy(eventually)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as das:
        das.bind(("127.0.0.1", house.port + 7))
        das.settimeout(3)
        for box in ("roof", "attic"):
            assert authorise(house, buyer, box).status_code == 200
        das.recvfrom(4_096)
        assert authorise(house, buyer, "roof").status_code == 200
        eventually(lambda: counter(house, f"disconnect: {OVERTAKEN}") == 1, "the order is dropped")
        das.setblocking(False)
        with pytest.raises(BlockingIOError):
            das.recvfrom(4_096)


def test_a_box_that_is_silent_holds_up_no_other(own_house, eventually) -> None:
    house = own_house
    silent, answering = ([house.buy(eventually) for _ in range(count)] for count in (12, 1))
    with ExitStack() as sockets:
        dead, roof = (
            sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)
        )
        dead.bind(("127.0.0.1", house.port + 8))
        roof.bind(("127.0.0.1", house.port + 7))
        roof.settimeout(5)
        for at, (buyer, _) in enumerate(silent):
            assert authorise(house, buyer, "attic", f"02:00:00:00:04:{at:02x}").status_code == 200
        assert authorise(house, answering[0][0], "roof").status_code == 200
        for _, grant in (*silent, *answering):
            house.command("revoke", "--grant", grant.grant_id.hex())
        octets, _ = roof.recvfrom(4_096)
        assert radius.CoAPacket(packet=octets, secret=SECRET.encode())[32] == [b"roof"]


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


def test_a_revocation_waits_on_disk_for_the_broker(own_house, eventually) -> None:
    house = own_house
    _, grant = house.buy(eventually)
    (house.folder / "provider.key").write_bytes(house.provider.to_pem())
    house.ledger.broker.kill()
    eventually(lambda: not house.status()["broker_connected"], "it is seen")
    house.command(
        "revoke", "--grant", grant.grant_id.hex(), "--provider-key", str(house.folder / "provider.key")
    )
    house.daemon.kill()
    house.ledger.start_broker()
    with Box(house.ledger) as box:
        house.start()
        eventually(lambda: box.told, "the command, of a daemon that was killed since")
        assert read_revocation(box.told[0][1], house.provider.public).grant_id == grant.grant_id

    def untold() -> int:
        with closing(sqlite3.connect(house.folder / "state" / "operatord.db")) as database:
            return int(database.execute("SELECT count(*) FROM untold").fetchone()[0])

    eventually(lambda: untold() == 0, "and it is not told again")


def test_a_disk_that_fails_ends_the_daemon_with_a_word(own_house, eventually) -> None:
    house = own_house
    buyer, _ = house.buy(eventually)
    database = sqlite3.connect(house.folder / "state" / "operatord.db", isolation_level=None)
    database.execute("CREATE TRIGGER full BEFORE INSERT ON used BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    database.close()
    authorise(house, buyer)
    assert house.daemon.wait(10) == 3
    assert "disk full" in house.daemon.said


def test_a_trust_directory_that_fails_ends_the_daemon_and_is_right_at_the_next_start(own_house) -> None:
    """A purchase that comes by the ledger: the ledger is not away, whatever the disk does."""
    house = own_house
    trust, aside = house.folder / "state" / "trust", house.folder / "aside"
    trust.rename(aside)
    buyer = house.ledger.new_buyer()
    with house.ledger.client(buyer) as client:
        house.ledger.submit(client, purchase(house.provider), buyer)
    assert house.daemon.wait(10) == 3
    assert "trust directory" in house.daemon.said
    aside.rename(trust)
    house.start()
    assert house.anchor(buyer).exists()
    assert authorise(house, buyer).status_code == 200


def test_a_trust_directory_that_fails_under_a_revocation_ends_the_daemon_too(own_house, eventually) -> None:
    house = own_house
    buyer, grant = house.buy(eventually)
    for at in range(2):  # the second time it is known to be revoked, and said to be
        house.anchor(buyer).unlink(missing_ok=True)
        (house.folder / "state" / "trust").rename(house.folder / "aside")
        (house.folder / "state" / "trust").write_text("no folder")
        said = house.command("revoke", "--grant", grant.grant_id.hex(), status=1 if at == 0 else 0)
        assert at or "trust directory" in said
        if at == 0:
            assert house.daemon.wait(10) == 3
        (house.folder / "state" / "trust").unlink()
        (house.folder / "aside").rename(house.folder / "state" / "trust")
        if at == 0:
            house.start()
    assert authorise(house, buyer).json()["reply:Reply-Message"]["value"][0].startswith("revoked")


@pytest.mark.parametrize("name", ["key", "ledger_id"])
def test_a_ledger_that_is_not_the_one_of_the_settings_is_said_and_costs_no_grant(
    own_house, eventually, name: str
) -> None:
    house = own_house
    buyer, _ = house.buy(eventually)
    assert house.daemon.stop() == 0
    right = house.config.read_text()
    good = f'key = "{house.ledger.key.public}"' if name == "key" else house.ledger.ledger_id.hex()
    wrong = f'key = "{PrivateKey.generate().public}"' if name == "key" else os.urandom(32).hex()
    house.config.write_text(right.replace(good, wrong))
    said = house.command("run", status=2)
    assert f"ledger.{name}: " in said
    later = house.ledger.new_buyer()
    with house.ledger.client(later) as client:
        house.ledger.submit(client, purchase(house.provider), later)
    house.config.write_text(right)
    house.start()
    assert [authorise(house, one).status_code for one in (buyer, later)] == [200, 200]


def test_whoever_locks_the_database_is_waited_for_also_at_the_end(own_house, eventually) -> None:
    """A backup that takes three seconds; and a SIGTERM while a commit waits for it."""
    house = own_house
    buyer, grant = house.buy(eventually)
    with closing(sqlite3.connect(house.folder / "state" / "operatord.db", isolation_level=None)) as other:
        for ended in (False, True):
            other.execute("BEGIN IMMEDIATE")
            assert authorise(house, buyer).status_code == 200
            backed_up_s = time.monotonic() + 3
            eventually(lambda until_s=backed_up_s: time.monotonic() > until_s, "the backup's end")
            assert house.daemon.running
            if ended:
                house.daemon.process.terminate()
                looked_s = time.monotonic() + 0.5
                eventually(lambda until_s=looked_s: time.monotonic() > until_s, "half a second")
                assert house.daemon.running, "it waits for the disk"
            other.execute("ROLLBACK")
        assert house.daemon.wait(10) == 0, house.daemon.said
        (use,) = other.execute("SELECT permit_id FROM used").fetchall()
        assert use == (grant.grant_id,)


def test_what_was_kept_for_long_enough_is_forgotten(own_house) -> None:
    house = own_house
    assert house.daemon.stop() == 0
    store = Store(house.folder / "state" / "operatord.db")
    old, new = (replace(SESSION, session_id=str(age), event_s=int(time.time()) - age) for age in (
        KEEP_SESSIONS_S + 60, KEEP_SESSIONS_S - 60,
    ))  # fmt: skip
    store.save([KeepSession(old), KeepSession(new)])
    store.close()
    house.start()
    assert house.daemon.stop() == 0
    store = Store(house.folder / "state" / "operatord.db")
    assert store.sessions() == [new]
    store.close()


# ---- Against the meter


def test_accounting_is_held_against_the_signed_meter(own_house, eventually) -> None:
    """Two grants that an access point metered and accounted for: once it says the same of both, once it does not."""
    from apd.shells.software_key import SoftwareKey
    from lab.meter_chain import MeterChain

    house, ledger = own_house, own_house.ledger
    assert "nothing was compared" in house.command("reconcile", status=1)
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
    for grant, share, age_s in ((honest, 60, 30), (honest, 40, 0), (forgotten, 90, 0)):
        page = {
            "Acct-Session-Id": f"{grant.grant_id.hex()[:15]}{age_s}", "NAS-Identifier": "roof",
            "Packet-Src-IP-Address": "127.0.0.1", "Class": "0x" + grant.grant_id.hex(),
            "Calling-Station-Id": STATION, "Called-Station-Id": f"{BSSID}:airgrant", "Acct-Session-Time": share // 2,
            "Acct-Status-Type": 2, "Event-Timestamp": int(time.time()) - age_s,
            "Acct-Input-Octets": up * share // 100 + 50 * 30 * share, "Acct-Input-Packets": 30 * share,
            "Acct-Output-Octets": down * share // 100 + 34 * 240 * share, "Acct-Output-Packets": 240 * share,
        }  # fmt: skip
        assert httpx.post(f"{house.url}/v1/accounting", json=page, timeout=10).status_code == 204
    told = json.loads(house.command("reconcile", "--since", "10s", "--json", status=1))
    assert (told["judged"], told["not_judged"]) == (2, 0)
    outcomes = {row["grant"]: row for row in told["grants"]}
    assert outcomes[honest.grant_id.hex()]["outcome"] == "agrees", "with what is older than 10 s"
    assert outcomes[forgotten.grant_id.hex()]["outcome"] == "disagrees"
    assert (told["ok"], told["meters"]) == (False, [])
    page = house.command("reconcile", status=1)
    assert "10.0 % apart; 3 % and 20000 bytes are accepted" in " ".join(page.split())
