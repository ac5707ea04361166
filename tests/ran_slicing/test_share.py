"""PRBs and whole percents, as the gNB rounds them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ran_slicing.share import (
    CellShape,
    Ratio,
    bits_per_prb_of,
    prb_for,
    prb_of,
    rate_of,
    ratio_of,
    whole_steps,
    whole_steps_down,
    with_headers,
)

SMALL = CellShape(prbs=51, downlink_slots_per_s=1_400)
shapes = st.builds(CellShape, prbs=st.integers(1, 275), downlink_slots_per_s=st.integers(1, 8_000))


def test_below_100_prbs_a_percent_may_be_no_step():
    assert [prb_of(percent, SMALL) for percent in (1, 2, 3, 4)] == [0, 1, 1, 2]
    assert ratio_of(1, SMALL) == 2


@given(shapes, st.integers(0, 275))
def test_a_ratio_is_the_smallest_that_gives_so_many(shape, prb):
    ratio = ratio_of(prb, shape)
    assert prb_of(ratio, shape) >= min(prb, shape.prbs)
    assert ratio == 0 or prb_of(ratio - 1, shape) < prb


def test_above_100_prbs_a_percent_is_more_than_one():
    wide = CellShape(prbs=273, downlink_slots_per_s=1_400)
    assert whole_steps(3, wide) == 5
    assert whole_steps(3, SMALL) == 3


@given(shapes, st.integers(0, 275))
def test_rounding_down_is_the_most_that_is_not_more(shape, prb):
    given_prb = whole_steps_down(prb, shape)
    assert given_prb <= prb
    assert all(prb_of(ratio, shape) <= given_prb or prb_of(ratio, shape) > prb for ratio in range(101))


@given(shapes, st.integers(1, 10**9), st.integers(1, 2_000))
def test_so_many_prbs_carry_the_rate_and_one_less_does_not(shape, rate_bps, bits):
    prb = prb_for(rate_bps, bits, shape)
    assert prb == shape.prbs or rate_of(prb, bits, shape) >= rate_bps
    assert rate_of(prb - 1, bits, shape) < rate_bps


def test_an_unknown_efficiency_takes_the_cell():
    assert prb_for(1, 0, SMALL) == SMALL.prbs


def test_the_measured_efficiency():
    assert bits_per_prb_of(rate_of(7, 333, SMALL), 7, SMALL) == 333
    assert bits_per_prb_of(1_400, 0, SMALL) == 1


def test_headers_are_added_and_rounded_up():
    assert with_headers(1_000_000, 30_000) == 1_030_000
    assert with_headers(1, 1) == 2


def test_a_pair():
    for low, high in ((1, 0), (-1, 5), (0, 101)):
        with pytest.raises(AssertionError):
            Ratio(low, high)


def test_the_uplink_has_the_same_prbs():
    both = CellShape(51, 1_400, uplink_slots_per_s=600)
    assert both.uplink == CellShape(51, 600)
    assert SMALL.uplink is None


@pytest.mark.parametrize(
    "numbers",
    [(0, 1_000, 132), (276, 1_000, 132), (51, 0, 132), (51, 8_001, 132), (51, 1_000, 0), (51, 1_000, 169)],
)
def test_a_shape_that_no_cell_has(numbers):
    with pytest.raises(ValueError, match="outside"):
        CellShape(*numbers)
