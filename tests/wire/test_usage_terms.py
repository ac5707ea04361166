"""Usage terms: bounds, units, and that they are four items or none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wire.examples import QOS_OF_USE
from wire.errors import DecodeError
from wire.units import U63_MAX
from wire.usage_terms import UsageTerms, usage_terms_of, write_usage_terms

EXAMPLE = UsageTerms(2_000_000_000, 1_000_000, 500, 200_000)


@pytest.mark.parametrize("name", ["step_bytes", "price_ubc", "most_ubc"])
def test_nothing_is_free_by_accident(name: str) -> None:
    with pytest.raises(DecodeError, match=f"{name} is 0, outside 1"):
        replace(EXAMPLE, **{name: 0})


@pytest.mark.parametrize("name", ["included_bytes", "step_bytes", "price_ubc", "most_ubc"])
def test_everything_fits_a_database(name: str) -> None:
    assert getattr(replace(EXAMPLE, **{name: U63_MAX}), name) == U63_MAX
    with pytest.raises(DecodeError, match=f"{name} is {U63_MAX + 1}, outside"):
        replace(EXAMPLE, **{name: U63_MAX + 1})


def test_all_may_be_charged_for() -> None:
    assert replace(EXAMPLE, included_bytes=0).included_bytes == 0


def test_units_include_more_and_may_cost_more_at_the_same_price_of_a_step() -> None:
    assert EXAMPLE.times(3) == UsageTerms(6_000_000_000, 1_000_000, 500, 600_000)
    with pytest.raises(DecodeError, match="most_ubc"):
        replace(EXAMPLE, most_ubc=U63_MAX).times(2)


def test_four_items_or_none() -> None:
    assert usage_terms_of(write_usage_terms(EXAMPLE)) == EXAMPLE == QOS_OF_USE.usage
    for items in ([], [1, 2, 3], [1, 2, 3, 4, 5]):
        with pytest.raises(DecodeError, match=f"{len(items)} items, not 4"):
            usage_terms_of(items)
