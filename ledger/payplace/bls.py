"""BLS signatures on BLS12-381: merchants sign a commitment, and a sum of signatures is checked against a sum of keys.

The minimal-signature variant: a signature is a point of G1 (48 octets compressed), a public key one of G2 (96). Every
key is registered with a proof that somebody has its secret (`prove_possession`), without which a sum of keys could be
forged (a rogue key). A point read from octets lies in its group of prime order and is not infinity, and its octets are
the only ones that mean it; `VerificationError` otherwise.
Reference: draft-irtf-cfrg-bls-signature-05, ciphersuite BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_; RFC 9380 (hash to
curve); EIP-2537 (octets for a contract). Thesis 6.4, BLS Signatures. Checked against py_ecc in the tests.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

from wire.errors import VerificationError

SIGNATURE_TAG = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_"
POSSESSION_TAG = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_"
SIGNATURE_SIZE, PUBLIC_KEY_SIZE, SECRET_SIZE = 48, 96, 32
EIP2537_SIGNATURE_SIZE, EIP2537_KEY_SIZE = 128, 256

GROUP_ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001

_FIELD_SIZE = 48
_EIP2537_PADDING = bytes(16)
_POSSESSION = b"airgrant payplace possession 1"
_G1_INFINITY, _G2_INFINITY, _G2_GENERATOR = G1Point.identity(), G2Point.identity(), G2Point()


@dataclass(frozen=True, slots=True)
class Signature:
    """A point of G1: one merchant's signature, or the sum of many."""

    point: G1Point

    @classmethod
    def of_compressed(cls, octets: bytes) -> "Signature":
        """From 48 octets. Raises VerificationError."""
        try:
            point = G1Point.from_compressed_bytes(octets)
        except ValueError as error:
            raise VerificationError(f"BLS signature: {error}") from None
        return cls(_checked_g1(point, point.to_compressed_bytes(), octets))

    @classmethod
    def of_eip2537(cls, octets: bytes) -> "Signature":
        """From 128 octets. Raises VerificationError."""
        plain = _unpadded(octets, EIP2537_SIGNATURE_SIZE, "BLS signature")
        try:
            point = G1Point.from_xy_bytes_be(plain)
        except ValueError as error:
            raise VerificationError(f"BLS signature: {error}") from None
        return cls(_checked_g1(point, point.to_xy_bytes_be(), plain))

    @property
    def compressed(self) -> bytes:
        return self.point.to_compressed_bytes()

    @property
    def eip2537(self) -> bytes:
        return _padded(self.point.to_xy_bytes_be())


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A point of G2: one merchant's public key, or the sum of many (apk in the thesis)."""

    point: G2Point

    @classmethod
    def of_compressed(cls, octets: bytes) -> "PublicKey":
        """From 96 octets. Raises VerificationError."""
        try:
            point = G2Point.from_compressed_bytes(octets)
        except ValueError as error:
            raise VerificationError(f"BLS key: {error}") from None
        return cls(_checked_g2(point, point.to_compressed_bytes(), octets))

    @classmethod
    def of_eip2537(cls, octets: bytes) -> "PublicKey":
        """From 256 octets. Raises VerificationError."""
        plain = _unpadded(octets, EIP2537_KEY_SIZE, "BLS key")
        try:
            point = G2Point.from_xy_bytes_be(plain)
        except ValueError as error:
            raise VerificationError(f"BLS key: {error}") from None
        return cls(_checked_g2(point, point.to_xy_bytes_be(), plain))

    @property
    def compressed(self) -> bytes:
        return self.point.to_compressed_bytes()

    @property
    def eip2537(self) -> bytes:
        return _padded(self.point.to_xy_bytes_be())

    @property
    def merchant_id(self) -> bytes:
        """The 32 octets by which leaves and the contract name a merchant: SHA-256 of the key as EIP-2537 writes it."""
        return hashlib.sha256(self.eip2537).digest()


class SecretKey:
    """A secret scalar and its public key. Its text and repr never show the secret."""

    def __init__(self, scalar: int) -> None:
        if not 0 < scalar < GROUP_ORDER:
            raise ValueError("a BLS secret lies between 0 and the group's order")
        self._scalar = Scalar(scalar)
        self.public = PublicKey(_G2_GENERATOR * self._scalar)

    def __repr__(self) -> str:
        return f"SecretKey(of {self.public.compressed.hex()})"

    @classmethod
    def generate(cls, seed: bytes) -> "SecretKey":
        """From at least 32 octets of chance (clause 2.3, KeyGen). Raises ValueError if there are fewer."""
        if len(seed) < SECRET_SIZE:
            raise ValueError(f"a BLS key is made of at least {SECRET_SIZE} octets of chance, not {len(seed)}")
        salt, scalar = b"BLS-SIG-KEYGEN-SALT-", 0
        while scalar == 0:
            salt = hashlib.sha256(salt).digest()
            derivation = HKDF(hashes.SHA256(), 48, salt, (48).to_bytes(2, "big"))
            scalar = int.from_bytes(derivation.derive(seed + b"\x00"), "big") % GROUP_ORDER
        return cls(scalar)

    @classmethod
    def of_octets(cls, octets: bytes) -> "SecretKey":
        """From the 32 octets that `octets` gives. Raises ValueError."""
        if len(octets) != SECRET_SIZE:
            raise ValueError(f"a BLS secret has {SECRET_SIZE} octets, not {len(octets)}")
        return cls(int.from_bytes(octets, "big"))

    @property
    def octets(self) -> bytes:
        """The secret itself, to be kept in a file that nobody else reads."""
        return self._scalar.to_be_bytes()

    def sign(self, message: bytes) -> Signature:
        return Signature(G1Point.hash_to_curve(message, SIGNATURE_TAG) * self._scalar)

    def prove_possession(self, instance: bytes, payout_account: bytes) -> Signature:
        """That this key's owner wants to be paid there, in this instance (thesis 6.5.2, the proof sigma_p,BLS)."""
        message = possession_message(self.public, instance, payout_account)
        return Signature(G1Point.hash_to_curve(message, POSSESSION_TAG) * self._scalar)


def possession_message(key: PublicKey, instance: bytes, payout_account: bytes) -> bytes:
    return hashlib.sha256(_POSSESSION + instance + key.eip2537 + payout_account).digest()


def verify(key: PublicKey, message: bytes, signature: Signature) -> None:
    """Of one merchant, or of a sum of keys and of signatures: two pairings. Raises VerificationError."""
    _check(key, _hashed(message), signature, "BLS signature: does not belong to the key and the message")


def verify_possession(key: PublicKey, instance: bytes, payout_account: bytes, proof: Signature) -> None:
    """Raises VerificationError."""
    hashed = G1Point.hash_to_curve(possession_message(key, instance, payout_account), POSSESSION_TAG)
    _check(key, hashed, proof, "BLS key: the proof of possession does not hold")


def aggregate_signatures(signatures: Iterable[Signature]) -> Signature:
    """Their sum, infinity never. Raises VerificationError."""
    total = _G1_INFINITY
    for signature in signatures:
        total += signature.point
    if total == _G1_INFINITY:
        raise VerificationError("BLS signatures: their sum is infinity, which signs nothing")
    return Signature(total)


def aggregate_keys(keys: Iterable[PublicKey]) -> PublicKey:
    """Their sum, infinity never. Raises VerificationError."""
    total = _G2_INFINITY
    for key in keys:
        total += key.point
    if total == _G2_INFINITY:
        raise VerificationError("BLS keys: their sum is infinity, for which anything is signed")
    return PublicKey(total)


def subtract(total: PublicKey, key: PublicKey) -> PublicKey | None:
    """A sum without one of its keys; None if nothing is left."""
    rest = total.point - key.point
    return None if rest == _G2_INFINITY else PublicKey(rest)


def negate(key: PublicKey) -> PublicKey:
    """What a sum of no keys is without this one."""
    return PublicKey(-key.point)


@lru_cache(maxsize=16)
def _hashed(message: bytes) -> G1Point:
    """Everybody signs the same commitment, so it is hashed once."""
    return G1Point.hash_to_curve(message, SIGNATURE_TAG)


def _check(key: PublicKey, hashed: G1Point, signature: Signature, complaint: str) -> None:
    if key.point == _G2_INFINITY or signature.point == _G1_INFINITY:
        raise VerificationError("BLS: a key or a signature is infinity")
    if not GT.pairing_check([signature.point, -hashed], [_G2_GENERATOR, key.point]):
        raise VerificationError(complaint)


def _checked_g1(point: G1Point, written: bytes, octets: bytes) -> G1Point:
    if point == _G1_INFINITY:
        raise VerificationError("BLS signature: is infinity")
    if written != octets:
        raise VerificationError(
            "BLS signature: these octets are not the ones that this point is written with"
        )
    return point


def _checked_g2(point: G2Point, written: bytes, octets: bytes) -> G2Point:
    if point == _G2_INFINITY:
        raise VerificationError("BLS key: is infinity")
    if written != octets:
        raise VerificationError("BLS key: these octets are not the ones that this point is written with")
    return point


def _padded(plain: bytes) -> bytes:
    """Field elements of 48 octets as EIP-2537 writes them, in 64."""
    starts = range(0, len(plain), _FIELD_SIZE)
    return b"".join(_EIP2537_PADDING + plain[start : start + _FIELD_SIZE] for start in starts)


def _unpadded(octets: bytes, size: int, what: str) -> bytes:
    if len(octets) != size:
        raise VerificationError(f"{what}: has {len(octets)} octets, not {size}")
    starts = range(0, size, 64)
    if any(octets[start : start + 16] != _EIP2537_PADDING for start in starts):
        raise VerificationError(f"{what}: a field element is not padded with zeros")
    return b"".join(octets[start + 16 : start + 64] for start in starts)
