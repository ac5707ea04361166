"""Rates are of the function that they are named after, and comparable within a run."""

from __future__ import annotations

from lab.bench.timing import rates


def test_a_function_that_does_twice_the_work_has_a_lower_rate() -> None:
    seen = rates(
        {"once": lambda: sum(range(200)), "ten times": lambda: sum(range(2000))}, rounds=5, round_s=0.005
    )
    assert list(seen) == ["once", "ten times"]
    assert seen["once"] > 2 * seen["ten times"] > 0
