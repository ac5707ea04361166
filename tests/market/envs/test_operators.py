"""Competition as an environment: the library's own checks, budgets, places, and users who choose as an agent does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

from market.envs.operators import Competition, Operators
from market.sdo.monthly import UBC

POSTED = Competition(users_learn=False)


@pytest.mark.parametrize(("market", "horizon"), [(Competition(), None), (POSTED, None), (Competition(), 5)])
def test_pettingzoo_has_nothing_to_say_against_it(market: Competition, horizon: int | None) -> None:
    parallel_api_test(Operators(market, horizon), num_cycles=60)


@pytest.mark.parametrize("market", [Competition(), POSTED])
def test_the_same_seed_is_the_same_market(market: Competition) -> None:
    parallel_seed_test(lambda: Operators(market), num_cycles=30)


def test_money_goes_from_users_to_operators_and_nobody_spends_more_than_he_has() -> None:
    market = Competition(budget_ubc=6_000_000)
    env = Operators(market)
    refused = 0
    for seed in range(20):
        _, infos = env.reset(seed=seed)
        chance = np.random.default_rng(seed)
        left = dict.fromkeys(users(env), market.budget_ubc)
        while env.agents:
            live = list(env.agents)
            actions = {agent: int(chance.integers(env.action_space(agent).n)) for agent in live}
            asked = [infos[f"operator_{k}"]["price_ubc"] for k in range(market.operators)]
            before = infos
            _, rewards, _, _, infos = env.step(actions)
            paid = {user: infos[user]["paid_ubc"] for user in left}
            for user, amount in paid.items():
                left[user] -= amount
                assert infos[user]["left_ubc"] == left[user] >= 0
                if not before[user]["action_mask"][actions[user]]:
                    refused += 1
                    assert (infos[user]["served_by"], rewards[user]) == (-1, 0)
                if infos[user]["served_by"] >= 0:
                    assert infos[user]["served_by"] == actions[user] - 1
                    assert amount == asked[actions[user] - 1], "a quote binds"
            assert sum(paid.values()) == sum(
                infos[f"operator_{k}"]["revenue_ubc"] for k in range(market.operators)
            )
            for k in range(market.operators):
                told = infos[f"operator_{k}"]
                assert rewards[f"operator_{k}"] == told["revenue_ubc"] / UBC
                assert told["served"] <= market.places
                assert not told["turned_away"] or told["served"] == market.places
    assert refused > 0, "the budget was felt"


def test_users_that_do_not_learn_take_the_cheaper_quote_and_stay_where_moving_costs_more() -> None:
    market = Competition(users_learn=False, operators=2, users=3, places=3, prices=101)
    env = Operators(market)
    env.reset(seed=0)
    ask(env, 20, 25)
    assert served(env, 20, 25) == [3, 0]
    assert served(env, 20, 15) == [3, 0], "now the quotes are 20 and 25"
    assert served(env, 21, 20) == [0, 3], "5 parts of 2 coins in 100 are 0.1, moving costs 0.07"
    assert served(env, 100, 100) == [0, 3], "0.02 is less than moving costs"
    assert served(env, 100, 100) == [0, 0], "nobody's hour is worth 2 coins"


def test_in_a_round_each_gains_what_it_is_worth_less_price_and_way() -> None:
    market = Competition(users=1, prices=101, least_worth_ubc=1_800_000, most_worth_ubc=1_800_000)
    env = Operators(market)
    env.reset(seed=0)
    env.step({"operator_0": 50, "operator_1": 50, "user_0": 0})
    _, moved, _, _, _ = env.step({"operator_0": 50, "operator_1": 50, "user_0": 1})
    _, stayed, _, _, _ = env.step({"operator_0": 50, "operator_1": 50, "user_0": 1})
    assert moved["user_0"] == pytest.approx(0.8 - 4.25 / 60, abs=1e-5)
    assert stayed["user_0"] == pytest.approx(0.8 - 0.75 / 60, abs=1e-5)


@pytest.mark.parametrize(
    ("agent", "action"), [("operator_0", -5), ("operator_0", 50), ("user_0", -3), ("user_0", 3)]
)
def test_what_is_no_price_and_no_quote_is_refused(agent: str, action: int) -> None:
    """A price below 0 would pay users, one above the most leaves the observations."""
    env = Operators()
    env.reset(seed=0)
    with pytest.raises(AssertionError, match=agent):
        env.step(dict.fromkeys(env.agents, 0) | {agent: action})
    env.step(dict.fromkeys(env.agents, 0))


def test_nothing_is_played_before_the_first_reset_or_after_the_end() -> None:
    env = Operators(horizon=1)
    with pytest.raises(AssertionError, match="reset first"):
        env.step({})
    env.reset(seed=0)
    env.step(dict.fromkeys(env.agents, 0))
    with pytest.raises(AssertionError, match="reset first"):
        env.step({})


def test_without_a_seed_two_markets_are_two() -> None:
    """Else workers side by side would all learn from one course."""
    one, other = Operators(), Operators()
    one.reset()
    other.reset()
    assert [user.worth_ubc for user in one._users] != [user.worth_ubc for user in other._users]


@pytest.mark.parametrize(
    "wrong", [{"operators": 0}, {"users": 0}, {"rounds": 0}, {"places": 0}, {"prices": 1}]
)
def test_markets_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        Competition(**wrong)


def ask(env: Operators, *prices: int) -> list[dict[str, Any]]:
    _, _, _, _, infos = env.step({f"operator_{k}": price for k, price in enumerate(prices)})
    return [infos[f"operator_{k}"] for k in range(len(prices))]


def served(env: Operators, *prices: int) -> list[int]:
    """How many each served in this round, after which it asks `prices`."""
    return [told["served"] for told in ask(env, *prices)]


def users(env: Operators) -> list[str]:
    return [agent for agent in env.agents if agent.startswith("user")]
