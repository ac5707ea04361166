"""The authority of boxes: its certificates and lists as OpenSSL sees them, and requests that it does not sign."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from operatord.box_authority import (
    make_authority,
    read_authority,
    read_claim,
    read_list_entries,
    read_list_number,
    sign_box,
    write_list,
)
from operatord.boxes import Revocation
from tests.apd.test_enrol import question_of
from wire.errors import DecodeError
from wire.keys import PrivateKey

NOW_S = 1_790_000_000
BOX, ACCOUNT = PrivateKey.generate(), PrivateKey.generate()
QUESTION = question_of(BOX, ACCOUNT, bytes(32), "roof")
AUTHORITY = make_authority(PrivateKey.generate(), NOW_S, 1)


def verdict(folder: Path, certificate: str, revoked: list[Revocation], now_s: int = NOW_S) -> str:
    """What OpenSSL says of a client with this certificate, as the broker asks it."""
    (folder / "ca.pem").write_text(AUTHORITY.pem)
    (folder / "crl.pem").write_text(write_list(AUTHORITY, revoked, 1, NOW_S))
    (folder / "box.pem").write_text(certificate)
    files = ["-CAfile", "ca.pem", "-CRLfile", "crl.pem", "-crl_check", "box.pem"]
    words = ["openssl", "verify", "-purpose", "sslclient", "-x509_strict", "-attime", str(now_s), *files]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_openssl_takes_its_certificates_until_they_are_on_the_list(tmp_path, needs) -> None:
    needs("openssl")
    certificate = sign_box(AUTHORITY, read_claim(QUESTION), NOW_S, 2)
    assert verdict(tmp_path, certificate, []) == "box.pem: OK\n"
    assert verdict(tmp_path, certificate, [Revocation(3, NOW_S)]) == "box.pem: OK\n"
    assert "certificate revoked" in verdict(tmp_path, certificate, [Revocation(2, NOW_S)])
    assert "expired" in verdict(tmp_path, certificate, [], NOW_S + 6 * 366 * 86_400)


def test_the_name_is_the_invitations_whatever_the_request_says() -> None:
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ledger")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(BOX.key, hashes.SHA256())
    )
    question = replace(QUESTION, request=request.public_bytes(serialization.Encoding.PEM).decode())
    made = x509.load_pem_x509_certificate(sign_box(AUTHORITY, read_claim(question), NOW_S, 2).encode())
    assert made.subject.rfc4514_string() == "CN=roof"
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_requests_that_are_none() -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    other = builder.sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256())
    lines = QUESTION.request.splitlines()
    middle = lines[3]
    garbled = "\n".join(
        [*lines[:3], middle[:10] + ("A" if middle[10] != "A" else "B") + middle[11:], *lines[4:]]
    )
    for request in ("", "x", other.public_bytes(serialization.Encoding.PEM).decode(), garbled):
        with pytest.raises(DecodeError, match="enrolment question"):
            read_claim(replace(QUESTION, request=request))


def test_a_list_says_its_number_and_when() -> None:
    assert read_list_number(write_list(AUTHORITY, [], 7, NOW_S).encode()) == (7, NOW_S)
    revoked = [Revocation(5, NOW_S), Revocation(6, NOW_S + 1)]
    assert read_list_entries(write_list(AUTHORITY, revoked, 7, NOW_S).encode()) == revoked


def test_the_authority_is_read_back() -> None:
    again = read_authority(AUTHORITY.key.to_pem(), AUTHORITY.pem.encode(), "boxes.key")
    assert again.certificate == AUTHORITY.certificate
    with pytest.raises(ValueError, match=r"boxes\.key"):
        read_authority(b"x", AUTHORITY.pem.encode(), "boxes.key")
