"""The attestation key's public area: a real one, names as tpm2-pytss computes them, and each demand refused by name."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import DecodeError, VerificationError
from wire.keys import load_public_key
from wire.tpm_attest import read_attest
from wire.tpm_public import (
    ANCHOR_INDEX,
    ATTESTATION_KEY_ATTRIBUTES,
    DECRYPT,
    FIXED_PARENT,
    FIXED_TPM,
    HIERARCHY_ENDORSEMENT,
    NO_DA,
    RESTRICTED,
    SENSITIVE_DATA_ORIGIN,
    SIGN,
    anchor_name,
    attestation_key_template,
    compute_name,
    compute_qualified_name,
    read_attestation_key,
    read_ecc_public,
    write_ecc_public,
)

# swtpm 0.7.1: a primary P-256 key of the owner hierarchy, and the head of a quote by it.
PUBLIC_AREA = bytes.fromhex(
    "0023000b00050472000000100018000b000300100020f733f998fb5916a2357f35a445632ed859c2753985aa572e5a1d3472"
    "3cbea9760020747b4dbeda19e7cd2757db68dcc86f1057e6747c7e1589f78b46becad95d0cd2"
)
QUALIFIED_SIGNER = bytes.fromhex("000bcdf708ed886f6d8aa48d0b126a0c5189cc0e7c79c1eb9aa6e910da189aaf1ebc")
ANCHOR_NAME = bytes.fromhex("000b272b504835f79424cc5278244080c4031bb40fee0d079a69abe500a1dd7502af")


def variant(**changes):
    return write_ecc_public(replace(read_ecc_public(PUBLIC_AREA), **changes))


def test_a_software_tpms_key_is_accepted_and_named_as_the_tpm_names_it():
    key = read_attestation_key(PUBLIC_AREA)
    assert key.qualified_name == QUALIFIED_SIGNER
    assert load_public_key(key.public_key).public_numbers().y == int.from_bytes(PUBLIC_AREA[-32:], "big")


def test_the_anchor_is_named_as_the_tpm_names_it():
    assert anchor_name() == ANCHOR_NAME
    assert 0x0180_0000 <= ANCHOR_INDEX <= 0x01BF_FFFF


def test_a_key_of_another_hierarchy_has_another_qualified_name():
    name = compute_name(PUBLIC_AREA)
    assert compute_qualified_name(name, HIERARCHY_ENDORSEMENT) != QUALIFIED_SIGNER


@pytest.mark.parametrize(
    ("bit", "name"),
    [
        (FIXED_TPM, "fixedTPM"),
        (FIXED_PARENT, "fixedParent"),
        (SENSITIVE_DATA_ORIGIN, "sensitiveDataOrigin"),
        (NO_DA, "noDA"),
        (RESTRICTED, "restricted"),
        (SIGN, "sign"),
    ],
)
def test_a_key_that_lacks_an_attribute_is_refused_by_its_name(bit, name):
    with pytest.raises(VerificationError, match=f"lacks {name}"):
        read_attestation_key(variant(attributes=ATTESTATION_KEY_ATTRIBUTES & ~bit))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"attributes": ATTESTATION_KEY_ATTRIBUTES | DECRYPT}, "exactly 00050472"),
        ({"name_algorithm": 0x000C}, "name algorithm 000c"),
        ({"scheme_hash": 0x000C}, "scheme 0018/000c"),
        ({"scheme": 0x0010}, "scheme 0010/0010"),
        ({"curve": 0x0004}, "curve 0004"),
        ({"policy": bytes(32)}, "authorisation policy"),
        ({"y": bytes(32)}, "not on P-256"),
        ({"x": b"", "y": b""}, "not on P-256"),
        ({"x": b"\xff" * 33}, "not on P-256"),
    ],
)
def test_another_kind_of_key_is_refused(changes, why):
    with pytest.raises(VerificationError, match=why):
        read_attestation_key(variant(**changes))


def test_every_truncation_and_trailing_bytes_are_refused():
    for end in range(len(PUBLIC_AREA)):
        with pytest.raises(DecodeError):
            read_attestation_key(PUBLIC_AREA[:end])
    with pytest.raises(DecodeError, match="after its end"):
        read_attestation_key(PUBLIC_AREA + b"\0")


def test_an_rsa_key_is_refused():
    with pytest.raises(DecodeError, match="type 0001"):
        read_attestation_key(b"\0\1" + PUBLIC_AREA[2:])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_key_or_a_decode_error(data):
    for candidate in (data, PUBLIC_AREA[:10] + data):
        try:
            read_attestation_key(candidate)
        except DecodeError:
            continue


def test_tpm2_pytss_agrees_on_bytes_and_name():
    types = pytest.importorskip("tpm2_pytss.types", reason="tpm2-pytss is not installed")
    theirs, used = types.TPMT_PUBLIC.unmarshal(PUBLIC_AREA)
    assert used == len(PUBLIC_AREA)
    assert bytes(theirs.get_name()) == compute_name(PUBLIC_AREA)
    template = types.TPM2B_PUBLIC.parse(
        "ecc_nist_p256:ecdsa-sha256:null",
        objectAttributes="fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign|noda",
    )
    assert template.publicArea.marshal() == write_ecc_public(attestation_key_template())


def test_every_bit_of_the_attest_head_is_where_the_vector_says():
    assert read_ecc_public(PUBLIC_AREA).attributes == ATTESTATION_KEY_ATTRIBUTES
    with pytest.raises(DecodeError, match="magic"):
        read_attest(PUBLIC_AREA)
