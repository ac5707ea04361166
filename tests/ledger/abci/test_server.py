"""The socket: order, turns, bounds, and an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from ledger.abci.messages import Flush, Request, write_echo, write_flush
from ledger.abci.server import MAX_FRAME_BYTES, AbciServer, Turns, listen_at, read_frame
from wire.errors import ShellError
from wire.protobuf import read_fields, write_delimited, write_message, write_octets, write_varint

ECHO = write_delimited(write_message(1, write_octets(1, b"hi")))
FLUSH = write_delimited(write_message(2, b""))
ANSWERS = write_delimited(write_echo(b"hi")) + write_delimited(write_flush())


class Parrot:
    """Stands where the ledger's handler does."""

    def answer(self, request: Request, turn: object = None) -> bytes:
        if isinstance(request, Flush):
            return write_flush()
        assert getattr(request, "message", b"hi") == b"hi", "not my words"
        return write_echo(b"hi")


def serve(folder: Path, talk: Callable[[socket.socket], Any], *, fails: bool = False) -> Any:
    """What `talk` returns, over a connection to a server that is ended afterwards, unless it `fails` by itself."""

    async def run() -> Any:
        address = folder / "a.sock"
        server = AbciServer(f"unix://{address}", Parrot())  # type: ignore[arg-type]
        running = asyncio.create_task(server.run())

        def connect() -> Any:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(10)
                connection.connect(str(address))
                return talk(connection)

        try:
            return await asyncio.to_thread(connect)
        finally:
            if fails:
                await asyncio.wait({running}, timeout=10)
            if not running.done():
                running.cancel()
            ended = (await asyncio.gather(running, return_exceptions=True))[0]
            assert not address.exists()
            if not isinstance(ended, asyncio.CancelledError):
                assert isinstance(ended, BaseException)
                raise ended

    return asyncio.run(run())


def receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := connection.recv(size - len(data))):
        data += more
    return data


def test_answers_come_in_order_once_they_are_asked_for(tmp_path: Path) -> None:
    def talk(connection: socket.socket) -> bytes:
        connection.sendall(ECHO + FLUSH)
        first = receive(connection, len(ANSWERS))
        connection.sendall(ECHO[:3])
        connection.sendall(ECHO[3:] + ECHO + FLUSH)
        return first + receive(connection, len(ANSWERS) + len(write_echo(b"hi")) + 1)

    echo = write_delimited(write_echo(b"hi"))
    assert serve(tmp_path, talk) == ANSWERS + echo + ANSWERS


def test_much_is_answered_before_anybody_asks(tmp_path: Path) -> None:
    def talk(connection: socket.socket) -> int:
        threading.Thread(target=connection.sendall, args=(ECHO * 20_000,)).start()
        return len(receive(connection, 64 * 1024))

    assert serve(tmp_path, talk) == 64 * 1024


@pytest.mark.parametrize("data", [write_varint(MAX_FRAME_BYTES + 1), b"\xff" * 11, write_delimited(b"\x0b")])
def test_what_is_no_request_ends_its_connection_and_no_other(tmp_path: Path, data: bytes) -> None:
    def talk(connection: socket.socket) -> tuple[bytes, bytes]:
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(10)
            stranger.connect(str(tmp_path / "a.sock"))
            stranger.sendall(ECHO + data)
            said = receive(stranger, 10_000)  # up to the end, which the server makes
        connection.sendall(ECHO + FLUSH)
        return said, receive(connection, len(ANSWERS))

    said, answers = serve(tmp_path, talk)
    echo = write_delimited(write_echo(b"hi"))
    assert said.startswith(echo)
    assert list(read_fields(said[len(echo) + 1 :], "response").found) == [1], "an exception"
    assert answers == ANSWERS


def test_a_question_that_is_no_utf8_is_answered(tmp_path: Path) -> None:
    """What `abci_query?path=0xff` makes of CometBFT's RPC."""
    query = write_delimited(write_message(6, write_octets(2, b"\xff")))

    def talk(connection: socket.socket) -> bytes:
        connection.sendall(query + FLUSH)
        return receive(connection, len(ANSWERS))

    assert serve(tmp_path, talk) == ANSWERS


def test_a_fault_of_the_machine_ends_the_service_unanswered(tmp_path: Path) -> None:
    said = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(write_delimited(write_message(1, write_octets(1, b"other"))) + FLUSH)
        said.append(connection.recv(10))

    with pytest.raises(BaseExceptionGroup) as caught:
        serve(tmp_path, talk, fails=True)
    assert isinstance(caught.value.exceptions[0], AssertionError)
    assert said == [b""]


def test_a_connection_that_ends_within_a_message_ends_nothing(tmp_path: Path) -> None:
    serve(tmp_path, lambda connection: connection.sendall(ECHO[:2]))


def test_frames() -> None:
    stream = cast("io.BufferedReader[Any]", io.BytesIO(b"\x02ab\x00\x03ab"))
    assert [read_frame(stream), read_frame(stream), read_frame(stream)] == [b"ab", b"", None]
    assert read_frame(cast("io.BufferedReader[Any]", io.BytesIO(b"\x80"))) is None


def test_consensus_goes_before_whoever_waits_already() -> None:
    turns, order = Turns(), list[str]()

    def take(name: str, *, urgent: bool) -> None:
        with turns.turn(urgent=urgent):
            order.append(name)

    def waiting(number: int) -> bool:
        return len(turns._free._waiters) == number  # type: ignore[attr-defined]

    threads = []
    with turns.turn(urgent=False):
        for number, (name, urgent) in enumerate(
            (("check", False), ("another check", False), ("block", True))
        ):
            threads.append(threading.Thread(target=take, args=(name,), kwargs={"urgent": urgent}))
            threads[-1].start()
            while not waiting(number + 1):
                threads[-1].join(0.001)
    for thread in threads:
        thread.join()
    assert order[0] == "block"
    assert sorted(order) == ["another check", "block", "check"]


def test_addresses(tmp_path: Path) -> None:
    with listen_at("tcp://127.0.0.1:0") as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
    with pytest.raises(ShellError, match="cannot listen there"):
        listen_at(f"unix://{tmp_path}/none/a.sock")
    with pytest.raises(ShellError, match="cannot listen there"):
        listen_at("tcp://127.0.0.1:port")
