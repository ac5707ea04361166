"""The auditor: waits until every record has its receipt, then verifies the chain as a stranger would.

By the command `airgrant report verify --ledger URL --json`, which sees only what the ledger shows to everybody.
"""

import json
import sys
from dataclasses import dataclass
from typing import Any, Literal

from apd.shells.control import ask_status
from lab.demo.stage import Stage
from lab.demo.story import Kept
from lab.demo.watch import Watch
from lab.processes import wait_until
from lab.result import Check, Gap, Record
from wire.errors import ShellError

SETTLE_DEADLINE_S = 30.0
AUDIT_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class Audit:
    """What the auditor found; `usage` is (down, up) metered IP bytes by grant."""

    records: tuple[Record, ...]
    gaps: tuple[Gap, ...]
    usage: dict[str, tuple[int, int]]

    def metered(self, grant: str, direction: Literal["down", "up"]) -> int:
        return self.usage.get(grant, (0, 0))[0 if direction == "down" else 1]


def settle(stage: Stage) -> None:
    """Returns when the sessions are over, their last usage is reported, and the ledger acknowledged it."""

    def settled() -> bool:
        status = ask_status(stage.control_socket)
        records = status["records"]
        return not status["sessions"] and not records["unsigned"] and not records["unacknowledged"]

    try:
        wait_until(settled, "every record's receipt", SETTLE_DEADLINE_S)
    except TimeoutError as late:
        raise ShellError("apd", f"{late}; last lines:\n{stage.apd.tail()}") from late
