"""A loss is told once, the waits grow, and who is back begins anew."""

import asyncio

from apd.shells.comeback import Comeback


def test_it_tells_once_and_tries_until_it_is_there(run_async):
    said: list[str] = []

    async def run():
        done, comeback = asyncio.Event(), Comeback((0.0, 0.0))

        def lose() -> None:
            comeback.lost(attempt, lambda: said.append("lost"))

        def attempt() -> None:
            said.append("attempt")
            if said.count("attempt") < 4:
                lose()
            else:
                comeback.succeeded()
                done.set()

        lose()
        await asyncio.wait_for(done.wait(), 5)
        lose()
        comeback.stop()

    run_async(run())
    assert said == ["lost", "attempt", "attempt", "attempt", "attempt", "lost"]


def test_the_waits_grow_to_the_last_and_begin_anew(run_async):
    async def run():
        loop, comeback, waits = asyncio.get_running_loop(), Comeback((10.0, 20.0)), []
        for lost in (True, True, True, False, True):
            if not lost:
                comeback.succeeded()
                continue
            comeback.lost(lambda: None, lambda: None)
            assert comeback._timer is not None
            waits.append(comeback._timer.when() - loop.time())
        comeback.stop()
        return [round(wait_s) for wait_s in waits]

    assert run_async(run()) == [10, 20, 20, 10]
