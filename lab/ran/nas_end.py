"""The end of NAS towards apd: the socket of [cell.signalling], from the side of an AMF or MME. Blocking.

What it is told for one UE while it waits for another is kept until somebody asks. A real core would do the same in its
own event loop: the frames are those of apd/signalling_frames.py, and there is nothing else to it.
"""

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from apd.signalling_frames import (
    LENGTH_SIZE,
    Admitted,
    Begin,
    EapHeard,
    Frame,
    Gone,
    NotAdmitted,
    OptionsHeard,
    Placed,
    SendEap,
    SendOptions,
    Subscriber,
    Told,
    read_frame,
    write_frame,
)
from nas_tunnel.lobby import LobbyMessage, read_lobby
from wire.errors import ShellError

Kind = TypeVar("Kind", bound=Frame)
Word = SendEap | Admitted | NotAdmitted
DEADLINE_S = 30.0


class NasEnd:
    """One connection, as a context manager. Raises ShellError when apd hangs up, or says nothing for so long."""

    def __init__(self, path: Path, deadline_s: float = DEADLINE_S) -> None:
        self._path, self._deadline_s = path, deadline_s
        self._waiting: list[Frame] = []
        self._received = b""

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(self._deadline_s)
        try:
            self._socket.connect(str(self._path))
        except OSError as error:
            self._socket.close()
            raise ShellError("nas end", f"{self._path}: {error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # apd was first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def begin(self, ue: bytes) -> Word:
        """A UE registers; the first packet for it, or a no."""
        self.say(Begin(ue, os.urandom(1)[0]))
        return self.word(ue)

    def hear(self, ue: bytes, packet: bytes) -> Word:
        """Its answer; what it is to be told next."""
        self.say(EapHeard(ue, packet))
        return self.word(ue)

    def gone(self, ue: bytes) -> None:
        self.say(Gone(ue))

    def subscriber(self, ue: bytes, supi: str) -> None:
        """Whose key it was that `Admitted` named."""
        self.say(Subscriber(ue, supi))

    def placed(self, ue: bytes) -> bytes:
        """The slice in which it is to be, empty if it was not moved."""
        return self._take(Placed, ue).snssai

    def told(self, ue: bytes) -> LobbyMessage:
        """What became of its session."""
        return read_lobby(self._take(Told, ue).message)

    def options(self, ue: bytes, container: bytes) -> bytes:
        """One attach attempt with this container in its options; the container for the reject."""
        self.say(OptionsHeard(ue, container))
        return self._take(SendOptions, ue).container

    def say(self, frame: Frame) -> None:
        self.say_octets(write_frame(frame))

    def say_octets(self, octets: bytes) -> None:
        """Whatever these are."""
        try:
            self._socket.sendall(octets)
        except OSError as error:
            raise ShellError("nas end", f"apd hung up: {error}") from error

    def word(self, ue: bytes) -> Word:
        """The next packet for it, or how it ended."""
        word: Word = self._first(lambda frame: isinstance(frame, Word) and frame.ue == ue)
        return word

    def _take(self, kind: type[Kind], ue: bytes) -> Kind:
        taken: Kind = self._first(lambda frame: isinstance(frame, kind) and frame.ue == ue)
        return taken

    def _first(self, fits: Callable[[Frame], bool]) -> Any:
        for frame in self._waiting:
            if fits(frame):
                self._waiting.remove(frame)
                return frame
        while not fits(frame := self._next()):
            self._waiting.append(frame)
        return frame

    def _next(self) -> Frame:
        size = int.from_bytes(self._octets(LENGTH_SIZE), "big")
        return read_frame(self._octets(size))

    def _octets(self, count: int) -> bytes:
        while len(self._received) < count:
            try:
                more = self._socket.recv(65_536)
            except OSError as error:
                raise ShellError("nas end", f"nothing came: {error}") from error
            if not more:
                raise ShellError("nas end", "apd hung up")
            self._received += more
        octets, self._received = self._received[:count], self._received[count:]
        return octets
