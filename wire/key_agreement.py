"""A secret that two ends share, and octets sealed under it: ECDH on P-256, HKDF with SHA-256, AES-128-GCM.

The keys that agree are made for one exchange and forgotten after it; whose they are, a signature has to say
(wire/exchange_proof.py). Every sealing key is used for one message, so the nonce may be zero.
Reference: SP 800-56A clause 5.7.1.2 (the x-coordinate, 32 octets), RFC 5869 (HKDF), SP 800-38D and RFC 5116 (GCM).
"""

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wire.errors import VerificationError
from wire.ids import PublicKey
from wire.keys import PrivateKey, load_public_key

SEAL_KEY_SIZE = 16
SEAL_OVERHEAD = 16
"""Octets that sealing adds: the tag."""

_HASH_SIZE = 32
_NONCE = bytes(12)


def agree(own: PrivateKey, other: PublicKey) -> bytes:
    """The 32 octets that both ends compute. Raises VerificationError if the other key is not on the curve."""
    return own.key.exchange(ec.ECDH(), load_public_key(other))


def extract(salt: bytes, secret: bytes) -> bytes:
    """HKDF-Extract: 32 octets that look random, from a secret that may not."""
    return hmac.digest(salt, secret, hashlib.sha256)


def expand(root: bytes, info: bytes, size: int) -> bytes:
    """HKDF-Expand: `size` octets, at most 8,160, for the use that `info` names."""
    assert size <= 255 * _HASH_SIZE, f"{size} octets of one key"
    out = block = b""
    for number in range(1, -(-size // _HASH_SIZE) + 1):
        block = hmac.digest(root, block + info + bytes((number,)), hashlib.sha256)
        out += block
    return out[:size]


def seal(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Ciphertext and tag. The key must never seal anything else."""
    return AESGCM(key).encrypt(_NONCE, plaintext, associated)


def unseal(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """What was sealed. Raises VerificationError unless the same key sealed it, with the same associated octets."""
    try:
        return AESGCM(key).decrypt(_NONCE, sealed, associated)
    except InvalidTag:
        raise VerificationError(
            f"{len(sealed)} sealed bytes are not the other end's, or not in this exchange"
        ) from None
