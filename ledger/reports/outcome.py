"""What became of one report file: counts, the first of what does not hold, and a verdict in a sentence.

A fold over judged records, so that memory stays what it is at any length: of faults and of unmetered times the first
are kept and all are counted. Outcomes travel between processes as JSON. Pure.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ledger.completeness import ProvedEnd, check_complete
from ledger.findings import Finding, RecordVerdict, Severity, UnmeteredInterval
from ledger.reports.rows import ALWAYS, REVOKED, Judged, Span, Standing

MOST_SHOWN = 100
"""Of faults and of unmetered intervals: a person reads no more, and a file may have a million."""
MOST_TEXT = 300


@dataclass(slots=True)
class Fault:
    """Something that does not hold; `sequence` 0 is the chain as a whole, or a record that cannot be read."""

    sequence: int
    check: str
    severity: str
    text: str


@dataclass(slots=True)
class Outcome:
    """Of one file. `error` says why it could not be read to its end; then the rest is what was so far."""

    file: str
    key_id: str = ""
    provider: str = ""
    ledger_id: str = ""
    in_tpm: bool = False
    records: int = 0
    records_that_hold: int = 0
    rows: int = 0
    rows_that_hold: int = 0
    attested_rows: int = 0
    from_utc_ms: int | None = None
    to_utc_ms: int | None = None
    ended_s: int = 0
    """When another key took over, or 0."""
    complete: bool = False
    complete_text: str = ""
    maker_asked: bool = False
    """Whether the TPM's certificate was held against makers that the auditor trusts."""
    maker_text: str = ""
    failures: dict[str, int] = field(default_factory=dict)
    """How often each check failed."""
    faults: list[Fault] = field(default_factory=list)
    unmetered_ms: int = 0
    unmetered_times: int = 0
    unmetered: list[UnmeteredInterval] = field(default_factory=list)
    error: str = ""

    @property
    def ok(self) -> bool:
        """As ledger.bundle.Audit.ok: everything holds, and there is something that does."""
        shown = bool(self.records) or bool(self.ended_s)
        return shown and self.complete and not self.failures and not self.error

    @property
    def sentence(self) -> str:
        """The verdict for a person."""
        if self.error:
            return f"cannot be verified: {self.error}"
        if bad := self.records - self.records_that_hold:
            return f"{bad:,} of {self.records:,} records do not hold"
        if not self.complete:
            return f"{self.records:,} records hold, and others are withheld"
        if self.failures:
            return f"{self.records:,} records hold, and nobody trusted vouches for the TPM"
        if not self.records:
            return "no records, and the key was retired" if self.ok else "no records"
        attested = "" if self.in_tpm else ", unattested: a software key signed them"
        return f"all {self.records:,} records hold{attested}"

    def page(self) -> dict[str, Any]:
        return {**asdict(self), "ok": self.ok, "verdict": self.sentence}


def read_outcome(page: dict[str, Any]) -> Outcome:
    """From `Outcome.page`."""
    known = {name: value for name, value in page.items() if name not in ("ok", "verdict")}
    known["faults"] = [Fault(**one) for one in page["faults"]]
    known["unmetered"] = [UnmeteredInterval(**one) for one in page["unmetered"]]
    return Outcome(**known)


class OutcomeFold:
    """Takes one record after the other; `finish` judges the chain's end."""

    def __init__(self, outcome: Outcome, proved: ProvedEnd, span: Span = ALWAYS) -> None:
        """Of unmetered times what is within `span` counts; everything is verified, always."""
        self.outcome = outcome
        self._span = span
        self._proved = proved
        self._end: RecordVerdict | None = None
        self._last: RecordVerdict | None = None

    def take(self, judged: Judged) -> None:
        verdict, outcome = judged.verdict, self.outcome
        outcome.records += 1
        failures = verdict.failures
        outcome.records_that_hold += not failures
        for finding in failures:
            self.fail(verdict.sequence, finding)
        for gap in filter(None, map(self._span.clip, verdict.unmetered)):
            self._leave_out(gap)
        for row in judged.rows:
            outcome.rows += 1
            outcome.rows_that_hold += row.standing is Standing.HOLDS
            outcome.attested_rows += row.attested
        self._reach(judged)
        self._follow(verdict)

    def _follow(self, verdict: RecordVerdict) -> None:
        """Towards the end. A record of a revoked key is shown all the same."""
        if any(finding.check == REVOKED for finding in verdict.failures):
            kept = tuple(finding for finding in verdict.findings if finding.check != REVOKED)
            verdict = replace(verdict, findings=kept)
        if self._last is None or verdict.sequence > self._last.sequence:
            self._last = verdict
        at_end = (verdict.sequence, verdict.record_hash) == (self._proved.end.sequence, self._proved.end.head)
        if at_end and (self._end is None or self._end.forged):
            self._end = verdict

    def fail(self, sequence: int, finding: Finding) -> None:
        failures, faults = self.outcome.failures, self.outcome.faults
        failures[finding.check] = failures.get(finding.check, 0) + 1
        if len(faults) < MOST_SHOWN:
            faults.append(Fault(sequence, finding.check, finding.severity.value, finding.text[:MOST_TEXT]))

    def finish(self) -> Outcome:
        shown = tuple(one for one in (self._end, self._last) if one is not None)
        complete = check_complete(self._proved, shown)
        self.outcome.complete, self.outcome.complete_text = complete.ok, complete.text
        self.outcome.ended_s = self._proved.end.retired_s
        return self.outcome

    def _leave_out(self, gap: UnmeteredInterval) -> None:
        outcome = self.outcome
        outcome.unmetered_ms += gap.to_utc_ms - gap.from_utc_ms
        outcome.unmetered_times += 1
        if len(outcome.unmetered) < MOST_SHOWN:
            outcome.unmetered.append(gap)

    def _reach(self, judged: Judged) -> None:
        """The time that genuine records speak of."""
        if judged.from_utc_ms is None or judged.to_utc_ms is None or judged.verdict.forged:
            return
        outcome = self.outcome
        if outcome.from_utc_ms is None or judged.from_utc_ms < outcome.from_utc_ms:
            outcome.from_utc_ms = judged.from_utc_ms
        if outcome.to_utc_ms is None or judged.to_utc_ms > outcome.to_utc_ms:
            outcome.to_utc_ms = judged.to_utc_ms


def severity_of(fault: Fault) -> Severity:
    return Severity(fault.severity)
