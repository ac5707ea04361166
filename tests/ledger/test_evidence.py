"""The metering chain as a verifier sees it: what an honest box makes passes, each way to cheat is named.

The box is a `MeterChain` over the fake TPM; tests/system/test_tpm.py does the same with a real TPM 2.0 interface.
"""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apd.shells.fake_tpm import FakeTpm
from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger.chain_state import ChainState
from ledger.evidence import step, verify_chain
from ledger.findings import CHECKS, Severity, UnmeteredInterval
from wire.attestation_result import AttestationResult
from wire.band import Band
from wire.errors import VerificationError
from wire.evidence import read_evidence, write_evidence
from wire.grant import Grant
from wire.keys import PrivateKey
from wire.meter_record import (
    BootRecord,
    UsageReport,
    UsageRow,
    read_meter_record,
    record_hash,
    write_meter_record,
)
from wire.qos import Qos
from wire.tpm_attest import NvCertified, Quoted, read_attest, write_attest

PROVIDER = PrivateKey.from_secret(7).public
CONSUMER = PrivateKey.from_secret(8).public
BORN_MS = 1_800_000_000_000
GRANT = Grant(
    consumer=CONSUMER,
    provider_id=PROVIDER.provider_id,
    grant_id=bytes(16),
    epoch=1,
    starts_s=BORN_MS // 1_000,
    duration_s=600,
    band=Band(5_170_000, 5_250_000, 80_000),
    qos=Qos(1_000_000, 8_000_000, 500_000, 800_000),
)


def find_grant(grant_id):
    return GRANT if grant_id == GRANT.grant_id else None


def row(down_bytes=1_000, up_bytes=100):
    return UsageRow(GRANT.grant_id, down_bytes, up_bytes, down_bytes, up_bytes)


def enrolment_of(tpm):
    key = tpm.attestation_key()
    return AttestationResult(key.public_key, key.name, PROVIDER, bytes(32), BORN_MS // 1_000)


def verify(records, tpm, state=None, lookup=find_grant):
    return verify_chain(records, enrolment_of(tpm), lookup, state)


def failed(verdict):
    """{(sequence, check)} of what does not hold."""
    return {(sequence, finding.check) for sequence, finding in verdict.failures}


def honest(chain, reports=2):
    """One run of a daemon: boot record, anchor, reports."""
    return [chain.boot(), chain.anchor(), *(chain.usage(10_000, row()) for _ in range(reports))]


@pytest.fixture
def tpm():
    return FakeTpm()


@pytest.fixture
def chain(tpm):
    return MeterChain(tpm, BORN_MS)


# ---- Honest boxes


def test_an_honest_chain_holds_in_every_check(tpm, chain):
    verdict = verify([*honest(chain), chain.anchor()], tpm)
    verdict.require()
    assert verdict.unmetered == ()
    assert all(record.attested for record in verdict.records)
    assert {finding.check for record in verdict.records for finding in record.findings} == set(CHECKS) - {
        "format"
    }
    assert verdict.state.sequence == 5
    assert verdict.state.since_anchor == 0


def test_a_reboot_is_no_fault_but_an_unmetered_interval(tpm, chain):
    records = honest(chain)
    tpm.reset()
    chain.utc_ms += 60_000
    records += honest(chain)
    verdict = verify(records, tpm)
    verdict.require()
    (interval,) = verdict.unmetered
    assert interval == UnmeteredInterval(BORN_MS + 20_000, BORN_MS + 80_000, "until the box had booted again")
    assert verdict.unmetered_ms == 60_000


def test_many_reboots_hold_where_the_obfuscated_count_wraps(tpm, chain):
    records = []
    for _ in range(5):
        records += honest(chain, reports=1)
        tpm.reset()
    verify(records, tpm).require()


def test_a_daemon_that_starts_again_goes_on_and_loses_no_time(tpm, chain):
    records = [*honest(chain), chain.boot(), chain.usage(10_000, row())]
    verdict = verify(records, tpm)
    verdict.require()
    assert verdict.unmetered == ()


def test_firmware_that_leaves_something_in_pcr_14_at_each_boot_is_no_fault(tpm, chain):
    tpm.extend(14, bytes(32))
    records = honest(chain)
    tpm.reset()
    tpm.extend(14, bytes(32))
    verify(records + honest(chain), tpm).require()


def test_other_boot_software_is_told_but_no_fault(tpm, chain):
    records = honest(chain)
    tpm.reset()
    tpm.extend(4, b"another kernel".ljust(32))
    verdict = verify(records + honest(chain), tpm)
    verdict.require()
    assert any("PCR 4" in finding.text for finding in verdict.records[4].findings)


def test_time_without_a_report_is_an_unmetered_interval(tpm, chain):
    records = honest(chain)
    chain.utc_ms += 5_000
    records.append(chain.usage(10_000, row()))
    verdict = verify(records, tpm)
    verdict.require()
    assert verdict.unmetered == (
        UnmeteredInterval(BORN_MS + 20_000, BORN_MS + 25_000, "no report covers it"),
    )


def test_one_more_record_on_a_stored_state_is_verified_as_in_the_whole(tpm, chain):
    records = honest(chain, reports=4)
    whole = verify(records, tpm)
    state = ChainState()
    for data, expected in zip(records, whole.records, strict=True):
        state, verdict = step(state, data, enrolment_of(tpm), find_grant)
        assert verdict == expected
    assert state == whole.state


def test_a_report_in_parts_is_one_report(tpm, chain):
    """More sessions than fit into a record: the same interval again, other grants."""
    records = [*honest(chain), chain.usage(10_000, row())]
    chain.utc_ms -= 10_000
    records.append(chain.usage(10_000))
    verdict = verify(records, tpm)
    verdict.require()
    assert verdict.unmetered == ()


def test_a_grant_in_two_parts_of_a_report_is_seen(tpm, chain):
    records = honest(chain)
    chain.utc_ms -= 10_000
    records.append(chain.usage(10_000, row()))
    assert failed(verify(records, tpm)) == {(5, "totals")}


# ---- Forgeries: nothing vouches for the record, and the state stays


def test_a_changed_record_proves_nothing_and_spoils_only_itself(tpm, chain):
    records = honest(chain, reports=3)
    evidence = read_evidence(records[2])
    report = read_meter_record(evidence.record)
    assert isinstance(report, UsageReport)
    lie = replace(report, rows=(row(down_bytes=5_000),))
    records[2] = write_evidence(replace(evidence, record=write_meter_record(lie)))
    verdict = verify(records, tpm)
    assert verdict.records[2].forged
    assert failed(verdict) == {(3, "quote"), (4, "sequence"), (4, "chain")}
    assert verdict.unmetered == (UnmeteredInterval(BORN_MS, BORN_MS + 10_000, "no report covers it"),)


def test_another_tpms_record_is_a_forgery(tpm, chain):
    records = honest(chain)
    other = FakeTpm()
    imposter = MeterChain(other, chain.utc_ms, chain.sequence, chain.head)
    verdict = verify([*records, imposter.usage(10_000, row())], tpm)
    assert failed(verdict) == {(5, "signature")}
    assert "another TPM" in verdict.failures[0][1].text
    assert verdict.state.sequence == 4


def test_another_tpms_signature_under_our_key_id_is_a_forgery(tpm, chain):
    imposter = MeterChain(FakeTpm(), BORN_MS)
    evidence = read_evidence(imposter.boot())
    stolen = write_evidence(replace(evidence, key_id=tpm.attestation_key().public_key.key_id))
    assert failed(verify([stolen], tpm)) == {(1, "signature")}


def test_a_software_signature_does_not_pass_for_a_tpm(tpm):
    """Even if the very key were known: the quote is missing."""
    software = MeterChain(SoftwareKey(tpm.state.owner_key), BORN_MS)
    verdict = verify([software.boot()], tpm)
    assert failed(verdict) == {(1, "signature")}
    assert "no quote" in verdict.failures[0][1].text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda attest: replace(attest, extra_data=bytes(32)), "not this record"),
        (lambda attest: replace(attest, qualified_signer=bytes(34)), "owner hierarchy"),
        (lambda attest: replace(attest, attested=NvCertified(b"", 0, b"")), "no quote"),
        (lambda attest: replace(attest, attested=Quoted((), bytes(32))), "other PCRs"),
    ],
)
def test_a_quote_about_something_else_is_a_forgery(tpm, chain, change, why):
    """As if the TPM had signed it: only its meaning is wrong."""
    evidence = read_evidence(chain.boot())
    attest = write_attest(change(read_attest(evidence.attest)))
    resigned = replace(evidence, attest=attest, signature=tpm.state.owner_key.sign(attest))
    verdict = verify([write_evidence(resigned)], tpm)
    assert failed(verdict) == {(1, "quote")}
    assert why in verdict.failures[0][1].text


def test_rubbish_is_a_finding_and_not_an_exception(tpm):
    verdict = verify([b"", b"\x80", b"rubbish"], tpm)
    assert failed(verdict) == {(0, "format")}
    assert verdict.state == ChainState()
    with pytest.raises(VerificationError, match="record 0: format: "):
        verdict.require()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_garbled_record_is_never_accepted(data):
    tpm = FakeTpm()
    chain = MeterChain(tpm, BORN_MS)
    records = honest(chain, reports=1)
    which = data.draw(st.integers(0, len(records) - 1))
    at = data.draw(st.integers(0, len(records[which]) - 1))
    flip = data.draw(st.integers(1, 255))
    victim = records[which]
    records[which] = victim[:at] + bytes((victim[at] ^ flip,)) + victim[at + 1 :]
    assert verify(records, tpm).records[which].failures


# ---- Holes: genuine records, broken chain


def test_a_missing_record_is_a_hole_that_is_reported_once(tpm, chain):
    records = honest(chain, reports=3)
    del records[3]
    verdict = verify(records, tpm)
    assert failed(verdict) == {(5, "sequence"), (5, "chain")}
    assert verdict.unmetered_ms == 10_000


def test_several_missing_records_cannot_be_replayed_until_the_next_boot(tpm, chain):
    records = honest(chain, reports=5)
    del records[3:5]
    tpm.reset()
    records += honest(chain)
    verdict = verify(records, tpm)
    assert failed(verdict) == {(6, "sequence"), (6, "chain"), (6, "pcr"), (7, "pcr")}
    assert {
        "no report covers it",
        "its report does not replay in PCR 14",
        "until the box had booted again",
    } >= {interval.why for interval in verdict.unmetered}


def test_records_in_another_order_are_seen(tpm, chain):
    records = honest(chain, reports=3)
    records[2], records[3] = records[3], records[2]
    assert {check for _, check in failed(verify(records, tpm))} >= {"sequence", "chain"}


def test_a_hidden_record_is_seen_in_pcr_14(tpm, chain):
    """The box extends a record that it shows nobody, and goes on as if nothing had been."""
    records = honest(chain)
    shown = (chain.sequence, chain.head)
    chain.usage(0)
    chain.sequence, chain.head = shown
    records.append(chain.usage(10_000, row()))
    verdict = verify(records, tpm)
    assert failed(verdict) == {(5, "pcr")}
    assert verdict.unmetered[-1].why == "its report does not replay in PCR 14"


def test_a_withheld_tail_is_seen_after_the_reboot(tpm, chain):
    records = honest(chain)
    shown = (chain.sequence, chain.head)
    chain.usage(10_000, row())
    chain.sequence, chain.head = shown
    records.append(chain.boot())
    verdict = verify(records, tpm)
    assert failed(verdict) == {(5, "boot record")}
    assert "records are hidden" in verdict.failures[0][1].text


def test_what_ran_between_reset_and_boot_record_is_seen(tpm, chain):
    records = honest(chain)
    tpm.reset()
    hidden = MeterChain(tpm, chain.utc_ms)
    hidden.usage(1_000)
    records.append(chain.boot())
    assert failed(verify(records, tpm)) == {(5, "boot record")}


def test_a_boot_without_a_boot_record_is_seen(tpm, chain):
    records = honest(chain)
    tpm.reset()
    tpm.reset()
    records += honest(chain)
    verdict = verify(records, tpm)
    assert failed(verdict) == {(5, "boot record")}
    assert "changed by 2 instead of 1" in verdict.failures[0][1].text


def test_a_reset_without_a_boot_record_is_seen(tpm, chain):
    records = honest(chain)
    tpm.reset()
    records.append(chain.usage(10_000, row()))
    assert failed(verify(records, tpm)) == {(5, "clock"), (5, "pcr")}


def test_a_chain_that_begins_without_a_boot_record_is_seen(tpm, chain):
    assert (1, "boot record") in failed(verify([chain.usage(10_000)], tpm))


def test_a_box_that_lost_its_store_begins_anew_and_is_seen(tpm, chain):
    records = honest(chain)
    tpm.reset()
    anew = MeterChain(tpm, chain.utc_ms)
    records += honest(anew)
    assert failed(verify(records, tpm)) == {(1, "sequence"), (1, "chain")}


def test_a_box_whose_store_was_put_back_is_seen(tpm, chain):
    records = honest(chain, reports=1)
    old = (chain.sequence, chain.head)
    records += [chain.usage(10_000, row()), chain.usage(10_000, row())]
    chain.sequence, chain.head = old
    records += [chain.usage(10_000, row()), chain.usage(10_000, row())]
    verdict = verify(records, tpm)
    assert {(4, "sequence"), (4, "chain"), (4, "pcr")} <= failed(verdict)
    assert verdict.records[-1].failures
    assert verdict.state.sequence == 5, "the chain does not follow who goes back"


def test_a_boot_that_ends_without_any_anchor_is_seen(tpm, chain):
    """Until then it is only told: the TPM may have been slow."""
    records = [chain.boot(), chain.usage(10_000, row())]
    verdict = verify(records, tpm)
    verdict.require()
    assert any(finding.check == "anchor" for finding in verdict.records[1].findings)
    tpm.reset()
    assert failed(verify([*records, chain.boot()], tpm)) == {(3, "anchor")}


def test_a_skipped_anchor_is_seen(tpm, chain):
    records = honest(chain)
    tpm.anchor(bytes(32))
    records.append(chain.anchor())
    verdict = verify(records, tpm)
    assert failed(verdict) == {(5, "anchor")}
    assert "an anchor is missing" in verdict.failures[0][1].text


def test_an_anchor_without_its_certificate_is_seen(tpm, chain):
    records = honest(chain)
    evidence = read_evidence(records[1])
    bare = replace(evidence, certify=b"", certify_signature=b"")
    records[1] = write_evidence(bare)
    assert (2, "anchor") in failed(verify(records, tpm))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda nv: replace(nv, index_name=bytes(34)), "something else than the anchor counter"),
        (lambda nv: replace(nv, offset=1), "something else than the anchor counter"),
        (lambda nv: replace(nv, contents=bytes(8)), "the TPM certifies 0"),
        (lambda _: Quoted((), b""), "something else than the anchor counter"),
    ],
)
def test_a_certificate_of_something_else_is_seen(tpm, chain, change, why):
    """An orderly counter, or one of another index, has another name."""
    boot, anchor = chain.boot(), read_evidence(chain.anchor())
    attest = read_attest(anchor.certify)
    certify = write_attest(replace(attest, attested=change(attest.attested)))
    resigned = replace(anchor, certify=certify, certify_signature=tpm.state.owner_key.sign(certify))
    verdict = verify([boot, write_evidence(resigned)], tpm)
    assert failed(verdict) == {(2, "anchor")}
    assert why in verdict.failures[0][1].text


# ---- Roll-back and replacement of the TPM


def test_a_tpm_state_that_was_put_back_within_a_boot_is_seen(tpm, chain):
    records = honest(chain)
    copy = tpm.state
    records += [chain.usage(10_000, row()), chain.anchor()]
    tpm.state = copy
    records.append(chain.anchor())
    assert failed(verify(records, tpm)) >= {(7, "pcr"), (7, "anchor"), (7, "clock")}


def test_a_tpm_state_that_was_put_back_over_a_reboot_is_seen_by_its_counter(tpm, chain):
    """resetCount looks like an ordinary +1: only the counter tells."""
    records = honest(chain)
    copy = tpm.state
    records += [chain.usage(10_000, row()), chain.anchor()]
    tpm.state = copy
    tpm.reset()
    records += honest(chain)
    verdict = verify(records, tpm)
    assert failed(verdict) == {(8, "anchor")}
    assert "an old TPM state was put back" in verdict.failures[0][1].text


def test_a_tpm_state_from_before_the_last_boot_is_seen_by_its_reset_count(tpm, chain):
    records = honest(chain)
    copy = tpm.state
    tpm.reset()
    records += honest(chain)
    tpm.state = copy
    tpm.reset()
    records.append(chain.boot())
    verdict = verify(records, tpm)
    assert failed(verdict) == {(9, "boot record"), (9, "clock")}
    assert any("stands still" in finding.text for _, finding in verdict.failures)


def test_a_cleared_tpm_has_another_key(tpm, chain):
    records, enrolment = honest(chain), enrolment_of(tpm)
    tpm.clear()
    records.append(chain.boot())
    verdict = verify_chain(records, enrolment, find_grant)
    assert failed(verdict) == {(5, "signature")}


# ---- Claims: genuine, but beyond what is possible or bought


def test_a_report_that_overlaps_the_one_before_is_seen(tpm, chain):
    records = honest(chain)
    chain.utc_ms -= 3_000
    records.append(chain.usage(10_000, row()))
    verdict = verify(records, tpm)
    assert failed(verdict) == {(5, "interval"), (5, "totals")}
    assert verdict.failures[0][1].severity is Severity.CLAIM


def test_a_report_of_the_time_before_the_boot_is_seen(tpm, chain):
    records = honest(chain)
    tpm.reset()
    chain.utc_ms += 60_000
    records += [chain.boot(), chain.anchor()]
    chain.utc_ms -= 30_000
    records.append(chain.usage(60_000, row()))
    assert failed(verify(records, tpm)) == {(7, "interval")}


def test_more_than_was_bought_is_seen_in_the_totals(tpm, chain):
    records = [*honest(chain), chain.usage(10_000, row(down_bytes=11_000_000))]
    verdict = verify(records, tpm)
    assert failed(verdict) == {(5, "totals")}
    assert GRANT.grant_id.hex() in verdict.failures[0][1].text


def test_usage_counts_towards_the_grant_over_reports_and_reboots(tpm, chain):
    records = honest(chain, reports=3)
    tpm.reset()
    records += honest(chain, reports=3)
    assert verify(records, tpm).state.usage[GRANT.grant_id].used_bytes == 6 * 1_100


# ---- Boxes without a TPM


def software_box():
    key = PrivateKey.from_secret(99)
    enrolment = AttestationResult(key.public, b"", PROVIDER, b"", BORN_MS // 1_000)
    return MeterChain(SoftwareKey(key), BORN_MS), enrolment


def test_a_software_keys_chain_holds_and_every_record_is_marked_unattested():
    chain, enrolment = software_box()
    verdict = verify_chain([chain.boot(), chain.usage(10_000, row()), chain.boot()], enrolment, find_grant)
    verdict.require()
    assert not any(record.attested for record in verdict.records)
    assert all(
        any(finding.check == "quote" and "unattested" in finding.text for finding in record.findings)
        for record in verdict.records
    )


def test_a_software_keys_missing_record_is_seen():
    chain, enrolment = software_box()
    records = [chain.boot(), chain.usage(10_000, row()), chain.usage(10_000, row())]
    del records[1]
    assert failed(verify_chain(records, enrolment, find_grant)) == {(3, "sequence"), (3, "chain")}


def test_a_software_key_cannot_show_a_quote(tpm, chain):
    key = tpm.attestation_key().public_key
    enrolment = AttestationResult(key, b"", PROVIDER, b"", 0)
    verdict = verify_chain([chain.boot()], enrolment, find_grant)
    assert "no TPM is enrolled" in verdict.failures[0][1].text


def test_records_keep_what_they_said(tpm, chain):
    """The state's head is the hash of the bytes that were signed."""
    records = honest(chain)
    verdict = verify(records, tpm)
    encoded = read_evidence(records[-1]).record
    assert verdict.state.head == record_hash(encoded) == verdict.records[-1].record_hash
    assert isinstance(read_meter_record(encoded), UsageReport)
    assert isinstance(read_meter_record(read_evidence(records[0]).record), BootRecord)
