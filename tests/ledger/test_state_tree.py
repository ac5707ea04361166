"""The state tree against a naive one, its independence of order, its proofs, and what a forged proof meets."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.state_tree import StateTree
from wire.errors import DecodeError, VerificationError
from wire.merkle import LEAF, node_hash
from wire.state_proof import DEPTH, MAX_PROOF_BYTES, Proof, read_proof, verify_proof, write_proof

keys = st.binary(min_size=1, max_size=3)
entries = st.dictionaries(keys, st.binary(max_size=4), max_size=30)


def tree_of(content: dict[bytes, bytes]) -> StateTree:
    tree = StateTree()
    tree.commit(tree.plan(content.items()))
    return tree


def naive_root(content: dict[bytes, bytes]) -> bytes:
    """All 65,536 leaves, level by level."""
    buckets: list[list[bytes]] = [[] for _ in range(2**DEPTH)]
    for key, value in content.items():
        key_hash = hashlib.sha256(key).digest()
        buckets[int.from_bytes(key_hash[:2], "big")].append(key_hash + hashlib.sha256(value).digest())
    level = [hashlib.sha256(LEAF + b"".join(sorted(bucket))).digest() for bucket in buckets]
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


def test_the_root_is_that_of_the_full_tree() -> None:
    content = {bytes([at, at >> 1]): bytes([at]) for at in range(200)}
    assert tree_of(content).root == naive_root(content)
    assert StateTree().root == naive_root({})


@given(entries, entries, st.sets(keys, max_size=10))
def test_only_the_content_counts_not_its_history(one, other, removed) -> None:
    tree = tree_of(one)
    tree.commit(tree.plan(other.items()))
    tree.commit(tree.plan((key, None) for key in removed))
    final = {key: value for key, value in {**one, **other}.items() if key not in removed}
    assert tree.root == tree_of(final).root


@given(entries)
def test_a_plan_changes_nothing_until_it_is_committed(content) -> None:
    tree = tree_of(content)
    before = tree.root
    plan = tree.plan([(b"new", b"value")])
    assert tree.root == before
    tree.commit(plan)
    assert tree.root == plan.root != before


@given(entries, keys)
def test_what_is_there_and_what_is_not_can_be_proved(content, key) -> None:
    tree = tree_of(content)
    proof = tree.prove(key)
    assert read_proof(write_proof(proof)) == proof
    verify_proof(tree.root, key, content.get(key), proof)
    with pytest.raises(VerificationError):
        verify_proof(tree.root, key, b"something else", proof)
    if key in content:
        with pytest.raises(VerificationError):
            verify_proof(tree.root, key, None, proof)


def test_a_leaf_that_somebody_fills_on_purpose_can_still_be_proved() -> None:
    """A hundred offers of 1,000 keys that were sought out."""
    crowd = tuple((b"\x12\x34" + n.to_bytes(30, "big"), bytes(32)) for n in range(100_000))
    proof = Proof(crowd, (bytes(32),) * 16)
    assert read_proof(write_proof(proof)) == proof
    with pytest.raises(DecodeError, match="at most"):
        read_proof(bytes(MAX_PROOF_BYTES + 1))


def test_a_bent_proof_does_not_hold() -> None:
    tree = tree_of({b"a": b"1", b"b": b"2"})
    proof = tree.prove(b"a")
    for bent in (
        Proof(proof.bucket, proof.path[:-1]),
        Proof(proof.bucket, (bytes(32), *proof.path[1:])),
        Proof((*proof.bucket, proof.bucket[0]), proof.path),
    ):
        with pytest.raises(VerificationError):
            verify_proof(tree.root, b"a", b"1", bent)
    with pytest.raises(VerificationError):
        verify_proof(bytes(32), b"a", b"1", proof)


@given(st.binary(max_size=80))
def test_garbage_is_no_proof(data: bytes) -> None:
    try:
        proof = read_proof(data)
    except DecodeError:
        return
    assert read_proof(write_proof(proof)) == proof
