"""An agent that spreads a day's budget over the day's sessions: Monte Carlo policy iteration (MCPI), 4.8.2 of 003.

It sees what it has left and what its own sessions earned, nothing of other bidders. A day is an episode: `bid` chooses,
`end_day` learns, by (4.16). Chance is an argument, and everything that the thesis leaves open is a field of `Choices`.
A return is discounted from the session on (lambda^(j-t); the print has lambda^j, `from_dawn`: U9). Estimates are whole
numbers, and a learning rate rounds towards the old one. No bid is above what is left; without money or worth is none.
Reference: 003 4.8.2, Figure 4.10, (4.15), (4.16).   Units: micro-bandcoin (ubc), percent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Protocol


class Chance(Protocol):
    """Where random numbers come from; a seeded `random.Random` is one."""

    def randrange(self, stop: int, /) -> int:
        """A whole number of at least 0 and less than `stop`."""


class Initial(Enum):
    """What a bid that was never tried is taken to earn."""

    NEUTRAL = "nothing"
    OPTIMISTIC = "this session and all that follow it, or what follows if it is no bid"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the thesis does not say, in one place. Ties go to the higher bid; epsilon is 1/N(s), as it says."""

    buckets: int = 10
    """State grid: the session's number, and how many such parts of the day's budget are left, rounded up."""
    levels_percent: tuple[int, ...] = (0, 50, 100)
    """Bid grid: shares of what is left, smallest first."""
    initial: Initial = Initial.OPTIMISTIC
    rate_percent: int = 100
    """Learning rate chi where a day went better than was thought."""
    caution_percent: int = 30
    """Learning rate chi where it went worse, which may have been the fault of what came later."""
    forgives_trials: bool = True
    """Whether a day that went worse is not blamed on what was done before its last random bid."""
    discount_percent: int = 100
    """lambda, from session to session: a day is short."""
    from_dawn: bool = False
    """(4.16) as printed: discounted from the day's first session on, whenever it was earned (U9)."""

    def __post_init__(self) -> None:
        assert self.buckets > 0, f"{self.buckets} buckets"
        assert self.levels_percent, "no levels"
        assert self.levels_percent[0] >= 0, "a bid of less than nothing"
        assert self.levels_percent[-1] <= 100, "a bid of more than is left"
        assert all(low < high for low, high in pairwise(self.levels_percent)), "levels must rise"
        for percent in (self.rate_percent, self.caution_percent, self.discount_percent):
            assert 0 <= percent <= 100, f"{percent} %"


State = tuple[int, int]
"""A session's number, and the bucket of what is left."""


@dataclass(slots=True)
class Learner:
    """One user's agent. `worths_ubc` is what its day's sessions are worth in the modes it wants, in their order."""

    choices: Choices
    budget_ubc: int
    worths_ubc: Sequence[int]
    chance: Chance
    _estimates: dict[State, list[int]] = field(default_factory=dict)
    _visits: dict[State, int] = field(default_factory=dict)
    _today: list[tuple[State, int, bool]] = field(default_factory=list)

    def bid(self, session: int, worth_ubc: int, left_ubc: int) -> int:
        """What to bid for the bundle that is offered to session `session`, counted from 0; 0 is no bid."""
        assert left_ubc <= self.budget_ubc, f"{left_ubc} ubc are left of {self.budget_ubc}"
        if worth_ubc <= 0 or left_ubc <= 0:
            return 0
        state = (session, -(-left_ubc * self.choices.buckets // self.budget_ubc))
        if state not in self._estimates:
            self._estimates[state] = self._first_estimates(session, worth_ubc)
        estimates = self._estimates[state]
        visits = self._visits[state] = self._visits.get(state, 0) + 1
        tries = visits > 1 and not self.chance.randrange(visits)
        if tries:
            level = self.chance.randrange(len(estimates))
        else:
            level = max(range(len(estimates)), key=lambda number: (estimates[number], number))
        self._today.append((state, level, tries))
        return left_ubc * self.choices.levels_percent[level] // 100

    def end_day(self, earned_ubc: Sequence[int]) -> None:
        """Learn from what each session earned: its worth where it won, nothing where it did not."""
        return_ubc, forgives = 0, False
        for state, level, tried in reversed(self._today):
            return_ubc = earned_ubc[state[0]] + return_ubc * self.choices.discount_percent // 100
            estimates = self._estimates[state]
            gain = self._as_counted(return_ubc, state[0]) - estimates[level]
            if gain > 0:
                estimates[level] += gain * self.choices.rate_percent // 100
            elif not forgives:
                estimates[level] -= -gain * self.choices.caution_percent // 100
            forgives = forgives or (tried and self.choices.forgives_trials)
        self._today.clear()

    def _as_counted(self, return_ubc: int, session: int) -> int:
        """As it is, or, printed, lambda^j for lambda^(j-t)."""
        percent = self.choices.discount_percent
        return return_ubc * percent**session // 100**session if self.choices.from_dawn else return_ubc

    def _first_estimates(self, session: int, worth_ubc: int) -> list[int]:
        if self.choices.initial is Initial.NEUTRAL:
            return [0] * len(self.choices.levels_percent)
        later_ubc = sum(self.worths_ubc[session + 1 :])
        return [later_ubc + (worth_ubc if level else 0) for level in self.choices.levels_percent]
