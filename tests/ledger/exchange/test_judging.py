"""The rules by which the exchange says no, one example for each, and what it writes down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ledger.exchange.entry import Step
from ledger.exchange.events import Cash, Notice, Payment, Puzzle
from ledger.exchange.judging import MAX_OPTION_S, SKEW_S, Line, judge, judge_payout
from tests.exchange_world import BEGAN_S, RULES, World
from wire.errors import DecodeError
from wire.keys import PrivateKey

ACCOUNT = PrivateKey.from_secret(4)


@pytest.fixture
def world(tmp_path: Path):
    made = World(tmp_path)
    yield made
    made.close()


def reason(lines: list[Line]) -> str:
    """Of the refusal; each is written down with what was told."""
    assert lines[0][1] is Step.EVENT
    return str(lines[1][2]["reason"]) if len(lines) > 1 else ""


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("25.00", "EUR", ""),
        ("25.00", "USD", "currency_not_sold"),
        ("25.001", "EUR", "amount_has_fractions"),
        ("1.5", "JPY", "amount_has_fractions"),
        ("0.00", "EUR", "amount_too_small"),
        ("1000000.01", "EUR", "amount_too_large"),
        ("999999999999999", "EUR", "amount_too_large"),
    ],
)
def test_payments(world: World, amount: str, currency: str, expected: str):
    lines = judge(world.payment(ACCOUNT.public, amount, "p1", currency), world.desk.book, RULES, BEGAN_S)
    assert reason(lines) == expected


@pytest.mark.parametrize(
    ("late_s", "expected"),
    [(172_800, ""), (172_801, "too_old"), (-SKEW_S, ""), (-SKEW_S - 1, "from_the_future")],
)
def test_times(world: World, late_s: int, expected: str):
    lines = judge(world.payment(ACCOUNT.public), world.desk.book, RULES, BEGAN_S + late_s)
    assert reason(lines) == expected


def test_a_known_payment_is_known_however_late_it_is_told_again(world: World):
    payment = world.payment(ACCOUNT.public)
    world.desk.take(payment)
    assert judge(payment, world.desk.book, RULES, BEGAN_S + 10**9) == []


def test_a_reversal_in_another_currency_is_for_a_person(world: World):
    world.desk.take(world.payment(ACCOUNT.public))
    event = replace(world.reversal("5"), cash=Cash("5", "JPY"))
    assert reason(judge(event, world.desk.book, RULES, BEGAN_S)) == "currency_differs"
    assert reason(judge(world.reversal("5.00"), world.desk.book, RULES, BEGAN_S)) == ""


@pytest.mark.parametrize(
    ("amount_ubc", "currency", "expected"),
    [
        (10_000, "EUR", ""),
        (10**12 + 1, "EUR", "amount_too_large"),
    ],
)
def test_payouts(world: World, amount_ubc: int, currency: str, expected: str):
    request = world.ask(ACCOUNT, amount_ubc, currency)
    lines = judge_payout(request, world.desk.book, RULES, None, BEGAN_S)
    assert reason(lines) == expected
    if not expected:
        assert lines[0][2]["minor"] == 1
    world.desk.take_payout(request, None)
    assert judge_payout(request, world.desk.book, RULES, None, BEGAN_S) == []


@pytest.mark.parametrize(
    ("amount_ubc", "currency", "why"),
    [(9_999, "EUR", "amount_too_small"), (10_000, "USD", "currency_not_sold")],
)
def test_a_payout_that_nobody_could_make_is_asked_again_in_other_words(
    world: World, amount_ubc: int, currency: str, why: str
):
    """Its transfer ran already, and is good for the right request."""
    wrong = world.ask(ACCOUNT, amount_ubc, currency)
    with pytest.raises(DecodeError, match=why):
        world.desk.take_payout(wrong, None)
    assert world.desk.book.cases == {}
    if currency != "EUR":
        assert world.desk.take_payout(replace(wrong, currency="EUR"), None)[1]


def test_what_an_account_cannot_pay_is_not_even_written_down(world: World):
    first, second = world.ask(ACCOUNT, 30_000), world.ask(ACCOUNT, 30_000)
    with pytest.raises(DecodeError, match=r"has 0\.029999 BC, and 0\.03 BC"):
        world.desk.take_payout(first, 29_999)
    assert world.desk.take_payout(first, 50_000)[1]
    with pytest.raises(DecodeError, match=r"has 0\.05 BC, and 0\.06 BC"):
        world.desk.take_payout(second, 50_000)
    assert not world.desk.take_payout(first, 0)[1]  # known, whatever there is by now
    assert world.desk.take_payout(second, None)[1]  # its transfer ran


def test_a_transfer_that_is_good_for_long_is_a_free_option_and_refused(world: World):
    """The rate is fixed when it is asked; only one that ran already may be good for as long as it likes."""
    longest, longer = (world.ask(ACCOUNT, 10_000, valid_s=MAX_OPTION_S + SKEW_S + more) for more in (0, 1))
    with pytest.raises(DecodeError, match="good for 3901 s, at most 3600 s"):
        world.desk.take_payout(longer, 50_000)
    assert world.desk.take_payout(longest, 50_000)[1]
    assert world.desk.take_payout(longer, None)[1]


def test_what_moves_no_money_is_noted_once(world: World):
    for event in (
        Notice("saleor", "OrderCreated", "x", 1),
        Puzzle("saleor", "OrderFullyPaid", "y", "odd", 1),
    ):
        assert world.desk.take(event)
        assert not world.desk.take(event)
    assert [case.stage for case in world.desk.book.cases.values()] == ["noted", "refused: odd"]
    assert list(world.desk.book.open_cases()) == []


def test_a_refusal_is_released_by_a_person_at_the_rate_of_its_day(world: World):
    key = world.open_account()
    world.desk.take(replace(world.payment(key.public), time_s=BEGAN_S - 10**6))
    world.settle()
    assert world.balance(key) == 0
    world.desk.release("braintree:payment:p1", "anna")
    world.settle()
    assert world.balance(key) == 25_000_000
    with pytest.raises(LookupError, match="neither refused nor held"):
        world.desk.release("braintree:payment:p1", "anna")


def test_what_is_worth_nothing_that_we_know_cannot_be_released(world: World):
    world.desk.take(world.payment(ACCOUNT.public, "25.00", "p1", "USD"))
    with pytest.raises(LookupError, match="worth nothing"):
        world.desk.release("braintree:payment:p1", "anna")


def test_ids_of_gateways_are_kept_apart():
    one = Payment("braintree", "1", ACCOUNT.public, Cash("1", "EUR"), 0)
    assert one.key != replace(one, gateway="saleor").key
