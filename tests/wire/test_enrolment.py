"""Enrolment: request, challenge, answer, reply."""

import pytest

from tests.wire.examples import ATTESTATION, CONSUMER, LEDGER_ID, MESSAGES, PROVIDER, resign_payload
from wire.cbor import write_cbor
from wire.enrolment import (
    EnrolmentAnswer,
    EnrolmentChallenge,
    EnrolmentReply,
    EnrolmentRequest,
    prove_software_key,
    read_enrolment,
    read_enrolment_reply,
    write_enrolment_request,
)
from wire.errors import DecodeError, VerificationError

REQUEST, ANSWER, REPLY = (
    MESSAGES[name] for name in ("enrolment_request", "enrolment_answer", "enrolment_reply")
)


def test_a_box_with_a_tpm() -> None:
    request = EnrolmentRequest(
        PROVIDER.public, attestation_public=b"public", endorsement_certificate=b"certificate"
    )
    assert REQUEST.read(REQUEST.write(request)) == request


def test_nobody_enrols_a_box_in_anothers_name() -> None:
    with pytest.raises(VerificationError):
        read_enrolment(write_enrolment_request(REQUEST.example, CONSUMER, LEDGER_ID), LEDGER_ID)
    with pytest.raises(VerificationError):
        read_enrolment(REQUEST.golden, bytes(32))


def test_nobody_enrols_a_software_key_that_he_does_not_hold() -> None:
    """Its own signature names the provider: a request for another key, or another provider's proof, is refused."""
    key = ATTESTATION.public
    proofs = [
        prove_software_key(CONSUMER, PROVIDER.public),
        prove_software_key(ATTESTATION, CONSUMER.public),
        ATTESTATION.sign(PROVIDER.public.octets),
        bytes(64),
    ]
    for proof in proofs:
        request = EnrolmentRequest(PROVIDER.public, key, software_proof=proof)
        with pytest.raises(VerificationError):
            read_enrolment(write_enrolment_request(request, PROVIDER, LEDGER_ID), LEDGER_ID)
    good = EnrolmentRequest(
        PROVIDER.public, key, software_proof=prove_software_key(ATTESTATION, PROVIDER.public)
    )
    assert read_enrolment(write_enrolment_request(good, PROVIDER, LEDGER_ID), LEDGER_ID) == good


def test_a_software_key_and_nothing_else_comes_with_a_proof() -> None:
    with pytest.raises(DecodeError, match="comes with a proof"):
        EnrolmentRequest(PROVIDER.public, ATTESTATION.public)
    with pytest.raises(DecodeError, match="comes with a proof"):
        EnrolmentRequest(PROVIDER.public, None, b"x", b"x", bytes(64))


def test_either_a_software_key_or_a_tpm() -> None:
    for request in ({}, {"attestation_public": b"x"}, {"endorsement_certificate": b"x"}):
        with pytest.raises(DecodeError, match="want either"):
            EnrolmentRequest(PROVIDER.public, **request)  # type: ignore[arg-type]  # that is what is tried
    with pytest.raises(DecodeError, match="want either"):
        EnrolmentRequest(PROVIDER.public, ATTESTATION.public, b"x", b"x")


@pytest.mark.parametrize(
    ("extra", "leave_out", "why"),
    [
        ({}, (2,), "attestation_public .field 3. is missing"),
        ({3: b"x"}, (2,), "endorsement_certificate .field 4. is missing"),
        ({3: b"", 4: b"x"}, (2,), "want either"),
        ({3: b"x"}, (), "field 3 is unknown and critical"),
        ({3: bytes(513), 4: b"x"}, (2,), "attestation_public has 513 bytes, at most 512"),
        ({3: b"x", 4: bytes(4_097)}, (2,), "endorsement_certificate has 4097 bytes"),
        ({2: bytes(33)}, (), "software_key: not a compressed"),
        ({}, (5,), "software_proof .field 5. is missing"),
        ({5: bytes(63)}, (), "software_proof has 63 bytes, not 64"),
    ],
)
def test_request_refused(extra: dict[int, object], leave_out: tuple[int, ...], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        REQUEST.read(resign_payload(REQUEST, extra, leave_out=leave_out))


@pytest.mark.parametrize(
    "items",
    [
        [],
        [1],
        [2, b"", b""],
        [3, bytes(7), b""],
        [3, bytes(8)],
        [3, bytes(8), b"", b""],
        [1, "text"],
        {1: b""},
    ],
    ids=repr,
)
def test_neither_request_nor_answer(items: object) -> None:
    with pytest.raises(DecodeError, match="neither a request nor an answer"):
        read_enrolment(write_cbor(items), LEDGER_ID)  # type: ignore[arg-type]  # that is what is tried


def test_answer_and_replies() -> None:
    assert ANSWER.read(ANSWER.golden) == EnrolmentAnswer(ATTESTATION.public.key_id, bytes(range(32)))
    challenge = EnrolmentReply(EnrolmentChallenge(b"blob", b"secret"))
    assert REPLY.read(REPLY.write(challenge)) == challenge


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([2, None, b"", b""], "exactly one of"),
        ([2, None, b"x", b"x"], "exactly one of"),
        ([2, [b"", b""], b"x", b""], "exactly one of"),
        ([2, [b""], b"", b""], "not a challenge"),
        ([1, None, b"x", b""], "not a challenge"),
        ([2, None, b"x"], "not a challenge"),
    ],
)
def test_reply_refused(items: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_enrolment_reply(write_cbor(items))  # type: ignore[arg-type]  # that is what is tried
