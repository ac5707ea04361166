"""What this device counted of each grant, in a file that `airgrant report compare --device` reads. A shell: the disk.

    { "airgrant device counters": 1,
      "sessions": [ { "grant": "<32 hexadecimal digits>", "from_utc_s": .., "to_utc_s": ..,
                      "down_bytes": .., "up_bytes": .. }, ... ] }

IP bytes as device/counters.py counts them, `down` towards this device; a session is written once it is over. A file of
another kind is never overwritten.
"""

import json
from collections.abc import Mapping
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
    page = {MARK: FORM, "sessions": [*_read(path), row]}
    write_kept(path, (json.dumps(page, indent=1) + "\n").encode())


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
