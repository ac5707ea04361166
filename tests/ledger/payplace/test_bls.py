"""BLS signatures: the standard's ciphersuite by a second opinion, and what is refused."""

import pytest
from py_ecc.bls.g2_primitives import G1_to_pubkey, G2_to_signature, pubkey_to_G1, signature_to_G2
from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.optimized_bls12_381 import (
    FQ,
    G2,
    Z1,
    Z2,
    b,
    b2,
    field_modulus,
    is_inf,
    is_on_curve,
    multiply,
    normalize,
)
from py_ecc.optimized_bls12_381 import optimized_curve as oracle

from ledger.payplace import bls
from wire.errors import VerificationError

SECRETS = [bls.SecretKey.generate(bytes([number]) * 32) for number in range(1, 6)]
INSTANCE, ACCOUNT, COMMITMENT = bytes([7]) * 32, b"\x02" + bytes(32), bytes([9]) * 32


def test_keys_are_derived_as_the_standard_says():
    """EIP-2333's first vector begins with KeyGen over this seed, with the salt of draft 4 and later."""
    seed = bytes.fromhex(
        "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04"
    )
    expected = 6083874454709270928345386274498605044986640685124978867557563392430687146096
    assert int.from_bytes(bls.SecretKey.generate(seed).octets, "big") == expected


def test_a_signature_is_the_one_that_another_library_makes():
    import hashlib

    secret = SECRETS[0]
    point = multiply(
        hash_to_G1(COMMITMENT, bls.SIGNATURE_TAG, hashlib.sha256), int.from_bytes(secret.octets, "big")
    )
    assert secret.sign(COMMITMENT).compressed == bytes(G1_to_pubkey(point))
    key = multiply(G2, int.from_bytes(secret.octets, "big"))
    assert secret.public.compressed == bytes(G2_to_signature(key))
    x, y = normalize(key)
    coordinates = [*x.coeffs, *y.coeffs]
    assert secret.public.eip2537 == b"".join(int(number).to_bytes(64, "big") for number in coordinates)


def test_what_was_signed_holds_and_nothing_else():
    secret = SECRETS[0]
    signature = secret.sign(COMMITMENT)
    bls.verify(secret.public, COMMITMENT, signature)
    for key, message in ((SECRETS[1].public, COMMITMENT), (secret.public, bytes(32))):
        with pytest.raises(VerificationError):
            bls.verify(key, message, signature)


def test_points_are_read_as_they_were_written():
    signature, key = SECRETS[0].sign(COMMITMENT), SECRETS[0].public
    assert bls.Signature.of_compressed(signature.compressed) == signature
    assert bls.Signature.of_eip2537(signature.eip2537) == signature
    assert bls.PublicKey.of_compressed(key.compressed) == key
    assert bls.PublicKey.of_eip2537(key.eip2537) == key
    assert bls.SecretKey.of_octets(SECRETS[0].octets).public == key
    assert SECRETS[0].octets.hex() not in repr(SECRETS[0])


def test_a_sum_of_signatures_belongs_to_the_sum_of_keys():
    total = bls.aggregate_signatures(secret.sign(COMMITMENT) for secret in SECRETS)
    keys = bls.aggregate_keys(secret.public for secret in SECRETS)
    bls.verify(keys, COMMITMENT, total)
    without = bls.subtract(keys, SECRETS[0].public)
    assert without == bls.aggregate_keys(secret.public for secret in SECRETS[1:])
    with pytest.raises(VerificationError):
        bls.verify(without, COMMITMENT, total)
    assert bls.subtract(keys, keys) is None


def _outside_subgroup_g1() -> bytes:
    """A point of the curve whose order is not the group's."""
    for number in range(1, 1_000):
        x = FQ(number)
        root = pow(int(x**3 + b), (field_modulus + 1) // 4, field_modulus)
        point = (x, FQ(root), FQ(1))
        if is_on_curve(point, b) and not is_inf(multiply(point, bls.GROUP_ORDER)):
            return bytes(G1_to_pubkey(point))
    raise AssertionError("none found")


def _outside_subgroup_g2() -> tuple[bytes, bytes]:
    from py_ecc.bls.point_compression import modular_squareroot_in_FQ2
    from py_ecc.optimized_bls12_381 import FQ2

    for number in range(1, 1_000):
        x = FQ2([number, 0])
        root = modular_squareroot_in_FQ2(x**3 + b2)
        if root is not None:
            point = (x, root, FQ2([1, 0]))
            assert is_on_curve(point, b2)
            if not is_inf(multiply(point, bls.GROUP_ORDER)):
                plain = b"".join(int(part).to_bytes(64, "big") for part in (*x.coeffs, *root.coeffs))
                return bytes(G2_to_signature(point)), plain
    raise AssertionError("none found")


def test_points_outside_the_group_are_refused():
    octets = _outside_subgroup_g1()
    point = normalize(pubkey_to_G1(octets))
    plain = b"".join(int(part).to_bytes(64, "big") for part in point)
    for read, wrong in ((bls.Signature.of_compressed, octets), (bls.Signature.of_eip2537, plain)):
        with pytest.raises(VerificationError, match=r"invalid|subgroup|order"):
            read(wrong)
    compressed, plain = _outside_subgroup_g2()
    assert normalize(signature_to_G2(compressed)) is not None
    for read_key, wrong in ((bls.PublicKey.of_compressed, compressed), (bls.PublicKey.of_eip2537, plain)):
        with pytest.raises(VerificationError, match=r"invalid|subgroup|order"):
            read_key(wrong)


def test_infinity_is_refused_however_it_is_written():
    for wrong in (bytes(G1_to_pubkey(Z1)), b"\xff" * 48, b"\xc0" + bytes(46) + b"\x01"):
        with pytest.raises(VerificationError):
            bls.Signature.of_compressed(wrong)
    for wrong in (bytes(G2_to_signature(Z2)), b"\xff" * 96):
        with pytest.raises(VerificationError):
            bls.PublicKey.of_compressed(wrong)
    with pytest.raises(VerificationError):
        bls.Signature.of_eip2537(bytes(128))
    with pytest.raises(VerificationError):
        bls.PublicKey.of_eip2537(bytes(256))


def test_a_sum_that_is_infinity_is_refused():
    minus = bls.SecretKey(bls.GROUP_ORDER - int.from_bytes(SECRETS[0].octets, "big"))
    with pytest.raises(VerificationError, match="infinity"):
        bls.aggregate_keys([SECRETS[0].public, minus.public])
    with pytest.raises(VerificationError, match="infinity"):
        bls.aggregate_signatures([SECRETS[0].sign(COMMITMENT), minus.sign(COMMITMENT)])
    with pytest.raises(VerificationError, match="infinity"):
        bls.aggregate_keys([])


def test_a_coordinate_that_is_not_reduced_is_refused():
    octets = bytearray(SECRETS[0].sign(COMMITMENT).eip2537)
    larger = int.from_bytes(octets[:64], "big") + field_modulus
    octets[:64] = larger.to_bytes(64, "big")
    with pytest.raises(VerificationError):
        bls.Signature.of_eip2537(bytes(octets))
    octets[0] = 1
    with pytest.raises(VerificationError, match="padded"):
        bls.Signature.of_eip2537(bytes(octets))
    for size in (0, 47, 49, 127, 129):
        with pytest.raises(VerificationError):
            (bls.Signature.of_compressed if size < 100 else bls.Signature.of_eip2537)(bytes(size))


def test_a_rogue_key_signs_for_everybody_but_proves_nothing():
    """Thesis 6.4: pk_att = g^x / product of the others; the sum verifies, so possession has to be proved."""
    honest = [secret.public for secret in SECRETS]
    attacker = bls.SecretKey.generate(b"x" * 32)
    rogue = bls.PublicKey(attacker.public.point - bls.aggregate_keys(honest).point)
    bls.verify(bls.aggregate_keys([*honest, rogue]), COMMITMENT, attacker.sign(COMMITMENT))
    with pytest.raises(VerificationError, match="possession"):
        bls.verify_possession(rogue, INSTANCE, ACCOUNT, attacker.prove_possession(INSTANCE, ACCOUNT))


def test_possession_is_proved_for_one_instance_and_one_account():
    secret = SECRETS[0]
    proof = secret.prove_possession(INSTANCE, ACCOUNT)
    bls.verify_possession(secret.public, INSTANCE, ACCOUNT, proof)
    for instance, account in ((bytes(32), ACCOUNT), (INSTANCE, b"\x03" + bytes(32))):
        with pytest.raises(VerificationError, match="possession"):
            bls.verify_possession(secret.public, instance, account, proof)
    message = bls.possession_message(secret.public, INSTANCE, ACCOUNT)
    with pytest.raises(VerificationError):
        bls.verify(secret.public, message, proof)


def test_secrets_are_within_their_range():
    for wrong in (0, bls.GROUP_ORDER, -1):
        with pytest.raises(ValueError, match="order"):
            bls.SecretKey(wrong)
    with pytest.raises(ValueError, match="32"):
        bls.SecretKey.of_octets(bytes(31))
    with pytest.raises(ValueError, match="chance"):
        bls.SecretKey.generate(bytes(31))
    assert oracle.curve_order == bls.GROUP_ORDER
