"""What the money actions do when they are allowed; what forbids them is in test_rules.py."""

from __future__ import annotations

from ledger.money import check_funds, pay
from ledger.rejection import Reason
from ledger.state import Draft, read_account, read_money
from tests.ledger_world import ALICE, BOB, CAROL, EXCHANGE, World
from wire.create import Create
from wire.money_actions import Deposit, Transfer, Withdraw
from wire.units import U63_MAX


def test_an_account_begins_with_nothing() -> None:
    world = World()
    world.must(Create(CAROL.public), CAROL)
    assert world.balance(CAROL) == 0


def test_the_exchange_has_an_account_from_the_genesis() -> None:
    world = World()
    assert world.balance(EXCHANGE) == 0
    assert world.do(Create(EXCHANGE.public), EXCHANGE) is Reason.ACCOUNT_EXISTS


def test_the_exchange_puts_in_and_takes_out() -> None:
    world = World()
    world.must(Deposit(ALICE.public, 5), EXCHANGE)
    world.must(Withdraw(ALICE.public, 1), EXCHANGE)
    assert world.balance(ALICE) == 10_004
    money = read_money(world.state)
    assert (money.deposited_ubc, money.withdrawn_ubc) == (20_005, 1)


def test_the_last_ubc_can_be_given_away() -> None:
    world = World()
    world.must(Transfer(BOB.public, 10_000), ALICE)
    assert (world.balance(ALICE), world.balance(BOB)) == (0, 20_000)


def test_giving_to_oneself_changes_nothing() -> None:
    world = World()
    world.must(Transfer(ALICE.public, 10_000), ALICE)
    assert world.balance(ALICE) == 10_000


def test_deposits_stop_short_of_what_a_balance_can_hold() -> None:
    world = World()
    world.must(Deposit(ALICE.public, U63_MAX - 20_000), EXCHANGE)
    assert world.do(Deposit(BOB.public, 1), EXCHANGE) is Reason.AMOUNT_OVERFLOW
    world.must(Transfer(ALICE.public, 1), BOB)


def test_paying_is_a_change_of_the_draft_only() -> None:
    world = World()
    draft = Draft(world.state)
    assert check_funds(draft, ALICE.public, 10_000) is None
    pay(draft, ALICE.public, BOB.public, 10_000)
    rejected = check_funds(draft, ALICE.public, 1)
    assert rejected is not None
    assert rejected.reason is Reason.INSUFFICIENT_FUNDS
    account = read_account(world.state, ALICE.public)
    assert account is not None
    assert account.balance_ubc == 10_000
