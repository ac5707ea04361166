"""An owner's request: bound to the transfer, to the destination, to the exchange and to the ledger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.exchange.payout_request import MAX_PAYOUT_REQUEST_BYTES, read_payout_request, write_payout_request
from wire.errors import DecodeError, VerificationError
from wire.keys import PrivateKey
from wire.money_actions import Deposit, Transfer
from wire.transaction import Action, Transaction, sign_transaction

EXCHANGE, OWNER, THIEF = (PrivateKey.from_secret(number) for number in (2, 4, 5))
LEDGER_ID, OTHER_ID = bytes(32), bytes([1]) * 32


def transfer(action: Action | None = None, key: PrivateKey = OWNER, ledger_id: bytes = LEDGER_ID) -> bytes:
    wanted = action or Transfer(EXCHANGE.public, 5_000_000)
    return sign_transaction(Transaction(wanted, bytes(8), 1_000), key, ledger_id).envelope.encoded


def request(encoded: bytes | None = None, key: PrivateKey = OWNER, destination: str = "AT61 1904") -> bytes:
    return write_payout_request(encoded or transfer(), "EUR", destination, key, LEDGER_ID)


def test_what_is_written_is_read():
    read = read_payout_request(request(), EXCHANGE.public, LEDGER_ID)
    assert (read.account, read.amount_ubc) == (OWNER.public, 5_000_000)
    assert (read.currency, read.destination) == ("EUR", "AT61 1904")
    assert (
        read.transfer.envelope.encoded
        == transfer()[: -len(read.transfer.envelope.signature)] + read.transfer.envelope.signature
    )
    assert len(request(destination="x" * 200)) <= MAX_PAYOUT_REQUEST_BYTES


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        (request(transfer(key=THIEF)), "signed by key id"),
        (request(key=THIEF), "signed by key id"),
        (request(transfer(Transfer(THIEF.public, 1))), "no transfer to the exchange"),
        (request(transfer(Deposit(EXCHANGE.public, 1))), "no transfer to the exchange"),
        (request(transfer(ledger_id=OTHER_ID)), "signature"),
        (request(destination=" "), "destination"),
        (request(destination="a\nb"), "destination"),
        (request(destination="x" * 201), "destination"),
    ],
)
def test_what_is_refused(encoded: bytes, why: str):
    with pytest.raises(DecodeError, match=why):
        read_payout_request(encoded, EXCHANGE.public, LEDGER_ID)


def test_it_is_for_one_ledger():
    with pytest.raises(VerificationError):
        read_payout_request(request(), EXCHANGE.public, OTHER_ID)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_nobody_on_the_way_can_change_a_byte(at: int, change: int):
    encoded = bytearray(request())
    encoded[at % len(encoded)] ^= change
    with pytest.raises(DecodeError):
        read_payout_request(bytes(encoded), EXCHANGE.public, LEDGER_ID)
