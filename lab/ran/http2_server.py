"""An HTTP/2 server in clear text on the h2 library, which knows nothing of our client: requests in, responses out.

It answers what it is told to, or misbehaves once in one of the ways of `Fault`. Everything that it was asked is in
`requests`. For tests and simulators: no limits, no patience.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from types import TracebackType
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from ran_slicing.http_message import Request, Response

HOST = "127.0.0.1"


class Fault(Enum):
    """What a server may do to a request instead of answering it."""

    SILENCE = auto()
    """Nothing, ever."""
    HALF_RESPONSE = auto()
    """Headers and half a body, and its half of the stream stays open."""
    HALF_RESPONSE_AND_HANG_UP = auto()
    RESET = auto()
    """RST_STREAM with INTERNAL_ERROR, after it has acted on the request."""
    REFUSE = auto()
    """RST_STREAM with REFUSED_STREAM: it did not act on it."""
    GO_AWAY_BEFORE = auto()
    """GOAWAY that says that the request was not acted on."""
    GO_AWAY_AFTER = auto()
    """GOAWAY that says that the request was acted on, then the response."""
    GO_AWAY_WITHOUT_RESPONSE = auto()
    """GOAWAY that says that the request was acted on, then the end."""
    HANG_UP = auto()
    """It acted on it, and closes."""
    GARBAGE = auto()
    """Bytes that are no frames."""


_ACTED_ON = frozenset(Fault) - {Fault.SILENCE, Fault.REFUSE, Fault.GO_AWAY_BEFORE, Fault.GARBAGE}


class Http2Server:
    """Serves on `host` while the block runs; on `port` again after `restart`."""

    def __init__(
        self,
        answer: Callable[[Request], Response | None],
        window_bytes: int = 65_535,
        most_streams: int = 100,
        host: str = HOST,
        port: int = 0,
    ) -> None:
        self.faults: deque[Fault] = deque()
        """What happens to the next requests, one each."""
        self.requests: list[Request] = []
        self.asked = asyncio.Event()
        """Whether there was any."""
        self.connections = 0
        """How many were ever made."""
        self.host, self.port = host, port
        self.answer, self.window_bytes, self.most_streams = answer, window_bytes, most_streams
        self._server: asyncio.Server | None = None
        self.open: set[_Serving] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Serving(self), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Nobody listens, and who was connected is not any more."""
        if self._server is not None:
            self._server.close()
            for serving in [*self.open]:
                serving.hang_up()
            await self._server.wait_closed()
            self._server = None


class _Serving(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: Http2Server) -> None:
        self._server = server
        self._http2 = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1"))
        self._transport: asyncio.Transport | None = None
        self._asked: dict[int, tuple[dict[str, str], bytearray]] = {}
        self._unsent: dict[int, bytes] = {}
        self._last_answered = 0

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections += 1
        self._server.open.add(self)
        self._http2.initiate_connection()
        self._http2.update_settings({
            SettingCodes.INITIAL_WINDOW_SIZE: self._server.window_bytes,
            SettingCodes.MAX_CONCURRENT_STREAMS: self._server.most_streams,
        })  # fmt: skip
        self._send()

    def connection_lost(self, _: Exception | None) -> None:
        self._server.open.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            events = self._http2.receive_data(data)
        except ProtocolError:
            self._send()
            self.hang_up()
            return
        for event in events:
            self._take(event)
        self._send()

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._asked[event.stream_id] = dict(event.headers), bytearray()  # type: ignore[arg-type]
            case DataReceived():
                self._asked[event.stream_id][1].extend(event.data)
                self._http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                self._serve(event.stream_id)
            case StreamReset():
                self._unsent.pop(event.stream_id, None)
            case WindowUpdated() | RemoteSettingsChanged():
                for stream_id in [*self._unsent]:
                    self._send_body(stream_id)

    def _serve(self, stream_id: int) -> None:
        headers, body = self._asked.pop(stream_id)
        own = {name: value for name, value in headers.items() if not name.startswith(":")}
        request = Request(headers[":method"], headers[":path"], tuple(own.items()), bytes(body))
        self._server.requests.append(request)
        self._server.asked.set()
        fault = self._server.faults.popleft() if self._server.faults else None
        response = self._server.answer(request) if fault is None or fault in _ACTED_ON else None
        if fault is not None:
            self._misbehave(fault, stream_id, response)
        elif response is None:
            self.hang_up()
        else:
            self._respond(stream_id, response)

    def _respond(self, stream_id: int, response: Response) -> None:
        headers = [(":status", str(response.status)), *response.headers]
        self._http2.send_headers(stream_id, headers, end_stream=not response.body)
        self._last_answered = stream_id
        if response.body:
            self._unsent[stream_id] = response.body
            self._send_body(stream_id)

    def _send_body(self, stream_id: int) -> None:
        """As much as the client has room for."""
        body = self._unsent[stream_id]
        size = min(
            self._http2.local_flow_control_window(stream_id), self._http2.max_outbound_frame_size, len(body)
        )
        while size:
            self._http2.send_data(stream_id, body[:size], end_stream=size == len(body))
            body = body[size:]
            size = min(self._http2.local_flow_control_window(stream_id), 16_384, len(body)) if body else 0
        self._unsent[stream_id] = body
        if not body:
            del self._unsent[stream_id]

    def _misbehave(self, fault: Fault, stream_id: int, response: Response | None) -> None:
        match fault:
            case Fault.HALF_RESPONSE | Fault.HALF_RESPONSE_AND_HANG_UP:
                assert response is not None
                self._http2.send_headers(stream_id, [(":status", str(response.status)), *response.headers])
                self._http2.send_data(stream_id, response.body[: len(response.body) // 2])
            case Fault.RESET:
                self._http2.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
            case Fault.REFUSE:
                self._http2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
            case Fault.GO_AWAY_BEFORE:
                self._http2.close_connection(ErrorCodes.NO_ERROR, b"restarting", self._last_answered)
            case Fault.GO_AWAY_AFTER:
                assert response is not None
                self._write(_goaway(stream_id))
                self._respond(stream_id, response)
            case Fault.GO_AWAY_WITHOUT_RESPONSE:
                self._write(_goaway(stream_id))
            case Fault.GARBAGE:
                self._write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self._send()
        if fault in {Fault.HALF_RESPONSE_AND_HANG_UP, Fault.HANG_UP, Fault.GO_AWAY_WITHOUT_RESPONSE}:
            self.hang_up()

    def _send(self) -> None:
        self._write(self._http2.data_to_send())

    def _write(self, octets: bytes) -> None:
        if self._transport is not None and octets and not self._transport.is_closing():
            self._transport.write(octets)


def _goaway(last_stream_id: int) -> bytes:
    """By hand: the library sends nothing more once it has sent one."""
    return b"\0\0\x08\x07\0" + bytes(4) + last_stream_id.to_bytes(4, "big") + bytes(4)
