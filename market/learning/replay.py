"""What learners remember: the last so many transitions of each user, all users at one pace. Memory only.

Reference: 003 3.6.2 (a buffer of 10,000).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.learning.perceptron import Reals
from market.learning.world import Observations
from market.sdo.choice import Bools
from market.traces.usage import Integers


@dataclass(frozen=True, slots=True)
class Transitions:
    """Users x count: seen, chosen, the reward, what was seen then and which choices there were; `ends` where none."""

    seen: Observations
    choice: Integers
    reward: Reals
    then: Observations
    then_valid: Bools
    ends: Bools


@dataclass(slots=True)
class Replay:
    """A ring of `capacity` for each user."""

    kept: Transitions
    count: int = 0
    next_place: int = 0

    @property
    def capacity(self) -> int:
        return len(self.kept.seen[0])


def replay(users: int, capacity: int, features: int, choices: int) -> Replay:
    """An empty one."""
    shape = (users, capacity)
    return Replay(
        Transitions(
            np.zeros((*shape, features), dtype=np.float32),
            np.zeros(shape, dtype=np.int64),
            np.zeros(shape, dtype=np.float32),
            np.zeros((*shape, features), dtype=np.float32),
            np.zeros((*shape, choices), dtype=np.bool_),
            np.zeros(shape, dtype=np.bool_),
        )
    )


def remember(memory: Replay, new: Transitions) -> None:
    """The oldest make room."""
    count = new.seen.shape[1]
    assert count <= memory.capacity, f"{count} at once, where {memory.capacity} fit"
    places = (memory.next_place + np.arange(count)) % memory.capacity
    kept = memory.kept
    kept.seen[:, places] = new.seen
    kept.choice[:, places] = new.choice
    kept.reward[:, places] = new.reward
    kept.then[:, places] = new.then
    kept.then_valid[:, places] = new.then_valid
    kept.ends[:, places] = new.ends
    memory.next_place = (memory.next_place + count) % memory.capacity
    memory.count = min(memory.count + count, memory.capacity)


def sample(memory: Replay, count: int, chance: np.random.Generator) -> Transitions:
    """So many of each user, each drawn out of all that is kept."""
    assert memory.count, "nothing is remembered"
    users = len(memory.kept.seen)
    drawn = chance.integers(0, memory.count, (users, count))
    row, kept = np.arange(users)[:, None], memory.kept
    return Transitions(
        kept.seen[row, drawn],
        kept.choice[row, drawn],
        kept.reward[row, drawn],
        kept.then[row, drawn],
        kept.then_valid[row, drawn],
        kept.ends[row, drawn],
    )
