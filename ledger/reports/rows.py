"""Session rows with their verdicts: what each usage report of a chain says of each grant, and whether that counts.

In: evidence in the order of the chain, the enrolment, the grants. Out: for each record the verdict that
ledger/evidence.py gives it, and its rows. This module adds what the chain cannot know: a key that the auditor knows to
be revoked vouches for nothing from that time on, one whose maker he does not trust for nothing at all, and a grant of
which several meters together say too much is disputed. So is a row that with those before it is more than its grant
carries by then, a pass, which no grant bounds, that is reported twice for one time, and time that had not come when the
ledger signed that it had the record. A stream; pure.
Units: bytes at the IP layer, ms UTC.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ledger.chain_state import ChainState
from ledger.completeness import ProvedEnd
from ledger.evidence import step_record
from ledger.evidence_totals import FORGET_AFTER_MS, RATE_TOLERANCE_PERCENT, READING_SLACK_MS, FindGrant
from ledger.findings import Finding, RecordVerdict, Severity, UnmeteredInterval
from wire.attestation_result import AttestationResult
from wire.meter_record import AnchorRecord, BootRecord, MeterRecord, UsageReport
from wire.metered_pass import has_pass_mark
from wire.units import U63_MAX, format_instant

AHEAD = "ahead"
CLOCK_SLACK_MS = 300_000
"""A box's clock may be before the ledger's by as much: what operators and exchanges here allow a clock."""
REVOKED = "revoked"
MAKER = "maker"
OF_AUDITOR = frozenset({REVOKED, MAKER})
"""What is held against records by what the auditor knows, and not by the chain."""
_NO_SOUND_REPORT = "no sound report is about this time"
_FEW_GRANTS = 1_000
"""So many are kept before anybody looks which of them are over."""
Dispute = Callable[[bytes], Finding | None]
"""What several meters together make of a grant, by its id, if that cannot be; its text begins with "grant ID:"."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which reports count: those that begin in [from, to), as a day has those that begin in it."""

    from_utc_ms: int = 0
    to_utc_ms: int = U63_MAX

    def has(self, row: "Row") -> bool:
        return self.from_utc_ms <= row.from_utc_ms < self.to_utc_ms

    @property
    def must_reach_ms(self) -> int:
        """Until when it takes a proof to say anything about this time: its end, or without one its first instant; 0
        for all time.
        """
        if self.to_utc_ms != U63_MAX:
            return self.to_utc_ms
        return self.from_utc_ms + 1 if self.from_utc_ms else 0

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
    proved: ProvedEnd | None = None,
) -> Iterator[Judged]:
    """Each record in its turn, from the chain's beginning. A `maker` that does not hold is held against every record:
    nobody trusted says that a TPM has the key. Without `proved` nobody asks what time had come. Raises what
    `find_grant` raises.
    """
    state, further = ChainState(), Further(find_grant, proved)
    for data in records:
        state, verdict, record = step_record(state, data, enrolment, find_grant)
        if record is None:
            yield Judged(verdict)
            continue
        from_ms, to_ms = times_of(record)
        if disputed := list(_disputed(record, dispute)):
            verdict = _with(verdict, disputed)
        verdict = judge_further(further, record, verdict)
        if revoked is not None and to_ms >= revoked.since_utc_s * 1_000:
            verdict = _with(verdict, [_say_revoked(revoked)])
        if maker is not None and not maker.ok:
            verdict = replace(_with(verdict, [maker]), attested=False)
        rows = tuple(_rows(record, verdict, enrolment, find_grant))
        yield Judged(verdict, rows, from_ms, to_ms)


@dataclass(slots=True)
class _Carried:
    """What rows that hold say of one grant so far, and what bounds it."""

    ceil_down_bps: int
    ceil_up_bps: int
    starts_ms: int
    ends_ms: int
    down_bytes: int = 0
    up_bytes: int = 0


class Further:
    """What an auditor asks of each record that the chain alone does not: takes all of a chain, in their order."""

    def __init__(self, find_grant: FindGrant, proved: ProvedEnd | None = None) -> None:
        self._find_grant = find_grant
        self._proved = proved
        self._passes: dict[bytes, int] = {}
        self._carried: dict[bytes, _Carried] = {}
        self._forget_at = _FEW_GRANTS
        self._covered_ms: int | None = None
        self._is_ahead = False

    def ask(self, record: MeterRecord, against: Sequence[Finding]) -> list[Finding]:
        """What does not hold, beyond what is found `against` the record already. A forged one spoils no other."""
        found = list(self._ahead(record))
        if isinstance(record, UsageReport) and not any(_is_forgery(one) for one in against):
            self._passes, doubled = doubled_passes(record, self._passes)
            found += doubled
            found += self._too_much(record, (*against, *found))
        return found

    def clip(self, record: MeterRecord, verdict: RecordVerdict) -> tuple[UnmeteredInterval, ...]:
        """The unmetered times before a record whose findings are in `verdict`. A record that is `ahead` covers nothing:
        what was left out before it ends at the header, and the next one begins where sound records ended.
        """
        if any(_is_forgery(one) for one in verdict.failures):
            return verdict.unmetered
        gaps, covered_ms = verdict.unmetered, self._covered_ms
        (from_ms, to_ms), is_ahead = times_of(record), any(one.check == AHEAD for one in verdict.failures)
        if is_ahead:
            assert self._proved is not None, "somebody said what time it was"
            until_ms = (self._proved.end.retired_s or self._proved.time_s) * 1_000
            gaps = tuple(replace(gap, to_utc_ms=min(gap.to_utc_ms, until_ms)) for gap in gaps)
            gaps = tuple(gap for gap in gaps if gap.from_utc_ms < gap.to_utc_ms)
        elif self._is_ahead and covered_ms is not None:
            gaps = (UnmeteredInterval(covered_ms, from_ms, _NO_SOUND_REPORT),) if from_ms > covered_ms else ()
        ends = [gap.to_utc_ms for gap in gaps]
        if not is_ahead and (isinstance(record, UsageReport) or covered_ms is None):
            ends.append(to_ms)
        self._covered_ms = max([covered_ms or 0, *ends]) or None
        self._is_ahead = is_ahead or (self._is_ahead and covered_ms is None)
        return gaps

    def _ahead(self, record: MeterRecord) -> Iterator[Finding]:
        """Up to the chain's end the ledger had everything by then; what came after that end, nobody dates."""
        if self._proved is None or record.sequence > self._proved.end.sequence:
            return
        had_s, (_, to_ms) = self._proved.end.retired_s or self._proved.time_s, times_of(record)
        if to_ms > had_s * 1_000 + CLOCK_SLACK_MS:
            told, had = format_instant(to_ms // 1_000), format_instant(had_s)
            text = f"tells of {told}, and the ledger had it by {had}: that time had not come"
            yield Finding(AHEAD, ok=False, severity=Severity.CLAIM, text=text)

    def _too_much(self, record: UsageReport, against: Sequence[Finding]) -> Iterator[Finding]:
        """Each row may be some milliseconds of reading above its own interval; all of them together may not. Only rows
        that hold are added up, so that one that does not spoils no other.
        """
        if len(self._carried) > self._forget_at:
            self._forget(record.from_utc_ms)
        for row in record.rows:
            carried = self._carried.get(row.grant_id) or self._begin(row.grant_id)
            if carried is None or (against and any(_is_about(one, row.grant_id) for one in against)):
                continue
            so_far_ms = max(0, min(record.to_utc_ms, carried.ends_ms) - carried.starts_ms) + READING_SLACK_MS
            down_bytes, up_bytes = carried.down_bytes + row.down_bytes, carried.up_bytes + row.up_bytes
            # bits <= ceiling * seconds * 1.02, in integers
            most = so_far_ms * (100 + RATE_TOLERANCE_PERCENT)
            if (
                down_bytes * 800_000 > carried.ceil_down_bps * most
                or up_bytes * 800_000 > carried.ceil_up_bps * most
            ):
                text = (
                    f"grant {row.grant_id.hex()}: {down_bytes} bytes down and {up_bytes} up so far are more than its "
                    f"ceilings of {carried.ceil_down_bps} and {carried.ceil_up_bps} bit/s carry in {so_far_ms} ms"
                )
                yield Finding("totals", ok=False, severity=Severity.CLAIM, text=text)
            else:
                carried.down_bytes, carried.up_bytes = down_bytes, up_bytes

    def _begin(self, grant_id: bytes) -> _Carried | None:
        grant = self._find_grant(grant_id)
        if grant is None:
            return None
        qos = grant.total_qos
        carried = _Carried(qos.ceil_down_bps, qos.ceil_up_bps, grant.starts_s * 1_000, grant.ends_s * 1_000)
        self._carried[grant_id] = carried
        return carried

    def _forget(self, from_utc_ms: int) -> None:
        """Grants that are over: later rows of them fail by their time."""
        self._carried = {
            grant_id: one
            for grant_id, one in self._carried.items()
            if one.ends_ms + FORGET_AFTER_MS > from_utc_ms
        }
        self._forget_at = 2 * len(self._carried) + _FEW_GRANTS


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


def judge_further(further: Further, record: MeterRecord, verdict: RecordVerdict) -> RecordVerdict:
    """The verdict with what `further` finds, who has to have all records before this one."""
    if found := further.ask(record, verdict.failures):
        verdict = _with(verdict, found)
    unmetered = further.clip(record, verdict)
    return verdict if unmetered is verdict.unmetered else replace(verdict, unmetered=unmetered)


def _with(verdict: RecordVerdict, more: Sequence[Finding]) -> RecordVerdict:
    return replace(verdict, findings=(*verdict.findings, *more))


def _is_forgery(finding: Finding) -> bool:
    return not finding.ok and finding.severity is Severity.FORGERY


def _say_revoked(revoked: Revoked) -> Finding:
    text = f"the key was revoked as of {revoked.since_utc_s} s UTC: {revoked.why}"
    return Finding(REVOKED, ok=False, severity=Severity.FORGERY, text=text)


def times_of(record: MeterRecord) -> tuple[int, int]:
    """Which time it tells of, ms UTC."""
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
