"""Who waits for a transaction is told once, from any thread, and forgotten."""

from __future__ import annotations

import asyncio

from ledger.abci.waiting import Waiters
from ledger.submission import Executed, Refused

DONE = Executed(b"one", 1, 2)


def test_everybody_who_waits_is_told_from_another_thread() -> None:
    async def run() -> None:
        waiters = Waiters()
        futures = [waiters.wait_for(b"one"), waiters.wait_for(b"one")]
        other = waiters.wait_for(b"other")
        await asyncio.to_thread(waiters.tell, b"one", DONE)
        assert await asyncio.gather(*futures) == [DONE, DONE]
        assert not other.done()
        assert len(waiters) == 1
        other.cancel()
        await asyncio.sleep(0)
        assert len(waiters) == 0

    asyncio.run(run())


def test_the_first_word_counts_and_strangers_are_passed_over() -> None:
    async def run() -> None:
        waiters = Waiters()
        future = waiters.wait_for(b"one")
        waiters.tell(b"stranger", DONE)
        waiters.tell(b"one", DONE)
        waiters.tell(b"one", Refused(b"one", "no", "", 1, 2))
        assert await future == DONE
        await asyncio.sleep(0)
        assert len(waiters) == 0
        waiters.tell(b"one", DONE)

    asyncio.run(run())
