"""A lease quote beside what holds for every message: what it may say, and its largest size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.wire.examples import BAND, CONSUMER, LEDGER_ID, MESSAGES, PROVIDER, UTC_S
from wire.band import Band
from wire.errors import DecodeError, VerificationError
from wire.keys import PrivateKey
from wire.lease_quote import (
    MAX_LEASE_QUOTE_BYTES,
    LeaseQuote,
    lease_transfer,
    read_lease_quote,
    read_lease_transfer,
    write_lease_quote,
)
from wire.money_actions import Transfer, Withdraw
from wire.transaction import Transaction, sign_transaction
from wire.units import U32_MAX, U63_MAX

QUOTE = LeaseQuote(CONSUMER.public, BAND, 22_680, 3_600, UTC_S)


def test_the_largest_fits() -> None:
    largest = LeaseQuote(
        CONSUMER.public, Band(299_000_000, 300_000_000, 1_000_000), U63_MAX, U32_MAX, U63_MAX
    )
    encoded = write_lease_quote(largest, PROVIDER, LEDGER_ID)
    assert len(encoded) <= MAX_LEASE_QUOTE_BYTES
    assert read_lease_quote(encoded, PROVIDER.public, LEDGER_ID) == largest
    assert MESSAGES["lease_quote"].max_bytes == MAX_LEASE_QUOTE_BYTES


REFUSED: list[Callable[[], object]] = [
    lambda: replace(QUOTE, price_ubc=0),
    lambda: replace(QUOTE, price_ubc=U63_MAX + 1),
    lambda: replace(QUOTE, duration_s=0),
    lambda: replace(QUOTE, duration_s=U32_MAX + 1),
    lambda: replace(QUOTE, valid_until_s=-1),
]


@pytest.mark.parametrize("make", REFUSED)
def test_what_is_out_of_bounds_is_refused_where_it_is_made(make: Callable[[], object]) -> None:
    with pytest.raises(DecodeError, match="lease quote"):
        make()


def signed(transaction: Transaction, key: PrivateKey = CONSUMER, ledger_id: bytes = LEDGER_ID) -> bytes:
    return sign_transaction(transaction, key, ledger_id).envelope.encoded


def take(quote: LeaseQuote) -> Transaction:
    return lease_transfer(write_lease_quote(quote, PROVIDER, LEDGER_ID), PROVIDER.public, LEDGER_ID)


def test_a_quote_is_taken_by_one_transaction() -> None:
    """Signed again it is the same quote, and the same transaction takes it: a ledger executes that once."""
    data, again = (write_lease_quote(QUOTE, PROVIDER, LEDGER_ID) for _ in range(2))
    transaction = lease_transfer(data, PROVIDER.public, LEDGER_ID)
    assert transaction == lease_transfer(again, PROVIDER.public, LEDGER_ID)
    assert (transaction.action, transaction.valid_until_s) == (Transfer(PROVIDER.public, 22_680), UTC_S)
    assert transaction.nonce.hex() == "968a7143d3a51cf9"
    for shown in (data, again):
        found = read_lease_transfer(signed(transaction), shown, PROVIDER.public, LEDGER_ID)
        assert found.transaction == transaction


@pytest.mark.parametrize(
    "other",
    [
        replace(QUOTE, band=replace(BAND, from_frequency_khz=BAND.from_frequency_khz - 1)),
        replace(QUOTE, duration_s=3_601),
        replace(QUOTE, valid_until_s=UTC_S + 1),
        replace(QUOTE, price_ubc=22_681),
    ],
)
def test_its_transfer_takes_no_other_quote(other: LeaseQuote) -> None:
    transfer = signed(take(QUOTE))
    assert take(other).nonce != take(QUOTE).nonce
    with pytest.raises(VerificationError):
        read_lease_transfer(
            transfer, write_lease_quote(other, PROVIDER, LEDGER_ID), PROVIDER.public, LEDGER_ID
        )


@pytest.mark.parametrize(
    ("transfer", "what"),
    [
        (signed(replace(take(QUOTE), nonce=bytes(8))), "for something else"),
        (signed(replace(take(QUOTE), valid_until_s=UTC_S + 1)), "until another time"),
        (signed(replace(take(QUOTE), action=Transfer(PROVIDER.public, 22_679))), "no such price"),
        (signed(replace(take(QUOTE), action=Transfer(CONSUMER.public, 22_680))), "no such price"),
        (signed(replace(take(QUOTE), action=Withdraw(PROVIDER.public, 22_680))), "no such price"),
        (signed(take(QUOTE), PROVIDER), "signed by key id"),
        (signed(take(QUOTE), CONSUMER, bytes(32)), "signature"),
    ],
)
def test_no_other_payment_takes_it(transfer: bytes, what: str) -> None:
    with pytest.raises(VerificationError, match=what):
        read_lease_transfer(
            transfer, write_lease_quote(QUOTE, PROVIDER, LEDGER_ID), PROVIDER.public, LEDGER_ID
        )
