"""The gateways' benchmark in small: real brokers, a real ledger, real gateways, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.bench.gateway import Sizes, run

pytestmark = pytest.mark.system


def test_every_way_is_measured(tmp_path: Path, needs: Callable[..., None]):
    needs("mosquitto")
    said: list[str] = []
    figures = run(said.append, Sizes(rounds=1, boxes=2, records=20, alone=5), tmp_path)
    assert [figure.unit for figure in figures] == ["records/s", "records/s", "ms", "ms"]
    assert all(
        figure.value > 0 and figure.against is not None and figure.against.value > 0 for figure in figures
    )
    assert len(said) == 3
    assert list(tmp_path.iterdir()) == [], "everything is taken away again"
