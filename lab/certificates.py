"""Certificates of one run of the lab: an authority, the broker's server certificate, everybody's client
certificate.

All keys are P-256. A client's certificate carries a name, any that its operator likes (docs/decisions/0016), as the
common name, which the broker turns into the user name: an address for answers, and no proof of an account. Everything
expires within a day and lies in files that only the owner can read. Not here: revocation, renewal, anything that a
product's certificate authority must do.

Where a story takes the account in hex for the name, that has 66 characters, and RFC 5280 (appendix A,
ub-common-name) allows a common name 64. OpenSSL, mosquitto and Python accept it on the wire; `openssl req` refuses to
*make* one, which is why we make it here.

Reference: RFC 5280.
"""

import datetime as dt
import ipaddress
import os
import ssl
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = dt.timedelta(days=1)
"""A lab run takes minutes; a forgotten folder is worthless tomorrow."""

CLOCK_SLACK = dt.timedelta(minutes=5)
"""Validity begins this much earlier: a box may have booted with its clock a little behind."""

PRIVATE_MODE = 0o600


@dataclass(frozen=True, slots=True)
class Identity:
    """Files of one holder (PEM, mode 0600): its certificate, its key, and the authority that it trusts."""

    certificate: Path
    key: Path
    authority: Path

    def client_context(self) -> ssl.SSLContext:
        """TLS 1.3 for a client that shows this certificate and insists on the server's name or address."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(str(self.certificate), str(self.key))
        return context


@dataclass(frozen=True, slots=True)
class Authority:
    """The one that signs; its files lie in `folder`, its own certificate in `folder`/authority.pem."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def create(cls, folder: Path, name: str = "Airgrant lab authority") -> Self:
        """A new authority with a new key, which stays in memory."""
        folder.mkdir(parents=True, exist_ok=True)
        key = new_key()
        subject = _name(name)
        usage = _key_usage(signs_certificates=True)
        certificate = (
            _unsigned(subject, subject, key.public_key(), key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        _write(folder / "authority.pem", certificate.public_bytes(serialization.Encoding.PEM))
        return cls(folder, key, certificate)

    @property
    def file(self) -> Path:
        return self.folder / "authority.pem"

    def issue_client(self, account: str, key: ec.EllipticCurvePrivateKey, *, label: str = "") -> Identity:
        """A client certificate for the holder of `key` under the name `account`, which may be any name; files are
        named after `label`.

        Somebody else's name can be given too: that is what a careless authority would do, and the tests of the ledger
        need one.
        """
        return self._issue(label or account[:16], account, key, ExtendedKeyUsageOID.CLIENT_AUTH, [])

    def issue_server(self, name: str, addresses: Sequence[str]) -> Identity:
        """A server certificate with a new key for IP addresses and host names."""
        alternatives = [_alternative(address) for address in addresses]
        return self._issue(name, name, new_key(), ExtendedKeyUsageOID.SERVER_AUTH, alternatives)

    def _issue(
        self,
        label: str,
        common_name: str,
        key: ec.EllipticCurvePrivateKey,
        purpose: x509.ObjectIdentifier,
        alternatives: Sequence[x509.GeneralName],
    ) -> Identity:
        builder = (
            _unsigned(_name(common_name), self.certificate.subject, key.public_key(), self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        )
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        identity = Identity(self.folder / f"{label}.pem", self.folder / f"{label}.key", self.file)
        _write(identity.certificate, certificate.public_bytes(serialization.Encoding.PEM))
        _write(identity.key, key_to_pem(key))
        return identity


def new_key() -> ec.EllipticCurvePrivateKey:
    """A new P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS #8 PEM without a passphrase, for a file of mode 0600."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def account_hex(key: ec.EllipticCurvePublicKey) -> str:
    """The account that belongs to a key: its compressed point, 33 bytes, in hex."""
    form = serialization.PublicFormat.CompressedPoint
    return key.public_bytes(serialization.Encoding.X962, form).hex()


def _unsigned(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SLACK)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    """A subject of nothing but a common name, also of 66 characters (see the top of this file)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name, _validate=False)])


def _alternative(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _write(path: Path, content: bytes) -> None:
    """Create the file unreadable to others from its first moment on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), PRIVATE_MODE)
        file.write(content)
