"""Outcomes count everything, keep little, and say one sentence."""

from __future__ import annotations

import json
from dataclasses import replace

from apd.shells.fake_tpm import FakeTpm
from lab.meter_chain import MeterChain
from ledger.bundle import verify_bundle
from ledger.completeness import ProvedEnd
from ledger.entries import MeterChain as ChainEnd
from ledger.findings import Severity, UnmeteredInterval
from ledger.reports.outcome import (
    MOST_SHOWN,
    NO_REPORT_SINCE,
    Outcome,
    OutcomeFold,
    read_outcome,
    severity_of,
)
from ledger.reports.rows import ALWAYS, Revoked, Span, judge_records
from tests.ledger.reports.test_rows import GRANTS, RESULT
from tests.ledger.test_bundle import KEY, bundle, records
from tests.ledger_world import PROVIDER, START_S
from wire.attestation_result import AttestationResult

PROVED = verify_bundle(bundle()).proved
AS_OF = "as of block 7 of 1970-01-01 16:40:20 UTC"


def fold(
    *said: bytes, proved: ProvedEnd = PROVED, revoked: Revoked | None = None, span: Span = ALWAYS
) -> Outcome:
    folding = OutcomeFold(Outcome("box.report"), proved, span)
    for one in judge_records(said, RESULT, GRANTS.get, revoked, proved=proved):
        folding.take(one)
    return folding.finish()


def test_what_came_after_the_header_is_not_proved_and_said_so() -> None:
    header_ms = PROVED.time_s * 1_000
    within = fold(*records(), span=Span(0, header_ms))
    assert (within.ok, within.is_short) == (True, False)
    assert within.sentence.endswith(AS_OF)
    beyond = fold(*records(), span=Span(0, header_ms + 1))
    assert (beyond.ok, beyond.is_short) == (True, True)
    assert beyond.sentence.endswith(f"{AS_OF}; of what came later nothing is proved")
    retired = replace(PROVED, end=replace(PROVED.end, retired_s=START_S + 15))
    assert not fold(*records(), proved=retired, span=Span(0, header_ms + 1)).is_short


def test_time_after_the_last_report_is_not_metered() -> None:
    """A box that stopped has no next report that would show the gap."""
    (gap,) = fold(*records()).unmetered
    begin = START_S * 1_000 + 10_000
    assert gap == UnmeteredInterval(begin, PROVED.time_s * 1_000, NO_REPORT_SINCE)
    assert fold(*records(), span=Span(0, begin + 3_000)).unmetered_ms == 3_000
    retired = replace(PROVED, end=replace(PROVED.end, retired_s=START_S + 14))
    assert fold(*records(), proved=retired).unmetered_ms == 4_000


def test_every_check_is_counted_that_was_made_and_no_other() -> None:
    outcome = fold(*records())
    assert outcome.asked == {
        "format": 3, "ahead": 3, "signature": 3, "sequence": 3, "chain": 3, "interval": 2, "totals": 2,
    }  # fmt: skip
    tpm = FakeTpm()
    key = tpm.attestation_key()
    enrolment = AttestationResult(key.public_key, key.name, PROVIDER.public, bytes(32), START_S)
    chain = MeterChain(tpm, START_S * 1_000)
    said = (chain.boot(), chain.usage(5_000), chain.anchor(), chain.usage(5_000), chain.anchor())
    for kept, anchors in ((said[:2], 0), (said[:3], 0), (said, 1)):
        folding = OutcomeFold(Outcome("box.report", in_tpm=True), PROVED)
        for one in judge_records(kept, enrolment, GRANTS.get):
            folding.take(one)
        assert folding.outcome.asked.get("anchor", 0) == anchors, "the first has none before it"
        assert folding.outcome.asked["quote"] == folding.outcome.asked["pcr"] == len(kept)
        assert "totals" not in folding.outcome.asked, "nobody was served"


def test_a_whole_chain_is_all_right() -> None:
    outcome = fold(*records())
    assert outcome.ok
    assert (outcome.records, outcome.rows, outcome.rows_that_hold, outcome.attested_rows) == (3, 3, 3, 0)
    assert (outcome.from_utc_ms, outcome.to_utc_ms) == (START_S * 1_000, START_S * 1_000 + 10_000)
    assert outcome.sentence.startswith("all 3 records hold, unattested")


def test_its_verdict_is_the_bundles_for_every_chain_that_lacks_something() -> None:
    said = records()
    for kept in ((), said[:1], said[:2], said[1:], said[::2], (*said, b"junk"), (said[0], *said), said[::-1]):
        audit = verify_bundle(replace(bundle(), records=tuple(kept)))
        outcome = fold(*kept)
        assert outcome.ok == audit.ok, kept
        assert outcome.complete_text == audit.complete.text
        assert sum(outcome.failures.values()) == len(audit.verdict.failures)
        gaps = [one for one in outcome.unmetered if one.why != NO_REPORT_SINCE]
        assert gaps == list(audit.verdict.unmetered)


def test_only_the_first_faults_are_kept_and_all_are_counted() -> None:
    outcome = fold(*records(), *(b"junk" for _ in range(MOST_SHOWN + 50)))
    assert (len(outcome.faults), outcome.failures) == (MOST_SHOWN, {"format": MOST_SHOWN + 50})
    assert severity_of(outcome.faults[0]) is Severity.FORGERY
    assert outcome.sentence == f"150 of 153 records do not hold; {AS_OF}"


def test_a_revoked_key_is_not_said_to_withhold_records() -> None:
    outcome = fold(*records(), revoked=Revoked(KEY.public_key.key_id, START_S, "stolen"))
    assert (outcome.ok, outcome.complete) == (False, True)
    assert outcome.failures == {"revoked": 3}


def test_every_sentence() -> None:
    retired = replace(PROVED, end=ChainEnd(0, bytes(32), START_S))
    assert fold(proved=retired).sentence == f"no records, and the key was retired; {AS_OF}"
    assert fold(proved=replace(PROVED, end=ChainEnd(0, bytes(32)))).sentence == f"no records; {AS_OF}"
    assert fold(*records()[:2]).sentence == f"2 records hold, and others are withheld; {AS_OF}"
    assert Outcome("x", error="is cut").sentence == "cannot be verified: is cut"


def test_an_outcome_survives_its_json() -> None:
    outcome = fold(records()[0], records()[2], b"junk")
    assert read_outcome(json.loads(json.dumps(outcome.page()))) == outcome


def test_time_that_had_not_come_covers_nothing() -> None:
    """A box that stops could tell of the next years first."""
    chain = MeterChain(KEY, START_S * 1_000)
    said = (chain.boot(), chain.usage(5_000), chain.usage(10**12))
    proved = replace(PROVED, end=ChainEnd(3, chain.head))
    folding = OutcomeFold(Outcome("box.report"), proved)
    for one in judge_records(said, RESULT, GRANTS.get, proved=proved):
        folding.take(one)
    outcome = folding.finish()
    assert (outcome.ok, outcome.failures, outcome.asked["ahead"]) == (False, {"ahead": 1}, 3)
    assert (outcome.unmetered_ms, outcome.to_utc_ms) == (15_000, START_S * 1_000 + 5_000)


def test_what_was_left_out_before_time_that_had_not_come_is_counted() -> None:
    """Five seconds, a thousand of silence, a report of hours ahead, and five seconds with the clock put right."""
    chain = MeterChain(KEY, START_S * 1_000)
    said = [chain.boot(), chain.usage(5_000)]
    chain.utc_ms += 1_000_000
    said.append(chain.usage(10_000_000))
    chain.utc_ms = (START_S + 1_600) * 1_000
    said.append(chain.usage(5_000))
    proved = ProvedEnd(ChainEnd(4, chain.head), 9, START_S + 1_700)
    folding = OutcomeFold(Outcome("box.report"), proved)
    for one in judge_records(said, RESULT, GRANTS.get, proved=proved):
        folding.take(one)
    outcome = folding.finish()
    assert outcome.failures["ahead"] == 1
    assert outcome.unmetered_ms == (1_700 - 5 - 5) * 1_000
