"""free5GC's opinion on N5 requests, behind Go's own HTTP/2: one process, as a context manager.

It is built by `lab/go.sh build n5-oracle` (tests/oracles/n5).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from lab.processes import Household

PROGRAM = Path(__file__).resolve().parents[2] / "build/go/bin/n5-oracle"
HOST = "127.0.0.1"


@contextlib.contextmanager
def n5_oracle(logs: Path) -> Iterator[int]:
    """The TCP port on HOST that it listens on while the block runs. Raises ShellError."""
    with Household(logs) as household:
        listening = household.start("n5-oracle", [PROGRAM, f"{HOST}:0"]).wait_for_line(
            r"^127\.0\.0\.1:(\d+)$"
        )
        yield int(listening[1])
