"""Paying for use afterwards: a row for each word, in the order in which they are asked; and who it is that pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from ledger.block import Item
from ledger.bundle import Usage
from ledger.pages import TransactionPage, show_transaction
from ledger.usage_charges import REPORTS_AFTER_S, Charge, Reported, Word, plan_usage_charge
from tests.ledger.test_bundle import GRANT
from tests.ledger_world import ALICE, BOB, GENESIS, PROVIDER, World
from wire.grant_price import GrantPrice
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.refund import refund_nonce
from wire.transaction import Transaction, sign_transaction
from wire.usage_charge import charge_nonce
from wire.usage_terms import UsageTerms

TERMS = UsageTerms(GRANT.provider_id, GRANT.epoch, 1_000, 100, 7, 10_000)
PRICE = GrantPrice(GRANT.grant_id, ALICE.public, 500)
LATER_S = GRANT.ends_s + REPORTS_AFTER_S
OVER = Reported(Usage(down_bytes=GRANT.allocations * 1_000 + 150, up_bytes=50), ok=True)
"""Two steps beyond: 14 ubc."""
NONCE = charge_nonce(GRANT.grant_id)


def transfer(
    amount_ubc: int, nonce: bytes = NONCE, key: PrivateKey = ALICE, to: PublicKey = PROVIDER.public
) -> TransactionPage:
    signed = sign_transaction(Transaction(Transfer(to, amount_ubc), nonce, LATER_S), key, GENESIS.ledger_id)
    item = Item(1, 1, 1, signed.transaction_id, LATER_S, signed.envelope.encoded, b"")
    return show_transaction(item, GENESIS.ledger_id, whole=False)


@dataclass(frozen=True)
class Row:
    word: Word
    charge: Charge
    reported: Sequence[Reported] = (OVER,)
    transactions: Sequence[TransactionPage] = ()
    terms: UsageTerms = TERMS
    now_s: int = LATER_S
    note: str = ""


def owed(rest_ubc: int, paid_ubc: int = 0) -> Charge:
    return Charge(Word.OWED, rest_ubc + paid_ubc, paid_ubc, Transfer(PROVIDER.public, rest_ubc))


BAD = replace(OVER, ok=False)
ROWS = [
    Row(Word.NOT_ENDED, Charge(Word.NOT_ENDED), [BAD], now_s=LATER_S - 1, terms=replace(TERMS, epoch=99)),
    Row(Word.OTHER_TERMS, Charge(Word.OTHER_TERMS), [BAD], terms=replace(TERMS, epoch=GRANT.epoch + 1)),
    Row(
        Word.OTHER_TERMS,
        Charge(Word.OTHER_TERMS),
        terms=replace(TERMS, provider_id=BOB.public.provider_id),
        note="another provider's",
    ),
    Row(Word.UNVERIFIED, Charge(Word.UNVERIFIED), [BAD]),
    Row(Word.UNVERIFIED, Charge(Word.UNVERIFIED), [OVER, BAD], note="one of two"),
    Row(Word.WITHIN_INCLUDED, Charge(Word.WITHIN_INCLUDED), [], note="nobody reports"),
    Row(
        Word.WITHIN_INCLUDED,
        Charge(Word.WITHIN_INCLUDED),
        [Reported(Usage(down_bytes=GRANT.allocations * 1_000), ok=True)],
    ),
    Row(Word.PAID, Charge(Word.PAID, 14, 14), transactions=[transfer(14)]),
    Row(Word.PAID, Charge(Word.PAID, 14, 20), transactions=[transfer(9), transfer(11)], note="and more"),
    Row(Word.OWED, owed(14)),
    Row(Word.OWED, owed(4, 10), transactions=[transfer(10)], note="the rest"),
    Row(Word.OWED, owed(14), transactions=[transfer(14, to=ALICE.public)], note="he paid himself"),
    Row(Word.OWED, owed(14), transactions=[transfer(14, key=BOB)], note="somebody else paid for something"),
    Row(Word.OWED, owed(14), transactions=[transfer(14, nonce=bytes(8))], note="for something else"),
    Row(
        Word.OWED, owed(14), transactions=[transfer(14, nonce=refund_nonce(GRANT.grant_id))], note="a refund"
    ),
    Row(
        Word.OWED,
        owed(7),
        [
            Reported(Usage(up_bytes=GRANT.allocations * 1_000), ok=True),
            Reported(Usage(down_bytes=1), ok=True),
        ],
        note="boxes of two providers together",
    ),
    Row(
        Word.OWED,
        owed(GRANT.allocations * 10_000),
        [Reported(Usage(2**63 - 1, 2**63 - 1), ok=True)],
        note="never more than was said",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.word.value} {row.note}".strip())
def test_what_is_owed(row: Row) -> None:
    found = plan_usage_charge(
        GRANT, PRICE, PROVIDER.public, row.terms, row.reported, row.transactions, row.now_s
    )
    assert found == row.charge
    assert found.word is row.word


def test_every_word_has_a_row_and_the_rows_are_in_their_order() -> None:
    order = list(Word)
    places = [order.index(row.word) for row in ROWS]
    assert places == sorted(places)
    assert set(places) == set(range(len(order)))


def test_the_ledger_executes_what_is_owed_and_then_nothing_is() -> None:
    world = World()
    charge = plan_usage_charge(GRANT, PRICE, PROVIDER.public, TERMS, [OVER], [], LATER_S)
    assert charge.transfer is not None
    world.must(charge.transfer, ALICE)
    assert (world.balance(ALICE), world.balance(PROVIDER)) == (10_000 - 14, 14)
    again = plan_usage_charge(GRANT, PRICE, PROVIDER.public, TERMS, [OVER], [transfer(14)], LATER_S)
    assert (again.word, again.transfer) == (Word.PAID, None)
