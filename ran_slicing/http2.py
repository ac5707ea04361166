"""Network functions of the core, over HTTP/2 in clear text: a request, its response, or why there is none.

In: requests. Out: responses, or RequestFailed, which says whether the peer may have acted on it. It decides nothing and
tries nothing twice. A connection is made by the first request and by the next one after it was lost, told to end, or
left a request without an answer; several requests share one.
Reference: 3GPP TS 29.500 clause 5.2 (HTTP/2 between network functions).
"""

import asyncio
from enum import Enum

from ran_slicing.http2_client import Answered, Failed, Failure, Http2Client
from ran_slicing.http_message import MAX_BODY_BYTES, Request, Response
from wire.errors import ShellError

DEADLINE_S = 5.0
"""The PCF asks the SMF nothing before it answers; the SCP gives up after ten."""
CONNECT_S = 2.0
_MOST_UNREAD_BYTES = 4 * MAX_BODY_BYTES
"""What a peer may leave unread of ours before the connection ends: it could have us answer pings for ever."""


class Reason(Enum):
    """Why a request has no response; `may_have_been_done` says whether the peer may have acted on it."""

    UNREACHABLE = "nobody listens there"
    TIMED_OUT = "no answer in time"
    REFUSED = Failure.REFUSED.value
    RESET = Failure.RESET.value
    LOST = Failure.LOST.value
    BROKEN = Failure.BROKEN.value

    @property
    def may_have_been_done(self) -> bool:
        return self not in {Reason.UNREACHABLE, Reason.REFUSED}


class RequestFailed(ShellError):
    """A request has no response."""

    def __init__(self, what: str, reason: Reason, detail: str) -> None:
        super().__init__(what, f"{reason.value}: {detail}")
        self.reason = reason

    @property
    def may_have_been_done(self) -> bool:
        return self.reason.may_have_been_done


class Http2:
    """Requests to the network function at `host`:`port`. Call `close` when done."""

    def __init__(self, host: str, port: int, deadline_s: float = DEADLINE_S) -> None:
        self._host, self._port, self._deadline_s = host, port, deadline_s
        self._authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._what = f"http2 {self._authority}"
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()

    async def ask(self, request: Request) -> Response:
        """The response to a request. Raises RequestFailed."""
        connection = await self._connect()
        try:
            async with asyncio.timeout(self._deadline_s):
                outcome = await connection.ask(request)
        except TimeoutError as error:
            raise RequestFailed(self._what, Reason.TIMED_OUT, f"{self._deadline_s:g} s") from error
        if isinstance(outcome, Failed):
            raise RequestFailed(self._what, Reason[outcome.failure.name], outcome.detail)
        return outcome

    def close(self) -> None:
        """At once; requests without an answer fail as lost."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _connect(self) -> "_Connection":
        async with self._connecting:
            if self._connection is not None and self._connection.has_room:
                return self._connection
            if self._connection is not None:
                self._connection.retire()
                self._connection = None
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(CONNECT_S):
                    _, connection = await loop.create_connection(
                        lambda: _Connection(self._authority), self._host, self._port
                    )
            except OSError as error:  # TimeoutError is one
                detail = error.strerror or str(error) or f"no connection within {CONNECT_S:g} s"
                raise RequestFailed(self._what, Reason.UNREACHABLE, detail) from error
            self._connection = connection
            return connection


class _Connection(asyncio.Protocol):
    """One connection, and who waits for what on it."""

    def __init__(self, authority: str) -> None:
        self._client = Http2Client(authority)
        self._waiting: dict[int, asyncio.Future[Response | Failed]] = {}
        self._transport: asyncio.Transport | None = None
        self._retired = False

    @property
    def has_room(self) -> bool:
        return self._client.has_room

    async def ask(self, request: Request) -> Response | Failed:
        stream_id = self._client.ask(request)
        answer: asyncio.Future[Response | Failed] = asyncio.get_running_loop().create_future()
        self._waiting[stream_id] = answer
        self._send()
        try:
            return await answer
        finally:
            if self._waiting.pop(stream_id, None) is not None:  # nobody waits for the answer any more
                self._client.cancel(stream_id)
                self._send()

    def retire(self) -> None:
        """Takes no new request, and ends with the answer to the last one."""
        self._retired = True
        self._send()

    def close(self) -> None:
        self._settle(self._client.lose("it was closed here"))
        if self._transport is not None:
            self._transport.close()

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(Http2Client.opening)

    def data_received(self, data: bytes) -> None:
        self._settle(self._client.receive(data))
        self._send()

    def eof_received(self) -> None:
        self._settle(self._client.receive(b""))

    def connection_lost(self, error: Exception | None) -> None:
        self._settle(self._client.lose(str(error) if error else "the connection ended"))

    def _send(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        outgoing = self._client.take_outgoing()
        if outgoing:
            self._transport.write(outgoing)
        if self._transport.get_write_buffer_size() > _MOST_UNREAD_BYTES:
            self._settle(self._client.lose("the peer does not read"))
            self._transport.abort()
        if (self._retired or not self._client.is_open) and not self._client.asked:
            self._transport.close()

    def _settle(self, events: list[Answered | Failed] | list[Failed]) -> None:
        for event in events:
            answer = self._waiting.pop(event.stream_id, None)
            if answer is not None and not answer.done():
                answer.set_result(event.response if isinstance(event, Answered) else event)
