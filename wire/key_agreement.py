"""A secret that two ends share, and octets sealed under it: ECDH on P-256, HKDF with SHA-256, AES-128-GCM.

The keys that agree are made for one exchange and forgotten after it; whose they are, a signature has to say
(wire/exchange_proof.py). The nonce of what is sealed is made of key and contents and goes before it, so that two
messages under one key (somebody used a share twice) do not give each other away; only that they are equal can be seen.
Reference: SP 800-56A clause 5.7.1.2 (the x-coordinate, 32 octets), RFC 5869 (HKDF), SP 800-38D and RFC 5116 (GCM); a
nonce from the message in the manner of RFC 5297 and RFC 8452.
"""

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wire.errors import VerificationError
from wire.ids import PublicKey
from wire.keys import ORDER, PrivateKey, load_public_key

SEAL_KEY_SIZE = 16
SEAL_OVERHEAD = 28
"""Octets that sealing adds: the nonce and the tag."""

_HASH_SIZE = 32
_NONCE_SIZE = 12
_NONCE_LABEL = b"airgrant/nonce"


def agree(own: PrivateKey, other: PublicKey) -> bytes:
    """The 32 octets that both ends compute. Raises VerificationError if the other key is not on the curve.

    The other key is a stranger's and comes once: it has no place in the cache of the keys that verify.
    """
    return own.key.exchange(ec.ECDH(), load_public_key.__wrapped__(other))


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


def derive_key(root: bytes, info: bytes) -> PrivateKey:
    """A P-256 key for the use that `info` names, with 128 bits more than it needs, so that none is likelier."""
    number = int.from_bytes(expand(root, info, _HASH_SIZE + 16), "big")
    return PrivateKey.from_secret(number % (ORDER - 1) + 1)


def seal(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Nonce, ciphertext and tag."""
    nonce = _nonce(key, plaintext, associated)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, associated)


def unseal(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """What was sealed. Raises VerificationError unless the same key sealed it, with the same associated octets."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], associated)
    except (InvalidTag, ValueError):  # the latter where not even a nonce is there
        raise VerificationError(
            f"{len(sealed)} sealed bytes are not the other end's, or not in this exchange"
        ) from None


def _nonce(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Another one for other contents; only who has the key can tell which."""
    said = len(associated).to_bytes(4, "big") + associated + plaintext
    return hmac.digest(expand(key, _NONCE_LABEL, _HASH_SIZE), said, hashlib.sha256)[:_NONCE_SIZE]
