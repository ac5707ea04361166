"""A shortfall against what was paid back for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.block import Item
from ledger.pages import TransactionPage, show_transaction
from ledger.repayment import Missing, Repayment, match_repayment, plan_partner_refund
from tests.ledger.test_bundle import GRANT
from tests.ledger_world import ALICE, BOB, GENESIS, PROVIDER, START_S
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.refund import refund_nonce
from wire.transaction import Transaction, sign_transaction

PRICE_UBC = 1_000_000
MISSING = (22_500_000, 0)
"""A tenth of what floors of 2 and 1 Mbit/s come to in ten minutes: 100,000 ubc."""


def transfer(
    amount_ubc: int,
    nonce: bytes = refund_nonce(GRANT.grant_id),
    key: PrivateKey = PROVIDER,
    to: PublicKey = ALICE.public,
) -> TransactionPage:
    signed = sign_transaction(
        Transaction(Transfer(to, amount_ubc), nonce, START_S + 60), key, GENESIS.ledger_id
    )
    item = Item(1, 1, 1, signed.transaction_id, START_S + 60, signed.envelope.encoded, b"")
    return show_transaction(item, GENESIS.ledger_id, whole=False)


@pytest.mark.parametrize(
    ("transfers", "paid_ubc", "ok"),
    [
        ([], 0, False),
        ([transfer(100_000)], 100_000, True),
        ([transfer(99_999)], 99_999, False),
        ([transfer(60_000), transfer(40_000)], 100_000, True),
        ([transfer(100_000, nonce=bytes(8))], 0, False),
        ([transfer(100_000, key=BOB)], 0, False),
    ],
)
def test_only_transfers_of_the_provider_that_name_the_grant_count(transfers, paid_ubc, ok):
    found = match_repayment(GRANT, *MISSING, PRICE_UBC, transfers)
    assert found == Repayment(GRANT.grant_id, 100_000, paid_ubc)
    assert found.ok == ok


@pytest.mark.parametrize(
    ("own", "elsewhere", "transfers", "amount_ubc", "why"),
    [
        (Missing(), Missing(*MISSING), [], 100_000, ""),
        (Missing(), Missing(*MISSING), [transfer(40_000)], 60_000, ""),
        (Missing(), Missing(*MISSING), [transfer(100_000)], 0, "100000 ubc are owed, and 100000 were paid"),
        (Missing(), Missing(), [], 0, "0 ubc are owed"),
        (Missing(*MISSING), Missing(*MISSING), [transfer(100_000)], 100_000, ""),
        (Missing(*MISSING), Missing(*MISSING), [transfer(200_000)], 0, "200000 ubc are owed"),
        (Missing(*MISSING), Missing(*MISSING), [], 0, "its own box has paid 0 of 100000 ubc"),
        (Missing(), Missing(10**12, 10**12), [transfer(1)], PRICE_UBC - 1, ""),
    ],
)
def test_a_seller_owes_what_its_partners_did_not_deliver_once(own, elsewhere, transfers, amount_ubc, why):
    planned, said = plan_partner_refund(GRANT, PRICE_UBC, own, elsewhere, transfers)
    assert planned == amount_ubc
    assert said.startswith(why)
    assert bool(said) == (not amount_ubc)


def test_without_a_price_nothing_can_be_said_to_be_enough():
    found = match_repayment(GRANT, *MISSING, None, [transfer(100_000)])
    assert (found.owed_ubc, found.paid_ubc, found.ok) == (None, 100_000, False)


def test_all_units_of_a_grant_count():
    assert match_repayment(replace(GRANT, allocations=2), *MISSING, PRICE_UBC, []).owed_ubc == 50_000
