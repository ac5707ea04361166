"""The process that serves the operator's page, and the operatord that starts it.

A process of its own: a station waits for RADIUS's answer, and nobody who looks at a page, proves a key or makes a chain
of signatures be verified may make it wait. It ends with the operatord that started it, whatever ended that.
"""

import asyncio
import contextlib
import os
import signal
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn

from ledger.http import Server, listen
from operatord.page.guard import open_guard
from operatord.page.history import History
from operatord.page.pages import create_page
from operatord.page.settings import PageSettings
from operatord.page.sight import Sight
from operatord.settings import OperatorSettings
from wire.errors import ConfigError

MAX_CONNECTIONS = 200
"""People with their browsers; beyond, whoever asks is told 503."""
PARENT_S = 1.0
AGAIN_S = 5.0
"""After a page that ended by itself another is started."""


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


def check_files(page: PageSettings) -> None:
    """Whether TLS could begin. Raises ConfigError."""
    if page.certificate is None or page.key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(page.certificate, page.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"page.certificate: {page.certificate} with {page.key}: {error}") from error


async def serve_page(
    settings: OperatorSettings, tell: Callable[[str], None], ready: Callable[[str], None]
) -> None:
    """Until SIGTERM, or until the process that started us is gone; `ready` gets a line once it listens. Raises
    ShellError, ConfigError.
    """
    page = settings.page
    if page is None:
        raise ConfigError("page: there is no such section: nothing is to be served")
    check_files(page)
    history = History(settings.state / "page.db", settings.ledger.ledger_id)
    sight = Sight(settings, history, tell)
    app = create_page(sight, open_guard(settings), is_secure=page.origin.is_secure)
    listening = listen(page.host, page.port)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="off", limit_concurrency=MAX_CONNECTIONS,
        ssl_certfile=page.certificate, ssl_keyfile=page.key, server_header=False,
    )  # fmt: skip
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(sight.follow()),
                tasks.create_task(sight.look_on()),
                tasks.create_task(Server(config).serve([listening])),
                tasks.create_task(watch_parent(stop)),
            ]
            port = listening.getsockname()[1]
            ready(f"operatord page ready {page.origin.text} at {page.host} port {port}")
            await stop.wait()
            for task in running:
                task.cancel()
    finally:
        history.close()


async def watch_parent(stop: asyncio.Event) -> None:
    """One without its operatord would keep the port from the next one."""
    parent = os.getppid()
    while os.getppid() == parent:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PARENT_S):
                await stop.wait()
                return
    stop.set()
