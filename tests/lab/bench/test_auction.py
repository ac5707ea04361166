"""The benchmark of session auctions in small: its auctions are what they are called, and its figures have the goals."""

from __future__ import annotations

from lab.bench.auction import Sizes, agreeing_optima, agreeing_prices, box_memory_kb, drawn, measure
from market.ubid.bundles import Policy
from market.ubid.forecast import Forecast


def test_the_figures_are_those_that_have_goals() -> None:
    said: list[str] = []
    figures = measure(said.append, Sizes(optima=3, re_solves=2, many=60, most=200, seeds=1, users=30))
    payments = figures[-3]
    assert (payments.unit, payments.goal) == ("payments", payments.value)
    assert [figure.goal for figure in figures if figure is not payments] == [
        *(10, 10, 1500, 1000, 1000, 1000, 1000),
        *(2, None, 5_000),
        *(50, 95, 80, *[None] * 7),
        *(3, 2),
    ]
    assert all(figure.against is not None for figure in figures if figure.unit == "ms")
    assert [figure.value for figure in figures[-2:]] == [3, 2]
    assert any("bids switch" in text for text in said)


def test_bids_are_for_what_is_offered() -> None:
    terms, bids = drawn(50, Forecast((9, 4, 9)), (3, 5), Policy.FLOOR, 1)
    assert {bid.bundle for bid in bids} == {(3,), (3, 3), (3, 3, 3), (5,), (5, 3), (5, 3, 5)}
    assert terms.closes_ns == 50


def test_agreement_is_counted() -> None:
    assert (agreeing_optima(4), agreeing_prices(1)) == (4, 1)


def test_a_box_clears_without_numpy() -> None:
    assert 0 <= box_memory_kb() < 20_000
