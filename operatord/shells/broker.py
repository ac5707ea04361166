"""The broker: hears of grants that boxes were sold, tells boxes who comes and what was revoked.

MQTT 5 with mutual TLS. Topics: airgrant/v1/up/<box>/grant in; airgrant/v1/down/<box>/admission and .../command out. A
broker that is away is waited for; what is to be said meanwhile is not said, and the caller hears so. Decides nothing.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ledger.running import heed_cancellation
from ledger.service import tls_context
from ledger.settings import BrokerSettings
from wire.errors import ShellError

GRANTS = "airgrant/v1/up/+/grant"
SEND_TIMEOUT_S = 2.0
"""How long the broker may take to confirm before it counts as gone; a station waits that long at most."""
_RECONNECT_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_MAX_PACKET_BYTES = 64 * 1024
"""Far above any grant."""


class Broker:
    """One operator at one broker. `heard` gets each payload of the grant topic."""

    def __init__(
        self,
        settings: BrokerSettings,
        identity: str,
        heard: Callable[[bytes], object],
        tell: Callable[[str], None],
    ) -> None:
        self.connected = asyncio.Event()
        self._settings = settings
        self._identity = identity
        self._heard = heard
        self._tell = tell
        self._tls = tls_context(settings)
        self._client: aiomqtt.Client | None = None

    async def run(self) -> None:
        """Listens until cancelled."""
        attempts = 0
        while True:
            try:
                async with self._new_client() as client:
                    await client.subscribe(GRANTS, qos=1)
                    heed_cancellation()
                    self._client, attempts = client, 0
                    self.connected.set()
                    async for message in client.messages:
                        if isinstance(message.payload, bytes):
                            self._heard(message.payload)
            except (aiomqtt.MqttError, OSError) as error:
                if not attempts:
                    self._tell(f"broker {self._settings.host}:{self._settings.port} is away: {error}")
            finally:
                self._client = None
                self.connected.clear()
            heed_cancellation()
            await asyncio.sleep(_RECONNECT_S[min(attempts, len(_RECONNECT_S) - 1)])
            attempts += 1

    async def publish(self, box: str, kind: str, payload: bytes) -> None:
        """Until the broker has it. Raises ShellError if it has not."""
        client = self._client
        if client is None:
            raise ShellError("broker", f"is away: {box} was not told its {kind}")
        try:
            await client.publish(f"airgrant/v1/down/{box}/{kind}", payload, qos=1, timeout=SEND_TIMEOUT_S)
        except aiomqtt.MqttError as error:
            raise ShellError("broker", f"{box} was not told its {kind}: {error}") from error
        heed_cancellation()

    def _new_client(self) -> aiomqtt.Client:
        properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = 65_535
        properties.MaximumPacketSize = _MAX_PACKET_BYTES
        return aiomqtt.Client(
            self._settings.host,
            self._settings.port,
            identifier=self._identity,
            protocol=aiomqtt.ProtocolVersion.V5,
            tls_context=self._tls,
            properties=properties,
            timeout=10,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
