"""Rows and what they are worth: the verdicts are those of the verification that exists."""

from __future__ import annotations

from dataclasses import replace

from lab.meter_chain import MeterChain
from ledger.bundle import verify_bundle
from ledger.completeness import ProvedEnd
from ledger.evidence import verify_chain
from ledger.findings import UnmeteredInterval
from ledger.reports.rows import (
    ALWAYS,
    CLOCK_SLACK_MS,
    REVOKED,
    Further,
    Judged,
    Revoked,
    Span,
    Standing,
    judge_records,
)
from tests.ledger.test_bundle import GRANT, KEY, OTHER, bundle, records
from tests.ledger_world import ALICE, PROVIDER, START_S
from wire.attestation_result import AttestationResult
from wire.grant import Grant
from wire.meter_record import UsageReport, UsageRow

RESULT = AttestationResult(KEY.public_key, b"", PROVIDER.public, b"", START_S)
GRANTS = {one.grant_id: one for one in (GRANT, OTHER)}


def judge(*said: bytes, grants: dict[bytes, Grant] = GRANTS, revoked: Revoked | None = None) -> list[Judged]:
    return list(judge_records(said, RESULT, grants.get, revoked))


def standings(judged: list[Judged]) -> list[Standing]:
    return [row.standing for one in judged for row in one.rows]


def test_verdicts_are_those_of_the_chain() -> None:
    said = (*records()[:2], b"junk", records()[1], records()[2])
    assert tuple(one.verdict for one in judge(*said)) == verify_chain(said, RESULT, GRANTS.get).records


def test_a_row_says_who_got_what_when() -> None:
    first = judge(*records())[1]
    (row,) = first.rows
    assert (row.provider_id, row.key_id) == (PROVIDER.public.provider_id, KEY.public_key.key_id)
    assert (row.sequence, row.grant_id, row.consumer) == (2, GRANT.grant_id, ALICE.public.octets)
    assert (row.from_utc_ms, row.to_utc_ms) == (START_S * 1_000, START_S * 1_000 + 5_000)
    assert (row.down_bytes, row.up_bytes, row.down_offered_bytes) == (1_000, 10, 2_000)
    assert (row.standing, row.attested, row.why, row.is_pass) == (Standing.HOLDS, False, "", False)


def test_too_much_for_one_grant_is_held_against_that_grant_alone() -> None:
    chain = MeterChain(KEY, START_S * 1_000)
    rows = (UsageRow(GRANT.grant_id, 10**12, 0, 10**12, 0), UsageRow(OTHER.grant_id, 1, 1, 1, 1))
    judged = judge(chain.boot(), chain.usage(5_000, *rows))
    assert standings(judged) == [Standing.CLAIM, Standing.HOLDS]
    assert "exceed the ceiling" in judged[1].rows[0].why


def test_a_hole_disputes_the_report_after_it_and_no_other() -> None:
    chain = MeterChain(KEY, START_S * 1_000)
    row = UsageRow(GRANT.grant_id, 1, 1, 1, 1)
    said = [chain.boot(), *(chain.usage(5_000, row) for _ in range(3))]
    judged = judge(said[0], said[2], said[3])
    assert standings(judged) == [Standing.BREAK, Standing.HOLDS]


def test_rows_of_another_key_are_void_and_junk_has_none() -> None:
    other = AttestationResult(ALICE.public, b"", PROVIDER.public, b"", START_S)
    judged = list(judge_records((*records(), b"junk"), other, GRANTS.get))
    assert set(standings(judged)) == {Standing.FORGED}
    assert (judged[3].rows, judged[3].from_utc_ms) == ((), None)


def test_an_unknown_grant_has_no_consumer_and_a_pass_is_one() -> None:
    chain = MeterChain(KEY, START_S * 1_000)
    rows = (UsageRow(b"pass" + bytes(12), 1, 1, 1, 1), UsageRow(bytes(range(16)), 1, 1, 1, 1))
    paid, unknown = judge(chain.boot(), chain.usage(5_000, *rows))[1].rows
    assert (paid.is_pass, paid.standing) == (True, Standing.HOLDS)
    assert (unknown.is_pass, unknown.consumer, unknown.standing) == (False, b"", Standing.CLAIM)


def test_a_pass_counts_once_for_one_time_also_after_a_boot() -> None:
    chain, passed = MeterChain(KEY, START_S * 1_000), UsageRow(b"pass" + bytes(12), 9, 9, 9, 9)
    other = replace(passed, grant_id=b"pass" + bytes(11) + b"\1")
    said = [chain.boot(), chain.usage(5_000, passed)]
    chain.utc_ms -= 5_000
    said.append(chain.usage(5_000, other))
    said.append(chain.boot())
    chain.utc_ms -= 5_000
    said += [chain.usage(5_000, passed), chain.usage(5_000, passed)]
    judged = judge(*said)
    assert standings(judged) == [Standing.HOLDS, Standing.HOLDS, Standing.CLAIM, Standing.HOLDS]
    assert "was reported for this time before" in judged[4].rows[0].why


def test_a_revoked_key_vouches_for_what_was_before_and_not_for_what_came_after() -> None:
    stolen = Revoked(KEY.public_key.key_id, START_S + 6, "stolen")
    judged = judge(*records(), revoked=stolen)
    assert standings(judged) == [Standing.HOLDS, Standing.FORGED, Standing.FORGED]
    assert [one.check for one in judged[2].verdict.failures] == [REVOKED]
    assert "stolen" in judged[2].rows[0].why
    assert judge(*records()) == judge(*records(), revoked=replace(stolen, since_utc_s=START_S + 11))


def test_a_span_has_what_begins_in_it_and_a_part_of_a_gap() -> None:
    (row,) = judge(*records())[1].rows
    begin = row.from_utc_ms
    assert [span.has(row) for span in (ALWAYS, Span(begin, begin + 1), Span(0, begin), Span(begin + 1))] == [
        True, True, False, False,
    ]  # fmt: skip
    gap = UnmeteredInterval(10, 20, "why")
    assert Span(15, 30).clip(gap) == UnmeteredInterval(15, 20, "why")
    assert (ALWAYS.clip(gap), Span(0, 10).clip(gap), Span(20, 30).clip(gap)) == (gap, None, None)


def test_many_short_reports_together_claim_no_more_than_the_grant_carries() -> None:
    """Each may be a quarter of a second above its own millisecond."""
    chain, row = MeterChain(KEY, START_S * 1_000), UsageRow(GRANT.grant_id, 300_000, 0, 300_000, 0)
    judged = judge(chain.boot(), *(chain.usage(1, row) for _ in range(3)), chain.usage(1_000, row))
    assert standings(judged) == [Standing.HOLDS, Standing.CLAIM, Standing.CLAIM, Standing.HOLDS]
    (failure,) = judged[2].verdict.failures
    assert "600000 bytes down and 0 up so far are more than its ceilings" in failure.text


def test_a_row_of_nothing_before_its_grant_begins_is_no_claim() -> None:
    """A session goes by the monotonic clock; one whose wall clock is set back dates its first report too early."""
    chain = MeterChain(KEY, (GRANT.starts_s - 20) * 1_000)
    nothing = UsageRow(GRANT.grant_id, 0, 0, 0, 0)
    judged = judge(chain.boot(), chain.usage(5_000, nothing), chain.usage(5_000, nothing))
    assert [one.verdict.failures for one in judged] == [(), (), ()]


def test_a_forged_copy_of_a_pass_spoils_no_honest_one() -> None:
    chain, passed = MeterChain(KEY, START_S * 1_000), UsageRow(b"pass" + bytes(12), 9, 9, 9, 9)
    boot, honest = chain.boot(), chain.usage(5_000, passed)
    forged = honest[:-1] + bytes((honest[-1] ^ 1,))
    _, bad, good = judge(boot, forged, honest)
    assert bad.verdict.forged
    assert good.verdict.failures == ()


def test_grants_that_are_over_are_forgotten() -> None:
    further = Further(lambda grant_id: replace(GRANT, grant_id=grant_id))
    for number in range(3_000):
        rows = (UsageRow(number.to_bytes(16, "big"), 1, 1, 1, 1),)
        begin = START_S * 1_000 + number * 60_000
        assert not further.ask(UsageReport(number + 1, bytes(32), begin, begin + 1, rows), ())
    assert len(further._carried) < 1_100


def test_time_that_had_not_come_when_the_ledger_had_the_record_is_disputed() -> None:
    said, proved = records(), verify_bundle(bundle()).proved

    def asked(one: ProvedEnd) -> list[Standing]:
        return standings(list(judge_records(said, RESULT, GRANTS.get, proved=one)))

    early = replace(proved, time_s=START_S + 9 - CLOCK_SLACK_MS // 1_000)
    assert set(asked(proved)) == {Standing.HOLDS}
    assert asked(early) == [Standing.HOLDS, Standing.CLAIM, Standing.CLAIM]
    assert set(asked(replace(early, end=replace(early.end, sequence=2)))) == {Standing.HOLDS}, "it came later"
    retired = replace(proved, end=replace(proved.end, retired_s=early.time_s))
    assert asked(retired) == asked(early)
