"""A proof that an entry lies in the ledger's state, or that nothing does: what a signed header's state root commits to.

The state is a binary Merkle tree of fixed depth over hashed keys (ledger/state_tree.py). An entry's key hash is SHA-256
of its key; its first 16 bits name one of 65,536 leaves; a leaf holds its entries in the order of their key hashes.

    leaf = SHA-256(00 | key hash | value hash | key hash | value hash ...)
    node = SHA-256(01 | left | right)
    proof = [ [key hash | value hash of each entry of the leaf], [the sixteen neighbours, from the leaf up] ]

Canonical CBOR. Verified by whoever knows a state root (wire/block_header.py). No clock.
"""

import hashlib
from collections.abc import Iterable

from wire.cbor import Value, read_cbor, write_cbor
from wire.errors import DecodeError, VerificationError
from wire.frozen import dataclass
from wire.merkle import LEAF, node_hash

DEPTH = 16
FIRST_LEAF = 1 << DEPTH
_HASH_SIZE = 32
MAX_PROOF_BYTES = 16 * 1024 * 1024
"""A leaf of 245,000 entries. Whoever seeks out keys that fall into another's leaf makes its proofs long, by 68 octets
for each entry; they are to stay readable.
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """All entries of the leaf, and the sixteen neighbours from it up to the root."""

    bucket: tuple[tuple[bytes, bytes], ...]
    path: tuple[bytes, ...]


def verify_proof(root: bytes, key: bytes, value: bytes | None, proof: Proof) -> None:
    """Raises VerificationError unless `value` (None: nothing) lies under `key` in the state of this root."""
    key_hash = hashlib.sha256(key).digest()
    value_hash = None if value is None else hashlib.sha256(value).digest()
    if dict(proof.bucket).get(key_hash) != value_hash:
        raise VerificationError(f"state proof: something else lies under {key.hex()}")
    key_hashes = [entry[0] for entry in proof.bucket]
    if key_hashes != sorted(set(key_hashes)) or len(proof.path) != DEPTH:
        raise VerificationError("state proof: entries out of order, or a path of the wrong length")
    index, found = leaf_index(key_hash), bucket_hash(proof.bucket)
    for neighbour in proof.path:
        found = node_hash(neighbour, found) if index & 1 else node_hash(found, neighbour)
        index >>= 1
    if found != root:
        raise VerificationError("state proof: does not lead to the app hash")


def write_proof(proof: Proof) -> bytes:
    bucket: list[Value] = [key_hash + value_hash for key_hash, value_hash in proof.bucket]
    path: list[Value] = list(proof.path)
    return write_cbor([bucket, path])


def read_proof(data: bytes) -> Proof:
    """Raises DecodeError."""
    if len(data) > MAX_PROOF_BYTES:
        raise DecodeError(f"state proof: {len(data)} bytes, at most {MAX_PROOF_BYTES} are accepted")
    match read_cbor(data):
        case [list(bucket), list(path)]:
            entries = [item for item in bucket if isinstance(item, bytes) and len(item) == 2 * _HASH_SIZE]
            nodes = [item for item in path if isinstance(item, bytes) and len(item) == _HASH_SIZE]
            if len(entries) == len(bucket) and len(nodes) == len(path):
                pairs = tuple((entry[:_HASH_SIZE], entry[_HASH_SIZE:]) for entry in entries)
                return Proof(pairs, tuple(nodes))
    raise DecodeError("state proof: not a list of entries and a path of hashes")


def leaf_index(key_hash: bytes) -> int:
    """Of the leaf as a heap index: 1 is the root, the children of n are 2n and 2n + 1."""
    return FIRST_LEAF | int.from_bytes(key_hash[:2], "big")


def bucket_hash(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    return hashlib.sha256(LEAF + b"".join(key_hash + value_hash for key_hash, value_hash in entries)).digest()
