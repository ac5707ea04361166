"""An account's key as EAP-TLS wants it: X.509 certificates that need no authority, as an account is a public key.

    anchor    subject = issuer = UID=<account>, CN=airgrant account    made by whoever trusts the account
    leaf      issuer UID=<account>, CN=airgrant account                signed by the account, for a station or a server

A trust anchor is a name and a key, and nobody checks its signature (RFC 5280 clause 6.1.1 (d)): a key that everybody
knows signs it here, so that one made from the account alone is as good as the owner's. Path length 0 keeps an account
from making certificates that make certificates. Tried with OpenSSL 3.0, FreeRADIUS 3.2 and wpa_supplicant 2.10.
In and out: DER, and names as OpenSSL writes them on one line. It verifies nothing; TLS does. The daemon of the box
never imports this, as X.509 costs memory there.
Reference: RFC 5280 clauses 4.1, 4.2.1 and 6.1; RFC 4519 clause 2.39 (uid).
"""

import base64
import hashlib
import re
import textwrap
from datetime import UTC, datetime, timedelta
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wire.errors import DecodeError
from wire.fields import format_value
from wire.ids import PublicKey
from wire.keys import PrivateKey, load_public_key

ACCOUNT_NAME = "airgrant account"
_ANCHOR_SIGNER = 1
"""The secret that signs anchors. Everybody knows it, and nobody checks what it signs."""
_ANCHOR_SERIAL = 1
_ANCHOR_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_ANCHOR_TO = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""No well-defined end (RFC 5280 clause 4.1.2.5): the leaf and the grant say until when."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Purpose(Enum):
    """What a leaf is for: the common name of its subject, and its extended key usage."""

    STATION = ("airgrant station", ExtendedKeyUsageOID.CLIENT_AUTH)
    SERVER = ("airgrant server", ExtendedKeyUsageOID.SERVER_AUTH)


def write_anchor(account: PublicKey) -> bytes:
    """The trust anchor for an account, the same at every call but for its signature. Raises VerificationError if the
    key is not a point on P-256.
    """
    key, name = load_public_key(account), _name(account, ACCOUNT_NAME)
    builder = _begin(name, name, key, _ANCHOR_SERIAL, _ANCHOR_FROM, _ANCHOR_TO)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(certifies=True), critical=True)
    return _sign(builder, PrivateKey.from_secret(_ANCHOR_SIGNER))


def issue(
    account: PrivateKey,
    purpose: Purpose,
    subject_key: PublicKey | None = None,
    *,
    not_before_s: int,
    not_after_s: int,
    serial: int,
) -> bytes:
    """A certificate for the account's own key, or for `subject_key` in its name; times in UTC seconds, both included.
    `serial` is 1 to 2**159 - 1.
    """
    common_name, usage = purpose.value
    builder = _begin(
        subject=_name(account.public, common_name),
        issuer=_name(account.public, ACCOUNT_NAME),
        key=load_public_key(subject_key or account.public),
        serial=serial,
        not_before=_EPOCH + timedelta(seconds=not_before_s),
        not_after=_EPOCH + timedelta(seconds=not_after_s),
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(certifies=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(load_public_key(account.public))
    return _sign(builder.add_extension(issuer_key, critical=False), account)


def parse_account(name: str) -> PublicKey:
    """The account in an issuer's name as OpenSSL writes it on one line and RADIUS servers report it, or DecodeError.

    The whole name has to be ours: in that form an attribute's value may itself contain `/CN=`.
    """
    found = re.fullmatch(rf"/UID=(0[23][0-9a-f]{{64}})/CN={ACCOUNT_NAME}", name)
    if not found:
        raise DecodeError(f"certificate: {format_value(name)} is not /UID=<account>/CN={ACCOUNT_NAME}")
    return PublicKey.parse(found[1])


def subject_hash(account: PublicKey) -> str:
    """Eight hexadecimal digits by which OpenSSL finds the anchor in a hashed directory, in a file `<hash>.0`.

    SHA-1 over the relative names in canonical form, which is how we write them: UTF-8, lower case, single spaces.
    """
    relative_names = _name(account, ACCOUNT_NAME).public_bytes()[2:]
    digest = hashlib.sha1(relative_names, usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def format_pem(der: bytes) -> str:
    """A certificate as files want it (RFC 7468 clause 5)."""
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def _name(account: PublicKey, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.USER_ID, str(account)),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    serial: int,
    not_before: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(issuer, subject, key, serial, not_before, not_after)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _key_usage(*, certifies: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certifies,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certifies,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(builder: x509.CertificateBuilder, signer: PrivateKey) -> bytes:
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)
