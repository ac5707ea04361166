"""A gNB's remote control as a socket: it connects, says what it is told to say, reports what it hears.

In: texts, pings, the order to connect anew. Out: the connection's coming and going, and every text. It decides nothing;
it does go on connecting, after longer and longer waits, and whoever hears `GnbConnected` says everything again. Nothing
here blocks. A gNB that stops reading is not waited for: what it is told is small, and an answer that does not come
ends the connection (gnb.py).
Reference: RFC 6455, through ran_slicing/frames.py.
"""

import asyncio
import secrets
from collections.abc import Callable

from ran_slicing.cell_events import GnbConnected, GnbLost, GnbSaid
from ran_slicing.frames import (
    KEY_BYTES,
    MASK_BYTES,
    FrameReader,
    Opcode,
    read_handshake,
    write_frame,
    write_handshake,
)
from ran_slicing.messages import MAX_MESSAGE_BYTES
from wire.errors import DecodeError

Report = Callable[[GnbConnected | GnbLost | GnbSaid], None]

CONNECT_S = 3.0
"""On the loopback, or a network beside it, a connection and its handshake take milliseconds."""
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""A gNB takes some ten seconds to start; one that is not there is asked for every five."""


class RemoteControl:
    """The remote control at `host` and `port`."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._line: _Line | None = None
        self._attempt: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._losses = 0
        self._told_lost = False
        self._closed = False

    def start(self, report: Report) -> None:
        """Connects, and reports what happens from the running loop."""
        self._loop = asyncio.get_running_loop()
        self._report = report
        self._connect()

    def send_text(self, text: bytes) -> None:
        """To one that is not there nothing is said: it will be told all again."""
        if self._line is not None:
            self._line.send(Opcode.TEXT, text)

    def send_ping(self) -> None:
        if self._line is not None:
            self._line.send(Opcode.PING, b"")

    def reconnect(self, detail: str) -> None:
        """Hang up, and connect again."""
        if self._line is not None:
            self._line.hang_up()
            self._lost(self._line, detail)

    async def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._line is not None:
            self._line.hang_up()
            self._line = None
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.wait([self._attempt])

    def _connect(self) -> None:
        self._attempt = self._loop.create_task(self._try())
        self._attempt.add_done_callback(_end_aloud)

    async def _try(self) -> None:
        line = _Line(self._host, self._port, self._opened, self._heard, self._lost)
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._loop.create_connection(lambda: line, self._host, self._port)
                await line.opened
        except (OSError, TimeoutError, DecodeError) as error:
            line.hang_up()
            self._again(str(error) or f"no answer within {CONNECT_S:g} s")
        except asyncio.CancelledError:
            line.hang_up()
            raise

    def _opened(self, line: "_Line") -> None:
        if self._closed:
            return  # whoever closes hangs up
        self._line, self._losses, self._told_lost = line, 0, False
        self._report(GnbConnected())

    def _heard(self, text: bytes) -> None:
        self._report(GnbSaid(text))

    def _lost(self, line: "_Line", detail: str) -> None:
        if line is self._line:
            self._line = None
            self._again(detail)

    def _again(self, detail: str) -> None:
        if self._closed:
            return
        wait_s = RETRY_S[min(self._losses, len(RETRY_S) - 1)]
        self._losses += 1
        self._timer = self._loop.call_later(wait_s, self._connect)
        if not self._told_lost:
            self._told_lost = True
            self._report(GnbLost(f"{self._host}:{self._port}: {detail}"))


def _end_aloud(task: asyncio.Task[None]) -> None:
    """What nobody foresaw goes to the loop's handler, which ends the daemon: nobody would connect again."""
    if not task.cancelled():
        task.result()


class _Line(asyncio.Protocol):
    """One connection, from its handshake to its end."""

    def __init__(
        self,
        host: str,
        port: int,
        on_open: Callable[["_Line"], None],
        on_text: Callable[[bytes], None],
        on_end: Callable[["_Line", str], None],
    ) -> None:
        self._request = (host, port)
        self._on_open, self._on_text, self._on_end = on_open, on_text, on_end
        self._key = secrets.token_bytes(KEY_BYTES)
        self._head = bytearray()
        self._frames = FrameReader(MAX_MESSAGE_BYTES)
        self._transport: asyncio.Transport | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send(self, opcode: Opcode, payload: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(write_frame(opcode, payload, secrets.token_bytes(MASK_BYTES)))

    def hang_up(self) -> None:
        self.opened.cancel()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(write_handshake(*self._request, self._key))

    def data_received(self, data: bytes) -> None:
        try:
            if self.opened.done():
                self._take(data)
            else:
                self._shake_hands(data)
        except DecodeError as error:
            self._fail(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(str(exc) if exc else "the gNB hung up")

    def _shake_hands(self, data: bytes) -> None:
        self._head += data
        length = read_handshake(bytes(self._head), self._key)
        if length:
            self.opened.set_result(None)
            self._on_open(self)
            self._take(bytes(self._head[length:]))

    def _take(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            if self._transport is None or self._transport.is_closing():
                return  # what was said first ended the connection
            match frame.opcode:
                case Opcode.TEXT:
                    self._on_text(frame.payload)
                case Opcode.PING:
                    self.send(Opcode.PONG, frame.payload)
                case Opcode.CLOSE:
                    self.send(Opcode.CLOSE, frame.payload[:2])
                    self._fail("the gNB closed the connection")
                case _:
                    pass  # an answer to a ping, or bytes that nobody asked for

    def _fail(self, detail: str) -> None:
        """The connection is over, whoever ended it; during the handshake it was the attempt that failed."""
        if self._transport is not None:
            self._transport.abort()
        if not self.opened.done():
            self.opened.set_exception(DecodeError(f"websocket: {detail}"))
        else:
            self._on_end(self, detail)
