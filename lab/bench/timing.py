"""Rates of several functions, side by side in one run: machines are noisy, ratios hold.

The functions take turns in short rounds, so that whatever disturbs the machine disturbs them all; the median
round counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

ROUND_S = 0.05
"""Long against the clock and the loop around it, short against what disturbs a machine."""

ROUNDS = 21
"""Odd, so that the median is a round that was."""


def rates(
    functions: Mapping[str, Callable[[], object]], rounds: int = ROUNDS, round_s: float = ROUND_S
) -> dict[str, float]:
    """Calls per second of each function, the median of `rounds` rounds of about `round_s` seconds each."""
    batches = {name: _batch(function, round_s) for name, function in functions.items()}
    seen: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            seen[name].append(batches[name] / _seconds(function, batches[name]))
    return {name: statistics.median(values) for name, values in seen.items()}


def _batch(function: Callable[[], object], round_s: float) -> int:
    """How many calls take about one round; also warms the function up."""
    calls = 1
    while (elapsed_s := _seconds(function, calls)) < round_s / 4:
        calls *= 2
    return max(1, round(calls * round_s / elapsed_s))


def _seconds(function: Callable[[], object], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        function()
    return time.perf_counter() - started
