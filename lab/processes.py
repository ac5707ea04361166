"""Child processes under supervision: started with a log, awaited by a fact, ended for certain.

A `Household` is a context manager that owns every child started through it and stops them in reverse order
when the block ends, whatever ended it (a Ctrl-C included: children live in sessions of their own, so the
terminal's signal reaches only us and we stop them one by one). Nothing here restarts a child or decides
whether its death matters. Waiting is always for a fact (a line in the log, a port that answers) with a
deadline, never for a while.

Units: seconds.
"""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from lab.namespaces import Namespace
from wire.errors import ShellError

POLL_INTERVAL_S = 0.02
"""How often a fact is looked at while waiting; short against a process start, long against the look itself."""

STOP_GRACE_S = 5.0
"""Between SIGTERM and SIGKILL; mosquitto and swtpm need milliseconds, an iperf3 client none."""

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The polite ways to ask the lab to end."""

TAIL_LINES = 12
"""How much of a dead child's log goes into the error."""


@dataclass(frozen=True, slots=True)
class Child:
    """One running process: its name in messages, its log (stdout and stderr together), the process itself."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]
    log_start: int = 0
    """Where this child's own lines begin in the log, in bytes: an earlier child of the same name wrote the
    rest.
    """

    @property
    def said(self) -> str:
        """Everything that this child has written so far."""
        with self.log.open("rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace")

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of the log."""
        return "\n".join(self.said.splitlines()[-lines:])

    def check(self) -> None:
        """Raise ShellError with the last lines of the log if the child has ended."""
        code = self.process.poll()
        if code is not None:
            how = f"ended unexpectedly ({describe_exit(code)})"
            raise ShellError(self.name, f"{how}; last lines of {self.log}:\n{self.tail()}")

    def wait_for(self, fact: Callable[[], bool], what: str, deadline_s: float = 10.0) -> None:
        """Return once `fact()` is true; ShellError if the child ends first or the deadline passes."""

        def alive_and_true() -> bool:
            self.check()
            return fact()

        try:
            wait_until(alive_and_true, f"{self.name}: {what}", deadline_s)
        except TimeoutError as late:
            how = f"no sign of {what} within {deadline_s} s"
            raise ShellError(self.name, f"{how}; last lines:\n{self.tail()}") from late

    def wait_for_line(self, pattern: str, deadline_s: float = 10.0) -> re.Match[str]:
        """Return the first match of the regular expression in the log; errors as `wait_for`."""
        expression = re.compile(pattern, re.MULTILINE)
        what = f"a line like {pattern!r}"
        self.wait_for(lambda: expression.search(self.said) is not None, what, deadline_s)
        found = expression.search(self.said)
        assert found is not None, "logs only grow"
        return found

    def wait(self, deadline_s: float) -> int:
        """Return the exit code of a child that ends by itself; ShellError if it is still there at the
        deadline.
        """
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired as late:
            how = f"still runs after {deadline_s} s"
            raise ShellError(self.name, f"{how}; last lines:\n{self.tail()}") from late

    def stop(self, grace_s: float = STOP_GRACE_S) -> int:
        """SIGTERM, then SIGKILL after the grace; the exit code, negative for a signal. Harmless on a dead
        child.
        """
        if self.running:
            self.process.terminate()
            try:
                self.process.wait(grace_s)
            except subprocess.TimeoutExpired:
                return self.kill()
        return self.process.wait()

    def kill(self) -> int:
        """SIGKILL at once to the child and to what it started; the exit code."""
        if self.running:
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()


@dataclass(slots=True)
class Household:
    """The children of one run, their logs in one folder; stops them all, the youngest first, when the block
    ends.
    """

    logs: Path
    children: list[Child] = field(default_factory=list)

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        namespace: Namespace | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Child:
        """Start a child; its log is `logs/name.log` and grows when the same name is started again.

        `environment` is added to ours. ShellError if the program is not there.
        """
        words = [str(word) for word in argv]
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}.log"
        with log.open("ab") as sink:
            log_start = sink.tell()
            try:
                process = subprocess.Popen(
                    words if namespace is None else namespace.argv(words),
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
                    cwd=folder,
                    start_new_session=True,
                )
            except OSError as fault:
                raise ShellError(name, f"cannot start {words[0]}: {fault.strerror}") from fault
        child = Child(name, log, process, log_start)
        self.children.append(child)
        return child

    def check(self, *expected: Child) -> None:
        """Raise ShellError if one of these children (none named: any) has ended."""
        for child in expected or self.children:
            child.check()

    def stop(self) -> None:
        """Ask every child to end, the youngest first, then wait for each."""
        for child in reversed(self.children):
            if child.running:
                child.process.terminate()
        for child in reversed(self.children):
            child.stop()
        self.children.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _deaf_to_interrupts():
            self.stop()


def wait_until(fact: Callable[[], bool], what: str, deadline_s: float) -> None:
    """Look until `fact()` is true; TimeoutError that names `what` once the deadline has passed."""
    ends = time.monotonic() + deadline_s
    while not fact():
        if time.monotonic() > ends:
            raise TimeoutError(f"{what}: not within {deadline_s} s")
        time.sleep(POLL_INTERVAL_S)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within the block SIGTERM and SIGHUP raise KeyboardInterrupt as Ctrl-C does, so every `with` is left
    properly.
    """

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.signal(number, interrupt) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def describe_exit(code: int) -> str:
    """Say "exit code 1", or "killed by SIGKILL" for the negative codes of subprocess."""
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """A second Ctrl-C must not leave children behind: it waits until they have ended."""
    if threading.current_thread() is not threading.main_thread():  # signals do not come to us anyway
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
