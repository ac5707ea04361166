"""The box's link to the ledger against mosquitto: topics, replies, a burst, a broker that is killed."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from apd.events import (
    AdmissionReceived,
    BrokerConnected,
    BrokerLost,
    LedgerReplied,
    OfferStateReceived,
    ProviderCommanded,
)
from apd.settings import LedgerLinkSettings
from apd.shells.mqtt import Mqtt
from lab.broker import OPERATOR, broker
from lab.certificates import Authority
from lab.namespaces import create, delete
from lab.processes import Household
from tests.apd.world import LEDGER, PROVIDER, STRANGER

pytestmark = pytest.mark.system

HOST = "127.0.0.1"
BOX = str(PROVIDER.public)


class Link:
    """The shell under test, and everything that it reported."""

    def __init__(self, settings: LedgerLinkSettings, *, admissions: bool = False) -> None:
        self.events: list[Any] = []
        self.mqtt = Mqtt(settings, PROVIDER.public, admissions=admissions)
        self.faults: list[Any] = []
        self.news = asyncio.Event()

    async def __aenter__(self):
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: self.faults.append(context))
        self.mqtt.start(self._report)
        return self

    def _report(self, event: Any) -> None:
        self.events.append(event)
        self.news.set()

    async def __aexit__(self, *_: object) -> None:
        self.mqtt.close()
        await asyncio.sleep(0)
        assert not self.faults, self.faults

    async def until(self, fact, what: str, deadline_s: float = 10) -> None:
        """Looks whenever something was reported here or heard by the ledger."""
        try:
            async with asyncio.timeout(deadline_s):
                while not fact():
                    await self.news.wait()
                    self.news.clear()
        except TimeoutError:
            pytest.fail(f"not within {deadline_s} s: {what}; reported: {self.events}")

    def seen(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


class Ledger:
    """Whoever is on the other side, in a thread of its own."""

    def __init__(self, identity, port: int) -> None:
        self.heard: list[Any] = []
        self.tell: Callable[[], object] = lambda: None
        self._client: Any = paho.Client(CallbackAPIVersion.VERSION2, "ledger", protocol=paho.MQTTv5)
        self._client.tls_set_context(identity.client_context())
        self._client.on_message = self._hear
        ready = threading.Event()
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.connect(HOST, port)
        self._client.loop_start()
        self._client.subscribe("airgrant/v1/up/#", qos=1)
        assert ready.wait(10)

    def tells(self, link: Link) -> "Ledger":
        """Whatever it hears, the link looks at its facts again."""
        loop = asyncio.get_running_loop()
        self.tell = lambda: loop.call_soon_threadsafe(link.news.set)
        return self

    def _hear(self, _client: Any, _data: Any, message: Any) -> None:
        self.heard.append(message)
        self.tell()

    def publish(self, topic: str, data: bytes, correlation: bytes | None = None, *, retain: bool = False):
        properties: Any = Properties(PacketTypes.PUBLISH)
        if correlation is not None:
            properties.CorrelationData = correlation
        return self._client.publish(topic, data, qos=1, retain=retain, properties=properties)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def place(tmp_path, needs):
    """A broker in a namespace that this test's threads live in, too."""
    needs("mosquitto", "ip")
    authority = Authority.create(tmp_path / "pki")
    identities = {
        name: authority.issue_client(str(key.public), key.key, label=name)
        for name, key in (("ledger", LEDGER), ("box", PROVIDER))
    }
    identities["operator"] = authority.issue_client(OPERATOR, STRANGER.key)
    namespace = create("mqtt")
    with Household(tmp_path / "logs") as household:
        made = broker(
            household,
            namespace,
            HOST,
            authority=authority,
            ledger_account=str(LEDGER.public),
            folder=tmp_path / "broker",
        )
        made.start()
        box = identities["box"]
        settings = LedgerLinkSettings(
            host=HOST,
            authority_file=box.authority,
            certificate_file=box.certificate,
            certificate_key_file=box.key,
            key=LEDGER.public,
            ledger_id=bytes(32),
            port=made.port,
        )
        yield namespace, made, settings, identities["ledger"], identities["operator"]
    delete(namespace)


@pytest.fixture
def operators_place(place):
    """The same with the operator on the other side."""
    namespace, made, settings, _, operator = place
    return namespace, made, settings, operator, operator


def inside(place, story) -> None:
    """Runs the story's coroutine in the broker's namespace, as a daemon on that box would."""
    namespace, made, settings, identity, _ = place

    def run() -> None:
        asyncio.run(story(made, settings, identity))

    namespace.call(run)


def test_what_it_publishes_asks_for_a_reply_and_gets_it(place):
    async def story(made, settings, identity):
        async with Link(settings) as link:
            await link.until(lambda: link.seen(BrokerConnected), "a connection")
            ledger = Ledger(identity, made.port).tells(link)
            link.mqtt.publish("report", b"evidence", b"r\0\1")
            await link.until(lambda: ledger.heard, "a message at the ledger")
            (message,) = ledger.heard
            assert (message.topic, message.payload) == (f"airgrant/v1/up/{BOX}/report", b"evidence")
            assert message.properties.ResponseTopic == f"airgrant/v1/down/{BOX}/reply"
            ledger.publish(message.properties.ResponseTopic, b"receipt", message.properties.CorrelationData)
            await link.until(lambda: link.seen(LedgerReplied), "the reply")
            assert link.seen(LedgerReplied) == [LedgerReplied(b"r\0\1", b"receipt")]
            ledger.close()

    inside(place, story)


def test_what_comes_on_which_topic(place):
    async def story(made, settings, identity):
        ledger = Ledger(identity, made.port)
        offer = f"airgrant/v1/offer/{PROVIDER.public}"
        ledger.publish(offer, b"retained", retain=True).wait_for_publish(5)
        ledger.publish(f"airgrant/v1/offer/{STRANGER.public}", b"another's", retain=True).wait_for_publish(5)
        async with Link(settings) as link:
            await link.until(lambda: link.seen(OfferStateReceived), "the retained offer")
            ledger.publish(f"airgrant/v1/down/{BOX}/command", b"revoke")
            ledger.publish(f"airgrant/v1/down/{BOX}/reply", b"no correlation")
            await link.until(lambda: link.seen(LedgerReplied), "the reply")
            assert link.seen(OfferStateReceived) == [OfferStateReceived(b"retained")]
            assert link.seen(ProviderCommanded) == [ProviderCommanded(b"revoke")]
            assert link.seen(LedgerReplied) == [LedgerReplied(b"", b"no correlation")]
        ledger.close()

    inside(place, story)


def test_a_burst_does_not_wait_inside_tls(place):
    """Many packets in one record of TLS: the kernel's socket is empty while the last of them still wait."""

    async def story(made, settings, identity):
        ledger = Ledger(identity, made.port)
        async with Link(settings) as link:
            await link.until(lambda: link.seen(BrokerConnected), "a connection")
            for number in range(300):
                ledger.publish(f"airgrant/v1/down/{BOX}/command", b"%d" % number)
            await link.until(lambda: len(link.seen(ProviderCommanded)) == 300, "all of a burst", 0.9)
            assert [event.data for event in link.seen(ProviderCommanded)] == [b"%d" % n for n in range(300)]
        ledger.close()

    inside(place, story)


def test_many_publications_at_once_all_arrive_in_order(place):
    async def story(made, settings, identity):
        ledger = Ledger(identity, made.port)
        async with Link(settings) as link:
            await link.until(lambda: link.seen(BrokerConnected), "a connection")
            ledger.tells(link)
            for number in range(100):
                link.mqtt.publish("report", b"%d" % number + bytes(15_000), b"c")
            await link.until(lambda: len(ledger.heard) == 100, "all publications")
            assert [message.payload.rstrip(b"\0") for message in ledger.heard] == [
                b"%d" % n for n in range(100)
            ]
        ledger.close()

    inside(place, story)


def test_a_broker_that_is_killed_and_comes_back(place):
    async def story(made, settings, identity):
        async with Link(settings) as link:
            await link.until(lambda: link.seen(BrokerConnected), "a connection")
            for round_number in range(2):
                made.kill()
                await link.until(lambda n=round_number: len(link.seen(BrokerLost)) > n, "the loss")
                link.mqtt.publish("report", b"nobody hears this", b"c")
                made.start()
                await link.until(
                    lambda n=round_number: len(link.seen(BrokerConnected)) == n + 2, "a connection again"
                )
            ledger = Ledger(identity, made.port).tells(link)
            link.mqtt.publish("report", b"after all", b"c")
            await link.until(lambda: b"after all" in [m.payload for m in ledger.heard], "a message")
            ledger.close()

    inside(place, story)


def test_closed_while_it_connects_it_stays_closed(place):
    async def story(_made, settings, _identity):
        for _ in range(5):
            async with Link(settings) as link:
                pass
            assert not link.seen(BrokerConnected)

    inside(place, story)


def test_the_operator_hears_of_grants_only_and_vouches_for_stations(operators_place):
    async def story(made, settings, identity):
        operator = Ledger(identity, made.port)
        async with Link(settings, admissions=True) as link:
            await link.until(lambda: link.seen(BrokerConnected), "a connection")
            operator.tells(link)
            link.mqtt.publish("report", b"evidence", b"r")
            link.mqtt.publish("grant", b"a grant", b"")
            await link.until(lambda: operator.heard, "the grant")
            (message,) = operator.heard
            assert (message.topic, message.payload) == (f"airgrant/v1/up/{BOX}/grant", b"a grant")
            assert not hasattr(message.properties, "ResponseTopic"), "nobody is to answer it"
            operator.publish(f"airgrant/v1/down/{BOX}/admission", b"a word")
            await link.until(lambda: link.seen(AdmissionReceived), "the admission")
            assert link.seen(AdmissionReceived) == [AdmissionReceived(b"a word")]
        operator.close()

    inside(operators_place, story)
