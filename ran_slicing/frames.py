"""WebSocket as bytes: the client's half of the handshake, and frames.

    GET / HTTP/1.1 .. Sec-WebSocket-Key  ->  HTTP/1.1 101 .. Sec-WebSocket-Accept, and from then on frames
    FIN, RSV, opcode | mask, length 7, 16 or 64 bits | mask key | payload

We send text in one masked frame and take text in any number of them; no extension, no subprotocol. What a peer sends is
put together up to a limit and no further: a longer message is an error, not a memory.
Reference: RFC 6455 clauses 4.1, 4.2.2, 5.2 to 5.5.
Promise: a value or DecodeError, in time linear in the bytes.
"""

import base64
import hashlib
from dataclasses import dataclass
from enum import IntEnum

from wire.errors import DecodeError

MAX_HANDSHAKE_BYTES = 8_192
MAX_CONTROL_BYTES = 125
KEY_BYTES, MASK_BYTES = 16, 4
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FIN, _RSV, _OPCODE, _MASKED, _LENGTH = 0x80, 0x70, 0x0F, 0x80, 0x7F


class Opcode(IntEnum):
    """RFC 6455 clause 11.8."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole message (text, binary), or a control frame."""

    opcode: Opcode
    payload: bytes


def write_handshake(host: str, port: int, key: bytes) -> bytes:
    """The request; `key` are 16 random bytes."""
    name = f"[{host}]" if ":" in host else host
    lines = (
        "GET / HTTP/1.1",
        f"Host: {name}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(key).decode()}",
        "Sec-WebSocket-Version: 13",
    )
    return "\r\n".join((*lines, "", "")).encode()


def read_handshake(data: bytes, key: bytes) -> int:
    """The length of the answer to our request; 0 if its end has not come yet. Raises DecodeError."""
    end = data.find(b"\r\n\r\n", 0, MAX_HANDSHAKE_BYTES)
    if end < 0:
        if len(data) >= MAX_HANDSHAKE_BYTES:
            raise DecodeError(f"websocket: a handshake of more than {MAX_HANDSHAKE_BYTES} bytes")
        return 0
    status, *lines = data[:end].split(b"\r\n")
    if status.split(b" ")[:2] != [b"HTTP/1.1", b"101"]:
        raise DecodeError(f"websocket: answered {status[:80]!r}")
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers.setdefault(name.strip().lower(), value.strip())
    wanted = base64.b64encode(hashlib.sha1(base64.b64encode(key) + _GUID, usedforsecurity=False).digest())
    if headers.get(b"upgrade", b"").lower() != b"websocket":
        raise DecodeError("websocket: the answer upgrades to something else")
    if b"upgrade" not in headers.get(b"connection", b"").lower():
        raise DecodeError("websocket: the answer does not upgrade the connection")
    if headers.get(b"sec-websocket-accept") != wanted:
        raise DecodeError("websocket: the answer is to somebody else's key")
    for header in (b"sec-websocket-extensions", b"sec-websocket-protocol"):
        if header in headers:
            raise DecodeError(f"websocket: {header.decode()} was not asked for")
    return end + 4


def write_frame(opcode: Opcode, payload: bytes, mask: bytes) -> bytes:
    """One masked frame; `mask` are 4 random bytes."""
    assert len(mask) == MASK_BYTES, f"a mask of {len(mask)} bytes"
    length = len(payload)
    if length <= MAX_CONTROL_BYTES:
        head = bytes((_FIN | opcode, _MASKED | length))
    elif length < 1 << 16:
        head = bytes((_FIN | opcode, _MASKED | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((_FIN | opcode, _MASKED | 127)) + length.to_bytes(8, "big")
    return head + mask + _xor(payload, mask)


class FrameReader:
    """Puts a server's bytes together: `feed` takes what came and gives the frames that are whole now."""

    def __init__(self, max_message_bytes: int) -> None:
        self._limit = max_message_bytes
        self._buffer = bytearray()
        self._opcode: Opcode | None = None  # of the message whose fragments are coming
        self._parts = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Raises DecodeError; the reader is of no use after that."""
        self._buffer += data
        frames: list[Frame] = []
        at = 0
        while (found := self._read_one(at)) is not None:
            at, frame = found
            if frame is not None:
                frames.append(frame)
        del self._buffer[:at]
        return frames

    def _read_one(self, at: int) -> tuple[int, Frame | None] | None:
        """(the place after the frame at `at`, the message that it ends); None if it is not whole yet."""
        buffer = self._buffer
        if len(buffer) < at + 2:
            return None
        first, second = buffer[at], buffer[at + 1]
        opcode = _checked_opcode(first, second)
        size = {126: 2, 127: 8}.get(second & _LENGTH, 0)
        start = at + 2 + size
        if len(buffer) < start:
            return None
        length = int.from_bytes(buffer[at + 2 : start], "big") if size else second & _LENGTH
        if length + len(self._parts) > self._limit:
            raise DecodeError(f"websocket: a message of more than {self._limit} bytes")
        if len(buffer) < start + length:
            return None
        payload = bytes(buffer[start : start + length])
        return start + length, self._take(opcode, payload, final=bool(first & _FIN))

    def _take(self, opcode: Opcode, payload: bytes, *, final: bool) -> Frame | None:
        if opcode >= Opcode.CLOSE:
            if not final or len(payload) > MAX_CONTROL_BYTES:
                raise DecodeError(f"websocket: a control frame in parts or of {len(payload)} bytes")
            return Frame(opcode, payload)
        if (opcode is Opcode.CONTINUATION) is (self._opcode is None):
            raise DecodeError("websocket: parts of a message out of order")
        if self._opcode is None:
            self._opcode = opcode
        self._parts += payload
        if not final:
            return None
        frame = Frame(self._opcode, bytes(self._parts))
        self._opcode = None
        self._parts.clear()
        return frame


def _checked_opcode(first: int, second: int) -> Opcode:
    if first & _RSV:
        raise DecodeError("websocket: reserved bits are set")
    if second & _MASKED:
        raise DecodeError("websocket: a server's frame is masked")
    try:
        return Opcode(first & _OPCODE)
    except ValueError as error:
        raise DecodeError(f"websocket: opcode {first & _OPCODE}") from error


def _xor(payload: bytes, mask: bytes) -> bytes:
    length = len(payload)
    key = (mask * (length // MASK_BYTES + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
