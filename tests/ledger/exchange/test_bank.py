"""The question to the bank, and every answer that there is; the fake keeps its promise to pay once."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from ledger.exchange.bank import Bank, Never, Paid, Pending, sign_question
from ledger.exchange.fake_bank import FakeBank
from ledger.exchange.planning import Pay
from wire.errors import ShellError

SECRET = b"bank secret"
DEED = Pay("payout:ab", 1_000, "EUR", "AT61 1904", first=True)


@pytest.fixture
def bank() -> Iterator[FakeBank]:
    with FakeBank(SECRET) as running:
        yield running


def ask(bank: FakeBank, deed: Pay = DEED) -> Paid | Never | Pending:
    return Bank(bank.url, SECRET).pay(deed, 1_000)


def test_it_pays_once_and_says_the_same_again(bank: FakeBank):
    assert ask(bank) == ask(bank) == Paid("wire-1")
    question = {"idempotency_key": "payout:ab", "minor": 1_000, "currency": "EUR", "destination": "AT61 1904"}
    assert bank.paid == {"payout:ab": question}


def test_a_refusal_is_for_good(bank: FakeBank):
    bank.plan = ["refuse", "pay"]
    assert ask(bank) == ask(bank) == Never("no such destination")
    assert bank.paid == {}


def test_pending(bank: FakeBank):
    bank.plan = ["pending"]
    assert ask(bank) == Pending()
    assert ask(bank) == Paid("wire-1")


@pytest.mark.parametrize("deed", ["lose", "break", "babble"])
def test_what_does_not_count_is_an_error_of_the_world(bank: FakeBank, deed: str):
    bank.plan = [deed]
    with pytest.raises(ShellError, match=r"127\.0\.0\.1"):
        ask(bank)
    assert ask(bank) == Paid("wire-1")


def test_nobody_there():
    with pytest.raises(ShellError):
        Bank("http://127.0.0.1:1/pay", SECRET, 1).pay(DEED, 0)


def test_who_is_not_the_exchange_is_sent_away(bank: FakeBank):
    with pytest.raises(ShellError, match="401"):
        Bank(bank.url, b"wrong").pay(DEED, 0)
    body = json.dumps({"idempotency_key": "x"}).encode()
    forged = {"Airgrant-Signature": sign_question(b"{}", SECRET, 5)}
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(urllib.request.Request(bank.url, body, forged), timeout=5)
    error.value.close()
    assert bank.asked == []
