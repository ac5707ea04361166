"""The control sockets of hostapd and wpa_supplicant: a command and its answer, and the events of one that listens.

Both speak the same: a Unix datagram each way; `ATTACH` makes a socket hear events, which begin with "<level>". A
socket in the file system belongs to no network namespace, so the lab speaks to every daemon from where it stands. The
product has its own ends (`apd`, `device`); this one is the lab's, an independent look.

Reference: hostap, wpa_ctrl.h.   Units: seconds (monotonic).
"""

import itertools
import os
import re
import socket
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from wire.errors import ShellError

ANSWER_DEADLINE_S = 10.0
MAX_ANSWER_BYTES = 65_536
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Said:
    """One event: when it was heard, and its text without the level."""

    t_s: float
    text: str


@dataclass(slots=True)
class Control:
    """One end of a control socket, for the length of a block."""

    path: Path
    heard: list[Said] = field(default_factory=list)
    _ask: socket.socket = field(init=False)
    _listen: socket.socket = field(init=False)
    _names: list[Path] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._ask = self._open()
        try:
            self._listen = self._open()
        except OSError:
            self._close(self._ask)
            raise
        self._listen.send(b"ATTACH")
        if self._listen.recv(MAX_ANSWER_BYTES) != b"OK\n":
            raise ShellError(str(self.path), "does not let us listen")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(self._ask)
        self._close(self._listen)
        for name in self._names:
            name.unlink(missing_ok=True)

    def ask(self, command: str) -> str:
        """The answer without its last newline. Raises ShellError where there is none."""
        try:
            self._ask.send(command.encode())
            return self._ask.recv(MAX_ANSWER_BYTES).decode(errors="replace").rstrip("\n")
        except OSError as error:
            raise ShellError(f"{self.path} {command.split(maxsplit=1)[0]}", str(error)) from error

    def order(self, command: str) -> None:
        """A command that answers OK. Raises ShellError for any other answer."""
        answer = self.ask(command)
        if answer != "OK":
            raise ShellError(f"{self.path} {command[:80]}", answer or "no answer")

    def hear(self) -> list[Said]:
        """Everything that was said until now and not heard yet; kept in `heard` too."""
        self._listen.setblocking(False)
        fresh = []
        try:
            while True:
                fresh.append(_event(self._listen.recv(MAX_ANSWER_BYTES)))
        except BlockingIOError:
            pass
        finally:
            self._listen.settimeout(ANSWER_DEADLINE_S)
        self.heard += fresh
        return fresh

    def wait_for(
        self, pattern: str, deadline_s: float = ANSWER_DEADLINE_S, *, since: int | None = None
    ) -> Said:
        """The first event that matches, from number `since` on (default: from now on). Raises ShellError without."""
        expression = re.compile(pattern)
        position = len(self.heard) if since is None else since
        ends = time.monotonic() + deadline_s
        while True:
            for said in self.heard[position:]:
                if expression.search(said.text):
                    return said
            position = len(self.heard)
            self._listen.settimeout(max(0.001, ends - time.monotonic()))
            try:
                self.heard.append(_event(self._listen.recv(MAX_ANSWER_BYTES)))
            except TimeoutError:
                recent = "; ".join(said.text[:120] for said in self.heard[-6:])
                raise ShellError(
                    str(self.path), f"no event like {pattern!r} within {deadline_s} s; last: {recent}"
                ) from None

    def mark(self) -> int:
        """The number of the next event: a place to wait from."""
        self.hear()
        return len(self.heard)

    def _open(self) -> socket.socket:
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        name = Path(tempfile.gettempdir(), f"lab-control-{os.getpid()}-{next(_numbers)}")
        name.unlink(missing_ok=True)
        try:
            end.bind(str(name))
            self._names.append(name)
            end.connect(str(self.path))
        except OSError as error:
            self._close(end)
            raise ShellError(str(self.path), str(error)) from error
        end.settimeout(ANSWER_DEADLINE_S)
        return end

    @staticmethod
    def _close(end: socket.socket) -> None:
        end.close()


def _event(data: bytes) -> Said:
    return Said(time.monotonic(), re.sub(r"^<\d+>", "", data.decode(errors="replace").rstrip("\n")))


def parse_lines(text: str) -> dict[str, str]:
    """The "name=value" lines of an answer such as STATUS or STA."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name: value for name, _, value in pairs}
