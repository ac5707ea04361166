"""The control socket: whoever may open it asks the daemon, and may end a session; its mode says who that is.

In: one line of JSON, `{"method": "revoke", "grant": "…"}`; a connection that ends its side without a word asks for the
status. Out: one JSON document, `{"error": "…"}` where the question was wrong, and the end of the connection.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wire.errors import DecodeError, ShellError

_ASK_TIMEOUT_S = 5.0
_QUESTION_BYTES = 1_024

Ask = Callable[[str, Mapping[str, Any]], dict[str, Any]]


class ControlSocket:
    """A Unix socket, readable and writable by its owner and group only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._server: asyncio.Server | None = None

    async def serve(self, ask: Ask) -> None:
        """Answers each connection with `ask(method, arguments)`, which raises DecodeError, and hangs up."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, TimeoutError):  # whoever asked is gone, or never asks
                async with asyncio.timeout(_ASK_TIMEOUT_S):
                    question = await _read_line(reader)
                writer.write(json.dumps(_answer(ask, question)).encode())
                await writer.drain()
            writer.close()

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(answer, self._path, limit=_QUESTION_BYTES)
            self._path.chmod(0o660)
        except OSError as error:
            raise ShellError("control socket", f"{self._path}: {error}") from error

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    """Longer than any question there is: cut off, and then no JSON."""
    try:
        return await reader.readline()
    except ValueError:
        return b"{"


def _answer(ask: Ask, question: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(question) if question.strip() else {"method": "status"}
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict) or not isinstance(method := asked.pop("method", None), str):
        return {"error": 'a question is one line of JSON, such as {"method": "status"}'}
    try:
        return ask(method, asked)
    except DecodeError as error:
        return {"error": str(error)}


def ask_daemon(path: Path, method: str, **arguments: str) -> dict[str, Any]:
    """What the daemon behind this socket says. Raises ShellError; DecodeError if the question was wrong."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_ASK_TIMEOUT_S)
            client.connect(str(path))
            client.sendall(json.dumps({"method": method, **arguments}).encode() + b"\n")
            octets = b"".join(iter(lambda: client.recv(65_536), b""))
        answer = json.loads(octets)
    except (OSError, ValueError) as error:
        raise ShellError("control socket", f"{path}: {error}; is apd running?") from error
    assert isinstance(answer, dict)
    if "error" in answer:
        raise DecodeError(str(answer["error"]))
    return answer


def ask_status(path: Path) -> dict[str, Any]:
    """Everything that the daemon says of itself. Raises ShellError."""
    return ask_daemon(path, "status")
