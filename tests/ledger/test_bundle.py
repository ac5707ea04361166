"""Report files: everything an auditor needs, and nothing that he has to believe."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger.bundle import (
    Bundle,
    Usage,
    add_usage,
    gather_bundle,
    named_grants,
    read_bundle,
    read_report,
    verify_bundle,
    write_bundle,
)
from ledger.completeness import ChainProof
from ledger.entries import MeterChain as ChainEnd
from ledger.entries import chain_key, write_entry
from ledger.genesis import Genesis
from ledger.state_tree import StateTree
from tests.ledger_world import ALICE, BAND, BOB, GENESIS, LEDGER, PROVIDER, QOS, START_S
from wire.attestation_result import AttestationResult, write_attestation_result
from wire.block_header import Header, write_signed_header
from wire.cbor import write_cbor
from wire.errors import DecodeError, VerificationError
from wire.evidence import read_evidence
from wire.grant import Grant, grant_id_of, write_grant
from wire.keys import PrivateKey
from wire.merkle import EMPTY_ROOT
from wire.meter_record import UsageRow, record_hash
from wire.state_proof import write_proof

GRANT = Grant(ALICE.public, PROVIDER.public.provider_id, bytes(16), 1, START_S, 600, BAND, QOS)
OTHER = replace(GRANT, consumer=BOB.public, grant_id=grant_id_of(bytes(32), 1))
KEY = SoftwareKey(PrivateKey.from_secret(99))


def records() -> tuple[bytes, ...]:
    chain = MeterChain(KEY, START_S * 1_000)
    one, other = (UsageRow(grant.grant_id, 1_000, 10, 2_000, 10) for grant in (GRANT, OTHER))
    return chain.boot(), chain.usage(5_000, one), chain.usage(5_000, one, other)


def bundle(ledger: PrivateKey = LEDGER) -> Bundle:
    result = AttestationResult(KEY.public_key, b"", PROVIDER.public, b"", START_S)
    signed = {grant.grant_id: write_grant(grant, ledger, GENESIS.ledger_id) for grant in (GRANT, OTHER)}
    enrolment = write_attestation_result(result, ledger, GENESIS.ledger_id)
    last = record_hash(read_evidence(records()[-1]).record)
    return gather_bundle(GENESIS, enrolment, records(), signed.get, proof_of(ChainEnd(3, last), ledger))


def proof_of(end: ChainEnd, ledger: PrivateKey = LEDGER) -> ChainProof:
    """What a ledger shows whose state holds the end of this chain, and nothing else."""
    tree, key, entry = StateTree(), chain_key(KEY.public_key.key_id), write_entry(end)
    tree.commit(tree.plan([(key, entry)]))
    header = Header(7, bytes(32), START_S + 20, bytes(32), 1, tree.root, EMPTY_ROOT)
    signed = write_signed_header(header, ledger, GENESIS.ledger_id)
    return ChainProof(entry, write_proof(tree.prove(key)), signed)


def test_a_report_file_survives_its_bytes_and_holds() -> None:
    read = read_bundle(write_bundle(bundle()))
    audit = verify_bundle(read)
    assert not audit.verdict.failures
    assert [verdict.kind for verdict in audit.verdict.records] == ["boot", "usage", "usage"]
    assert audit.enrolment.provider == PROVIDER.public
    assert audit.usage == {
        GRANT.grant_id: Usage(2_000, 20, 4_000, 20),
        OTHER.grant_id: Usage(1_000, 10, 2_000, 10),
    }


def test_one_operator_of_several_makes_no_report_about_anothers_provider() -> None:
    shared = Genesis((LEDGER.public, BOB.public), GENESIS.exchange, GENESIS.time_s)
    result = AttestationResult(KEY.public_key, b"", PROVIDER.public, b"", START_S)
    forged = replace(
        bundle(),
        genesis=shared,
        attestation_result=write_attestation_result(result, LEDGER, shared.ledger_id),
        grants=(),
    )
    with pytest.raises(DecodeError):
        verify_bundle(forged)


def test_what_was_missing_is_added_up() -> None:
    chain = MeterChain(KEY, START_S * 1_000)
    rows = [UsageRow(GRANT.grant_id, 1, 2, 3, 4, *missing) for missing in ((500, 0), (0, 0), (7, 60))]
    said = (chain.boot(), *(chain.usage(5_000, row) for row in rows))
    assert add_usage(said) == {GRANT.grant_id: Usage(3, 6, 9, 12, 507, 60)}


def test_only_grants_that_are_named_are_gathered_each_once() -> None:
    assert named_grants(records()) == [GRANT.grant_id, OTHER.grant_id]
    assert len(bundle().grants) == 2
    assert gather_bundle(GENESIS, b"", records(), lambda _grant_id: None, bundle().end).grants == ()


def test_a_grant_that_the_ledger_does_not_know_is_a_finding() -> None:
    audit = verify_bundle(replace(bundle(), grants=()))
    assert any("made no such grant" in finding.text for _, finding in audit.verdict.failures)


def test_a_chain_that_is_cut_short_is_not_complete() -> None:
    whole = bundle()
    audit = verify_bundle(replace(whole, records=whole.records[:2]))
    assert not audit.verdict.failures
    assert not audit.complete.ok
    assert not audit.ok


def test_a_retired_key_without_records_is_all_right() -> None:
    nothing = replace(bundle(), records=(), grants=())
    assert not verify_bundle(replace(nothing, end=proof_of(ChainEnd(0, bytes(32))))).ok
    assert verify_bundle(replace(nothing, end=proof_of(ChainEnd(0, bytes(32), START_S + 9)))).ok


def test_an_end_that_the_ledger_did_not_sign_is_refused() -> None:
    with pytest.raises(VerificationError):
        verify_bundle(replace(bundle(), end=proof_of(ChainEnd(3, bytes(32)), BOB)))
    other = replace(bundle().end, entry=proof_of(ChainEnd(2, bytes(32))).entry)
    with pytest.raises(VerificationError, match="something else lies under"):
        verify_bundle(replace(bundle(), end=other))


def test_the_form_without_an_end_is_refused_by_name() -> None:
    with pytest.raises(DecodeError, match="form 1 does not say where the chain ends"):
        read_bundle(write_cbor(["airgrant report", 1, b"", b"", [], []]))


def test_nothing_of_another_ledger_is_believed() -> None:
    with pytest.raises(VerificationError):
        verify_bundle(bundle(ledger=ALICE))
    with pytest.raises(VerificationError):
        verify_bundle(replace(bundle(), genesis=replace(GENESIS, time_s=1)))


def test_unreadable_records_are_counted_by_nobody() -> None:
    assert add_usage((b"", b"junk", records()[0])) == {}
    assert read_report(records()[0]) is None
    assert read_report(records()[1]) is not None


@given(st.binary(max_size=200))
def test_garbage_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_bundle(data)


def test_cut_files_are_a_decode_error() -> None:
    whole = write_bundle(bundle())
    for size in range(0, len(whole), 7):
        with pytest.raises(DecodeError):
            read_bundle(whole[:size])
