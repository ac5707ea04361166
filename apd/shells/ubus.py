"""One connection to ubusd, the bus of an OpenWrt router: requests, their replies, and what others ask of us.

In: requests, each with what is to be done with its reply. Out: replies, calls of our objects, notifications, and that
the connection is gone; nothing here connects again. ubusd that does not answer within REPLY_S is gone. Nothing blocks.
Reference: libubus-io.c, libubus-req.c and ubusd_proto.c of ubus.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from apd.ubus_message import (
    Attribute,
    Kind,
    Message,
    Status,
    Table,
    number,
    read_message,
    text,
    write_message,
    write_table,
)
from wire.errors import DecodeError

DEFAULT_SOCKET = Path("/var/run/ubus/ubus.sock")
"""Since OpenWrt 21.02."""
REPLY_S = 5.0
"""hostapd answers within milliseconds, and while it scans within some seconds."""
_LAST_SEQUENCE = 0xFFFF

Then = Callable[[int, list[Message]], None]
"""The status of a request, and the data that came before it."""


@dataclass(slots=True)
class _Request:
    then: Then
    timer: asyncio.TimerHandle
    replies: list[Message] = field(default_factory=list)


class Ubus(asyncio.Protocol):
    """From `connect` until `lost` is called, which is once, and not after `close`."""

    def __init__(
        self,
        ready: Callable[[], None],
        lost: Callable[[str], None],
        heard: Callable[[Message], None],
        reply_s: float = REPLY_S,
    ) -> None:
        """`heard`: INVOKE and UNSUBSCRIBE, for an object of ours."""
        self._ready, self._lost, self._heard, self._reply_s = ready, lost, heard, reply_s
        self._transport: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._buffer = bytearray()
        self._requests: dict[int, _Request] = {}
        self._sequence = 0
        self._over = False

    def connect(self, path: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._connecting = self._loop.create_task(self._connect(path))

    def request(self, kind: Kind, attributes: dict[int, bytes], then: Then, peer: int = 0) -> None:
        """`then` is not called when the connection is lost first."""
        if self._over or self._transport is None:
            return
        sequence = self._next_sequence()
        timer = self._loop.call_later(self._reply_s, self._lose, f"no answer to {kind.name}")
        self._requests[sequence] = _Request(then, timer)
        self._transport.write(write_message(Message(kind, sequence, peer, attributes)))

    def call(self, object_id: int, method: str, arguments: Table, then: Then) -> None:
        """A method of somebody's object."""
        attributes: dict[int, bytes] = {
            Attribute.OBJECT_ID: number(object_id),
            Attribute.METHOD: text(method),
            Attribute.DATA: write_table(arguments),
        }
        self.request(Kind.INVOKE, attributes, then, object_id)

    def reply(self, call: Message, status: int, answer: Table | None = None) -> None:
        """To a call of our object; nothing to one who wants to hear nothing."""
        if self._over or self._transport is None or any(call.attributes.get(Attribute.NO_REPLY, b"")):
            return
        mine = call.attributes.get(Attribute.OBJECT_ID, b"")
        if answer is not None:
            data: dict[int, bytes] = {Attribute.OBJECT_ID: mine, Attribute.DATA: write_table(answer)}
            self._transport.write(write_message(Message(Kind.DATA, call.sequence, call.peer, data)))
        done: dict[int, bytes] = {Attribute.STATUS: number(status), Attribute.OBJECT_ID: mine}
        self._transport.write(write_message(Message(Kind.STATUS, call.sequence, call.peer, done)))

    def close(self) -> None:
        self._over = True
        for request in self._requests.values():
            request.timer.cancel()
        self._requests.clear()
        if self._connecting is not None:
            self._connecting.cancel()
        if self._transport is not None:
            self._transport.abort()

    # ---- of asyncio

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while not self._over and (found := read_message(self._buffer)) is not None:
                message, length = found
                del self._buffer[:length]
                self._take(message)
        except DecodeError as error:
            self._lose(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(f"ubusd hung up{f' ({exc})' if exc else ''}")

    # ----

    async def _connect(self, path: Path) -> None:
        try:
            transport, _ = await self._loop.create_unix_connection(lambda: self, str(path))
        except OSError as error:
            self._lose(f"{path}: {error.strerror or error}")
            return
        self._transport = transport

    def _next_sequence(self) -> int:
        self._sequence = self._sequence % _LAST_SEQUENCE + 1
        return self._sequence

    def _take(self, message: Message) -> None:
        match message.kind:
            case Kind.HELLO:
                self._loop.call_soon(self._begin)
            case Kind.DATA if message.sequence in self._requests:
                self._requests[message.sequence].replies.append(message)
            case Kind.STATUS if message.sequence in self._requests:
                status = message.number(Attribute.STATUS)
                request = self._requests.pop(message.sequence)
                request.timer.cancel()
                request.then(status, request.replies)
            case Kind.INVOKE | Kind.UNSUBSCRIBE:
                self._heard(message)

    def _begin(self) -> None:
        """Not before `_connect` has the transport: the greeting may be there first."""
        if self._over:
            return
        if self._transport is None:
            self._loop.call_soon(self._begin)
        else:
            self._ready()

    def _lose(self, detail: str) -> None:
        if not self._over:
            self.close()
            self._lost(detail)


def word(status: int) -> str:
    """For people."""
    names = {int(one): one.name.lower().replace("_", " ") for one in Status}
    return names.get(status, f"status {status}")
