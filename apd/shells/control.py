"""The control socket: whoever may open it gets the daemon's status as one JSON document, and cannot change anything."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wire.errors import ShellError

_ASK_TIMEOUT_S = 5.0


class ControlSocket:
    """A Unix socket, readable and writable by its owner and group only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._server: asyncio.Server | None = None

    async def serve(self, status: Callable[[], dict[str, Any]]) -> None:
        """Answers each connection with `status()` and hangs up."""

        async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(json.dumps(status()).encode())
            with contextlib.suppress(OSError):  # whoever asked is gone
                await writer.drain()
            writer.close()

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(answer, self._path)
            self._path.chmod(0o660)
        except OSError as error:
            raise ShellError("control socket", f"{self._path}: {error}") from error

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)


def ask_status(path: Path) -> dict[str, Any]:
    """What the daemon behind this socket says. Raises ShellError."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_ASK_TIMEOUT_S)
            client.connect(str(path))
            answer = b"".join(iter(lambda: client.recv(65_536), b""))
        status = json.loads(answer)
    except (OSError, ValueError) as error:
        raise ShellError("control socket", f"{path}: {error}; is apd running?") from error
    assert isinstance(status, dict)
    return status
