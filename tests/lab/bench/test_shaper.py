"""The arithmetic of the shaper's benchmark; what it measures is the kernel."""

import pytest

from lab.bench.shaper import datagram, fastest_window, off_floor
from lab.percentile import percentile


@pytest.mark.parametrize(
    ("share", "ok"), [(0.979, False), (0.98, True), (1.0, True), (1.02, True), (1.021, False)]
)
def test_98_to_102_per_cent_of_the_floor_is_the_goal(share, ok):
    assert off_floor("5 Mbit/s", share).ok is ok


def test_the_fastest_window_finds_a_burst_between_two_pauses():
    readings = [(0.0, 0), (0.5, 100), (1.0, 1_000), (1.5, 1_100), (2.0, 1_150), (2.5, 1_150)]
    assert fastest_window(readings, 1.0) == pytest.approx(1_000)
    assert fastest_window(readings, 0.5) == pytest.approx(1_800)


def test_a_series_shorter_than_the_window_has_none():
    assert fastest_window([(0.0, 0), (0.5, 100)], 1.0) == 0.0


def test_percentiles_are_of_the_sorted_values():
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 0.0)) == (3.0, 5.0, 1.0)


def test_a_datagrams_header_adds_up():
    """RFC 1071: the sum of a header with its checksum is all ones."""
    header = datagram(3)[:20]
    total = sum(int.from_bytes(header[index : index + 2]) for index in range(0, 20, 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF
    assert len(datagram(3)) == 1_500
