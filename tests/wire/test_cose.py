"""COSE_Sign1: python-cwt as an independent implementation in both directions, and everything that is refused."""

from __future__ import annotations

from typing import Any

import cbor2
import cwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.examples import CONSUMER, PROVIDER
from wire.cbor import Key, Value, write_cbor
from wire.cose import ES256, ESP256, MAX_ENVELOPE_BYTES, Envelope, read_envelope, sign_envelope
from wire.errors import DecodeError, VerificationError
from wire.keys import PrivateKey

EXTERNAL = b"airgrant/test"
PAYLOAD: Value = {1: 2, 3: b"four"}
payloads = st.dictionaries(
    st.integers(0, 30), st.one_of(st.integers(0, 2**60), st.binary(max_size=60)), max_size=6
)


def public_pem(key: PrivateKey) -> bytes:
    public = key.key.public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def cose_key(pem: bytes, key: PrivateKey) -> Any:
    """python-cwt 3 knows P-256 signatures as ES256 (-7) only; -9 is younger than it."""
    return cwt.COSEKey.from_pem(pem, alg="ES256", kid=key.public.key_id)


def assemble(
    protected: object = None,
    unprotected: object = None,
    payload: bytes = b"\xa0",
    signature: bytes = bytes(64),
    tag: int | None = 18,
) -> bytes:
    """An envelope as somebody else might write it, by cbor2."""
    header = {1: ESP256, 4: bytes(8)} if protected is None else protected
    encoded = header if isinstance(header, bytes) else cbor2.dumps(header, canonical=True)
    items = [encoded, {} if unprotected is None else unprotected, payload, signature]
    return cbor2.dumps(items if tag is None else cbor2.CBORTag(tag, items), canonical=True)


# ---- The independent implementation


@given(payloads, st.binary(max_size=40))
@settings(max_examples=25, deadline=None)
def test_cwt_writes_and_we_read(payload: dict[Key, Value], external: bytes) -> None:
    """It signs ES256 (-7), which we accept when reading."""
    signer = cose_key(PROVIDER.to_pem(), PROVIDER)
    protected = {"alg": "ES256", "kid": PROVIDER.public.key_id}
    data = cwt.COSE.new(deterministic_header=True).encode_and_sign(
        cbor2.dumps(payload, canonical=True), signer, protected=protected, external_aad=external
    )
    assert isinstance(data, bytes)
    envelope = read_envelope(data)
    envelope.verify(PROVIDER.public, external)
    assert cbor2.loads(envelope.payload) == payload
    assert cbor2.loads(envelope.protected)[1] == ES256


@given(payloads, st.binary(max_size=40))
@settings(max_examples=25, deadline=None)
def test_we_write_and_cwt_reads(payload: dict[Key, Value], external: bytes) -> None:
    """What we sign says ESP256 (-9), which python-cwt does not know; the same content under -7 it has to accept."""
    data = as_es256(payload, PROVIDER, external)
    decoded = cwt.COSE.new().decode(data, cose_key(public_pem(PROVIDER), PROVIDER), external_aad=external)
    assert cbor2.loads(decoded) == payload


def as_es256(payload: dict[Key, Value], key: PrivateKey, external: bytes) -> bytes:
    """Our envelope, our Sig_structure, our signature, with the older number in the header."""
    protected = write_cbor({1: ES256, 4: key.public.key_id})
    parts = Envelope(b"", protected, write_cbor(payload), key.public.key_id, b"")
    return b"\xd2" + write_cbor([protected, {}, parts.payload, key.sign(parts.signed_bytes(external))])


def test_cwt_refuses_what_we_sign_for_another_purpose() -> None:
    data = as_es256({1: 2}, PROVIDER, b"airgrant/offer")
    with pytest.raises(cwt.VerifyError):
        cwt.COSE.new().decode(data, cose_key(public_pem(PROVIDER), PROVIDER), external_aad=b"airgrant/grant/")


def test_the_header_is_as_documented() -> None:
    envelope = sign_envelope(PAYLOAD, PROVIDER, EXTERNAL)
    assert envelope.encoded[:2].hex() == "d284"
    assert envelope.protected.hex() == "a2012804" + "48" + PROVIDER.public.key_id.hex()
    assert envelope.encoded[2:3] + envelope.protected == b"\x4d" + envelope.protected
    tagged = cbor2.loads(envelope.encoded)
    assert (tagged.tag, tagged.value) == (18, [envelope.protected, {}, envelope.payload, envelope.signature])


def test_sig_structure_is_that_of_the_rfc() -> None:
    """RFC 9052 clause 4.4: ["Signature1", body_protected, external_aad, payload], built here by cbor2."""
    envelope = sign_envelope(PAYLOAD, PROVIDER, EXTERNAL)
    wanted = cbor2.dumps(["Signature1", envelope.protected, EXTERNAL, envelope.payload])
    assert envelope.signed_bytes(EXTERNAL) == wanted


# ---- Our own promise


@given(payloads, st.binary(max_size=40))
@settings(max_examples=25, deadline=None)
def test_what_is_signed_is_read_and_verified(payload: dict[Key, Value], external: bytes) -> None:
    signed = sign_envelope(payload, PROVIDER, external)
    read = read_envelope(signed.encoded)
    assert read == signed
    read.verify(PROVIDER.public, external)


def test_both_algorithms_are_read_and_no_third() -> None:
    for algorithm in (ESP256, ES256):
        assert read_envelope(assemble({1: algorithm, 4: bytes(8)})).key_id == bytes(8)
    others: tuple[object, ...] = (
        -8,
        -19,
        -35,
        -36,
        -37,
        -47,
        -257,
        0,
        5,
        "ES256",
        None,
        b"",
        [-9],
        {1: -9},
    )
    for other in others:
        with pytest.raises(DecodeError, match="only ESP256"):
            read_envelope(assemble({1: other, 4: bytes(8)}))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not begin with the COSE_Sign1 tag"),
        (assemble(tag=None), "does not begin with the COSE_Sign1 tag"),
        (assemble(tag=17), "does not begin"),
        (assemble(tag=98), "does not begin"),
        (b"\xd8\x12" + assemble()[1:], "does not begin"),
        (b"\xd2" + assemble(), "not in our subset"),
        (assemble() + b"\0", "1 bytes after the value"),
        (b"\xd2\x83" + assemble()[2:], "after the value"),
        (b"\xd2\x80", "not an array of protected header"),
        (b"\xd2\xa0", "not an array of protected header"),
        (b"\xd2\x84\xf6\xa0\x40\x40", "not an array of protected header"),
        (b"\xd2\x84\x40\x80\x40\x40", "not an array of protected header"),
        (b"\xd2\x84\x40\xa0\xf6\x40", "not an array of protected header"),
        (b"\xd2\x84\x40\xa0\xa0\x40", "not an array of protected header"),
        (assemble(signature=bytes(63)), "a signature has 64 bytes, not 63"),
        (assemble(signature=bytes(65)), "a signature has 64 bytes, not 65"),
        (assemble(signature=b""), "a signature has 64 bytes, not 0"),
        (assemble(unprotected={4: b"kid"}), "unprotected header 4 is not accepted"),
        (assemble(unprotected={1: -9}), "unprotected header 1 is not accepted"),
        (assemble(unprotected={"x": 1}), "unprotected header 'x' is not accepted"),
        (assemble({1: ESP256, 4: bytes(8), 2: [99], 99: 1}), "protected header 2 is unknown and may be critical"),
        (assemble({1: ESP256, 4: bytes(8), 3: 0}), "protected header 3 is unknown"),
        (assemble({1: ESP256, 4: bytes(8), "x": 0}), "protected header 'x' is unknown"),
        (assemble({1: ESP256, 4: bytes(8), -70_000: 0}), "is unknown"),
        (assemble({1: ESP256}), "the key id has to be 8 octets"),
        (assemble({1: ESP256, 4: bytes(7)}), "the key id has to be 8 octets"),
        (assemble({1: ESP256, 4: "8 octets"}), "the key id has to be 8 octets"),
        (assemble({4: bytes(8)}), "algorithm None"),
        (assemble(b""), "algorithm None"),
        (assemble(b"\xa0"), "algorithm None"),
        (assemble(b"\x80"), "the protected header is not a map"),
        (assemble(b"\xff"), "indefinite"),
        (assemble(b"\xa2\x04\x48" + bytes(8) + b"\x01\x28"), "out of order"),
        (assemble(b"\xa3\x01\x28\x01\x28\x04\x48" + bytes(8)), "doubled"),
        (assemble(b"\xa2\x01\x38\x08\x04\x48" + bytes(8)), "shortest form"),
        (assemble(cbor2.dumps({1: ESP256, 4: bytes(8)}, canonical=True) + b"\0"), "after the value"),
    ],
)  # fmt: skip
def test_refused(data: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_envelope(data)


def test_every_other_form_of_the_same_envelope_is_refused() -> None:
    """Same content, other lengths: each would be another way to write the same signature."""
    signed = sign_envelope(PAYLOAD, PROVIDER, EXTERNAL).encoded
    longer = [
        signed[:1] + b"\x98\x04" + signed[2:],
        signed[:2] + b"\x58\x0d" + signed[3:],
        signed.replace(b"\xa0", b"\xb8\x00", 1),
        signed[:1] + b"\x9f" + signed[2:] + b"\xff",
    ]
    for data in longer:
        assert cbor2.loads(data).value == cbor2.loads(signed).value
        with pytest.raises(DecodeError):
            read_envelope(data)


def test_size_limit() -> None:
    payload = bytes(MAX_ENVELOPE_BYTES)
    with pytest.raises(DecodeError, match="at most 1200 are accepted"):
        read_envelope(assemble(payload=payload))
    assert read_envelope(assemble(payload=payload), max_bytes=2_000).payload == payload


def test_an_error_does_not_repeat_a_megabyte() -> None:
    label = "x" * 1_000_000
    for data in (
        assemble(unprotected={label: 1}),
        assemble({1: ESP256, 4: bytes(8), label: 1}),
        assemble({1: label, 4: bytes(8)}),
    ):
        with pytest.raises(DecodeError) as caught:
            read_envelope(data, max_bytes=2_000_000)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("external", [b"", b"airgrant/tes", b"airgrant/test/", b"airgrant/offer"])
def test_the_purpose_is_signed(external: bytes) -> None:
    envelope = sign_envelope(PAYLOAD, PROVIDER, EXTERNAL)
    with pytest.raises(VerificationError, match="signature does not belong to key"):
        envelope.verify(PROVIDER.public, external)


def test_the_key_id_is_held_against_the_key() -> None:
    with pytest.raises(VerificationError, match="signed by key id"):
        sign_envelope(PAYLOAD, PROVIDER, EXTERNAL).verify(CONSUMER.public, EXTERNAL)


@pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64, bytes(63) + b"\1", b"\0" * 32 + b"\1" * 32])
def test_absurd_signatures_do_not_verify(signature: bytes) -> None:
    envelope = read_envelope(assemble({1: ESP256, 4: PROVIDER.public.key_id}, signature=signature))
    with pytest.raises(VerificationError):
        envelope.verify(PROVIDER.public, EXTERNAL)


def test_digest_depends_on_content_and_purpose_not_on_the_signature() -> None:
    one, two = (sign_envelope(PAYLOAD, PROVIDER, EXTERNAL) for _ in range(2))
    assert one.signature != two.signature
    assert one.digest(EXTERNAL) == two.digest(EXTERNAL)
    assert one.digest(EXTERNAL) != one.digest(b"other")
    assert one.digest(EXTERNAL) != sign_envelope({1: 3}, PROVIDER, EXTERNAL).digest(EXTERNAL)
    assert one.digest(EXTERNAL) != sign_envelope(PAYLOAD, CONSUMER, EXTERNAL).digest(EXTERNAL)
