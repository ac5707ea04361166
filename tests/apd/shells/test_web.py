"""The listener of [web]: one page, to few, for a short while; on a real socket of this machine."""

import asyncio
import socket
import subprocess
from collections.abc import Awaitable, Callable

import pytest

from apd.commands import Note
from apd.settings import WebSettings
from apd.shells.web import MAX_CONNECTIONS, MAX_REQUEST_BYTES, Web
from tests.apd.playbook import run_session, sells, start_box
from wire.errors import ShellError

HOST = b"Host: 127.0.0.1\r\n\r\n"
LIMIT_S = 20


def serving(
    story: Callable[[int], Awaitable[None]], *, deadline_s: float = LIMIT_S, address: str = "127.0.0.1"
) -> None:
    """Tells `story` the port of a box with one session, and closes the listener after it."""
    box = sells(start_box())
    run_session(box)

    async def play() -> None:
        web = Web(WebSettings((address,), 0), ("nowhere0",), deadline_s)
        await web.serve(lambda: box.state)
        web.watch(Note("ready", "selling"))
        try:
            async with asyncio.timeout(LIMIT_S):
                await story(web.port)
        finally:
            web.close()
            await asyncio.sleep(0)

    asyncio.run(play())


async def exchange(port: int, asked: bytes, address: str = "127.0.0.1") -> bytes:
    """What is answered, until it hangs up."""
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(asked)
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def asks(asked: bytes) -> bytes:
    heard = b""

    async def story(port: int) -> None:
        nonlocal heard
        heard = await exchange(port, asked)

    serving(story)
    return heard


def test_metrics_are_a_page_for_prometheus():
    head, _, page = asks(b"GET /metrics HTTP/1.1\r\n" + HOST).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n")
    assert f"Content-Length: {len(page)}".encode() in head
    assert b'airgrant_box_sessions{phase="active"} 1\n' in page
    assert b'airgrant_box_notes_total{what="ready"} 1\n' in page
    resident = next(line for line in page.splitlines() if line.startswith(b"airgrant_box_resident_bytes"))
    assert int(resident.split()[1]) > 1_000_000


def test_the_owner_reads_a_page_that_may_run_nothing():
    head, _, page = asks(b"GET / HTTP/1.1\r\n" + HOST).partition(b"\r\n\r\n")
    assert b"\r\nContent-Type: text/html; charset=utf-8\r\n" in head
    assert b"\r\nContent-Security-Policy: default-src 'none'; " in head
    assert f"Content-Length: {len(page)}".encode() in head
    assert b"1 customer is served" in page


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (b"POST /metrics HTTP/1.1\r\n" + HOST, b"405"),
        (b"HEAD /metrics HTTP/1.1\r\n" + HOST, b"405"),
        (b"GET /index.html HTTP/1.1\r\n" + HOST, b"404"),
        (b"GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n", b"421"),
        (b"GET /metrics/../etc/passwd HTTP/1.1\r\n" + HOST, b"404"),
        (b"GET /metrics HTTP/1.1\r\nHost: rebound.example\r\n\r\n", b"421"),
        (b"GET /metrics HTTP/1.1\r\nX: y\r\nhost:rebound.example:8470\r\n\r\n", b"421"),
        (b"GET /metrics HTTP/3\r\n" + HOST, b"400"),
        (b"\r\n\r\n", b"400"),
        (b"\xff\x00 \r\n\r\n", b"400"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * MAX_REQUEST_BYTES, b"431"),
        (b"GET /metrics HTTP/1.1\r\nHost: [::1]:8470\r\n\r\n", b"200"),
        (b"GET /metrics HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /metrics?x=1 HTTP/1.1\r\n" + HOST, b"200"),
    ],
)
def test_nothing_else_is_answered(asked, status):
    assert asks(asked).split(b" ")[1] == status


def test_who_asks_in_pieces_is_answered_too():
    async def story(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in (b"GET /met", b"rics HTTP/1.1\r", b"\n" + HOST):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()

    serving(story)


def test_who_does_not_finish_is_cut():
    async def story(port: int) -> None:
        assert await exchange(port, b"GET /metrics HTTP/1.1\r\n") == b""

    serving(story, deadline_s=0.05)


def test_only_a_few_at_a_time():
    async def story(port: int) -> None:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CONNECTIONS)]
        assert await exchange(port, b"GET /metrics HTTP/1.1\r\n" + HOST) == b""
        silent[0][1].write(b"GET /metrics HTTP/1.1\r\n" + HOST)
        assert (await silent[0][0].read()).startswith(b"HTTP/1.1 200"), "who came first is served"
        assert (await exchange(port, b"GET /metrics HTTP/1.1\r\n" + HOST)).startswith(b"HTTP/1.1 200")
        for _, writer in silent:
            writer.close()

    serving(story)


def test_an_address_that_is_not_there_yet_is_waited_for_and_keeps_nobody_from_buying():
    told: list[Note] = []

    async def play() -> None:
        web = Web(WebSettings(("127.0.0.1", "10.255.254.253"), 0), ("nowhere0",), retry_s=0.01)
        try:
            await web.serve(lambda: start_box().state, told.append)
            assert b" 200 " in await exchange(web.port, b"GET /metrics HTTP/1.1\r\n" + HOST)
        finally:
            web.close()

    asyncio.run(play())
    assert told == [Note("web_waits", "listen: this machine has no address 10.255.254.253")]


@pytest.mark.system
def test_an_address_that_comes_later_is_served(needs):
    needs("ip")
    later = "10.255.254.253"

    async def play() -> None:
        web = Web(WebSettings((later,), 18_470), ("nowhere0",), retry_s=0.01)
        try:
            await web.serve(lambda: start_box().state)
            await asyncio.to_thread(
                subprocess.run, ["ip", "address", "add", f"{later}/32", "dev", "lo"], check=True
            )
            async with asyncio.timeout(LIMIT_S):
                while not web._servers:  # noqa: ASYNC110 - nobody is told when it listens
                    await asyncio.sleep(0)
            assert b" 200 " in await exchange(web.port, b"GET /metrics HTTP/1.0\r\n\r\n", later)
        finally:
            web.close()

    try:
        asyncio.run(play())
    finally:
        subprocess.run(["ip", "address", "del", f"{later}/32", "dev", "lo"], check=False)


def test_the_stations_interface_is_refused():
    async def play() -> None:
        await Web(WebSettings(("127.0.0.1",), 0), ("lo",)).serve(lambda: start_box().state)

    with pytest.raises(ShellError, match="is of lo, and stations are there"):
        asyncio.run(play())


def test_a_port_that_is_taken_is_told():
    async def play(port: int) -> None:
        await Web(WebSettings(("127.0.0.1",), port), ()).serve(lambda: start_box().state)

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ShellError, match=r"web: .*in use"):
            asyncio.run(play(other.getsockname()[1]))


async def _nothing(_port: int) -> None:
    raise AssertionError("it serves")
