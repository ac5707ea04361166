"""The agent's book and its decisions, on disk beside the wallet; one agent at a time. A shell: files and a lock.

    wallet.kept/agent.json              the book (device/agent_pages.py), whole or not at all; mode 0600
    wallet.kept/agent-<cycle>.jsonl     a line for each decision and each end; this cycle's and the one before
    wallet.kept/agent.lock              held while an agent works: the kernel lets go of it, whatever ends the process

A book that is damaged is refused by name. One that is lost opens this day's and this cycle's envelopes again: it is
the user's to delete, and nobody else's.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from device.agent_pages import Evidence, Kept, read_kept_book, write_kept_book
from device.keeping import kept_folder, write_kept
from wire.errors import ConfigError, DecodeError, ShellError
from wire.units import U63_MAX


@contextlib.contextmanager
def only_agent(wallet: Path) -> Iterator[None]:
    """Raises ShellError if another one works with this wallet."""
    path = kept_folder(wallet) / "agent.lock"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ShellError(str(path), error.strerror or str(error)) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ShellError(str(path), "another agent works with this wallet") from None
        yield
    finally:
        os.close(descriptor)


def load_book(wallet: Path) -> Kept:
    """Empty where nothing was kept. Raises ConfigError for a damaged file, ShellError."""
    path = _book_path(wallet)
    try:
        return read_kept_book(path.read_bytes())
    except FileNotFoundError:
        return Kept()
    except OSError as error:
        raise ShellError(str(path), error.strerror or str(error)) from None
    except DecodeError as error:
        text = f"{error}; take it away, and today's and this cycle's envelopes begin anew"
        raise ConfigError(f"{path}: {text}") from None


def keep_book(wallet: Path, kept: Kept) -> None:
    """Raises ShellError, and then nothing may be signed."""
    write_kept(_book_path(wallet), write_kept_book(kept))


def look_around(wallet: Path) -> Evidence:
    """What is beside the wallet now. Raises ShellError."""
    folder = kept_folder(wallet)
    try:
        paths = list(folder.iterdir()) if folder.is_dir() else []
        purses_ubc = {path.stem: _paid_ubc(path) for path in paths if path.suffix == ".channel"}
    except OSError as error:
        raise ShellError(str(folder), error.strerror or str(error)) from None
    grants = frozenset(path.stem for path in paths if path.suffix == ".grant")
    return Evidence(purses_ubc, grants, frozenset(path.stem for path in paths if path.suffix == ".purchase"))


def note(wallet: Path, cycle: int, line: Mapping[str, object]) -> None:
    """On a line of its own, also after one that a power failure cut off. Raises ShellError."""
    path = log_path(wallet, cycle)
    try:
        new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            length = os.fstat(descriptor).st_size
            cut_off = length and os.pread(descriptor, 1, length - 1) != b"\n"
            file.write((b"\n" if cut_off else b"") + json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if new:
            _forget_older(wallet, cycle - 1)
    except OSError as error:
        raise ShellError(str(path), error.strerror or str(error)) from None


def read_lines(wallet: Path, cycle: int) -> list[bytes]:
    """Of one cycle; empty where nothing was decided. Raises ShellError."""
    path = log_path(wallet, cycle)
    try:
        return path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ShellError(str(path), error.strerror or str(error)) from None


def log_path(wallet: Path, cycle: int) -> Path:
    return kept_folder(wallet) / f"agent-{cycle}.jsonl"


def _forget_older(wallet: Path, oldest: int) -> None:
    for path in kept_folder(wallet).glob("agent-*.jsonl"):
        number = path.stem.removeprefix("agent-")
        if number.lstrip("-").isdecimal() and int(number) < oldest:
            path.unlink()


def _book_path(wallet: Path) -> Path:
    return kept_folder(wallet) / "agent.json"


def _paid_ubc(path: Path) -> int:
    """Of a channel's file. Of one that is damaged more than anybody reserves: whoever asks counts the worst."""
    try:
        page = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return U63_MAX
    paid = page.get("paid_ubc") if isinstance(page, dict) else None
    return paid if type(paid) is int and paid >= 0 else U63_MAX
