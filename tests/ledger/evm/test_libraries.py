"""The libraries of the Solidity twin, on a node: curve, signatures, tree, leaves, against RFCs and other programs."""

from __future__ import annotations

import hashlib
import secrets

import pytest
from py_arkworks_bls12381 import G1Point, G2Point, Scalar

from ledger.evm.deployed import Deployed
from ledger.evm.payplace import sign_source
from ledger.payplace.bls import PublicKey, SecretKey, aggregate_keys, aggregate_signatures
from ledger.payplace.payout_leaf import PayoutLeaf, write_leaf
from wire.errors import ShellError
from wire.keys import PrivateKey, load_public_key
from wire.merkle import leaf_hash, merkle_path, merkle_root

RFC_TAG = b"QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_"
RFC_VECTORS = {
    b"": (
        "052926add2207b76ca4fa57a8734416c8dc95e24501772c814278700eed6d1e4e8cf62d9c09db0fac349612b759e79a1",
        "08ba738453bfed09cb546dbb0783dbb3a5f1f566ed67bb6be0e8c67e2e81a4cc68ee29813bb7994998f3eae0c9c6a265",
    ),
    b"abc": (
        "03567bc5ef9c690c2ab2ecdf6a96ef1c139cc0b2f284dca0a9a7943388a49a3aee664ba5379a7655d3c68900be2f6903",
        "0b9c15f3fe6e5cf4211f346271d7b01c8f3b28be689c8429c85b67af215533311f0b8dfaaa154fa6b88176c229f2885d",
    ),
    b"abcdef0123456789": (
        "11e0b079dea29a68f0383ee94fed1b940995272407e3bb916bbf268c263ddd57a6a27200a784cbc248e84f357ce82d98",
        "03a87ae2caf14e8ee52e51fa2ed8eefe80f02457004ba4d486d6aa1f517c0889501dc7413753f9599b099ebcbbd2d709",
    ),
    b"q128_" + b"q" * 128: (
        "15f68eaa693b95ccb85215dc65fa81038d69629f70aeee0d0f677cf22285e7bf58d7cb86eefe8f2e9bc3f8cb84fac488",
        "1807a1d50c29f430b8cafc4f8638dfeeadf51211e1602a5f184443076715f91bb90a48ba1e370edce6ae1062f5e6dd38",
    ),
    b"a512_" + b"a" * 512: (
        "082aabae8b7dedb0e78aeb619ad3bfd9277a2f77ba7fad20ef6aabdc6c31d19ba5a6d12283553294c1825c4b3ca2dcfe",
        "05b84ae5a942248eea39e1d91030458c40153f3b654ab7872d779ad1e942856a20c438e8d99bc8abfbf74729ce1f7ac8",
    ),
}
"""RFC 9380 appendix J.9.1: message -> P.x, P.y."""
MESSAGE = hashlib.sha256(b"a commitment").digest()
FIELD = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB


def padded(octets: bytes) -> bytes:
    return b"".join(bytes(16) + octets[start : start + 48] for start in range(0, len(octets), 48))


def key_of(number: int) -> SecretKey:
    return SecretKey.generate(b"%32d" % number)


# ---- BLS12-381


@pytest.mark.parametrize("message", RFC_VECTORS, ids=len)
def test_a_message_is_hashed_to_the_point_that_the_rfc_says(oracle: Deployed, message: bytes) -> None:
    x, y = RFC_VECTORS[message]
    assert oracle.call("hashToG1", RFC_TAG, message) == [padded(bytes.fromhex(x + y))]


def test_messages_of_any_length_are_hashed_as_arkworks_hashes_them(oracle: Deployed) -> None:
    for size in (1, 31, 32, 33, 64, 200):
        message, tag = secrets.token_bytes(size), secrets.token_bytes(1 + size)
        point = G1Point.hash_to_curve(message, tag)
        assert oracle.call("hashToG1", tag, message) == [padded(point.to_xy_bytes_be())], (message, tag)


def test_a_sum_of_signatures_belongs_to_the_sum_of_keys_and_to_this_message(oracle: Deployed) -> None:
    keys = [key_of(number) for number in range(5)]
    total = aggregate_keys([key.public for key in keys]).eip2537
    signature = aggregate_signatures([key.sign(MESSAGE) for key in keys]).eip2537
    assert oracle.call("isSigned", total, MESSAGE, signature) == [True]
    assert oracle.call("isSigned", total, bytes(32), signature) == [False]
    assert oracle.call("isSigned", keys[0].public.eip2537, MESSAGE, signature) == [False]


def test_a_signature_is_no_proof_of_possession_nor_the_other_way_round(oracle: Deployed) -> None:
    key = key_of(1)
    message = hashlib.sha256(
        b"airgrant payplace possession 1" + bytes(32) + key.public.eip2537 + bytes(20)
    ).digest()
    proof = key.prove_possession(bytes(32), bytes(20)).eip2537
    assert oracle.call("isPossessed", key.public.eip2537, message, proof) == [True]
    assert oracle.call("isSigned", key.public.eip2537, message, proof) == [False]
    assert oracle.call("isPossessed", key.public.eip2537, message, key.sign(message).eip2537) == [False]


def test_infinity_is_neither_a_key_nor_a_signature(oracle: Deployed) -> None:
    key, signature = key_of(1).public.eip2537, key_of(1).sign(MESSAGE).eip2537
    assert oracle.call("isKey", bytes(256)) == [False]
    assert oracle.call("isSigned", bytes(256), MESSAGE, bytes(128)) == [False]
    assert oracle.call("isSigned", key, MESSAGE, bytes(128)) == [False]
    assert oracle.call("isSigned", bytes(256), MESSAGE, signature) == [False]


def point_outside_the_subgroup() -> bytes:
    """A point of the twist whose order is not the group's: one that is no multiple of the cofactor."""
    for x in range(1, 100):
        compressed = bytes([0x80]) + bytes(47 + 44) + x.to_bytes(4, "big")
        try:
            point = G2Point.from_compressed_bytes_unchecked(compressed)
        except ValueError:
            continue
        if not point.is_in_subgroup():
            return padded(point.to_xy_bytes_be())
    raise AssertionError("no such point found")


def test_points_outside_the_subgroup_or_off_the_curve_are_no_keys(oracle: Deployed) -> None:
    key = key_of(1).public.eip2537
    outside = point_outside_the_subgroup()
    crooked = key[:-1] + bytes([key[-1] ^ 1])
    too_large = bytes(16) + FIELD.to_bytes(48, "big") + key[64:]
    assert oracle.call("isKey", key) == [True]
    for wrong in (outside, crooked, too_large, key[:-1], key + b"\x00"):
        assert oracle.call("isKey", wrong) == [False], wrong.hex()
        assert oracle.call("isSigned", wrong, MESSAGE, key_of(1).sign(MESSAGE).eip2537) == [False]


def test_a_key_can_be_taken_out_of_a_sum(oracle: Deployed) -> None:
    one, two = key_of(1).public, key_of(2).public
    total = aggregate_keys([one, two]).eip2537
    assert oracle.call("subtract", total, two.eip2537) == [one.eip2537]
    assert oracle.call("subtract", two.eip2537, two.eip2537) == [bytes(256)]
    assert oracle.call("subtract", bytes(256), two.eip2537) == [PublicKey(-two.point).eip2537]


def test_a_rogue_key_would_sign_for_everybody_but_has_no_proof_of_possession(oracle: Deployed) -> None:
    """The attack that proofs of possession are for (thesis 6.4): a key that cancels all the others."""
    honest, secret = key_of(1), Scalar(12345)
    rogue = PublicKey(G2Point() * secret - honest.public.point)
    forged = G1Point.hash_to_curve(MESSAGE, b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_") * secret
    total = aggregate_keys([honest.public, rogue]).eip2537
    assert oracle.call("isSigned", total, MESSAGE, padded(forged.to_xy_bytes_be())) == [True]
    proof = G1Point.hash_to_curve(MESSAGE, b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_") * secret
    assert oracle.call("isPossessed", rogue.eip2537, MESSAGE, padded(proof.to_xy_bytes_be())) == [False]


# ---- Micropayments


def test_a_micropayment_is_verified_by_the_precompile_from_its_fields(oracle: Deployed) -> None:
    consumer, instance = PrivateKey.from_secret(7), secrets.token_bytes(32)
    source = sign_source(3, consumer, instance, 12_345)
    prefix, x = consumer.public.octets[0], consumer.public.octets[1:]
    y = load_public_key(consumer.public).public_numbers().y.to_bytes(32, "big")
    words = (source.signature[:32], source.signature[32:], y)
    assert oracle.call("isPaid", instance, prefix, x, 12_345, words) == [True]
    for wrong in (
        (instance, prefix, x, 12_346, words),
        (bytes(32), prefix, x, 12_345, words),
        (instance, 5 - prefix, x, 12_345, words),
        (instance, prefix, PrivateKey.from_secret(8).public.octets[1:], 12_345, words),
        (instance, prefix, x, 12_345, (words[1], words[0], y)),
        (instance, prefix, x, 12_345, (bytes(32), bytes(32), y)),
        (instance, prefix, x, 12_345, (*words[:2], (int.from_bytes(y) ^ 2).to_bytes(32, "big"))),
    ):
        assert oracle.call("isPaid", *wrong) == [False], wrong


# ---- Tree and leaves


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13])
def test_every_path_of_the_tree_leads_to_its_root_and_no_other_does(oracle: Deployed, count: int) -> None:
    contents = [b"leaf %d" % index for index in range(count)]
    hashes = [leaf_hash(content) for content in contents]
    root = merkle_root(hashes)
    for index in range(count):
        path = merkle_path(hashes, index)
        assert oracle.call("isIn", root, contents[index], index, count, path) == [True]
        assert oracle.call("isIn", root, contents[index], count, count, path) == [False]
        assert oracle.call("isIn", root, b"leaf", index, count, path) == [False]
        assert oracle.call("isIn", root, contents[index], index, count, [*path, bytes(32)]) == [False]
        if path:
            assert oracle.call("isIn", root, contents[index], index, count, path[:-1]) == [False]


@pytest.mark.parametrize(
    "amounts", [{}, {0: 1}, {0: 1, 1: 2, 5: 3}, {7: 1, 9: (1 << 63) - 1, (1 << 32) - 1: 5}], ids=len
)
def test_leaves_are_read_as_python_reads_them(oracle: Deployed, amounts: dict[int, int]) -> None:
    leaf = write_leaf(PayoutLeaf(bytes(32), amounts))
    assert oracle.call("entries", leaf) == [[list(entry) for entry in sorted(amounts.items())]]


def test_a_leaf_that_is_not_in_its_one_form_is_refused(oracle: Deployed) -> None:
    good = write_leaf(PayoutLeaf(bytes(32), {0: 1, 1: 2, 5: 3}))
    head, words = good[:32], lambda *numbers: b"".join(number.to_bytes(4, "big") for number in numbers)
    amount = (1).to_bytes(8, "big")
    for wrong in (
        good[:-1],
        good + b"\x00",
        good + amount,
        good[:35],
        head + words(1, 0, 0),
        head + words(2, 0, 1, 1, 1) + 2 * amount,  # runs that touch
        head + words(2, 5, 1, 0, 1) + 2 * amount,
        head + words(1, 0, 1) + bytes(8),
        head + words(1, 0, 1) + (1 << 63).to_bytes(8, "big"),
        head + words(1, 0xFFFFFFFF, 2) + 2 * amount,
        head + words(0xFFFFFFFF),
        head + words(1, 0, 0xFFFFFFFF) + amount,
    ):
        with pytest.raises(ShellError):
            oracle.call("entries", wrong)
