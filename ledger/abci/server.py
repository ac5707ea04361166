"""The socket on which CometBFT asks: four connections, each a thread, one request at a time before the machine.

Consensus goes before everybody else: whoever checks a transaction that is to wait for a block lets a decided block
pass first. Answers of one connection are in the order of its requests; they are sent when CometBFT asks for it (Flush),
when enough have gathered, or when nothing more is there to be read. CometBFT sends no more than it has room for, and
neither do we: a thread that cannot write does not read.

What CometBFT does not send (a frame too long, bytes that are no request) is answered with an exception, and ends that
connection and no other. Every fault of the machine ends `run` with that error, as the program then does: nothing is
answered with a guess.
Reference: CometBFT v0.38 spec/abci/abci++_client_server.md (socket).
"""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from io import BufferedReader
from pathlib import Path

from ledger.abci.handling import CHECKING, ORDERING, READING, Handler
from ledger.abci.messages import Flush, Request, read_request, write_exception
from wire.errors import DecodeError, ShellError
from wire.protobuf import MAX_VARINT_BYTES, read_varint, write_delimited

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""A block of 32 MiB, and what is written around it."""
MAX_CONNECTIONS = 16
"""CometBFT has four, and four more while it starts anew."""
GATHER_BYTES = 64 * 1024

_UNIX = "unix://"
_TCP = "tcp://"


class Turns:
    """Who may go before the machine: one at a time, and consensus before the others."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._taken = False
        self._urgent = 0

    @contextmanager
    def turn(self, *, urgent: bool) -> Iterator[None]:
        with self._free:
            self._urgent += urgent
            self._free.wait_for(lambda: not self._taken and (urgent or not self._urgent))
            self._urgent -= urgent
            self._taken = True
        try:
            yield
        finally:
            with self._free:
                self._taken = False
                self._free.notify_all()


class AbciServer:
    """Listens at `address` (unix:///path or tcp://host:port) from the moment that it is made."""

    def __init__(self, address: str, handler: Handler) -> None:
        self._handler = handler
        self._turns = Turns()
        self._address = address
        self._listening = listen_at(address)
        self._open: set[socket.socket] = set()

    @property
    def port(self) -> int:
        """Of a TCP address, where 0 was asked for."""
        return int(self._listening.getsockname()[1])

    def turn(self) -> AbstractContextManager[None]:
        """Before the machine, for whoever asks it beside CometBFT: after whatever consensus wants."""
        return self._turns.turn(urgent=False)

    async def run(self) -> None:
        """Serves until cancelled. Raises what went wrong."""
        loop = asyncio.get_running_loop()
        self._listening.setblocking(False)
        threads = ThreadPoolExecutor(MAX_CONNECTIONS, "abci")
        try:
            async with asyncio.TaskGroup() as tasks:
                loop.add_reader(self._listening, self._accept, tasks, threads)
                await asyncio.Event().wait()
        finally:
            loop.remove_reader(self._listening)
            self._wake()
            threads.shutdown()
            for connection in self._open:  # of threads that never began
                connection.close()

    def _accept(self, tasks: asyncio.TaskGroup, threads: ThreadPoolExecutor) -> None:
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, ConnectionError):  # whoever knocked is gone
            return
        if len(self._open) >= MAX_CONNECTIONS:
            connection.close()
            return
        connection.setblocking(True)
        self._open.add(connection)
        tasks.create_task(self._watch(threads, connection))

    async def _watch(self, threads: ThreadPoolExecutor, connection: socket.socket) -> None:
        await asyncio.get_running_loop().run_in_executor(threads, self._talk, connection)

    def _wake(self) -> None:
        """Every thread, out of its reading."""
        self._listening.close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # it is gone already
                continue
        if self._address.startswith(_UNIX):
            Path(self._address.removeprefix(_UNIX)).unlink(missing_ok=True)

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            try:
                self._answer_all(connection, stream)
            except (ConnectionError, TimeoutError):  # CometBFT went away: it comes back and asks where we are
                return
            finally:
                self._open.discard(connection)

    def _answer(self, request: Request) -> bytes:
        if isinstance(request, READING + CHECKING):
            return self._handler.answer(request, self.turn)
        with self._turns.turn(urgent=isinstance(request, ORDERING)):
            return self._handler.answer(request)

    def _answer_all(self, connection: socket.socket, stream: BufferedReader) -> None:
        gathered = bytearray()
        while True:
            try:
                if (frame := read_frame(stream)) is None:
                    return
                request = read_request(frame)
            except DecodeError as error:
                connection.sendall(gathered + write_delimited(write_exception(str(error))))
                return
            answer = self._answer(request)
            gathered += write_delimited(answer)
            if isinstance(request, Flush) or len(gathered) > GATHER_BYTES:
                connection.sendall(gathered)
                gathered.clear()


def read_frame(stream: BufferedReader) -> bytes | None:
    """The next message of a stream; None at its end, also if that is within a message. Raises DecodeError."""
    head = b""
    while not head or head[-1] >= 0x80:
        octet = stream.read(1)
        if not octet:
            return None
        head += octet
        if len(head) > MAX_VARINT_BYTES:
            raise DecodeError(f"abci frame: no length in {len(head)} bytes")
    size, _ = read_varint(head, 0, "abci frame")
    if size > MAX_FRAME_BYTES:
        raise DecodeError(f"abci frame: {size} bytes, at most {MAX_FRAME_BYTES} are accepted")
    frame = stream.read(size)
    return frame if len(frame) == size else None


def listen_at(address: str) -> socket.socket:
    """Raises ShellError."""
    try:
        if address.startswith(_UNIX):
            return _listen_at_path(Path(address.removeprefix(_UNIX)))
        host, _, port = address.removeprefix(_TCP).rpartition(":")
        return socket.create_server((host, int(port)))
    except (OSError, ValueError) as error:
        raise ShellError(address, f"cannot listen there: {error}") from error


def _listen_at_path(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    try:
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening
