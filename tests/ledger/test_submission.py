"""What can be submitted, and how a receipt names what the ledger ascribes to nobody."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from ledger.submission import Batch, Enrolment, Record, received_id
from tests.ledger_world import ALICE, BOB, GENESIS, World
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
