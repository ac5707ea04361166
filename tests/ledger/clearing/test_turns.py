"""Who stalls waits for himself: first attempts before second ones, a host one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ledger.clearing.turns import Turns
from wire.errors import ShellError


class Desks:
    """Each call lasts until the test ends it. `asked` says in which order they began."""

    def __init__(self, at_once: int) -> None:
        self.turns = Turns(at_once)
        self.asked: list[str] = []
        self.open: dict[str, asyncio.Future[None]] = {}

    async def ask(self, who: str, url: str) -> None:
        async with self.turns.turn(who.encode(), url):
            self.asked.append(who)
            self.open[who] = asyncio.get_running_loop().create_future()
            await self.open[who]

    async def end(self, who: str, error: Exception | None = None) -> None:
        if error is None:
            self.open.pop(who).set_result(None)
        else:
            self.open.pop(who).set_exception(error)
        await settle()


async def settle() -> None:
    """Everything that can go on has gone on."""
    for _ in range(10):
        await asyncio.sleep(0)


def run(scenario: Callable[[Desks], Awaitable[None]], at_once: int) -> None:
    async def play() -> None:
        await scenario(Desks(at_once))

    asyncio.run(play())


def test_a_host_is_asked_one_at_a_time_and_holds_up_nobody_else() -> None:
    async def scenario(desks: Desks) -> None:
        calls = [desks.ask(f"bad{n}", "http://Bad.example/x") for n in range(3)]
        calls.append(desks.ask("good", "http://good.example:8600/offer"))
        tasks = [asyncio.create_task(one) for one in calls]
        await settle()
        assert desks.asked == ["bad0", "good"]
        for who in ("good", "bad0", "bad1", "bad2"):
            await desks.end(who)
        assert desks.asked == ["bad0", "good", "bad1", "bad2"]
        await asyncio.gather(*tasks)

    run(scenario, at_once=4)


def test_who_failed_comes_behind_all_who_did_not() -> None:
    async def scenario(desks: Desks) -> None:
        first = asyncio.create_task(desks.ask("slow", "http://slow.example/"))
        await settle()
        await desks.end("slow", ShellError("slow", "said nothing"))
        with pytest.raises(ShellError):
            await first
        held = asyncio.create_task(desks.ask("held", "http://held.example/"))
        await settle()
        again = [
            asyncio.create_task(desks.ask(who, f"http://{host}.example/"))
            for who, host in (("slow", "slow"), ("other", "slow"), ("new", "new"))
        ]
        await settle()
        for who in ("held", "new", "other", "slow"):
            await desks.end(who)
        assert desks.asked == ["slow", "held", "new", "other", "slow"]
        await asyncio.gather(held, *again)

    run(scenario, at_once=1)


def test_who_gives_up_waiting_or_asking_leaves_nothing_behind() -> None:
    async def scenario(desks: Desks) -> None:
        tasks = [asyncio.create_task(desks.ask(str(n), f"http://{n}.example/")) for n in range(3)]
        await settle()
        for task in tasks[:2]:
            task.cancel()
        await asyncio.gather(*tasks[:2], return_exceptions=True)
        await settle()
        assert desks.asked == ["0", "2"]
        await desks.end("2")
        await tasks[2]
        await asyncio.create_task(fails(desks))
        desks.turns.forget(b"gone")
        assert not desks.turns._failures
        assert not desks.turns._host_failures

    async def fails(desks: Desks) -> None:
        with pytest.raises(ShellError):
            async with desks.turns.turn(b"gone", "http://[bad"):
                raise ShellError("gone", "away")

    run(scenario, at_once=1)
