"""Keys and signatures: `cryptography` underneath, our errors above."""

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.examples import CONSUMER, PROVIDER
from wire.errors import VerificationError
from wire.ids import PublicKey
from wire.keys import ORDER, PrivateKey, load_public_key, verify

GENERATOR = "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
"""SP 800-186 clause 3.2.1.3: the base point of P-256, which is the public key of the secret 1, compressed."""


def test_the_secret_one_is_the_base_point() -> None:
    assert str(PrivateKey.from_secret(1).public) == GENERATOR


@pytest.mark.parametrize("secret", [-1, 0, ORDER, ORDER + 1, 2**256 - 1])
def test_what_is_no_secret_is_refused_and_not_reduced(secret: int) -> None:
    with pytest.raises(ValueError, match="no secret of P-256"):
        PrivateKey.from_secret(secret)
    assert PrivateKey.from_secret(ORDER - 1).public != PrivateKey.from_secret(1).public


@given(st.binary(max_size=100))
@settings(max_examples=20)
def test_signed_and_verified(message: bytes) -> None:
    signature = PROVIDER.sign(message)
    assert len(signature) == 64
    verify(PROVIDER.public, signature, message)
    for key, other in ((CONSUMER.public, message), (PROVIDER.public, message + b"x")):
        with pytest.raises(VerificationError, match="does not belong"):
            verify(key, signature, other)


def test_the_library_alone_verifies_what_we_sign() -> None:
    signature = PROVIDER.sign(b"message")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    PROVIDER.key.public_key().verify(encode_dss_signature(r, s), b"message", ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(65), bytes(64), b"\xff" * 64])
def test_absurd_signatures(signature: bytes) -> None:
    with pytest.raises(VerificationError):
        verify(PROVIDER.public, signature, b"")


def test_a_key_that_is_no_point() -> None:
    """x = 2**256 - 1 is not below the prime, and x = 0 with this parity has no y that fits every parity."""
    key = PublicKey(b"\x02" + b"\xff" * 32)
    with pytest.raises(VerificationError, match="is not a point on P-256"):
        verify(key, bytes(64), b"")
    with pytest.raises(VerificationError, match="is not a point"):
        load_public_key(key)


def test_generated_keys_differ() -> None:
    assert PrivateKey.generate().public != PrivateKey.generate().public


def test_pem_and_back() -> None:
    assert PrivateKey.from_pem(PROVIDER.to_pem()).public == PROVIDER.public


def test_the_secret_is_never_shown() -> None:
    key = PrivateKey.from_secret(0xDEADBEEF)
    assert "deadbeef" not in f"{key!r} {key}".lower()
    assert str(0xDEADBEEF) not in repr(key)


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes | None = None) -> bytes:
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ec.generate_private_key(ec.SECP256K1())),
        pem(rsa.generate_private_key(65_537, 2_048)),
        pem(ec.generate_private_key(ec.SECP256R1()), b"password"),
    ],
    ids=["empty", "garbage", "P-384", "secp256k1", "RSA", "encrypted"],
)
def test_other_files_are_refused_with_their_name(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"key.pem: not an unencrypted P-256 private key"):
        PrivateKey.from_pem(content, "key.pem")
