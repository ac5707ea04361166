"""From a verified record to what the page keeps of it."""

from __future__ import annotations

from dataclasses import replace

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger.findings import Finding, RecordVerdict, Severity
from ledger.reports.rows import Standing
from operatord.page.judging import standing_of
from operatord.page.recorded import PassesTold, hold_against_passes, record_of
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


def test_a_pass_that_is_told_twice_for_one_time_is_disputed():
    row = UsageRow(b"pass" + bytes(12), 9, 9, 9, 9)
    chain = MeterChain(SoftwareKey(PROVIDER), NOW_S * 1_000)
    first, after, later = chain.boot(), chain.usage(5_000, row), chain.usage(5_000, row)
    twin = MeterChain(SoftwareKey(PROVIDER), NOW_S * 1_000)
    again = [twin.boot(), twin.usage(5_000, row)][1]
    told, found = PassesTold(), []
    for number, evidence in enumerate((first, after, again, later), 1):
        told, one = hold_against_passes(told, replace(verdict("usage"), sequence=number), evidence)
        found.append(standing_of(one))
    assert found == [Standing.HOLDS, Standing.HOLDS, Standing.CLAIM, Standing.HOLDS]
    _, anew = hold_against_passes(told, replace(verdict("usage"), sequence=2), after)
    assert standing_of(anew) is Standing.HOLDS, "the chain is verified from its beginning again"
    assert hold_against_passes(told, verdict("usage"), b"junk")[0] == told


def test_other_records_are_of_their_own_time_and_junk_of_now():
    assert record_of("k", b"p", verdict("boot"), BOOT, 7).from_s == NOW_S
    assert record_of("k", b"p", verdict("unreadable", Severity.FORGERY), b"junk", 7).from_s == 7
