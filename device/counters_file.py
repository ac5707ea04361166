"""What this device counted of each grant, in a file that `airgrant report compare --device` reads. A shell: the disk.

    { "airgrant device counters": 1,
      "sessions": [ { "grant": "<32 hexadecimal digits>", "from_utc_s": .., "to_utc_s": ..,
                      "down_bytes": .., "up_bytes": .. }, ... ] }

IP bytes as device/counters.py counts them, `down` towards this device; a session is written once it is over. A file of
another kind is never overwritten, and several programs may write to one file.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.keeping import write_kept
from wire.errors import ConfigError, ShellError

MARK = "airgrant device counters"
FORM = 1


@dataclass(frozen=True, slots=True)
class Counted:
    """One stay at an access point by one grant."""

    grant_id: bytes
    from_utc_s: int
    to_utc_s: int
    down_bytes: int
    up_bytes: int


def refuse_other_file(path: Path) -> None:
    """Raises ConfigError for a file that is there and is no file of counters, ShellError if it cannot be read."""
    _read(path)


def add_counted(path: Path, counted: Counted) -> None:
    """Behind what is there, on the disk when this returns. Raises ConfigError, ShellError."""
    row = {
        "grant": counted.grant_id.hex(), "from_utc_s": counted.from_utc_s, "to_utc_s": counted.to_utc_s,
        "down_bytes": counted.down_bytes, "up_bytes": counted.up_bytes,
    }  # fmt: skip
    with _alone(path):
        page = {MARK: FORM, "sessions": [*_read(path), row]}
        write_kept(path, (json.dumps(page, indent=1) + "\n").encode())


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One writer at a time, of all programs and threads; the lock is a file of its own, as the other is replaced."""
    try:
        descriptor = os.open(
            path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
    except OSError as error:
        raise ShellError(str(path), error.strerror or str(error)) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> list[Mapping[str, Any]]:
    try:
        page: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return []
    except (ValueError, RecursionError):  # no JSON, or not UTF-8
        page = None
    except OSError as error:
        raise ShellError(str(path), error.strerror or str(error)) from None
    if not isinstance(page, dict) or page.get(MARK) != FORM or not isinstance(page.get("sessions"), list):
        raise ConfigError(f"{path}: is there already, and is no file of device counters of form {FORM}")
    sessions: list[Mapping[str, Any]] = page["sessions"]
    return sessions
