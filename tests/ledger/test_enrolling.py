"""Enrolment conversations: what is accepted, what is refused, and that answers without a question go nowhere.

Credential activation itself, with a real TPM's key, is the matter of test_enrolment.py and tests/system.
"""

from __future__ import annotations

import pytest

from ledger.enrolling import MAX_PENDING, Enrolling
from ledger.enrolment import PendingEnrolment
from tests.ledger_world import ALICE, PROVIDER, START_S
from wire.attestation_result import AttestationResult
from wire.enrolment import EnrolmentAnswer, EnrolmentRequest, prove_software_key
from wire.errors import VerificationError
from wire.tpm_public import AttestationKey

SOFTWARE = EnrolmentRequest(
    PROVIDER.public, software_key=ALICE.public, software_proof=prove_software_key(ALICE, PROVIDER.public)
)
SECRET = bytes(32)


def test_a_software_key_is_enrolled_where_the_operator_accepts_it() -> None:
    result = Enrolling(None, accept_software_keys=True).take(SOFTWARE, SECRET, START_S)
    assert result == AttestationResult(ALICE.public, b"", PROVIDER.public, b"", START_S)
    with pytest.raises(VerificationError, match="accepts no software keys"):
        Enrolling(None, accept_software_keys=False).take(SOFTWARE, SECRET, START_S)


def test_without_trusted_makers_no_tpm_is_enrolled() -> None:
    request = EnrolmentRequest(PROVIDER.public, attestation_public=b"x", endorsement_certificate=b"y")
    with pytest.raises(VerificationError, match="tpm_vendors"):
        Enrolling(None, accept_software_keys=True).take(request, SECRET, START_S)


def test_an_answer_without_a_challenge_is_refused() -> None:
    with pytest.raises(VerificationError, match="nothing was asked"):
        Enrolling(None, accept_software_keys=True).take(EnrolmentAnswer(bytes(8), SECRET), SECRET, START_S)


def pending(expires_s: int, number: int = 0) -> PendingEnrolment:
    key = AttestationKey(b"", bytes(34), type(ALICE.public)(b"\x02" + number.to_bytes(32, "big")))
    return PendingEnrolment(key, PROVIDER.public, bytes(32), expires_s, SECRET)


def test_an_answer_uses_its_challenge_up_right_or_wrong() -> None:
    enrolling = Enrolling(None, accept_software_keys=False)
    waiting = pending(START_S + 60)
    key_id = waiting.attestation_key.public_key.key_id
    enrolling._keep(waiting, START_S)
    with pytest.raises(VerificationError, match="wrong secret"):
        enrolling.take(EnrolmentAnswer(key_id, b"\x01" * 32), SECRET, START_S)
    with pytest.raises(VerificationError, match="nothing was asked"):
        enrolling.take(EnrolmentAnswer(key_id, SECRET), SECRET, START_S)
    enrolling._keep(waiting, START_S)
    result = enrolling.take(EnrolmentAnswer(key_id, SECRET), SECRET, START_S)
    assert isinstance(result, AttestationResult)
    assert result.in_tpm


def test_questions_that_nobody_answers_make_room_when_they_are_late() -> None:
    enrolling = Enrolling(None, accept_software_keys=False)
    for number in range(MAX_PENDING):
        enrolling._keep(pending(START_S + 60, number), START_S)
    with pytest.raises(VerificationError, match="too many"):
        enrolling._keep(pending(START_S + 60, MAX_PENDING), START_S)
    enrolling._keep(pending(START_S + 200, MAX_PENDING), START_S + 61)
