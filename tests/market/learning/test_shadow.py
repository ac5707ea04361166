"""Shadow mode: no cost while it learns, a budget that holds, and offers taken once they were proven."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from market.learning.double_dqn import Settings, learner_of
from market.learning.regret import Regret
from market.learning.rules import without_offers
from market.learning.scenario import QUOTA_2MB, Scenario, build
from market.learning.shadow import Decided, Lived, Now, Shadow, begin_cycle, decide, end_cycle, live_in_shadow
from market.learning.world import Day, World, begin, chosen, draw_day, only, outcomes, quiet_day
from market.sdo.choice import Choice
from market.sdo.monthly import UBC

QUICK = Settings(batch=96, rate=3e-3, epochs=2, filled_first=72, memory=2_000)


def lives(world: World, shadow: Shadow, cycles: int, seed: int = 0) -> list[Lived]:
    chance = np.random.default_rng(seed)
    return [live_in_shadow(world, draw_day(world, chance), shadow) for _ in range(cycles)]


def shadow_of(world: World, budget_ubc: int, settings: Settings = QUICK, proof_cycles: int = 20) -> Shadow:
    learner = learner_of(world, settings, np.random.default_rng(1))
    return Shadow(learner, [Regret(budget_ubc)] * world.users, proof_cycles)


def test_unproven_agents_cost_nothing_and_learn():
    world = build(QUOTA_2MB, 0, 3)
    shadow = shadow_of(world, 1_000 * UBC, proof_cycles=6)
    for lived in lives(world, shadow, 5):
        assert lived.spent_ubc == lived.would_ubc
        assert (lived.reward == lived.would_reward).all()
        assert set(lived.advice) <= {"unproven", "not_worth_it"}
    assert shadow.learner.episodes == 5
    assert shadow.learner.adam.steps == 5 * 3 * 2 * 4


def test_a_budget_of_nothing_is_the_rule_without_offers():
    world = build(QUOTA_2MB, 0, 3)
    for lived in lives(world, shadow_of(world, 0, proof_cycles=0), 5):
        assert lived.spent_ubc == lived.would_ubc
        assert (lived.reward == lived.would_reward).all()


@pytest.mark.parametrize("throttles", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_budget_is_never_exceeded(seed, throttles):
    """Agents that know nothing and act from the first hour on, the worst that can be, on other plans with each seed:
    4 x 2 x 6 users x 20 cycles, which are 960 episodes.
    """
    chance = np.random.default_rng(seed)
    quota, overage = int(chance.integers(1, 30)) * 1_000_000, int(chance.integers(1, 12)) * 1_000_000
    scenario = Scenario(
        "tight-2MB",
        quota,
        overage,
        int(chance.integers(1, 10)) * UBC,
        200_000,
        redraws=True,
        throttles=throttles,
    )
    world = build(scenario, seed, 6)
    everywhere = tuple(hour in world.game.open_hours for hour in range(24))
    world = dataclasses.replace(world, schedule=everywhere)
    learner = learner_of(world, dataclasses.replace(QUICK, samples=32, batch=32), np.random.default_rng(seed))
    budgets = [int(each) for each in chance.integers(0, 200 * UBC, 6)]
    shadow = Shadow(learner, [Regret(each) for each in budgets], proof_cycles=0)
    above, took = np.zeros(6, dtype=np.int64), False
    for lived in lives(world, shadow, 20, seed):
        paid = np.array(lived.spent_ubc) - np.array(lived.would_ubc)
        above += paid
        took = took or bool(paid.any())
        assert (above <= budgets).all()
        assert all(type(each) is int for each in lived.spent_ubc)
    assert took, "somebody has taken an offer, or nothing was tried"


def test_without_a_budget_the_same_agents_lose_more():
    """What the test above would not notice if nobody ever lost anything."""
    world = build(QUOTA_2MB, 0, 4)
    learner = learner_of(world, dataclasses.replace(QUICK, samples=32, batch=32), np.random.default_rng(0))
    rich = Shadow(learner, [Regret(10_000 * UBC)] * 4, proof_cycles=0)
    lost = sum(sum(lived.spent_ubc) - sum(lived.would_ubc) for lived in lives(world, rich, 20))
    assert lost > 100 * UBC


def test_who_has_proven_himself_takes_offers_and_gains():
    """Offers at 1 where overages of 2 MB cost 10: there is something to gain, and it is found in the imagination. Of
    four seeds each spent a third of what it would have.
    """
    world = build(Scenario("tight-2MB", 2_000_000, 2_000_000, 1 * UBC), 0, 3)
    everywhere = tuple(hour in world.game.open_hours for hour in range(24))
    world = dataclasses.replace(world, schedule=everywhere)
    shadow = shadow_of(world, 20 * UBC, dataclasses.replace(QUICK, epochs=3, batch=96), proof_cycles=8)
    lived = lives(world, shadow, 32)
    assert any(shadow.proven)
    after = lived[-12:]
    assert sum(sum(each.spent_ubc) for each in after) < sum(sum(each.would_ubc) for each in after) * 0.8
    assert sum(each.reward.sum() for each in after) > sum(each.would_reward.sum() for each in after)
    assert sum(each.advice.get("worth_it", 0) for each in lived) > 0


def takes_all(world: World, budget_ubc: int) -> Shadow:
    """Its net takes every offer: by its bias, so that nothing depends on learning; none is learned."""
    shadow = shadow_of(
        world,
        budget_ubc,
        dataclasses.replace(QUICK, rate=0.0, every_hours=24, samples=32, batch=32, epochs=1),
        proof_cycles=0,
    )
    shadow.learner.running.flat[...] = 0
    shadow.learner.running.biases[-1][..., Choice.OFFER] = 1.0
    return shadow


def now_at(hour: int, used_bytes: int = 1_500_000) -> Now:
    return Now(hour=hour, demand_bytes=2_000_000, used_bytes=used_bytes, qos=0.5, wifi=False)


def test_an_agent_asks_and_what_it_takes_is_reserved():
    world = only(build(QUOTA_2MB, 0, 2), slice(0, 1))
    shadow = takes_all(world, 12 * UBC)
    begin_cycle(world, shadow)
    assert decide(world, shadow, now_at(0), 5 * UBC, room_ubc=4 * UBC) == Decided(
        Choice.PLAN, "over_envelope"
    )
    assert decide(world, shadow, now_at(1), None) == Decided(Choice.PLAN, "no_offer")
    assert shadow.regrets == [Regret(12 * UBC)]
    assert decide(world, shadow, now_at(2), 5 * UBC, room_ubc=5 * UBC) == Decided(Choice.OFFER, "worth_it")
    assert decide(world, shadow, now_at(3), 5 * UBC).choice == Choice.OFFER
    assert shadow.regrets == [Regret(12 * UBC, open_ubc=10 * UBC)]
    assert decide(world, shadow, now_at(4), 5 * UBC).why == "over_regret"
    assert decide(world, shadow, now_at(5), -1).why == "not_an_amount"
    shadow.learner.running.biases[-1][...] = np.array([1.0, 0.0, 0.0])
    assert decide(world, shadow, now_at(6), 1 * UBC).why == "not_worth_it"


def test_after_a_missed_hour_no_offer_is_taken_until_the_next_cycle():
    world = only(build(QUOTA_2MB, 0, 2), slice(0, 1))
    shadow = takes_all(world, 12 * UBC)
    assert decide(world, shadow, now_at(0), 1 * UBC).why == "hour_missed", "no cycle was begun"
    begin_cycle(world, shadow)
    assert decide(world, shadow, now_at(0), 1 * UBC).why == "worth_it"
    for hour in (2, 1, 3):
        assert decide(world, shadow, now_at(hour), 1 * UBC) == Decided(Choice.PLAN, "hour_missed")
    assert end_cycle(world, quiet_day(world), shadow, [1 * UBC])[0] > 0
    begin_cycle(world, shadow)
    assert decide(world, shadow, now_at(0), 1 * UBC).why == "worth_it"


def hourly(world: World, day: Day, shadow: Shadow, *, obeys: bool = True) -> int:
    """A cycle of one user hour by hour, as a device goes through it: what he paid. If he does not obey, he takes the
    offers, and else what the rule without offers says of where he is.
    """
    used, paid = begin(world), 0
    begin_cycle(world, shadow)
    for hour in range(world.hours):
        now = Now(
            hour,
            int(day.demand_bytes[0, hour]),
            int(used[0]),
            float(day.qos[0, hour]),
            bool(day.wifi[0, hour]),
        )
        decided = decide(world, shadow, now, world.price_ubc if world.schedule[hour] else None)
        choices = np.array([int(decided.choice)])
        if not obeys and decided.choice != Choice.OFFER:
            choices = without_offers(world, day, hour, used)
        out = outcomes(world, day, hour, used)
        assert chosen(out.valid, choices).all()
        paid += int(chosen(out.spent_ubc, choices)[0])
        used = chosen(out.used, choices)
    return paid


def tempted(*, throttles: bool = False) -> list[World]:
    """Worlds of one. Wi-Fi comes and goes, and there are offers in all open hours."""
    scenario = Scenario("mid-1.5MB", 1_500_000, 2_000_000, 1 * UBC, redraws=True, throttles=throttles)
    world = build(scenario, 0, 20)
    world = dataclasses.replace(world, schedule=tuple(hour in world.game.open_hours for hour in range(24)))
    return [only(world, slice(user, user + 1)) for user in range(20)]


LOSER = 11
"""Of those users one who loses 14 in his first cycle if he does otherwise."""


@pytest.mark.parametrize("throttles", [False, True])
def test_hour_by_hour_the_budget_is_never_exceeded(throttles):
    """Who takes all that he may, at once: 6 users, 8 cycles each, another budget when one is used up. The last is the
    one of the next test, where it is exceeded.
    """
    took = 0
    worlds = tempted(throttles=throttles)
    for user in range(LOSER - 5, LOSER + 1):
        world, above = worlds[user], 0
        chance, shadow = np.random.default_rng(user), takes_all(world, 4 * UBC)
        for _ in range(8):
            day = draw_day(world, chance)
            paid = hourly(world, day, shadow)
            took += shadow.regrets[0].open_ubc
            above = max(0, above + paid - end_cycle(world, day, shadow, [paid])[0])
            assert above <= 4 * UBC
            assert shadow.regrets == [Regret(4 * UBC, lost_ubc=above)]
            if above == 4 * UBC:
                shadow.regrets, above = [Regret(4 * UBC)], 0
    assert took > 100 * UBC


def test_who_does_otherwise_may_lose_more_and_then_has_nothing_left():
    """The rule without offers at one's own state is not the course without offers: Wi-Fi was passed over there."""
    world, chance = tempted()[LOSER], np.random.default_rng(LOSER)
    shadow, lost = takes_all(world, 4 * UBC), list[int]()
    for _ in range(4):
        day, shadow.regrets = draw_day(world, chance), [Regret(4 * UBC)]
        paid = hourly(world, day, shadow, obeys=False)
        lost.append(paid - end_cycle(world, day, shadow, [paid])[0])
        assert shadow.regrets == [Regret(4 * UBC, lost_ubc=min(max(0, lost[-1]), 4 * UBC))]
    assert max(lost) > 4 * UBC


def test_hour_by_hour_is_what_is_simulated():
    world = tempted()[LOSER]
    one, same = takes_all(world, 6 * UBC), takes_all(world, 6 * UBC)
    for seed in range(6):
        day = draw_day(world, np.random.default_rng(seed))
        paid = hourly(world, day, one)
        lived = live_in_shadow(world, day, same)
        assert (paid,) == lived.spent_ubc
        assert end_cycle(world, day, one, [paid]) == lived.would_ubc
        assert one.regrets == same.regrets


def test_what_is_proven_is_what_acts():
    """The gain of a cycle is what acting in it would have brought with no budget and no proof asked, to the last bit,
    whatever the cycle then teaches.
    """
    world = build(dataclasses.replace(QUOTA_2MB, redraws=True), 0, 3)
    days = [draw_day(world, np.random.default_rng(seed)) for seed in range(4)]
    acting = shadow_of(world, 10_000 * UBC, proof_cycles=0)
    watching = shadow_of(world, 0, proof_cycles=100)
    took = 0
    for number, day in enumerate(days):
        lived = live_in_shadow(world, day, acting)
        live_in_shadow(world, day, watching)
        took += lived.advice["worth_it"]
        assert (watching.gains[number] == lived.reward - lived.would_reward).all()
    assert took > 0


def test_the_end_of_a_cycle_settles_what_was_paid_against_what_would_have_been():
    world = only(build(QUOTA_2MB, 0, 2), slice(0, 1))
    shadow = shadow_of(world, 12 * UBC)
    shadow.regrets = [Regret(12 * UBC, open_ubc=5 * UBC)]
    would = end_cycle(world, quiet_day(world), _copied(shadow), [0])[0]
    assert would > 0
    assert end_cycle(world, quiet_day(world), shadow, [would + 5 * UBC]) == (would,)
    assert shadow.regrets == [Regret(12 * UBC, lost_ubc=5 * UBC)]
    assert len(shadow.gains) == 1


def _copied(shadow: Shadow) -> Shadow:
    return Shadow(shadow.learner, list(shadow.regrets), shadow.proof_cycles)
