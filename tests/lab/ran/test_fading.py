"""A channel fades as its settings say, and the same way each time."""

from __future__ import annotations

import statistics

import pytest

from lab.ran.fading import STATIC, Channel, FadingSettings


def powers(paths: int, seed: int, step_s: float, count: int) -> list[float]:
    channel = Channel(0.0, FadingSettings(paths=paths, shadow_db=0.0), seed)
    seen = []
    for _ in range(count):
        channel.advance(step_s)
        seen.append(10 ** (channel.snr_db / 10))
    return seen


@pytest.mark.parametrize("paths", [1, 4])
def test_the_mean_power_is_one_and_more_paths_fade_less(paths: int) -> None:
    """A sum of n independent exponentials over n: mean 1, variance 1/n."""
    seen = powers(paths, 7, 1.0, 20_000)
    assert statistics.mean(seen) == pytest.approx(1, abs=0.03)
    assert statistics.variance(seen) == pytest.approx(1 / paths, rel=0.08)


def test_power_forgets_at_the_pace_of_the_coherence_time() -> None:
    """A path's correlation after the coherence time is a half, its power's a quarter."""
    seen = powers(4, 3, FadingSettings().coherence_s, 40_000)
    assert statistics.correlation(seen[:-1], seen[1:]) == pytest.approx(0.25, abs=0.03)


def test_shadows_have_their_spread() -> None:
    channel = Channel(10.0, FadingSettings(paths=0, shadow_db=3.0, shadow_memory_s=1.0), 5)
    seen = []
    for _ in range(10_000):
        channel.advance(2.0)
        seen.append(channel.snr_db)
    assert statistics.mean(seen) == pytest.approx(10, abs=0.15)
    assert statistics.stdev(seen) == pytest.approx(3, abs=0.1)


def test_a_static_channel_stays_and_equal_seeds_are_equal() -> None:
    still = Channel(12.0, STATIC, 1)
    still.advance(5.0)
    assert still.snr_db == 12.0
    assert powers(4, 9, 0.01, 50) == powers(4, 9, 0.01, 50)
    assert powers(4, 9, 0.01, 50) != powers(4, 10, 0.01, 50)
