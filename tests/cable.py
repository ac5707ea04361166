"""A virtual cable in the sandbox, both ends up, for tests of what talks over one interface."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def cable_between(interface: str, other_end: str) -> Iterator[None]:
    """Both are there, with link-local addresses, until the context ends."""
    _ip("link", "add", interface, "type", "veth", "peer", "name", other_end)
    for name in (interface, other_end):
        # No duplicate address detection: there is nobody else, and it takes two seconds.
        Path(f"/proc/sys/net/ipv6/conf/{name}/accept_dad").write_text("0")
        _ip("link", "set", name, "up")
    yield
    _ip("link", "del", interface)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=10)
