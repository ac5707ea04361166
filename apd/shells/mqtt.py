"""The broker: MQTT 5 with mutual TLS, on paho, driven by the daemon's own event loop without a thread.

In: messages on the box's own topics, and whether the broker is there. Out: publications. It decides nothing; it does
go on connecting, as the events of a connection are what it is for. Nothing is kept here when the broker is away:
what must not be lost is in the outbox on disk. Reference: OASIS MQTT 5.0; topics in docs/architecture.md.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from apd.certificate import read_common_name
from apd.events import (
    AdmissionReceived,
    BrokerConnected,
    BrokerLost,
    Event,
    LedgerReplied,
    OfferStateReceived,
    ProviderCommanded,
)
from apd.settings import LedgerLinkSettings
from wire.errors import ConfigError
from wire.ids import PublicKey

_RETRY_S = (1, 2, 4, 8, 15, 30)
"""Waits between attempts to connect: soon after a restart of the broker, rarely during a long outage."""
_SESSION_S = 86_400
"""The broker keeps what it has for us (a revocation, say) for so long while we are away."""
_MISC_INTERVAL_S = 1.0
"""How often paho looks whether a ping is due."""


class LedgerLink(Protocol):
    """What the daemon needs of a broker; `Mqtt` is the real one."""

    def start(self, report: Callable[[Event], None]) -> None: ...
    def publish(self, kind: str, data: bytes, correlation: bytes) -> None: ...
    def close(self) -> None: ...


class Mqtt:
    """A connection to the ledger's broker that comes back by itself. Raises ConfigError for unusable key files.

    `admissions`: the operator's words to this box are wanted, too.
    """

    def __init__(
        self, settings: LedgerLinkSettings, provider: PublicKey, *, admissions: bool = False
    ) -> None:
        self._settings = settings
        self._identity = identity = _read_identity(settings.certificate_file)
        self._offer_topic = f"airgrant/v1/offer/{provider}"
        self._reply_topic = f"airgrant/v1/down/{identity}/reply"
        self._command_topic = f"airgrant/v1/down/{identity}/command"
        self._admission_topic = f"airgrant/v1/down/{identity}/admission" if admissions else ""
        self._client = _new_client(identity)
        self._client.tls_set_context(_tls_context(settings))
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._message
        self._client.on_socket_open = self._socket_open
        self._client.on_socket_close = self._socket_close
        self._client.on_socket_register_write = self._register_write
        self._client.on_socket_unregister_write = self._unregister_write
        self._attempts = 0
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, report: Callable[[Event], None]) -> None:
        """Connects, and reports what happens from the running loop."""
        self._loop = asyncio.get_running_loop()
        self._report = report
        self._hold(self._connect())
        self._hold(self._keep_alive())

    def publish(self, kind: str, data: bytes, correlation: bytes) -> None:
        """To the ledger's `kind` (transaction, report, enrolment, query, auction), asking for a reply with this
        correlation; to the operator's (grant) with none.
        """
        if not self._client.is_connected():
            return
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if correlation:
            properties.ResponseTopic = self._reply_topic
            properties.CorrelationData = correlation
        self._client.publish(f"airgrant/v1/up/{self._identity}/{kind}", data, qos=1, properties=properties)

    def close(self) -> None:
        self._closed = True
        for task in self._tasks:
            task.cancel()
        self._client.disconnect()
        opened = self._client.socket()
        if opened is not None:
            self._socket_close(self._client, None, opened)
            opened.close()

    def _hold(self, work: Any) -> None:
        """Starts work and keeps a reference, as a task that nobody holds can be collected."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self) -> None:
        """One attempt after a wait. The TLS handshake blocks, so it has a thread of its own for that moment."""
        if self._attempts:
            await asyncio.sleep(_RETRY_S[min(self._attempts, len(_RETRY_S)) - 1])
        self._attempts += 1
        try:
            await self._loop.run_in_executor(None, self._connect_blocking)
        except (OSError, ValueError) as error:
            self._report(BrokerLost(f"{self._settings.host}:{self._settings.port}: {error}"))
            self._hold(self._connect())

    def _connect_blocking(self) -> None:
        settings = self._settings
        properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = _SESSION_S
        self._client.connect(
            settings.host,
            settings.port,
            settings.keep_alive_s,
            clean_start=False,
            properties=properties,
        )

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(_MISC_INTERVAL_S)
            self._client.loop_misc()

    def _connected(self, client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any = None) -> None:
        if getattr(reason, "is_failure", reason != 0):
            return  # the broker hangs up next, which is reported with its reason
        self._attempts = 0
        topics = (self._reply_topic, self._command_topic, self._offer_topic, self._admission_topic)
        client.subscribe([(topic, 1) for topic in topics if topic])

    def _subscribed(self, *_: Any) -> None:
        """Only now is a reply sure to reach us."""
        self._report(BrokerConnected())

    def _disconnected(self, *arguments: Any) -> None:
        if self._closed:
            return
        reason = arguments[3] if len(arguments) == 5 else arguments[2]  # paho 2, paho 1.6
        self._report(BrokerLost(f"disconnected: {reason}"))
        self._hold(self._connect())

    def _message(self, _client: Any, _data: Any, message: Any) -> None:
        if message.topic == self._offer_topic:
            self._report(OfferStateReceived(message.payload))
        elif message.topic == self._command_topic:
            self._report(ProviderCommanded(message.payload))
        elif message.topic == self._admission_topic:
            self._report(AdmissionReceived(message.payload))
        else:
            correlation = getattr(message.properties, "CorrelationData", b"")
            self._report(LedgerReplied(correlation, message.payload))

    def _socket_open(self, _client: Any, _data: Any, opened: Any) -> None:
        self._in_loop(self._watch, opened)

    def _socket_close(self, _client: Any, _data: Any, closing: Any) -> None:
        self._loop.remove_reader(closing)
        self._loop.remove_writer(closing)

    def _register_write(self, _client: Any, _data: Any, opened: Any) -> None:
        self._in_loop(self._watch_for_room, opened)

    def _unregister_write(self, _client: Any, _data: Any, opened: Any) -> None:
        self._in_loop(self._unwatch_for_room, opened)

    def _in_loop(self, work: Callable[..., object], *arguments: Any) -> None:
        """Paho may call from the thread that connects, and then perhaps after the loop has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(work, *arguments)

    def _watch(self, opened: Any) -> None:
        if self._is_open(opened):
            self._loop.add_reader(opened, self._read, opened)

    def _watch_for_room(self, opened: Any) -> None:
        if self._is_open(opened):
            self._loop.add_writer(opened, self._client.loop_write)

    def _unwatch_for_room(self, opened: Any) -> None:
        if self._is_open(opened):
            self._loop.remove_writer(opened)

    def _is_open(self, opened: Any) -> bool:
        """A socket that was closed before the loop came to it has no number any more."""
        return not self._closed and opened.fileno() >= 0

    def _read(self, opened: Any) -> None:
        """One record of TLS may carry several packets: the loop sees the first arrive, and not those that wait."""
        self._client.loop_read()
        while opened.fileno() >= 0 and opened.pending():
            self._client.loop_read()


def _new_client(identity: str) -> Any:
    """A client of paho 2, or of paho 1.6 as OpenWrt ships it, with the same callbacks as far as we look."""
    arguments: dict[str, Any] = {"client_id": f"apd-{identity[:20]}", "protocol": paho.MQTTv5}
    if hasattr(paho, "CallbackAPIVersion"):
        arguments["callback_api_version"] = paho.CallbackAPIVersion.VERSION2
    return paho.Client(**arguments)


def _read_identity(certificate: Path) -> str:
    """The common name of our certificate, which is the broker's name for us and stands in our topics."""
    try:
        identity = read_common_name(ssl.PEM_cert_to_DER_cert(certificate.read_text()))
    except (OSError, ValueError) as error:
        raise ConfigError(f"ledger.certificate_file: {certificate}: {error}") from error
    if not identity or set(identity) & set("+#/"):
        raise ConfigError(f"ledger.certificate_file: {certificate}: {identity!r} cannot be part of a topic")
    return identity


def _tls_context(settings: LedgerLinkSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(settings.authority_file))
        context.load_cert_chain(settings.certificate_file, settings.certificate_key_file)
    except (OSError, ssl.SSLError) as error:
        names = f"{settings.authority_file}, {settings.certificate_file}, {settings.certificate_key_file}"
        raise ConfigError(f"ledger: cannot use {names}: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
