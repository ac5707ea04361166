"""Percentiles by nearest rank, the same for benchmarks and report."""

from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies; they need not be sorted. Of nothing there is none."""
    assert values, "a percentile of no values"
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]
