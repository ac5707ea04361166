"""Rates and totals from samples: each direction is counted where the meter under test has no say."""

from lab.demo.findings import rate, rates
from lab.demo.watch import Sample

BEFORE = Sample(t_s=10.0, arrived_bytes=1_000, pushed_bytes=0, through_bytes=500)
AFTER = Sample(t_s=12.0, arrived_bytes=251_000, pushed_bytes=400_000, through_bytes=125_500)


def test_down_is_what_arrived_and_up_what_got_through() -> None:
    assert rate(BEFORE, AFTER, "down") == 1_000_000
    assert rate(BEFORE, AFTER, "up") == 500_000


def test_what_was_pushed_is_shown_beside_what_got_through() -> None:
    (point,) = rates([BEFORE, AFTER], "up")
    assert (point.t_s, point.delivered_bps, point.offered_bps) == (12.0, 500_000, 1_600_000)


def test_nobody_sees_what_was_offered_downwards() -> None:
    (point,) = rates([BEFORE, AFTER], "down")
    assert point.offered_bps is None
