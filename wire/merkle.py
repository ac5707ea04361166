"""A Merkle tree over a list: the root that names a block's items, and the path that proves one of them.

Leaves and inner nodes are hashed with different first octets, so that neither can be taken for the other; an
odd node is paired with nothing and rises.
Reference: RFC 6962 clause 2.1 (the same tree: a left half is the largest power of two).
"""

import hashlib
from collections.abc import Sequence

from wire.errors import VerificationError

LEAF, NODE = b"\x00", b"\x01"
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(content: bytes) -> bytes:
    return hashlib.sha256(LEAF + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE + left + right).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf hashes."""
    if not leaves:
        return EMPTY_ROOT
    level = list(leaves)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def merkle_levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """All nodes over at least one leaf: the leaves, their parents, and so on up to the root; for many paths."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        levels.append(_parents(levels[-1]))
    return levels


def merkle_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The neighbours from the leaf of this index up to the root."""
    return path_in(merkle_levels(leaves), index)


def path_in(levels: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """As `merkle_path`, from nodes that are known."""
    path = list[bytes]()
    for level in levels[:-1]:
        neighbour = index ^ 1
        if neighbour < len(level):
            path.append(level[neighbour])
        index //= 2
    return path


def verify_path(root: bytes, leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> None:
    """Raises VerificationError unless `leaf` is number `index` of the `count` leaves under `root`."""
    if root_of_path(leaf, index, count, path) != root:
        raise VerificationError("merkle path: does not lead to the root")


def root_of_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes:
    """The root to which this path leads from leaf number `index` of `count`. Raises VerificationError if none does."""
    if not 0 <= index < count:
        raise VerificationError(f"merkle path: index {index} of {count} leaves")
    rest, found = list(reversed(path)), leaf
    while count > 1:
        neighbour = index ^ 1
        if neighbour < count:
            if not rest:
                raise VerificationError("merkle path: too short")
            other = rest.pop()
            found = node_hash(found, other) if neighbour > index else node_hash(other, found)
        index, count = index // 2, (count + 1) // 2
    if rest:
        raise VerificationError("merkle path: too long")
    return found


def _parents(level: list[bytes]) -> list[bytes]:
    sha256 = hashlib.sha256
    parents = [
        sha256(NODE + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)
    ]
    if len(level) % 2:
        parents.append(level[-1])
    return parents
