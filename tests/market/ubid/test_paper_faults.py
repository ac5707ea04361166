"""What is wrong in chapter 4 of the thesis: each printed form stands here, fails, and ours does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import combinations, pairwise

from market.ubid.auction import clear, withholding_gain
from market.ubid.bids import Bid
from market.ubid.bundles import Modes, Policy, Request, offer
from market.ubid.forecast import Bundle, Forecast, next_forecast
from market.ubid.looking_ahead import LaterBid, clear_looking_ahead, realised_cost, realised_price
from market.ubid.utility import ONE, Taste, bundle_utility, request_utility
from tests.ubid_world import bid, bids_of, fits, random_auction, terms


def _sets(bids: Sequence[Bid]) -> list[list[Bid]]:
    return [list(some) for size in range(len(bids) + 1) for some in combinations(bids, size)]


def _value(bids: Sequence[Bid]) -> int:
    return sum(each.value_ubc for each in bids)


def _best_checking_only(slots: Sequence[int], bids: Sequence[Bid], units: Sequence[int]) -> list[Bid]:
    """The printed reductions: (4.1) with the constraints of some slots, numbered from 1."""
    allowed = [
        some
        for some in _sets(bids)
        if all(
            sum(each.bundle[slot - 1] for each in some if len(each.bundle) >= slot) <= units[slot - 1]
            for slot in slots
        )
    ]
    return max(allowed, key=_value)


def test_u1_the_printed_bundle_rule_is_not_that_of_its_own_examples() -> None:
    def printed(request: Request, forecast: Forecast) -> Bundle:
        return tuple(min(request.units, there) for there in forecast.units[: request.slots])

    theorem_3, forecast = (1, 1, 3), Forecast((2, 2, 3))
    assert printed(Request(3, 3), forecast) == (2, 2, 3) != theorem_3
    assert offer(Request(3, 3), forecast, Modes((1, 3)), Policy.FLOOR) == theorem_3
    assert offer(Request(3, 3), forecast, Modes((1, 3)), Policy.FLUID) == (2, 2, 3)
    left = next_forecast(Forecast((10,) * 12), [(3,) * 5, (5,) * 7], 10)
    assert left.units[:7] == (2, 2, 2, 2, 5, 5, 10)  # after one slot, four and not five with 2
    said = (2,) * 4 + (3,) * 6
    assert printed(Request(4, 10), left) == (2,) * 4 + (4,) * 6 != said
    assert offer(Request(4, 10), left, Modes((2, 4)), Policy.FLUID) == (2,) * 4 + (4,) * 6


def test_u2_evenly_spaced_modes_do_not_keep_the_forecast_rising() -> None:
    modes, forecast = Modes((2, 4, 6)), Forecast((3, 3, 4))
    bundle = offer(Request(4, 3), forecast, modes, Policy.FLOOR)
    assert bundle == (2, 2, 4)
    printed = forecast.rises and all(b - a == 2 for a, b in pairwise(modes.units))  # Theorem 2's premises
    then = next_forecast(forecast, [bundle], 4)
    assert printed
    assert then.units[:2] == (1, 0)
    assert not then.rises


def test_u3_the_slot_after_a_switch_is_the_one_to_check() -> None:
    crowd, units = bids_of(((1, 1, 3), 5), ((1, 1, 1), 4)), (2, 2, 3)
    printed = _best_checking_only([1, 2], crowd, units)  # the first slot, and tau of the upswitch
    assert not fits(printed, units)
    ours = clear(terms(*units), crowd)
    assert [sale.bid for sale in ours.sales] == crowd[:1] == _best_checking_only([1, 3], crowd, units)


def test_u4_the_printed_choice_of_slots_oversells() -> None:
    def printed(bids: Sequence[Bid], units: Sequence[int]) -> list[int]:
        slots, worst = [], Fraction(0)
        for tau in range(1, len(units) + 1):
            asked, ends = 0, False
            for each in bids:  # also those that have ended
                asked += each.bundle[0]
                ends = ends or len(each.bundle) == tau
            worst = max(worst, Fraction(asked, units[tau - 1]))
            if ends:
                slots.append(tau)  # and not the slot that was the worst
                worst = Fraction(0)
        return slots

    crowd, units = bids_of(((1, 1), 1), ((1, 1), 1)), (1, 2)
    assert printed(crowd, units) == [2]
    assert _value(_best_checking_only(printed(crowd, units), crowd, units)) == 2
    ours = clear(terms(*units), crowd)
    assert ours.value_ubc == 1
    assert fits([sale.bid for sale in ours.sales], units)


def test_u5_hiding_capacity_may_raise_revenue() -> None:
    def printed(gain: int) -> bool:
        return gain <= 0  # Lemma 3

    crowd = bids_of(((1,), 10), ((1,), 9), ((1,), 1))
    assert (clear(terms(2), crowd).revenue_ubc, clear(terms(1), crowd).revenue_ubc) == (2, 9)
    assert not printed(withholding_gain(terms(2), crowd, 1))
    assert withholding_gain(terms(2, reserve_ubc=9), crowd, 1) == 9 - 18  # a reserve price earns more, openly


def test_u6_a_further_bidder_may_lower_revenue_where_quantities_differ() -> None:
    def printed(before: int, after: int) -> bool:
        return after >= before  # (4.2)

    crowd = bids_of(((2,), 10), ((1,), 9), ((1,), 9))
    before, after = (clear(terms(2), some).revenue_ubc for some in (crowd[:2], crowd))
    assert (before, after) == (9, 2)
    assert not printed(before, after)
    for seed in range(30):  # Theorem 5 holds for equal quantities
        _, bids = random_auction(seed, 9, modes=(1,), slots=1)
        deal = terms(4)
        assert printed(clear(deal, bids[:-1]).revenue_ubc, clear(deal, bids).revenue_ubc)


def test_u7_fractions_in_the_printed_price_exceed_the_bid() -> None:
    def most_in_fractions(bids: Sequence[Bid], units: int) -> Fraction:
        value, left = Fraction(0), units
        for each in sorted(bids, key=lambda one: Fraction(-one.value_ubc, one.bundle[0])):
            taken = min(left, each.bundle[0])
            value += Fraction(each.value_ubc * taken, each.bundle[0])
            left -= taken
        return value

    crowd = bids_of(((2,), 10), ((2,), 8), ((2,), 8))
    assert most_in_fractions(crowd[1:], 3) - 0 == 12 > crowd[0].value_ubc
    assert [sale.price_ubc for sale in clear(terms(3), crowd).sales] == [8]


def test_u7_the_printed_sign_makes_what_comes_later_a_gain() -> None:
    mine, later = bid(0, (1, 1), 10), LaterBid(1, (1,), 4)
    printed = 0 - later.value_ubc - 0  # (4.7): others now, less others later, less what they have beside
    assert printed < 0
    outcome = clear_looking_ahead(terms(1, 1), [mine], [(later,)])
    assert [sale.price_ubc for sale in outcome.sales] == [4]


def test_u7_the_printed_limit_of_the_sum_forgets_bidders() -> None:
    crowd, slot = bids_of(((1,), 10), ((1,), 2), ((1,), 9)), 2
    printed = max(each.value_ubc for each in crowd[1:slot])  # a sum to t where I_t is meant
    assert printed == 2
    assert [sale.price_ubc for sale in clear(terms(1), crowd).sales] == [9]


def test_u7_the_slot_of_the_largest_ratio_needs_each_slots_own_capacity() -> None:
    crowd, units = bids_of(((1, 1), 5), ((1, 1), 4)), (2, 1)
    printed = max((1, 2), key=lambda _: Fraction(2, units[0]))  # C(1) in every ratio: the first slot
    assert not fits(_best_checking_only([printed], crowd, units), units)
    assert [sale.bid for sale in clear(terms(*units), crowd).sales] == crowd[:1]


def test_u8_a_bundle_as_requested_is_worth_the_request() -> None:
    taste = Taste((ONE,), 50, 400_000)

    def printed(psi: Sequence[int], duration: int) -> int:
        return request_utility(Taste((ONE,), 50, 0), 0, duration) * sum(psi) // ONE

    asked = request_utility(taste, 0, 10)
    assert printed([ONE] * 10, 10) == 10 * asked
    assert bundle_utility(taste, 0, [0] * 10) == asked


def test_u8_a_fall_never_raises_what_a_slot_is_worth() -> None:
    rho, fall_mbps = Fraction(1), Fraction(1, 2)
    assert rho / fall_mbps == 2
    assert rho / (fall_mbps * 1000) < 1  # the same fall in kbit/s
    taste = Taste((900_000, ONE), 0, ONE)
    assert bundle_utility(taste, 1, [1, 0]) <= bundle_utility(taste, 1, [1, 1])


def test_u10_an_approximate_maximum_makes_a_lie_pay() -> None:
    def greedy(bids: Sequence[Bid]) -> list[Bid]:
        taken: list[Bid] = []
        for each in sorted(bids, key=lambda one: -one.value_ubc):
            if fits([*taken, each], (2,)):
                taken.append(each)
        return taken

    def gain(said: Bid, choose: Callable[[Sequence[Bid]], list[Bid]]) -> int:
        won = choose([said, *others])
        price = _value(choose(others)) - _value([each for each in won if each is not said])
        return 6 - price if said in won else 0

    def exact(bids: Sequence[Bid]) -> list[Bid]:
        return [sale.bid for sale in clear_looking_ahead(terms(2), bids, [()]).sales]

    others = [bid(1, (2,), 10), bid(2, (1,), 6)]
    truth, lie = bid(0, (1,), 6), bid(0, (1,), 11)
    assert gain(lie, greedy) == 2 > gain(truth, greedy) == 0
    assert gain(truth, exact) == 2
    assert all(gain(bid(0, (1,), value), exact) <= 2 for value in range(1, 13))


def test_u10_a_cost_in_hindsight_may_exceed_the_bid_and_is_capped() -> None:
    mine, seen = bid(0, (1, 1), 10), [LaterBid(1, (1,), 25)]
    printed = realised_cost(mine.bundle, seen, Forecast((1, 1)))  # (4.9)
    assert printed == 25 > mine.value_ubc
    assert realised_price(printed, mine.value_ubc) == 10
