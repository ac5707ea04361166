"""The authority of boxes: it signs their certificates and the list of those that count no more, and nothing else.

Pure: keys, chance and the time come in, PEM goes out. The broker takes it on one listener of its own, whose rules know
no name but the box's, so that whoever has this key can make boxes, and neither a ledger nor an operator. The door that
boxes ask at has a key, too, whose certificate nobody has to sign: the invitation has its pin.
Reference: RFC 5280 clauses 4 and 5 (certificates and lists); RFC 2986 (requests).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from operatord.boxes import Claim, Revocation
from wire.errors import DecodeError
from wire.invitation import EnrolmentQuestion
from wire.keys import PrivateKey

NAME = "Airgrant boxes"
AUTHORITY_LIFETIME = timedelta(days=3_650)
BOX_LIFETIME = timedelta(days=1_826)
"""Five years: a box serves as long. What ends one before is the list, which the broker reads, and not a date."""
LIST_LIFETIME = timedelta(days=3_650)
"""A list that has ended shuts out every box, so that an operator on holiday must not be able to let it."""
CLOCK_SLACK = timedelta(minutes=5)
"""A box or a broker may be a little behind."""


@dataclass(frozen=True, slots=True)
class BoxAuthority:
    """Its key, and its own certificate."""

    key: PrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return _pem(self.certificate)


def make_authority(key: PrivateKey, now_s: int, serial: int) -> BoxAuthority:
    name, public = _name(NAME), key.key.public_key()
    certificate = (
        _draft(name, name, public, now_s, serial, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key.key, hashes.SHA256())
    )
    return BoxAuthority(key, certificate)


def read_authority(key: bytes, certificate: bytes, origin: str) -> BoxAuthority:
    """Raises ValueError that names the `origin`."""
    return BoxAuthority(PrivateKey.from_pem(key, origin), x509.load_pem_x509_certificate(certificate))


def read_claim(question: EnrolmentQuestion) -> Claim:
    """With the key that signed its request. Raises DecodeError."""
    try:
        request = x509.load_pem_x509_csr(question.request.encode())
        public = request.public_key()
        signed = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise DecodeError(f"enrolment question: request is no PKCS #10 request: {error}") from None
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise DecodeError("enrolment question: the key of the request is not on P-256")
    if not signed:
        raise DecodeError("enrolment question: the request is not signed by its own key")
    octets = spki(public)
    return Claim(question, octets, sha256(octets).hexdigest())


def sign_box(authority: BoxAuthority, claim: Claim, now_s: int, serial: int) -> str:
    """The box's certificate for the broker, under the name of its invitation; of the request only the key counts."""
    public = serialization.load_der_public_key(claim.public_key)
    assert isinstance(public, ec.EllipticCurvePublicKey), "read_claim takes no other"
    return sign_name(authority, claim.question.box, public, now_s, serial, BOX_LIFETIME)


def sign_name(
    authority: BoxAuthority,
    name: str,
    public: ec.EllipticCurvePublicKey,
    now_s: int,
    serial: int,
    lifetime: timedelta,
) -> str:
    """A client's certificate under this name."""
    issuer_key = authority.key.key.public_key()
    certificate = (
        _draft(_name(name), authority.certificate.subject, public, now_s, serial, lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
        .sign(authority.key.key, hashes.SHA256())
    )
    return _pem(certificate)


def write_list(authority: BoxAuthority, revoked: Iterable[Revocation], number: int, now_s: int) -> str:
    """The certificate revocation list, in PEM. `number` grows with each, and so has `now_s` to: the broker
    takes the one with the later date.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(_time(now_s) - CLOCK_SLACK)
        .next_update(_time(now_s) + LIST_LIFETIME)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.key.public_key()), critical=False
        )
    )
    for one in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(one.serial)
            .revocation_date(_time(one.since_s))
            .build()
        )
    return builder.sign(authority.key.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def read_list_number(content: bytes) -> tuple[int, int]:
    """(number, `now_s`) that a list was written with. Raises ValueError."""
    found = x509.load_pem_x509_crl(content)
    try:
        number = found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        raise ValueError("a list without a number is none of ours") from None
    return number, int((found.last_update_utc + CLOCK_SLACK).timestamp())


def read_list_entries(content: bytes) -> list[Revocation]:
    """What a list has. Raises ValueError."""
    found = x509.load_pem_x509_crl(content)
    return [Revocation(one.serial_number, int(one.revocation_date_utc.timestamp())) for one in found]


def make_door_certificate(key: PrivateKey, now_s: int, serial: int) -> str:
    """Signed by itself; made anew at each start, as the invitation pins the key."""
    name = _name("Airgrant enrolment")
    certificate = _draft(name, name, key.key.public_key(), now_s, serial, BOX_LIFETIME)
    return _pem(certificate.sign(key.key, hashes.SHA256()))


def pin_of(key: PrivateKey) -> bytes:
    """SHA-256 of the public key, as invitations have it."""
    return sha256(spki(key.key.public_key())).digest()


def spki(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _draft(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now_s: int,
    serial: int,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(_time(now_s) - CLOCK_SLACK)
        .not_valid_after(_time(now_s) + lifetime)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _time(utc_s: int) -> datetime:
    return datetime.fromtimestamp(utc_s, UTC)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
