"""A report in memory and the same as a stream say the same."""

from __future__ import annotations

from dataclasses import replace

from lab.meter_chain import MeterChain
from ledger.bundle import Audit, Bundle, verify_bundle
from ledger.entries import MeterChain as ChainEnd
from ledger.evidence_totals import most_bytes
from ledger.reports.outcome import NO_REPORT_SINCE, Outcome, OutcomeFold
from ledger.reports.rows import judge_records
from ledger.reports.whole import verify_further, with_rest
from ledger.usage_charges import meters_of
from tests.ledger.reports.test_rows import GRANTS, RESULT
from tests.ledger.test_bundle import GRANT, KEY, bundle, proof_of
from tests.ledger_world import START_S
from wire.meter_record import UsageRow


def with_passes() -> Bundle:
    """A pass that is told twice for one time, too much in short reports, time that had not come, and junk."""
    chain, passed = MeterChain(KEY, START_S * 1_000), UsageRow(b"pass" + bytes(12), 9, 9, 9, 9)
    fast = UsageRow(GRANT.grant_id, 300_000, 0, 300_000, 0)
    said = [chain.boot(), chain.usage(5_000, passed), chain.boot()]
    chain.utc_ms -= 5_000
    said += [chain.usage(5_000, passed), *(chain.usage(1, fast) for _ in range(90)), chain.usage(10**12)]
    return replace(bundle(), records=(*said, b"junk"), end=proof_of(ChainEnd(chain.sequence, chain.head)))


def audited(whole: Bundle) -> Audit:
    return with_rest(whole, verify_further(whole))


def test_it_finds_what_the_stream_finds() -> None:
    good, bad = audited(bundle()), audited(with_passes())
    for whole, audit in ((bundle(), good), (with_passes(), bad)):
        fold = OutcomeFold(Outcome("box.report"), audit.proved)
        judged = list(judge_records(whole.records, RESULT, GRANTS.get, proved=audit.proved))
        for one in judged:
            fold.take(one)
        outcome = fold.finish()
        assert audit.verdict.records == tuple(one.verdict for one in judged)
        assert audit.verdict.unmetered_ms == outcome.unmetered_ms
        assert audit.ok == outcome.ok
    checks = {finding.check for _, finding in bad.verdict.failures}
    assert {"ahead", "totals", "format"} <= checks


def test_a_ledger_that_is_asked_now_has_no_rest() -> None:
    whole = bundle()
    (gap,) = audited(whole).verdict.unmetered
    assert (gap.to_utc_ms - gap.from_utc_ms, gap.why) == (10_000, NO_REPORT_SINCE)
    assert verify_further(whole).verdict.unmetered == ()


def test_no_bill_is_made_of_more_than_a_grant_carries_in_the_time_that_passed() -> None:
    """All of it is within what the grant could carry in ten minutes, and was said of a tenth of a second."""
    chain = MeterChain(KEY, START_S * 1_000)
    fast = UsageRow(GRANT.grant_id, 300_000, 0, 300_000, 0)
    said = (chain.boot(), *(chain.usage(1, fast) for _ in range(100)))
    whole = replace(bundle(), records=said, end=proof_of(ChainEnd(101, chain.head)))
    assert meters_of(GRANT, [verify_bundle(whole)]).used_bytes < most_bytes(GRANT)
    assert meters_of(GRANT, [verify_further(whole)]).unverified == (KEY.public_key.key_id.hex(),)
    assert meters_of(GRANT, [verify_further(bundle())]).used_bytes == 2_020
