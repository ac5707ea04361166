"""Each source sends its rate."""

from __future__ import annotations

from itertools import takewhile

import pytest

from lab.ran.sources import Arrivals, chunks, full_buffer, random_packets, silence, steady


def rate_bps(arrivals: Arrivals, seconds: float) -> float:
    return sum(bits for _, bits in takewhile(lambda each: each[0] < seconds, arrivals)) / seconds


def test_rates() -> None:
    assert rate_bps(steady(2e6, 1), 60) == pytest.approx(2e6, rel=0.001)
    assert rate_bps(random_packets(2e6, 1), 200) == pytest.approx(2e6, rel=0.03)
    assert rate_bps(chunks(2e6, 4.0, 1), 4_000) == pytest.approx(2e6, rel=0.03)


def test_a_full_buffer_is_full_at_once_and_silence_is_silent() -> None:
    assert next(full_buffer())[1] >= 1 << 40
    assert list(silence()) == []


def test_arrivals_are_in_order_and_repeatable() -> None:
    source = random_packets(1e6, 4)
    first = [next(source) for _ in range(500)]
    assert first == sorted(first, key=lambda each: each[0])
    again = random_packets(1e6, 4)
    assert first == [next(again) for _ in range(500)]
