"""A payment is split to the last micro-bandcoin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operatord.payplace.income import split
from wire.units import PPM


@given(st.integers(0, 2**62), st.integers(0, PPM))
def test_nothing_is_lost(amount_ubc, ppm):
    merchants_ubc, mine_ubc = split(amount_ubc, ppm)
    assert merchants_ubc + mine_ubc == amount_ubc
    assert 0 <= mine_ubc <= amount_ubc
    assert mine_ubc * PPM <= amount_ubc * ppm < (mine_ubc + 1) * PPM


def test_a_commission_is_a_part():
    assert split(301, 100_000) == (271, 30)
    with pytest.raises(AssertionError):
        split(1, PPM + 1)
