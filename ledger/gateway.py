"""A gateway: one of several processes between the boxes' broker and the ledger, any of which may die.

Takes its turn of what boxes and devices publish (a shared subscription), drops and counts what cannot be read,
answers what it has answered before, keeps each box's records in order (ledger/gateway_room.py) and passes the rest on
to the ledger under its own name, as any client does. The ledger's answer goes where the sender wanted it. The ledger
behind is unchanged, and so is what a sender does: it sends the same bytes again until it has an answer. A gateway
keeps nothing on disk.

Three threads: each connection's own, under one lock, and one for whatever is overdue. Raises ShellError where a
broker is not there at the start; one that goes away later is waited for. Reference: OASIS MQTT 5.0 clauses 4.8.2
(shared subscriptions) and 4.10 (request and response).
"""

import socket
import ssl
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ledger.gateway_room import Line, WaitingRoom
from ledger.gateway_table import Place, RequestTable, UnderWay
from ledger.genesis import Genesis
from ledger.intake import SUBSCRIPTION, Address, is_for_others, read_address, read_request
from wire.errors import DecodeError, ShellError
from wire.evidence import read_evidence
from wire.ids import KEY_ID_SIZE
from wire.ledger_reply import read_ledger_reply
from wire.meter_record import read_meter_record
from wire.receipt import read_receipt

PROGRESS_TOPIC = "airgrant/v1/gateway/progress"
"""Sender, key id and sequence (8 octets each) of a record that has just gone on; sequence 0: the ledger misses one of
its. The sender's octets are the first of the SHA-256 of his name.
"""
SENDER_SIZE = 8
PASSED_ON = ("airgrant", "passed on")
"""User property of what gateways publish, so that they never pass on to each other what they passed on."""
ANSWERS_KEPT = 10_000
"""Receipts of records that the ledger accepted: 5 MB."""
TIMEOUT_S = 10.0
MAX_PACKET_BYTES = 4 * 1024 * 1024


class Gateway:
    """`name` is the common name of its certificates. A context manager that is ready once it is entered."""

    def __init__(self, name: str, group: str, genesis: Genesis, tell: Callable[[str], None]) -> None:
        self.counters: Counter[str] = Counter()
        self._name, self._genesis, self._tell = name, genesis, tell
        self._lock = threading.RLock()
        self._room: WaitingRoom[bytes] = WaitingRoom()
        self._under_way = RequestTable()
        self._serial = int(time.time() * 1_000) << 20
        self._sent: dict[bytes, bytes] = {}
        self._answers: OrderedDict[bytes, bytes] = OrderedDict()
        self._stopped = threading.Event()
        self._own = f"airgrant/v1/down/{name}/reply"
        self._front = self._connection("front", [(f"$share/{group}/{SUBSCRIPTION}", 1)], self._take)
        self._back = self._connection("back", [(self._own, 0), (PROGRESS_TOPIC, 0)], self._hear)
        self._clock = threading.Thread(target=self._tick, name="overdue")

    def connect(
        self, front: tuple[str, int, ssl.SSLContext | None], back: tuple[str, int, ssl.SSLContext | None]
    ) -> Self:
        """To the ledger first, then to whom it is for. Raises ShellError."""
        for link, (host, port, tls) in ((self._back, back), (self._front, front)):
            link.open(host, port, tls)
        self._clock.start()
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for link in (self._front, self._back):
            link.close()
        if self._clock.ident is not None:
            self._clock.join()

    # ---- From the boxes

    def _take(self, message: paho.MQTTMessage) -> None:
        properties = message.properties
        if is_for_others(message.topic):
            return
        if PASSED_ON in getattr(properties, "UserProperty", []):
            self.counters["passed on before: the ledger needs a broker of its own"] += 1
            return
        response_topic = getattr(properties, "ResponseTopic", None)
        correlation = getattr(properties, "CorrelationData", None)
        kind, payload = "topic", bytes(message.payload)
        try:
            address = read_address(message.topic, response_topic, correlation)
            kind = address.kind
            if kind == "report":
                request = _read_report(payload, address)
            else:
                read_request(kind, payload, self._genesis.ledger_id)
                digest = sha256(kind.encode() + payload).digest()
                request = UnderWay(kind, payload, digest, _now_ms(), [address])
        except DecodeError as error:
            self.counters[f"{kind}: {type(error).__name__}"] += 1
            return
        with self._lock:
            self._admit(request)

    def _admit(self, request: UnderWay) -> None:
        known = self._answers.get(request.digest)
        if known is not None:
            self.counters["answered again"] += 1
            self._answer(request, known)
            return
        place = self._under_way.admit(request)
        if self._under_way.gave_way:
            self.counters["dropped, others have less under way"] = self._under_way.gave_way
        match place:
            case Place.FULL:
                self.counters["dropped, too many are under way"] += 1
            case Place.WAIT:
                self.counters["asked twice"] += 1
            case Place.NEW | Place.PASS_ON_AGAIN if request.line is not None:
                self._send(self._room.arrive(request.line, request.sequence, request.digest, _now_ms()))
            case Place.NEW | Place.PASS_ON_AGAIN:
                self._send([request.digest])

    # ---- To the ledger

    def _send(self, digests: list[bytes]) -> None:
        """In this order, on one connection, at QoS 0: what is lost with it is sent again by whoever sent it."""
        for digest in digests:
            request = self._under_way.requests.get(digest)
            if request is None:
                continue
            if (
                not request.correlation
            ):  # the same when it is passed on again: whichever answer comes first is good
                self._serial += 1
                request.correlation = self._serial.to_bytes(8, "big")
                self._sent[request.correlation] = digest
            topic = f"airgrant/v1/up/{self._name}/{request.kind}"
            self._back.publish(topic, request.payload, self._own, request.correlation)
            if request.line is not None:
                progress = b"".join(request.line) + request.sequence.to_bytes(8, "big")
                self._back.publish(PROGRESS_TOPIC, progress)
            self.counters["passed on"] += 1

    # ---- From the ledger

    def _hear(self, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload)
        with self._lock:
            if message.topic == PROGRESS_TOPIC:
                self._hear_progress(payload)
                return
            digest = self._sent.pop(getattr(message.properties, "CorrelationData", b""), None)
            request = None if digest is None else self._under_way.take(digest)
            if request is None:
                self.counters["answers to nobody"] += 1
                return
            if request.line is not None:
                self._note_receipt(request, request.line, payload)
            self._answer(request, payload)

    def _hear_progress(self, payload: bytes) -> None:
        if len(payload) != SENDER_SIZE + KEY_ID_SIZE + 8:
            self.counters["progress: DecodeError"] += 1
            return
        line = Line(payload[:SENDER_SIZE], payload[SENDER_SIZE:-8])
        sequence = int.from_bytes(payload[-8:], "big")
        if sequence:
            self._send(self._room.heard(line, sequence, _now_ms()))
        else:
            self._room.forget(line)

    def _note_receipt(self, request: UnderWay, line: Line, reply: bytes) -> None:
        """An accepted record is answered from here from now on; after a gap records wait for each other anew."""
        try:
            encoded = read_ledger_reply(reply).receipt
            receipt = read_receipt(encoded, self._genesis.signer(encoded), self._genesis.ledger_id)
        except DecodeError as error:
            self.counters[f"ledger: {type(error).__name__}"] += 1
            return
        if receipt.executed:
            self._answers[request.digest] = reply
            if len(self._answers) > ANSWERS_KEPT:
                self._answers.popitem(last=False)
        elif receipt.reason == "sequence_gap":
            self.counters["gaps"] += 1
            self._room.forget(line)
            self._back.publish(PROGRESS_TOPIC, b"".join(line) + bytes(8))

    def _answer(self, request: UnderWay, reply: bytes) -> None:
        for address in request.wanted_by:
            self._front.publish(address.reply_topic, reply, correlation=address.correlation)

    # ---- What is overdue

    def _tick(self) -> None:
        while not self._stopped.wait(0.05):
            with self._lock:
                self._send(self._room.overdue(_now_ms()))
                self.counters["never answered"] += self._under_way.forget(_now_ms())
                known = self._under_way.requests
                self._sent = {at: digest for at, digest in self._sent.items() if digest in known}

    def _connection(
        self, side: str, topics: list[tuple[str, int]], take: Callable[[paho.MQTTMessage], None]
    ) -> "Link":
        return Link(f"{self._name}-{side}", topics, take, lambda text: self._tell(f"{side}: {text}"))


class Link:
    """One connection, made again whenever it is lost, and no session: the broker then deals to the others only."""

    def __init__(
        self,
        client_id: str,
        topics: list[tuple[str, int]],
        take: Callable[[paho.MQTTMessage], None],
        tell: Callable[[str], None],
    ) -> None:
        self._topics, self._tell = topics, tell
        self._ready, self._refused = threading.Event(), ""
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5)
        self._client.on_socket_open = _send_at_once
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _client, _data, message: take(message)
        self._client.on_disconnect = self._lost
        self._client.reconnect_delay_set(1, 2)

    def open(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Returns once it is subscribed. Raises ShellError."""
        if tls is not None:
            self._client.tls_set_context(tls)
        properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = 65_535
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        try:
            self._client.connect(host, port, keepalive=10, clean_start=True, properties=properties)
        except (OSError, ValueError) as error:
            raise ShellError(f"broker {host}:{port}", str(error)) from error
        self._client.loop_start()
        if not self._ready.wait(TIMEOUT_S):
            raise ShellError(f"broker {host}:{port}", self._refused or "did not answer in time")

    def close(self) -> None:
        client = self._client
        client.disconnect()
        client.loop_stop()
        # Of a client that its own callbacks hold the collector would close the sockets, in any order.
        client.on_connect = client.on_subscribe = client.on_message = client.on_disconnect = None

    def publish(self, topic: str, payload: bytes, answer: str = "", correlation: bytes | None = None) -> None:
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if answer:
            properties.ResponseTopic = answer
        if correlation is not None:
            properties.CorrelationData = correlation
        if answer:
            properties.UserProperty = PASSED_ON
        self._client.publish(topic, payload, qos=0, properties=properties)

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refused = f"refused: {reason}"
            return
        client.subscribe(
            [
                (topic, SubscribeOptions(qos, noLocal=not topic.startswith("$share")))
                for topic, qos in self._topics
            ]
        )

    def _lost(self, _client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._tell(f"the broker is away: {reason}")


def _read_report(payload: bytes, address: Address) -> UnderWay:
    """Under its sender's name, also if another one has sent the same. Raises DecodeError."""
    evidence = read_evidence(payload)
    sequence = read_meter_record(evidence.record).sequence
    sender = sha256(address.identity.encode()).digest()
    digest = sha256(sender + payload).digest()
    line = Line(sender[:SENDER_SIZE], evidence.key_id)
    return UnderWay(address.kind, payload, digest, _now_ms(), [address], line, sequence)


def _send_at_once(_client: paho.Client, _data: Any, opened: Any) -> None:
    """Otherwise the kernel holds small packets back while an acknowledgement is under way, for some 40 ms."""
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
