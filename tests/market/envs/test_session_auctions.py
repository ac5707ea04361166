"""A day of auctions as an environment: the library's own checks, and money, capacity and masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

from market.envs.session_auctions import AuctionDay, SessionAuctions
from market.ubid.bundles import Policy

TRUTH = AuctionDay().levels_percent.index(100)


@pytest.mark.parametrize("horizon", [None, 5])
def test_pettingzoo_has_nothing_to_say_against_it(horizon: int | None) -> None:
    parallel_api_test(SessionAuctions(horizon=horizon), num_cycles=60)


def test_the_same_seed_is_the_same_day() -> None:
    parallel_seed_test(SessionAuctions, num_cycles=30)
    env = SessionAuctions()
    first, _ = env.reset(seed=1)
    other, _ = env.reset()
    again, _ = env.reset(seed=1)
    assert same(first, again)
    assert not same(first, other), "without a seed it is the next day"


@pytest.mark.parametrize("policy", list(Policy))
def test_nobody_spends_more_than_he_has_or_pays_more_than_he_bid(policy: Policy) -> None:
    """Over 20 days of random levels: a price is at most the bid, which is at most what is left."""
    env = SessionAuctions(AuctionDay(policy=policy, reserve_ubc=1_000))
    won_in_all = 0
    for seed in range(20):
        env.reset(seed=seed)
        chance = np.random.default_rng(seed)
        before = told(env)
        left = dict.fromkeys(env.agents, AuctionDay().budget_ubc)
        while env.agents:
            agents = list(env.agents)
            actions = {agent: int(chance.integers(7)) for agent in agents}
            _, rewards, _, _, infos = env.step(actions)
            for agent in agents:
                info, percent = infos[agent], AuctionDay().levels_percent[actions[agent]]
                assert 0 <= info["paid_ubc"] <= before[agent]["worth_ubc"] * percent // 100
                left[agent] -= info["paid_ubc"]
                assert info["left_ubc"] == left[agent] >= 0
                assert rewards[agent] == info["won_ubc"] / 1_000_000
                assert bool(info["won_ubc"]) <= bool(before[agent]["worth_ubc"])
                won_in_all += info["won_ubc"]
            before = infos
    assert won_in_all > 0


def test_alone_a_truthful_bidder_wins_everything_at_the_reserve_price() -> None:
    day = AuctionDay(bidders=1, crowd=0, units=4, most_slots=1, reserve_ubc=100)
    env = SessionAuctions(day)
    env.reset(seed=3)
    sessions = wins = 0
    offered = told(env)["bidder_0"]
    while env.agents:
        sessions += bool(offered["worth_ubc"])
        reserve = 100 * sum(offered["bundle"])
        _, _, _, _, infos = env.step({"bidder_0": TRUTH})
        info = infos["bidder_0"]
        wins += bool(info["won_ubc"])
        assert info["paid_ubc"] == (reserve if info["won_ubc"] else 0) == info["revenue_ubc"]
        offered = info
    assert sessions == wins == day.sessions


def test_who_has_no_session_may_only_keep_still() -> None:
    env = SessionAuctions()
    _, infos = env.reset(seed=5)
    masks = set()
    while env.agents:
        for info in infos.values():
            masks.add((bool(info["worth_ubc"]), int(info["action_mask"].sum())))
        _, _, _, _, infos = env.step(dict.fromkeys(env.agents, 1))
    assert masks == {(False, 1), (True, 7)}


def test_what_is_sold_is_gone_for_the_slots_that_follow() -> None:
    """One bidder takes all there is for some slots; the crowd of one then finds nothing until they are over."""
    day = AuctionDay(bidders=2, crowd=0, sessions=24, units=1, modes=(1,), most_slots=4, budget_ubc=1 << 40)
    env = SessionAuctions(day)
    _, infos = env.reset(seed=6)
    busy = 0
    while env.agents:
        offered = [info["bundle"] for info in infos.values()]
        assert not (busy and any(offered)), "the unit is sold"
        _, _, _, _, infos = env.step(dict.fromkeys(env.agents, TRUTH))
        won = [len(bundle) for bundle, info in zip(offered, infos.values(), strict=True) if info["won_ubc"]]
        assert len(won) <= 1
        busy = max(busy - 1, 0, *(length - 1 for length in won))


@pytest.mark.parametrize("level", [-1, 7])
def test_what_is_no_level_is_refused(level: int) -> None:
    env = SessionAuctions()
    env.reset(seed=0)
    with pytest.raises(AssertionError, match="bidder_2"):
        env.step(dict.fromkeys(env.agents, 0) | {"bidder_2": level})
    env.step(dict.fromkeys(env.agents, 0))


def test_nothing_is_played_before_the_first_reset_or_after_the_end() -> None:
    env = SessionAuctions(horizon=1)
    with pytest.raises(AssertionError, match="reset first"):
        env.step({})
    env.reset(seed=0)
    env.step(dict.fromkeys(env.agents, 0))
    with pytest.raises(AssertionError, match="reset first"):
        env.step({})


def test_without_a_seed_two_days_are_two() -> None:
    one, other = SessionAuctions(), SessionAuctions()
    one.reset()
    other.reset()
    assert one._sessions != other._sessions


def test_a_bidder_sees_his_bundle_s_worth_in_the_money_that_he_has() -> None:
    """The same bundle is the same observation on every day, whatever others want or will want."""
    env, seen_worths = SessionAuctions(), 0
    budget_ubc = AuctionDay().budget_ubc
    for seed in range(20):
        seen, infos = env.reset(seed=seed)
        while env.agents:
            for agent, info in infos.items():
                assert seen[agent][1] == pytest.approx(info["left_ubc"] / budget_ubc)
                assert seen[agent][2] == pytest.approx(min(1, info["worth_ubc"] / budget_ubc))
                seen_worths += bool(info["worth_ubc"])
            seen, _, _, _, infos = env.step(dict.fromkeys(env.agents, 2))
    assert seen_worths > 300


def test_levels_are_different_bids_for_nearly_all_that_is_offered() -> None:
    """Over 20 days of random levels: no more than one offer of ten leaves nothing to choose but to bid or not."""
    day, env = AuctionDay(), SessionAuctions()
    alike = offered = 0
    for seed in range(20):
        _, infos = env.reset(seed=seed)
        chance = np.random.default_rng(seed)
        while env.agents:
            for info in infos.values():
                bids = {
                    min(info["worth_ubc"] * level // 100, info["left_ubc"])
                    for level in day.levels_percent[1:]
                }
                offered += bool(info["worth_ubc"])
                alike += bool(info["worth_ubc"]) and len(bids) == 1
            _, _, _, _, infos = env.step({agent: int(chance.integers(7)) for agent in env.agents})
    assert offered > 300
    assert alike < 0.1 * offered


@pytest.mark.parametrize(
    "wrong",
    [
        {"bidders": 0},
        {"sessions": 25},
        {"levels_percent": (10,)},
        {"most_slots": 0},
        {"budget_ubc": 0},
        {"crowd": -1},
    ],
)
def test_days_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        AuctionDay(**wrong)


def told(env: SessionAuctions) -> dict[str, dict[str, Any]]:
    """What the agents were last told, by asking for it again."""
    return env._infos({}, {}, 0)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(np.array_equal(one[agent], other[agent]) for agent in one)
