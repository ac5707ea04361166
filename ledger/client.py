"""Asking a ledger: submitting over MQTT with mutual TLS, reading over HTTP.

`LedgerClient.submit` sends signed bytes and waits for the signed answer, which its caller verifies;
`submit_all` keeps many under way. A lost answer is asked for again with the same bytes, which is safe: the
ledger runs a transaction once and answers the second time with the grants of the first. Raises ShellError
when broker or ledger do not answer.
Reference: OASIS MQTT 5.0 clause 4.10 (request and response).
"""

import email.utils
import itertools
import json
import queue
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pydantic import BaseModel, ValidationError

from ledger.asking import NO_SUCH_PAGE, Answer, ask
from ledger.intake import Query, write_query
from wire.errors import ShellError
from wire.ledger_reply import LedgerReply, read_ledger_reply

P = TypeVar("P", bound=BaseModel)
TIMEOUT_S = 10.0
ATTEMPT_S = 3.0
"""How long one sending may wait before the same bytes are sent again."""
WINDOW = 500
"""Requests that `submit_all` keeps under way."""
MAX_PAGE_BYTES = 64 * 1024 * 1024
OK, NOT_FOUND = 200, 404


class LedgerClient:
    """A connection to the ledger's broker under the common `name` of its certificate. A context manager; `tls` None is
    for a broker in a sandbox.
    """

    def __init__(
        self,
        host: str,
        port: int,
        name: str,
        tls: ssl.SSLContext | None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._where = f"broker {host}:{port}"
        self._up = f"airgrant/v1/up/{name}/"
        self._reply_topic = f"airgrant/v1/down/{name}/reply"
        self._timeout_s = timeout_s
        self._serial = itertools.count(1)
        self._prefix = (
            threading.get_native_id().to_bytes(4, "big") + time.monotonic_ns().to_bytes(8, "big")[4:]
        )
        self._replies: dict[bytes, queue.SimpleQueue[bytes]] = {}
        self._ready = threading.Event()
        self._refused = ""
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_socket_open = _send_at_once
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._message
        self._client.on_disconnect = lambda *_: self._ready.clear()
        self._client.max_inflight_messages_set(WINDOW)
        self._client.reconnect_delay_set(1, 2)
        if tls is not None:
            self._client.tls_set_context(tls)
        self._host, self._port = host, port

    def __enter__(self) -> Self:
        try:
            self._client.connect(self._host, self._port, keepalive=30)
        except (OSError, ValueError) as error:
            raise ShellError(self._where, str(error)) from error
        self._client.loop_start()
        if not self._ready.wait(self._timeout_s):
            self.close()
            raise ShellError(self._where, self._refused or "did not answer in time")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        client = self._client
        client.disconnect()
        client.loop_stop()
        # Of a client that its own callbacks hold the collector would close the sockets, in any order.
        client.on_connect = client.on_subscribe = client.on_message = client.on_disconnect = None

    def submit(self, transaction: bytes) -> LedgerReply:
        """The ledger's answer to a signed transaction. Raises ShellError, DecodeError."""
        return read_ledger_reply(self.ask("transaction", transaction))

    def submit_all(self, transactions: Iterable[bytes]) -> Iterator[LedgerReply]:
        """Answers in the order of the transactions, with up to WINDOW of them under way."""
        for reply in self.ask_all("transaction", transactions):
            yield read_ledger_reply(reply)

    def ask_all(self, kind: str, payloads: Iterable[bytes]) -> Iterator[bytes]:
        """The raw answers in the order of the requests, with up to WINDOW of them under way."""
        for chunk in _chunks(payloads, WINDOW):
            waiting = {self._send(kind, payload): payload for payload in chunk}
            for correlation in list(waiting):
                reply = self._await(kind, waiting, correlation)
                del waiting[correlation]
                yield reply

    def report(self, evidence: bytes) -> LedgerReply:
        """The ledger's answer to a meter record."""
        return read_ledger_reply(self.ask("report", evidence))

    def query(self, transaction_id: bytes, consumer: bytes = b"") -> LedgerReply:
        """What became of a transaction; with a consumer's key, that consumer's grant."""
        return read_ledger_reply(self.ask("query", write_query(Query(transaction_id, consumer))))

    def ask(self, kind: str, payload: bytes) -> bytes:
        """The raw answer to a request of any kind."""
        correlation = self._send(kind, payload)
        return self._await(kind, {correlation: payload}, correlation)

    def _send(self, kind: str, payload: bytes, correlation: bytes = b"") -> bytes:
        correlation = correlation or self._prefix + next(self._serial).to_bytes(6, "big")
        self._replies.setdefault(correlation, queue.SimpleQueue())
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = self._reply_topic
        properties.CorrelationData = correlation
        self._client.publish(self._up + kind, payload, qos=1, properties=properties)
        return correlation

    def _await(self, kind: str, waiting: Mapping[bytes, bytes], correlation: bytes) -> bytes:
        """The reply to one request; if it is long in coming, all that wait without a reply are sent again."""
        deadline = time.monotonic() + self._timeout_s
        try:
            while time.monotonic() < deadline:
                try:
                    return self._replies[correlation].get(timeout=min(ATTEMPT_S, self._timeout_s))
                except queue.Empty:
                    for other, payload in waiting.items():
                        if self._replies[other].empty():
                            self._send(kind, payload, other)
        finally:
            self._replies.pop(correlation, None)
        raise ShellError(self._where, f"the ledger did not answer within {self._timeout_s:g} s")

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refused = f"refused: {reason}"
            return
        client.subscribe(self._reply_topic, qos=1)

    def _message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", b"")
        waiting = self._replies.get(correlation)
        if waiting is not None:
            waiting.put(bytes(message.payload))


class LedgerAway(ShellError):
    """Nobody answers at the ledger's address, or not whole within the deadline."""


class LedgerReader:
    """The ledger's HTTP pages, each whole within `timeout_s`; no redirect is followed. Raises LedgerAway if nobody
    answers, ShellError for an answer that is no page of a ledger, LookupError with its words for a 404.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"{url!r} is not a ledger such as http://127.0.0.1:8573")
        self.url = url.rstrip("/")
        self.said_s: int | None = None
        """What time it was at the ledger (UTC, not signed) when it last answered."""
        self._timeout_s = timeout_s

    def get(self, path: str, **query: str | int | None) -> Any:
        """The JSON answer of GET /v1/`path`."""
        wanted = {key: value for key, value in query.items() if value is not None}
        url = f"{self.url}/v1/{path}" + ("?" + urllib.parse.urlencode(wanted) if wanted else "")
        try:
            answer = ask(url, None, {}, MAX_PAGE_BYTES, self._timeout_s)
        except ShellError as error:
            raise LedgerAway(self.url, error.detail) from error
        if answer.status != OK:
            raise self._refusal(answer)
        self.said_s = _read_date(answer.date)
        try:
            return json.loads(answer.content)
        except ValueError as error:
            raise ShellError(self.url, str(error)) from error

    def read(self, page: type[P], path: str, **query: str | int | None) -> P:
        """The answer of GET /v1/`path` as the page that it should be. Raises ShellError if it is not."""
        answer = self.get(path, **query)
        try:
            return page.model_validate(answer)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ShellError(f"{self.url}/v1/{path}", f"{where or 'answer'}: {first['msg']}") from error

    def listed(
        self, page: type[P], items: str, path: str, limit: int | None = None, **query: str | int | None
    ) -> Iterator[Any]:
        """Every item of a list that comes in pages, as `read`."""
        after: str | int | None = query.pop("after", None)
        while True:
            answer: Any = self.read(page, path, after=after, limit=limit, **query)
            yield from getattr(answer, items)
            after = answer.after
            if after is None:
                return

    def pages(
        self, path: str, items: str, limit: int | None = None, **query: str | int | None
    ) -> Iterator[Any]:
        """Every item of a list that comes in pages."""
        after: str | int | None = query.pop("after", None)
        while True:
            page = self.get(path, after=after, limit=limit, **query)
            try:
                found, after = page[items], page["after"]
            except (KeyError, TypeError) as error:
                raise ShellError(f"{self.url}/v1/{path}", f"is no list of {items}") from error
            yield from found
            if after is None:
                return

    def _refusal(self, answer: Answer) -> Exception:
        try:
            page = json.loads(answer.content)
            text = f"{page['error']}: {page['detail']}"
        except (ValueError, KeyError, TypeError):
            return ShellError(self.url, f"answers {answer.status}")
        is_word = answer.status == NOT_FOUND and page["error"] != NO_SUCH_PAGE
        return LookupError(text) if is_word else ShellError(self.url, text)


def _read_date(text: str | None) -> int | None:
    """Of an HTTP header (RFC 9110 clause 5.6.7); None if it says no time."""
    try:
        return None if text is None else int(email.utils.parsedate_to_datetime(text).timestamp())
    except (ValueError, OverflowError):
        return None


def _send_at_once(_client: paho.Client, _data: Any, opened: Any) -> None:
    """Otherwise the kernel holds small packets back while an acknowledgement is under way, for some 40 ms."""
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _chunks(items: Iterable[bytes], size: int) -> Iterator[Sequence[bytes]]:
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk
