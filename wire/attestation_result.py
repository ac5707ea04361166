"""The attestation result: the ledger's signed word that an attestation key lives in a genuine TPM of a provider's box.

Made once, at enrolment, after credential activation; binds endorsement and attestation key in one record
(CVE-2022-1053 shows why). An auditor needs it, and nothing else of the box, to verify meter records. A software key
is enrolled too, but says so. On a ledger of several operators it has the provider's own signed request in it, so that
no operator enrols a key in the name of another's customer.
Reference: RFC 9334 (Verifier to Relying Party). Largest legal size 6,000 bytes; without a request 400.
"""

from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.create import read_public_key
from wire.fields import FieldReader
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import PrivateKey

EXTERNAL = b"airgrant/attestation-result/"
MAX_ATTESTATION_RESULT_BYTES = 6_000
MAX_REQUEST_BYTES = 5_500
"""An endorsement certificate of at most 4,096 octets, and what is around it."""
TPM_NAME_SIZE = 34
"""A TPM object's name: algorithm identifier (2 octets) and SHA-256 of its public area (TPM 2.0 Part 1, clause 16)."""

_KEY, _NAME, _PROVIDER, _ENDORSEMENT, _TIME, _REQUEST = range(1, 7)


@dataclass(frozen=True, slots=True)
class AttestationResult:
    """`key_name` and `endorsement_hash` (SHA-256 of the endorsement certificate) are empty for a software key.

    `request` is the provider's signed enrolment request (wire.enrolment.read_request), or empty.
    """

    attestation_key: PublicKey
    key_name: bytes
    provider: PublicKey
    endorsement_hash: bytes
    enrolled_s: int
    request: bytes = b""

    @property
    def in_tpm(self) -> bool:
        return bool(self.key_name)


def write_attestation_result(result: AttestationResult, ledger: PrivateKey, ledger_id: bytes) -> bytes:
    fields: dict[Key, Value] = {
        _KEY: result.attestation_key.octets,
        _PROVIDER: result.provider.octets,
        _TIME: result.enrolled_s,
    }
    if result.in_tpm:
        fields |= {_NAME: result.key_name, _ENDORSEMENT: result.endorsement_hash}
    if result.request:
        fields[_REQUEST] = result.request
    return sign_envelope(fields, ledger, EXTERNAL + ledger_id).encoded


def read_attestation_result(data: bytes, ledger: PublicKey, ledger_id: bytes) -> AttestationResult:
    """A verified result. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_ATTESTATION_RESULT_BYTES)
    envelope.verify(ledger, EXTERNAL + ledger_id)
    fields = FieldReader(envelope.payload, "attestation result")
    in_tpm, asked = _NAME in fields, _REQUEST in fields
    result = AttestationResult(
        attestation_key=read_public_key(fields, _KEY, "attestation_key"),
        key_name=fields.octets(_NAME, "key_name", TPM_NAME_SIZE) if in_tpm else b"",
        provider=read_public_key(fields, _PROVIDER, "provider"),
        endorsement_hash=fields.octets(_ENDORSEMENT, "endorsement_hash", 32) if in_tpm else b"",
        enrolled_s=fields.integer(_TIME, "enrolled_s"),
        request=fields.octets(_REQUEST, "request", maximum=MAX_REQUEST_BYTES) if asked else b"",
    )
    if asked and not result.request:
        raise fields.error("request is empty and has to be left out")
    fields.finish()
    return result
