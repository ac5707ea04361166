"""A process that runs until it is told to end, and what it keeps beside it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from operatord.shells.processes import keep, run_until_told

CHILD = """
import asyncio
from operatord.shells.processes import end_with_parent, run_until_told

async def say():
    print("ready", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("ended in order", flush=True)

asyncio.run(run_until_told(end_with_parent(), say()))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_everything_ends_where_it_is_told_to(number: signal.Signals) -> None:
    ended = []

    async def work(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async def tell() -> None:
        signal.raise_signal(number)

    asyncio.run(run_until_told(work("one"), work("two"), tell()))
    assert sorted(ended) == ["one", "two"]


def test_what_one_raises_ends_the_others() -> None:
    async def fail() -> None:
        raise LookupError("lost")

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(run_until_told(asyncio.Event().wait(), fail()))
    assert caught.group_contains(LookupError)


def test_a_process_ends_with_the_one_that_started_it() -> None:
    """A shell that starts it stays until its input ends."""
    shell = ["sh", "-c", '"$0" -c "$1" & read _', sys.executable, CHILD]
    with subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        parent.stdin.close()
        assert parent.stdout.readline() == "ended in order\n"


def test_a_process_that_ends_by_itself_is_told_of(tmp_path: Path) -> None:
    said: asyncio.Queue[str] = asyncio.Queue()

    async def story() -> str:
        keeping = asyncio.create_task(keep("door", tmp_path / "none.toml", said.put_nowait))
        try:
            return await said.get()
        finally:
            keeping.cancel()

    assert asyncio.run(story()) == "the door ended with status 2; it is started again in 5 s"
