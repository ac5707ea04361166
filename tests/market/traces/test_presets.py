"""Presets: golden hashes, and what their names and reasons promise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from market.traces.presets import PRESETS, draw, draw_preset

GOLDEN = {
    "paper-50MB": "b5ed65cdad365911ec379cc5c62bfa86f653750168e3827b461df0cfb97ae6f0",
    "tight-2MB": "b5ed65cdad365911ec379cc5c62bfa86f653750168e3827b461df0cfb97ae6f0",
    "mid-1.5MB": "c40fae38347054c0eb512c9a2050f6045602f56a01d54ccbdf7f555d2c1be0ef",
    "light": "359143a140ae48ecdc4c34e1fd746633874a0f67880f513e2057abcd99703bc1",
    "heavy-tail": "e6f33f96544abdae5f5c78923ce4bd9cdb4e61c8301c542899c732a46387f273",
}
"""Of seed 0, for the numpy of requirements.lock. tight-2MB has the users of paper-50MB, on another plan."""


@pytest.mark.parametrize("name", list(PRESETS))
def test_golden_hash(name: str) -> None:
    manifest = draw(name, 0).manifest
    assert manifest.sha256 == GOLDEN[name], f"drawn by numpy {manifest.numpy_version}"
    assert (manifest.preset, manifest.seed) == (name, 0)
    assert manifest.label == draw(name, 0).usage.label == f"{name}, seed 0 (synthetic)"


def test_a_preset_of_ones_own() -> None:
    wider = dataclasses.replace(PRESETS["paper-50MB"], name="wider", spread=0.4)
    own, same = draw_preset(wider, 0), draw_preset(PRESETS["paper-50MB"], 0)
    assert same.manifest.sha256 == GOLDEN["paper-50MB"] != own.manifest.sha256
    assert own.usage.label == "wider, seed 0 (synthetic)"
    assert np.array_equal(own.circumstances.qos, same.circumstances.qos)


def test_another_seed_draws_other_users() -> None:
    assert draw("light", 1).manifest.sha256 != GOLDEN["light"]


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_population_has_the_load_and_the_spread_of_its_preset(name: str) -> None:
    preset, usage = PRESETS[name], draw(name, 3, users=600).usage
    totals = usage.used_bytes.sum(axis=2)
    assert totals.mean() == pytest.approx(preset.load * preset.quota_bytes, rel=0.2)
    means = totals.mean(axis=0)
    assert np.log(means).std() == pytest.approx(preset.spread, rel=0.25)
    assert np.median(totals.std(axis=0) / means) == pytest.approx(preset.noise, rel=0.1)


def test_a_longer_cycle_has_days() -> None:
    usage = draw("light", 0, users=200, hours=48, cycles=2).usage
    by_hour = usage.used_bytes.sum(axis=(0, 1))
    assert by_hour[[3, 27]].max() < by_hour[[13, 20, 37, 44]].min()


def test_an_unknown_name() -> None:
    with pytest.raises(KeyError, match="papre"):
        draw("papre-50MB", 0)
