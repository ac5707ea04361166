"""Earnings as the blocks of PayPlace want them: in order, each covered by a micropayment that is kept."""

from __future__ import annotations

from pathlib import Path

from operatord.payplace.income import Earning, Income
from operatord.shells.earnings import StoredIncome
from tests.operatord.shells.test_channel_rows import stored
from tests.operatord.test_channels import joined, pay
from tests.operatord.world import ALICE, BOB, PROVIDER


def test_what_was_paid_is_income(tmp_path: Path) -> None:
    book = joined()
    _, first = pay(book, 1_000)
    _, second = pay(book, 2_000, 1)
    store = stored(tmp_path, *first, *second)
    income: Income = StoredIncome(store)
    earnings = income.earnings_since(0, 10)
    payee, consumer = PROVIDER.public, ALICE.public
    assert [(one.payee, one.consumer, one.amount_ubc) for one in earnings] == [(payee, consumer, 1_000)] * 2
    assert income.earnings_since(earnings[0].seq, 10) == [Earning(earnings[1].seq, payee, consumer, 1_000)]
    assert income.micropayment_of(ALICE.public) == b"money 2000"
    assert income.micropayment_of(BOB.public) is None
    store.close()
