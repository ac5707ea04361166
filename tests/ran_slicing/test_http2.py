"""HTTP/2 requests on a socket, against the h2 library's server: responses, and every way to get none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from lab.ran.http2_server import HOST, Fault, Http2Server
from ran_slicing.http2 import Http2, Reason, RequestFailed
from ran_slicing.http2_frame import FrameType, write_frame, write_settings
from ran_slicing.http_message import MAX_BODY_BYTES, Request, Response

GET = Request("GET", "/a?page=0")
HELLO = Response(200, (("content-type", "text/plain"), ("x-long", "long~" * 100)), b"hello")


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await story()

    asyncio.run(bounded())


@contextlib.asynccontextmanager
async def talking(server: Http2Server, deadline_s: float = 5.0) -> AsyncIterator[Http2]:
    async with server:
        client = Http2(HOST, server.port, deadline_s)
        try:
            yield client
        finally:
            client.close()


def test_a_request_and_its_response() -> None:
    async def story() -> None:
        server = Http2Server(lambda _: HELLO)
        async with talking(server) as client:
            assert await client.ask(GET) == HELLO
            assert await client.ask(Request("POST", "/b", (("content-type", "x/y"),), b"body")) == HELLO
        assert server.connections == 1
        first, second = server.requests
        assert (first.method, first.path, first.body) == ("GET", "/a?page=0", b"")
        assert (second.method, second.header("content-type"), second.body) == ("POST", "x/y", b"body")
        assert second.header("user-agent") == "AF"
        assert second.header("content-length") == "4"

    run(story)


def test_requests_share_a_connection() -> None:
    async def story() -> None:
        server = Http2Server(lambda request: Response(200, (), request.path.encode()))
        async with talking(server) as client:
            answers = await asyncio.gather(
                *(client.ask(Request("GET", f"/{number}")) for number in range(50))
            )
        assert [answer.body for answer in answers] == [b"/%d" % number for number in range(50)]
        assert server.connections == 1

    run(story)


@pytest.mark.parametrize("window_bytes", [1_000, 65_535])
@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, 65_536, MAX_BODY_BYTES])
def test_bodies_of_any_size_in_both_directions(size: int, window_bytes: int) -> None:
    async def story() -> None:
        body = bytes(range(256)) * (size // 256) + bytes(size % 256)
        server = Http2Server(lambda request: Response(200, (), request.body), window_bytes)
        async with talking(server) as client:
            assert (await client.ask(GET)).body == b""  # now its window is known
            assert (await client.ask(Request("POST", "/", (), body))).body == body

    run(story)


def test_a_body_without_end_is_broken_off() -> None:
    async def story() -> None:
        server = Http2Server(lambda _: Response(200, (), bytes(MAX_BODY_BYTES + 1)))
        async with talking(server) as client:
            with pytest.raises(RequestFailed, match="a body of more than") as raised:
                await client.ask(GET)
            assert raised.value.reason is Reason.RESET

    run(story)


@pytest.mark.parametrize(
    ("fault", "reason", "why"),
    [
        (Fault.SILENCE, Reason.TIMED_OUT, r"0\.3 s"),
        (Fault.HALF_RESPONSE, Reason.TIMED_OUT, r"0\.3 s"),
        (Fault.HALF_RESPONSE_AND_HANG_UP, Reason.LOST, "the peer closed it"),
        (Fault.RESET, Reason.RESET, "reset with INTERNAL_ERROR"),
        (Fault.REFUSE, Reason.REFUSED, "reset with REFUSED_STREAM"),
        (Fault.GO_AWAY_BEFORE, Reason.REFUSED, "goaway with NO_ERROR: restarting"),
        (Fault.GO_AWAY_WITHOUT_RESPONSE, Reason.LOST, "the peer closed it"),
        (Fault.HANG_UP, Reason.LOST, "the peer closed it"),
        (Fault.GARBAGE, Reason.BROKEN, "a frame of 4740180 bytes"),
    ],
)
def test_no_response(fault: Fault, reason: Reason, why: str) -> None:
    async def story() -> None:
        server = Http2Server(lambda _: HELLO)
        async with talking(server, deadline_s=0.3) as client:
            assert await client.ask(GET) == HELLO
            server.faults.append(fault)
            with pytest.raises(RequestFailed, match=why) as raised:
                await client.ask(GET)
            assert raised.value.reason is reason
            assert raised.value.may_have_been_done == (reason is not Reason.REFUSED)
            assert await client.ask(GET) == HELLO  # by another connection, where the first is no good
        assert len(server.requests) == 3

    run(story)


def test_what_was_asked_before_a_goaway_is_answered_and_the_next_asks_elsewhere() -> None:
    async def story() -> None:
        server = Http2Server(lambda _: HELLO)
        async with talking(server) as client:
            server.faults.append(Fault.GO_AWAY_AFTER)
            assert await client.ask(GET) == HELLO
            assert await client.ask(GET) == HELLO
        assert server.connections == 2

    run(story)


def test_others_on_the_connection_are_not_lost_with_one_that_is_late() -> None:
    async def story() -> None:
        server = Http2Server(lambda _: HELLO)
        async with talking(server, deadline_s=0.3) as client:
            server.faults.append(Fault.SILENCE)
            late, early = await asyncio.gather(client.ask(GET), client.ask(GET), return_exceptions=True)
            assert isinstance(late, RequestFailed)
            assert late.reason is Reason.TIMED_OUT
            assert early == HELLO

    run(story)


def test_a_connection_that_is_full_is_followed_by_another() -> None:
    async def story() -> None:
        server = Http2Server(lambda _: HELLO, most_streams=1)
        async with talking(server, deadline_s=0.5) as client:
            assert await client.ask(GET) == HELLO  # now its limit is known
            server.faults.append(Fault.SILENCE)
            late, early = await asyncio.gather(client.ask(GET), client.ask(GET), return_exceptions=True)
            assert isinstance(late, RequestFailed)
            assert early == HELLO
        assert server.connections == 2

    run(story)


def test_a_peer_that_has_us_talk_and_does_not_listen() -> None:
    async def story() -> None:
        enough = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(24)  # the preface, and not a byte more
            writer.write(write_settings({}))
            ping = write_frame(FrameType.PING, 0, 0, bytes(8))
            with contextlib.suppress(OSError):
                while not enough.is_set():
                    writer.write(ping * 1_000)
                    await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, HOST, 0, limit=24)
        client = Http2(HOST, server.sockets[0].getsockname()[1])
        with pytest.raises(RequestFailed, match="the peer does not read"):
            await client.ask(GET)
        enough.set()
        client.close()
        server.close()
        await server.wait_closed()

    run(story)


def test_nobody_listens(free_port: Callable[[], int]) -> None:
    async def story() -> None:
        with pytest.raises(RequestFailed, match="nobody listens") as raised:
            await Http2(HOST, free_port()).ask(GET)
        assert raised.value.reason is Reason.UNREACHABLE
        assert not raised.value.may_have_been_done

    run(story)


def test_the_server_restarts() -> None:
    async def story() -> None:
        server = Http2Server(lambda _: HELLO)
        async with talking(server) as client:
            assert await client.ask(GET) == HELLO
            await server.stop()
            with pytest.raises(RequestFailed):
                await client.ask(GET)
            await server.start()
            assert await client.ask(GET) == HELLO

    run(story)


def test_closing_ends_what_waits() -> None:
    async def story() -> None:
        server = Http2Server(lambda _: HELLO)
        async with talking(server) as client:
            server.faults.append(Fault.SILENCE)
            waiting = asyncio.create_task(client.ask(GET))
            await server.asked.wait()
            client.close()
            with pytest.raises(RequestFailed, match="closed here"):
                await waiting

    run(story)
