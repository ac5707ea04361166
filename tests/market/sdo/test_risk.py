"""Habits are learned, a cycle that strays is noticed and followed, and risk is the normal law's, far out as well."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, truncnorm

from market.sdo.chosen import SURPRISE
from market.sdo.risk import Habits, chance_of, expected_total, fit_habits, renew_habits, risk
from market.traces.presets import draw


def _arrays(*values: float) -> list[np.ndarray]:
    return [np.array([value], dtype=np.float64) for value in values]


def test_a_curve_that_is_a_power_is_found() -> None:
    hours = np.arange(1, 25)
    for b in (0.5, 1.0, 2.3):
        cumulative = 1e6 * hours**b
        history = np.diff(cumulative, prepend=0)[None, None, :].repeat(3, axis=0)
        habits = fit_habits(history)
        assert habits.b[0] == pytest.approx(b, abs=1e-6)
        assert habits.a[0] == pytest.approx(1e6, rel=1e-5)
        assert habits.expected_bytes(24)[0] == pytest.approx(cumulative[-1])
        assert habits.sigma_bytes.shape == (1, 24)


def test_the_end_of_the_curve_is_the_mean_and_its_deviation_that_of_cycles() -> None:
    history = draw("paper-50MB", 1).usage.history_bytes
    habits, totals = fit_habits(history), history.sum(axis=2)
    assert habits.expected_bytes(24) == pytest.approx(totals.mean(axis=0))
    assert habits.sigma_bytes[:, -1] == pytest.approx(totals.std(axis=0))


def test_somebody_who_never_uses_anything_has_habits() -> None:
    habits = fit_habits(np.zeros((3, 1, 24), dtype=np.int64))
    assert habits.expected_bytes(24)[0] == 0
    assert (
        risk(habits.expected_bytes(24), habits.sigma_bytes[:, -1], np.array([50]), np.array([0]))[0] < 1e-300
    )


def test_risk_is_the_conditional_probability() -> None:
    mean, sigma = _arrays(35.0, 28.0)
    for quota, used in ((50.0, 0.0), (50.0, 30.0), (20.0, 5.0), (50.0, 49.9)):
        expected = norm.sf(quota, 35, 28) / norm.sf(used, 35, 28)
        assert risk(mean, sigma, *_arrays(quota, used))[0] == pytest.approx(expected)
    assert risk(mean, sigma, *_arrays(50.0, 60.0))[0] == 1


def test_risk_far_beyond_habit_is_a_number() -> None:
    mean, sigma = _arrays(1.0, 0.1)
    at = [risk(mean, sigma, *_arrays(100.0, used))[0] for used in (0.0, 50.0, 99.99, 100.0)]
    assert at == sorted(at)
    assert (at[0], at[-1]) == (0.0, 1.0)
    assert 0 < at[2] < 1


def test_what_is_expected_of_who_has_used_that_much() -> None:
    mean, sigma = _arrays(35.0, 28.0)
    for used in (0.0, 40.0, 90.0):
        expected = truncnorm.mean((used - 35) / 28, np.inf, 35, 28)
        assert expected_total(mean, sigma, np.array([used]))[0] == pytest.approx(expected)
    assert expected_total(*_arrays(1.0, 0.1, 500.0))[0] == pytest.approx(500, rel=1e-3)
    for far in (1e6, 5e7, 3e12):
        assert expected_total(*_arrays(1e5, 1.0, far))[0] == pytest.approx(far, rel=1e-6)


def test_a_cycle_like_the_others_is_likely_and_a_wild_one_is_not() -> None:
    history = draw("light", 2).usage.history_bytes
    usual = history.mean(axis=0)
    assert np.all(chance_of(history, usual[:, :12]) > 0.5)
    wild = chance_of(history, 20 * usual[:, :12])
    assert np.all((wild >= 0) & (wild < SURPRISE))


def test_cycles_of_the_same_law_seldom_surprise() -> None:
    drawn = draw("light", 3, users=200, cycles=60).usage
    assert (chance_of(drawn.history_bytes, drawn.cycle_bytes) <= SURPRISE).mean() < 0.1


def test_habits_follow_a_cycle_that_strays_and_no_other() -> None:
    history = draw("light", 4, users=2).usage.history_bytes
    before = fit_habits(history)
    seen = history.mean(axis=0)[:, :10] * np.array([[10.0], [1.0]])
    after, chance = renew_habits(before, history, seen)
    assert chance[0] < SURPRISE < chance[1]
    ratio = after.expected_bytes(24) / before.expected_bytes(24)
    assert ratio[0] == pytest.approx(10, rel=0.01)
    assert ratio[1] == 1
    assert isinstance(after, Habits)


def test_the_first_hour_of_somebody_who_sleeps_through_it() -> None:
    history = np.zeros((3, 1, 4), dtype=np.int64)
    history[:, :, 1:] = 10
    after, _ = renew_habits(fit_habits(history), history, np.array([[0]]))
    assert after.expected_bytes(4)[0] == pytest.approx(30)
