"""What is said of a slice that somebody else sold: here a box beside it, in the compose lab apd."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from lab.compose import bought_slice
from lab.compose.box import Box, running_box
from lab.compose.sold_slice import BUYER, RATES, Lab, Pace, compose_lab, read_cell, run
from lab.compose.subscribers import SLOT_1
from ran_slicing.core_settings import CoreSettings
from ran_slicing.n5 import AppSession
from ran_slicing.store_address import StoreAddress
from tests.lab.compose.simulated_lab import simulated
from wire.errors import ShellError

HURRIED = Pace(appear_s=10, answer_s=10, settle_s=2, measure_s=2)


@contextlib.asynccontextmanager
async def selling(lab: Lab) -> AsyncIterator[Box]:
    """In apd's place."""
    assert lab.gnb_file is not None
    state, _ = read_cell(lab.gnb_file)
    async with running_box(lab.core, state, lab.remote) as box:
        await box.until(lambda: box.stay(BUYER, SLOT_1), "the buyer", 10)
        stay = box.stay(BUYER, SLOT_1)
        assert stay is not None
        assert stay.ipv4 is not None
        box.sell(AppSession(stay.ipv4, BUYER, SLOT_1, stay.dnn, RATES), SLOT_1)
        yield box
        box.end()


def test_a_bought_slice_is_seen(
    store: StoreAddress, run_async: Callable[[Any], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    async def story() -> Any:
        async with simulated(store, radio=True) as lab, selling(lab):
            return await bought_slice.play(replace(lab, pace=HURRIED))

    assert run_async(story()) == []
    said = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in said] == ["ok  "] * 4
    assert "is 10.45.0.2 in slot 1-000001, where apd moved it" in said[0]
    assert "one flow of 5QI 2" in said[1]


def test_a_floor_that_is_not_kept_is_seen(
    store: StoreAddress, run_async: Callable[[Any], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    async def story() -> Any:
        async with simulated(store, radio=True, sees_all=False) as lab, selling(lab):
            return await bought_slice.play(replace(lab, pace=HURRIED))

    assert len(run_async(story())) == 1
    assert "FAIL  sold 2.00 Mbit/s, each second got" in capsys.readouterr().out


def test_who_bought_nothing_has_no_flow(store: StoreAddress, run_async: Callable[[Any], Any]) -> None:
    async def story() -> Any:
        async with simulated(store, radio=True) as lab:
            return await bought_slice.play(replace(lab, pace=replace(HURRIED, answer_s=1)))

    with pytest.raises(ShellError, match="the core shows the flow: not within 1 s"):
        run_async(story())


def test_without_a_lab_it_says_what_it_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    core = CoreSettings(pcf_host="127.0.0.1", smf_host="127.0.0.1", smf_metrics_port=1)
    assert run(replace(compose_lab("apd"), core=core, pace=Pace(appear_s=1)), bought_slice.play) == 1
    assert f"{BUYER} has a session in a slot: not within 1 s" in capsys.readouterr().out
