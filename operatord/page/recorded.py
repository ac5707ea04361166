"""What the page remembers of meters and sales, as values; operatord/page/history.py keeps them. Pure.

Seconds are UTC, bytes those of the IP layer, up and down together where nothing else is said.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ledger.findings import RecordVerdict
from ledger.reports.rows import Standing, doubled_passes
from operatord.page.judging import standing_of
from wire.errors import DecodeError
from wire.evidence import read_evidence
from wire.meter_record import UsageReport, read_meter_record

HOUR_S = 3_600
MAX_WHY = 1_000


@dataclass(frozen=True, slots=True)
class Short:
    """What was missing of one grant, in all reports that are kept."""

    grant_id: str
    down_bytes: int
    up_bytes: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """A record and what was found about it."""

    key_id: str
    sequence: int
    provider_id: str
    kind: str
    standing: Standing
    checks: tuple[str, ...]
    """Names of those that do not hold."""
    why: str
    attested: bool
    from_s: int
    to_s: int
    sessions: int = 0
    bytes: int = 0
    missing_bytes: int = 0
    short: tuple[Short, ...] = ()
    """Of which grants something was missing; only while it is new."""


@dataclass(frozen=True, slots=True)
class Carried:
    """In one hour, by all meters of one provider."""

    bytes: int = 0
    missing_bytes: int = 0
    disputed_bytes: int = 0
    """Said, and not believed."""


@dataclass(frozen=True, slots=True)
class SoldTime:
    """Both floors of one grant, over its time."""

    provider_id: str
    starts_s: int
    ends_s: int
    bps: int


def add_promised(promised: dict[tuple[str, int], int], sold: SoldTime, from_s: int, until_s: int) -> None:
    """Bits that its floors promise, by provider id and hour, to those that are there."""
    begin_s, end_s = max(sold.starts_s, from_s), min(sold.ends_s, until_s)
    for hour_s in range(begin_s // HOUR_S * HOUR_S, end_s, HOUR_S):
        span_s = min(end_s, hour_s + HOUR_S) - max(begin_s, hour_s)
        key = sold.provider_id, hour_s
        promised[key] = promised.get(key, 0) + sold.bps * span_s


@dataclass(frozen=True, slots=True)
class PassesTold:
    """Until when (ms UTC) one meter reported each pass, as of its record `sequence`."""

    sequence: int = 0
    until_ms: Mapping[bytes, int] = field(default_factory=dict)


def hold_against_passes(
    told: PassesTold, verdict: RecordVerdict, evidence: bytes
) -> tuple[PassesTold, RecordVerdict]:
    """A pass that is reported twice for one time is disputed, as in `airgrant report`: no grant bounds it."""
    if verdict.forged:
        return told, verdict
    try:
        record = read_meter_record(read_evidence(evidence).record)
    except DecodeError:
        return told, verdict
    before = dict(told.until_ms) if verdict.sequence > told.sequence else {}  # a chain that is verified anew
    if not isinstance(record, UsageReport):
        return PassesTold(verdict.sequence, before), verdict
    until_ms, doubled = doubled_passes(record, before)
    return PassesTold(verdict.sequence, until_ms), replace(verdict, findings=(*verdict.findings, *doubled))


def record_of(
    key_id: str, provider_id: bytes, verdict: RecordVerdict, evidence: bytes, now_s: int
) -> Recorded:
    """What cannot be read is of now. What does not hold owes nobody anything by itself."""
    standing = standing_of(verdict)
    known = Recorded(
        key_id, verdict.sequence, provider_id.hex(), verdict.kind, standing,
        tuple(dict.fromkeys(finding.check for finding in verdict.failures)),
        "; ".join(finding.text for finding in verdict.failures)[:MAX_WHY], verdict.attested, now_s, now_s,
    )  # fmt: skip
    try:
        record = read_meter_record(read_evidence(evidence).record)
    except DecodeError:
        return known
    if not isinstance(record, UsageReport):
        return replace(known, from_s=record.utc_ms // 1_000, to_s=record.utc_ms // 1_000)
    rows = record.rows
    short = tuple(
        Short(row.grant_id.hex(), row.down_shortfall_bytes, row.up_shortfall_bytes)
        for row in rows
        if standing is Standing.HOLDS and (row.down_shortfall_bytes or row.up_shortfall_bytes)
    )
    return replace(
        known,
        from_s=record.from_utc_ms // 1_000,
        to_s=record.to_utc_ms // 1_000,
        sessions=len(rows),
        bytes=sum(row.down_bytes + row.up_bytes for row in rows),
        missing_bytes=sum(row.down_shortfall_bytes + row.up_shortfall_bytes for row in rows),
        short=short,
    )
