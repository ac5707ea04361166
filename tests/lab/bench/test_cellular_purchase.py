"""The purchase benchmark, with as few purchases as show that it measures."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.bench.cellular_purchase import run

pytestmark = pytest.mark.system


def test_each_figure_is_there_and_possible(needs: Callable[..., None]) -> None:
    needs("mosquitto", "nft", "ip")
    figures = list(run(lambda _: None, 2))
    assert [figure.unit for figure in figures] == ["ms"] * 4 + ["MB"] * 2
    receipt_ms, slowest_ms, key_ms, slice_ms, fresh_mb, added_mb = (figure.value for figure in figures)
    assert 1 < receipt_ms <= slowest_ms < 5_000
    assert receipt_ms < key_ms < 5_000
    assert 0 < slice_ms < 5_000
    assert 20 < fresh_mb < 200
    assert 0 <= added_mb < 5
