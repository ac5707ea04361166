"""The control socket: one question, one answer, and no word that ends it."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from operatord.shells.control import ControlSocket, ask
from wire.errors import DecodeError, ShellError


async def handle(question: dict[str, Any]) -> dict[str, Any]:
    if question == {"ask": "status"}:
        return {"grants": 3}
    raise DecodeError("ask for status")


def raw(path: Path, line: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(path))
        client.sendall(line)
        return b"".join(iter(lambda: client.recv(65_536), b""))


def test_a_question_is_answered_and_nonsense_refused(tmp_path: Path, run_async) -> None:
    path = tmp_path / "operatord.sock"
    path.write_text("left over")

    async def story() -> None:
        control = ControlSocket(path)
        await control.open(handle)
        assert await asyncio.to_thread(ask, path, {"ask": "status"}) == {"grants": 3}
        with pytest.raises(DecodeError, match="ask for status"):
            await asyncio.to_thread(ask, path, {"ask": "everything"})
        for line in (b"\n", b"[]\n", b"\xff\n", b'{"ask":\n', b"[" * 9_000 + b"\n"):
            assert b"error" in await asyncio.to_thread(raw, path, line), line[:20]
        assert await asyncio.to_thread(raw, path, b"x" * 20_000 + b"\n") == b"", "longer than any question"
        assert await asyncio.to_thread(ask, path, {"ask": "status"}) == {"grants": 3}
        assert path.stat().st_mode & 0o777 == 0o660
        control.close()

    run_async(story())
    with pytest.raises(ShellError, match="is operatord running"):
        ask(path, {"ask": "status"})
