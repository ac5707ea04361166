"""An application served over a real socket, for as long as a test or a benchmark needs it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from socket import socket

from fastapi import FastAPI

from ledger.http import listen, serve


@contextmanager
def running(work: Callable[[socket], Awaitable[None]]) -> Iterator[str]:
    """The URL of a socket on which `work` serves, in a thread of its own, until the end of the block."""
    listening = listen("127.0.0.1", 0)
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def main() -> None:
        task = asyncio.ensure_future(work(listening))
        await stop.wait()
        task.cancel()
        await asyncio.wait([task])

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        listening.close()


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The URL of an application."""
    with running(lambda listening: serve(app, listening)) as url:
        yield url
