"""An n-step advantage actor-critic for long cycles: a policy and a value for each user, learned out of his own cycles.

    G_t = r_t + D r_(t+1) + ... + D^(N-1) r_(t+N-1) + D^N V(s_(t+N)),   V = 0 after the last hour
    critic: V(s_t) towards G_t, down the root mean squared error;   actor: up log pi(a_t | s_t) times (G_t - V(s_t))

The actor's update supposes that it chose by its own policy, so ours does: choices are drawn from it, among those that
there are. As printed (`as_printed`, S8) they are epsilon-greedy, at first 80 % at random, and the update takes them for
the policy's own. Advantages are normalised for each user. Pure: chance is an argument.

"Its own" is so for the first step only. An update is one pass over five episodes, in a month 113 steps of Adam; from
the second on it is another policy than the one that lived them, and nothing bounds how far it goes (the first update
moved the chances of a state by 0.17 in total variation). And what acts has no dropout, what is differentiated has.
So an actor that has been at rest may leave it.
Reference: 003 3.6.3; Mnih and others 2016.   Units: rewards in KB times `reward_scale`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from market.learning.perceptron import (
    Adam,
    Perceptrons,
    Reals,
    adam_of,
    backward,
    draw_perceptrons,
    forward,
    forward_all,
    step,
)
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

Masks = list[Reals]


@dataclass(frozen=True, slots=True)
class Settings:
    """As the thesis has them, but for `batch`, `reward_scale`, `entropy` (it has none) and `as_printed` (S8)."""

    hidden: tuple[int, ...] = (32, 24, 24)
    rate: float = 1e-3
    discount: float = 0.99
    ahead: int = 200
    """N."""
    dropout: float = 0.2
    critic_epochs: int = 10
    actor_every: int = 5
    """Episodes, all of which were lived by the policy that is then updated."""
    epsilon: float = 0.8
    epsilon_less: float = 4.5e-3
    batch: int = 32
    """The default of Keras, since the thesis says epochs and no batches."""
    reward_scale: float = 1e-3
    """1e-5 to 1e-7 in the thesis, of rewards in bytes: 1e-2 to 1e-4 of rewards in KB."""
    entropy: float = 0.0
    """Weight of the policy's entropy beside its normalised advantage."""
    as_printed: bool = False

    def __post_init__(self) -> None:
        assert self.ahead > 0, "N counts steps"
        assert 0 <= self.dropout < 1, "something has to be left"


@dataclass(frozen=True, slots=True)
class Episode:
    """One cycle as it was lived: users x hours, and what the actor is to learn from it."""

    seen: Observations
    valid: Bools
    choice: Integers
    reward: Reals
    advantage: Reals


@dataclass(slots=True)
class ActorCritic:
    """A policy and a value net for each user of a world, and the episodes since the actor's last update."""

    settings: Settings
    actor: Perceptrons
    critic: Perceptrons
    actor_adam: Adam
    critic_adam: Adam
    chance: np.random.Generator
    waiting: list[Episode] = field(default_factory=list)
    episodes: int = 0

    @property
    def epsilon(self) -> float:
        """The share of random choices in this episode; none but as printed."""
        settings = self.settings
        return (
            max(0.0, settings.epsilon - self.episodes * settings.epsilon_less) if settings.as_printed else 0.0
        )


def actor_critic_of(world: World, settings: Settings, chance: np.random.Generator) -> ActorCritic:
    """With nothing learned."""
    actor, critic = (
        _scaled(draw_perceptrons((FEATURES, *settings.hidden, outputs), world.users, chance))
        for outputs in (world.choices, 1)
    )
    return ActorCritic(
        settings, actor, critic, adam_of(actor, settings.rate), adam_of(critic, settings.rate), chance
    )


def learn_cycle(world: World, learner: ActorCritic) -> None:
    """One episode: a cycle is lived, the critic is trained with it, and every few episodes the actor."""
    settings = learner.settings
    lived = live(world, draw_day(world, learner.chance), learner)
    values = forward(learner.critic, lived.seen)[..., 0]
    returns = n_step_returns(lived.reward, values, settings.discount, settings.ahead)
    learner.waiting.append(
        Episode(lived.seen, lived.valid, lived.choice, lived.reward, np.asarray(returns - values))
    )
    for _ in range(settings.critic_epochs):
        for part in _batches(learner, returns.shape[1]):
            _teach_critic(learner, lived.seen[:, part], returns[:, part])
    learner.episodes += 1
    if len(learner.waiting) == settings.actor_every:
        _teach_actor(learner)
        learner.waiting.clear()


def live(world: World, day: Day, learner: ActorCritic) -> Episode:
    """A cycle by the learner's policy; nothing is learned, so all advantages are 0."""
    shape = (world.users, world.hours)
    seen = np.empty((*shape, FEATURES), dtype=np.float32)
    valid = np.empty((*shape, world.choices), dtype=np.bool_)
    choice, reward = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.float32)
    used = begin(world)
    for hour in range(world.hours):
        out = outcomes(world, day, hour, used)
        seen[:, hour], valid[:, hour] = observe(world, day, hour, used), out.valid
        choices = choose(learner, seen[:, hour], out.valid)
        choice[:, hour] = choices
        reward[:, hour] = chosen(out.reward, choices) * learner.settings.reward_scale
        used = chosen(out.used, choices)
    return Episode(seen, valid, choice, reward, np.zeros(shape, dtype=np.float32))


def n_step_returns(reward: Reals, values: Reals, discount: float, ahead: int) -> Reals:
    """G of each state, users x hours. Near the end it is what is left of the cycle, and no value is needed."""
    hours = reward.shape[1]
    factors = discount ** np.arange(hours + 1)
    sums = np.concatenate([np.zeros((len(reward), 1)), np.cumsum(reward * factors[:-1], axis=1)], axis=1)
    ends = np.minimum(np.arange(hours) + ahead, hours)
    later = np.concatenate([values, np.zeros((len(reward), 1))], axis=1)[:, ends]
    own = factors[:-1]
    return np.asarray((sums[:, ends] - sums[:, :-1]) / own + factors[ends] / own * later, dtype=np.float32)


def policy(nets: Perceptrons, seen: Observations, valid: Bools) -> Reals:
    """Chances of the choices, users x batch x choices; those that are not there have none."""
    return softmax(forward(nets, seen), valid)


def softmax(logits: Reals, valid: Bools) -> Reals:
    """Of the valid ones; in a state without any, all are 0."""
    shown = np.where(valid, logits, -np.inf)
    top = shown.max(axis=-1, keepdims=True)
    weights = np.exp(shown - np.where(np.isfinite(top), top, 0))
    total = weights.sum(axis=-1, keepdims=True)
    return np.asarray(weights / np.where(total > 0, total, 1))


def policy_slope(chances: Reals, choice: Integers, advantage: Reals) -> Reals:
    """How the cross-entropy of what was chosen, scaled by its advantage, rises with each logit; 0 in the mean over
    choices drawn from `chances`, where all have the same advantage.
    """
    hit = choice[..., None] == np.arange(chances.shape[-1])
    return np.asarray((chances - hit) * advantage[..., None])


def certainty_slope(chances: Reals) -> Reals:
    """How the entropy, with its sign turned, rises with each logit."""
    logs = np.log(np.where(chances > 0, chances, 1))
    return np.asarray(chances * (logs - (chances * logs).sum(axis=-1, keepdims=True)))


def likeliest(nets: Perceptrons) -> Rule:
    """The rule that exploits what was learned."""

    def rule(world: World, day: Day, hour: int, used: Integers) -> Integers:
        seen, valid = observe(world, day, hour, used), outcomes(world, day, hour, used).valid
        return np.asarray(policy(nets, seen[:, None, :], valid[:, None, :])[:, 0].argmax(axis=-1))

    return rule


def choose(learner: ActorCritic, seen: Observations, valid: Bools) -> Integers:
    """A choice for each user: drawn from the policy, or as printed its likeliest but for random ones."""
    chance, users = learner.chance, len(seen)
    chances = policy(learner.actor, seen[:, None, :], valid[:, None, :])[:, 0]
    if not learner.settings.as_printed:
        point = chance.random((users, 1)) * chances.sum(axis=-1, keepdims=True)
        return np.asarray((chances.cumsum(axis=-1) > point).argmax(axis=-1))
    random = np.where(valid, chance.random(valid.shape), -1.0).argmax(axis=-1)
    tries = chance.random(users) < learner.epsilon
    return np.asarray(np.where(tries, random, chances.argmax(axis=-1)))


def _teach_critic(learner: ActorCritic, seen: Observations, returns: Reals) -> None:
    """One step down the root mean squared error."""
    masks = _dropout(learner, learner.critic, seen.shape[1])
    layers = forward_all(learner.critic, seen, masks)
    error = layers[-1][..., 0] - returns
    root = np.sqrt(np.mean(error**2, axis=1, keepdims=True)) + np.float32(1e-6)
    slope = (error / (error.shape[1] * root))[..., None].astype(np.float32)
    step(learner.critic, learner.critic_adam, backward(learner.critic, layers, slope, masks))


def _teach_actor(learner: ActorCritic) -> None:
    """One pass over the episodes that this policy lived."""
    seen, valid, choice, advantage = (
        np.concatenate([getattr(episode, what) for episode in learner.waiting], axis=1)
        for what in ("seen", "valid", "choice", "advantage")
    )
    spread = advantage.std(axis=1, keepdims=True)
    normal = (advantage - advantage.mean(axis=1, keepdims=True)) / (spread + np.float32(1e-6))
    for part in _batches(learner, choice.shape[1]):
        _push(learner, seen[:, part], valid[:, part], choice[:, part], normal[:, part])


def _push(learner: ActorCritic, seen: Observations, valid: Bools, choice: Integers, advantage: Reals) -> None:
    """One step down the cross-entropy of what was chosen, scaled by its advantage, less the weighted entropy."""
    masks = _dropout(learner, learner.actor, seen.shape[1])
    layers = forward_all(learner.actor, seen, masks)
    chances = softmax(layers[-1], valid)
    slope = policy_slope(chances, choice, advantage)
    if learner.settings.entropy:
        slope += learner.settings.entropy * certainty_slope(chances)
    slope = (slope / choice.shape[1]).astype(np.float32)
    step(learner.actor, learner.actor_adam, backward(learner.actor, layers, slope, masks))


def _batches(learner: ActorCritic, count: int) -> list[npt.NDArray[np.int64]]:
    order, size = learner.chance.permutation(count), learner.settings.batch
    return [order[start : start + size] for start in range(0, count, size)]


def _dropout(learner: ActorCritic, nets: Perceptrons, batch: int) -> Masks:
    """0, or as much more as makes up for it, for each unit of each hidden layer."""
    kept = 1 - learner.settings.dropout
    return [
        (learner.chance.random((nets.users, batch, size), dtype=np.float32) < kept) / np.float32(kept)
        for size in nets.sizes[1:-1]
    ]


def _scaled(nets: Perceptrons) -> Perceptrons:
    """Variance scaling: a variance of one over the number of inputs, where Xavier has the mean of both sides."""
    for weight in nets.weights:
        _, into, out = weight.shape
        np.multiply(weight, np.sqrt((into + out) / (2 * into)), out=weight)
    return nets
