"""The repaired utility of a bundle."""

from __future__ import annotations

import pytest

from market.ubid.utility import ONE, Taste, bundle_utility, mode_numbers, request_utility

TASTE = Taste((250_000, 500_000, 1_000_000), fading_percent=50, patience=400_000)


@pytest.mark.parametrize("slots", [1, 7, 10, 20])
@pytest.mark.parametrize("mode", [0, 1, 2])
def test_what_was_asked_for_is_worth_the_request(mode: int, slots: int) -> None:
    assert bundle_utility(TASTE, mode, [mode] * slots) == request_utility(TASTE, mode, slots)


@pytest.mark.parametrize(("percent", "slots"), [(0, 20), (25, 7), (50, 10), (99, 20)])
def test_the_root_is_the_true_one_rounded_down(percent: int, slots: int) -> None:
    taste = Taste((ONE,), percent, 0)
    power = 1 - percent / 100
    assert request_utility(taste, 0, slots) == pytest.approx(slots**power / power * ONE, abs=100 / power)


def test_a_lower_mode_is_worth_less_than_in_proportion() -> None:
    assert bundle_utility(TASTE, 2, [1] * 4) == pytest.approx(2 * 2 * 500_000 / 1.5, abs=5)


def test_a_fall_costs_by_modes_and_never_gains() -> None:
    one, two = (bundle_utility(TASTE, 2, [2, low]) for low in (1, 0))
    length = 2**0.5 / 0.5
    assert one == pytest.approx(length * (400_000 + 500_000 / 1.5) / 2, abs=5)
    assert two == pytest.approx(length * (200_000 + 250_000 / 1.75) / 2, abs=5)


def test_modes_of_a_bundle() -> None:
    assert mode_numbers((1, 4, 9), (1, 3, 5)) == [0, 1, 2]


def test_tastes_have_bounds() -> None:
    with pytest.raises(AssertionError):
        Taste((ONE + 1,), 0, 0)
    with pytest.raises(AssertionError):
        Taste((ONE,), 100, 0)
