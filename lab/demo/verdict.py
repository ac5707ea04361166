"""The auditor: waits until every record has its receipt, then verifies the chain as a stranger would.

By the command `airgrant report verify --ledger URL --json`, which sees only what the ledger shows to everybody.
"""

import base64
import json
import sys
import time
from dataclasses import dataclass
from typing import Any, Literal

from apd.shells.control import ask_status
from lab.demo.stage import Stage
from lab.demo.story import Kept
from lab.demo.watch import Watch
from lab.processes import wait_until
from lab.result import Check, Gap, Record
from wire.errors import ShellError
from wire.evidence import read_evidence
from wire.meter_record import AnchorRecord, BootRecord, MeterRecord, UsageReport, read_meter_record

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


def audit(stage: Stage, watch: Watch, kept: Kept) -> Audit:
    """Has the command verify everything, and puts its words beside the records themselves, for the charts.

    Exit status 1 is an answer too: the findings say what does not hold. Raises ShellError if there is no answer.
    """
    words = [sys.executable, "-m", "airgrant", "report", "verify", "--ledger", stage.bank.url, "--json"]
    child = stage.household.start("auditor", words, namespace=stage.network.operator)
    if child.wait(AUDIT_DEADLINE_S) not in (0, 1):
        raise ShellError("airgrant report verify", child.tail())
    (chain,) = json.loads(child.said)["chains"]
    encoded = stage.bank.read(lambda reader: list(reader.pages(f"records/{chain['key_id']}", "records")))
    records = [
        read_meter_record(read_evidence(base64.b64decode(page["evidence"])).record) for page in encoded
    ]
    began_ms = time.time() * 1_000 - watch.now_s() * 1_000
    found = zip(chain["records"], records, strict=True)
    usage = {grant: (use["down_bytes"], use["up_bytes"]) for grant, use in chain["usage"].items()}
    missing = {bought.grant for bought in kept.bought.values()} - usage.keys()
    if missing:
        raise ShellError("airgrant report verify", f"no record names grant {min(missing)}")
    return Audit(
        records=tuple(_record(page, record, began_ms) for page, record in found),
        gaps=tuple(_gap(page, began_ms) for page in chain["unmetered"]),
        usage=usage,
    )


def _record(page: dict[str, Any], record: MeterRecord, began_ms: float) -> Record:
    kind, from_ms, to_ms, metered_bytes = _span(record)
    return Record(
        kind=kind,
        sequence=page["sequence"],
        from_s=round((from_ms - began_ms) / 1_000, 2),
        to_s=round((to_ms - began_ms) / 1_000, 2),
        digest=page["hash"],
        metered_bytes=metered_bytes,
        checks=tuple(Check(found["check"], found["ok"], found["text"]) for found in page["findings"]),
    )


def _span(record: MeterRecord) -> tuple[Literal["boot", "report", "anchor"], int, int, int]:
    """Kind, first and last instant (UTC ms), metered bytes."""
    match record:
        case UsageReport():
            metered_bytes = sum(row.down_bytes + row.up_bytes for row in record.rows)
            return "report", record.from_utc_ms, record.to_utc_ms, metered_bytes
        case BootRecord():
            return "boot", record.utc_ms, record.utc_ms, 0
        case AnchorRecord():
            return "anchor", record.utc_ms, record.utc_ms, 0


def _gap(page: dict[str, Any], began_ms: float) -> Gap:
    return Gap((page["from_utc_ms"] - began_ms) / 1_000, (page["to_utc_ms"] - began_ms) / 1_000, page["why"])
