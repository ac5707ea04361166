"""The door for payments: what is answered, and what is dropped before anybody looks."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from operatord.budgets import Address
from operatord.shells.payments import Admit, everything, open_payments
from wire.errors import ShellError


def run(
    handle: Callable[[bytes, Address], Awaitable[bytes]],
    talk: Callable[[socket.socket], Awaitable[None]],
    admit: Admit = everything,
) -> Counter[str]:
    """One open door, one connected client, and what was dropped."""
    dropped: Counter[str] = Counter()

    async def serve() -> None:
        door = await open_payments("127.0.0.1", 0, handle, lambda kind: dropped.update([kind]), admit)
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


async def echo(data: bytes, _: Address) -> bytes:
    return data[::-1]


def test_an_answer_goes_to_who_asked() -> None:
    async def talk(client: socket.socket) -> None:
        client.send(b"abc")
        assert await heard(client) == b"cba"

    assert run(echo, talk) == Counter()


def test_who_is_not_answered_hears_nothing() -> None:
    async def say_nothing(data: bytes, _: Address) -> bytes:
        return b"" if data == b"stranger" else data

    async def talk(client: socket.socket) -> None:
        client.send(b"stranger")
        client.send(b"known")
        assert await heard(client) == b"known"

    run(say_nothing, talk)


def test_a_disk_that_fails_answers_nobody() -> None:
    async def fail(data: bytes, _: Address) -> bytes:
        if data == b"pay":
            raise ShellError("store", "is full")
        return data

    async def talk(client: socket.socket) -> None:
        client.send(b"pay")
        client.send(b"ask")
        assert await heard(client) == b"ask"

    run(fail, talk)


def test_what_is_not_admitted_is_counted_and_not_handled() -> None:
    seen: list[Address] = []

    def admit(data: bytes, address: Address) -> str:
        seen.append(address)
        return "payment: rubbish" if data == b"x" else ""

    async def talk(client: socket.socket) -> None:
        for data in (b"x", b"x" * 1_300, b"abc"):
            client.send(data)
        assert await heard(client) == b"cba"
        assert seen == [client.getsockname()] * 2, "what is too long is not even shown"

    assert run(echo, talk, admit) == Counter({"payment: rubbish": 1, "payment: not for us": 1})


def test_what_waits_is_bounded_and_ends_with_the_door() -> None:
    waiting = 0

    async def serve() -> None:
        dropped, everybody = asyncio.Event(), asyncio.Event()

        async def wait(_data: bytes, _: Address) -> bytes:
            nonlocal waiting
            waiting += 1
            if waiting == 2:
                everybody.set()
            answer: bytes = await asyncio.get_running_loop().create_future()
            return answer

        door = await open_payments(
            "127.0.0.1", 0, wait, lambda kind: dropped.set() if "wait" in kind else None, waiting=2
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
