"""Mosquitto under the lab's settings: nobody reads or writes for another, and a killed broker is found again."""

import asyncio
import os
import queue
import ssl
import threading
import time

import aiomqtt
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from lab.air import OPERATOR_V4, lab
from lab.broker import MAX_PACKET_BYTES, broker
from lab.certificates import Authority, account_hex, new_key
from lab.processes import Household, wait_until

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        os.environ.get("AIRGRANT_SANDBOX") != "1", reason="needs network namespaces: lab/sandbox.sh"
    ),
]

ADDRESS = str(OPERATOR_V4.ip)
NOT_AUTHORIZED = 0x87
DEADLINE_S = 10.0


class House:
    """A network with a broker in the operator and clients in the box."""

    def __init__(self, network, running_broker, authority, ledger_key):
        self.network = network
        self.broker = running_broker
        self.authority = authority
        self.ledger_key = ledger_key

    def client(self, key=None):
        return Client(self, key or new_key())


class Client:
    """A paho client that records what it hears and what became of its publications."""

    def __init__(self, house, key):
        self.account = account_hex(key.public_key())
        self.identity = house.authority.issue_client(self.account, key)
        self.heard: queue.Queue[tuple[str, bytes | bytearray]] = queue.Queue()
        self.connections = 0
        self.house = house
        self.mqtt = paho.Client(CallbackAPIVersion.VERSION2, client_id=self.account, protocol=paho.MQTTv5)
        self.mqtt.tls_set_context(self.identity.client_context())
        self.mqtt.reconnect_delay_set(min_delay=1, max_delay=1)
        self.mqtt.on_message = lambda _client, _data, message: self.heard.put(
            (message.topic, message.payload)
        )
        self.mqtt.on_connect = self.connected
        self.topics = []

    def connected(self, client, data, flags, reason, properties):
        self.connections += 1
        for topic in self.topics:
            client.subscribe(topic, 1)

    def __enter__(self):
        self.house.network.box.call(self.open)
        wait_until(lambda: self.connections > 0, f"{self.account[:8]} connected", DEADLINE_S)
        return self

    def open(self):
        self.mqtt.connect(ADDRESS, self.house.broker.port)
        self.mqtt.loop_start()

    def __exit__(self, *fault):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()

    def subscribe(self, topic):
        """Subscribe, now and after every reconnection, and wait until the broker has said yes."""
        self.topics.append(topic)
        done = threading.Event()
        self.mqtt.on_subscribe = lambda *_details: done.set()
        self.mqtt.subscribe(topic, 1)
        assert done.wait(DEADLINE_S)

    def publish(self, topic, payload=b"x", **options):
        """Publish with QoS 1; the broker's reason code (0: accepted, or 16: nobody listens)."""
        outcome: queue.Queue[int] = queue.Queue()
        self.mqtt.on_publish = lambda _client, _data, _number, reason, _properties: outcome.put(reason.value)
        self.mqtt.publish(topic, payload, 1, **options)
        return outcome.get(timeout=DEADLINE_S)

    def next(self):
        return self.heard.get(timeout=DEADLINE_S)


@pytest.fixture(scope="module")
def network():
    with lab(1) as made:
        yield made


@pytest.fixture(scope="module")
def house(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("broker")
    with Household(folder) as home:
        yield open_house(network, home, 8883)


@pytest.fixture
def mortal_house(network, tmp_path):
    """One whose broker may be killed."""
    with Household(tmp_path) as home:
        yield open_house(network, home, 8884)


def open_house(network, home, port):
    authority = Authority.create(home.logs / "pki")
    ledger_key = new_key()
    made = broker(
        home,
        network.operator,
        ADDRESS,
        authority=authority,
        ledger_account=account_hex(ledger_key.public_key()),
        folder=home.logs / "mosquitto",
        port=port,
    )
    made.start()
    return House(network, made, authority, ledger_key)


def test_a_request_reaches_the_ledger_and_its_reply_comes_back(house):
    with house.client(house.ledger_key) as ledger, house.client() as ada:
        ledger.subscribe("airgrant/v1/up/#")
        ada.subscribe(f"airgrant/v1/down/{ada.account}/#")
        assert ada.publish(f"airgrant/v1/up/{ada.account}/transaction", b"please") == 0
        assert ledger.next() == (f"airgrant/v1/up/{ada.account}/transaction", b"please")
        assert ledger.publish(f"airgrant/v1/down/{ada.account}/reply", b"granted") == 0
        assert ada.next() == (f"airgrant/v1/down/{ada.account}/reply", b"granted")


def test_everybody_reads_retained_offers_and_only_the_ledger_writes_them(house):
    with house.client(house.ledger_key) as ledger, house.client() as ada:
        ledger.publish("airgrant/v1/offer/03bb", b"price", retain=True)
        assert ada.publish("airgrant/v1/offer/03bb", b"cheaper", retain=True) == NOT_AUTHORIZED
        ada.subscribe("airgrant/v1/offer/#")
        assert ada.next() == ("airgrant/v1/offer/03bb", b"price")
        ledger.publish("airgrant/v1/offer/03bb", b"", retain=True)


@pytest.mark.parametrize(
    "topic",
    ["airgrant/v1/up/{other}/transaction", "airgrant/v1/down/{other}/command", "airgrant/v1/down/{me}/reply"],
)
def test_nobody_writes_as_another_or_as_the_ledger(house, topic):
    with house.client() as mallory, house.client() as ada, house.client(house.ledger_key) as ledger:
        ledger.subscribe("airgrant/v1/up/#")
        ada.subscribe("#")
        assert mallory.publish(topic.format(other=ada.account, me=mallory.account)) == NOT_AUTHORIZED
        ada.publish(f"airgrant/v1/up/{ada.account}/report", b"honest")
        assert ledger.next()[1] == b"honest"
        assert ada.heard.empty()


@pytest.mark.parametrize(
    "spy",
    [
        "#",
        "airgrant/v1/down/+/reply",
        "airgrant/v1/up/{ada}/#",
        "$share/pool/airgrant/v1/down/{ada}/#",
        "$SYS/#",
    ],
)
def test_nobody_reads_anothers_topics(house, spy):
    with house.client() as mallory, house.client() as ada, house.client(house.ledger_key) as ledger:
        mallory.subscribe(spy.format(ada=ada.account))
        mallory.subscribe(f"airgrant/v1/down/{mallory.account}/#")
        ada.publish(f"airgrant/v1/up/{ada.account}/transaction", b"secret")
        ledger.publish(f"airgrant/v1/down/{ada.account}/reply", b"secret")
        ledger.publish(f"airgrant/v1/down/{mallory.account}/reply", b"last")
        heard = [mallory.next()[1]]
        while heard[-1] != b"last":
            heard.append(mallory.next()[1])
        assert b"secret" not in heard


def test_a_claimed_user_name_changes_nothing(house):
    ada = house.client()
    mallory = house.client()
    mallory.mqtt.username_pw_set(ada.account, "guess")
    with mallory:
        assert mallory.publish(f"airgrant/v1/up/{ada.account}/report") == NOT_AUTHORIZED
        assert mallory.publish(f"airgrant/v1/up/{mallory.account}/report") in (0, 16)


def test_a_client_without_a_certificate_is_refused(house):
    context = ssl.create_default_context(cafile=str(house.authority.file))
    assert refusal(house, context)


def test_a_certificate_of_another_authority_is_refused(house, tmp_path):
    stranger = Authority.create(tmp_path)
    identity = stranger.issue_client("02ff", new_key())
    context = ssl.create_default_context(cafile=str(house.authority.file))
    context.load_cert_chain(identity.certificate, identity.key)
    assert refusal(house, context)


def test_there_is_no_listener_without_tls(house):
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    assert never_connects(house, client)


def test_a_packet_above_the_limit_ends_the_connection_and_one_below_passes(house):
    with house.client() as ada:
        topic = f"airgrant/v1/up/{ada.account}/transaction"
        assert ada.publish(topic, bytes(MAX_PACKET_BYTES - 1000)) in (0, 16)
        lost = threading.Event()
        ada.mqtt.on_disconnect = lambda *_details: lost.set()
        properties = Properties(PacketTypes.PUBLISH)
        ada.mqtt.publish(topic, bytes(MAX_PACKET_BYTES + 1), 0, properties=properties)
        assert lost.wait(DEADLINE_S)


def test_paho_finds_a_killed_broker_again(mortal_house):
    with mortal_house.client(mortal_house.ledger_key) as ledger, mortal_house.client() as ada:
        ledger.subscribe("airgrant/v1/up/#")
        mortal_house.broker.kill()
        wait_until(lambda: not mortal_house.broker.running, "death of the broker", DEADLINE_S)
        mortal_house.broker.start()
        wait_until(lambda: ledger.connections > 1 and ada.connections > 1, "both back", DEADLINE_S)
        ada.publish(f"airgrant/v1/up/{ada.account}/report", b"still here")
        assert ledger.next()[1] == b"still here"


def test_aiomqtt_finds_a_killed_broker_again(mortal_house):
    ada = mortal_house.client()
    topic = f"airgrant/v1/down/{ada.account}/reply"
    listening: queue.Queue[str] = queue.Queue()
    heard: queue.Queue[bytes] = queue.Queue()

    async def listen():
        while True:
            try:
                async with aiomqtt.Client(
                    ADDRESS,
                    8884,
                    protocol=aiomqtt.ProtocolVersion.V5,
                    tls_context=ada.identity.client_context(),
                ) as client:
                    await client.subscribe(topic, qos=1)
                    listening.put("yes")
                    async for message in client.messages:
                        heard.put(message.payload)
                        return
            except aiomqtt.MqttError:
                await asyncio.sleep(0.1)

    listener = threading.Thread(target=lambda: mortal_house.network.box.call(lambda: asyncio.run(listen())))
    listener.start()
    assert listening.get(timeout=DEADLINE_S) == "yes"
    mortal_house.broker.kill()
    mortal_house.broker.start()
    assert listening.get(timeout=DEADLINE_S) == "yes"
    with mortal_house.client(mortal_house.ledger_key) as ledger:
        ledger.publish(topic, b"welcome back")
    assert heard.get(timeout=DEADLINE_S) == b"welcome back"
    listener.join(DEADLINE_S)


def refusal(house, context):
    """Whether the broker ends a TLS connection with this context instead of answering CONNECT."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.tls_set_context(context)
    return never_connects(house, client)


def never_connects(house, client):
    connected, ended = threading.Event(), threading.Event()
    client.on_connect = lambda *_details: connected.set()
    client.on_disconnect = lambda *_details: ended.set()

    def attempt():
        try:
            client.connect(ADDRESS, 8883)
        except OSError:
            ended.set()
            return
        deadline = time.monotonic() + DEADLINE_S
        while client.loop(0.1) == paho.MQTT_ERR_SUCCESS and not connected.is_set():
            assert time.monotonic() < deadline
        ended.set()

    house.network.box.call(attempt)
    return ended.is_set() and not connected.is_set()
