"""Evidence: a meter record with what proves it, as the box keeps, sends and an auditor reads it.

    [ key id (8), record, attest, signature (64), certify, certify signature ]

With a TPM, `attest` is the quote whose qualifying data is the record's hash, and an anchor record also has the
NV_Certify of the counter. With a software key, `attest` and the certify pair are empty and the signature is over the
domain-separated record: such evidence is *unattested*. The record's bytes are signed once and never re-serialised.
Largest legal size 19 KiB.
"""

from wire.cbor import read_cbor, write_cbor
from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.ids import KEY_ID_SIZE
from wire.keys import SIGNATURE_SIZE
from wire.meter_record import MAX_METER_RECORD_BYTES

MAX_EVIDENCE_BYTES = MAX_METER_RECORD_BYTES + 1_024
MAX_ATTEST_BYTES = 400
SOFTWARE_DOMAIN = b"airgrant/unattested-meter-record/"
"""What a software key signs before the record's bytes, so that its signature serves nothing else."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """`key_id` names the attestation key; what is empty for a software key: see the module."""

    key_id: bytes
    record: bytes
    attest: bytes
    signature: bytes
    certify: bytes = b""
    certify_signature: bytes = b""

    @property
    def attested(self) -> bool:
        return bool(self.attest)


def write_evidence(evidence: Evidence) -> bytes:
    return write_cbor(
        [
            evidence.key_id,
            evidence.record,
            evidence.attest,
            evidence.signature,
            evidence.certify,
            evidence.certify_signature,
        ]
    )


def read_evidence(data: bytes) -> Evidence:
    """The parts, unverified. Raises DecodeError."""
    if len(data) > MAX_EVIDENCE_BYTES:
        raise DecodeError(f"evidence: {len(data)} bytes, at most {MAX_EVIDENCE_BYTES} are accepted")
    match read_cbor(data):
        case [
            bytes(key_id),
            bytes(record),
            bytes(attest),
            bytes(signature),
            bytes(certify),
            bytes(certify_signature),
        ]:
            pass
        case _:
            raise DecodeError("evidence: not an array of six byte strings")
    if len(key_id) != KEY_ID_SIZE or len(signature) != SIGNATURE_SIZE:
        raise DecodeError("evidence: key id or signature has the wrong size")
    if max(len(attest), len(certify)) > MAX_ATTEST_BYTES:
        raise DecodeError(f"evidence: an attestation has more than {MAX_ATTEST_BYTES} bytes")
    if len(certify_signature) != (SIGNATURE_SIZE if certify else 0):
        raise DecodeError("evidence: certify and its signature go together")
    if certify and not attest:
        raise DecodeError("evidence: a software key certifies no counter")
    return Evidence(key_id, record, attest, signature, certify, certify_signature)
