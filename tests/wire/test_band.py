"""The band: a part of the spectrum, and how much of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.examples import bands
from wire.band import MAX_KHZ, Band, read_band, write_band
from wire.cbor import write_cbor
from wire.errors import DecodeError
from wire.fields import FieldReader


@given(bands)
def test_read_back(band: Band) -> None:
    assert read_band(FieldReader(write_cbor({1: write_band(band)}), "x"), 1) == band


@pytest.mark.parametrize(
    "numbers",
    [(0, 1, 1), (2, 1, 1), (1, 1, 1), (1, 2, 0), (1, 2, 2), (-5, 5, 1), (1, MAX_KHZ + 1, 1), (1, 2, -1)],
)
def test_what_is_no_band(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(DecodeError, match="band: "):
        Band(*numbers)


@given(st.lists(st.one_of(st.integers(-2, 2**64 - 1), st.booleans()), max_size=5))
def test_whatever_the_numbers(numbers: list[int]) -> None:
    """A band or a DecodeError."""
    try:
        band = read_band(FieldReader(write_cbor({1: list(numbers)}), "x"), 1)
    except DecodeError:
        return
    assert write_band(band) == numbers
