"""Session rows with their verdicts: what each usage report of a chain says of each grant, and whether that counts.

In: evidence in the order of the chain, the enrolment, the grants. Out: for each record the verdict that
ledger/evidence.py gives it, and its rows. This module adds what the chain cannot know: a key that the auditor knows to
be revoked vouches for nothing from that time on, one whose maker he does not trust for nothing at all, a grant of which
several meters together say too much is disputed, and so is a pass, which no grant bounds, that is reported twice for
one time. A stream; pure.
Units: bytes at the IP layer, ms UTC.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from ledger.chain_state import ChainState
from ledger.evidence import step_record
from ledger.evidence_totals import FindGrant
from ledger.findings import Finding, RecordVerdict, Severity, UnmeteredInterval
from wire.attestation_result import AttestationResult
from wire.meter_record import AnchorRecord, BootRecord, MeterRecord, UsageReport
from wire.metered_pass import has_pass_mark
from wire.units import U63_MAX

REVOKED = "revoked"
MAKER = "maker"
OF_AUDITOR = frozenset({REVOKED, MAKER})
"""What is held against records by what the auditor knows, and not by the chain."""
Dispute = Callable[[bytes], Finding | None]
"""What several meters together make of a grant, by its id, if that cannot be; its text begins with "grant ID:"."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which reports count: those that begin in [from, to), as a day has those that begin in it."""

    from_utc_ms: int = 0
    to_utc_ms: int = U63_MAX

    def has(self, row: "Row") -> bool:
        return self.from_utc_ms <= row.from_utc_ms < self.to_utc_ms

    def clip(self, gap: UnmeteredInterval) -> UnmeteredInterval | None:
        """What of an interval is within; None if nothing is."""
        begin, end = max(gap.from_utc_ms, self.from_utc_ms), min(gap.to_utc_ms, self.to_utc_ms)
        return UnmeteredInterval(begin, end, gap.why) if begin < end else None


ALWAYS = Span()


class Standing(Enum):
    """Whether a row counts: the worst that was found about it or its record."""

    HOLDS = "holds"
    CLAIM = "claim"
    BREAK = "break"
    FORGED = "forged"


@dataclass(frozen=True, slots=True)
class Row:
    """One session in the interval of one report. `consumer` is empty for a grant that is not there, and for a pass."""

    provider_id: bytes
    key_id: bytes
    """Of the attestation key: which box."""
    sequence: int
    grant_id: bytes
    consumer: bytes
    from_utc_ms: int
    to_utc_ms: int
    down_bytes: int
    up_bytes: int
    down_offered_bytes: int
    up_offered_bytes: int
    down_shortfall_bytes: int
    up_shortfall_bytes: int
    attested: bool
    standing: Standing
    why: str = ""
    """What does not hold, in words; empty where all does."""
    seller: bytes = b""
    """Provider id in the grant: who sold it, which may be a partner of who served it; empty where `consumer` is."""

    @property
    def is_pass(self) -> bool:
        """Paid as it goes, sold by no ledger."""
        return has_pass_mark(self.grant_id) and not self.consumer

    @property
    def is_for_partner(self) -> bool:
        """Another provider sold what this one served."""
        return bool(self.seller) and self.seller != self.provider_id


@dataclass(frozen=True, slots=True)
class Judged:
    """A record, what was found about it, and the rows that it has. `from_utc_ms` and `to_utc_ms` are None where it
    cannot be read.
    """

    verdict: RecordVerdict
    rows: tuple[Row, ...] = ()
    from_utc_ms: int | None = None
    to_utc_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Revoked:
    """An attestation key whose word counts no more from `since_utc_s` on, which is what the auditor knows."""

    key_id: bytes
    since_utc_s: int
    why: str


def judge_records(
    records: Iterable[bytes],
    enrolment: AttestationResult,
    find_grant: FindGrant,
    revoked: Revoked | None = None,
    maker: Finding | None = None,
    dispute: Dispute = lambda _grant_id: None,
) -> Iterator[Judged]:
    """Each record in its turn, from the chain's beginning. A `maker` that does not hold is held against every record:
    nobody trusted says that a TPM has the key. Raises what `find_grant` raises.
    """
    state, passes = ChainState(), dict[bytes, int]()
    for data in records:
        state, verdict, record = step_record(state, data, enrolment, find_grant)
        if record is None:
            yield Judged(verdict)
            continue
        from_ms, to_ms = _times(record)
        more = list(_disputed(record, dispute))
        if isinstance(record, UsageReport):
            passes, doubled = doubled_passes(record, passes)
            more += doubled
        if revoked is not None and to_ms >= revoked.since_utc_s * 1_000:
            more.append(_say_revoked(revoked))
        if maker is not None and not maker.ok:
            more.append(maker)
            verdict = replace(verdict, attested=False)
        if more:
            verdict = replace(verdict, findings=(*verdict.findings, *more))
        rows = tuple(_rows(record, verdict, enrolment, find_grant))
        yield Judged(verdict, rows, from_ms, to_ms)


def _disputed(record: MeterRecord, dispute: Dispute) -> Iterator[Finding]:
    if isinstance(record, UsageReport):
        yield from filter(None, (dispute(row.grant_id) for row in record.rows))


def doubled_passes(record: UsageReport, before: dict[bytes, int]) -> tuple[dict[bytes, int], list[Finding]]:
    """`before`: until when (ms UTC) passes were reported. A part of a report has other sessions than the parts before
    it, so that the same one again is the same time twice; what is over before this report begins is forgotten.
    """
    passes = {grant_id: to_ms for grant_id, to_ms in before.items() if to_ms > record.from_utc_ms}
    found = []
    for row in record.rows:
        if has_pass_mark(row.grant_id):
            if row.grant_id in passes:
                text = f"grant {row.grant_id.hex()}: was reported for this time before"
                found.append(Finding("totals", ok=False, severity=Severity.CLAIM, text=text))
            passes[row.grant_id] = record.to_utc_ms
    return passes, found


def _say_revoked(revoked: Revoked) -> Finding:
    text = f"the key was revoked as of {revoked.since_utc_s} s UTC: {revoked.why}"
    return Finding(REVOKED, ok=False, severity=Severity.FORGERY, text=text)


def _times(record: MeterRecord) -> tuple[int, int]:
    match record:
        case UsageReport():
            return record.from_utc_ms, record.to_utc_ms
        case BootRecord() | AnchorRecord():
            return record.utc_ms, record.utc_ms


def _rows(
    record: MeterRecord, verdict: RecordVerdict, enrolment: AttestationResult, find_grant: FindGrant
) -> Iterator[Row]:
    if not isinstance(record, UsageReport):
        return
    failures = verdict.failures
    for row in record.rows:
        grant = find_grant(row.grant_id)
        against = [one for one in failures if _is_about(one, row.grant_id)] if failures else []
        yield Row(
            provider_id=enrolment.provider.provider_id,
            key_id=enrolment.attestation_key.key_id,
            sequence=record.sequence,
            grant_id=row.grant_id,
            consumer=b"" if grant is None else grant.consumer.octets,
            from_utc_ms=record.from_utc_ms,
            to_utc_ms=record.to_utc_ms,
            down_bytes=row.down_bytes,
            up_bytes=row.up_bytes,
            down_offered_bytes=row.down_offered_bytes,
            up_offered_bytes=row.up_offered_bytes,
            down_shortfall_bytes=row.down_shortfall_bytes,
            up_shortfall_bytes=row.up_shortfall_bytes,
            attested=verdict.attested,
            standing=_standing(against),
            why="; ".join(f"{one.check}: {one.text}" for one in against),
            seller=b"" if grant is None else grant.provider_id,
        )


def _is_about(finding: Finding, grant_id: bytes) -> bool:
    """What is found of a record concerns all its rows, but of totals each misfit names its grant."""
    return finding.check != "totals" or finding.text.startswith(f"grant {grant_id.hex()}:")


def _standing(against: Iterable[Finding]) -> Standing:
    worst = {finding.severity for finding in against}
    if Severity.FORGERY in worst:
        return Standing.FORGED
    if Severity.BREAK in worst:
        return Standing.BREAK
    return Standing.CLAIM if worst else Standing.HOLDS
