"""Nearest rank: always one of the values, and never an answer about nothing."""

import pytest

from lab.percentile import percentile


def test_it_is_one_of_the_values_whatever_their_order() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.95, 0.99, 1.0)] == [1.0, 3.0, 5.0, 5.0, 5.0]


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(AssertionError, match="no values"):
        percentile([], 0.5)
