"""What strangers may have asked of the ledger: every rule, in the order in which it is asked; garbage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.lobby import Refused, read_lobby, write_lobby
from nas_tunnel.order_check import LATE_S, Terms, check_order, terms_of
from tests.nas_tunnel.air import GOLDEN, OFFER
from tests.wire.examples import CONSUMER, LEDGER_ID, PROVIDER
from wire.allocate import Allocate
from wire.errors import DecodeError
from wire.keys import PrivateKey
from wire.transaction import SignedTransaction, Transaction, read_transaction, sign_transaction

TERMS = terms_of(GOLDEN["offer"], PROVIDER.public, LEDGER_ID)
PURCHASE = read_transaction(GOLDEN["allocate"], LEDGER_ID).transaction
VALID_UNTIL_S = PURCHASE.valid_until_s
PRICE_UBC = TERMS.price_ubc
STRANGER = PrivateKey.from_secret(77).public


def purchase(valid_until_s: int = VALID_UNTIL_S, **fields: Any) -> bytes:
    assert isinstance(PURCHASE.action, Allocate)
    action = replace(PURCHASE.action, **fields)
    transaction = Transaction(action, bytes(8), valid_until_s)
    return sign_transaction(transaction, CONSUMER, LEDGER_ID).envelope.encoded


def test_terms() -> None:
    assert Terms(PROVIDER.public, LEDGER_ID, OFFER.epoch, OFFER.price_ubc, OFFER.band) == TERMS
    with pytest.raises(DecodeError):
        terms_of(b"garbage", PROVIDER.public, LEDGER_ID)


@pytest.mark.parametrize(
    ("encoded", "utc_s"),
    [
        (GOLDEN["allocate"], 0),
        (GOLDEN["allocate"], VALID_UNTIL_S + LATE_S),
        (purchase(allocations=3, price_ubc=3 * PRICE_UBC), 0),
        (purchase(allocations=3, price_ubc=PRICE_UBC), 0),
        (purchase(consumer_keys=STRANGER.octets + PROVIDER.public.octets, price_ubc=2 * PRICE_UBC), 0),
        (purchase(period=5, period_to=6, price_ubc=1), 0),
        (purchase(epoch=1, price_ubc=1), VALID_UNTIL_S + LATE_S + 1),
    ],
    ids=["golden", "just valid", "three", "three at a discount", "for two", "in advance", "late"],
)
def test_what_the_ledger_may_be_asked(encoded: bytes, utc_s: int) -> None:
    told = check_order(encoded, TERMS, utc_s)
    assert isinstance(told, SignedTransaction)
    assert told.envelope.encoded == encoded


@pytest.mark.parametrize(
    ("encoded", "utc_s", "reason"),
    [
        (b"", 0, "transaction_invalid"),
        (GOLDEN["grant"], 0, "transaction_invalid"),
        (GOLDEN["allocate"] + b"\0", 0, "transaction_invalid"),
        (bytes(1_196), 0, "transaction_invalid"),
        (GOLDEN["transfer"], 0, "not_relayed"),
        (GOLDEN["create"], 0, "not_relayed"),
        (purchase(provider=STRANGER), 0, "foreign_provider"),
        (purchase(provider=STRANGER), VALID_UNTIL_S + LATE_S + 1, "foreign_provider"),
        (purchase(epoch=TERMS.epoch + 1), 0, "epoch_moved"),
        (purchase(epoch=TERMS.epoch - 1), VALID_UNTIL_S + LATE_S, "epoch_moved"),
        (purchase(band=replace(OFFER.band, bandwidth_khz=5_000)), 0, "band_differs"),
        (purchase(price_ubc=PRICE_UBC - 1), 0, "price_differs"),
        (purchase(price_ubc=PRICE_UBC + 1), 0, "price_differs"),
        (purchase(allocations=2, price_ubc=2 * PRICE_UBC + 1), 0, "price_differs"),
        (purchase(allocations=2, price_ubc=PRICE_UBC - 1), 0, "price_differs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_it_is_not_asked(encoded: bytes, utc_s: int, reason: str) -> None:
    told = check_order(encoded, TERMS, utc_s)
    assert isinstance(told, Refused)
    assert told.reason == reason
    assert read_lobby(write_lobby(told)) == told, "and it can be said"
    assert not told.subject or told.subject == read_transaction(encoded, LEDGER_ID).transaction_id


@given(st.binary(max_size=1_300))
def test_garbage(data: bytes) -> None:
    told = check_order(data, TERMS, 0)
    assert isinstance(told, Refused)
    assert len(write_lobby(told)) < 300


def test_of_another_ledger() -> None:
    """The same octets have another name there, which is what the ledger's receipt speaks of."""
    told = check_order(GOLDEN["allocate"], replace(TERMS, ledger_id=bytes(32)), 0)
    assert isinstance(told, SignedTransaction)
    assert told.transaction_id != read_transaction(GOLDEN["allocate"], LEDGER_ID).transaction_id
