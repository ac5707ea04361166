"""What an auditor trusts is read strictly, and decides over ledgers, makers and revoked keys."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from apd.shells.fake_tpm import FakeVendor
from ledger.enrolment import Vendors
from ledger.findings import Severity
from ledger.reports.rows import Revoked
from ledger.reports.trust import Trust, format_trust, judge_ledger, judge_maker, parse_trust
from tests.ledger.reports.test_rows import RESULT
from tests.ledger_world import GENESIS, PROVIDER, START_S
from wire.attestation_result import AttestationResult
from wire.enrolment import EnrolmentRequest, read_enrolment, write_enrolment_request
from wire.errors import ConfigError, VerificationError

STOLEN = Revoked(bytes(8), 1_000, "stolen")
TEXT = format_trust([GENESIS.ledger_id], "", (STOLEN, replace(STOLEN, since_utc_s=900)))
TRUST = parse_trust(TEXT, "trust.json")


def test_a_trust_file_survives_its_text() -> None:
    assert TRUST.ledgers == {GENESIS.ledger_id}
    assert (TRUST.vendors, len(TRUST.revoked), len(TRUST.digest)) == (None, 2, 32)


def test_the_earliest_revocation_of_a_key_counts() -> None:
    found = TRUST.find_revoked(bytes(8))
    assert found is not None
    assert found.since_utc_s == 900
    assert TRUST.find_revoked(b"k" * 8) is None


def changed(**changes: object) -> str:
    return json.dumps({**json.loads(TEXT), **changes})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no JSON"),
        ("[" * 10_000, "is no JSON"),
        ("[]", "is no trust file of form 1"),
        (changed(more=1), "and no others"),
        (changed(**{"airgrant trust": 2}), "form 1"),
        (changed(ledgers=[]), "ledgers: names none"),
        (changed(ledgers="7d"), "ledgers: is no list"),
        (changed(ledgers=["7d"]), "ledgers: '7d' is not 64 hexadecimal digits"),
        (changed(vendors=None), "vendors: is no text"),
        (changed(vendors="-----BEGIN"), "vendors: "),
        (changed(revoked_keys=[{}]), "revoked_keys: wants key_id, since_utc_s and why"),
        (
            changed(revoked_keys=[{"key_id": "00" * 8, "since_utc_s": True, "why": ""}]),
            "since_utc_s is outside",
        ),
        (changed(revoked_keys=[{"key_id": "00" * 8, "since_utc_s": 1, "why": "x" * 201}]), "why has more"),
        (changed(revoked_keys=[{"key_id": 7, "since_utc_s": 1, "why": ""}]), "7 is not 16 hexadecimal"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as said:
        parse_trust(text, "trust.json")
    assert str(said.value).startswith("trust.json: ")
    assert why in str(said.value)


def test_another_ledger_is_not_believed() -> None:
    judge_ledger(TRUST, GENESIS.ledger_id)
    with pytest.raises(VerificationError, match="not to " + GENESIS.ledger_id.hex()):
        judge_ledger(TRUST, bytes(32))


def test_a_maker_is_asked_for_only_where_there_is_a_tpm_and_makers_are_named() -> None:
    in_tpm = replace(RESULT, key_name=bytes(34), endorsement_hash=bytes(32))
    strict = Trust(TRUST.ledgers, Vendors(()), (), "")
    assert "software key" in judge_maker(strict, RESULT, GENESIS.ledger_id).text
    assert "the ledger's word" in judge_maker(TRUST, in_tpm, GENESIS.ledger_id).text
    unshown = judge_maker(strict, in_tpm, GENESIS.ledger_id)
    assert (unshown.ok, unshown.severity) == (False, Severity.FORGERY), "nobody kept its request: fail closed"


def test_a_tpm_of_a_maker_that_is_trusted_and_one_of_another_maker() -> None:
    ours, other = FakeVendor(), FakeVendor()
    tpm = ours.make_tpm()
    key, certificate = tpm.attestation_key(), tpm.endorsement_key().certificate
    asked = EnrolmentRequest(PROVIDER.public, None, key.public_area, certificate)
    sent = read_enrolment(write_enrolment_request(asked, PROVIDER, GENESIS.ledger_id), GENESIS.ledger_id)
    assert isinstance(sent, EnrolmentRequest)
    digest = hashlib.sha256(certificate).digest()
    result = AttestationResult(
        key.public_key, key.name, PROVIDER.public, digest, START_S + 1_700_000_000, sent.encoded
    )
    for vendor, trusted in ((ours, True), (other, False)):
        pem = vendor.root.public_bytes(Encoding.PEM).decode()
        trust = parse_trust(format_trust([GENESIS.ledger_id], pem), "trust.json")
        assert judge_maker(trust, result, GENESIS.ledger_id).ok is trusted
        assert not judge_maker(trust, replace(result, endorsement_hash=bytes(32)), GENESIS.ledger_id).ok
