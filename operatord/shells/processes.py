"""Processes of operatord's own: one runs until it is told to end, and keeps others beside it that end with it.

The page and the door of enrolment are such others, so that nobody who comes there makes a station wait for RADIUS's
answer. One without its operatord would keep the port from the next one: it ends, whatever ended that.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

PARENT_S = 1.0
AGAIN_S = 5.0
"""After a process that ended by itself another is started."""


async def run_until_told(*tasks: Coroutine[Any, Any, object]) -> None:
    """All of them, until SIGTERM or SIGINT, and then none. What one of them raises ends the others, in a group."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(task) for task in tasks]
        await stop.wait()
        for task in running:
            task.cancel()


async def keep(command: str, config: Path, tell: Callable[[str], None]) -> None:
    """Starts `operatord command` as a process, and starts it again if it ends; until cancelled."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "operatord", command, str(config), stdin=asyncio.subprocess.DEVNULL
        )
        try:
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        tell(f"the {command} ended with status {status}; it is started again in {AGAIN_S:g} s")
        await asyncio.sleep(AGAIN_S)


async def end_with_parent() -> None:
    """Tells this process to end as soon as the one that started it is gone."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 no event of the loop says so
        await asyncio.sleep(PARENT_S)
    signal.raise_signal(signal.SIGTERM)
