"""Outcomes count everything, keep little, and say one sentence."""

from __future__ import annotations

import json
from dataclasses import replace

from ledger.bundle import verify_bundle
from ledger.completeness import ProvedEnd
from ledger.entries import MeterChain as ChainEnd
from ledger.findings import Severity
from ledger.reports.outcome import MOST_SHOWN, Outcome, OutcomeFold, read_outcome, severity_of
from ledger.reports.rows import Revoked
from tests.ledger.reports.test_rows import judge
from tests.ledger.test_bundle import KEY, bundle, records
from tests.ledger_world import START_S

PROVED = verify_bundle(bundle()).proved


def fold(*said: bytes, proved: ProvedEnd = PROVED, revoked: Revoked | None = None) -> Outcome:
    folding = OutcomeFold(Outcome("box.report"), proved)
    for one in judge(*said, revoked=revoked):
        folding.take(one)
    return folding.finish()


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
        assert outcome.unmetered_ms == audit.verdict.unmetered_ms


def test_only_the_first_faults_are_kept_and_all_are_counted() -> None:
    outcome = fold(*records(), *(b"junk" for _ in range(MOST_SHOWN + 50)))
    assert (len(outcome.faults), outcome.failures) == (MOST_SHOWN, {"format": MOST_SHOWN + 50})
    assert severity_of(outcome.faults[0]) is Severity.FORGERY
    assert outcome.sentence == "150 of 153 records do not hold"


def test_a_revoked_key_is_not_said_to_withhold_records() -> None:
    outcome = fold(*records(), revoked=Revoked(KEY.public_key.key_id, START_S, "stolen"))
    assert (outcome.ok, outcome.complete) == (False, True)
    assert outcome.failures == {"revoked": 3}


def test_every_sentence() -> None:
    retired = replace(PROVED, end=ChainEnd(0, bytes(32), START_S))
    assert fold(proved=retired).sentence == "no records, and the key was retired"
    assert fold(proved=replace(PROVED, end=ChainEnd(0, bytes(32)))).sentence == "no records"
    assert fold(*records()[:2]).sentence == "2 records hold, and others are withheld"
    assert Outcome("x", error="is cut").sentence == "cannot be verified: is cut"
    whole = fold(*records())
    whole.failures["maker"] = 1
    assert "nobody trusted vouches" in whole.sentence


def test_an_outcome_survives_its_json() -> None:
    outcome = fold(records()[0], records()[2], b"junk")
    assert read_outcome(json.loads(json.dumps(outcome.page()))) == outcome
