"""What is forged is well made: only then does its refusal say something."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from pyrad import packet as radius

from lab.wifi.forging import disconnect_request, issued, issued_on_another_curve
from wire.account_certificate import parse_account
from wire.keys import PrivateKey

SECRET = b"0123456789abcdef"
STATION = "02:00:00:00:01:00"


@pytest.mark.parametrize("session_id", ["", "DC16C91E57535AEE"])
def test_a_disconnect_is_what_an_independent_library_takes(session_id: str) -> None:
    data = disconnect_request(SECRET, "box1", STATION, session_id, at_s=1_800_000_000)
    packet = radius.CoAPacket(packet=data, secret=SECRET)
    assert packet.code == radius.DisconnectRequest
    assert packet.VerifyCoARequest()
    assert packet[31] == [b"02-00-00-00-01-00"]
    assert packet[55] == [(1_800_000_000).to_bytes(4, "big")]
    assert (44 in packet) == bool(session_id)


def test_one_with_another_secret_is_not() -> None:
    data = disconnect_request(b"another secret!!", "box1", STATION, "", at_s=1)
    assert not radius.CoAPacket(packet=data, secret=SECRET).VerifyCoARequest()


def test_a_certificate_of_yesterday_names_its_account_and_is_over(tmp_path: Path) -> None:
    account, operator = PrivateKey.generate(), PrivateKey.generate().public
    made = issued(tmp_path, account, operator, -200_000, -100_000)
    certificate = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    assert certificate.not_valid_after_utc.timestamp() < time.time() - 99_000
    assert made.key.stat().st_mode & 0o777 == 0o600


def test_one_on_another_curve_names_the_account_and_holds_a_secp256k1_key(tmp_path: Path) -> None:
    account = PrivateKey.generate()
    made = issued_on_another_curve(tmp_path, account, PrivateKey.generate().public)
    certificate = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256K1)
    names = "".join(
        f"/{attribute.rfc4514_attribute_name}={attribute.value!s}" for attribute in certificate.issuer
    )
    assert parse_account(names) == account.public
