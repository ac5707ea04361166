"""The clerk before a real ledger: every way of money in and out, cut off at every point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.exchange.audit import AuditTable
from ledger.exchange.book import Case
from ledger.exchange.events import Cash, Payment
from ledger.exchange.fake_bank import FakeBank
from ledger.exchange.planning import DAY_S, EXPIRY_MARGIN_S, PATIENCE_S, VALIDITY_S
from ledger.exchange.reconciling import reconcile
from ledger.exchange.service import adopt
from tests.exchange_world import RULES, PowerCut, World
from wire.create import Create
from wire.errors import ConfigError
from wire.keys import PrivateKey
from wire.ledger_reply import LedgerReply
from wire.money_actions import Transfer
from wire.receipt import Receipt, write_receipt
from wire.transaction import read_transaction

PAID = "braintree:payment:p1"
BACK = "braintree:reversal:r1"
CENT = 10_000
"""ubc"""
WEEK_S = 7 * 86_400


@pytest.fixture
def bank() -> Iterator[FakeBank]:
    with FakeBank(b"bank secret") as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, bank: FakeBank) -> Iterator[World]:
    made = World(tmp_path, bank)
    yield made
    made.close()


def books_agree(world: World) -> None:
    key = world.exchange.public
    findings, _ = reconcile(
        world.desk.book, world.pages(), key.key_id.hex(), str(key), world.totals, world.balance(key)
    )
    unmatched = {case.key for case in world.desk.book.open_cases() if case.unmatched}
    assert {one.key for one in findings} == unmatched


def paid_in(world: World, amount: str = "25.00") -> PrivateKey:
    key = world.open_account()
    assert world.desk.take(world.payment(key.public, amount))
    world.settle()
    return key


def test_a_reversal_whose_payment_nobody_told_of_is_said_until_it_comes(world: World):
    key = world.open_account()
    world.desk.take(world.reversal("25.00"))
    world.settle()
    assert world.case(BACK).stage == "waits for its payment, of which nobody has told"
    exchange = world.exchange.public
    books = exchange.key_id.hex(), str(exchange), world.totals, world.balance(exchange)
    findings, _ = reconcile(world.desk.book, world.pages(), *books)
    assert [(one.key, "never heard of" in one.text) for one in findings] == [(BACK, True)]
    world.desk.take(world.payment(key.public))
    world.settle()
    assert world.case(BACK).stage == "taken off the deposit"
    books_agree(world)


# ---- Deposits


def test_a_payment_is_deposited_once_however_often_it_is_told(world: World):
    key = world.open_account()
    payment = world.payment(key.public)
    assert world.desk.take(payment)
    assert not world.desk.take(payment)
    world.settle()
    assert not world.desk.take(world.payment(key.public, "99.00"))  # the same payment, whatever it says now
    world.settle()
    assert world.balance(key) == 2_500 * CENT
    assert world.case(PAID).stage == "deposited"
    assert world.totals == (2_500 * CENT, 0)
    books_agree(world)


def test_the_same_bytes_are_sent_until_the_ledger_answers(world: World):
    key = world.open_account()
    world.away = True
    world.desk.take(world.payment(key.public))
    world.settle()
    attempt = world.case(PAID).attempts[0]
    world.restart()
    world.away = False
    world.settle()
    assert world.sent == [attempt.encoded]
    assert world.balance(key) == 2_500 * CENT
    assert world.told == ["ledger: away"] or world.told[-1] == "goes on"


def test_an_account_that_is_not_there_yet_is_waited_for(world: World):
    key = PrivateKey.generate()
    world.desk.take(world.payment(key.public))
    world.settle()
    assert world.case(PAID).stage == "waits: unknown_account"
    world.execute(Create(key.public), key)
    world.settle()
    assert world.balance(key) == 2_500 * CENT


def test_another_is_signed_only_when_the_first_has_expired_for_good(world: World):
    key = PrivateKey.generate()
    world.desk.take(world.payment(key.public))
    world.settle()
    world.clock_s += VALIDITY_S + 1
    world.settle()
    assert len(world.case(PAID).attempts) == 1  # expired by one clock: another gateway's may be behind
    world.clock_s += EXPIRY_MARGIN_S + 1
    world.settle()
    first, second = world.case(PAID).attempts
    assert first.expired
    assert second.is_out
    world.execute(Create(key.public), key)
    world.settle()
    assert world.balance(key) == 2_500 * CENT


def test_after_a_week_without_the_account_a_person_decides(world: World):
    key = PrivateKey.generate()
    world.desk.take(world.payment(key.public))
    world.settle()
    world.clock_s += PATIENCE_S + VALIDITY_S + EXPIRY_MARGIN_S + 2
    world.settle()
    assert world.case(PAID).stage == "refused: account_never_opened"
    world.execute(Create(key.public), key)
    world.settle()
    assert world.balance(key) == 0
    world.desk.release(PAID, "a person")
    world.settle()
    assert world.balance(key) == 2_500 * CENT


def test_who_lost_the_table_deposits_nothing_twice(world: World):
    key = paid_in(world)
    world.desk.close()
    (world.folder / "exchange.db").unlink()
    world.restart()
    with pytest.raises(ConfigError, match="--adopt"):
        adopt(world.desk, world.genesis, world.pages(), willing=False)
    adopt(world.desk, world.genesis, world.pages(), willing=True)
    adopt(world.desk, world.genesis, world.pages(), willing=False)  # nothing is unknown any more
    world.desk.take(world.payment(key.public))
    world.settle()
    assert world.balance(key) == 2_500 * CENT
    assert world.case(PAID).stage == "deposited"
    world.desk.take(world.reversal("5.00"))
    world.settle()
    assert world.balance(key) == 2_000 * CENT
    books_agree(world)


@pytest.mark.parametrize("trouble", [[], ["refuse"]])
def test_an_older_copy_of_the_table_does_nothing_again(world: World, bank: FakeBank, trouble: list[str]):
    """Whatever line the copy ends with."""
    key = world.open_account()
    bank.plan = list(trouble)
    world.desk.take(world.payment(key.public))
    world.settle()
    name, _ = world.desk.take_payout(world.ask(key, 1_000 * CENT), None)
    world.settle()
    world.desk.take(world.reversal("5.00"))
    world.settle()
    balance, totals, paid = world.balance(key), world.totals, dict(bank.paid)
    entries = world.desk.table.read_after(0)
    for kept in range(1, len(entries)):
        world.desk.close()
        for file in world.folder.glob("exchange.db*"):
            file.unlink()
        with AuditTable(world.folder / "exchange.db") as table:
            for entry in entries[:kept]:
                assert table.append([(entry.key, entry.step, entry.fields)], entry.number - 1, entry.time_s)
        world.restart()
        adopt(world.desk, world.genesis, world.pages(), willing=True)
        world.settle()
        world.desk.take(world.payment(key.public))
        world.desk.take(world.reversal("5.00"))
        world.settle()
        assert (world.balance(key), world.totals, bank.paid) == (balance, totals, paid), entries[kept]
        if name in world.desk.book.cases:
            assert world.case(name).stage == ("went back" if trouble else "paid")


# ---- Reversals


def test_a_refund_takes_back_its_part_and_the_whole_takes_the_whole(world: World):
    key = world.open_account()
    world.desk.take(world.payment(key.public, "100", currency="JPY"))  # 100 yen are 666,666 ubc and a bit
    world.settle()
    assert world.balance(key) == 666_666
    for at, (yen, left) in enumerate([("33", 446_667), ("33", 226_667), ("34", 0)]):
        event = world.reversal(yen, f"r{at}")
        world.desk.take(
            type(event)(event.gateway, event.reversal_id, "p1", type(event.cash)(yen, "JPY"), event.time_s)
        )
        world.settle()
        assert world.balance(key) == left
    books_agree(world)


def test_a_refund_total_is_what_was_given_back_so_far(world: World):
    key = paid_in(world)
    for amount, left in [("5.00", 2_000), ("3.00", 2_000), ("25.00", 0), ("99.00", 0)]:
        world.desk.take(world.refund_total(amount))
        world.settle()
        assert world.balance(key) == left * CENT
    books_agree(world)


def test_what_the_account_does_not_have_is_the_exchanges_loss_and_is_remembered(world: World):
    key, other = paid_in(world), world.open_account()
    world.execute(Transfer(other.public, 2_000 * CENT), key)
    world.desk.take(world.reversal("25.00"))
    world.settle()
    assert world.balance(key) == 0
    assert world.balance(other) == 2_000 * CENT  # who was paid keeps it
    assert world.case(BACK).shortfall_ubc == 2_000 * CENT
    world.desk.take(world.payment(key.public, "10.00", "p2"))
    world.settle()
    assert world.case("braintree:payment:p2").stage == "refused: account_owes"
    assert world.balance(key) == 0
    books_agree(world)


def test_money_that_is_spent_while_it_is_taken_back_is_not_taken_twice(world: World):
    key, other = paid_in(world), world.open_account()
    world.desk.take(world.reversal("25.00"))

    def spend() -> None:
        world.between = lambda: None
        world.execute(Transfer(other.public, 1_000 * CENT), key)

    world.between = spend
    world.settle()
    attempt = world.case(BACK).attempts[0]
    assert attempt.rejection == "insufficient_funds"
    world.clock_s = attempt.valid_until_s + EXPIRY_MARGIN_S + 1
    world.settle()
    assert world.balance(key) == 0
    assert world.case(BACK).shortfall_ubc == 1_000 * CENT
    world.execute(Transfer(key.public, 1_000 * CENT), other)
    world.deliver(attempt.encoded)  # somebody kept a copy
    assert world.balance(key) == 1_000 * CENT
    books_agree(world)


def test_a_reversal_that_comes_before_its_payment_is_taken_off_the_deposit(world: World):
    key = world.open_account()
    world.desk.take(world.reversal("5.00"))
    world.settle()
    assert world.case(BACK).is_open
    world.desk.take(world.payment(key.public))
    world.settle()
    assert world.balance(key) == 2_000 * CENT
    assert world.totals == (2_000 * CENT, 0)
    assert world.case(BACK).stage == "taken off the deposit"
    world.desk.take(world.reversal("20.00", "r2"))
    world.settle()
    assert world.balance(key) == 0
    books_agree(world)


def test_a_payment_that_was_wholly_reversed_before_is_never_deposited(world: World):
    key = world.open_account()
    world.desk.take(world.reversal("25.00"))
    world.desk.take(world.payment(key.public))
    world.settle()
    assert world.totals == (0, 0)
    assert world.case(PAID).stage == "reversed before it was deposited"


# ---- Payouts


def payout(world: World, key: PrivateKey, amount_ubc: int) -> Case:
    name, new = world.desk.take_payout(world.ask(key, amount_ubc), None)
    assert new
    return world.case(name)


def test_a_payout_is_paid_once_and_the_bandcoins_are_gone(world: World, bank: FakeBank):
    key = paid_in(world)
    request = world.ask(key, 1_000 * CENT)
    name, _ = world.desk.take_payout(request, None)
    world.settle()
    assert world.desk.take_payout(request, None) == (name, False)
    world.settle()
    assert [one["minor"] for one in bank.paid.values()] == [1_000]
    assert world.case(name).stage == "paid"
    assert world.balance(key) == 1_500 * CENT
    assert world.totals == (2_500 * CENT, 1_000 * CENT)
    assert world.balance(world.exchange) == 0
    books_agree(world)


@pytest.mark.parametrize(
    "trouble", [["break"], ["lose"], ["babble"], ["pending", "pending"], ["lose", "break", "babble"]]
)
def test_a_bank_that_says_nothing_that_counts_is_asked_again_under_the_same_key(
    world: World, bank: FakeBank, trouble: list[str]
):
    key = paid_in(world)
    bank.plan = list(trouble)
    case = payout(world, key, 1_000 * CENT)
    for _ in trouble:
        world.settle()
        assert case.stage == "at the bank"
        books_agree(world)
    world.settle()
    assert case.stage == "paid"
    assert bank.asked == [case.key] * (len(trouble) + 1)
    assert len(bank.paid) == 1


def test_a_payout_that_the_bank_refuses_for_good_goes_back_whole(world: World, bank: FakeBank):
    key = paid_in(world)
    bank.plan = ["break", "refuse"]
    case = payout(world, key, 1_000 * CENT)
    world.settle()
    world.settle()
    assert case.stage == "went back"
    assert bank.paid == {}
    assert world.balance(key) == 2_500 * CENT
    assert world.totals == (2_500 * CENT, 0)
    books_agree(world)


def test_without_the_owners_transfer_nothing_is_paid(world: World, bank: FakeBank):
    key = paid_in(world)
    case = payout(world, key, 9_999 * CENT)  # more than there is
    world.settle()
    assert case.stage == "waits for the transfer: insufficient_funds"
    world.clock_s += 600 + EXPIRY_MARGIN_S + 1
    world.settle()
    assert case.stage == "the transfer never ran"
    assert bank.asked == []
    assert world.balance(key) == 2_500 * CENT


def test_a_transfer_that_somebody_else_carried_is_paid_too(world: World, bank: FakeBank):
    key = paid_in(world)
    request = world.ask(key, 1_000 * CENT)
    world.deliver(request.transfer.envelope.encoded)
    books_agree(world)  # sent, and nobody asked for anything yet
    world.clock_s += 86_400  # asked for late
    name, _ = world.desk.take_payout(request, None)
    world.settle()
    assert world.case(name).stage == "paid"
    assert len(bank.paid) == 1


def test_a_person_pays_where_there_is_no_bank(tmp_path: Path):
    world = World(tmp_path)
    key = paid_in(world)
    case, other = payout(world, key, 1_000 * CENT), payout(world, key, 500 * CENT)
    world.settle()
    assert case.stage == other.stage == "due"
    with pytest.raises(LookupError, match="reference"):
        world.desk.note_paid(case.key, "")
    world.desk.note_paid(case.key, "wire 4711")
    world.desk.note_unpaid(other.key, "no such IBAN")
    world.settle()
    assert (case.stage, other.stage) == ("paid", "went back")
    with pytest.raises(LookupError, match="not due"):
        world.desk.note_unpaid(case.key, "changed my mind")
    assert world.balance(key) == 1_500 * CENT
    books_agree(world)
    world.close()


def test_what_the_bank_was_asked_only_the_bank_can_call_off(world: World, bank: FakeBank):
    key = paid_in(world)
    bank.plan = ["lose"]
    case = payout(world, key, 1_000 * CENT)
    world.settle()
    with pytest.raises(LookupError, match="only the bank"):
        world.desk.note_unpaid(case.key, "it takes so long")
    world.settle()
    assert case.stage == "paid"


# ---- Held payouts, and the day's sum


@pytest.fixture
def holding(tmp_path: Path, bank: FakeBank) -> Iterator[World]:
    """A payout waits for a week, and no more than twenty euros are paid out in a day."""
    made = World(tmp_path, bank, replace(RULES, hold_s=WEEK_S, day_ubc=2_000 * CENT))
    yield made
    made.close()


def test_no_bandcoin_is_paid_out_that_was_bought_within_the_hold(holding: World, bank: FakeBank):
    """Also by another account: whatever was bought before the transfer ran is a week old when the bank is asked."""
    key, other = paid_in(holding), holding.open_account()
    holding.execute(Transfer(other.public, 1_000 * CENT), key)
    case = payout(holding, other, 1_000 * CENT)
    for wait_s in (0, WEEK_S - 1):
        holding.clock_s = case.event.time_s + wait_s
        holding.settle()
        assert bank.asked == []
    assert case.stage.startswith("due from 20")
    holding.restart()
    holding.clock_s += 1
    holding.settle()
    assert holding.case(case.key).stage == "paid"
    books_agree(holding)


def test_a_payment_that_is_reversed_sends_a_held_payout_back_and_is_taken_from_it(
    holding: World, bank: FakeBank
):
    key = paid_in(holding)
    case = payout(holding, key, 2_500 * CENT)
    holding.settle()
    assert holding.balance(key) == 0
    holding.desk.take(holding.reversal("25.00"))
    holding.settle()
    assert case.stage == "went back"
    assert (holding.case(BACK).stage, holding.case(BACK).shortfall_ubc) == ("taken back", 0)
    assert (holding.balance(key), bank.asked) == (0, [])
    assert holding.totals == (2_500 * CENT, 2_500 * CENT)
    books_agree(holding)


def test_a_payout_at_the_bank_is_not_called_back(holding: World, bank: FakeBank):
    key = paid_in(holding)
    bank.plan = ["lose"]
    case = payout(holding, key, 2_000 * CENT)
    holding.settle()
    holding.clock_s += WEEK_S
    holding.settle()
    assert case.stage == "at the bank"
    holding.desk.take(holding.reversal("25.00"))
    holding.settle()
    assert case.stage == "paid"
    assert holding.case(BACK).shortfall_ubc == 2_000 * CENT
    books_agree(holding)


def test_the_day_has_a_sum_and_what_is_beyond_it_waits(holding: World, bank: FakeBank):
    key = paid_in(holding, "45.00")
    cases = [payout(holding, key, 1_500 * CENT) for _ in range(3)]
    holding.settle()
    for paid in range(1, 4):
        holding.clock_s += WEEK_S if paid == 1 else DAY_S
        holding.settle()
        assert len(bank.paid) == paid
        holding.clock_s += DAY_S - 1
        holding.settle()
        assert len(bank.paid) == paid
        holding.clock_s -= DAY_S - 1
    assert {case.stage for case in cases} == {"paid"}
    books_agree(holding)


def test_what_the_account_has_itself_is_taken_before_a_held_payout(holding: World, bank: FakeBank):
    """A stranger's ten cents that are refunded are still there, and nobody's payout waits longer for them."""
    key = paid_in(holding)
    case = payout(holding, key, 2_000 * CENT)
    holding.desk.take(holding.payment(key.public, "0.10", payment_id="stranger"))
    holding.settle()
    holding.desk.take(holding.reversal("0.10", payment_id="stranger"))
    holding.settle()
    assert (holding.case(BACK).stage, holding.balance(key)) == ("taken back", 500 * CENT)
    holding.clock_s += WEEK_S
    holding.settle()
    assert (case.stage, [one["minor"] for one in bank.paid.values()]) == ("paid", [2_000])
    books_agree(holding)


def test_no_more_of_a_held_payout_goes_back_than_is_taken(holding: World, bank: FakeBank):
    key = paid_in(holding, "19.90")
    holding.desk.take(holding.payment(key.public, "0.10", payment_id="stranger"))
    holding.settle()
    case = payout(holding, key, 2_000 * CENT)  # all of it, the stranger's ten cents with it
    holding.settle()
    holding.desk.take(holding.reversal("0.10", payment_id="stranger"))
    holding.settle()
    assert (holding.case(BACK).stage, holding.case(BACK).shortfall_ubc) == ("taken back", 0)
    assert (case.left_ubc, case.left_minor) == (1_990 * CENT, 1_990)
    books_agree(holding)
    holding.restart()
    holding.clock_s += WEEK_S
    holding.settle()
    assert holding.case(case.key).stage == "paid"
    assert [one["minor"] for one in bank.paid.values()] == [1_990]
    assert (holding.balance(key), holding.totals) == (0, (2_000 * CENT, 2_000 * CENT))
    books_agree(holding)


def test_two_reversals_take_what_they_may_out_of_two_payouts(holding: World, bank: FakeBank):
    key = paid_in(holding, "19.00")
    holding.desk.take(holding.payment(key.public, "6.00", payment_id="p2"))
    holding.settle()
    cases = [payout(holding, key, 500 * CENT), payout(holding, key, 2_000 * CENT)]
    holding.settle()
    holding.desk.take(holding.reversal("3.00", "r1"))
    holding.desk.take(holding.reversal("4.00", "r2", "p2"))
    holding.settle()
    reversals = [holding.case(f"braintree:reversal:{name}") for name in ("r1", "r2")]
    assert [(one.stage, one.shortfall_ubc) for one in reversals] == [("taken back", 0)] * 2
    assert sum(one.left_ubc for one in cases if not one.unpaid) == 1_800 * CENT
    assert holding.balance(key) == 0
    books_agree(holding)
    holding.clock_s += WEEK_S
    holding.settle()
    assert sum(one["minor"] for one in bank.paid.values()) == 1_800
    books_agree(holding)


def test_who_lost_the_table_sends_no_part_back_twice(tmp_path: Path, holding: World, bank: FakeBank):
    key = paid_in(holding, "20.00")
    request = holding.ask(key, 2_000 * CENT)
    name, _ = holding.desk.take_payout(request, holding.balance(key))
    holding.settle()
    holding.desk.take(holding.reversal("0.10"))
    holding.settle()
    (tmp_path / "exchange.db").rename(tmp_path / "lost.db")
    holding.restart()
    adopt(holding.desk, holding.genesis, holding.pages(), willing=True)
    holding.desk.take(holding.payment(key.public, "20.00"))
    holding.desk.take_payout(request, None)
    holding.desk.take(holding.reversal("0.10"))
    holding.settle()
    assert holding.case(name).left_ubc == 1_990 * CENT
    holding.clock_s += WEEK_S
    holding.settle()
    assert holding.case(name).stage == "paid"
    assert [one["minor"] for one in bank.paid.values()] == [1_990]
    books_agree(holding)


def test_what_the_bank_refused_is_no_part_of_the_days_sum(tmp_path: Path, bank: FakeBank):
    world = World(tmp_path, bank, replace(RULES, day_ubc=2_000 * CENT))
    key = paid_in(world, "40.00")
    bank.plan = ["refuse"]
    refused = payout(world, key, 2_000 * CENT)
    world.settle()
    paid = payout(world, key, 2_000 * CENT)
    world.settle()
    assert (refused.stage, paid.stage) == ("went back", "paid")
    world.restart()
    more = payout(world, key, 100 * CENT)
    world.settle()
    assert world.case(more.key).stage == "due"
    books_agree(world)
    world.close()


def test_behind_a_payout_that_waits_for_the_next_day_nothing_begins(tmp_path: Path, bank: FakeBank):
    world = World(tmp_path, bank, replace(RULES, day_ubc=2_000 * CENT))
    key = paid_in(world, "99.00")
    first = payout(world, key, 100 * CENT)
    world.settle()
    large, never = payout(world, key, 2_000 * CENT), payout(world, key, 2_001 * CENT)
    world.settle()
    world.clock_s += DAY_S // 2
    small = payout(world, key, 100 * CENT)
    world.settle()
    assert (first.stage, large.stage, small.stage) == ("paid", "due", "due")
    world.clock_s += DAY_S // 2
    world.settle()
    assert (large.stage, small.stage) == ("paid", "due")
    world.clock_s += DAY_S
    world.settle()
    assert (small.stage, never.stage) == ("paid", "due")  # no day has room for the other, and it stops nobody
    books_agree(world)
    world.close()


def test_a_person_lets_a_payout_go_before_its_time(tmp_path: Path):
    world = World(tmp_path, rules=replace(RULES, hold_s=WEEK_S))
    key = paid_in(world)
    case, other = payout(world, key, 1_000 * CENT), payout(world, key, 500 * CENT)
    world.settle()
    with pytest.raises(LookupError, match=r"due from .*: `release` lets it go before"):
        world.desk.note_paid(case.key, "wire 4711")
    world.desk.release(case.key, "anna")
    with pytest.raises(LookupError, match="neither refused nor held"):
        world.desk.release(case.key, "anna")
    assert case.stage == "due"
    world.desk.note_paid(case.key, "wire 4711")
    world.desk.note_unpaid(other.key, "no such IBAN")  # that may be said at any time
    world.settle()
    assert (case.stage, other.stage) == ("paid", "went back")
    books_agree(world)
    world.close()


def test_a_payout_that_was_refused_and_whose_transfer_ran_is_sent_back(tmp_path: Path, bank: FakeBank):
    world = World(tmp_path, bank, replace(RULES, max_ubc=1_000 * CENT))
    keys = [world.open_account() for _ in range(3)]
    for number, key in enumerate(keys):
        world.desk.take(world.payment(key.public, "10.00", f"p{number}"))
    world.settle()
    for key in keys[1:]:
        world.execute(Transfer(keys[0].public, 1_000 * CENT), key)
    request = world.ask(keys[0], 3_000 * CENT)
    world.deliver(request.transfer.envelope.encoded)
    name, _ = world.desk.take_payout(request, None)
    world.settle()
    assert world.case(name).stage == "refused: amount_too_large"
    assert world.balance(keys[0]) == 0
    world.desk.note_unpaid(name, "ask for less at a time", "anna")
    world.settle()
    assert world.case(name).stage == "went back"
    assert (world.balance(keys[0]), bank.asked) == (3_000 * CENT, [])
    books_agree(world)
    world.close()


# ---- Gateways that lie, and our own node


def expire(world: World) -> None:
    world.clock_s += VALIDITY_S + EXPIRY_MARGIN_S + 2


def test_before_another_is_signed_our_own_node_is_asked(world: World):
    """`expired`, says a gateway's key, of a deposit that ran."""
    key = world.open_account()
    world.desk.take(world.payment(key.public))
    deliver = world.deliver

    def lie(encoded: bytes) -> LedgerReply:
        deliver(encoded)
        signed = read_transaction(encoded, world.genesis.ledger_id)
        said_s = signed.transaction.valid_until_s + EXPIRY_MARGIN_S + 1
        receipt = Receipt(signed.transaction_id, 1, said_s, "expired", "it says")
        return LedgerReply(write_receipt(receipt, world.ledger, world.genesis.ledger_id))

    world.deliver = lie  # type: ignore[method-assign]  # a gateway that signs what it likes
    world.settle()
    assert len(world.case(PAID).attempts) == 1
    assert world.case(PAID).stage == "deposited"
    assert world.balance(key) == 2_500 * CENT
    books_agree(world)


def test_where_several_sign_a_word_counts_once_our_own_node_has_it(tmp_path: Path, bank: FakeBank):
    """A transfer that ran, says a gateway: the bank is asked when our own node has it, and not before."""
    world = World(tmp_path, bank, others=(PrivateKey.from_secret(77).public,))
    key = paid_in(world)
    request = world.ask(key, 1_000 * CENT)
    name, _ = world.desk.take_payout(request, None)
    world.behind.add(request.transfer.transaction_id.hex())
    world.settle()
    assert (world.case(name).stage, bank.asked) == ("waits for the transfer", [])
    world.behind.clear()
    world.settle()
    assert world.case(name).stage == "paid"
    books_agree(world)
    world.close()


def test_where_several_sign_expired_counts_once_our_own_node_is_past_it(tmp_path: Path):
    world = World(tmp_path, others=(PrivateKey.from_secret(77).public,))
    key = PrivateKey.generate()
    world.desk.take(world.payment(key.public))
    world.settle()
    expire(world)
    world.settle()
    assert not world.case(PAID).attempts[0].expired, "its last block is older: it could still bring it"
    world.execute(Create(key.public), key)
    world.settle()
    assert world.case(PAID).attempts[0].expired
    assert world.balance(key) == 2_500 * CENT
    books_agree(world)
    world.close()


def test_a_reversal_in_another_currency_that_came_first_waits_for_a_person(world: World):
    key = world.open_account()
    world.desk.take(replace(world.reversal("5"), cash=Cash("5", "JPY")))
    world.desk.take(world.reversal("5.00", "r2"))
    world.settle()
    assert world.case(BACK).is_open
    world.desk.take(world.payment(key.public))
    world.settle()
    assert world.case(BACK).stage == "refused: currency_differs"
    assert world.balance(key) == 2_000 * CENT
    books_agree(world)


# ---- Power cuts


def deposit_story(world: World, key: PrivateKey) -> None:
    world.desk.take(told(world, key))


def told(world: World, key: PrivateKey) -> Payment:
    return world.payment(key.public)


def refund_story(world: World, key: PrivateKey) -> None:
    world.desk.take(told(world, key))
    world.settle()
    world.desk.take(world.reversal("5.00"))


Story = Callable[[World, PrivateKey], None]


def cut_short(world: World, key: PrivateKey, story: Story, last: int) -> bool:
    """Whether the power was cut before the story ended; then the gateway tells again what nobody acknowledged."""
    world.touches.last = world.touches.count + last
    try:
        story(world, key)
        world.settle()
    except PowerCut:
        world.restart()
        story(world, key)
        world.settle()
        return True
    world.touches.last = None
    return False


@pytest.mark.parametrize(("story", "left"), [(deposit_story, 2_500), (refund_story, 2_000)])
def test_a_power_cut_anywhere_neither_loses_nor_doubles_a_deposit(tmp_path: Path, story: Story, left: int):
    for last in range(100):
        (tmp_path / str(last)).mkdir()
        world = World(tmp_path / str(last))
        key = world.open_account()
        was_cut = cut_short(world, key, story, last)
        assert world.balance(key) == left * CENT, last
        books_agree(world)
        world.close()
        if not was_cut:
            assert last > 8
            return
    raise AssertionError("the story has no end")


@pytest.mark.parametrize("trouble", [[], ["lose"], ["refuse"]])
def test_a_power_cut_anywhere_neither_loses_nor_doubles_a_payout(tmp_path: Path, trouble: list[str]):
    for last in range(100):
        (tmp_path / str(last)).mkdir()
        with FakeBank(b"s") as bank:
            world = World(tmp_path / str(last), bank)
            key = paid_in(world)
            bank.plan = list(trouble)
            request = world.ask(key, 1_000 * CENT)

            def story(world: World, _key: PrivateKey, request=request) -> None:
                world.desk.take_payout(request, None)
                world.settle()

            was_cut = cut_short(world, key, story, last)
            world.settle()
            back = trouble == ["refuse"]
            assert len(bank.paid) == (0 if back else 1), last
            assert world.balance(key) == (2_500 if back else 1_500) * CENT, last
            assert world.balance(world.exchange) == 0
            books_agree(world)
            world.close()
        if not was_cut:
            assert last > 12
            return
    raise AssertionError("the story has no end")


# ---- Anything in any order


CHOICES = st.sampled_from(
    ["pay", "reverse", "total", "ask", "spend", "work", "later", "away", "bank", "cut", "copy"]
)
AMOUNTS = st.integers(1, 3_000)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CHOICES, st.integers(0, 2), AMOUNTS), max_size=25), st.sampled_from([0, DAY_S]))
def test_whatever_happens_in_whatever_order_money_is_neither_made_nor_lost(
    deeds: list[tuple[str, int, int]], hold_s: int
):
    """On the ledger is what was paid in, less what was reversed and could be had, less what the bank paid out."""
    with TemporaryDirectory() as folder, FakeBank(b"s") as bank:
        world = World(Path(folder), bank, replace(RULES, hold_s=hold_s))
        keys, late = [world.open_account() for _ in range(2)], PrivateKey.generate()
        people = [*keys, late]
        old: list[bytes] = []
        for number, (deed, who, cents) in enumerate(deeds):
            try:
                happen(world, bank, deed, people[who], keys, number, cents, old)
            except PowerCut:
                world.restart()
        world.touches.last, world.away, bank.plan = None, False, []
        world.execute(Create(late.public), late)
        for _ in range(4):
            world.settle()
            world.clock_s += VALIDITY_S + EXPIRY_MARGIN_S + 2
        for encoded in [*old, *world.sent]:  # whoever kept a copy of anything
            world.deliver(encoded)
        cases = list(world.desk.book.cases.values())
        for case in (
            one for one in cases if one.is_open
        ):  # only what waits for a payment that nobody told of
            assert case.event.text("payment") not in world.desk.book.cases, case.key
        deposits = [one.done("deposit") for one in cases]
        taken = [one.done("withdraw") for one in cases if one.kind in ("reversal", "refunded")]
        paid = [one for one in cases if one.closed == "paid"]
        assert world.totals[0] == sum(one.ubc for one in deposits if one)
        assert world.totals[1] == sum(one.ubc for one in taken if one) + sum(
            one.event.count("ubc") for one in paid
        )
        assert sorted(bank.paid) == sorted(one.key for one in paid)
        assert sum(map(world.balance, [*people, world.exchange])) == world.totals[0] - world.totals[1]
        books_agree(world)
        for payment in (one for one in cases if one.kind == "payment" and not one.refused):
            whole, done = payment.event.count("ubc"), payment.done("deposit")
            mine = [one for one in cases if one.event.text("payment") == payment.key and not one.refused]
            back = sum(one.ubc for case in mine if (one := case.done("withdraw")))
            short = sum(case.shortfall_ubc for case in mine)
            owed = sum(world.desk.book.owed_ubc(case) for case in mine)
            assert all(case.shortfall_ubc >= 0 for case in mine)
            assert (done.ubc if done else 0) - back == whole - owed + short
        world.close()


def happen(
    world: World,
    bank: FakeBank,
    deed: str,
    who: PrivateKey,
    keys: list[PrivateKey],
    number: int,
    cents: int,
    old: list[bytes],
) -> None:
    amount, payment_id = f"{cents // 100}.{cents % 100:02d}", f"p{cents % 4}"
    match deed:
        case "pay":
            world.desk.take(world.payment(who.public, amount, payment_id))
        case "reverse":
            world.desk.take(world.reversal(amount, f"r{cents % 5}", payment_id))
        case "total":
            world.desk.take(world.refund_total(amount, payment_id))
        case "ask":
            request = world.ask(who, cents * CENT)
            old.append(request.transfer.envelope.encoded)
            world.desk.take_payout(request, None)
        case "spend":
            world.execute(Transfer(keys[cents % 2].public, cents * CENT), who)
        case "work":
            world.settle()
        case "later":
            world.clock_s += cents * 100
        case "away":
            world.away = not world.away
        case "bank":
            bank.plan += [["lose", "break", "refuse", "pending", "babble"][cents % 5]]
        case "cut":
            world.touches.last = world.touches.count + cents % 12
        case _:
            for encoded in list(world.sent):
                world.deliver(encoded)
