"""Meter statements: one form, the consumer's signature, and a name for attesters."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.cose import read_envelope
from wire.errors import DecodeError, VerificationError
from wire.keys import PrivateKey
from wire.meter_statement import (
    EXTERNAL,
    METER_STATEMENT_BYTES,
    MeterStatement,
    parse_meter_statement,
    read_meter_statement,
    statement_digest,
    write_meter_statement,
)
from wire.units import U32_MAX, U63_MAX

CONSUMER, OTHER = PrivateKey.from_secret(7), PrivateKey.from_secret(8)
EXAMPLE = MeterStatement(bytes(range(16)), bytes(range(8)), 3, 1_000, 250_000)
statements = st.builds(
    MeterStatement, st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8),
    st.integers(0, U32_MAX), st.integers(0, U63_MAX), st.integers(0, U63_MAX),
)  # fmt: skip


@given(statements)
def test_what_is_written_is_read(statement: MeterStatement) -> None:
    encoded = write_meter_statement(statement, CONSUMER)
    assert len(encoded) == METER_STATEMENT_BYTES
    assert read_meter_statement(encoded, CONSUMER.public) == statement == parse_meter_statement(encoded)


def test_it_is_a_cose_sign1() -> None:
    read_envelope(write_meter_statement(EXAMPLE, CONSUMER)).verify(CONSUMER.public, EXTERNAL)


def test_only_the_consumer_signs_it() -> None:
    encoded = write_meter_statement(EXAMPLE, CONSUMER)
    with pytest.raises(DecodeError, match="of another key"):
        read_meter_statement(encoded, OTHER.public)
    foreign = write_meter_statement(EXAMPLE, OTHER)
    with pytest.raises(VerificationError):
        read_meter_statement(encoded[:-64] + foreign[-64:], CONSUMER.public)


def test_every_octet_counts() -> None:
    encoded = write_meter_statement(EXAMPLE, CONSUMER)
    for at in range(METER_STATEMENT_BYTES):
        with pytest.raises(DecodeError):
            read_meter_statement(
                encoded[:at] + bytes((encoded[at] ^ 1,)) + encoded[at + 1 :], CONSUMER.public
            )


def test_its_name_is_of_what_it_says_and_not_of_the_signature() -> None:
    names = {statement_digest(write_meter_statement(EXAMPLE, CONSUMER)) for _ in range(2)}
    assert len(names) == 1
    assert statement_digest(write_meter_statement(replace(EXAMPLE, interval=4), CONSUMER)) not in names


@given(st.binary(max_size=200))
def test_no_garbage_is_read(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_meter_statement(data, CONSUMER.public)


def test_refused() -> None:
    encoded = write_meter_statement(EXAMPLE, CONSUMER)
    with pytest.raises(DecodeError, match="version 2"):
        parse_meter_statement(encoded[:19] + b"\2" + encoded[20:])
    with pytest.raises(DecodeError, match="up_bytes is"):
        parse_meter_statement(encoded[:48] + b"\xff" + encoded[49:])
    with pytest.raises(DecodeError, match="session has 15"):
        replace(EXAMPLE, session=bytes(15))
    with pytest.raises(DecodeError, match="terms_id has 9"):
        replace(EXAMPLE, terms_id=bytes(9))
