"""The exact month, beside trying everything, and at the ends of what can be asked."""

from __future__ import annotations

import numpy as np
import pytest

from market.sdo.monthly import Usage, optimum, spending, total_gb, utility
from tests.sdo_world import a_user, random_users

DRAWS = 500


def test_no_usage_on_a_fine_grid_is_better_in_500_draws() -> None:
    users = random_users(1, DRAWS)
    price = np.random.default_rng(2).uniform(0, 12, DRAWS)
    found = optimum(users, price)
    assert np.all(total_gb(users, found) <= users.most_gb * (1 + 1e-12))
    assert np.all((found.share >= 0) & (found.share <= 1))
    best = utility(users, price, found)
    assert {"none", "some", "all"} == {
        "none" if share == 0 else "all" if share == 1 else "some" for share in found.share
    }
    part = np.linspace(0, 1, 61)[:, None]
    for share in np.linspace(0, 1, 61):
        room = users.most_gb - share * users.offers * users.session_gb
        tried = utility(users, price, Usage(part * np.maximum(room, 0), np.full((1, DRAWS), share)))
        assert np.all((tried <= best + 1e-9) | (room < 0))


def test_it_beats_its_neighbours() -> None:
    users, price = random_users(3, DRAWS), np.full(DRAWS, 2.0)
    found = optimum(users, price)
    best = utility(users, price, found)
    for step in (1e-3, 1e-5):
        for plan, share in (
            (step, 0.0),
            (-step, 0.0),
            (0.0, step),
            (0.0, -step),
            (step, -step),
            (-step, step),
        ):
            there = Usage(
                np.maximum(found.plan_gb + plan, 0), found.share + share / (users.offers * users.session_gb)
            )
            allowed = (total_gb(users, there) <= users.most_gb) & (there.share >= 0) & (there.share <= 1)
            assert np.all((utility(users, price, there) - best)[allowed] <= 1e-9)


def test_who_gains_nothing_by_an_offer_stays_as_he_was() -> None:
    user = a_user(0.5, 30, 4, 5, 10, 0.5, 2, 30)
    worth = user.session_worth()
    above = optimum(user, worth + 1e-9)
    assert (above.plan_gb[0], above.share[0]) == (9.0, 0.0)


def test_of_indifference_the_operator_or_the_user_decides() -> None:
    user = a_user(0.5, 30, 4, 5, 10, 0.5, 2, 30)
    worth = user.session_worth()
    takes, leaves = (optimum(user, worth, for_the_operator=side) for side in (True, False))
    assert (takes.share[0], leaves.share[0]) == (1.0, 0.0)
    assert utility(user, worth, takes) == pytest.approx(utility(user, worth, leaves))
    assert spending(user, worth, takes)[0] > spending(user, worth, leaves)[0]


def test_a_value_that_never_fades() -> None:
    for offer, expected in ((10.0, (0.0, 1.0)), (2.0, (5.0, 0.5)), (0.5, (5.0, 0.0))):
        user = a_user(
            0.0, 3, offer, 5, 10, 1, 10, 10
        )  # a GB is worth 3 on the plan, and `offer` less 1 outside
        found = optimum(user, np.array([1.0]))
        assert (found.plan_gb[0], found.share[0]) == expected


def test_without_offers_there_is_nothing_to_take() -> None:
    found = optimum(a_user(0.5, 10, 10, 3, 5, 1, 0, 10), np.array([1.0]))
    assert (found.plan_gb[0], found.share[0]) == (4.0, 0.0)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ((1.0, 1, 1, 1, 1, 1, 1, 9), "lies in"),
        ((0.5, 1, 1, 1, 0, 1, 1, 9), "overage costs"),
        ((0.5, 1, 1, 1, 1, 0, 1, 9), "session carries"),
        ((0.5, 30, 1, 5, 10, 1, 1, 8.9), "gamma is at least"),
    ],
)
def test_users_that_cannot_be(wrong: tuple[float, ...], why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        a_user(*wrong)
