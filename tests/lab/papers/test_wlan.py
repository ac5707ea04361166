"""The ceiling of 802.11g, and a crowd's evening."""

from __future__ import annotations

import math

import pytest

from lab.admission.evening import CLIENTS, SESSIONS
from lab.papers.exhibit import Verdict
from lab.papers.wlan import admission_verdict, evening, frame_s, saturation_mbps


@pytest.mark.parametrize(("stations", "mbps"), [(1, 30.5), (50, 23.4)])
def test_u11_the_ceiling_is_far_below_50(stations: int, mbps: float) -> None:
    assert saturation_mbps(stations) == pytest.approx(mbps, abs=0.05)


def test_a_frame_takes_what_the_standard_says() -> None:
    assert frame_s(1_536, 216) == pytest.approx(254e-6)


def test_nobody_is_refused_without_a_capacity_and_nothing_exceeds_one() -> None:
    free = evening(1, math.inf, incentive=False)
    assert (free.refused, free.asked) == (0, free.admitted)
    assert free.sessions == CLIENTS * SESSIONS
    tight = evening(1, 50.0, incentive=False)
    assert tight.asked == free.asked
    assert max(tight.admitted) <= 50.0
    assert evening(1, 50.0, incentive=True).refused < tight.refused


def test_a_medium_that_carried_it_would_turn_the_verdict() -> None:
    assert admission_verdict(saturation_mbps(1))[0] is Verdict.REFUTED
    assert admission_verdict(60.0)[0] is Verdict.SHAPE
