"""Micropayments: one form, one signer, one instance; what a contract hashes; any other octets are refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.cose import read_envelope
from wire.errors import DecodeError, VerificationError
from wire.keys import PrivateKey, verify
from wire.micropayment import (
    EXTERNAL,
    MICROPAYMENT_BYTES,
    Micropayment,
    instance_of,
    micropayment_payload,
    parse_micropayment,
    read_micropayment,
    signature_of,
    signed_message,
    write_micropayment,
)
from wire.units import U63_MAX

CONSUMER, OPERATOR, OTHER = (PrivateKey.from_secret(secret) for secret in (7, 23, 8))
INSTANCE = instance_of(bytes(range(32)), OPERATOR.public.octets)
EXAMPLE = Micropayment(INSTANCE, CONSUMER.public, 123_456)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PAGE = Path(__file__).parents[2] / "docs" / "wire" / "micropayment.md"


@given(st.integers(1, U63_MAX))
def test_what_is_written_is_read(cumulative_ubc: int) -> None:
    payment = replace(EXAMPLE, cumulative_ubc=cumulative_ubc)
    encoded = write_micropayment(payment, CONSUMER)
    assert len(encoded) == MICROPAYMENT_BYTES < 300
    assert read_micropayment(encoded, INSTANCE) == payment == parse_micropayment(encoded)


def test_it_is_a_cose_sign1_as_everything_signed_here() -> None:
    envelope = read_envelope(write_micropayment(EXAMPLE, CONSUMER))
    envelope.verify(CONSUMER.public, EXTERNAL)
    assert envelope.payload == micropayment_payload(EXAMPLE)
    assert envelope.signed_bytes(EXTERNAL) == signed_message(EXAMPLE)


def test_a_contract_rebuilds_what_was_signed_by_concatenation() -> None:
    """Constants, and four values."""
    encoded = write_micropayment(EXAMPLE, CONSUMER)
    key = CONSUMER.public.octets
    rebuilt = (
        b"\x84\x6aSignature1\x4d\xa2\x01\x28\x04\x48" + hashlib.sha256(key).digest()[:8]
        + b"\x55airgrant/micropayment\x58\x4a\x01" + INSTANCE + key + (123_456).to_bytes(8, "big")
    )  # fmt: skip
    assert rebuilt == signed_message(EXAMPLE)
    verify(CONSUMER.public, signature_of(encoded), rebuilt)


def test_the_page_shows_what_is_signed() -> None:
    page = "".join(PAGE.read_text().split())
    assert signed_message(EXAMPLE).hex() in page
    assert write_micropayment(EXAMPLE, CONSUMER)[:-64].hex() in page
    assert INSTANCE.hex() in page


def test_the_other_signature_of_the_same_content_is_the_same_micropayment() -> None:
    encoded = write_micropayment(EXAMPLE, CONSUMER)
    s = int.from_bytes(encoded[-32:], "big")
    assert read_micropayment(encoded[:-32] + (ORDER - s).to_bytes(32, "big"), INSTANCE) == EXAMPLE


def test_it_counts_at_one_instance_only() -> None:
    encoded = write_micropayment(EXAMPLE, CONSUMER)
    for chain, operator in ((bytes(32), OPERATOR), (bytes(range(32)), OTHER)):
        with pytest.raises(VerificationError, match="for instance"):
            read_micropayment(encoded, instance_of(chain, operator.public.octets))


def test_nobody_signs_for_another_consumer() -> None:
    forged = write_micropayment(replace(EXAMPLE, consumer=OTHER.public), OTHER)
    own = write_micropayment(EXAMPLE, CONSUMER)
    with pytest.raises(VerificationError, match="does not belong"):
        read_micropayment(own[:-64] + forged[-64:], INSTANCE)
    with pytest.raises(AssertionError):
        write_micropayment(EXAMPLE, OTHER)


def test_every_octet_counts() -> None:
    encoded = write_micropayment(EXAMPLE, CONSUMER)
    for at in range(MICROPAYMENT_BYTES):
        with pytest.raises(DecodeError):
            read_micropayment(encoded[:at] + bytes((encoded[at] ^ 1,)) + encoded[at + 1 :], INSTANCE)


@given(st.binary(max_size=200))
def test_no_garbage_is_read(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_micropayment(data, INSTANCE)


@pytest.mark.parametrize(
    ("at", "octets", "why"),
    [
        (19, b"\2", "version 2"),
        (52, b"\4", "consumer: not a compressed"),
        (5, b"\x26", "not the one form"),  # ES256, which envelopes of others may have
        (16, b"\xa1", "not the one form"),
        (85, bytes(8), "cumulative_ubc is 0"),
        (85, b"\x80" + bytes(7), "outside 1"),
    ],
)
def test_refused(at: int, octets: bytes, why: str) -> None:
    encoded = write_micropayment(EXAMPLE, CONSUMER)
    with pytest.raises(DecodeError, match=why):
        parse_micropayment(encoded[:at] + octets + encoded[at + len(octets) :])


@pytest.mark.parametrize("size", [0, 158, 160])
def test_of_another_size(size: int) -> None:
    with pytest.raises(DecodeError, match=f"{size} bytes, not 159"):
        parse_micropayment(bytes(size))


def test_no_such_micropayment_can_be_made() -> None:
    with pytest.raises(DecodeError, match="instance has 31"):
        replace(EXAMPLE, instance=bytes(31))
    with pytest.raises(DecodeError, match="cumulative_ubc is 0"):
        replace(EXAMPLE, cumulative_ubc=0)
