"""The door for payments: what is answered, and what is dropped before anybody looks."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from operatord.shells.payments import DEFAULT_LIMITS, Limits, open_payments
from wire.errors import ShellError


def run(
    handle: Callable[[bytes], Awaitable[bytes]],
    talk: Callable[[socket.socket], Awaitable[None]],
    limits: Limits = DEFAULT_LIMITS,
) -> Counter[str]:
    """One open door, one connected client, and what was dropped."""
    dropped: Counter[str] = Counter()

    async def serve() -> None:
        door = await open_payments("127.0.0.1", 0, handle, lambda kind: dropped.update([kind]), limits)
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.setblocking(False)
        client.connect(("127.0.0.1", door.port))
        try:
            await talk(client)
        finally:
            client.close()
            await door.close()

    asyncio.run(serve())
    return dropped


async def heard(client: socket.socket) -> bytes:
    async with asyncio.timeout(5):
        return await asyncio.get_running_loop().sock_recv(client, 2_000)


async def echo(data: bytes) -> bytes:
    return data[::-1]


def test_an_answer_goes_to_who_asked() -> None:
    async def talk(client: socket.socket) -> None:
        client.send(b"abc")
        assert await heard(client) == b"cba"

    assert run(echo, talk) == Counter()


def test_who_is_not_answered_hears_nothing() -> None:
    async def say_nothing(data: bytes) -> bytes:
        return b"" if data == b"stranger" else data

    async def talk(client: socket.socket) -> None:
        client.send(b"stranger")
        client.send(b"known")
        assert await heard(client) == b"known"

    run(say_nothing, talk)


def test_a_disk_that_fails_answers_nobody() -> None:
    async def fail(data: bytes) -> bytes:
        if data == b"pay":
            raise ShellError("store", "is full")
        return data

    async def talk(client: socket.socket) -> None:
        client.send(b"pay")
        client.send(b"ask")
        assert await heard(client) == b"ask"

    run(fail, talk)


def test_a_flood_of_one_address_is_dropped() -> None:
    async def talk(client: socket.socket) -> None:
        for _ in range(40):
            client.send(b"x")
        for _ in range(3):
            assert await heard(client) == b"x"
        for _ in range(100):  # the loop reads one datagram in each turn
            await asyncio.sleep(0)

    assert run(echo, talk, Limits(per_s=3))["payment: too often"] >= 30


def test_what_waits_is_bounded_and_ends_with_the_door() -> None:
    waiting = 0

    async def serve() -> None:
        dropped, everybody = asyncio.Event(), asyncio.Event()

        async def wait(_: bytes) -> bytes:
            nonlocal waiting
            waiting += 1
            if waiting == 2:
                everybody.set()
            answer: bytes = await asyncio.get_running_loop().create_future()
            return answer

        door = await open_payments(
            "127.0.0.1", 0, wait, lambda kind: dropped.set() if "wait" in kind else None, Limits(waiting=2)
        )
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect(("127.0.0.1", door.port))
        try:
            async with asyncio.timeout(5):
                client.send(b"x")
                client.send(b"x")
                await everybody.wait()
                client.send(b"x")
                await dropped.wait()
        finally:
            client.close()
            await door.close()

    asyncio.run(serve())
    assert waiting == 2


def test_an_address_that_is_taken() -> None:
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", 0))
    try:
        with pytest.raises(ShellError, match="payments"):
            asyncio.run(open_payments("127.0.0.1", taken.getsockname()[1], echo, lambda _: None))
    finally:
        taken.close()


def test_rubbish_takes_nobodys_share() -> None:
    async def serve() -> None:
        dropped: Counter[str] = Counter()
        door = await open_payments(
            "127.0.0.1",
            0,
            echo,
            lambda kind: dropped.update([kind]),
            Limits(all_per_s=5),
            lambda data: data != b"x",
        )
        strangers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.setblocking(False)
        client.connect(("127.0.0.1", door.port))
        try:
            for stranger in strangers:
                stranger.sendto(b"x", ("127.0.0.1", door.port))
            client.send(b"abc")
            assert await heard(client) == b"cba"
        finally:
            for one in (*strangers, client):
                one.close()
            await door.close()
        assert dropped == Counter({"payment: not for us": 20})

    asyncio.run(serve())
