"""The end-to-end test of the compose labs, against simulators in place of the containers: that it sees what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lab.compose.sold_slice import BUYER, Pace, compose_lab, play, run
from lab.ran.core_lists import HOST
from ran_slicing.core_settings import CoreSettings
from ran_slicing.store_address import StoreAddress
from tests.lab.compose.simulated_lab import simulated


def test_a_slice_is_sold_in_the_lab_with_a_radio(
    store: StoreAddress, run_async: Callable[[Any], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    async def story() -> Any:
        async with simulated(store, radio=True) as lab:
            return await play(lab)

    assert run_async(story()) == []
    said = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in said] == ["ok  "] * len(said)
    assert len(said) == 8
    assert any("before the sale the slot carries 0.00 Mbit/s" in line for line in said)


def test_and_in_the_lab_without(store: StoreAddress, run_async: Callable[[Any], Any]) -> None:
    async def story() -> Any:
        async with simulated(store, radio=False) as lab:
            return await play(lab)

    assert run_async(story()) == []


def test_a_floor_that_is_not_kept_fails(
    store: StoreAddress, run_async: Callable[[Any], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    async def story() -> Any:
        async with simulated(store, radio=True, sees_all=False) as lab:
            return await play(lab)

    assert run_async(story())
    assert "FAIL  sold 2.00 Mbit/s, each second got" in capsys.readouterr().out


def test_without_a_lab_it_says_what_it_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    core = CoreSettings(pcf_host=HOST, smf_host=HOST, smf_metrics_port=1)
    assert run(replace(compose_lab("ueransim"), core=core, pace=Pace(appear_s=1))) == 1
    assert f"{BUYER} has a session in slot 1-000001: not within" in capsys.readouterr().out
