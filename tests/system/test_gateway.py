"""Three gateways before one ledger, for real: order, duplicates, deaths, and what mosquitto does with the dead one's
messages.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from lab.processes import Household
from ledger.cli import ledger
from ledger.pages import RecordListPage
from ledger.report_cli import report
from tests.gateway_house import GatewayHouse, gateway_house
from tests.ledger_house import purchase, sixty_seconds
from wire.create import Create
from wire.evidence import read_evidence, write_evidence
from wire.keys import PrivateKey
from wire.ledger_reply import read_ledger_reply
from wire.meter_record import read_meter_record, write_meter_record
from wire.money_actions import Deposit

PORT = 28_860
BOXES, RECORDS = 5, 60
pytestmark = pytest.mark.system


@pytest.fixture
def house(tmp_path: Path, needs: Callable[..., None]) -> Iterator[GatewayHouse]:
    needs("mosquitto")
    with gateway_house(tmp_path, PORT, 3) as running:
        yield running


def chain_of(chain: MeterChain, count: int) -> list[bytes]:
    return [chain.boot(), *(chain.usage(1_000) for _ in range(count - 1))]


def in_parallel(deeds: list[Callable[[], None]]) -> None:
    """All of them; the first that failed is raised."""
    with ThreadPoolExecutor(len(deeds)) as pool:
        for future in [pool.submit(deed) for deed in deeds]:
            future.result()


def sequences(house: GatewayHouse, chain: MeterChain) -> list[int]:
    """As the ledger has them, none in an earlier block than the one before."""
    assert isinstance(chain.signer, SoftwareKey)
    path = f"records/{chain.signer.public_key.key_id.hex()}"
    pages = list(house.house.reader.listed(RecordListPage, "records", path, limit=200))
    heights = [page.height for page in pages]
    assert heights == sorted(heights)
    return [page.sequence for page in pages]


def test_every_box_is_served_in_order_by_three_gateways_of_which_one_dies(
    house: GatewayHouse, capsys: pytest.CaptureFixture[str]
):
    boxes = [house.new_box() for _ in range(BOXES)]
    first = [chain_of(chain, RECORDS) for _, chain in boxes]
    again = [0] * BOXES

    def send(at: int, records: list[bytes]) -> None:
        with house.client(boxes[at][0]) as client:
            again[at] += house.deliver(client, records)

    in_parallel([partial(send, at, first[at]) for at in range(BOXES)])
    assert again == [0] * BOXES  # nothing was refused, as nothing came out of order
    for _, chain in boxes:
        assert sequences(house, chain) == list(range(1, RECORDS + 1))

    second = [[chain.usage(1_000) for _ in range(RECORDS)] for _, chain in boxes]
    reached, begun = threading.Barrier(BOXES + 1), threading.Event()

    def send_more(at: int) -> None:
        with house.client(boxes[at][0]) as client:
            again[at] += house.deliver(client, second[at][:10])
            reached.wait(30)
            begun.wait(30)
            again[at] += house.deliver(client, second[at][10:])

    def kill_one() -> None:
        reached.wait(30)
        dying = house.gateways["gateway-2"].process
        os.kill(dying.pid, signal.SIGSTOP)  # it is dealt its share, and does nothing with it
        begun.set()
        house.household.children[0].check()
        with house.client(PrivateKey.generate()):
            os.killpg(dying.pid, signal.SIGKILL)

    in_parallel([*(partial(send_more, at) for at in range(BOXES)), kill_one])
    for _, chain in boxes:
        assert sequences(house, chain) == list(range(1, 2 * RECORDS + 1))
    assert report(["verify", "--ledger", house.house.reader.url]) == 0
    capsys.readouterr()

    with house.client(boxes[0][0]) as client:  # a box that missed its receipts
        assert house.deliver(client, first[0]) == 0
    done = [house.counters(name) for name in ("gateway-1", "gateway-3")]
    assert all(one["passed on"] > 0 for one in done)
    assert sum(one.get("answered again", 0) for one in done) > 0
    house.start_gateway("gateway-2")  # and one that came back alone serves everybody
    with house.client(boxes[1][0]) as client:
        assert house.deliver(client, first[1][:3]) == 0


def test_whatever_a_ledger_is_asked_goes_through(house: GatewayHouse, eventually: Callable[..., None]):
    provider, buyer = PrivateKey.generate(), PrivateKey.generate()
    back = house.house
    seen = threading.Event()
    watcher = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    watcher.tls_set_context(
        back.authority.issue_client("watcher", PrivateKey.generate().key).client_context()
    )
    watcher.on_connect = lambda client, *_: client.subscribe("airgrant/v1/offer/#")
    watcher.on_message = lambda *_: seen.set()
    watcher.connect("127.0.0.1", house.front_port)
    watcher.loop_start()
    with house.client(provider) as client:
        assert back.submit(client, Create(provider.public), provider).executed
        assert back.submit(client, sixty_seconds(), provider).executed
    with house.client(buyer) as client:
        assert back.submit(client, Create(buyer.public), buyer).executed
        assert back.submit(client, Deposit(buyer.public, 1_000), back.exchange).executed
        encoded = back.sign(purchase(provider), buyer)
        reply = client.submit(encoded)
        grant = back.grant(reply.grants[0])
        assert back.receipt(client.submit(encoded)).reason == "replayed"
        assert back.grant(client.query(back.receipt(reply).subject, buyer.public.octets).grants[0]) == grant
        client._client.publish(
            f"airgrant/v1/up/{buyer.public}/transaction", b"rubbish", qos=1
        ).wait_for_publish(5)
    eventually(seen.is_set, "the offer is on the boxes' broker")
    watcher.disconnect()
    watcher.loop_stop()
    counted = [house.counters(name).get("transaction: DecodeError", 0) for name in house.names]
    assert sum(counted) == 1


def test_a_stranger_who_shouts_a_box_s_key_moves_none_of_its_records(house: GatewayHouse):
    """Nobody verifies a record before the ledger: neither forged nor copied ones are the box's own."""
    (box, chain), stranger = house.new_box(), PrivateKey.generate()
    records = chain_of(chain, RECORDS)
    first = read_evidence(records[0])
    far = [replace(read_meter_record(first.record), sequence=2**62 + number) for number in range(300)]
    forged = [write_evidence(replace(first, record=write_meter_record(record))) for record in far]
    with house.client(box) as client, house.client(stranger) as loud:
        assert house.deliver(client, records[:20]) == 0
        said = [
            read_ledger_reply(reply) for reply in loud.ask_all("report", [*forged, *reversed(records[20:])])
        ]
        assert len(said) == len(forged) + len(records) - 20  # each is answered, all by the ledger
        assert all(house.house.receipt(reply).reason == "forged" for reply in said[: len(forged)])
        more = [chain.usage(1_000) for _ in range(RECORDS)]
        assert house.deliver(client, [*records[20:], *more]) == 0
    assert sequences(house, chain) == list(range(1, 2 * RECORDS + 1))


def test_brokers_that_go_away_are_waited_for(house: GatewayHouse):
    key, back = PrivateKey.generate(), house.house
    with house.client(key, 60) as client:
        assert back.submit(client, Create(key.public), key).executed
        assert back.broker is not None
        back.broker.kill()
        back.start_broker()
        assert back.submit(client, Deposit(key.public, 5), back.exchange).executed
        house.front.kill()
        house.start_front()
        assert back.submit(client, Deposit(key.public, 7), back.exchange).executed
        assert back.reader.get(f"accounts/{key.public}")["balance_ubc"] == 12


def test_on_one_broker_gateways_do_not_pass_on_for_ever(house: GatewayHouse):
    """The mistake of a configuration: the ledger's own broker as the boxes'."""
    front, house.front_port = house.front_port, house.house.port
    acl = house.house.folder / "acl"
    acl.write_text(
        acl.read_text() + "\nuser gateway-1\ntopic read airgrant/v1/up/+/+\ntopic write airgrant/v1/down/#\n"
    )
    assert house.house.broker is not None
    os.kill(house.house.broker.process.pid, signal.SIGHUP)
    house.gateways["gateway-1"].stop()
    house.start_gateway("gateway-1")
    key = PrivateKey.generate()
    with house.client(key) as client:
        client.submit(house.house.sign(Create(key.public), key))
    counters = house.counters("gateway-1")
    assert counters["passed on"] <= 2
    house.front_port = front


MEMBER = """
import sys, paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
name, expiry, port, mute = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "mute"
client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv5, manual_ack=True)
def on_message(_client, _data, message):
    print("took", message.payload.decode(), int(message.dup), flush=True)
    if not mute:
        client.ack(message.mid, message.qos)
client.on_message = on_message
client.on_connect = lambda *_: client.subscribe("$share/g/t", qos=1)
client.on_subscribe = lambda *_: print("ready", flush=True)
properties = Properties(PacketTypes.CONNECT)
properties.SessionExpiryInterval = expiry
client.connect("127.0.0.1", port, clean_start=False, properties=properties)
client.loop_forever()
"""


@pytest.mark.parametrize(("expiry_s", "lost"), [(0, 30), (300, 0)])
def test_what_mosquitto_does_with_the_messages_of_a_member_that_died(
    tmp_path: Path,
    needs: Callable[..., None],
    eventually: Callable[..., None],
    free_port: Callable[..., int],
    expiry_s: int,
    lost: int,
):
    """2.0.11 deals in turn. Without a session what a dead member had been dealt is gone, and the others get what comes
    then; with one it is kept for it, and so is its share of what comes after.
    """
    needs("mosquitto")
    port = free_port()
    conf = tmp_path / "mosquitto.conf"
    conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    with Household(tmp_path / "logs") as household:
        household.start("broker", ["mosquitto", "-v", "-c", str(conf)]).wait_for_line(
            r"mosquitto version .* running"
        )
        member = [sys.executable, "-c", MEMBER]
        dying = household.start("dying", [*member, "dying", str(expiry_s), str(port), "mute"])
        others = [household.start(name, [*member, name, "0", str(port), "-"]) for name in ("one", "two")]
        for child in (dying, *others):
            child.wait_for_line("ready")
        sender = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        sender.connect("127.0.0.1", port)
        sender.loop_start()

        def send(first: int, count: int) -> None:
            for number in range(first, first + count):
                sender.publish("t", str(number), qos=1).wait_for_publish(5)

        def took(*children: object) -> set[str]:
            lines = "".join(child.said for child in children).splitlines()  # type: ignore[attr-defined]
            return {line.split()[1] for line in lines if line.startswith("took")}

        send(0, 90)
        eventually(
            lambda: len(took(*others)) == 60 and len(took(dying)) == 20,
            "each is dealt a third; 20 are under way",
        )
        dying.kill()
        broker = household.children[0]
        broker.wait_for(lambda: re_ends(broker.said), "the broker sees that it died")
        send(90, 90)
        expected = 150 if expiry_s == 0 else 120
        eventually(lambda: len(took(*others)) == expected, "who is alive is dealt the rest")
        back = household.start("back", [*member, "dying", str(expiry_s), str(port), "-"])
        back.wait_for_line("ready")
        eventually(lambda: len(took(*others, back)) == 180 - lost, "what was kept is delivered")
        sender.disconnect()
        sender.loop_stop()


def re_ends(said: str) -> bool:
    return "Client dying closed its connection" in said


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert ledger(["gateway", "--help"]) == 0
    assert "run" in capsys.readouterr().out
    assert ledger(["gateway", "run", str(tmp_path / "none.toml")]) == 2
