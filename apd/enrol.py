"""A box enrols itself: what it asks its operator's door, and what an answer becomes.

Pure: an invitation, keys and octets come in; a question, or what `apd setup` writes, comes out. The private key never
leaves the box: the operator sees a request that it signed.
Reference: wire/invitation.py; RFC 2986.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from apd.setup import OperatorFile, check_pems
from wire.errors import ConfigError, DecodeError
from wire.ids import PublicKey
from wire.invitation import EnrolmentAnswer, EnrolmentQuestion, Invitation, prove_box, write_secret
from wire.keys import PrivateKey

_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What the operator gave: as its file would have said, its account, and lines for hostapd.conf (or none)."""

    file: OperatorFile
    operator: PublicKey
    hostapd: str


def ask_for(invitation: Invitation, box: PrivateKey, account: PrivateKey) -> EnrolmentQuestion:
    """`box` is the key of the certificate that is wanted, `account` the one whose money this box earns."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, invitation.box)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(box.key, hashes.SHA256())
    return EnrolmentQuestion(
        box=invitation.box,
        token=write_secret(invitation.token),
        account=str(account.public),
        proof=prove_box(account, invitation.token, _spki(box)),
        request=request.public_bytes(serialization.Encoding.PEM).decode(),
    )


def take_answer(answer: EnrolmentAnswer, invitation: Invitation, box: PrivateKey) -> Enrolled:
    """Raises DecodeError for one that this box cannot use."""
    try:
        certificate = x509.load_pem_x509_certificate(answer.certificate.encode())
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        ours = certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ) == _spki(box)
        ledger, operator = PublicKey.parse(answer.ledger_key), PublicKey.parse(answer.operator)
    except ValueError as error:
        raise DecodeError(f"enrolment answer: {error}") from None
    if not ours or [one.value for one in names] != [invitation.box]:
        raise DecodeError("enrolment answer: its certificate is not for this box's key and name")
    if not _HEX.fullmatch(answer.ledger_id):
        raise DecodeError("enrolment answer: ledger_id: want 64 hexadecimal digits")
    pems = {
        "authority": answer.authority,
        "certificate": answer.certificate,
        "certificate_key": box.to_pem().decode(),
    }
    try:
        check_pems(pems, "enrolment answer")
    except ConfigError as error:
        raise DecodeError(str(error)) from None
    file = OperatorFile(answer.host, answer.port, ledger, bytes.fromhex(answer.ledger_id), **pems)
    return Enrolled(file, operator, answer.hostapd)


def is_pinned(certificate: bytes, pin: bytes) -> bool:
    """Whether this certificate (DER) shows the key that the invitation names."""
    try:
        public = x509.load_der_x509_certificate(certificate).public_key()
    except ValueError:
        return False
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return sha256(spki).digest() == pin


def _spki(key: PrivateKey) -> bytes:
    return key.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
