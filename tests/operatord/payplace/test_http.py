"""The door for merchants where what is behind it fails: the reason is told to the operator, not to whoever asks."""

import asyncio
import threading
import urllib.error
import urllib.request

import pytest

from operatord.payplace.http import (
    MAX_OF_ONE,
    MAX_SIGNATURES,
    Gathering,
    TooManyError,
    Turnstile,
    create_app,
)
from operatord.payplace.office import HttpOffice
from tests.operatord.payplace.serving import served
from wire.errors import ShellError


class Broken:
    """An office whose disk fails."""

    def __getattr__(self, name: str) -> object:
        def fail(*_: object) -> None:
            raise ShellError("payouts", "/secret/place: no space left")

        return fail


def test_a_disk_that_fails_is_told_to_the_operator():
    told: list[str] = []
    with served(create_app(Broken(), told.append)) as url:  # type: ignore[arg-type]
        for path in ("announcement", "kept", f"blocks/{bytes(32).hex()}"):
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(f"{url}/v1/payplace/{path}")
            with caught.value as error:
                assert (error.code, error.read()) == (503, b"try again later")
        with pytest.raises(ShellError, match="try again later"):
            HttpOffice(url).announcement()
    assert told == ["payouts: /secret/place: no space left"] * 4


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
        gathering = Gathering(desk)  # type: ignore[arg-type]
        first = asyncio.create_task(gathering.take((b"first", 1, b"good")))
        await asyncio.to_thread(desk.begun.wait, 30)
        brought = [(bytes([n]), 1, b"good" if n % 3 else b"forged") for n in range(100)]
        others = [asyncio.create_task(gathering.take(one)) for one in brought]
        await asyncio.sleep(0)
        desk.go.set()
        assert await first == ""
        assert await asyncio.gather(*others) == ["" if n % 3 else "bad" for n in range(100)]
        assert desk.batches == [1, 100]

    asyncio.run(bring())


def test_nobody_fills_the_queue_in_one_merchants_name():
    async def bring() -> None:
        desk = Slow()
        gathering = Gathering(desk)  # type: ignore[arg-type]
        mine = [asyncio.create_task(gathering.take((b"me", 1, b"forged"))) for _ in range(MAX_OF_ONE)]
        await asyncio.to_thread(desk.begun.wait, 30)
        with pytest.raises(TooManyError):
            await gathering.take((b"me", 1, b"good"))
        names = [n.to_bytes(4, "big") for n in range(MAX_SIGNATURES)]
        waiting = len(gathering._waiting)
        others = [asyncio.create_task(gathering.take((one, 1, b"good"))) for one in names[waiting:]]
        await asyncio.sleep(0)
        with pytest.raises(TooManyError):
            await gathering.take((b"another", 1, b"good"))
        desk.go.set()
        assert set(await asyncio.gather(*mine)) == {"bad"}
        assert set(await asyncio.gather(*others)) == {""}
        assert await gathering.take((b"me", 1, b"good")) == "", "once there is room again"

    asyncio.run(bring())


def test_a_desk_that_fails_is_told_to_everybody_who_waited():
    class Failing:
        def take_signatures(self, _):
            raise ShellError("payouts", "no space left")

    async def bring() -> None:
        gathering = Gathering(Failing())  # type: ignore[arg-type]
        tasks = [asyncio.create_task(gathering.take((bytes([n]), 1, b""))) for n in range(3)]
        said = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in said] == [ShellError] * 3

    asyncio.run(bring())


def test_a_turnstile_lets_few_in_has_some_wait_and_sends_the_rest_away():
    async def crowd() -> None:
        turnstile, end, inside, most = Turnstile(at_once=2, waiting=3), asyncio.Event(), 0, 0

        async def go() -> None:
            nonlocal inside, most
            async with turnstile.turn():
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
        async with turnstile.turn():
            pass

    asyncio.run(crowd())
