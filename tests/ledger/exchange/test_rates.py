"""What money is worth: exact, and rounded the way that is written down."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.exchange.rates import Rate, deposit_ubc, format_minor, parse_minor, payout_minor, reversed_ubc
from wire.errors import DecodeError
from wire.units import U63_MAX

AMOUNTS = st.integers(0, 10**9)
RATES = st.builds(Rate, st.just("EUR"), st.integers(0, 6), st.integers(1, 10**6), st.integers(1, 10**6))


@pytest.mark.parametrize(
    ("amount", "decimals", "minor"),
    [
        ("25", 2, 2_500),
        ("25.5", 2, 2_550),
        ("25.50", 2, 2_550),
        ("25.500", 2, 2_550),
        ("0.01", 2, 1),
        ("7", 0, 7),
        ("1.234", 3, 1_234),
    ],
)
def test_decimal_text_is_minor_units(amount: str, decimals: int, minor: int):
    assert parse_minor(amount, decimals) == minor


@pytest.mark.parametrize(
    ("amount", "decimals"), [("25.501", 2), ("7.5", 0), ("", 2), ("-1", 2), ("1e3", 2), ("٣", 0)]
)
def test_a_fraction_of_a_minor_unit_is_refused_and_not_rounded(amount: str, decimals: int):
    with pytest.raises(DecodeError):
        parse_minor(amount, decimals)


@given(AMOUNTS, st.integers(0, 6))
def test_what_is_written_is_read(minor: int, decimals: int):
    assert parse_minor(format_minor(minor, decimals), decimals) == minor


@given(RATES, AMOUNTS)
def test_neither_way_makes_money(rate: Rate, minor: int):
    """The exact value, rounded down; and there and back is never more."""
    ubc = deposit_ubc(rate, minor)
    exact = Fraction(minor * rate.ubc, rate.per_minor)
    assert ubc <= exact < ubc + 1
    assert payout_minor(rate, ubc) <= minor


@given(AMOUNTS, st.integers(1, 10**9), st.lists(st.integers(0, 10**8), max_size=10))
def test_reversals_in_parts_never_exceed_the_whole_and_the_whole_gives_the_whole(
    whole: int, paid: int, parts: list[int]
):
    total, taken = 0, 0
    for part in parts:
        before = reversed_ubc(whole, paid, total)
        total += part
        taken += reversed_ubc(whole, paid, total) - before
        assert 0 <= taken <= whole
    assert reversed_ubc(whole, paid, paid) == whole
    assert reversed_ubc(whole, paid, 2 * paid) == whole


def test_limits():
    with pytest.raises(DecodeError):
        deposit_ubc(Rate("EUR", 2, U63_MAX), 2)
    for decimals, ubc, per_minor in [(-1, 1, 1), (7, 1, 1), (2, 0, 1), (2, 1, 0)]:
        with pytest.raises(ValueError, match="rate of EUR"):
            Rate("EUR", decimals, ubc, per_minor)
