"""Crowds at the merchants' door: one host keeps nobody from anything, and many leave a chance at each try."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable

import pytest

from operatord.payplace.crowds import (
    MAX_OF_NAME,
    MAX_SIGNATURES,
    Gathering,
    TooManyError,
    Turnstile,
    host_of,
)
from wire.errors import ShellError

A, B = "192.0.2.1", "192.0.2.2"


class Slow:
    """A desk whose first batch takes until `go`."""

    def __init__(self) -> None:
        self.go, self.begun, self.batches = threading.Event(), threading.Event(), list[int]()

    def take_signatures(self, brought):
        self.batches.append(len(brought))
        self.begun.set()
        assert self.go.wait(30)
        return ["" if octets == b"good" else "bad" for _, _, octets in brought]


def test_signatures_that_come_meanwhile_are_verified_together():
    async def bring() -> None:
        desk = Slow()
        gathering = Gathering(desk)
        first = asyncio.create_task(gathering.take((b"first", 1, b"good"), A))
        await asyncio.to_thread(desk.begun.wait, 30)
        brought = [(bytes([n]), 1, b"good" if n % 3 else b"forged") for n in range(100)]
        others = [asyncio.create_task(gathering.take(one, A)) for one in brought]
        await asyncio.sleep(0)
        desk.go.set()
        assert await first == ""
        assert await asyncio.gather(*others) == ["" if n % 3 else "bad" for n in range(100)]
        assert desk.batches == [1, 100]

    asyncio.run(bring())


Bring = Callable[[bytes, bytes, str], "asyncio.Task[str]"]


def while_the_desk_works(play: Callable[[Bring], Awaitable[list["asyncio.Task[str]"]]]) -> list[str]:
    """What the tasks that `play` gives come to: "503" if they were sent away. The desk is at its first batch."""

    async def main() -> list[str]:
        desk = Slow()
        gathering = Gathering(desk, random.Random(7).randrange)

        def bring(name: bytes, octets: bytes, host: str) -> "asyncio.Task[str]":
            return asyncio.create_task(gathering.take((name, 1, octets), host))

        first = bring(b"first", b"good", A)
        await asyncio.to_thread(desk.begun.wait, 30)
        tasks = await play(bring)
        await asyncio.sleep(0)
        desk.go.set()
        assert await first == ""
        said = await asyncio.gather(*tasks, return_exceptions=True)
        assert not gathering._waiting
        assert not gathering._count
        return ["503" if isinstance(one, TooManyError) else str(one) for one in said]

    return asyncio.run(main())


@pytest.mark.parametrize("before", [0, MAX_OF_NAME, 300])
def test_one_host_that_forges_in_a_name_keeps_its_owner_from_nothing(before):
    """However many connections it has, and whether they come first or afterwards."""

    async def play(bring):
        forged = [bring(b"me", b"forged", A) for _ in range(before)]
        own = bring(b"me", b"good", B)
        return [own, *forged, *(bring(b"me", b"forged", A) for _ in range(300 - before))]

    own, *forged = while_the_desk_works(play)
    assert own == ""
    assert forged.count("bad") == MAX_OF_NAME - 1
    assert forged.count("503") == 300 - MAX_OF_NAME + 1


def test_of_many_hosts_that_forge_none_has_a_place_by_being_first():
    """A hundred forgers by a hundred addresses: some of a name are verified, and who asks again is among them."""

    async def play(bring):
        asked = [bring(b"me", b"good" if n % 10 == 0 else b"forged", f"192.0.2.{n}") for n in range(100)]
        return list(asked)

    said = while_the_desk_works(play)
    kept = [n for n, one in enumerate(said) if one != "503"]
    assert len(kept) == MAX_OF_NAME
    assert kept != list(range(MAX_OF_NAME)), "not the first"
    assert kept != list(range(100 - MAX_OF_NAME, 100)), "not the last"


def test_one_host_that_names_everybody_keeps_nobody_out():
    async def play(bring):
        names = [n.to_bytes(4, "big") for n in range(MAX_SIGNATURES + 50)]
        crowd = [bring(name, b"forged", A) for name in names]
        return [bring(b"me", b"good", B), bring(names[0], b"good", B), *crowd]

    mine, other, *crowd = while_the_desk_works(play)
    assert (mine, other) == ("", "")
    assert crowd.count("bad") == MAX_SIGNATURES - 2


def test_a_desk_that_fails_is_told_to_everybody_who_waited():
    class Failing:
        def take_signatures(self, _):
            raise ShellError("payouts", "no space left")

    async def bring() -> None:
        gathering = Gathering(Failing())
        tasks = [asyncio.create_task(gathering.take((bytes([n]), 1, b""), A)) for n in range(3)]
        said = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in said] == [ShellError] * 3

    asyncio.run(bring())


def test_a_turnstile_lets_few_in_has_some_wait_and_sends_the_rest_away():
    async def crowd() -> None:
        turnstile, end, inside, most = Turnstile(at_once=2, waiting=3), asyncio.Event(), 0, 0

        async def go() -> None:
            nonlocal inside, most
            async with turnstile.turn(A):
                inside += 1
                most = max(most, inside)
                await end.wait()
                inside -= 1

        tasks = [asyncio.create_task(go()) for _ in range(7)]
        await asyncio.sleep(0)
        end.set()
        said = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in said].count(TooManyError) == 2
        assert most == 2
        async with turnstile.turn(A):
            pass

    asyncio.run(crowd())


def test_of_one_host_a_few_are_let_in():
    async def crowd() -> None:
        turnstile, end = Turnstile(at_once=1, waiting=4, of_one=3), asyncio.Event()

        async def go(host: str) -> None:
            async with turnstile.turn(host):
                await end.wait()

        tasks = [asyncio.create_task(go(A)) for _ in range(300)]
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(go(B)))
        await asyncio.sleep(0)
        end.set()
        said = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in said[:-1]].count(TooManyError) == 297
        assert said[-1] is None
        assert not turnstile._inside

    asyncio.run(crowd())


def test_a_host_is_an_address_or_a_network_of_64_bits():
    assert host_of("2001:db8:1:2::7") == host_of("2001:db8:1:2:ffff::9") != host_of("2001:db8:1:3::7")
    assert host_of("::ffff:192.0.2.1") == host_of("192.0.2.1") != host_of("192.0.2.2")
    assert host_of("socket") == "socket"
