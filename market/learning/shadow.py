"""Shadow mode: an agent that learns in its imagination, and acts only where it has proven itself and may.

    begin_cycle(world, shadow)                then, in each hour in turn, whether or not there is an offer in it:
    decide(world, shadow, now, price, room)   what one user's agent has him do, and why
    end_cycle(world, day, shadow, paid)       what the cycle teaches, and what it cost above the one without offers

What happens in an hour does not depend on what is chosen, so a user who knows a cycle knows what another course through
it would have led to. *Without* offers (the rule of 3.4.1) is followed hour by hour beside what is done; regret is
counted from what it spends. What is done is `without`'s choice, and the offers that `advise` lets one take: this never
needs an overage that `without` had not needed by then, so all that it can lose is the offers it takes, and these are
reserved (market/learning/regret.py). That holds for who does what `decide` says in every hour, in a cycle as it was
told; who does not may lose more, which is then his own doing, and the budget is used up.

After a cycle two more are followed: *proving*, which acts as above with no budget and before the cycle taught anything,
and whose reward above `without`'s is the proof; and *imagined*, which explores at random, is remembered and learned
from, and costs nobody anything. `live_in_shadow` goes through all of it, for simulations. Pure: chance is the
learner's.
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
class Track:
    """A course of all users until now: what they used on the plan, spent and had."""

    used: Integers
    spent_ubc: Integers
    reward: Floats

    def go(self, out: Outcomes, choices: Integers) -> None:
        """The choices are there."""
        assert chosen(out.valid, choices).all(), "nobody takes what is not there"
        self.spent_ubc = self.spent_ubc + chosen(out.spent_ubc, choices)
        self.reward = self.reward + chosen(out.reward, choices)
        self.used = chosen(out.used, choices)


@dataclass(slots=True)
class Shadow:
    """The agents of all users of a world: one learner, a budget each, and how much better each would have been, had it
    acted, in each of the last cycles. `hour` is the next of this cycle, `without` the course without offers
    until then.
    """

    learner: Learner
    regrets: list[Regret]
    proof_cycles: int = PROOF_CYCLES
    gains: list[Floats] = field(default_factory=list)
    hour: int = 0
    without: Track | None = None

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


@dataclass(frozen=True, slots=True)
class Now:
    """An hour of one user: what he is about to use, what he used on the plan, and what is there."""

    hour: int
    demand_bytes: int
    used_bytes: int
    qos: float
    wifi: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """What is done in this hour. `why`: a word of `Advice`; or no_offer, or hour_missed after one was left out."""

    choice: Choice
    why: str


def begin_cycle(world: World, shadow: Shadow) -> None:
    """Nothing was used. What an unfinished cycle reserved stays reserved until `end_cycle`."""
    shadow.hour, shadow.without = 0, _track(world)


def decide(
    world: World, shadow: Shadow, now: Now, price_ubc: int | None, room_ubc: int | None = None
) -> Decided:
    """What the user of this world of one does now: the next hour of the cycle, in which there is an offer at that price
    or none. If he takes it, it is reserved. `room_ubc` is what his envelopes leave (market/agent/envelopes.py).

    Where an hour was left out (or no cycle begun) nobody knows what would have been without offers: then none is taken
    until the next cycle, and he does what the rule without offers says of where he is.
    """
    assert world.users == 1, "one user asks"
    assert 0 <= now.hour < world.hours, f"no hour {now.hour} in a cycle of {world.hours}"
    offers = price_ubc is not None and 0 <= price_ubc <= MOST_PRICE_UBC
    price = price_ubc if price_ubc is not None and offers else 0
    offered = tuple(offers and hour == now.hour for hour in range(world.hours))
    there = dataclasses.replace(world, price_ubc=price, schedule=offered)
    shape = (1, world.hours)
    day = Day(np.full(shape, now.demand_bytes), np.full(shape, now.qos), np.full(shape, now.wifi))
    used = np.array([now.used_bytes])
    if shadow.without is None or now.hour != shadow.hour:
        shadow.without = None
        return Decided(Choice(int(without_offers(there, day, now.hour, used)[0])), "hour_missed")
    real = outcomes(there, day, now.hour, used)
    usual = _usual(there, day, now.hour, shadow.without)
    shadow.hour += 1
    otherwise = Choice(int(as_usual(there, real, usual, shadow.without.used)[0]))
    if not offers:
        return Decided(otherwise, "no_offer" if price_ubc is None else "not_an_amount")
    wishes = _wishes(there, day, now.hour, used, real, shadow.learner)
    advice = _ask(shadow, 0, wishes, shadow.proven, price, room_ubc)
    return Decided(Choice.OFFER if advice.take else otherwise, advice.why)


def end_cycle(world: World, day: Day, shadow: Shadow, paid_ubc: Sequence[int]) -> tuple[int, ...]:
    """What each user would have paid without offers. What was paid is settled, and the cycle is learned from."""
    without, proving = (_track(world) for _ in range(2))
    for hour in range(world.hours):
        out = outcomes(world, day, hour, proving.used)
        takes = _wishes(world, day, hour, proving.used, out, shadow.learner) == Choice.OFFER
        usual = _usual(world, day, hour, without)
        proving.go(out, np.where(takes, np.int64(Choice.OFFER), as_usual(world, out, usual, without.used)))
    would = _whole(without.spent_ubc)
    shadow.regrets = [settle(*each) for each in zip(shadow.regrets, paid_ubc, would, strict=True)]
    shadow.gains = [*shadow.gains, proving.reward - without.reward][-max(1, shadow.proof_cycles) :]
    shadow.without = None
    _learn(world, day, shadow.learner)
    return would


def live_in_shadow(world: World, day: Day, shadow: Shadow) -> Lived:
    """One cycle: lived, settled, learned from."""
    proven, words = shadow.proven, dict[str, int]()
    without, acting = (_track(world) for _ in range(2))
    for hour in range(world.hours):
        real = outcomes(world, day, hour, acting.used)
        wishes = _wishes(world, day, hour, acting.used, real, shadow.learner)
        takes = np.zeros(world.users, dtype=np.bool_)
        for user in np.flatnonzero(real.valid[:, Choice.OFFER]).tolist():
            advice = _ask(shadow, user, wishes, proven, world.price_ubc)
            words[advice.why] = words.get(advice.why, 0) + 1
            takes[user] = advice.take
        usual = _usual(world, day, hour, without)
        acting.go(real, np.where(takes, np.int64(Choice.OFFER), as_usual(world, real, usual, without.used)))
    spent = _whole(acting.spent_ubc)
    would = end_cycle(world, day, shadow, spent)
    return Lived(spent, would, acting.reward, without.reward, words)


def _track(world: World) -> Track:
    return Track(begin(world), begin(world), np.zeros(world.users))


def _usual(world: World, day: Day, hour: int, without: Track) -> Integers:
    """The next hour of the course without offers: what it chooses, gone."""
    usual = without_offers(world, day, hour, without.used)
    without.go(outcomes(world, day, hour, without.used), usual)
    return usual


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


def _learn(world: World, day: Day, learner: Learner) -> None:
    """The exploring course through the cycle."""
    imagined = begin(world)
    for hour in range(world.hours):
        imagined = _imagine(world, day, hour, imagined, learner)
    learner.target.flat[...] = learner.running.flat
    learner.episodes += 1


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
