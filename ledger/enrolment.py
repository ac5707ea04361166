"""Enrolment, the verifier's side: is this attestation key in a genuine TPM, and in the one whose certificate is shown?

In: a box's request, the certificates of TPM makers, a fresh secret, the time. Out: a challenge that only this TPM
can read, then the attestation result that the ledger signs; or VerificationError that says what is wrong. No I/O,
no clock. Endorsement and attestation key are judged and recorded together: the secret is encrypted to the one and
bound to the other's *name*, which is the hash of all its attributes, so that a real TPM cannot vouch for a key in
software (CVE-2022-1053).
Reference: TPM 2.0 Library part 1, clause 24; TCG EK Credential Profile 2.4, clause 3.2 (certificates), B.3.3
(template L-1).
"""

import hmac
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ledger.genesis import Genesis
from wire.attestation_result import AttestationResult, read_attestation_result
from wire.enrolment import EnrolmentAnswer, EnrolmentChallenge, EnrolmentRequest, read_request
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey
from wire.tpm_buffer import write_sized, write_u32
from wire.tpm_public import AttestationKey, read_attestation_key

CHALLENGE_LIFETIME_S = 60
"""A chip needs seconds to answer; Chrome's field data has 0.6 s for a signature at the 95th percentile."""
CHANCE_SIZE = 32
MAX_PATH = 4
"""Certificates above the endorsement certificate: makers have an intermediate or two."""

EK_CERTIFICATE_USE = x509.ObjectIdentifier("2.23.133.8.1")
TPM_IDENTITY = {
    "manufacturer": x509.ObjectIdentifier("2.23.133.2.1"),
    "model": x509.ObjectIdentifier("2.23.133.2.2"),
    "version": x509.ObjectIdentifier("2.23.133.2.3"),
}
_UNDERSTOOD = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectAlternativeName)

E = TypeVar("E", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Vendors:
    """The TPM makers that an operator trusts: roots, and intermediates which need not be trusted by themselves."""

    roots: tuple[x509.Certificate, ...]
    intermediates: tuple[x509.Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class PendingEnrolment:
    """What the ledger keeps, in memory and once, until the box has answered or `expires_s` has passed."""

    attestation_key: AttestationKey
    provider: PublicKey
    endorsement_hash: bytes
    expires_s: int
    secret: bytes = field(repr=False)
    request: bytes = b""


def read_vendors(pem: bytes) -> Vendors:
    """Certificates of a PEM bundle; those that name themselves as issuer are the roots. Raises ValueError."""
    certificates = x509.load_pem_x509_certificates(pem)
    roots = tuple(one for one in certificates if one.issuer == one.subject)
    if not roots:
        raise ValueError("no root among the certificates: none names itself as its issuer")
    return Vendors(roots, tuple(one for one in certificates if one.issuer != one.subject))


def begin_enrolment(
    request: EnrolmentRequest, vendors: Vendors, chance: bytes, now_s: int
) -> tuple[PendingEnrolment, EnrolmentChallenge]:
    """Judges certificate and key, and makes the challenge. Raises DecodeError, VerificationError.

    `chance`: CHANCE_SIZE fresh random bytes, used for no other enrolment; secret and seed come from them.
    """
    if request.software_key is not None:
        raise VerificationError("enrolment: a software key has no TPM to challenge")
    assert len(chance) == CHANCE_SIZE, f"{len(chance)} random bytes"
    endorsement = check_endorsement_certificate(request.endorsement_certificate, vendors, now_s)
    key = read_attestation_key(request.attestation_public)
    secret, seed = (hmac.digest(chance, label, "sha256") for label in (b"secret", b"seed"))
    with _decode_errors():  # a number that a vendor signed need not be an RSA modulus
        blob, encrypted_secret = _make_credential(endorsement, key.name, secret, seed)
    pending = PendingEnrolment(
        attestation_key=key,
        provider=request.provider,
        endorsement_hash=sha256(request.endorsement_certificate).digest(),
        expires_s=now_s + CHALLENGE_LIFETIME_S,
        secret=secret,
        request=request.encoded,
    )
    return pending, EnrolmentChallenge(blob, encrypted_secret)


def finish_enrolment(pending: PendingEnrolment, answer: EnrolmentAnswer, now_s: int) -> AttestationResult:
    """The result for the ledger to sign. Raises VerificationError; the right answer uses the pending one up."""
    key = pending.attestation_key
    if now_s > pending.expires_s:
        raise VerificationError(f"enrolment: the answer came {now_s - pending.expires_s} s too late")
    if answer.key_id != key.public_key.key_id:
        raise VerificationError(f"enrolment: the answer is for key {answer.key_id.hex()}, not this one")
    if not hmac.compare_digest(answer.secret, pending.secret):
        raise VerificationError("enrolment: wrong secret: the key is not in the TPM of this certificate")
    return AttestationResult(
        key.public_key, key.name, pending.provider, pending.endorsement_hash, now_s, pending.request
    )


def enrol_software_key(request: EnrolmentRequest, now_s: int) -> AttestationResult:
    """The result for a box without a TPM: it names no TPM, so everything that it signs is unattested."""
    if request.software_key is None:
        raise VerificationError("enrolment: the request names a TPM, not a software key")
    return AttestationResult(request.software_key, b"", request.provider, b"", now_s, request.encoded)


def check_asked_for(result: AttestationResult, ledger_id: bytes) -> None:
    """That the provider asked for exactly this. Raises DecodeError, VerificationError. Not whether it deserves it: that
    is the word of the gateway.
    """
    request = read_request(result.request, ledger_id)
    if request.software_key is not None:
        asked = AttestationResult(
            request.software_key, b"", request.provider, b"", result.enrolled_s, result.request
        )
    else:
        key = read_attestation_key(request.attestation_public)
        certificate = sha256(request.endorsement_certificate).digest()
        asked = AttestationResult(
            key.public_key, key.name, request.provider, certificate, result.enrolled_s, result.request
        )
    if asked != result:
        raise VerificationError("enrolment: its provider asked for something else")


def read_enrolled(encoded: bytes, genesis: Genesis) -> AttestationResult:
    """What a gateway of this ledger enrolled; where there are several, only what the provider himself asked for, so
    that no gateway enrols a meter for another's provider. Raises DecodeError, VerificationError.
    """
    result = read_attestation_result(encoded, genesis.signer(encoded), genesis.ledger_id)
    if len(genesis.gateways) > 1:
        check_asked_for(result, genesis.ledger_id)
    return result


def check_endorsement_certificate(der: bytes, vendors: Vendors, now_s: int) -> rsa.RSAPublicKey:
    """The endorsement key of a certificate that leads to a vendor's root. Raises DecodeError, VerificationError.

    The library reads lazily: names, extensions and times of a certificate that could be loaded may still raise any of
    half a dozen types (UnsupportedAlgorithm, InvalidVersion, UnsupportedGeneralNameType, ...). All of it is a peer's
    certificate being wrong.
    """
    with _decode_errors():
        return _read_endorsement(x509.load_der_x509_certificate(der), vendors, now_s)


@contextmanager
def _decode_errors() -> Iterator[None]:
    """Whatever the library raises about a peer's certificate or key is DecodeError; what we raise stays as it is."""
    try:
        yield
    except DecodeError:
        raise
    except Exception as error:
        raise DecodeError(f"endorsement certificate: {type(error).__name__}: {error}") from error


def _read_endorsement(certificate: x509.Certificate, vendors: Vendors, now_s: int) -> rsa.RSAPublicKey:
    extensions, key = certificate.extensions, certificate.public_key()
    _check_path(certificate, vendors, datetime.fromtimestamp(now_s, UTC))
    _check_critical(extensions)
    _check_purpose(extensions)
    _check_identity(extensions)
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != 2_048:
        raise VerificationError("endorsement certificate: its key is not RSA-2048 (template L-1)")
    return key


def _make_credential(
    endorsement: rsa.RSAPublicKey, name: bytes, secret: bytes, seed: bytes
) -> tuple[bytes, bytes]:
    """TPM2_MakeCredential without a TPM: (credential blob, encrypted secret), both without their sizes.

    The seed goes to the endorsement key; keys derived from it encrypt the secret and bind it to the name (part 1,
    24.4).
    """
    if endorsement.public_numbers().e != 65_537:
        raise VerificationError("endorsement certificate: its public exponent is not that of template L-1")
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"IDENTITY\0")
    encrypted = _encrypt_cfb(_derive(seed, b"STORAGE", name, 128), write_sized(secret))
    integrity = hmac.digest(_derive(seed, b"INTEGRITY", b"", 256), encrypted + name, "sha256")
    return write_sized(integrity) + encrypted, endorsement.encrypt(seed, oaep)


def _derive(seed: bytes, label: bytes, context: bytes, bits: int) -> bytes:
    """KDFa with SHA-256 for at most 256 bits (part 1, clause 11.4.10.2)."""
    return hmac.digest(seed, write_u32(1) + label + b"\0" + context + write_u32(bits), "sha256")[: bits // 8]


def _encrypt_cfb(key: bytes, data: bytes) -> bytes:
    """AES-CFB with a zero vector, by the block cipher alone: libraries have begun to drop the mode."""
    block = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - one block at a time
    out, previous = b"", bytes(16)
    for start in range(0, len(data), 16):
        mask = block.update(previous)
        previous = bytes(a ^ b for a, b in zip(data[start : start + 16], mask, strict=False))
        out += previous
    return out


# ---- Certificates (RFC 5280 clause 6, as far as makers of TPMs use it)


def _check_path(certificate: x509.Certificate, vendors: Vendors, now: datetime) -> None:
    """Up from the certificate, by issuer and signature, to a root; each authority may be one."""
    current = certificate
    _check_validity(current, now)
    for depth in range(MAX_PATH):
        root = _find_issuer(current, vendors.roots)
        issuer = root or _find_issuer(current, vendors.intermediates)
        if issuer is None:
            name = current.issuer.rfc4514_string() or "nobody"
            raise VerificationError(
                f"endorsement certificate: signed by {name}, which leads to no vendor's root"
            )
        _check_validity(issuer, now)
        _check_authority(issuer, depth)
        if root:
            return
        current = issuer
    raise VerificationError(f"endorsement certificate: more than {MAX_PATH} certificates up to a root")


def _find_issuer(certificate: x509.Certificate, among: Iterable[x509.Certificate]) -> x509.Certificate | None:
    for candidate in among:
        try:
            certificate.verify_directly_issued_by(candidate)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            continue
        return candidate
    return None


def _check_validity(certificate: x509.Certificate, now: datetime) -> None:
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        name = certificate.subject.rfc4514_string() or "the endorsement certificate"
        span = f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
        raise VerificationError(f"certificate of {name}: valid {span} only")


def _check_authority(certificate: x509.Certificate, depth: int) -> None:
    name = certificate.subject.rfc4514_string()
    constraints = _get(certificate.extensions, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise VerificationError(f"certificate of {name}: is no authority")
    if constraints.path_length is not None and depth > constraints.path_length:
        raise VerificationError(
            f"certificate of {name}: may have {constraints.path_length} authorities below, has {depth}"
        )
    usage = _get(certificate.extensions, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise VerificationError(f"certificate of {name}: may not sign certificates")


def _check_critical(extensions: x509.Extensions) -> None:
    for extension in extensions:
        if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            oid = extension.oid.dotted_string
            raise VerificationError(f"endorsement certificate: critical extension {oid} is unknown")


def _check_purpose(extensions: x509.Extensions) -> None:
    uses = _get(extensions, x509.ExtendedKeyUsage)
    if uses is None or EK_CERTIFICATE_USE not in uses:
        raise VerificationError(
            "endorsement certificate: not for an endorsement key (extended key usage 2.23.133.8.1)"
        )
    constraints = _get(extensions, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise VerificationError("endorsement certificate: is an authority")
    usage = _get(extensions, x509.KeyUsage)
    if usage is None or not usage.key_encipherment:
        raise VerificationError("endorsement certificate: its key may not encipher keys")


def _check_identity(extensions: x509.Extensions) -> None:
    """Critical subject alternative name with the TPM's manufacturer, model and version."""
    try:
        found = extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        raise VerificationError("endorsement certificate: has no subject alternative name") from None
    if not found.critical:
        raise VerificationError("endorsement certificate: its subject alternative name is not critical")
    named = {part.oid for name in found.value.get_values_for_type(x509.DirectoryName) for part in name}
    missing = [what for what, oid in TPM_IDENTITY.items() if oid not in named]
    if missing:
        raise VerificationError(f"endorsement certificate: does not name the TPM's {', '.join(missing)}")


def _get(extensions: x509.Extensions, kind: type[E]) -> E | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
