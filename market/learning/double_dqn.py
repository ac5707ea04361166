"""Double DQN: what each choice is worth until the cycle's end, learned by a net for each user out of his own cycles.

    update = r + D Q'(s', argmax_a Q(s', a))      ours: the running net selects, the target net evaluates
    update = r + D Q(s', argmax_a Q'(s', a))      as printed (S8)

As printed the value that is learned from moves with every step, so the target net holds nothing still. What happens in
an hour does not depend on what is chosen, so each hour gives a transition for every choice: one real, the others as
they would have been. Choices that are not there are learned to be bad, and never taken. Pure: chance is an argument.
Reference: 003 3.6.2; van Hasselt, Guez and Silver 2016.   Units: rewards in KB times `reward_scale`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.learning.chosen import BATCH, REWARD_SCALE
from market.learning.perceptron import (
    Adam,
    Perceptrons,
    Reals,
    adam_of,
    backward,
    copy_of,
    draw_perceptrons,
    forward,
    forward_all,
    step,
)
from market.learning.replay import Replay, Transitions, remember, replay, sample
from market.learning.rules import Rule
from market.learning.world import (
    FEATURES,
    Day,
    Observations,
    World,
    begin,
    chosen,
    draw_day,
    observe,
    outcomes,
)
from market.sdo.choice import Bools
from market.traces.usage import Integers


@dataclass(frozen=True, slots=True)
class Settings:
    """As the thesis has them, but for `batch` and `reward_scale` (market/learning/chosen.py). `as_printed`: S8."""

    hidden: tuple[int, ...] = (24, 24)
    rate: float = 1e-4
    discount: float = 0.95
    memory: int = 10_000
    filled_first: int = 2_000
    epsilon: float = 0.5
    epsilon_less: float = 4.5e-4
    every_hours: int = 8
    samples: int = 384
    epochs: int = 12
    batch: int = BATCH
    reward_scale: float = REWARD_SCALE
    as_printed: bool = False


@dataclass(slots=True)
class Learner:
    """One net for each user of a world, its target, and what they remember."""

    settings: Settings
    running: Perceptrons
    target: Perceptrons
    adam: Adam
    memory: Replay
    chance: np.random.Generator
    episodes: int = 0

    @property
    def epsilon(self) -> float:
        """The share of random choices in this episode."""
        return max(0.0, self.settings.epsilon - self.episodes * self.settings.epsilon_less)


def learner_of(world: World, settings: Settings, chance: np.random.Generator) -> Learner:
    """With its memory filled by random choices that there were, and nothing learned."""
    sizes = (FEATURES, *settings.hidden, world.choices)
    running = draw_perceptrons(sizes, world.users, chance)
    memory = replay(world.users, settings.memory, FEATURES, world.choices)
    learner = Learner(settings, running, copy_of(running), adam_of(running, settings.rate), memory, chance)
    while memory.count < min(settings.filled_first, settings.memory):
        live(world, draw_day(world, chance), learner, epsilon=1.0)
    return learner


def learn_day(world: World, learner: Learner) -> None:
    """One episode: a cycle is lived, the nets are trained in it, and the target is copied at its end."""
    live(world, draw_day(world, learner.chance), learner, learner.epsilon, trains=True)
    learner.target.flat[...] = learner.running.flat
    learner.episodes += 1


def live(world: World, day: Day, learner: Learner, epsilon: float, *, trains: bool = False) -> None:
    """A cycle with so many random choices, remembered."""
    used = begin(world)
    for hour in range(world.hours):
        new, valid, then = transitions(world, day, hour, used, learner.settings.reward_scale)
        choices = explore(learner, new.seen[:, 0], valid, epsilon)
        remember(learner.memory, new)
        used = chosen(then, choices)
        if trains and (hour + 1) % learner.settings.every_hours == 0:
            train(learner)


def transitions(
    world: World, day: Day, hour: int, used: Integers, scale: float
) -> tuple[Transitions, Bools, Integers]:
    """Those of every choice in this hour, users x choices; which there are, and what is used after each."""
    out = outcomes(world, day, hour, used)
    seen = observe(world, day, hour, used)
    ends = hour + 1 == world.hours
    then = np.moveaxis(observe(world, day, hour + 1, out.used.T), 0, 1)
    shape = out.valid.shape
    if ends:
        then_valid = np.zeros((*shape, world.choices), dtype=np.bool_)
    else:
        then_valid = np.moveaxis(outcomes(world, day, hour + 1, out.used.T).valid, 0, 1)
    new = Transitions(
        seen=np.broadcast_to(seen[:, None, :], (*shape, FEATURES)),
        choice=np.broadcast_to(np.arange(world.choices), shape),
        reward=(out.reward * scale).astype(np.float32),
        then=then,
        then_valid=then_valid,
        ends=np.full(shape, ends),
    )
    return new, out.valid, out.used


def explore(learner: Learner, seen: Observations, valid: Bools, epsilon: float) -> Integers:
    """Epsilon-greedy among the choices that there are: users x features in, a choice for each user out."""
    chance, users = learner.chance, len(seen)
    random = np.where(valid, chance.random(valid.shape), -1.0).argmax(axis=-1)
    tries = chance.random(users) < epsilon
    return np.where(tries, random, best_of(learner.running, seen[:, None, :], valid[:, None, :])[:, 0])


def best_of(nets: Perceptrons, seen: Observations, valid: Bools) -> Integers:
    """The choice that is worth most of those there are: users x batch."""
    return np.asarray(np.where(valid, forward(nets, seen), -np.inf).argmax(axis=-1))


def train(learner: Learner) -> None:
    """So many epochs over samples of what is remembered, in batches, towards targets that were set before."""
    settings, nets = learner.settings, learner.running
    drawn = sample(learner.memory, settings.samples, learner.chance)
    goal = targets(learner, drawn)
    hot = np.eye(nets.sizes[-1], dtype=np.float32)[drawn.choice]
    into = copy_of(nets)
    for _ in range(settings.epochs):
        order = learner.chance.permutation(settings.samples)
        seen, wanted, moved = drawn.seen[:, order], goal[:, order, None], hot[:, order]
        for start in range(0, settings.samples, settings.batch):
            part = slice(start, start + settings.batch)
            descend(nets, learner.adam, seen[:, part], wanted[:, part], moved[:, part], into)


def targets(learner: Learner, drawn: Transitions) -> Reals:
    """What each of those choices is now taken to be worth: users x count."""
    selects, evaluates = learner.running, learner.target
    if learner.settings.as_printed:
        selects, evaluates = evaluates, selects
    best = best_of(selects, drawn.then, drawn.then_valid)
    later = chosen(forward(evaluates, drawn.then), best)
    return np.asarray(
        drawn.reward + np.where(drawn.ends, 0, learner.settings.discount * later), dtype=np.float32
    )


def descend(
    nets: Perceptrons, adam: Adam, seen: Observations, goal: Reals, moved: Reals, into: Perceptrons
) -> None:
    """One step down the mean squared error of the chosen outputs: `moved` is 1 at them and 0 elsewhere, as wide as the
    outputs; `goal` users x batch x 1; `into` is overwritten.
    """
    layers = forward_all(nets, seen)
    slope = (layers[-1] - goal) * moved
    slope *= 2 / seen.shape[1]
    step(nets, adam, backward(nets, layers, slope, into=into))


def greedy(nets: Perceptrons) -> Rule:
    """The rule that exploits what was learned."""

    def rule(world: World, day: Day, hour: int, used: Integers) -> Integers:
        seen, valid = observe(world, day, hour, used), outcomes(world, day, hour, used).valid
        return best_of(nets, seen[:, None, :], valid[:, None, :])[:, 0]

    return rule
