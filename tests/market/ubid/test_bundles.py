"""Bundles under both policies, and requests for which there is none."""

from __future__ import annotations

import pytest

from market.ubid.bundles import Modes, NoBundle, Policy, Request, downswitches, offer, upswitches
from market.ubid.forecast import Forecast

MODES = Modes((1, 3))


def test_a_request_that_fits_is_the_bundle_under_both_policies() -> None:
    for policy in Policy:
        assert offer(Request(3, 2), Forecast((3, 9)), MODES, policy) == (3, 3)


def test_fluid_takes_what_is_there_and_floor_the_mode_below() -> None:
    forecast = Forecast((2, 2, 3))
    assert offer(Request(3, 3), forecast, MODES, Policy.FLUID) == (2, 2, 3)
    assert offer(Request(3, 3), forecast, MODES, Policy.FLOOR) == (1, 1, 3)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (Request(2, 1), NoBundle.NOT_A_MODE),
        (Request(-1, 1), NoBundle.NOT_A_MODE),
        (Request(1, 0), NoBundle.NO_SLOTS),
        (Request(1, 4), NoBundle.TOO_LONG),
        (Request(1, 3), NoBundle.NOTHING_LEFT),
    ],
)
def test_there_is_no_bundle_and_it_is_said_why(request_: Request, why: NoBundle) -> None:
    assert offer(request_, Forecast((1, 1, 0)), MODES, Policy.FLOOR) is why


def test_floor_offers_nothing_below_the_smallest_mode() -> None:
    modes = Modes((2, 4))
    assert offer(Request(4, 1), Forecast((1,)), modes, Policy.FLOOR) is NoBundle.NOTHING_LEFT
    assert offer(Request(4, 1), Forecast((1,)), modes, Policy.FLUID) == (1,)


def test_switches_are_counted() -> None:
    assert (upswitches((1, 3, 3, 5)), downswitches((1, 3, 3, 5))) == (2, 0)
    assert (upswitches((5, 1, 3)), downswitches((5, 1, 3))) == (1, 1)


@pytest.mark.parametrize("units", [(), (0, 1), (2, 2), (3, 1)])
def test_modes_rise_from_above_zero(units: tuple[int, ...]) -> None:
    with pytest.raises(AssertionError):
        Modes(units)
