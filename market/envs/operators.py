"""Several operators that ask a price, and users who choose among their quotes, as a PettingZoo parallel environment.

Agents are both: `operator_k` says what the next round costs at it, `user_k` takes one of the quotes of this round, or
none. Quotes bind: what a user takes was asked before he chose. An operator serves so many users a round; who comes too
late is not served and pays nothing, and lots say who is late. Moving to another operator takes the time of
`market/agent` (attach, eSIM, contract), which is worth something to the user. Where users are not agents they choose by
`market.agent.choosing.decide`, as `airgrant agent` does. The last round is `terminated`, a horizon before it
`truncated`. No user spends more than the budget; action masks say so. What is no price or quote, and a step before the
first reset, are refused (AssertionError).
Reference: Bandcoin 6 (times of moving); the thesis leaves competition open (7).   Units: observations 0 to 1, rewards
in coins; money in micro-bandcoin, whole, in info.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import seeding
from pettingzoo import ParallelEnv

from market.agent.choosing import Weighed, decide, weigh
from market.agent.quotes import Need, PostedPrice, Quote, Step
from wire.units import UBC_PER_BANDCOIN

Observation = npt.NDArray[np.float32]
Infos = dict[str, dict[str, Any]]

MOVING = (Step.LOAD_ESIM, Step.CONTRACT, Step.ATTACH)
STAYING = (Step.CONTRACT,)
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Competition:
    """One market. Prices, worths and budgets are of a round, which lasts `round_s`."""

    operators: int = 2
    users: int = 6
    users_learn: bool = True
    """Whether users are agents too; else they do what market/agent says."""
    rounds: int = 24
    round_s: int = 3_600
    places: int = 4
    """How many users an operator serves in a round."""
    prices: int = 11
    """Action k of an operator asks k parts in `prices - 1` of the most."""
    most_price_ubc: int = 2_000_000
    least_worth_ubc: int = 500_000
    most_worth_ubc: int = 2_000_000
    away_minute_ubc: int = 1_000_000
    """What a minute without a network costs a user who moves: at 4.25 s 70,834 micro-bandcoin."""
    budget_ubc: int = 16_000_000

    def __post_init__(self) -> None:
        assert self.operators > 0, "nobody sells"
        assert self.users > 0, "nobody buys"
        assert self.rounds > 0, "no rounds"
        assert self.places > 0, "an operator serves somebody"
        assert self.prices > 1, "a price, and none"
        assert 0 < self.least_worth_ubc <= self.most_worth_ubc, "an hour is worth something"


@dataclass(slots=True)
class _User:
    worth_ubc: int
    left_ubc: int
    at: int = NOBODY


class Operators(ParallelEnv):  # type: ignore[misc]
    """Info of a user: `action_mask` (int8; action 0 is nobody, k + 1 operator k), `left_ubc`, `worth_ubc`, `paid_ubc`,
    `served_by` (an operator's number, or -1). Of an operator: `action_mask`, `price_ubc` that it asks now, and of the
    round that is over `revenue_ubc`, `served` and `turned_away`.
    """

    metadata = {"name": "operators_v0", "render_modes": []}  # noqa: RUF012  # PettingZoo's own form

    def __init__(self, market: Competition | None = None, horizon: int | None = None) -> None:
        self._market = market = market or Competition()
        assert horizon is None or 0 < horizon <= market.rounds, f"a horizon of {horizon}"
        self._horizon = horizon or market.rounds
        self._sellers = [f"operator_{number}" for number in range(market.operators)]
        self._buyers = [f"user_{number}" for number in range(market.users)]
        self.possible_agents = self._sellers + (self._buyers if market.users_learn else [])
        self.agents: list[str] = []
        self.render_mode = None
        sizes = dict.fromkeys(self._sellers, market.prices) | dict.fromkeys(
            self._buyers, market.operators + 1
        )
        features = dict.fromkeys(self._sellers, 2 + market.operators) | dict.fromkeys(
            self._buyers, 3 + 2 * market.operators
        )
        self._actions = {agent: spaces.Discrete(sizes[agent]) for agent in self.possible_agents}
        self._observations = {
            agent: spaces.Box(0.0, 1.0, (features[agent],), np.float32) for agent in self.possible_agents
        }
        self._chance, _ = seeding.np_random()
        self._round = 0
        self._prices_ubc: list[int] = []
        self._users: list[_User] = []

    def observation_space(self, agent: str) -> spaces.Box:
        return self._observations[agent]

    def action_space(self, agent: str) -> spaces.Discrete[Any]:
        return self._actions[agent]

    def reset(
        self,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002  # PettingZoo passes them
    ) -> tuple[dict[str, Observation], Infos]:
        """New users at no operator, and prices by lot; without a seed, the next of the last seed's, and at first
        those of a seed that nobody chose.
        """
        if seed is not None:
            self._chance, _ = seeding.np_random(seed)
        market = self._market
        self.agents = list(self.possible_agents)
        self._round = 0
        worths = self._chance.integers(market.least_worth_ubc, market.most_worth_ubc + 1, market.users)
        self._users = [_User(int(worth), market.budget_ubc) for worth in worths]
        self._prices_ubc = [
            self._price(int(k)) for k in self._chance.integers(market.prices, size=market.operators)
        ]
        return self._seen(), self._infos([0] * market.users, [NOBODY] * market.users, [0] * market.operators)

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """One round: users take quotes that were asked before, operators say what the next round costs."""
        market, live = self._market, list(self.agents)
        assert live, "no market has begun, or it is over: reset first"
        for agent in live:
            space = self._actions[agent]
            assert space.contains(actions[agent]), f"{agent}: action {actions[agent]!r} of {space}"
        wanted = [self._wanted(number, actions) for number in range(market.users)]
        served, turned_away = self._places(wanted)
        paid, gained = self._serve(served)
        self._prices_ubc = [self._price(int(actions[seller])) for seller in self._sellers]
        self._round += 1
        over = self._round == market.rounds
        cut = not over and self._round == self._horizon
        revenue = [
            sum(p for p, at in zip(paid, served, strict=True) if at == k) for k in range(market.operators)
        ]
        coins = dict(zip(self._sellers, revenue, strict=True)) | dict(zip(self._buyers, gained, strict=True))
        rewards = {agent: coins[agent] / UBC_PER_BANDCOIN for agent in live}
        infos = self._infos(paid, served, turned_away)
        found = (self._seen(), rewards, dict.fromkeys(live, over), dict.fromkeys(live, cut), infos)
        if over or cut:
            self.agents = []
        return found

    def _price(self, action: int) -> int:
        return self._market.most_price_ubc * action // (self._market.prices - 1)

    def _weighed(self, number: int) -> list[Weighed]:
        """Each operator's quote, as the user's agent weighs it."""
        need, quotes, left_ubc = self._question(number)
        return [weigh(need, quote, left_ubc, 0) for quote in quotes]

    def _question(self, number: int) -> tuple[Need, list[Quote], int]:
        market, user = self._market, self._users[number]
        need = Need(
            "session", market.round_s, user.worth_ubc * 60 // market.round_s, 0, market.away_minute_ubc
        )
        quotes = [
            Quote(
                seller,
                PostedPrice(price_ubc, market.round_s),
                market.round_s,
                steps=STAYING if at_it else MOVING,
            )
            for seller, price_ubc, at_it in zip(
                self._sellers, self._prices_ubc, [user.at == k for k in range(market.operators)], strict=True
            )
        ]
        return need, quotes, user.left_ubc

    def _wanted(self, number: int, actions: dict[str, Any]) -> int:
        """At which operator a user asks. Who asks for what he cannot pay asks nobody."""
        if not self._market.users_learn:
            taken = decide(*self._question(number), 0).taken
            return NOBODY if taken is None else self._sellers.index(taken.quote.seller)
        wanted = int(actions[self._buyers[number]]) - 1
        if wanted != NOBODY and self._prices_ubc[wanted] > self._users[number].left_ubc:
            return NOBODY
        return wanted

    def _places(self, wanted: list[int]) -> tuple[list[int], list[int]]:
        """Who is served by whom, and how many each operator turned away; lots say who comes first."""
        served, turned_away = [NOBODY] * len(wanted), [0] * self._market.operators
        for number in self._chance.permutation(len(wanted)):
            at = wanted[number]
            if at == NOBODY:
                continue
            if served.count(at) < self._market.places:
                served[number] = at
            else:
                turned_away[at] += 1
        return served, turned_away

    def _serve(self, served: list[int]) -> tuple[list[int], list[int]]:
        """What each user pays, and what he gains: worth, less price, less the way there."""
        paid, gained = [0] * len(served), [0] * len(served)
        for number, at in enumerate(served):
            if at == NOBODY:
                continue
            user, weighed = self._users[number], self._weighed(number)[at]
            paid[number], gained[number] = self._prices_ubc[at], weighed.gain_ubc
            user.left_ubc -= paid[number]
            user.at = at
        return paid, gained

    def _mask(self, number: int) -> npt.NDArray[np.int8]:
        left_ubc = self._users[number].left_ubc
        return np.array([1, *(price_ubc <= left_ubc for price_ubc in self._prices_ubc)], dtype=np.int8)

    def _seen(self) -> dict[str, Observation]:
        """Of users: round, worth, money, prices, whom they are with. Of operators: round, share, prices, own first."""
        market = self._market
        time = self._round / market.rounds
        asked = [price_ubc / market.most_price_ubc for price_ubc in self._prices_ubc]
        seen = dict[str, list[float]]()
        for k, seller in enumerate(self._sellers):
            here = sum(user.at == k for user in self._users) / market.users
            seen[seller] = [time, here, *asked[k:], *asked[:k]]
        for buyer, user in zip(self._buyers, self._users, strict=True):
            own = [user.worth_ubc / market.most_worth_ubc, user.left_ubc / market.budget_ubc]
            seen[buyer] = [time, *own, *asked, *(float(user.at == k) for k in range(market.operators))]
        return {agent: np.array(seen[agent], dtype=np.float32) for agent in self.agents}

    def _infos(self, paid: list[int], served: list[int], turned_away: list[int]) -> Infos:
        market = self._market
        infos: Infos = {}
        for k, seller in enumerate(self._sellers):
            infos[seller] = {
                "action_mask": np.ones(market.prices, dtype=np.int8),
                "price_ubc": self._prices_ubc[k],
                "revenue_ubc": sum(p for p, at in zip(paid, served, strict=True) if at == k),
                "served": served.count(k),
                "turned_away": turned_away[k],
            }
        for number, buyer in enumerate(self._buyers):
            infos[buyer] = {
                "action_mask": self._mask(number),
                "left_ubc": self._users[number].left_ubc,
                "worth_ubc": self._users[number].worth_ubc,
                "paid_ubc": paid[number],
                "served_by": served[number],
            }
        return {agent: infos[agent] for agent in self.agents}
