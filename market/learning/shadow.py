"""Shadow mode: an agent that learns in its imagination, and acts only where it has proven itself and may.

    take_offer(world, shadow, now, room)      "take this offer?", for one user's agent, in the hour in which it is made
    end_cycle(world, day, shadow, paid)       what the cycle teaches, and what it cost above the one without offers

What happens in an hour does not depend on what is chosen, so a user who knows a cycle knows what another course through
it would have led to. When it is over three are followed: *without* offers, whose spending regret is counted from;
*imagined*, which explores at random, is remembered and learned from, and costs nobody anything; *greedy*, what was
learned so far, whose reward above the first is the proof. `live_in_shadow` also follows the fourth, for simulations:
*acting* is what is done, `without`'s choices and the offers that `advise` lets one take. It never needs an overage that
the one without offers had not needed by then, so all that it can lose is the offers it takes, and these are reserved
(market/learning/regret.py). Pure: chance is the learner's.
Reference: 003 3.7 names the cost of exploring as what is open.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from market.learning.chosen import PROOF_CYCLES
from market.learning.double_dqn import Learner, best_of, explore, train, transitions
from market.learning.regret import Advice, Regret, advise, reserve, settle
from market.learning.replay import remember
from market.learning.rules import without_offers
from market.learning.world import Day, Outcomes, World, begin, chosen, observe, outcomes, quota_bytes
from market.sdo.choice import Choice
from market.sdo.game import MOST_PRICE_UBC, Floats
from market.traces.usage import Integers


@dataclass(slots=True)
class Shadow:
    """The agents of all users of a world: one learner, a budget each, and how much better each was in its imagination
    in each of the last cycles.
    """

    learner: Learner
    regrets: list[Regret]
    proof_cycles: int = PROOF_CYCLES
    gains: list[Floats] = field(default_factory=list)

    @property
    def proven(self) -> list[bool]:
        """Who may act: better than without offers, over so many cycles. Of whom no proof is asked: everybody."""
        if len(self.gains) < self.proof_cycles or not self.proof_cycles:
            return [not self.proof_cycles] * len(self.regrets)
        return [bool(mean > 0) for mean in np.mean(self.gains, axis=0)]


@dataclass(frozen=True, slots=True)
class Lived:
    """A cycle: what each user spent, would have spent without offers, and had of both; and how often each advice was
    given, by its word.
    """

    spent_ubc: tuple[int, ...]
    would_ubc: tuple[int, ...]
    reward: Floats
    would_reward: Floats
    advice: dict[str, int]


@dataclass(slots=True)
class _Course:
    used: Integers
    spent_ubc: Integers
    reward: Floats

    def go(self, out: Outcomes, choices: Integers) -> None:
        """The choices are there."""
        assert chosen(out.valid, choices).all(), "nobody takes what is not there"
        self.spent_ubc = self.spent_ubc + chosen(out.spent_ubc, choices)
        self.reward = self.reward + chosen(out.reward, choices)
        self.used = chosen(out.used, choices)


@dataclass(frozen=True, slots=True)
class Now:
    """An hour of one user: what he is about to use, what he used on the plan, and what is there."""

    hour: int
    demand_bytes: int
    used_bytes: int
    qos: float
    wifi: bool


def take_offer(world: World, shadow: Shadow, now: Now, price_ubc: int, room_ubc: int | None = None) -> Advice:
    """Whether the user of this world of one takes an offer that is made now; if so, it is reserved. `room_ubc` is what
    his envelopes leave (market/agent/envelopes.py). If not, he does what he would do without offers.
    """
    assert world.users == 1, "one user asks"
    if not 0 <= price_ubc <= MOST_PRICE_UBC:
        return Advice(take=False, why="not_an_amount")
    offered = tuple(hour == now.hour for hour in range(world.hours))
    there = dataclasses.replace(world, price_ubc=price_ubc, schedule=offered)
    shape = (1, world.hours)
    day = Day(np.full(shape, now.demand_bytes), np.full(shape, now.qos), np.full(shape, now.wifi))
    used = np.array([now.used_bytes])
    wishes = _wishes(there, day, now.hour, used, outcomes(there, day, now.hour, used), shadow.learner)
    return _ask(shadow, 0, wishes, shadow.proven, price_ubc, room_ubc)


def end_cycle(world: World, day: Day, shadow: Shadow, paid_ubc: Sequence[int]) -> tuple[int, ...]:
    """What each user would have paid without offers. What was paid is settled, and the cycle is learned from."""
    learner = shadow.learner
    without, greedy = (_Course(begin(world), begin(world), np.zeros(world.users)) for _ in range(2))
    imagined = begin(world)
    for hour in range(world.hours):
        usual = without_offers(world, day, hour, without.used)
        without.go(outcomes(world, day, hour, without.used), usual)
        out = outcomes(world, day, hour, greedy.used)
        greedy.go(out, _wishes(world, day, hour, greedy.used, out, learner))
        imagined = _imagine(world, day, hour, imagined, learner)
    learner.target.flat[...] = learner.running.flat
    learner.episodes += 1
    shadow.gains = [*shadow.gains, greedy.reward - without.reward][-max(1, shadow.proof_cycles) :]
    would = _whole(without.spent_ubc)
    shadow.regrets = [settle(*each) for each in zip(shadow.regrets, paid_ubc, would, strict=True)]
    return would


def live_in_shadow(world: World, day: Day, shadow: Shadow) -> Lived:
    """One cycle: lived, settled, learned from."""
    proven, words = shadow.proven, dict[str, int]()
    without, acting = (_Course(begin(world), begin(world), np.zeros(world.users)) for _ in range(2))
    for hour in range(world.hours):
        real = outcomes(world, day, hour, acting.used)
        wishes = _wishes(world, day, hour, acting.used, real, shadow.learner)
        takes = np.zeros(world.users, dtype=np.bool_)
        for user in np.flatnonzero(real.valid[:, Choice.OFFER]).tolist():
            advice = _ask(shadow, user, wishes, proven, world.price_ubc)
            words[advice.why] = words.get(advice.why, 0) + 1
            takes[user] = advice.take
        usual = without_offers(world, day, hour, without.used)
        without.go(outcomes(world, day, hour, without.used), usual)
        fallback = as_usual(world, real, usual, without.used)
        acting.go(real, np.where(takes, np.int64(Choice.OFFER), fallback))
    spent = _whole(acting.spent_ubc)
    would = end_cycle(world, day, shadow, spent)
    return Lived(spent, would, acting.reward, without.reward, words)


def as_usual(world: World, real: Outcomes, usual: Integers, without: Integers) -> Integers:
    """What is done where no offer is taken: the choice of the course without offers, whose use after this hour is
    `without`. It was slowed down where this one need not be: then the plan; the plan would need an overage that it did
    not need: then slowed down.
    """
    choices = np.where(chosen(real.valid, usual), usual, np.int64(Choice.PLAN))
    if not world.game.plan.throttles:
        return choices
    then = real.used[..., Choice.PLAN]
    dearer = (choices == Choice.PLAN) & (quota_bytes(world, then) > quota_bytes(world, without))
    return np.where(dearer, np.int64(Choice.THROTTLED), choices)


def _ask(
    shadow: Shadow,
    user: int,
    wishes: Integers,
    proven: list[bool],
    price_ubc: int,
    room_ubc: int | None = None,
) -> Advice:
    """And what is taken is reserved."""
    wants = bool(wishes[user] == Choice.OFFER)
    advice = advise(
        wants=wants, proven=proven[user], regret=shadow.regrets[user], price_ubc=price_ubc, room_ubc=room_ubc
    )
    if advice.take:
        shadow.regrets[user] = reserve(shadow.regrets[user], price_ubc)
    return advice


def _wishes(world: World, day: Day, hour: int, used: Integers, out: Outcomes, learner: Learner) -> Integers:
    """What was learned would choose."""
    seen = observe(world, day, hour, used)
    return best_of(learner.running, seen[:, None, :], out.valid[:, None, :])[:, 0]


def _imagine(world: World, day: Day, hour: int, used: Integers, learner: Learner) -> Integers:
    """An hour of the exploring course."""
    new, valid, then = transitions(world, day, hour, used, learner.settings.reward_scale)
    choices = explore(learner, new.seen[:, 0], valid, learner.epsilon)
    remember(learner.memory, new)
    if (hour + 1) % learner.settings.every_hours == 0:
        train(learner)
    return chosen(then, choices)


def _whole(amounts: Integers) -> tuple[int, ...]:
    return tuple(int(each) for each in amounts)
