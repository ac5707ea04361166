"""Customers honest and otherwise on virtual radios, with every part of the product real: one stage for all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.wifi.__main__ import SCENARIOS
from lab.wifi.stage import WifiStage, set_wifi_stage

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def stage() -> Iterator[WifiStage]:
    logs = ROOT / "build" / "tests" / "wifi-logs"
    with set_wifi_stage(logs, lambda text: print(text, file=sys.stderr), stations=4, duration_s=240) as made:
        yield made


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_it_holds(stage: WifiStage, scenario) -> None:
    found = scenario(stage, print)
    print(found)
    assert found.held, found.seen
