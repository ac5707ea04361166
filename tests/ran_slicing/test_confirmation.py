"""Whether the metrics agree with what a slice was told."""

import pytest

from ran_slicing.confirmation import Verdict, judge
from ran_slicing.estimate import SliceSample
from ran_slicing.share import CellShape, Ratio, rate_of
from ran_slicing.snssai import Snssai

SHAPE = CellShape(50, 1_000)
A = Snssai(1, 1)
FLOOR = 2_000_000
LOTS = 10**6
TENTH = Ratio(10, 10)


@pytest.mark.parametrize(
    ("ratio", "rate_bps", "waiting", "verdict"),
    [
        (TENTH, rate_of(5, 300, SHAPE), LOTS, Verdict.AGREES),
        (TENTH, rate_of(5, 300, SHAPE), 0, Verdict.UNKNOWN),
        (TENTH, rate_of(12, 300, SHAPE), 0, Verdict.CONTRADICTS),
        (TENTH, rate_of(1, 300, SHAPE), LOTS, Verdict.CONTRADICTS),
        (TENTH, rate_of(1, 300, SHAPE), 0, Verdict.UNKNOWN),
        (TENTH, rate_of(2, 300, SHAPE), LOTS, Verdict.UNKNOWN),
        (Ratio(10, 100), rate_of(40, 300, SHAPE), LOTS, Verdict.AGREES),
        (Ratio(0, 100), 0, LOTS, Verdict.AGREES),
    ],
)
def test_what_a_report_says(ratio, rate_bps, waiting, verdict):
    assert judge(ratio, SliceSample(A, rate_bps, waiting, 300), 300, FLOOR, SHAPE) is verdict
