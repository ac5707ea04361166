"""Forecasts: rounding, rising, and what follows from what was sold."""

from __future__ import annotations

import pytest

from market.ubid.forecast import MAX_SLOTS, Forecast, forecast_of, next_forecast, units_of, without


def test_capacity_is_rounded_down_and_demand_up() -> None:
    assert forecast_of([999_999, 1_000_000, 1_999_999], 500_000).units == (1, 2, 3)
    assert [units_of(rate, 500_000) for rate in (1, 500_000, 500_001)] == [1, 1, 2]


def test_a_slot_of_which_too_much_is_promised_has_nothing_to_sell() -> None:
    assert forecast_of([-1], 500_000).units == (0,)


def test_what_was_sold_is_missing_from_the_next_forecast() -> None:
    forecast = Forecast((10, 10, 10))
    assert without(forecast, [(3, 3), (5,)]).units == (2, 7, 10)
    assert next_forecast(forecast, [(3, 3), (5,)], 9).units == (7, 10, 9)


def test_rising_is_asked_of_each_auction() -> None:
    assert Forecast((1, 1, 2)).rises
    assert not Forecast((1, 2, 1)).rises


@pytest.mark.parametrize("units", [(), (-1,), (1_000_001,), (1,) * (MAX_SLOTS + 1)])
def test_a_forecast_that_is_none_is_a_fault_of_ours(units: tuple[int, ...]) -> None:
    with pytest.raises(AssertionError):
        Forecast(units)
