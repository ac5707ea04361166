"""Users who bid in session auctions day after day, each with a budget for the day: the simulated market of 003 4.9.

A day has an auction at the start of each slot. Every user has the same sessions each day, drawn from a seed: when,
which mode, for how long, and what they are worth to it (utility.py, times a log-normal factor). Most users are greedy
or rationed, some learn (mcpi.py). What was sold is gone for the slots that follow. All that is drawn is synthetic.
A critical price is the least bid that wins beside what the others bid that day, so that a tie that is lost costs more.
Reference: 003 4.9, (4.17).   Units: capacity units, micro-bandcoin (ubc), of which one is a millionth of utility.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import product
from typing import Protocol

from market.ubid.auction import clear, price_to_win
from market.ubid.bids import Bid, Terms, seniority
from market.ubid.budgets import greedy_bid, most_utility, rationed_bid
from market.ubid.bundles import Modes, NoBundle, Policy, Request, offer
from market.ubid.forecast import Bundle, Forecast, next_forecast
from market.ubid.mcpi import Choices, Learner
from market.ubid.utility import ONE, Taste, bundle_utility, mode_numbers

OPEN_NS = 1 << 60


class Crowd(Enum):
    """How those bid who do not learn."""

    GREEDY = "greedy"
    RATIONED = "rationed"


@dataclass(frozen=True, slots=True)
class Setting:
    """One simulated market. Users and days are the thesis's; the rest is chosen, and said in docs/markets.md."""

    users: int = 100
    sessions: int = 6
    slots: int = 24
    days: int = 80
    units: int = 6
    """What each slot has to sell: so little that about one session in four wins."""
    modes: tuple[int, ...] = (1,)
    most_slots: int = 1
    """How long a session may be. At 1 every request finds its capacity, as in the thesis's first experiment."""
    budget_ubc: int = 250_000
    """Of one user for one day: a fraction of what one session is worth, so that money is short."""
    least_psi: int = 500_000
    """The least that a slot is worth, in millionths; the most is a million."""
    factor_sigma: float = 1.0
    """How much a user's sessions differ in worth: the spread of the logarithm of a factor."""
    crowd: Crowd = Crowd.RATIONED
    learners: int = 1
    """How many learn; without any, everybody is watched."""
    choices: Choices = Choices()
    shifted_percent: int = 0
    """How many of the users come early or late on a day, by at most `most_shift` slots."""
    most_shift: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """What a watched user won on one day, and the most that its budget could have bought (U_max)."""

    won_ubc: int
    most_ubc: int


@dataclass(frozen=True, slots=True)
class Course:
    """`watched[day][user]` are the learners, or everybody if nobody learns; `revenue_ubc[day]` is the network's."""

    watched: tuple[tuple[Day, ...], ...]
    revenue_ubc: tuple[int, ...]


class Agent(Protocol):
    """Who bids for a user by a way of its own; `Learner` of mcpi.py is one."""

    def bid(self, session: int, worth_ubc: int, left_ubc: int) -> int: ...

    def end_day(self, earned_ubc: Sequence[int]) -> None: ...


@dataclass(frozen=True, slots=True)
class _Plan:
    """All that is left for some of the day's sessions, nothing for the others."""

    wanted: tuple[bool, ...]

    def bid(self, session: int, worth_ubc: int, left_ubc: int) -> int:
        return left_ubc if self.wanted[session] and worth_ubc else 0

    def end_day(self, earned_ubc: Sequence[int]) -> None:
        """A plan learns nothing."""


@dataclass(frozen=True, slots=True)
class _Session:
    slot: int
    request: Request
    taste: Taste
    factor_percent: int
    worths: dict[Bundle, int] = field(default_factory=dict)

    def worth(self, bundle: Bundle, modes: Sequence[int]) -> int:
        if bundle not in self.worths:
            utility = bundle_utility(self.taste, modes.index(self.request.units), mode_numbers(bundle, modes))
            self.worths[bundle] = max(1, utility * self.factor_percent // 100)
        return self.worths[bundle]


@dataclass(slots=True)
class _User:
    sessions: list[_Session]
    agent: Agent | None = None
    is_watched: bool = False
    left_ubc: int = 0
    won_ubc: list[int] = field(default_factory=list)
    worths_ubc: list[int] = field(default_factory=list)
    prices_ubc: list[int | None] = field(default_factory=list)

    def wake(self, budget_ubc: int) -> None:
        self.left_ubc = budget_ubc
        self.won_ubc = [0] * len(self.sessions)
        self.worths_ubc = [0] * len(self.sessions)
        self.prices_ubc = [None] * len(self.sessions)


Turn = tuple[int, int]
"""A user and one of its sessions, by number."""


def simulate(setting: Setting, seed: int) -> Course:
    """All days of one market; the same seed has the same users, whatever they know."""
    market = _Market(setting, seed)
    days = [market.day() for _ in range(setting.days)]
    return Course(tuple(watched for watched, _ in days), tuple(revenue for _, revenue in days))


def shares(course: Course, days: slice) -> list[float]:
    """What each watched user won of its U_max over some days; users that could have won nothing are left out."""
    each = zip(*course.watched[days], strict=True)
    sums = ((sum(day.won_ubc for day in user), sum(day.most_ubc for day in user)) for user in each)
    return [won / most for won, most in sums if most]


def attainable_ubc(setting: Setting, seed: int) -> int:
    """The most that the one learner can win on the first day, by trying every plan of all or nothing for each session.

    U_max may be more: it takes the day's prices as given, but those who are outbid still have their money later.
    """
    assert setting.learners == 1, "plans are tried for one user"
    market = _Market(setting, seed)
    user = next(each for each in market.users if each.agent)
    won: list[int] = []
    for wanted in product((False, True), repeat=setting.sessions):
        user.agent = _Plan(wanted)
        market.day()
        won.append(sum(user.won_ubc))
    return max(won)


class _Market:
    def __init__(self, setting: Setting, seed: int) -> None:
        self._setting = setting
        self._modes = Modes(setting.modes)
        drawing, learning, self._coming = (
            random.Random(f"{part} {seed}") for part in ("users", "who", "when")
        )
        self.users = [_User(_drawn_sessions(setting, drawing)) for _ in range(setting.users)]
        for number in learning.sample(range(setting.users), setting.learners):
            user = self.users[number]
            wanted = [(each, (each.request.units,) * each.request.slots) for each in user.sessions]
            worths = [each.worth(bundle, setting.modes) for each, bundle in wanted]
            chance = random.Random(f"learner {number} {seed}")
            user.agent = Learner(setting.choices, setting.budget_ubc, worths, chance)
            user.is_watched = True
        if not setting.learners:
            for user in self.users:
                user.is_watched = True
        self._cleared: dict[tuple[Forecast, tuple[Bid, ...]], dict[bytes, int]] = {}

    def day(self) -> tuple[tuple[Day, ...], int]:
        """One day: what the watched users got, and the network's revenue."""
        setting = self._setting
        for user in self.users:
            user.wake(setting.budget_ubc)
        forecast = Forecast((setting.units,) * setting.most_slots)
        revenue_ubc = 0
        for turns in self._agenda():
            sold, prices_ubc = self._auction(forecast, turns)
            revenue_ubc += sum(prices_ubc)
            forecast = next_forecast(forecast, sold, setting.units)
        for user in self.users:
            if user.agent:
                user.agent.end_day(user.won_ubc)
        watched = (user for user in self.users if user.is_watched)
        return tuple(_day_of(user, setting.budget_ubc) for user in watched), revenue_ubc

    def _agenda(self) -> list[list[Turn]]:
        """By slot, whose sessions begin there today."""
        setting = self._setting
        agenda: list[list[Turn]] = [[] for _ in range(setting.slots)]
        for number, user in enumerate(self.users):
            late = 0
            if self._coming.randrange(100) < setting.shifted_percent:
                late = self._coming.randint(-setting.most_shift, setting.most_shift)
            for place, session in enumerate(user.sessions):
                agenda[min(max(0, session.slot + late), setting.slots - 1)].append((number, place))
        return agenda

    def _auction(self, forecast: Forecast, turns: Sequence[Turn]) -> tuple[list[Bundle], list[int]]:
        """Bundles sold and what was paid for each; users are told."""
        offers = self._offers(forecast, turns)
        bids = tuple(bid for _, _, bid in offers if bid.value_ubc)
        prices = self._prices(forecast, bids)
        sold = [bid for _, _, bid in offers if bid.bid_id in prices]
        for user, place, bid in offers:
            price_ubc = prices.get(bid.bid_id)
            if user.is_watched:
                critical_ubc = self._critical(forecast, bids, bid) if price_ubc is None else price_ubc
                user.prices_ubc[place] = critical_ubc
            if price_ubc is not None:
                user.left_ubc -= price_ubc
                user.won_ubc[place] = user.worths_ubc[place]
        return [bid.bundle for bid in sold], [prices[bid.bid_id] for bid in sold]

    def _offers(self, forecast: Forecast, turns: Sequence[Turn]) -> list[tuple[_User, int, Bid]]:
        """Whose session is offered a bundle, and the bid for it; a bid of 0 takes no part."""
        offers: list[tuple[_User, int, Bid]] = []
        for number, place in turns:
            user = self.users[number]
            bundle = offer(user.sessions[place].request, forecast, self._modes, Policy.FLOOR)
            if not isinstance(bundle, NoBundle):
                worth_ubc = user.worths_ubc[place] = user.sessions[place].worth(bundle, self._setting.modes)
                value_ubc = self._bid(user, place, worth_ubc)
                offers.append((user, place, Bid(bytes((number, place)), number, bundle, value_ubc)))
        return offers

    def _bid(self, user: _User, place: int, worth_ubc: int) -> int:
        setting = self._setting
        if user.agent:
            return user.agent.bid(place, worth_ubc, user.left_ubc)
        if setting.crowd is Crowd.GREEDY:
            return greedy_bid(worth_ubc, user.left_ubc)
        return rationed_bid(worth_ubc, user.left_ubc, setting.budget_ubc, place, setting.sessions)

    def _prices(self, forecast: Forecast, bids: tuple[Bid, ...]) -> dict[bytes, int]:
        """Who won, by the id of its bid, and what it pays. Most auctions of a day are those of the day before."""
        key = (forecast, bids)
        if key not in self._cleared:
            sales = clear(Terms(forecast, OPEN_NS), bids).sales
            self._cleared[key] = {sale.bid.bid_id: sale.price_ubc for sale in sales}
        return self._cleared[key]

    def _critical(self, forecast: Forecast, bids: tuple[Bid, ...], mine: Bid) -> int:
        """The least that would have won."""
        price_ubc = price_to_win(Terms(forecast, OPEN_NS), bids, mine)
        again = replace(mine, value_ubc=max(1, price_ubc))
        others = (bid for bid in bids if bid.bid_id != mine.bid_id)
        wins = again.bid_id in self._prices(forecast, tuple(sorted((*others, again), key=seniority)))
        return price_ubc if wins else price_ubc + 1


def _drawn_sessions(setting: Setting, chance: random.Random) -> list[_Session]:
    psi = tuple(sorted(chance.randint(setting.least_psi, ONE) for _ in setting.modes))
    taste = Taste(psi, chance.randint(25, 75), chance.randint(0, ONE))
    return [
        _Session(
            slot,
            Request(chance.choice(setting.modes), chance.randint(1, setting.most_slots)),
            taste,
            round(100 * chance.lognormvariate(0, setting.factor_sigma)),
        )
        for slot in sorted(chance.sample(range(setting.slots), setting.sessions))
    ]


def _day_of(user: _User, budget_ubc: int) -> Day:
    return Day(sum(user.won_ubc), most_utility(user.worths_ubc, user.prices_ubc, budget_ubc))
