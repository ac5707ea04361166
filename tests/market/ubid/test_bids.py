"""Bids that take no part, each with its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from market.ubid.bids import MAX_BIDS, MAX_VALUE_UBC, Bid, Reason, screen
from tests.ubid_world import OPEN_NS, bid, bids_of, terms

GOOD = bid(1, (2, 2), 100)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (replace(GOOD, arrival_ns=OPEN_NS), Reason.LATE),
        (replace(GOOD, value_ubc=1.5), Reason.NOT_INTEGER),  # type: ignore[arg-type]
        (replace(GOOD, bundle=(1.5,)), Reason.NOT_INTEGER),  # type: ignore[arg-type]
        (replace(GOOD, bundle=()), Reason.NO_SLOTS),
        (replace(GOOD, bundle=(2, 0)), Reason.NO_DEMAND),
        (replace(GOOD, bundle=(-1,)), Reason.NO_DEMAND),
        (replace(GOOD, bundle=(1, 1, 1)), Reason.TOO_LONG),
        (replace(GOOD, bundle=(2, 4)), Reason.OVER_CAPACITY),
        (replace(GOOD, value_ubc=0), Reason.NO_VALUE),
        (replace(GOOD, value_ubc=-5), Reason.NO_VALUE),
        (replace(GOOD, value_ubc=MAX_VALUE_UBC + 1), Reason.TOO_LARGE),
        (replace(GOOD, value_ubc=1 << 80), Reason.TOO_LARGE),
        (replace(GOOD, budget_ubc=99), Reason.OVER_BUDGET),
        (replace(GOOD, budget_ubc=0), Reason.OVER_BUDGET),
        (replace(GOOD, value_ubc=19), Reason.BELOW_RESERVE),
    ],
)
def test_a_bid_that_takes_no_part_says_why(wrong: Bid, reason: Reason) -> None:
    good, rejected = screen(terms(5, 3, reserve_ubc=5), [wrong])
    assert (good, [each.reason for each in rejected]) == ([], [reason])


def test_withdrawn_capacity_shuts_out_what_was_offered_before() -> None:
    assert screen(terms(2, 2), [GOOD])[0] == [GOOD]
    assert screen(terms(2, 1), [GOOD])[1][0].reason is Reason.OVER_CAPACITY


def test_the_first_of_two_bids_of_an_id_counts() -> None:
    again = replace(GOOD, arrival_ns=2, value_ubc=500)
    good, rejected = screen(terms(5, 5), [again, GOOD])
    assert good == [GOOD]
    assert [(each.bid, each.reason) for each in rejected] == [(again, Reason.REPEATED)]


def test_bids_stand_by_arrival_and_then_id() -> None:
    late, small, large = Bid(b"a", 9, (1,), 1), Bid(b"b", 3, (1,), 1), Bid(b"c", 3, (1,), 1)
    assert screen(terms(5), [late, large, small])[0] == [small, large, late]


def test_a_full_auction_takes_no_more() -> None:
    crowd = bids_of(*[((1,), 1)] * (MAX_BIDS + 1))
    good, rejected = screen(terms(5), crowd)
    assert len(good) == MAX_BIDS
    assert [each.reason for each in rejected] == [Reason.TOO_MANY]
