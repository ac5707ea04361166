"""Prices: exact where there is no discount, within one micro-bandcoin per unit of the exact sum where there
is.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.pricing import MAX_DISCOUNTED_UNITS, multiplier_power, price_series, price_units
from wire.units import PPM

multipliers = st.integers(1, PPM)


@pytest.mark.parametrize(
    ("price", "units", "multiplier", "total"),
    [
        (100, 1, 500_000, 100),
        (100, 3, 500_000, 100 + 50 + 25),
        (100, 8, 500_000, 100 + 50 + 25 + 12 + 6 + 3 + 1 + 0),
        (100, 5, PPM, 500),
        (0, 5, 900_000, 0),
        (7, 2**32, PPM, 7 * 2**32),
        (10**6, 3, 1, 10**6 + 1 + 0),
    ],
)
def test_the_nth_further_unit_costs_price_times_multiplier_to_the_n(price, units, multiplier, total) -> None:
    assert price_units(price, units, multiplier) == total


def test_powers_are_rounded_down_at_the_eighteenth_decimal_each_time() -> None:
    powers = [
        10**18,
        333_333_000_000_000_000,
        111_110_888_889_000_000,
        37_036_925_926_037_037,
        12_345_629_629_703_703,
    ]
    assert [multiplier_power(333_333, exponent) for exponent in range(5)] == powers
    price = 2**63 - 1
    assert price_units(price, 5, 333_333) == sum(price * power // 10**18 for power in powers)
    assert multiplier_power(333_333, 4) * 10**6 < 333_333**4, "the fourth power has more decimals than that"


def test_a_period_ahead_is_discounted_by_its_distance() -> None:
    assert [price_series([1_000], ahead, 1, PPM, 500_000) for ahead in range(4)] == [1_000, 500, 250, 125]


def test_a_series_adds_up_its_periods() -> None:
    assert price_series([1_000, 2_000], 2, 3, 500_000, 500_000) == (250 + 125 + 62) + (250 + 125 + 62)
    assert price_series([1_000, 2_000], 2, 3, PPM, PPM) == 9_000


@given(st.integers(0, 10**12), st.integers(1, 60), multipliers)
def test_a_total_is_within_one_ubc_per_unit_of_the_exact_sum(price: int, units: int, multiplier: int) -> None:
    exact = sum(price * Fraction(multiplier, PPM) ** k for k in range(units))
    assert exact - units <= price_units(price, units, multiplier) <= exact


@given(st.integers(0, 2**63 - 1), st.integers(1, 40), multipliers)
def test_more_units_never_cost_less_and_one_unit_costs_its_price(
    price: int, units: int, multiplier: int
) -> None:
    assert price_units(price, 1, multiplier) == price
    assert price_units(price, units, multiplier) <= price_units(price, units + 1, multiplier)
    assert price_units(price, units, multiplier) <= price * units


@given(multipliers, st.integers(0, 50), st.integers(0, 50))
def test_a_power_is_the_product_of_powers_up_to_its_rounding(multiplier: int, one: int, other: int) -> None:
    together = multiplier_power(multiplier, one + other)
    product = multiplier_power(multiplier, one) * multiplier_power(multiplier, other) // 10**18
    assert abs(together - product) <= one + other + 2


def test_the_largest_discounted_purchase_is_bounded_and_exact_to_a_millionth() -> None:
    total = price_units(10**9, MAX_DISCOUNTED_UNITS, 999_999)
    closed_form = 10**9 * (1 - Fraction(999_999, PPM) ** 1_000) / (1 - Fraction(999_999, PPM))
    assert total > price_units(10**9, 1_000, 999_999)
    assert abs(price_units(10**9, 1_000, 999_999) - closed_form) <= 1_000
