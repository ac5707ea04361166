"""The client's side of one HTTP/2 connection in clear text, without a socket: requests to bytes, bytes to responses.

In: requests, and what the network delivered. Out: what is to be sent, and what became of each request: a response, or
a failure that says whether the peer may have acted on it. A function of the core that is asked twice makes two
sessions, so this is the question that matters after every fault. Nothing is tried again here, and no clock is read.
We offer no push, no header table and no more room than a response needs.
Reference: RFC 9113; with prior knowledge (clause 3.3), as 3GPP TS 29.500 clause 5.2.2 has it.
Promise: `receive` raises nothing; a peer that breaks the protocol loses the connection, and every request its answer.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from ran_slicing.hpack import MAX_BLOCK_BYTES, read_header_block, write_header_block
from ran_slicing.http2_frame import (
    ACK,
    END_HEADERS,
    END_STREAM,
    MAX_PAYLOAD_BYTES,
    MAX_STREAM_ID,
    MAX_WINDOW_BYTES,
    PREFACE,
    ErrorCode,
    Frame,
    FrameType,
    Setting,
    read_content,
    read_frame,
    read_goaway,
    read_ping,
    read_reset,
    read_settings,
    read_window_update,
    write_frame,
    write_goaway,
    write_reset,
    write_settings,
    write_window_update,
)
from ran_slicing.http_message import MAX_BODY_BYTES, Request, Response
from wire.errors import DecodeError

_DEFAULT_WINDOW_BYTES = 65_535
_USER_AGENT = "AF"
"""The type of network function that we are: a service communication proxy turns away who does not say."""


class Failure(Enum):
    """Why a request has no response."""

    REFUSED = "the peer did not act on it"
    RESET = "the peer broke it off"
    LOST = "the connection ended"
    BROKEN = "the peer broke the protocol"

    @property
    def may_have_been_done(self) -> bool:
        return self is not Failure.REFUSED


class Answered(NamedTuple):
    """A request's whole response."""

    stream_id: int
    response: Response


class Failed(NamedTuple):
    """A request has no response and will have none."""

    stream_id: int
    failure: Failure
    detail: str


@dataclass(slots=True)
class _Stream:
    """One request: what is still to be sent, how much may be, and what came."""

    unsent: bytes
    window: int
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 0
    body: bytearray = field(default_factory=bytearray)


class Http2Client:
    """One connection. `opening` is sent first; ask while `is_open`, and hand over what is received as it comes."""

    opening = PREFACE + write_settings(
        {Setting.HEADER_TABLE_SIZE: 0, Setting.ENABLE_PUSH: 0, Setting.MAX_HEADER_LIST_SIZE: MAX_BLOCK_BYTES}
    )

    def __init__(self, authority: str) -> None:
        self.is_open = True
        """Whether it takes a further request."""
        self._authority = authority
        self._next_stream_id = 1
        self._streams: dict[int, _Stream] = {}
        self._received = bytearray()
        self._window = self._initial_window = _DEFAULT_WINDOW_BYTES
        self._most_streams = MAX_STREAM_ID
        self._block: tuple[int, int, bytearray] | None = None  # stream, flags and beginning of a header block
        self._settled = False  # whether its settings came
        self._outgoing = bytearray()
        self._events: list[Answered | Failed] = []

    @property
    def asked(self) -> int:
        """Requests that wait for their response."""
        return len(self._streams)

    @property
    def has_room(self) -> bool:
        """Whether it takes a further request now."""
        return self.is_open and len(self._streams) < self._most_streams

    def ask(self, request: Request) -> int:
        """Begin a request; the stream by which its answer is known. What to send is in `take_outgoing`."""
        assert self.has_room, "the connection takes no further request"
        stream_id = self._next_stream_id
        self._next_stream_id += 2
        self.is_open = self._next_stream_id <= MAX_STREAM_ID
        headers = (
            (":method", request.method),
            (":scheme", "http"),
            (":authority", self._authority),
            (":path", request.path),
            ("user-agent", _USER_AGENT),
            *request.headers,
            ("content-length", str(len(request.body))),
        )
        block = write_header_block(headers)
        flags = END_HEADERS | (0 if request.body else END_STREAM)
        self._outgoing += write_frame(FrameType.HEADERS, flags, stream_id, block)
        self._streams[stream_id] = _Stream(request.body, self._initial_window)
        self._send_body(stream_id)
        return stream_id

    def cancel(self, stream_id: int) -> None:
        """Nobody waits for this answer any more; nothing is told of it, and the connection takes no new request."""
        if self._streams.pop(stream_id, None) is not None:
            self._outgoing += write_reset(stream_id, ErrorCode.CANCEL)
            self.is_open = False

    def receive(self, data: bytes) -> list[Answered | Failed]:
        """What became of requests by what the network delivered; empty bytes are the end of the connection."""
        if not data:
            self._end(Failure.LOST, "the peer closed it")
            return self._take_events()
        self._received += data
        at = 0
        try:
            while (found := read_frame(self._received, at)) is not None:
                frame, at = found
                self._take(frame)
        except DecodeError as error:
            self._outgoing += write_goaway(0, ErrorCode.PROTOCOL_ERROR)
            self._end(Failure.BROKEN, str(error))
            at = len(self._received)
        del self._received[:at]
        return self._take_events()

    def lose(self, detail: str) -> list[Failed]:
        """What becomes of requests when the connection is lost in another way."""
        self._end(Failure.LOST, detail)
        return [event for event in self._take_events() if isinstance(event, Failed)]

    def take_outgoing(self) -> bytes:
        """What is to be sent now; asked for after every other call."""
        outgoing = bytes(self._outgoing)
        self._outgoing.clear()
        return outgoing

    # ---- frames

    def _take(self, frame: Frame) -> None:
        if not self._settled and (frame.type != FrameType.SETTINGS or frame.flags & ACK):
            raise DecodeError("http2: the peer did not begin with its settings: does it speak HTTP/2?")
        if self._block is not None and frame.type != FrameType.CONTINUATION:
            raise DecodeError("http2: headers that are not continued")
        match frame.type:
            case FrameType.DATA:
                self._take_data(frame)
            case FrameType.HEADERS:
                self._take_block(frame.stream_id, frame.flags, bytearray(read_content(frame)))
            case FrameType.CONTINUATION:
                self._continue_block(frame)
            case FrameType.RST_STREAM:
                self._take_reset(frame.stream_id, read_reset(frame))
            case FrameType.SETTINGS if not frame.flags & ACK:
                self._take_settings(read_settings(frame))
            case FrameType.PING if not frame.flags & ACK:
                self._outgoing += write_frame(FrameType.PING, ACK, 0, read_ping(frame))
            case FrameType.GOAWAY:
                self._take_goaway(*read_goaway(frame))
            case FrameType.WINDOW_UPDATE:
                self._widen(frame.stream_id, read_window_update(frame))
            case FrameType.PUSH_PROMISE:
                raise DecodeError("http2: a push, which was not allowed")

    def _take_data(self, frame: Frame) -> None:
        content = read_content(frame)
        if frame.payload:
            self._outgoing += write_window_update(0, len(frame.payload))
        stream = self._known(frame.stream_id)
        if stream is None:
            return  # it was cancelled
        if not stream.status:
            raise DecodeError(f"http2: a body before its headers on stream {frame.stream_id}")
        if len(stream.body) + len(content) > MAX_BODY_BYTES:
            self._outgoing += write_reset(frame.stream_id, ErrorCode.CANCEL)
            self._fail(frame.stream_id, Failure.RESET, f"a body of more than {MAX_BODY_BYTES} bytes")
            return
        stream.body += content
        if frame.flags & END_STREAM:
            self._answer(frame.stream_id)
        elif frame.payload:
            self._outgoing += write_window_update(frame.stream_id, len(frame.payload))

    def _take_block(self, stream_id: int, flags: int, block: bytearray) -> None:
        if flags & END_HEADERS:
            self._block = None
            self._take_headers(stream_id, flags, read_header_block(bytes(block)))
        else:
            self._block = stream_id, flags, block

    def _continue_block(self, frame: Frame) -> None:
        if self._block is None or self._block[0] != frame.stream_id:
            raise DecodeError("http2: a continuation of nothing")
        stream_id, flags, block = self._block
        if not frame.payload or len(block) + len(frame.payload) > MAX_BLOCK_BYTES:
            raise DecodeError(f"http2: headers that go on without end, or past {MAX_BLOCK_BYTES} bytes")
        block += frame.payload
        self._take_block(stream_id, flags | frame.flags & END_HEADERS, block)

    def _take_headers(self, stream_id: int, flags: int, headers: list[tuple[str, str]]) -> None:
        stream = self._known(stream_id)
        if stream is None:
            return  # it was cancelled
        if not stream.status:  # else they are trailers, which say nothing to us
            status = dict(headers).get(":status", "")
            if not (status.isascii() and status.isdigit() and len(status) == 3 and status >= "100"):
                raise DecodeError(f"http2: {status[:10]!r} is no status")
            if status < "200":
                return  # informational: the response follows
            stream.status = int(status)
            stream.headers = tuple((name, value) for name, value in headers if not name.startswith(":"))
        if flags & END_STREAM:
            self._answer(stream_id)

    def _take_reset(self, stream_id: int, code: int) -> None:
        if self._known(stream_id) is not None:
            failure = Failure.REFUSED if code == ErrorCode.REFUSED_STREAM else Failure.RESET
            self._fail(stream_id, failure, f"reset with {_name(code)}")

    def _take_settings(self, settings: dict[int, int]) -> None:
        self._settled = True
        self._most_streams = settings.get(Setting.MAX_CONCURRENT_STREAMS, self._most_streams)
        window = settings.get(Setting.INITIAL_WINDOW_SIZE, self._initial_window)
        if window > MAX_WINDOW_BYTES:
            raise DecodeError(f"http2: a window of {window} bytes")
        for stream in self._streams.values():
            stream.window += window - self._initial_window
        self._initial_window = window
        self._outgoing += write_frame(FrameType.SETTINGS, ACK, 0)
        self._send_bodies()

    def _take_goaway(self, last_stream_id: int, code: int, words: str) -> None:
        self.is_open = False
        detail = f"goaway with {_name(code)}{words and f': {words}'}"
        for stream_id in [*self._streams]:
            if stream_id > last_stream_id:
                self._fail(stream_id, Failure.REFUSED, detail)

    def _widen(self, stream_id: int, increment: int) -> None:
        if stream_id == 0:
            self._window += increment
        elif (stream := self._streams.get(stream_id)) is not None:
            stream.window += increment
            if stream.window > MAX_WINDOW_BYTES:
                raise DecodeError(f"http2: a window of {stream.window} bytes")
        if self._window > MAX_WINDOW_BYTES:
            raise DecodeError(f"http2: a window of {self._window} bytes")
        self._send_bodies()

    # ---- streams

    def _known(self, stream_id: int) -> _Stream | None:
        """The stream, or None if its answer is no longer wanted; one that was never opened breaks the protocol."""
        if stream_id % 2 == 0 or stream_id >= self._next_stream_id:
            raise DecodeError(f"http2: a frame on stream {stream_id}, which is not ours")
        return self._streams.get(stream_id)

    def _send_bodies(self) -> None:
        for stream_id, stream in self._streams.items():
            if stream.unsent:
                self._send_body(stream_id)

    def _send_body(self, stream_id: int) -> None:
        """As much as the peer has room for."""
        stream = self._streams[stream_id]
        while (
            stream.unsent
            and (size := min(len(stream.unsent), stream.window, self._window, MAX_PAYLOAD_BYTES)) > 0
        ):
            content, stream.unsent = stream.unsent[:size], stream.unsent[size:]
            stream.window -= size
            self._window -= size
            flags = 0 if stream.unsent else END_STREAM
            self._outgoing += write_frame(FrameType.DATA, flags, stream_id, content)

    def _answer(self, stream_id: int) -> None:
        stream = self._streams.pop(stream_id)
        if stream.unsent:  # it answers before it heard all, and we need not say the rest
            self._outgoing += write_reset(stream_id, ErrorCode.CANCEL)
        self._events.append(Answered(stream_id, Response(stream.status, stream.headers, bytes(stream.body))))

    def _fail(self, stream_id: int, failure: Failure, detail: str) -> None:
        del self._streams[stream_id]
        self._events.append(Failed(stream_id, failure, detail))

    def _end(self, failure: Failure, detail: str) -> None:
        self.is_open = False
        for stream_id in [*self._streams]:
            self._fail(stream_id, failure, detail)

    def _take_events(self) -> list[Answered | Failed]:
        events, self._events = self._events, []
        return events


def _name(code: int) -> str:
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"error {code}"
