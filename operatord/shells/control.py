"""The control socket: whoever may open it asks one thing, in one line of JSON, and gets one answer.

{"ask": "status"} or {"ask": "revoke", ...}. A Unix socket for its owner and group alone. Decides nothing.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from wire.errors import DecodeError, ShellError

MAX_LINE_BYTES = 16 * 1024
_ASK_TIMEOUT_S = 10.0
Handle = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""From a question to its answer. Raises DecodeError for one that makes no sense."""


class ControlSocket:
    """Serves from `open` to `close`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._server: asyncio.Server | None = None

    async def open(self, handle: Handle) -> None:
        """Raises ShellError."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, ValueError):  # whoever asked is gone, or never ends its line
                line = await asyncio.wait_for(reader.readline(), _ASK_TIMEOUT_S)
                writer.write(json.dumps(await _answer(handle, line)).encode() + b"\n")
                await writer.drain()
            writer.close()

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(serve, self._path, limit=MAX_LINE_BYTES)
            self._path.chmod(0o660)
        except OSError as error:
            raise ShellError("control socket", f"{self._path}: {error}") from error

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)


async def _answer(handle: Handle, line: bytes) -> dict[str, Any]:
    try:
        question = json.loads(line)
        if not isinstance(question, dict):
            return {"error": "a question is one JSON object on a line"}
        return await handle(question)
    except (ValueError, RecursionError, ShellError) as error:  # DecodeError too
        return {"error": str(error)}


def ask(path: Path, question: dict[str, Any]) -> dict[str, Any]:
    """What the daemon behind this socket answers. Raises ShellError, DecodeError for an answer that says no."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_ASK_TIMEOUT_S)
            client.connect(str(path))
            client.sendall(json.dumps(question).encode() + b"\n")
            answer = json.loads(b"".join(iter(lambda: client.recv(65_536), b"")))
    except (OSError, ValueError) as error:
        raise ShellError("control socket", f"{path}: {error}; is operatord running?") from error
    if not isinstance(answer, dict):
        raise ShellError("control socket", f"{path}: answers something that is no answer")
    if "error" in answer:
        raise DecodeError(str(answer["error"]))
    return answer
