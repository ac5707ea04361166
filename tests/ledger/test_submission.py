"""What can be submitted, and how a receipt names what the ledger ascribes to nobody."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger.submission import (
    MAX_SUBMISSION_BYTES,
    Batch,
    Enrolment,
    Record,
    Submission,
    read_submission,
    received_id,
    write_submission,
)
from tests.ledger_world import ALICE, BOB, GENESIS, START_S, World
from wire.attestation_result import MAX_ATTESTATION_RESULT_BYTES
from wire.errors import DecodeError
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.transaction import read_transaction


def test_the_bytes_as_received_name_a_copy_and_its_signature_too() -> None:
    signed = World().sign(Transfer(BOB.public, 1), ALICE)
    encoded = signed.envelope.encoded
    bent = read_transaction(encoded[:-1] + bytes((encoded[-1] ^ 1,)), GENESIS.ledger_id)
    assert bent.transaction_id == signed.transaction_id
    assert received_id(signed) == sha256(encoded).digest()
    assert received_id(bent) not in (received_id(signed), signed.transaction_id)


def test_every_kind_has_a_name() -> None:
    signed = World().sign(Transfer(BOB.public, 1), ALICE)
    other = replace(signed, envelope=replace(signed.envelope, encoded=b"other"))
    assert received_id(Record(b"evidence")) == sha256(b"evidence").digest()
    assert received_id(Enrolment(b"result")) == sha256(b"result").digest()
    assert received_id(Batch((signed, other))) == sha256(signed.envelope.encoded + b"other").digest()


# ---- The wire form


def every_kind() -> list[Submission]:
    """One of each."""
    one, other = (World().sign(Transfer(BOB.public, amount), ALICE) for amount in (1, 2))
    boot = MeterChain(SoftwareKey(PrivateKey.from_secret(7)), START_S * 1_000).boot()
    return [one, Batch((one, other)), Record(boot), Enrolment(b"whatever a gateway signed")]


def test_every_kind_survives_its_bytes_and_is_what_the_page_says() -> None:
    """Source of the other encoding: cbor2."""
    one, batch, record, enrolment = every_kind()
    for submission in (one, batch, record, enrolment):
        assert read_submission(write_submission(submission), GENESIS.ledger_id) == submission
    assert isinstance(batch, Batch)
    assert isinstance(record, Record)
    parts = [signed.envelope.encoded for signed in batch.transactions]
    assert write_submission(batch) == cbor2.dumps([2, parts], canonical=True)
    assert write_submission(batch.transactions[0]) == cbor2.dumps([1, parts[0]], canonical=True)
    assert write_submission(record) == cbor2.dumps([3, record.evidence], canonical=True)
    assert write_submission(enrolment) == cbor2.dumps([4, b"whatever a gateway signed"], canonical=True)


@pytest.mark.parametrize(
    "value",
    [
        [],
        [1],
        [5, b""],
        [1, b"no transaction"],
        [2, []],
        [2, [1]],
        [3, b"no evidence"],
        [4, bytes(MAX_ATTESTATION_RESULT_BYTES + 1)],
        [4, "text"],
        {1: b""},
    ],
)
def test_anything_else_is_a_decode_error(value: object) -> None:
    with pytest.raises(DecodeError):
        read_submission(cbor2.dumps(value, canonical=True), GENESIS.ledger_id)


def test_a_boolean_is_no_kind() -> None:
    """To Python True is 1; a second form of a transaction would have the same meaning and other bytes."""
    good = cbor2.loads(write_submission(World().sign(Transfer(BOB.public, 1), ALICE)))
    with pytest.raises(DecodeError, match="a boolean at byte 1"):
        read_submission(cbor2.dumps([True, *good[1:]]), GENESIS.ledger_id)


def test_what_is_too_large_is_not_even_read() -> None:
    with pytest.raises(DecodeError, match="are accepted"):
        read_submission(bytes(MAX_SUBMISSION_BYTES + 1), GENESIS.ledger_id)


@given(st.binary(max_size=200))
def test_garbage_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_submission(data, GENESIS.ledger_id)


def test_cut_or_lengthened_bytes_are_a_decode_error() -> None:
    for submission in every_kind():
        whole = write_submission(submission)
        for size in range(0, len(whole), 7):
            with pytest.raises(DecodeError):
                read_submission(whole[:size], GENESIS.ledger_id)
        with pytest.raises(DecodeError):
            read_submission(whole + b"\x00", GENESIS.ledger_id)
