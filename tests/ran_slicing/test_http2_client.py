"""The client's side of HTTP/2 without a socket: cut anywhere, garbled anyhow, and every breach of the protocol."""

from __future__ import annotations

import random

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded

from ran_slicing.hpack import MAX_BLOCK_BYTES
from ran_slicing.http2_client import Answered, Failed, Failure, Http2Client
from ran_slicing.http2_frame import (
    ACK,
    END_HEADERS,
    END_STREAM,
    MAX_WINDOW_BYTES,
    ErrorCode,
    FrameType,
    Setting,
    write_frame,
    write_goaway,
    write_reset,
    write_settings,
    write_window_update,
)
from ran_slicing.http_message import Request, Response
from tests.wire.fuzz import mutate

GET = Request("GET", "/")
POST = Request("POST", "/", (), b"x" * 100)
SETTINGS = write_settings({})
OK = bytes.fromhex("88")
HEADERS = write_frame(FrameType.HEADERS, END_HEADERS, 1, OK)
BODY = write_frame(FrameType.DATA, END_STREAM, 1, b"hello")


def opened(*requests: Request) -> Http2Client:
    client = Http2Client("127.0.0.1:7777")
    for request in requests:
        client.ask(request)
    client.take_outgoing()
    return client


def conversation() -> bytes:
    """What the h2 library sends for two requests."""
    server = H2Connection(H2Configuration(client_side=False))
    server.initiate_connection()
    client = Http2Client("127.0.0.1:7777")
    client.ask(GET)
    client.ask(POST)
    events = server.receive_data(Http2Client.opening + client.take_outgoing())
    assert sum(isinstance(event, (RequestReceived, StreamEnded)) for event in events) == 4
    server.send_headers(3, [(":status", "201"), ("location", "http://127.0.0.1/app-sessions/7")])
    server.ping(b"12345678")
    server.send_headers(1, [(":status", "404")], end_stream=True)
    server.send_data(3, b"a" * 300, pad_length=7)
    server.send_headers(3, [("trailer", "said")], end_stream=True)
    return server.data_to_send()


RECEIVED = conversation()
ANSWERS = [
    Answered(1, Response(404, (), b"")),
    Answered(3, Response(201, (("location", "http://127.0.0.1/app-sessions/7"),), b"a" * 300)),
]


def test_however_it_is_cut() -> None:
    for size in (1, 2, 9, 10, len(RECEIVED)):
        client = opened(GET, POST)
        events = []
        for at in range(0, len(RECEIVED), size):
            events += client.receive(RECEIVED[at : at + size])
        assert events == ANSWERS
        assert client.asked == 0
        assert write_frame(FrameType.PING, ACK, 0, b"12345678") in client.take_outgoing()


def test_whatever_it_hears_it_answers_each_request_once() -> None:
    chance = random.Random(9)
    answered = 0
    for _ in range(2_000):
        client = opened(GET, POST)
        events = client.receive(mutate(RECEIVED, RECEIVED, chance) or b"\0") + client.receive(b"")
        assert sorted(event.stream_id for event in events) == [1, 3]
        answered += sum(isinstance(event, Answered) for event in events)
    assert answered


@pytest.mark.parametrize(
    ("received", "why"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", "a frame of"),
        (HEADERS, "did not begin with its settings"),
        (write_frame(FrameType.SETTINGS, ACK, 0), "did not begin with its settings"),
        (SETTINGS + BODY, "a body before its headers"),
        (SETTINGS + write_frame(FrameType.HEADERS, END_HEADERS, 3, OK), "stream 3, which is not ours"),
        (SETTINGS + write_frame(FrameType.HEADERS, END_HEADERS, 2, OK), "stream 2, which is not ours"),
        (SETTINGS + write_frame(FrameType.HEADERS, END_HEADERS, 1, b"\x82"), "'' is no status"),
        (SETTINGS + write_frame(FrameType.HEADERS, END_HEADERS, 1, b"\x08\x022x"), "'2x' is no status"),
        (SETTINGS + write_frame(FrameType.HEADERS, END_HEADERS, 1, b"\xc5"), "no entry 69"),
        (SETTINGS + write_frame(FrameType.HEADERS, 0, 1, OK) + BODY, "headers that are not continued"),
        (SETTINGS + write_frame(FrameType.CONTINUATION, END_HEADERS, 1, OK), "a continuation of nothing"),
        (
            SETTINGS
            + write_frame(FrameType.HEADERS, 0, 1, OK)
            + write_frame(FrameType.CONTINUATION, 0, 3, OK),
            "a continuation of nothing",
        ),
        (
            SETTINGS + write_frame(FrameType.HEADERS, 0, 1, OK) + write_frame(FrameType.CONTINUATION, 0, 1),
            "headers that go on without end",
        ),
        (
            SETTINGS
            + write_frame(FrameType.HEADERS, 0, 1, bytes(16_384))
            + write_frame(FrameType.CONTINUATION, 0, 1, OK),
            f"past {MAX_BLOCK_BYTES} bytes",
        ),
        (SETTINGS + write_frame(FrameType.PUSH_PROMISE, 0, 1, bytes(8)), "a push"),
        (SETTINGS + write_window_update(0, MAX_WINDOW_BYTES), "a window of"),
        (SETTINGS + write_window_update(1, MAX_WINDOW_BYTES), "a window of"),
        (write_settings({Setting.INITIAL_WINDOW_SIZE: MAX_WINDOW_BYTES + 1}), "a window of"),
    ],
)
def test_a_breach_of_the_protocol_ends_the_connection(received: bytes, why: str) -> None:
    client = opened(GET)
    (event,) = client.receive(received)
    assert isinstance(event, Failed)
    assert event.failure is Failure.BROKEN
    assert event.failure.may_have_been_done
    assert why in event.detail
    assert not client.is_open
    assert client.take_outgoing().endswith(write_goaway(0, ErrorCode.PROTOCOL_ERROR))


def test_what_is_passed_over() -> None:
    client = opened(GET)
    received = (
        SETTINGS
        + write_frame(FrameType.PRIORITY, 0, 1, bytes(5))
        + write_frame(99, 0, 1, b"an extension")
        + write_frame(FrameType.HEADERS, END_HEADERS, 1, b"\x08\x03103")  # early hints
        + HEADERS
        + BODY
    )
    assert client.receive(received) == [Answered(1, Response(200, (), b"hello"))]


def test_headers_in_pieces() -> None:
    client = opened(GET)
    block = b"\x88\x00\x01a\x01b"
    received = (
        SETTINGS
        + write_frame(FrameType.HEADERS, END_STREAM, 1, block[:2])
        + write_frame(FrameType.CONTINUATION, 0, 1, block[2:4])
        + write_frame(FrameType.CONTINUATION, END_HEADERS, 1, block[4:])
    )
    assert client.receive(received) == [Answered(1, Response(200, (("a", "b"),), b""))]


def test_as_many_requests_as_the_server_takes() -> None:
    client = opened(GET)
    client.receive(write_settings({Setting.MAX_CONCURRENT_STREAMS: 2}))
    assert client.has_room
    client.ask(GET)
    assert not client.has_room
    assert client.is_open
    client.receive(HEADERS + BODY)
    assert client.has_room


def test_no_more_of_a_body_than_there_is_room_for() -> None:
    client = opened()
    client.receive(write_settings({Setting.INITIAL_WINDOW_SIZE: 30}))
    client.take_outgoing()
    client.ask(POST)
    assert client.take_outgoing().endswith(write_frame(FrameType.DATA, 0, 1, b"x" * 30))
    client.receive(write_window_update(1, 30))
    assert client.take_outgoing() == write_frame(FrameType.DATA, 0, 1, b"x" * 30)
    client.receive(write_settings({Setting.INITIAL_WINDOW_SIZE: 10}))  # twenty fewer, and none were left
    client.receive(write_window_update(1, 20))
    assert b"x" not in client.take_outgoing()
    client.receive(write_window_update(1, 1_000))
    assert client.take_outgoing() == write_frame(FrameType.DATA, END_STREAM, 1, b"x" * 40)


def test_an_answer_before_the_whole_request_was_heard() -> None:
    client = opened()
    client.receive(write_settings({Setting.INITIAL_WINDOW_SIZE: 30}))
    client.ask(POST)
    client.take_outgoing()
    (event,) = client.receive(write_frame(FrameType.HEADERS, END_HEADERS | END_STREAM, 1, b"\x08\x03413"))
    assert event == Answered(1, Response(413, (), b""))
    assert client.take_outgoing() == write_reset(1, ErrorCode.CANCEL)


def test_a_goaway_sorts_requests() -> None:
    client = opened(GET, GET)
    events = client.receive(SETTINGS + write_frame(FrameType.GOAWAY, 0, 0, bytes(3) + b"\x01" + bytes(4)))
    assert events == [Failed(3, Failure.REFUSED, "goaway with NO_ERROR")]
    assert not events[0].failure.may_have_been_done  # type: ignore[union-attr]
    assert not client.is_open
    assert client.receive(HEADERS + BODY) == [Answered(1, Response(200, (), b"hello"))]


def test_nothing_is_told_of_what_was_cancelled() -> None:
    client = opened(GET)
    client.cancel(1)
    assert client.take_outgoing() == write_reset(1, ErrorCode.CANCEL)
    assert client.receive(SETTINGS + HEADERS + BODY + write_reset(1, ErrorCode.CANCEL)) == []
    assert not client.is_open
    client.cancel(1)


def test_the_network_is_lost() -> None:
    client = opened(GET)
    assert client.lose("broken pipe") == [Failed(1, Failure.LOST, "broken pipe")]
    assert client.lose("again") == []
