"""The process that serves the operator's page.

A process of its own: a station waits for RADIUS's answer, and nobody who looks at a page, proves a key or makes a chain
of signatures be verified may make it wait.
"""

import ssl
from collections.abc import Callable

import uvicorn

from ledger.http import Server, listen
from operatord.page.guard import open_guard
from operatord.page.history import History
from operatord.page.pages import create_page
from operatord.page.settings import PageSettings
from operatord.page.sight import Sight
from operatord.settings import OperatorSettings
from operatord.shells.processes import end_with_parent, run_until_told
from wire.errors import ConfigError

MAX_CONNECTIONS = 200
"""People with their browsers; beyond, whoever asks is told 503."""


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
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="off", limit_concurrency=MAX_CONNECTIONS,
        ssl_certfile=page.certificate, ssl_keyfile=page.key, server_header=False,
    )  # fmt: skip

    async def say_ready() -> None:
        port = listening.getsockname()[1]
        ready(f"operatord page ready {page.origin.text} at {page.host} port {port}")

    try:
        await run_until_told(
            end_with_parent(), sight.follow(), sight.look_on(), Server(config).serve([listening]), say_ready()
        )
    finally:
        history.close()
