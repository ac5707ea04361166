"""P-256 keys: the one curve that TPM 2.0, TLS, EAP-TLS, phones and the EVM share (decision 1 of the architecture).

Signatures are raw r || s, 64 octets, ECDSA over SHA-256 (FIPS 186-5 clause 6; RFC 9053 clause 2.1).
"""

from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from wire.errors import VerificationError
from wire.ids import PublicKey

SIGNATURE_SIZE = 64
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""How many points P-256 has (SP 800-186 clause 3.2.1.3); a secret is 1 to one less."""
_ECDSA_SHA256 = ec.ECDSA(hashes.SHA256())


class PrivateKey:
    """A P-256 private key and its public half. Its text and repr never show the secret."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(key.curve, ec.SECP256R1):
            raise ValueError(f"the curve must be P-256, not {key.curve.name}")
        self.key = key
        point = key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
        )
        self.public = PublicKey(point)

    def __repr__(self) -> str:
        return f"PrivateKey(of {self.public})"

    @classmethod
    def generate(cls) -> "PrivateKey":
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_secret(cls, secret: int) -> "PrivateKey":
        """From the secret scalar itself. ValueError if it is none of P-256: some libraries would reduce it."""
        if not 0 < secret < ORDER:
            raise ValueError("no secret of P-256")
        return cls(ec.derive_private_key(secret, ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes, origin: str = "key") -> "PrivateKey":
        """From an unencrypted PKCS #8 PEM. Raises ValueError that names the `origin`, such as the file."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (
            ValueError,
            TypeError,
            UnsupportedAlgorithm,
        ) as error:  # garbage; encrypted; a kind nobody knows
            raise ValueError(f"{origin}: not an unencrypted P-256 private key: {error}") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{origin}: not an unencrypted P-256 private key, but another kind")
        try:
            return cls(key)
        except ValueError as error:
            raise ValueError(f"{origin}: not an unencrypted P-256 private key: {error}") from None

    def to_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self.key.sign(message, _ECDSA_SHA256))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@lru_cache(maxsize=4096)
def load_public_key(key: PublicKey) -> ec.EllipticCurvePublicKey:
    """The point itself; parsing one costs more than half a verification, hence the cache. Raises VerificationError."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.octets)
    except ValueError:
        raise VerificationError(f"key {key} is not a point on P-256") from None


def verify(key: PublicKey, signature: bytes, message: bytes) -> None:
    """Returns if the signature is this key's over this message; else raises VerificationError."""
    if len(signature) != SIGNATURE_SIZE:
        raise VerificationError(f"a signature has {SIGNATURE_SIZE} bytes, not {len(signature)}")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        load_public_key(key).verify(encode_dss_signature(r, s), message, _ECDSA_SHA256)
    except InvalidSignature:
        raise VerificationError(f"signature does not belong to key {key}") from None
