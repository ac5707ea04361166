"""A report that is in memory as a whole, asked what a stream of it is asked: so both say the same of one box.

In: a bundle. Out: its audit with what further does not hold (ledger/reports/rows.py), by which bills and refunds are
judged, too; and, of a file, with the time from the last report to what is proved. No signature is verified twice. Pure.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from ledger.bundle import Audit, Bundle, verify_bundle
from ledger.findings import RecordVerdict
from ledger.reports.outcome import Outcome, OutcomeFold
from ledger.reports.rows import Further, Judged, judge_further, times_of
from wire.errors import DecodeError
from wire.evidence import read_evidence
from wire.meter_record import MeterRecord, read_meter_record


def verify_further(bundle: Bundle, on_record: Callable[[int], None] = lambda _number: None) -> Audit:
    """As `verify_bundle`, and with what an auditor asks beyond it. Raises what that raises."""
    audit = verify_bundle(bundle, on_record)
    judged = tuple(_judged(bundle, audit, Further(audit.grants.get, audit.proved)))
    gaps = sorted(
        (gap for one in judged for gap in one.verdict.unmetered),
        key=lambda gap: (gap.from_utc_ms, gap.to_utc_ms),
    )
    verdicts = tuple(one.verdict for one in judged)
    return replace(audit, verdict=replace(audit.verdict, records=verdicts, unmetered=tuple(gaps)))


def with_rest(bundle: Bundle, audit: Audit) -> Audit:
    """Of a file, which may be old: what no report is about until its header. A ledger that is asked has one of now."""
    fold = OutcomeFold(Outcome(""), audit.proved)
    for one in _judged(bundle, audit):
        fold.take(one)
    rest = fold.rest()
    if rest is None:
        return audit
    return replace(audit, verdict=replace(audit.verdict, unmetered=(*audit.verdict.unmetered, rest)))


def _judged(bundle: Bundle, audit: Audit, further: Further | None = None) -> Iterator[Judged]:
    for encoded, verdict in zip(bundle.records, audit.verdict.records, strict=True):
        record = _read(encoded, verdict)
        if record is None:
            yield Judged(verdict)
        else:
            asked = verdict if further is None else judge_further(further, record, verdict)
            yield Judged(asked, (), *times_of(record))


def _read(encoded: bytes, verdict: RecordVerdict) -> MeterRecord | None:
    """None where it cannot be read, which the verdict says."""
    try:
        return read_meter_record(read_evidence(encoded).record)
    except DecodeError:
        assert verdict.failures, "who verified it could not read it either"
        return None
