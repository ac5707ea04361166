"""Subscribers from a seed: the same again, about their means, light and heavy."""

from __future__ import annotations

import numpy as np
import pytest

from market.sdo.population import draw_subscribers


def test_a_seed_gives_the_same_users_and_another_seed_others() -> None:
    one, again, other = draw_subscribers(3), draw_subscribers(3), draw_subscribers(4)
    assert np.array_equal(one.alpha, again.alpha)
    assert np.array_equal(one.plan_value, again.plan_value)
    assert not np.array_equal(one.alpha, other.alpha)
    assert one.label == "100 subscribers, a 0.5, 0.5 GB, seed 3 (synthetic)"


def test_means_are_those_asked_for_and_some_are_heavy() -> None:
    users = draw_subscribers(5, 2000, alpha=0.3, session_gb=0.25)
    assert users.alpha.mean() == pytest.approx(0.3, abs=0.01)
    assert users.session_gb.mean() == pytest.approx(0.25, rel=0.01)
    heavy = users.alone_gb() > users.quota_gb
    assert 0.3 < heavy.mean() < 0.7


def test_populations_of_the_same_use_differ_in_nothing_else() -> None:
    uses = [draw_subscribers(6, alpha=alpha, same_use=True).alone_gb() for alpha in (0.3, 0.5, 0.8)]
    assert all(use == pytest.approx(uses[0]) for use in uses)
    assert draw_subscribers(6, alpha=0.3).alone_gb().max() > 5 * uses[0].max()


def test_a_mean_at_the_end_of_its_range_is_refused() -> None:
    with pytest.raises(AssertionError, match="away from its ends"):
        draw_subscribers(0, alpha=0.99)
