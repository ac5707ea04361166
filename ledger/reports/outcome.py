"""What became of one report file: counts, the first of what does not hold, and a verdict in a sentence.

A fold over judged records, so that memory stays what it is at any length: of faults and of unmetered times the first
are kept and all are counted. Outcomes travel between processes as JSON. Pure.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePath
from typing import Any

from ledger.completeness import ProvedEnd, check_complete
from ledger.findings import Finding, RecordVerdict, Severity, UnmeteredInterval
from ledger.reports.rows import AHEAD, ALWAYS, MAKER, OF_AUDITOR, Judged, Span, Standing
from wire.units import format_instant

MOST_SHOWN = 100
"""Of faults and of unmetered intervals: a person reads no more, and a file may have a million."""
MOST_TEXT = 300
NO_REPORT_SINCE = "no report came until the time that is proved"


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
    proved_height: int = 0
    proved_s: int = 0
    """Block and time of the header that says where the chain ends: nothing is proved of what came later."""
    end_sequence: int = 0
    end_head: str = ""
    """The chain's last record as that header has it, and its hash."""
    asked_until_ms: int = 0
    """How far the proof has to reach for the time that the auditor asked about; 0: he named none."""
    complete: bool = False
    complete_text: str = ""
    maker_asked: bool = False
    """Whether the TPM's certificate was held against makers that the auditor trusts."""
    maker_text: str = ""
    revoked_named: int = 0
    """Keys that the auditor names as revoked; `revoked_asked`: this box's is among them."""
    revoked_asked: bool = False
    partner_rows: int = 0
    """Rows of grants that another provider sold."""
    asked: dict[str, int] = field(default_factory=dict)
    """How often each check was made, whatever came of it."""
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
    def is_short(self) -> bool:
        """The header is older than the end of the time that was asked about: then the rest is not proved. A retired
        key has no rest.
        """
        return bool(self.proved_s) and not self.ended_s and self.proved_s * 1_000 < self.asked_until_ms

    @property
    def as_of(self) -> str:
        """Until when it is proved, in words."""
        return f"block {self.proved_height} of {format_instant(self.proved_s)}"

    @property
    def sentence(self) -> str:
        """The verdict for a person, and as of when it is one."""
        if self.error:
            return f"cannot be verified: {self.error}"
        if not self.proved_s:
            return self._verdict
        only = "; of what came later nothing is proved" if self.is_short else ""
        return f"{self._verdict}; as of {self.as_of}{only}"

    @property
    def _verdict(self) -> str:
        if MAKER in self.failures:
            return f"nobody trusted vouches for the TPM: none of {self.records:,} records counts"
        if bad := self.records - self.records_that_hold:
            return f"{bad:,} of {self.records:,} records do not hold"
        if not self.complete:
            return f"{self.records:,} records hold, and others are withheld"
        if not self.records:
            return "no records, and the key was retired" if self.ok else "no records"
        attested = "" if self.in_tpm else ", unattested: a software key signed them"
        return f"all {self.records:,} records hold{attested}"

    def page(self) -> dict[str, Any]:
        return {**asdict(self), "ok": self.ok, "is_short": self.is_short, "verdict": self.sentence}


def read_outcome(page: dict[str, Any]) -> Outcome:
    """From `Outcome.page`."""
    known = {name: value for name, value in page.items() if name not in ("ok", "is_short", "verdict")}
    known["faults"] = [Fault(**one) for one in page["faults"]]
    known["unmetered"] = [UnmeteredInterval(**one) for one in page["unmetered"]]
    return Outcome(**known)


class OutcomeFold:
    """Takes one record after the other; `finish` judges the chain's end."""

    def __init__(self, outcome: Outcome, proved: ProvedEnd, span: Span = ALWAYS) -> None:
        """Of unmetered times what is within `span` counts; everything is verified, always."""
        self.outcome = outcome
        self._span = span
        self.proved = proved
        self._end: RecordVerdict | None = None
        self._last: RecordVerdict | None = None
        self._covered_ms: int | None = None
        self._anchored = False
        outcome.proved_height, outcome.proved_s = proved.height, proved.time_s
        outcome.end_sequence, outcome.end_head = proved.end.sequence, proved.end.head.hex()
        outcome.ended_s = proved.end.retired_s
        outcome.asked_until_ms = span.must_reach_ms

    def take(self, judged: Judged) -> None:
        verdict, outcome = judged.verdict, self.outcome
        outcome.records += 1
        failures = verdict.failures
        outcome.records_that_hold += not failures
        for finding in failures:
            if finding.check != MAKER:  # told once, of the whole chain
                self.fail(verdict.sequence, finding)
        for check in self._checks_of(judged):
            outcome.asked[check] = outcome.asked.get(check, 0) + 1
        for gap in filter(None, map(self._span.clip, verdict.unmetered)):
            self._leave_out(gap)
        for row in judged.rows:
            outcome.rows += 1
            outcome.rows_that_hold += row.standing is Standing.HOLDS
            outcome.attested_rows += row.attested
            outcome.partner_rows += row.is_for_partner
        self._reach(judged)
        self._follow(verdict)

    def _follow(self, verdict: RecordVerdict) -> None:
        """Towards the end. A record of a key that the auditor does not believe is shown all the same."""
        if any(finding.check in OF_AUDITOR for finding in verdict.failures):
            kept = tuple(finding for finding in verdict.findings if finding.check not in OF_AUDITOR)
            verdict = replace(verdict, findings=kept)
        if self._last is None or verdict.sequence > self._last.sequence:
            self._last = verdict
        at_end = (verdict.sequence, verdict.record_hash) == (self.proved.end.sequence, self.proved.end.head)
        if at_end and (self._end is None or self._end.forged):
            self._end = verdict

    def fail(self, sequence: int, finding: Finding) -> None:
        failures, faults = self.outcome.failures, self.outcome.faults
        failures[finding.check] = failures.get(finding.check, 0) + 1
        if len(faults) < MOST_SHOWN:
            faults.append(Fault(sequence, finding.check, finding.severity.value, finding.text[:MOST_TEXT]))

    def finish(self) -> Outcome:
        shown = tuple(one for one in (self._end, self._last) if one is not None)
        complete = check_complete(self.proved, shown)
        self.outcome.complete, self.outcome.complete_text = complete.ok, complete.text
        if (rest := self.rest()) is not None:
            self._leave_out(rest)
        return self.outcome

    def rest(self) -> UnmeteredInterval | None:
        """From the last report to the header, or to when the key was retired: a box that stopped has no next report
        that would show it. What of it is within the span.
        """
        until_ms = (self.proved.end.retired_s or self.proved.time_s) * 1_000
        if self._covered_ms is None or until_ms <= self._covered_ms:
            return None
        return self._span.clip(UnmeteredInterval(self._covered_ms, until_ms, NO_REPORT_SINCE))

    def _checks_of(self, judged: Judged) -> Iterator[str]:
        """Those that were made of a record; what is told only for the reader, such as that there is no TPM, is none."""
        yield "format"
        if judged.to_utc_ms is not None and judged.verdict.sequence <= self.proved.end.sequence:
            yield AHEAD
        for finding in judged.verdict.findings:
            match finding.check:
                case "format" | "totals":
                    pass
                case check if check == AHEAD:
                    pass  # counted above
                case "signature":
                    yield "signature"
                case "quote" | "boot record":
                    if self.outcome.in_tpm or not finding.ok:
                        yield finding.check
                case "anchor" if (
                    finding.ok and not self._anchored
                ):  # the first has nothing to be held against
                    self._anchored = finding.severity is not Severity.NOTE
                case check if finding.severity is not Severity.NOTE or not finding.ok:
                    yield check
        if any(not row.is_pass for row in judged.rows):
            yield "totals"

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
        ends = [gap.to_utc_ms for gap in judged.verdict.unmetered]
        if any(one.check == AHEAD for one in judged.verdict.failures):
            self._covered_ms = max([self._covered_ms or 0, *ends]) or None
            return
        if judged.verdict.kind == "usage" or self._covered_ms is None:
            ends.append(judged.to_utc_ms)
        self._covered_ms = max([self._covered_ms or 0, *ends])
        if outcome.from_utc_ms is None or judged.from_utc_ms < outcome.from_utc_ms:
            outcome.from_utc_ms = judged.from_utc_ms
        if outcome.to_utc_ms is None or judged.to_utc_ms > outcome.to_utc_ms:
            outcome.to_utc_ms = judged.to_utc_ms


def name_of(path: PurePath) -> str:
    """As it can be printed: whoever sends a file names it, and a name may be no text."""
    return printable(str(path))


def printable(text: str) -> str:
    """What ends lines, colours them or is no character stands as its escape: others' texts say nothing of their own."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def severity_of(fault: Fault) -> Severity:
    return Severity(fault.severity)
