"""Enrolment conversations: what is accepted, what is refused, and that answers without a question go nowhere.

Credential activation itself, with a real TPM's key, is the matter of test_enrolment.py and tests/system.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.enrolling import MAX_PENDING, Enrolling
from ledger.enrolment import PendingEnrolment
from tests.ledger_world import ALICE, BOB, PROVIDER, START_S
from wire.attestation_result import AttestationResult
from wire.enrolment import (
    EnrolmentAnswer,
    EnrolmentRequest,
    prove_software_key,
    read_enrolment,
    write_enrolment_request,
)
from wire.errors import VerificationError
from wire.keys import PrivateKey
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


def test_others_see_that_the_provider_asked() -> None:
    """The request is in the result, where there are others; kept between the question and the answer too."""
    asked = read_enrolment(write_enrolment_request(SOFTWARE, PROVIDER, bytes(32)), bytes(32))
    assert isinstance(asked, EnrolmentRequest)
    for shared in (True, False):
        enrolling = Enrolling(None, accept_software_keys=True, shared=shared)
        result = enrolling.take(asked, SECRET, START_S)
        assert isinstance(result, AttestationResult)
        assert result.request == (asked.encoded if shared else b"")
        enrolling._keep(replace(pending(), request=b"as it came"))
        result = enrolling.take(EnrolmentAnswer(KEY_ID, SECRET), SECRET, START_S)
        assert isinstance(result, AttestationResult)
        assert result.request == (b"as it came" if shared else b"")


def test_without_trusted_makers_no_tpm_is_enrolled() -> None:
    request = EnrolmentRequest(PROVIDER.public, attestation_public=b"x", endorsement_certificate=b"y")
    with pytest.raises(VerificationError, match="tpm_vendors"):
        Enrolling(None, accept_software_keys=True).take(request, SECRET, START_S)


def test_an_answer_without_a_challenge_is_refused() -> None:
    with pytest.raises(VerificationError, match="nothing was asked"):
        Enrolling(None, accept_software_keys=True).take(EnrolmentAnswer(bytes(8), SECRET), SECRET, START_S)


def pending(number: int = 0, provider: PrivateKey = PROVIDER, secret: bytes = SECRET) -> PendingEnrolment:
    key = AttestationKey(b"", bytes(34), type(ALICE.public)(b"\x02" + number.to_bytes(32, "big")))
    return PendingEnrolment(key, provider.public, bytes(32), START_S + 60, secret)


KEY_ID = pending().attestation_key.public_key.key_id
WRONG = EnrolmentAnswer(KEY_ID, b"\x01" * 32)


def test_the_right_answer_uses_its_challenge_up_and_a_wrong_one_does_not() -> None:
    """Anybody may send an answer for anybody: what is wrong must not end the box's own conversation."""
    enrolling = Enrolling(None, accept_software_keys=False)
    enrolling._keep(pending())
    with pytest.raises(VerificationError, match="wrong secret"):
        enrolling.take(WRONG, SECRET, START_S)
    result = enrolling.take(EnrolmentAnswer(KEY_ID, SECRET), SECRET, START_S)
    assert isinstance(result, AttestationResult)
    assert result.in_tpm
    with pytest.raises(VerificationError, match="nothing was asked"):
        enrolling.take(EnrolmentAnswer(KEY_ID, SECRET), SECRET, START_S)


def test_a_request_in_another_name_does_not_replace_the_provider_s_own() -> None:
    """Key and certificate of a box can be overheard; who asks about them for himself disturbs nobody."""
    enrolling = Enrolling(None, accept_software_keys=False)
    enrolling._keep(pending(secret=b"\x07" * 32))
    enrolling._keep(pending(provider=BOB, secret=b"\x08" * 32))
    with pytest.raises(VerificationError, match="wrong secret"):
        enrolling.take(WRONG, SECRET, START_S)
    for secret, provider in ((b"\x07" * 32, PROVIDER), (b"\x08" * 32, BOB)):
        result = enrolling.take(EnrolmentAnswer(KEY_ID, secret), SECRET, START_S)
        assert isinstance(result, AttestationResult)
        assert result.provider == provider.public


def test_an_answer_that_is_late_says_so() -> None:
    enrolling = Enrolling(None, accept_software_keys=False)
    enrolling._keep(pending())
    with pytest.raises(VerificationError, match="1 s too late"):
        enrolling.take(EnrolmentAnswer(KEY_ID, SECRET), SECRET, START_S + 61)


def test_the_oldest_question_makes_room() -> None:
    enrolling = Enrolling(None, accept_software_keys=False)
    for number in range(MAX_PENDING + 1):
        enrolling._keep(pending(number))
    assert len(enrolling._pending) == MAX_PENDING
    with pytest.raises(VerificationError, match="nothing was asked"):
        enrolling.take(EnrolmentAnswer(KEY_ID, SECRET), SECRET, START_S)
    newest = pending(MAX_PENDING).attestation_key.public_key.key_id
    assert isinstance(enrolling.take(EnrolmentAnswer(newest, SECRET), SECRET, START_S), AttestationResult)


def test_asking_again_replaces_one_s_own_question() -> None:
    enrolling = Enrolling(None, accept_software_keys=False)
    enrolling._keep(pending(secret=b"\x07" * 32))
    enrolling._keep(pending(secret=b"\x08" * 32))
    assert len(enrolling._pending) == 1
    with pytest.raises(VerificationError, match="wrong secret"):
        enrolling.take(EnrolmentAnswer(KEY_ID, b"\x07" * 32), SECRET, START_S)


def test_an_accounts_last_word_is_no_software_key() -> None:
    """Also where none is accepted."""
    proof = prove_software_key(PROVIDER, PROVIDER.public)
    request = EnrolmentRequest(PROVIDER.public, software_key=PROVIDER.public, software_proof=proof)
    assert request.ends_meters
    assert not SOFTWARE.ends_meters
    result = Enrolling(None, accept_software_keys=False).take(request, SECRET, START_S)
    assert result == AttestationResult(PROVIDER.public, b"", PROVIDER.public, b"", START_S)
