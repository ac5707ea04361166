"""From a verified record to what the page keeps of it."""

from __future__ import annotations

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger.findings import Finding, RecordVerdict, Severity
from ledger.reports.rows import Standing
from operatord.page.recorded import record_of
from tests.operatord.world import NOW_S, PROVIDER
from wire.meter_record import UsageRow

CHAIN = MeterChain(SoftwareKey(PROVIDER), NOW_S * 1_000)
BOOT, REPORT = CHAIN.boot(), CHAIN.usage(5_000, UsageRow(b"g" * 16, 100, 10, 200, 10, 40, 2))


def verdict(kind: str, *failures: Severity) -> RecordVerdict:
    findings = tuple(Finding("totals", ok=False, severity=one, text="too much") for one in failures)
    return RecordVerdict(2, kind, b"", attested=False, findings=findings)


def test_a_report_is_summed_and_what_was_missing_is_told_by_grant():
    told = record_of("k", b"p", verdict("usage"), REPORT, 0)
    assert (told.from_s, told.to_s, told.sessions, told.bytes, told.missing_bytes) == (
        NOW_S,
        NOW_S + 5,
        1,
        110,
        42,
    )
    assert [(one.grant_id, one.down_bytes, one.up_bytes) for one in told.short] == [
        ((b"g" * 16).hex(), 40, 2)
    ]


def test_what_does_not_hold_owes_nobody_anything():
    told = record_of("k", b"p", verdict("usage", Severity.CLAIM), REPORT, 0)
    assert (told.standing, told.checks, told.why, told.short) == (Standing.CLAIM, ("totals",), "too much", ())


def test_other_records_are_of_their_own_time_and_junk_of_now():
    assert record_of("k", b"p", verdict("boot"), BOOT, 7).from_s == NOW_S
    assert record_of("k", b"p", verdict("unreadable", Severity.FORGERY), b"junk", 7).from_s == 7
