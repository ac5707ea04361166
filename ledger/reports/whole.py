"""A report that is in memory as a whole, asked what a stream of it is asked: so both say the same of one box.

In: a bundle and its audit. Out: the audit with what further does not hold (ledger/reports/rows.py) and, of a file, the
time from the last report to what is proved. No record is verified twice. Pure.
"""

from collections.abc import Iterator
from dataclasses import replace

from ledger.bundle import Audit, Bundle
from ledger.findings import RecordVerdict
from ledger.reports.outcome import Outcome, OutcomeFold
from ledger.reports.rows import Further, Judged, judge_further, times_of
from wire.errors import DecodeError
from wire.evidence import read_evidence
from wire.meter_record import MeterRecord, read_meter_record


def ask_further(bundle: Bundle, audit: Audit, *, is_file: bool) -> Audit:
    """`audit` is the bundle's own. A ledger that is asked now has its last report of just now: `is_file` False."""
    judged = tuple(_judged(bundle, audit))
    gaps = [gap for one in judged for gap in one.verdict.unmetered]
    if is_file:
        fold = OutcomeFold(Outcome(""), audit.proved)
        for one in judged:
            fold.take(one)
        gaps += filter(None, [fold.rest()])
    gaps.sort(key=lambda gap: (gap.from_utc_ms, gap.to_utc_ms))
    verdicts = tuple(one.verdict for one in judged)
    return replace(audit, verdict=replace(audit.verdict, records=verdicts, unmetered=tuple(gaps)))


def _judged(bundle: Bundle, audit: Audit) -> Iterator[Judged]:
    further = Further(audit.grants.get, audit.proved)
    for encoded, verdict in zip(bundle.records, audit.verdict.records, strict=True):
        record = _read(encoded, verdict)
        if record is None:
            yield Judged(verdict)
        else:
            yield Judged(judge_further(further, record, verdict), (), *times_of(record))


def _read(encoded: bytes, verdict: RecordVerdict) -> MeterRecord | None:
    """None where it cannot be read, which the verdict says."""
    try:
        return read_meter_record(read_evidence(encoded).record)
    except DecodeError:
        assert verdict.failures, "who verified it could not read it either"
        return None
