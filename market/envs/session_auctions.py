"""A day of session auctions with budgets, as a PettingZoo parallel environment: each slot an auction, exact and VCG.

Agents are bidders. Each has some sessions a day, each in a slot of its own, and a budget that is worth nothing at
night. In a slot whoever has a session is offered a bundle of what is left, and bids a part of what it is worth to him.
No bid is above what is left of his budget: it is cut to it. What is sold is gone from the slots that follow. Others may
be in the market who ration and learn nothing. `market/ubid` decides; chance is the seed's alone. The night is
`terminated`, a horizon before it `truncated`. What is no level, and a step before the first reset, are refused
(AssertionError).
Reference: 003 4.5 to 4.9, (4.1), (4.14), Figure 4.10.   Units: observations 0 to 1, rewards in coins' worth of utility;
money in micro-bandcoin and capacity in units, whole, in info.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import seeding
from pettingzoo import ParallelEnv

from market.ubid.auction import Outcome, clear
from market.ubid.bids import Bid, Terms
from market.ubid.budgets import rationed_bid
from market.ubid.bundles import Modes, NoBundle, Policy, Request, offer
from market.ubid.forecast import Bundle, Forecast, next_forecast
from market.ubid.utility import ONE, Taste, bundle_utility, mode_numbers

Observation = npt.NDArray[np.float32]
Infos = dict[str, dict[str, Any]]
FEATURES = 5
"""The slot; what is left of the budget; worth of the bundle on offer, in budgets too (1 where it is more: info has it
whole), and its length; the least that a slot has to sell. All of it is a bidder's own, or what the network tells all.
"""

CLOSES_NS = 1 << 40
MOST_BIDDERS = 256
"""Agents and crowd: the id of a bid is one octet."""


@dataclass(frozen=True, slots=True)
class AuctionDay:
    """One market. The values are those of the agents' simulation in docs/markets.md, but few bidders and more money."""

    bidders: int = 4
    """Who learn: the agents."""
    crowd: int = 8
    """Who ration their budget and learn nothing."""
    slots: int = 24
    sessions: int = 6
    """Of each bidder, in as many slots."""
    units: int = 3
    """What each slot has to sell."""
    modes: tuple[int, ...] = (1, 2)
    most_slots: int = 3
    """How long a session may be."""
    policy: Policy = Policy.FLOOR
    budget_ubc: int = 4_000_000
    """Two sessions of the middle worth: enough that levels are different bids, and too little for all six."""
    reserve_ubc: int = 0
    levels_percent: tuple[int, ...] = (0, 25, 50, 75, 100, 150, 200)
    """Action k bids this part of the bundle's worth. Above 100 is reasonable: money that is left is worth nothing."""
    factor_sigma: float = 0.5
    """How much sessions differ in worth: the spread of the logarithm of a factor."""

    def __post_init__(self) -> None:
        assert self.bidders > 0, "nobody learns"
        assert self.crowd >= 0, f"a crowd of {self.crowd}"
        assert self.bidders + self.crowd <= MOST_BIDDERS, "too many for an auction of one process"
        assert 0 < self.sessions <= self.slots, "a slot for each session"
        assert self.most_slots > 0, "sessions have a slot"
        assert self.budget_ubc > 0, "a bidder has money"
        assert self.levels_percent[0] == 0, "action 0 is no bid"


@dataclass(frozen=True, slots=True)
class _Session:
    request: Request
    taste: Taste
    factor_percent: int


@dataclass(frozen=True, slots=True)
class _Offered:
    bundle: Bundle
    worth_ubc: int


class SessionAuctions(ParallelEnv):  # type: ignore[misc]
    """Info of each agent: `action_mask` (int8), `left_ubc`, `paid_ubc` and `won_ubc` of the slot that is over, the
    `bundle` on offer (units by slot), its `worth_ubc`, and the network's `revenue_ubc` in the slot that is over.
    """

    metadata = {"name": "session_auctions_v0", "render_modes": []}  # noqa: RUF012  # PettingZoo's own form

    def __init__(self, day: AuctionDay | None = None, horizon: int | None = None) -> None:
        self._day = day or AuctionDay()
        assert horizon is None or 0 < horizon <= self._day.slots, f"a horizon of {horizon}"
        self._horizon = horizon or self._day.slots
        self.possible_agents = [f"bidder_{number}" for number in range(self._day.bidders)]
        self.agents: list[str] = []
        self.render_mode = None
        levels = len(self._day.levels_percent)
        self._actions = {agent: spaces.Discrete(levels) for agent in self.possible_agents}
        seen = {agent: spaces.Box(0.0, 1.0, (FEATURES,), np.float32) for agent in self.possible_agents}
        self._observations = seen
        self._chance, _ = seeding.np_random()
        self._slot = 0
        self._left_ubc: list[int] = []
        self._sessions: list[dict[int, _Session]] = []
        self._offers: dict[int, _Offered] = {}
        self._forecast = Forecast((self._day.units,) * self._day.most_slots)

    def observation_space(self, agent: str) -> spaces.Box:
        return self._observations[agent]

    def action_space(self, agent: str) -> spaces.Discrete[Any]:
        return self._actions[agent]

    def reset(
        self,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002  # PettingZoo passes them
    ) -> tuple[dict[str, Observation], Infos]:
        """A new day with new sessions; without a seed, the next of the last seed's, and at
        first one that nobody chose. There are no options.
        """
        if seed is not None:
            self._chance, _ = seeding.np_random(seed)
        day = self._day
        self.agents = list(self.possible_agents)
        self._slot = 0
        self._left_ubc = [day.budget_ubc] * (day.bidders + day.crowd)
        self._sessions = [self._drawn() for _ in self._left_ubc]
        self._forecast = Forecast((day.units,) * day.most_slots)
        self._offer()
        return self._seen(), self._infos({}, {}, 0)

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """One slot: bids, winners, prices."""
        assert self.agents, "no day has begun, or it is over: reset first"
        for agent in self.agents:
            space = self._actions[agent]
            assert space.contains(actions[agent]), f"{agent}: action {actions[agent]!r} of {space}"
        outcome = clear(Terms(self._forecast, CLOSES_NS, self._day.reserve_ubc), self._bids(actions))
        paid = {sale.bid.arrival_ns: sale.price_ubc for sale in outcome.sales}
        for bidder, price_ubc in paid.items():
            self._left_ubc[bidder] -= price_ubc
        won = {bidder: self._offers[bidder].worth_ubc for bidder in paid}
        self._pass(outcome)
        over = self._slot == self._day.slots
        cut = not over and self._slot == self._horizon
        numbers = {agent: number for number, agent in enumerate(self.possible_agents) if agent in self.agents}
        rewards = {agent: won.get(number, 0) / ONE for agent, number in numbers.items()}
        found = (self._seen(), rewards, dict.fromkeys(numbers, over), dict.fromkeys(numbers, cut))
        infos = self._infos(paid, won, outcome.revenue_ubc)
        if over or cut:
            self.agents = []
        return (*found, infos)

    def _bids(self, actions: dict[str, Any]) -> list[Bid]:
        """Of the agents as they said, of the crowd what their ration has; 0 is no bid."""
        day, bids = self._day, []
        for bidder, offered in self._offers.items():
            left_ubc = self._left_ubc[bidder]
            if bidder < day.bidders:
                level = day.levels_percent[int(actions[self.possible_agents[bidder]])]
                value_ubc = min(offered.worth_ubc * level // 100, left_ubc)
            else:
                place = sorted(self._sessions[bidder]).index(self._slot)
                value_ubc = rationed_bid(offered.worth_ubc, left_ubc, day.budget_ubc, place, day.sessions)
            if value_ubc:
                bids.append(Bid(bytes((bidder,)), bidder, offered.bundle, value_ubc, left_ubc))
        return bids

    def _pass(self, outcome: Outcome) -> None:
        """On to the next slot, without what was sold."""
        sold = [sale.bid.bundle for sale in outcome.sales]
        self._forecast = next_forecast(self._forecast, sold, self._day.units)
        self._slot += 1
        self._offer()

    def _offer(self) -> None:
        """Bundles for the sessions that begin in this slot."""
        self._offers = {}
        for bidder, sessions in enumerate(self._sessions):
            session = sessions.get(self._slot)
            if session is None:
                continue
            bundle = offer(session.request, self._forecast, Modes(self._day.modes), self._day.policy)
            if not isinstance(bundle, NoBundle):
                self._offers[bidder] = _Offered(bundle, self._worth(session, bundle))

    def _worth(self, session: _Session, bundle: Bundle) -> int:
        modes = self._day.modes
        asked = modes.index(session.request.units)
        utility = bundle_utility(session.taste, asked, mode_numbers(bundle, modes))
        return max(1, utility * session.factor_percent // 100)

    def _drawn(self) -> dict[int, _Session]:
        """A bidder's day: which session begins in which slot."""
        day, chance = self._day, self._chance
        psi = tuple(sorted(int(each) for each in chance.integers(ONE // 2, ONE, len(day.modes))))
        taste = Taste(psi, int(chance.integers(25, 76)), int(chance.integers(0, ONE + 1)))
        slots = sorted(int(slot) for slot in chance.choice(day.slots, day.sessions, replace=False))
        return {
            slot: _Session(
                Request(
                    day.modes[int(chance.integers(len(day.modes)))],
                    int(chance.integers(1, day.most_slots + 1)),
                ),
                taste,
                max(1, round(100 * float(chance.lognormal(0, day.factor_sigma)))),
            )
            for slot in slots
        }

    def _seen(self) -> dict[str, Observation]:
        return {
            agent: self._of(number)
            for number, agent in enumerate(self.possible_agents)
            if agent in self.agents
        }

    def _of(self, bidder: int) -> Observation:
        day, offered = self._day, self._offers.get(bidder)
        worth = 0.0 if offered is None else min(1.0, offered.worth_ubc / day.budget_ubc)
        length = 0.0 if offered is None else len(offered.bundle) / day.most_slots
        left = self._left_ubc[bidder] / day.budget_ubc
        least = min(self._forecast.units) / day.units
        return np.array([self._slot / day.slots, left, worth, length, least], dtype=np.float32)

    def _infos(self, paid: dict[int, int], won: dict[int, int], revenue_ubc: int) -> Infos:
        infos: Infos = {}
        for number, agent in enumerate(self.possible_agents):
            if agent not in self.agents:
                continue
            offered = self._offers.get(number)
            mask = np.zeros(len(self._day.levels_percent), dtype=np.int8)
            mask[: 1 if offered is None or not self._left_ubc[number] else None] = 1
            infos[agent] = {
                "action_mask": mask,
                "left_ubc": self._left_ubc[number],
                "paid_ubc": paid.get(number, 0),
                "won_ubc": won.get(number, 0),
                "bundle": () if offered is None else offered.bundle,
                "worth_ubc": 0 if offered is None else offered.worth_ubc,
                "revenue_ubc": revenue_ubc,
            }
        return infos
