"""Money from transactions: each counts once, as what it is."""

from __future__ import annotations

from typing import Any

from ledger.pages import TransactionPage
from operatord.page.books import Books, Refund
from tests.operatord.world import ALICE, NOW_S, PARTNER, PROVIDER

OWN = PROVIDER.public


def page(number: int, action: str, **changes: Any) -> TransactionPage:
    made = {
        "number": number, "id": "00", "height": 1, "action": action, "issuer_key_id": ALICE.public.key_id.hex(),
        "valid_until_s": 0, "bytes": 1, "provider": str(OWN),
    }  # fmt: skip
    return TransactionPage(**{**made, **changes})


def test_sales_are_earned_and_by_the_hour():
    books = Books(OWN)
    hour_s = NOW_S // 3_600 * 3_600
    books.add([page(4, "allocate", charged_ubc=100, starts_s=hour_s + 5)], NOW_S)
    books.add([page(7, "allocate", charged_ubc=50, starts_s=hour_s - 30 * 3_600)], NOW_S)
    assert (books.earned_ubc, books.sales, books.reached) == (150, 2, 7)
    assert books.earned_between(hour_s - 23 * 3_600, NOW_S) == 100


def test_a_day_s_hours_are_whole_and_none_is_to_come():
    books, hour_s = Books(OWN), NOW_S // 3_600 * 3_600
    first_s = hour_s - 23 * 3_600
    begin = (first_s - 1, first_s, first_s + 3_599, hour_s + 3_599, hour_s + 3_600, hour_s + 7 * 86_400)
    sales = [page(n, "allocate", charged_ubc=10**n, starts_s=at_s) for n, at_s in enumerate(begin)]
    books.add(sales, NOW_S)
    assert books.earned_between(first_s, NOW_S) == 1_110


def test_a_copy_that_is_read_on_leaves_the_first_as_it_was():
    books = Books(OWN)
    books.add([page(1, "allocate", charged_ubc=5, starts_s=NOW_S)], NOW_S)
    other = books.copy()
    out = {"issuer_key_id": OWN.key_id.hex(), "provider": str(ALICE.public), "nonce": "ab"}
    other.add(
        [page(2, "allocate", charged_ubc=9, starts_s=NOW_S), page(3, "transfer", price_ubc=1, **out)], NOW_S
    )
    assert (books.earned_ubc, books.reached, books.sent, sum(books.earned_by_hour.values())) == (5, 1, {}, 5)
    assert (other.earned_ubc, other.reached, other.sent) == (14, 3, {"ab": 1})


def test_what_it_bought_itself_is_no_sale():
    books = Books(OWN)
    books.add([page(1, "allocate", charged_ubc=100, provider=str(PARTNER.public))], NOW_S)
    assert books.earned_ubc == 0


def test_transfers_are_told_apart_by_who_signed():
    books, key_id = Books(OWN), OWN.key_id.hex()
    out = {"issuer_key_id": key_id, "provider": str(ALICE.public), "nonce": "ab"}
    books.add([page(1, "transfer", price_ubc=5, **out), page(2, "transfer", price_ubc=2, **out)], NOW_S)
    books.add([page(3, "transfer", price_ubc=9)], NOW_S)
    assert (books.paid_out_ubc, books.received_ubc, books.sent) == (7, 9, {"ab": 7})


def test_hours_of_last_week_are_forgotten_and_the_sum_stays():
    books = Books(OWN)
    books.add([page(1, "allocate", charged_ubc=3, starts_s=NOW_S - 30 * 86_400)], NOW_S)
    assert (books.earned_by_hour, books.earned_ubc) == ({}, 3)


def test_what_is_open_is_never_less_than_nothing():
    assert [Refund("a", 1, owed, 4).open_ubc for owed in (10, 4, 1, None)] == [6, 0, 0, 0]
