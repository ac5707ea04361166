"""Circumstances follow the laws that the thesis gives, and are whole millionths."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from market.traces.circumstances import MILLION, draw_circumstances


def test_laws_of_the_thesis() -> None:
    drawn = draw_circumstances(4000, 24, np.random.SeedSequence(1))
    assert drawn.wifi.mean() == pytest.approx(np.exp(-2), abs=0.005)
    assert drawn.sensitivity.mean() / MILLION == pytest.approx(0.25 * np.sqrt(np.pi / 2), abs=0.01)
    assert drawn.sensitivity.max() < MILLION
    for uniform in (drawn.qos, drawn.wifi_taste):
        assert uniform.mean() / MILLION == pytest.approx(0.5, abs=0.02)


def test_a_seed_gives_the_same_again() -> None:
    one, again = (draw_circumstances(3, 5, np.random.SeedSequence(9)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one.arrays(), again.arrays(), strict=True))


def test_what_cannot_be() -> None:
    drawn = draw_circumstances(3, 5, np.random.SeedSequence(9))
    for change, why in (
        ({"wifi": drawn.wifi[:, :2]}, "Wi-Fi"),
        ({"congestion": drawn.congestion[:2]}, "of an hour"),
        ({"sensitivity": drawn.sensitivity[:1]}, "each user"),
        ({"sensitivity": np.full(3, MILLION)}, "below 1"),
        ({"qos": drawn.qos + MILLION}, "millionths"),
        ({"qos": drawn.qos / 2}, "integers"),
    ):
        with pytest.raises(AssertionError, match=why):
            dataclasses.replace(drawn, **change)
