"""Enrolment: how the ledger comes to know a box's attestation key (TPM 2.0 credential activation, or a software key).

    box     -> ledger   EnrolmentRequest    signed by the provider, so that nobody enrols a box in another's name
    ledger  -> box      EnrolmentChallenge  a secret that only this TPM with this attestation key can read
    box     -> ledger   EnrolmentAnswer     the secret
    ledger  -> box      the attestation result (wire/attestation_result.py)

A software key needs no challenge: it signs the provider's name itself, so that nobody enrols a key that he does not
hold. That signature need not name the ledger, as it counts only inside the provider's request, which does. The result
says that the key is not in a TPM. An account that enrols its own key as its meter has none from then on, for good, so
that whoever has its key by stealing a box can enrol no other box for it.
Replies carry one of: challenge, attestation result, or a signed receipt that says no. Largest legal size 6 KiB.
Reference: TPM 2.0 Part 1 clause 24 (credential protection); TCG EK Credential Profile.
"""

from dataclasses import field

from wire.cbor import Key, Value, read_cbor, write_cbor
from wire.cose import read_envelope, sign_envelope
from wire.create import read_public_key
from wire.errors import DecodeError
from wire.fields import FieldReader
from wire.frozen import dataclass
from wire.ids import KEY_ID_SIZE, PublicKey
from wire.keys import SIGNATURE_SIZE, PrivateKey, verify

EXTERNAL = b"airgrant/enrolment/"
SOFTWARE_DOMAIN = b"airgrant/software-key-enrolment/"
"""What a software key signs before the provider's key."""
MAX_ENROLMENT_BYTES = 6 * 1024
_MAX_CERTIFICATE_BYTES = 4_096

_PROVIDER, _SOFTWARE_KEY, _ATTESTATION_PUBLIC, _ENDORSEMENT_CERTIFICATE, _SOFTWARE_PROOF = range(1, 6)
_REQUEST, _CHALLENGE, _ANSWER = 1, 2, 3


@dataclass(frozen=True, slots=True)
class EnrolmentRequest:
    """Either `software_key` with its `software_proof` (`prove_software_key`), or the TPM's `attestation_public`
    (TPMT_PUBLIC) and `endorsement_certificate` (DER).
    """

    provider: PublicKey
    software_key: PublicKey | None = None
    attestation_public: bytes = b""
    endorsement_certificate: bytes = b""
    software_proof: bytes = b""
    encoded: bytes = field(default=b"", compare=False)
    """The provider's envelope as it was read."""

    @property
    def ends_meters(self) -> bool:
        """The account enrols itself: no meter of it counts any more, and none ever will (docs/decisions/0053)."""
        return self.software_key == self.provider

    def __post_init__(self) -> None:
        if (self.software_key is None) != bool(self.attestation_public and self.endorsement_certificate):
            raise DecodeError(
                "enrolment: want either a software key, or attestation key and endorsement certificate"
            )
        if (self.software_key is None) == bool(self.software_proof):
            raise DecodeError("enrolment: a software key, and nothing else, comes with a proof")


@dataclass(frozen=True, slots=True)
class EnrolmentChallenge:
    """TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET, without their sizes."""

    credential_blob: bytes
    encrypted_secret: bytes


@dataclass(frozen=True, slots=True)
class EnrolmentAnswer:
    """The activated secret, for the attestation key of this id."""

    key_id: bytes
    secret: bytes


@dataclass(frozen=True, slots=True)
class EnrolmentReply:
    """Exactly one of the three is there."""

    challenge: EnrolmentChallenge | None = None
    attestation_result: bytes = b""
    receipt: bytes = b""

    def __post_init__(self) -> None:
        if (self.challenge is not None) + bool(self.attestation_result) + bool(self.receipt) != 1:
            raise DecodeError("enrolment reply: want exactly one of challenge, attestation result, receipt")


def prove_software_key(key: PrivateKey, provider: PublicKey) -> bytes:
    """The software key's own word that it is this provider's."""
    return key.sign(SOFTWARE_DOMAIN + provider.octets)


def write_enrolment_request(request: EnrolmentRequest, provider: PrivateKey, ledger_id: bytes) -> bytes:
    fields: dict[Key, Value] = {_PROVIDER: request.provider.octets}
    if request.software_key is not None:
        fields[_SOFTWARE_KEY] = request.software_key.octets
        fields[_SOFTWARE_PROOF] = request.software_proof
    else:
        fields[_ATTESTATION_PUBLIC] = request.attestation_public
        fields[_ENDORSEMENT_CERTIFICATE] = request.endorsement_certificate
    return write_cbor([_REQUEST, sign_envelope(fields, provider, EXTERNAL + ledger_id).encoded])


def write_enrolment_answer(answer: EnrolmentAnswer) -> bytes:
    return write_cbor([_ANSWER, answer.key_id, answer.secret])


def read_enrolment(data: bytes, ledger_id: bytes) -> EnrolmentRequest | EnrolmentAnswer:
    """What a box sends: a request that its provider signed, or an answer. Raises DecodeError, VerificationError."""
    if len(data) > MAX_ENROLMENT_BYTES:
        raise DecodeError(f"enrolment: {len(data)} bytes, at most {MAX_ENROLMENT_BYTES} are accepted")
    match read_cbor(data):
        case [int(kind), bytes(envelope)] if kind == _REQUEST:
            return read_request(envelope, ledger_id)
        case [int(kind), bytes(key_id), bytes(secret)] if kind == _ANSWER and len(key_id) == KEY_ID_SIZE:
            return EnrolmentAnswer(key_id, secret)
        case _:
            raise DecodeError("enrolment: neither a request nor an answer")


def write_enrolment_reply(reply: EnrolmentReply) -> bytes:
    challenge: Value = None
    if reply.challenge is not None:
        challenge = [reply.challenge.credential_blob, reply.challenge.encrypted_secret]
    return write_cbor([_CHALLENGE, challenge, reply.attestation_result, reply.receipt])


def read_enrolment_reply(data: bytes) -> EnrolmentReply:
    """What the ledger answers; result and receipt are signed each for itself. Raises DecodeError."""
    if len(data) > MAX_ENROLMENT_BYTES:
        raise DecodeError(f"enrolment reply: {len(data)} bytes, at most {MAX_ENROLMENT_BYTES} are accepted")
    match read_cbor(data):
        case [int(kind), None, bytes(result), bytes(receipt)] if kind == _CHALLENGE:
            return EnrolmentReply(None, result, receipt)
        case [int(kind), [bytes(blob), bytes(secret)], bytes(result), bytes(receipt)] if kind == _CHALLENGE:
            return EnrolmentReply(EnrolmentChallenge(blob, secret), result, receipt)
        case _:
            raise DecodeError("enrolment reply: not a challenge, an attestation result or a receipt")


def read_request(envelope_bytes: bytes, ledger_id: bytes) -> EnrolmentRequest:
    """What a provider asks for, in its own words. Raises DecodeError, VerificationError."""
    envelope = read_envelope(envelope_bytes, MAX_ENROLMENT_BYTES)
    fields = FieldReader(envelope.payload, "enrolment")
    provider = read_public_key(fields, _PROVIDER, "provider")
    if _SOFTWARE_KEY in fields:
        request = EnrolmentRequest(
            provider,
            software_key=read_public_key(fields, _SOFTWARE_KEY, "software_key"),
            software_proof=fields.octets(_SOFTWARE_PROOF, "software_proof", SIGNATURE_SIZE),
            encoded=envelope_bytes,
        )
    else:
        request = EnrolmentRequest(
            provider,
            attestation_public=fields.octets(_ATTESTATION_PUBLIC, "attestation_public", maximum=512),
            endorsement_certificate=fields.octets(
                _ENDORSEMENT_CERTIFICATE, "endorsement_certificate", maximum=_MAX_CERTIFICATE_BYTES
            ),
            encoded=envelope_bytes,
        )
    fields.finish()
    envelope.verify(provider, EXTERNAL + ledger_id)
    if request.software_key is not None:
        verify(request.software_key, request.software_proof, SOFTWARE_DOMAIN + provider.octets)
    return request
