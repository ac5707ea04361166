"""A cycle hour by hour: how a user's state goes on, what the operator earns, and what schedules bring.

A user's state is what was used of the plan and how large his quota is by now; the quota alone is not enough (S7).
Only use on the plan counts. Revenue is whole micro-bandcoin: offers that were taken, and overages.
Reference: 003 3.4.2, (3.18) to (3.21).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.sdo.choice import Bools, Choice, Hour, Response, hour_of, respond
from market.sdo.game import MOST_PRICE_UBC, Game
from market.traces.usage import Integers


@dataclass(frozen=True, slots=True)
class State:
    """`used` of the plan and `quota` by now, in bytes; any shape that broadcasts against an hour."""

    used: Integers
    quota: Integers


@dataclass(frozen=True, slots=True)
class Cycle:
    """What came of one schedule. `choices` is users x hours."""

    price_ubc: int
    schedule: tuple[bool, ...]
    offers_ubc: int
    overages_ubc: int
    spent_ubc: tuple[int, ...]
    choices: tuple[tuple[Choice, ...], ...]
    captured_bytes: int
    label: str

    @property
    def revenue_ubc(self) -> int:
        """Offers and overages."""
        return self.offers_ubc + self.overages_ubc

    @property
    def hours_offered(self) -> int:
        """In how many hours there was an offer."""
        return sum(self.schedule)


def begin(game: Game, *shape: int) -> State:
    """Nothing is used, and the quota is the plan's."""
    return State(np.zeros(shape, dtype=np.int64), np.full(shape, game.plan.quota_bytes, dtype=np.int64))


def advance(game: Game, hour: Hour, price_ubc: int, state: State, offered: Bools) -> tuple[State, Integers]:
    """The next state and the revenue of each element; `offered` broadcasts against the state."""
    response = respond(game, hour, price_ubc, state.used, state.quota)
    return follow(game, hour, price_ubc, state, response, response.accepts & offered)


def follow(
    game: Game, hour: Hour, price_ubc: int, state: State, response: Response, accepted: Bools
) -> tuple[State, Integers]:
    """The same, once it is known who took the offer."""
    on_plan = (response.otherwise == Choice.PLAN) & ~accepted
    bought = on_plan & response.overage
    used = state.used + on_plan * hour.demand_bytes
    quota = state.quota + bought * np.int64(game.plan.overage_bytes)
    revenue = accepted * np.int64(price_ubc) + bought * np.int64(game.plan.overage_ubc)
    return State(np.asarray(used), np.asarray(quota)), np.asarray(revenue)


def revenues(game: Game, price_ubc: int, schedules: Bools) -> Integers:
    """What each schedule (schedules x hours) earns, in micro-bandcoin."""
    _check(game, price_ubc)
    state = begin(game, len(schedules), game.users)
    earned = np.zeros(len(schedules), dtype=np.int64)
    for number in range(game.hours):
        state, revenue = advance(game, hour_of(game, number), price_ubc, state, schedules[:, number, None])
        earned += revenue.sum(axis=1)
    return earned


def play(game: Game, price_ubc: int, schedule: tuple[bool, ...]) -> Cycle:
    """One schedule in full. Captured is what went by an offer and would have gone by Wi-Fi without it."""
    _check(game, price_ubc)
    assert len(schedule) == game.hours, "an entry for each hour"
    state = begin(game, game.users)
    choices = np.zeros((game.users, game.hours), dtype=np.int8)
    spent = np.zeros(game.users, dtype=np.int64)
    offers = captured = 0
    for number, offered in enumerate(schedule):
        hour = hour_of(game, number)
        response = respond(game, hour, price_ubc, state.used, state.quota)
        accepted = response.accepts & offered
        choices[:, number] = np.where(accepted, np.int8(Choice.OFFER), response.otherwise)
        captured += int(hour.demand_bytes[accepted & (response.otherwise == Choice.WIFI)].sum())
        offers += int(accepted.sum()) * price_ubc
        state, revenue = follow(game, hour, price_ubc, state, response, accepted)
        spent += revenue
    taken = tuple(tuple(Choice(int(each)) for each in row) for row in choices)
    paid = tuple(int(each) for each in spent)
    return Cycle(price_ubc, tuple(schedule), offers, sum(paid) - offers, paid, taken, captured, game.label)


def _check(game: Game, price_ubc: int) -> None:
    assert 0 <= price_ubc <= MOST_PRICE_UBC, f"a price of {price_ubc} is not between 0 and a million coins"
    assert game.hours <= 10_000, "a cycle is a month, or a year at most"
