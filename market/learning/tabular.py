"""Q-learning with a table for each user: the hour, how much of the quota is left, whether this hour needs an overage,
and whether there is Wi-Fi. Offers are not in the table, since a schedule is the same each day.

It is what one would try before a net, and learns from the same transitions: of each hour all choices, from the day's
end backwards. Pure: chance is an argument.
Reference: Watkins and Dayan 1992; 003 3.6.2.   Units: rewards in KB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market.learning.chosen import PARTS_LEFT, TABLE_RATE
from market.learning.double_dqn import Settings
from market.learning.rules import Rule
from market.learning.world import Day, World, begin, chosen, draw_day, outcomes, quota_bytes
from market.traces.usage import Integers


@dataclass(slots=True)
class Table:
    """`worth`: users x hours x parts of what is left x overage or not x Wi-Fi or not x choices."""

    settings: Settings
    worth: npt.NDArray[np.float64]
    chance: np.random.Generator
    episodes: int = 0

    @property
    def epsilon(self) -> float:
        """As the net's."""
        return max(0.0, self.settings.epsilon - self.episodes * self.settings.epsilon_less)


def table_of(world: World, settings: Settings, chance: np.random.Generator) -> Table:
    """Nothing is known, and nothing is worth anything."""
    shape = (world.users, world.hours, PARTS_LEFT, 2, 2, world.choices)
    return Table(settings, np.zeros(shape), chance)


def learn_day(world: World, table: Table) -> None:
    """One episode: a day is lived, and learned from its end backwards."""
    day = draw_day(world, table.chance)
    course, used = list[Integers](), begin(world)
    for hour in range(world.hours):
        course.append(used)
        valid = outcomes(world, day, hour, used).valid
        best = _best(table, world, day, hour, used)
        random = np.where(valid, table.chance.random(valid.shape), -1.0).argmax(axis=-1)
        tries = table.chance.random(world.users) < table.epsilon
        used = chosen(outcomes(world, day, hour, used).used, np.where(tries, random, best))
    for hour in reversed(range(world.hours)):
        _learn(table, world, day, hour, course[hour])
    table.episodes += 1


def greedy(table: Table) -> Rule:
    """The rule that exploits what was learned."""

    def rule(world: World, day: Day, hour: int, used: Integers) -> Integers:
        return _best(table, world, day, hour, used)

    return rule


def _learn(table: Table, world: World, day: Day, hour: int, used: Integers) -> None:
    out = outcomes(world, day, hour, used)
    goal = out.reward.T.copy()  # choices x users
    if hour + 1 < world.hours:
        later = outcomes(world, day, hour + 1, out.used.T).valid
        worth = table.worth[_places(world, day, hour + 1, out.used.T)]
        goal += table.settings.discount * np.where(later, worth, -np.inf).max(axis=-1)
    place = _places(world, day, hour, used)
    table.worth[place] += TABLE_RATE * (goal.T - table.worth[place])


def _best(table: Table, world: World, day: Day, hour: int, used: Integers) -> Integers:
    valid = outcomes(world, day, hour, used).valid
    worth = table.worth[_places(world, day, hour, used)]
    return np.asarray(np.where(valid, worth, -np.inf).argmax(axis=-1))


def _places(world: World, day: Day, hour: int, used: Integers) -> tuple[Integers, ...]:
    """Where states (..., users) stand in the table."""
    left = quota_bytes(world, used) - used
    part = np.minimum((left * PARTS_LEFT / world.most_left_bytes).astype(np.int64), PARTS_LEFT - 1)
    due = (day.demand_bytes[:, hour] > left).astype(np.int64)
    wifi = np.broadcast_to(day.wifi[:, hour].astype(np.int64), used.shape)
    user = np.broadcast_to(np.arange(world.users), used.shape)
    return user, np.full_like(user, hour), part, due, wifi
