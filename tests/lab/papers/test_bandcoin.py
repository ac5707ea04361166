"""The modelled chain goes through the text's numbers."""

from __future__ import annotations

import pytest

from lab.papers.bandcoin import chain_rate, latency_verdict, throughput_verdict
from lab.papers.exhibit import Verdict


@pytest.mark.parametrize(
    ("bulk", "low", "high"), [(1, 0.5, 1.0), (1_000, 850, 1_150), (50_000, 10_000, 13_000)]
)
def test_the_model_is_within_the_prose(bulk: int, low: float, high: float) -> None:
    assert low <= chain_rate(bulk) <= high


def test_bulk_is_worth_four_orders_and_parallel_providers_three() -> None:
    assert 9_000 < chain_rate(50_000) / chain_rate(1) < 13_000
    assert chain_rate(200, 6) == pytest.approx(1_100, rel=0.15)
    assert chain_rate(10_000) == pytest.approx(5_650, rel=0.01)


def test_the_verdicts_turn_with_the_numbers() -> None:
    assert throughput_verdict(chain_rate)[0] is Verdict.SHAPE
    verdict, missed = throughput_verdict(lambda bulk, providers=1: chain_rate(bulk, providers) / 2)
    assert verdict is Verdict.CANNOT
    assert "does not hold: bulk 50,000: 10,000 to 13,000/s within 15 %" in missed
    assert [latency_verdict(5, shared_s)[0] for shared_s in (0.7, 0.2, 1.2, None)] == [
        Verdict.REPRODUCED,
        Verdict.SHAPE,
        Verdict.CANNOT,
        Verdict.CANNOT,
    ]
