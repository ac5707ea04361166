"""The month with a slow way beside overage: against trying everything, at its ends, and beside the month without it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from market.sdo import monthly
from market.sdo.monthly_throttling import Slowness, SlowUsage, optimum, spending, total_gb, utility
from tests.sdo_world import a_user, random_users

DRAWS = 400


def a_slowness(worth: float, most_gb: float) -> Slowness:
    return Slowness(np.array(worth), np.array(most_gb))


def random_slowness(seed: int, draws: int = DRAWS) -> Slowness:
    draw = np.random.default_rng(seed)
    return Slowness(draw.uniform(0, 0.9, draws), draw.uniform(0, 12, draws))


def test_no_usage_on_a_grid_is_better() -> None:
    """Brute force over (z, beta, x): every usage that is allowed, of 400 users all over the ranges."""
    users, slowness = random_users(1, DRAWS), random_slowness(2)
    price = np.random.default_rng(3).uniform(0, 12, DRAWS)
    found = optimum(users, slowness, price)
    best = utility(users, slowness, price, found)
    assert np.all(total_gb(users, found) <= users.most_gb * (1 + 1e-9))
    assert np.all((found.slow_gb == 0) | (found.plan_gb >= users.quota_gb * (1 - 1e-9)))
    part = np.linspace(0, 1, 41)[:, None]
    for share in np.linspace(0, 1, 21):
        for slow in np.linspace(0, 1, 21):
            slow_gb = slow * slowness.most_gb
            room = users.most_gb - slow_gb - share * users.offers * users.session_gb
            tried = SlowUsage(part * np.maximum(room, 0), slow_gb, np.full((1, DRAWS), share))
            assert np.all((utility(users, slowness, price, tried) <= best + 1e-8) | (room < 0))


def test_it_beats_its_neighbours() -> None:
    """Small steps in every direction of three, so that a grid that is too coarse hides nothing."""
    users, slowness, price = random_users(4, DRAWS), random_slowness(5), np.full(DRAWS, 2.0)
    found = optimum(users, slowness, price)
    best = utility(users, slowness, price, found)
    offered = users.offers * users.session_gb
    for size in (1e-3, 1e-5):
        for plan, slow, share in np.array(np.meshgrid(*[(-size, 0, size)] * 3)).reshape(3, -1).T:
            plan_gb, slow_gb = np.maximum(found.plan_gb + plan, 0), np.maximum(found.slow_gb + slow, 0)
            there = SlowUsage(plan_gb, slow_gb, found.share + share / offered)
            allowed = (
                (total_gb(users, there) <= users.most_gb)
                & (there.slow_gb <= slowness.most_gb)
                & (there.share >= 0)
                & (there.share <= 1)
            )
            gained = utility(users, slowness, price, there) - best
            assert np.all(gained[allowed] <= 1e-9)


def test_each_way_is_best_for_somebody() -> None:
    """Else a candidate is there for nothing: nobody slow, all slow, in part; with overage and without; offers."""
    draws = 20_000
    users, slowness = random_users(6, draws), random_slowness(7, draws)
    found = optimum(users, slowness, np.random.default_rng(8).uniform(0, 12, draws))
    slow = np.where(found.slow_gb == 0, 0, np.where(found.slow_gb >= slowness.most_gb - 1e-9, 2, 1))
    over = found.plan_gb > users.quota_gb + 1e-9
    share = np.where(found.share == 0, 0, np.where(found.share >= 1 - 1e-9, 2, 1))
    kinds = set(zip(slow.tolist(), over.tolist(), share.tolist(), strict=True))
    assert {(1, False, 0), (1, True, 0), (1, False, 2), (2, False, 1), (2, True, 1), (2, True, 2)} <= kinds


def test_a_slow_way_that_is_worth_nothing_changes_nothing() -> None:
    users, price = random_users(9, DRAWS), np.full(DRAWS, 2.0)
    plain = monthly.optimum(users, price)
    found = optimum(users, a_slowness(0.0, 5.0), price)
    worth = utility(users, a_slowness(0.0, 5.0), price, found)
    assert worth == pytest.approx(monthly.utility(users, price, plain), rel=1e-9)


def test_nobody_loses_by_a_way_more_and_who_has_it_pays_no_more_overage() -> None:
    """Only the user gains for certain; what he pays may rise, for offers in the place of overage."""
    users, price = random_users(10, DRAWS), np.full(DRAWS, 3.0)
    before = monthly.optimum(users, price)
    worths = [monthly.utility(users, price, before)]
    for worth in (0.2, 0.5, 0.8):
        slowness = a_slowness(worth, 6.0)
        found = optimum(users, slowness, price)
        worths.append(utility(users, slowness, price, found))
        assert np.all(found.plan_gb <= np.maximum(before.plan_gb, users.quota_gb) + 1e-9)
    assert all(np.all(later >= now - 1e-9) for now, later in pairwise(worths))


def test_by_hand() -> None:
    """Quota 5, 9 GB used without a slow way (30 / 10 squared). A slow GB of half the worth, 4 of them: 7 are bought."""
    user = a_user(0.5, 30, 4, 5, 10, 0.5, 2, 30)
    found = optimum(user, a_slowness(0.5, 4.0), np.array([99.0]))
    assert (found.plan_gb[0], found.slow_gb[0], found.share[0]) == (pytest.approx(7.0), 4.0, 0.0)
    assert spending(user, 99.0, found)[0] == pytest.approx(20.0)
    assert total_gb(user, found)[0] == pytest.approx(11.0)


def test_of_indifference_the_operator_decides() -> None:
    user = a_user(0.5, 30, 4, 5, 10, 0.5, 2, 30)
    worth = user.session_worth()
    assert optimum(user, a_slowness(0.5, 4.0), worth).share[0] == 1.0
    assert optimum(user, a_slowness(0.5, 4.0), worth + 1e-6).share[0] == 0.0


@pytest.mark.parametrize(("worth", "most_gb"), [(1.0, 1.0), (-0.1, 1.0), (0.5, -1.0)])
def test_slowness_that_cannot_be(worth: float, most_gb: float) -> None:
    with pytest.raises(AssertionError):
        a_slowness(worth, most_gb)
