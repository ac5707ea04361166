"""WebSocket frames: the examples of RFC 6455, the `websockets` library as the other side, and anything at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame as TheirFrame
from websockets.frames import Opcode as TheirOpcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

from ran_slicing.frames import (
    MAX_HANDSHAKE_BYTES,
    Frame,
    FrameReader,
    Opcode,
    read_handshake,
    write_frame,
    write_handshake,
)
from wire.errors import DecodeError

KEY = b"the sample nonce"
MASK = bytes.fromhex("37fa213d")
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
"""Of RFC 6455 clause 1.3."""


def theirs(opcode, payload, *, final=True):
    return TheirFrame(opcode, payload, fin=final).serialize(mask=False)


def read(*pieces, limit=1 << 20):
    reader = FrameReader(limit)
    return [frame for piece in pieces for frame in reader.feed(piece)]


def test_the_examples_of_the_standard():
    """RFC 6455 clause 5.7."""
    assert write_frame(Opcode.TEXT, b"Hello", MASK).hex() == "818537fa213d7f9f4d5158"
    assert read(bytes.fromhex("810548656c6c6f")) == [Frame(Opcode.TEXT, b"Hello")]
    assert read(bytes.fromhex("010348656c80026c6f")) == [Frame(Opcode.TEXT, b"Hello")]
    assert read(bytes.fromhex("890548656c6c6f")) == [Frame(Opcode.PING, b"Hello")]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_every_form_of_a_length(size):
    payload = bytes(range(256)) * (size // 256 + 1)
    payload = payload[:size]
    assert read(theirs(TheirOpcode.TEXT, payload)) == [Frame(Opcode.TEXT, payload)]
    stream = StreamReader()
    stream.feed_data(write_frame(Opcode.TEXT, payload, MASK))
    parsing = TheirFrame.parse(stream.read_exact, mask=True)
    with pytest.raises(StopIteration) as parsed:
        next(parsing)
    assert parsed.value.value.data == payload


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.data())
def test_cut_anywhere(payloads, data):
    whole = b"".join(theirs(TheirOpcode.TEXT, payload) for payload in payloads)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert read(*pieces) == [Frame(Opcode.TEXT, payload) for payload in payloads]


def test_a_ping_between_the_parts_of_a_message():
    parts = (
        theirs(TheirOpcode.TEXT, b"one ", final=False),
        theirs(TheirOpcode.PING, b"there?"),
        theirs(TheirOpcode.CONT, b"two"),
    )
    assert read(*parts) == [Frame(Opcode.PING, b"there?"), Frame(Opcode.TEXT, b"one two")]


@pytest.mark.parametrize(
    "data",
    [
        theirs(TheirOpcode.CONT, b"x"),
        theirs(TheirOpcode.TEXT, b"x", final=False) * 2,
        bytes((0x09, 1, 0x78)),
        bytes((0x89, 126, 0, 126)) + bytes(126),
        bytes((0xC1, 0)),
        bytes((0x83, 0)),
        bytes((0x81, 0x80, 0, 0, 0, 0)),
        bytes((0x81, 127)) + (1 << 62).to_bytes(8, "big"),
        theirs(TheirOpcode.TEXT, bytes(60), final=False) + theirs(TheirOpcode.CONT, bytes(60)),
    ],
)
def test_what_is_no_frame(data):
    with pytest.raises(DecodeError, match="websocket"):
        read(data, limit=100 if len(data) < 1_000 else 1 << 20)


@given(st.binary(max_size=60))
def test_any_bytes_are_frames_or_a_decode_error(data):
    try:
        read(data)
    except DecodeError:
        return


def test_their_server_takes_our_handshake_and_we_take_its_answer():
    server = ServerProtocol()
    server.receive_data(write_handshake("127.0.0.1", 8001, KEY))
    (request,) = server.events_received()
    assert isinstance(request, Request)
    server.send_response(server.accept(request))
    answer = b"".join(server.data_to_send())
    assert read_handshake(answer + b"more", KEY) == len(answer)
    assert read_handshake(answer[:-1], KEY) == 0


def test_the_key_of_the_standard():
    assert read_handshake(ANSWER, KEY) == len(ANSWER)
    assert b"Host: [::1]:8001\r\n" in write_handshake("::1", 8001, KEY)
    assert b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" in write_handshake("::1", 8001, KEY)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (ANSWER.replace(b"101", b"404"), "answered"),
        (ANSWER.replace(b"s3pP", b"S3pP"), "somebody else's key"),
        (ANSWER.replace(b"websocket", b"h2c"), "something else"),
        (ANSWER.replace(b"Connection: Upgrade", b"Connection: close"), "does not upgrade"),
        (ANSWER.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: x\r\n\r\n"), "not asked for"),
        (b"\r\n\r\n", "answered"),
        (b"x" * MAX_HANDSHAKE_BYTES, "more than"),
    ],
)
def test_what_is_no_handshake(wrong, why):
    with pytest.raises(DecodeError, match=why):
        read_handshake(wrong, KEY)
