"""The printed reductions on the register's examples, and drawn auctions that are what they say."""

from __future__ import annotations

import random

from lab.papers.ubid_world import (
    Drawn,
    best_checking,
    bid,
    bundle_of,
    draw,
    fits,
    printed_slots,
    tightest_slots,
    uniform,
    upswitch_slots,
    value_of,
    widest_ratio_slot,
)
from market.ubid.forecast import Forecast
from market.ubid.winners import determine


def drawn(units: tuple[int, ...], *pairs: tuple[tuple[int, ...], int]) -> Drawn:
    bids = tuple(bid(number, bundle, value) for number, (bundle, value) in enumerate(pairs))
    return Drawn(Forecast(units), (1, 3), bids)


def test_u3_and_u4_by_their_examples() -> None:
    three = drawn((2, 2, 3), ((1, 1, 3), 5), ((1, 1, 1), 4))
    assert upswitch_slots(three, 0) == [1, 2]
    assert upswitch_slots(three, 1) == [1, 3]
    assert value_of(best_checking([1, 2], three)) == 9
    assert not fits(best_checking([1, 2], three), three.forecast.units)
    assert value_of(best_checking([1, 3], three)) == 5
    four = drawn((1, 2), (bundle_of(1, 2), 1), (bundle_of(1, 2), 1))
    assert printed_slots(four) == [2]
    assert tightest_slots(four) == [1]
    assert widest_ratio_slot(drawn((2, 1), ((1, 1), 5), ((1, 1), 4))) == 2


def test_all_slots_give_the_exact_winners() -> None:
    chance = random.Random(1)
    for _ in range(30):
        for one in (draw(chance, modes=(1, 3, 7)), uniform(chance, rising=False)):
            every = best_checking(range(1, len(one.forecast.units) + 1), one)
            assert value_of(every) == determine(one.bids, one.forecast.units).value_ubc
            assert fits(every, one.forecast.units)
            assert all(fits([each], one.forecast.units) for each in one.bids)


def test_a_rising_forecast_rises_and_equal_lengths_are_equal() -> None:
    chance = random.Random(2)
    assert all(uniform(chance, rising=True).forecast.rises for _ in range(20))
    assert draw(chance, modes=(2, 4), rising=True).forecast.rises
    assert len({len(each.bundle) for each in uniform(chance, rising=False, equal_length=True).bids}) == 1
    assert drawn((1,)).terms.forecast == Forecast((1,))
