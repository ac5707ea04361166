"""A Unix socket that a daemon serves: whose path it may take, and who may open it.

In: a path. Out: a socket that is bound there, readable and writable by its owner and group only from the first moment
on. What stands at the path is replaced only if it is a socket that nobody serves, as one of a run that was killed is;
what is taken away at the end is our own socket, and no other that stands there by then.
"""

import contextlib
import os
import socket
import stat
from pathlib import Path

_OWNER_AND_GROUP = 0o117
"""What a umask takes from 0777, so that 0660 is left."""


class UnixSocket:
    """Bound; whoever serves it listens."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, also where something else stands at the path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_way(path)
        self.path, self.socket = path, socket.socket(socket.AF_UNIX)
        before = os.umask(_OWNER_AND_GROUP)
        try:
            self.socket.bind(str(path))
        except OSError:
            self.socket.close()
            raise
        finally:
            os.umask(before)
        self._is_at = _identity(path)

    def remove(self) -> None:
        """Before it is closed, so that its number is nobody else's."""
        with contextlib.suppress(OSError):
            if _identity(self.path) == self._is_at:
                self.path.unlink()


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _make_way(path: Path) -> None:
    """Raises OSError unless the path is free, or was left by somebody who is not there any more."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError("is no socket, and is not replaced by one")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:  # its queue is full
            pass
    raise FileExistsError("is served by another program")
