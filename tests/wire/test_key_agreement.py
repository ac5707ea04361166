"""ECDH, HKDF and sealing: published vectors, the library's own HKDF as judge, and what must not open."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from wire.errors import VerificationError
from wire.ids import PublicKey
from wire.key_agreement import SEAL_OVERHEAD, agree, expand, extract, seal, unseal
from wire.keys import PrivateKey, load_public_key


def test_a_published_agreement() -> None:
    """RFC 5903 clause 8.1: ECP group 19."""
    i = PrivateKey.from_secret(0xC88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433)
    r = PrivateKey.from_secret(0xC6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53)
    shared = "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"
    assert agree(i, r.public).hex() == agree(r, i.public).hex() == shared


def test_a_published_expansion() -> None:
    """RFC 5869 appendix A.1."""
    root = extract(bytes.fromhex("000102030405060708090a0b0c"), bytes.fromhex("0b" * 22))
    assert root.hex() == "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
    okm = expand(root, bytes.fromhex("f0f1f2f3f4f5f6f7f8f9"), 42)
    assert okm.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"


@given(
    st.binary(max_size=40), st.binary(min_size=1, max_size=70), st.binary(max_size=40), st.integers(1, 300)
)
@settings(max_examples=50)
def test_the_library_expands_alike(salt: bytes, secret: bytes, info: bytes, size: int) -> None:
    judge = HKDF(algorithm=hashes.SHA256(), length=size, salt=salt, info=info).derive(secret)
    assert expand(extract(salt, secret), info, size) == judge


def test_a_point_off_the_curve() -> None:
    with pytest.raises(VerificationError, match="not a point on P-256"):
        agree(PrivateKey.from_secret(1), PublicKey(b"\x02" + b"\xff" * 32))


@given(st.binary(max_size=100), st.binary(max_size=20))
def test_sealed_and_unsealed(plaintext: bytes, associated: bytes) -> None:
    key = bytes(16)
    sealed = seal(key, plaintext, associated)
    assert len(sealed) == len(plaintext) + SEAL_OVERHEAD
    assert unseal(key, sealed, associated) == plaintext
    for other in (
        (bytes(15) + b"\x01", sealed, associated),
        (key, sealed[:-1] + bytes((sealed[-1] ^ 1,)), associated),
        (key, sealed, associated + b"x"),
        (key, sealed[: SEAL_OVERHEAD - 1], associated),
        (key, b"", associated),
    ):
        with pytest.raises(VerificationError, match="sealed bytes are not the other end's"):
            unseal(*other)


def test_one_key_that_seals_twice() -> None:
    """Another message has another nonce, so that the two tell nothing of each other; the same one is the same."""
    one, other = b"a transaction, say", b"a grant, or so ..."
    sealed = [seal(bytes(16), text, b"t") for text in (one, other, one)]
    assert sealed[0] == sealed[2]
    assert sealed[0][:12] != sealed[1][:12]
    assert sealed[0][:12] != seal(bytes(16), one, b"u")[:12], "nor the same among other messages"
    ends = [text[12:-16] for text in sealed[:2]]
    assert bytes(a ^ b for a, b in zip(*ends, strict=True)) != bytes(
        a ^ b for a, b in zip(one, other, strict=True)
    )


def test_strangers_do_not_fill_the_cache_of_keys() -> None:
    before = load_public_key.cache_info()
    agree(PrivateKey.from_secret(1), PrivateKey.from_secret(987_654).public)
    assert load_public_key.cache_info() == before
