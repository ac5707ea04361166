"""Rows against grants: one table row for each thing that a report may not say."""

from dataclasses import replace

import pytest

from ledger.chain_state import ChainState, GrantUsage, read_chain_state, write_chain_state
from ledger.evidence_totals import CAP_SLACK_MS, FORGET_AFTER_MS, READING_SLACK_MS, check_totals, most_bytes
from operatord.channels import permit_id_of
from wire.band import Band
from wire.grant import Grant
from wire.keys import PrivateKey
from wire.meter_record import UsageReport, UsageRow
from wire.qos import Qos
from wire.units import U63_MAX

PROVIDER = PrivateKey.from_secret(7).public
STARTS_S = 1_800_000_000
GRANT = Grant(
    consumer=PrivateKey.from_secret(8).public,
    provider_id=PROVIDER.provider_id,
    grant_id=bytes(16),
    epoch=1,
    starts_s=STARTS_S,
    duration_s=60,
    band=Band(5_170_000, 5_250_000, 80_000),
    qos=Qos(1_000_000, 8_000_000, 1_000_000, 1_600_000),
)
CEILING_BYTES_PER_S = 1_000_000


def row(down_bytes=0, up_bytes=0, grant=GRANT):
    return UsageRow(grant.grant_id, down_bytes, up_bytes, down_bytes, up_bytes)


def check(*rows, from_s=10.0, to_s=20.0, grant=GRANT, usage=None):
    start_ms = STARTS_S * 1_000
    report = UsageReport(5, bytes(32), start_ms + round(from_s * 1_000), start_ms + round(to_s * 1_000), rows)
    findings, totals = check_totals(report, usage or {}, PROVIDER, {grant.grant_id: grant}.get)
    return [finding.text for finding in findings if not finding.ok], totals


def test_what_was_bought_may_be_used():
    failures, totals = check(row(down_bytes=10 * CEILING_BYTES_PER_S, up_bytes=2_000_000))
    assert failures == []
    assert totals == {GRANT.grant_id: GrantUsage(12_000_000, GRANT.ends_s, (STARTS_S + 20) * 1_000)}


def test_a_row_of_a_metered_pass_is_no_misfit():
    pass_row = UsageRow(permit_id_of(bytes(32), GRANT.consumer), 5, 5, 5, 5)
    start_ms = STARTS_S * 1_000
    report = UsageReport(5, bytes(32), start_ms, start_ms + 10_000, (pass_row, row(1)))
    findings, totals = check_totals(report, {}, PROVIDER, {GRANT.grant_id: GRANT}.get)
    assert all(finding.ok for finding in findings)
    assert "paid as it goes" in findings[0].text
    assert set(totals) == {GRANT.grant_id}


@pytest.mark.parametrize(
    ("what", "arguments", "why"),
    [
        ("an unknown grant", {"rows": [UsageRow(b"\x01" * 16, 1, 1, 1, 1)]}, "no such grant"),
        ("a grant twice in a report", {"rows": [row(1), row(1)]}, "reported for this time before"),
        (
            "bytes before the grant's time",
            {"rows": [row(1)], "from_s": -20, "to_s": -10},
            "outside the grant's time",
        ),
        (
            "bytes after the grant's time",
            {"rows": [row(1)], "from_s": 60, "to_s": 70},
            "outside the grant's time",
        ),
        ("down above its ceiling", {"rows": [row(10_800_000)]}, "bytes down in 10000 ms exceed"),
        ("up above its ceiling", {"rows": [row(0, 2_200_000)]}, "bytes up in 10000 ms exceed"),
        (
            "more missing down than was promised",
            {"rows": [UsageRow(GRANT.grant_id, 0, 0, 0, 0, 5_100_001, 0)]},
            "5100001 bytes down are missing, more than its floor of 1000000 bit/s promises",
        ),
        (
            "more missing up than was promised",
            {"rows": [UsageRow(GRANT.grant_id, 0, 0, 0, 0, 0, 5_100_001)]},
            "bytes up are missing",
        ),
        (
            "a full interval's bytes in the grant's last second",
            {"rows": [row(10_000_000)], "from_s": 59, "to_s": 69},
            "bytes down in 1000 ms exceed",
        ),
    ],
)
def test_what_was_not_bought_may_not(what, arguments, why):
    failures, _ = check(*arguments.pop("rows"), **arguments)
    assert len(failures) == 1, what
    assert why in failures[0]


def test_what_is_missing_may_be_told_a_little_later():
    """Ten seconds of the floor and those of the intervals before, two per cent over."""
    failures, _ = check(UsageRow(GRANT.grant_id, 0, 0, 0, 0, 5_100_000, 5_100_000))
    assert failures == []


def test_another_providers_grant_is_told_and_judged_like_its_own():
    """Partners serve each other's buyers."""
    foreign = replace(GRANT, provider_id=bytes(16))
    start_ms = STARTS_S * 1_000
    report = UsageReport(5, bytes(32), start_ms, start_ms + 10_000, (row(1, grant=foreign),))
    findings, totals = check_totals(report, {}, PROVIDER, {foreign.grant_id: foreign}.get)
    assert [(finding.ok, finding.text) for finding in findings] == [
        (True, f"grant {foreign.grant_id.hex()}: is a grant of provider {'00' * 16}, served here")
    ]
    assert totals[foreign.grant_id].ends_s == foreign.ends_s


def test_a_session_that_is_over_may_be_named_with_no_bytes():
    assert check(row(0), from_s=60, to_s=70)[0] == []


def test_the_ceiling_is_exact_to_the_byte():
    """2 % and a quarter of a second, not a byte more."""
    most_bytes = 8_000_000 * (10_000 + READING_SLACK_MS) * 102 // 800_000
    assert check(row(most_bytes))[0] == []
    assert len(check(row(most_bytes + 1))[0]) == 1


def test_units_bought_together_add_up():
    double = replace(GRANT, allocations=2)
    assert check(row(20 * CEILING_BYTES_PER_S, grant=double), grant=double)[0] == []


def test_the_data_cap_counts_both_directions_over_all_reports():
    capped = replace(GRANT, qos=replace(GRANT.qos, data_cap_bytes=50_000_000))
    slack_bytes = (8_000_000 + 1_600_000) * CAP_SLACK_MS // 8_000
    used = {capped.grant_id: GrantUsage(49_000_000, capped.ends_s, 0)}
    most = row(1_000_000, slack_bytes, grant=capped)
    assert check(most, grant=capped, usage=used, to_s=30)[0] == []
    more = row(1_000_001, slack_bytes, grant=capped)
    (failure,) = check(more, grant=capped, usage=used, to_s=30)[0]
    assert "exceed the data cap of 50000000" in failure


def test_totals_of_a_grant_long_over_are_forgotten():
    old = {
        b"old": GrantUsage(1, STARTS_S + 10 - FORGET_AFTER_MS // 1_000, 0),
        b"new": GrantUsage(1, STARTS_S, 0),
    }
    assert check(usage=old)[1] == {b"new": GrantUsage(1, STARTS_S, 0)}


def test_sums_stop_where_a_store_ends_and_say_so():
    """Any box may report 2^63 - 1 bytes again and again: it is evidence against it, not the end of the ledger."""
    failures, totals = check(row(U63_MAX, U63_MAX))
    assert any("more than 2^63 - 1" in text for text in failures)
    failures, totals = check(row(U63_MAX, U63_MAX), from_s=20, to_s=30, usage=totals)
    assert any("more than 2^63 - 1" in text for text in failures)
    assert totals[GRANT.grant_id].used_bytes == U63_MAX
    written = write_chain_state(ChainState(usage=totals))
    assert read_chain_state(written).usage == totals


def test_the_most_that_a_grant_can_carry():
    """Its ceilings, 1.2 MB/s, with 2 % and a quarter of a second; with a cap, two seconds beyond it."""
    assert most_bytes(GRANT) == 1_200_000 * 60_250 * 102 // 100_000
    assert most_bytes(replace(GRANT, allocations=2)) == 2 * most_bytes(GRANT)
    capped = replace(GRANT, qos=replace(GRANT.qos, data_cap_bytes=5_000_000))
    assert most_bytes(capped) == 5_000_000 + 1_200_000 * CAP_SLACK_MS // 1_000
    assert most_bytes(replace(capped, qos=replace(GRANT.qos, data_cap_bytes=U63_MAX))) == most_bytes(GRANT)
