"""Whole auctions: prices, reserve prices, losers, and the odd ones."""

from __future__ import annotations

import random
from dataclasses import replace

from market.ubid.auction import clear, price_to_win, withholding_gain
from market.ubid.bids import MAX_VALUE_UBC, Reason
from tests.ubid_world import bid, bids_of, random_auction, terms


def test_an_empty_auction_sells_nothing() -> None:
    outcome = clear(terms(5, 5), [])
    assert (outcome.sales, outcome.losers, outcome.revenue_ubc) == ((), (), 0)


def test_one_bidder_pays_the_reserve_price() -> None:
    only = bid(1, (2, 2), 100)
    assert clear(terms(5, 5), [only]).revenue_ubc == 0
    assert clear(terms(5, 5, reserve_ubc=7), [only]).revenue_ubc == 28


def test_of_equal_bids_the_earlier_wins_and_pays_as_much() -> None:
    first, second = bids_of(((1,), 10), ((1,), 10))
    outcome = clear(terms(1), [second, first])
    assert [(sale.bid, sale.price_ubc) for sale in outcome.sales] == [(first, 10)]
    assert outcome.losers == (second,)


def test_nothing_is_sold_where_nothing_is_left() -> None:
    outcome = clear(terms(0), [bid(1, (1,), 5)])
    assert outcome.sales == ()
    assert outcome.rejected[0].reason is Reason.OVER_CAPACITY


def test_the_order_in_which_bids_are_listed_does_not_matter() -> None:
    deal, bids = random_auction(3, 30, values=5)
    mixed = random.Random(1).sample(bids, len(bids))
    assert clear(deal, mixed) == clear(deal, bids)


def test_the_largest_values_add_up() -> None:
    crowd = bids_of(*[((1,), MAX_VALUE_UBC)] * 400)
    outcome = clear(terms(300), crowd)
    assert outcome.value_ubc == 300 * MAX_VALUE_UBC
    assert outcome.revenue_ubc == 300 * MAX_VALUE_UBC


def test_the_largest_values_add_up_where_bundles_switch() -> None:
    crowd = bids_of(
        *[((1,), MAX_VALUE_UBC)] * 200, *[((3, 1), MAX_VALUE_UBC), ((5, 2), MAX_VALUE_UBC - 1)] * 60
    )
    outcome = clear(terms(150, 9), crowd)
    assert outcome.value_ubc == 150 * MAX_VALUE_UBC
    assert outcome.revenue_ubc == 150 * MAX_VALUE_UBC
    assert [len(sale.bid.bundle) for sale in outcome.sales] == [1] * 150


def test_a_reserve_price_beyond_all_values_sells_nothing() -> None:
    outcome = clear(terms(5, 5, reserve_ubc=1 << 80), [bid(1, (2, 2), MAX_VALUE_UBC)])
    assert (outcome.sales, [each.reason for each in outcome.rejected]) == ((), [Reason.BELOW_RESERVE])


def test_users_without_budget_leave_the_others_their_prices() -> None:
    crowd = bids_of(((1,), 10), ((1,), 9))
    broke = replace(bid(7, (1,), 50), budget_ubc=0)
    outcome = clear(terms(1), [*crowd, broke])
    assert [(sale.bid, sale.price_ubc) for sale in outcome.sales] == [(crowd[0], 9)]
    assert [(each.bid, each.reason) for each in outcome.rejected] == [(broke, Reason.OVER_BUDGET)]


def test_capacity_that_was_withdrawn_is_not_sold() -> None:
    crowd = bids_of(((2, 2), 30), ((1, 1), 9))
    assert len(clear(terms(3, 3), crowd).sales) == 2
    outcome = clear(terms(3, 1), crowd)
    assert [sale.bid for sale in outcome.sales] == crowd[1:]
    assert [each.reason for each in outcome.rejected] == [Reason.OVER_CAPACITY]


def test_bids_that_are_worth_nothing_or_late_change_nothing() -> None:
    crowd = bids_of(((1,), 10), ((1,), 9))
    odd = [bid(7, (1,), 0), bid(8, (1,), -9), replace(bid(9, (1,), 90), arrival_ns=1 << 60)]
    outcome = clear(terms(1), [*odd, *crowd])
    assert outcome.sales == clear(terms(1), crowd).sales
    assert [each.reason for each in outcome.rejected] == [Reason.NO_VALUE, Reason.NO_VALUE, Reason.LATE]


def test_a_loser_is_told_what_would_have_won() -> None:
    for seed in range(20):
        deal, bids = random_auction(seed, 12, 8, 3)
        for loser in clear(deal, bids).losers:
            enough = price_to_win(deal, bids, loser)
            others = [each for each in bids if each is not loser]
            for value, wins in ((enough + 1, True), (enough - 1, False)):
                again = bid(loser.arrival_ns, loser.bundle, value)
                sales = {sale.bid: sale.price_ubc for sale in clear(deal, [*others, again]).sales}
                assert (again in sales) is wins
                assert sales.get(again, enough) == enough


def test_prices_lie_between_reserve_and_value() -> None:
    for seed in range(30):
        deal, bids = random_auction(seed, 20, 10, 4)
        deal = terms(*deal.forecast.units, reserve_ubc=40)
        for sale in clear(deal, bids).sales:
            assert 40 * sum(sale.bid.bundle) <= sale.price_ubc <= sale.bid.value_ubc


def test_nobody_gains_by_another_value() -> None:
    for seed in range(12):
        deal, bids = random_auction(seed, 8, 8, 3, values=20)
        deal = terms(*deal.forecast.units, reserve_ubc=1)
        for each in bids:
            others = [other for other in bids if other is not each]
            gains = []
            for value in range(1, 24):
                said = bid(each.arrival_ns, each.bundle, value)
                paid = {sale.bid: sale.price_ubc for sale in clear(deal, [*others, said]).sales}
                gains.append(each.value_ubc - paid[said] if said in paid else 0)
            assert max(gains) == gains[each.value_ubc - 1]


def test_what_withholding_gains_is_told() -> None:
    crowd = bids_of(((1,), 10), ((1,), 9), ((1,), 1))
    assert withholding_gain(terms(2), crowd, 1) == 9 - 2
    assert withholding_gain(terms(2), crowd, 2) == -2
