"""The regret budget: never exceeded, whatever is taken and whatever comes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.learning.regret import Advice, Regret, advise, reserve, settle

CYCLES = st.lists(
    st.tuples(
        st.lists(st.integers(0, 300), max_size=6),  # offers, their prices
        st.integers(0, 500),  # overages without offers
        st.integers(0, 500),  # of which so much was saved, at most all
    ),
    max_size=30,
)


@given(st.integers(0, 1_000), CYCLES)
def test_what_was_spent_is_never_more_than_the_budget_above(budget, cycles):
    regret, above = Regret(budget), 0
    for prices, overages, saved in cycles:
        offers = 0
        for price in prices:
            if advise(wants=True, proven=True, regret=regret, price_ubc=price).take:
                regret = reserve(regret, price)
                offers += price
                assert above + offers <= budget
        paid = offers + overages - min(saved, overages)
        regret = settle(regret, paid, overages)
        above += paid - overages
        assert above <= budget
        assert 0 <= regret.left_ubc <= budget
        assert regret.open_ubc == 0


def test_what_was_gained_fills_the_budget_again_and_no_more():
    regret = settle(reserve(Regret(100), 60), 60, 0)
    assert regret == Regret(100, lost_ubc=60)
    regret = settle(reserve(regret, 40), 40, 70)
    assert regret == Regret(100, lost_ubc=30)
    assert settle(reserve(regret, 10), 10, 1_000) == Regret(100)


def advice(**changes: object) -> Advice:
    asked = {"wants": True, "proven": True, "regret": Regret(100), "price_ubc": 60, "room_ubc": 60, **changes}
    return advise(**asked)  # type: ignore[arg-type]


def test_the_first_reason_against_is_told():
    assert advice() == Advice(take=True, why="worth_it")
    assert advice(room_ubc=None).take
    assert advice(room_ubc=59).why == "over_envelope"
    assert advice(regret=Regret(59), room_ubc=0).why == "over_regret"
    assert advice(regret=Regret(100, open_ubc=41)).why == "over_regret"
    assert advice(proven=False, regret=Regret(0)).why == "unproven"
    assert advice(wants=False, proven=False).why == "not_worth_it"
    assert not advice(wants=False).take


@pytest.mark.parametrize("price", [-1, 1 << 63])
def test_what_is_no_amount_is_not_taken(price):
    assert advice(price_ubc=price, regret=Regret(2**62)).why == "not_an_amount"


def test_a_free_offer_needs_no_budget():
    assert advice(price_ubc=0, regret=Regret(0), room_ubc=0).take


@pytest.mark.parametrize("amounts", [(-1,), (10, 11), (10, 5, 6), (1 << 63,), (1.5,), (True,)])
def test_amounts_are_whole_and_within_the_budget(amounts):
    with pytest.raises(AssertionError):
        Regret(*amounts)


def test_what_does_not_fit_cannot_be_reserved():
    with pytest.raises(AssertionError, match="more than the budget"):
        reserve(Regret(10), 11)


def test_of_a_loss_that_was_not_the_agent_s_nothing_is_left():
    regret = settle(reserve(Regret(100), 10), 300, 10)
    assert regret == Regret(100, lost_ubc=100)
    assert advise(wants=True, proven=True, regret=regret, price_ubc=1).why == "over_regret"
