"""The app hash: one hash over the whole state, kept up to date by what changed, with proofs of entries.

A binary Merkle tree of fixed depth over hashed keys. An entry's key hash is SHA-256 of its key; its first 16
bits name one of 65,536 leaves; a leaf holds its entries in the order of their key hashes. Empty leaves cost
nothing.

    leaf = SHA-256(00 | key hash | value hash | key hash | value hash ...)
    node = SHA-256(01 | left | right)

The order in which entries came does not matter: equal states have equal roots. A change costs sixteen node
hashes, and changes that are planned together share the upper ones. `plan` computes without changing anything,
so that a block can be written to disk with its app hash before it becomes true in memory.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wire.merkle import LEAF, NODE, node_hash
from wire.state_proof import DEPTH, Proof, bucket_hash, leaf_index

Bucket = Mapping[bytes, bytes]
"""Key hash -> value hash of the entries of one leaf."""


def _empty_hashes() -> list[bytes]:
    """The hash of an empty subtree by the number of bits of its index: [1] the root, [17] a leaf."""
    hashes = [hashlib.sha256(LEAF).digest()]
    for _ in range(DEPTH):
        hashes.append(node_hash(hashes[-1], hashes[-1]))
    return [b"", *reversed(hashes)]


_EMPTY = _empty_hashes()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a set of changes does to the tree."""

    root: bytes
    nodes: Mapping[int, bytes]
    buckets: Mapping[int, Bucket]


@dataclass(slots=True)
class StateTree:
    """Nodes by heap index: 1 the root, children of n are 2n and 2n + 1."""

    _nodes: dict[int, bytes] = field(default_factory=dict)
    _buckets: dict[int, Bucket] = field(default_factory=dict)

    @property
    def root(self) -> bytes:
        return self._node(1)

    def plan(self, changes: Iterable[tuple[bytes, bytes | None]]) -> Plan:
        """The tree after (key, value) pairs; None removes a key. Changes nothing yet."""
        buckets: dict[int, dict[bytes, bytes]] = {}
        for key, value in changes:
            key_hash = hashlib.sha256(key).digest()
            index = leaf_index(key_hash)
            if index not in buckets:
                buckets[index] = dict(self._buckets.get(index, {}))
            if value is None:
                buckets[index].pop(key_hash, None)
            else:
                buckets[index][key_hash] = hashlib.sha256(value).digest()
        nodes = {index: bucket_hash(sorted(bucket.items())) for index, bucket in buckets.items()}
        self._rehash_parents(nodes)
        return Plan(nodes.get(1, self.root), nodes, buckets)

    def commit(self, plan: Plan) -> None:
        self._nodes.update(plan.nodes)
        for index, bucket in plan.buckets.items():
            if bucket:
                self._buckets[index] = bucket
            else:
                self._buckets.pop(index, None)

    def prove(self, key: bytes) -> Proof:
        """Of what lies under `key`, or that nothing does."""
        index = leaf_index(hashlib.sha256(key).digest())
        bucket = tuple(sorted(self._buckets.get(index, {}).items()))
        path = tuple(self._node((index >> level) ^ 1) for level in range(DEPTH))
        return Proof(bucket, path)

    def _node(self, index: int) -> bytes:
        return self._nodes.get(index) or _EMPTY[index.bit_length()]

    def _rehash_parents(self, nodes: dict[int, bytes]) -> None:
        """Adds the nodes above the given leaves, level by level."""
        sha256, old = hashlib.sha256, self._nodes
        level = set(nodes)
        for bits in range(DEPTH + 1, 1, -1):
            empty, level = _EMPTY[bits], {index >> 1 for index in level}
            for parent in level:
                left, right = 2 * parent, 2 * parent + 1
                left_hash = nodes.get(left) or old.get(left, empty)
                right_hash = nodes.get(right) or old.get(right, empty)
                nodes[parent] = sha256(NODE + left_hash + right_hash).digest()
