"""What attests a device's meter statement: a software key's signature, or a TPM's quote, over the statement's digest.

    [1, signature 64]               by a key of the application, over `airgrant/device-evidence` and the digest
    [2, TPMS_ATTEST, signature 64]  by a TPM's restricted attestation key, ECDSA on P-256; the digest is its extra data

Carried in a datagram of its own beside a payment (wire/payment.py). Whose key it is, and which PCR values are those of
software that is trusted, whoever verifies it knows from an enrolment. Largest size 1,000 bytes.
Reference: Datanet 5.5.4; TPM 2.0 Library part 2, clause 10.12.8.
"""

from wire.cbor import read_cbor, write_cbor
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey
from wire.keys import SIGNATURE_SIZE, PrivateKey, verify
from wire.payment import MAX_EVIDENCE_BYTES
from wire.tpm_attest import Attest, Quoted, read_attest

_DOMAIN = b"airgrant/device-evidence"
_SOFTWARE, _TPM = 1, 2


def write_software_evidence(digest: bytes, key: PrivateKey) -> bytes:
    return write_cbor([_SOFTWARE, key.sign(_DOMAIN + digest)])


def write_tpm_evidence(attest: bytes, signature: bytes) -> bytes:
    encoded = write_cbor([_TPM, attest, signature])
    assert len(encoded) <= MAX_EVIDENCE_BYTES, f"evidence of {len(encoded)} bytes"
    return encoded


def verify_evidence(data: bytes, digest: bytes, key: PublicKey) -> Attest | None:
    """Returns what the TPM said, for whoever knows which PCRs are good, or None for a software key's word. Raises
    DecodeError, VerificationError unless this key attests the statement of this digest.
    """
    if len(data) > MAX_EVIDENCE_BYTES:
        raise DecodeError(f"device evidence: {len(data)} bytes, at most {MAX_EVIDENCE_BYTES} are accepted")
    match read_cbor(data):
        case [1, bytes(signature)] if len(signature) == SIGNATURE_SIZE:
            verify(key, signature, _DOMAIN + digest)
            return None
        case [2, bytes(attested), bytes(signature)] if len(signature) == SIGNATURE_SIZE:
            verify(key, signature, attested)
            said = read_attest(attested)
            if not isinstance(said.attested, Quoted) or said.extra_data != digest:
                raise VerificationError("device evidence: no quote over this statement")
            return said
        case _:
            raise DecodeError("device evidence: neither a software key's nor a TPM's")
