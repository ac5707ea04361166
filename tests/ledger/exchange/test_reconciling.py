"""Three books: what agrees, and each way in which they can differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ledger.exchange.book import Book
from ledger.exchange.reconciling import Finding, compare_export, read_export, reconcile
from ledger.pages import TransactionPage
from tests.exchange_world import World
from wire.errors import DecodeError
from wire.money_actions import Deposit, Transfer


@pytest.fixture
def world(tmp_path: Path):
    made = World(tmp_path)
    yield made
    made.close()


def look(
    world: World, pages: list[TransactionPage] | None = None, totals: tuple[int, int] | None = None
) -> list[Finding]:
    key = world.exchange.public
    found, _ = reconcile(
        world.desk.book,
        world.pages() if pages is None else pages,
        key.key_id.hex(),
        str(key),
        totals or world.totals,
        world.balance(key),
    )
    return found


def test_books_that_differ(world: World):
    key = world.open_account()
    world.desk.take(world.payment(key.public))
    world.settle()
    assert look(world) == []
    assert "does not have it" in look(world, [])[0].text
    less = [page.model_copy(update={"price_ubc": 1}) for page in world.pages()]
    assert "moved 1 ubc" in look(world, less)[0].text
    assert look(world, totals=(1, 0)) == [
        Finding("totals", "deposited: 1 ubc on the ledger, 25000000 ubc by the table")
    ]
    world.execute(Deposit(key.public, 7), world.exchange)  # a person, beside the table
    assert [one.text for one in look(world)] == [f"deposit of 7 ubc for {key.public} is not in the table"]


def test_what_strangers_send_is_counted_and_no_fault(world: World):
    key = world.open_account()
    world.desk.take(world.payment(key.public))
    world.settle()
    world.execute(Transfer(world.exchange.public, 5), key)
    found, sums = reconcile(
        world.desk.book,
        world.pages(),
        world.exchange.public.key_id.hex(),
        str(world.exchange.public),
        world.totals,
        world.balance(world.exchange),
    )
    assert (found, sums.unclaimed_ubc, sums.in_hand_ubc) == ([], 5, 0)


def test_the_gateways_export(world: World):
    key = world.open_account()
    world.desk.take(world.payment(key.public))
    world.desk.take(replace(world.payment(key.public, payment_id="p2"), gateway="saleor"))
    book = Book(world.desk.table.read_after(0))
    agreeing = read_export("payment_id,amount,currency,status\np1,25,EUR,settled\n")
    assert compare_export(book, "braintree", agreeing) == []
    other = read_export("payment_id,amount,currency\np1,25.01,EUR\np9,1,EUR\n")
    assert [one.key for one in compare_export(book, "braintree", other)] == ["p1", "p9"]
    assert [one.text for one in compare_export(book, "braintree", {})] == [
        "is in the table, and not in the gateway's export"
    ]


@pytest.mark.parametrize("text", ["", "id,amount\n1,2\n", "payment_id,amount,currency\na,1,EUR\na,1,EUR\n"])
def test_exports_that_are_none(text: str):
    with pytest.raises(DecodeError, match="export"):
        read_export(text)
