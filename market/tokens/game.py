"""Token sharing as a simulation: how operators' parts of a band and their balances move. Real numbers, no chance.

Each operator wants a part of the band; the band is divided; what is used costs tokens, which go to the others in equal
parts. The paper does not say how the band is divided where more is wanted than there is (the figures have a saturated
network). Declared here: **in proportion to balances** (`divide`), never more than is wanted or can be paid for; and
as its Figure 2 has it, in parts drawn by chance without tokens (`random_split`).

    balance of k changes by (S - n s_k) / (n - 1) tokens a second, S all use: s_k = S/n is the only point of rest
    gap(t) = gap(0) e^(-t / tau),  tau = (n-1)/n T_M        T_M: seconds of the whole band that all tokens buy

`free_when_idle`: what is wanted while all of it has room costs nothing and needs no tokens, and what nobody with tokens
wants is free for those without (T3: otherwise an operator that is alone is locked out of an idle band as soon as the
others have all tokens).
Reference: token sharing (002), II D, III.   Units: the band is 1, all tokens are 1, seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

Wanted = Callable[[int], Sequence[float]]
"""What each operator wants in step number i: parts of the band, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Game:
    """`stock_s` is T_M; `step_s` at most as long."""

    operators: int
    stock_s: float
    step_s: float
    free_when_idle: bool = False

    def __post_init__(self) -> None:
        assert self.operators >= 2, "there is nobody to share with (T2)"
        assert 0 < self.step_s <= self.stock_s, f"steps of {self.step_s} s with tokens for {self.stock_s} s"

    @property
    def tau_s(self) -> float:
        """The time in which a gap falls to 1/e of itself."""
        return (self.operators - 1) / self.operators * self.stock_s


@dataclass(frozen=True, slots=True)
class Moment:
    """At `time_s`, before the step: balances (parts of all tokens), and which parts of the band are used in it."""

    time_s: float
    balances: tuple[float, ...]
    used: tuple[float, ...]


def play(game: Game, steps: int, wanted: Wanted, balances: Sequence[float] | None = None) -> list[Moment]:
    """As many moments as steps. Balances begin equal unless they are given."""
    held = tuple(balances or [1 / game.operators] * game.operators)
    assert len(held) == game.operators, f"{len(held)} balances of {game.operators} operators"
    moments = list[Moment]()
    for number in range(steps):
        used, charged = divide(game, held, wanted(number))
        moments.append(Moment(number * game.step_s, held, used))
        held = spend(game, held, charged)
    return moments


def divide(
    game: Game, balances: Sequence[float], wanted: Sequence[float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The parts of the band that operators get, and those of them that they are charged for."""
    if game.free_when_idle and sum(wanted) <= 1:
        return tuple(wanted), (0.0,) * len(wanted)
    affordable = game.stock_s / game.step_s
    limits = [min(want, balance * affordable) for want, balance in zip(wanted, balances, strict=True)]
    charged = fill(balances, limits)
    if not game.free_when_idle:
        return tuple(charged), tuple(charged)
    wishes = [want - part for want, part in zip(wanted, charged, strict=True)]
    free = fill([1.0] * len(charged), wishes, 1 - sum(charged))
    return tuple([part + extra for part, extra in zip(charged, free, strict=True)]), tuple(charged)


def spend(game: Game, balances: Sequence[float], charged: Sequence[float]) -> tuple[float, ...]:
    """Balances after a step in which so much of the band was charged for."""
    costs = [part * game.step_s / game.stock_s for part in charged]
    total, others = sum(costs), game.operators - 1
    return tuple(
        [balance - cost + (total - cost) / others for balance, cost in zip(balances, costs, strict=True)]
    )


def fill(weights: Sequence[float], limits: Sequence[float], room: float = 1.0) -> list[float]:
    """`room` in proportion to weights, nobody above its limit: what one leaves is for the others."""
    given = [0.0] * len(weights)
    open_ = [k for k, weight in enumerate(weights) if weight > 0 and limits[k] > 0]
    while open_ and room > 0:
        level = room / sum(weights[k] for k in open_)
        full = [k for k in open_ if limits[k] <= level * weights[k]]
        for k in full or open_:
            given[k] = limits[k] if full else level * weights[k]
            room -= given[k]
        if not full:
            break
        open_ = [k for k in open_ if k not in full]
    return given


# ---- What operators want


def saturated(operators: int) -> Wanted:
    """Everybody wants all of it, always."""
    everything = (1.0,) * operators
    return lambda _: everything


def at_random(operators: int, chance: Callable[[], float]) -> Wanted:
    """Each wants a part drawn evenly from 0 to 1; `chance` gives the draws."""
    return lambda _: tuple([chance() for _ in range(operators)])


def random_split(operators: int, steps: int, chance: Callable[[], float]) -> list[tuple[float, ...]]:
    """Figure 2, without tokens: the whole band in parts drawn evenly from all ways to cut it."""
    splits = list[tuple[float, ...]]()
    for _ in range(steps):
        parts = [-log(1 - chance()) for _ in range(operators)]
        splits.append(tuple([part / sum(parts) for part in parts]))
    return splits


# ---- What is said of it


def ahead(operators: int, lead: float) -> tuple[float, ...]:
    """Balances of which the first is `lead` (0.75: 75 %) above the fair part, and the others share the rest."""
    first = (1 + lead) / operators
    return (first, *[(1 - first) / (operators - 1)] * (operators - 1))


def gap(moment: Moment) -> float:
    """The largest distance of what one uses from the fair part, in fair parts."""
    fair = 1 / len(moment.used)
    return max(abs(use - fair) for use in moment.used) / fair


def converged_s(moments: Sequence[Moment], within: float) -> float | None:
    """Since when the gap stays at `within` or below; None if it does not."""
    since = None
    for moment in moments:
        if gap(moment) > within:
            since = None
        elif since is None:
            since = moment.time_s
    return since


def theory_s(game: Game, lead: float, within: float) -> float:
    """When the gap of (n - 1) / n T_M falls from `lead` to `within`: 4.3 tau for 0.75 and 0.01."""
    return game.tau_s * log(lead / within)


def mean_use(moments: Sequence[Moment]) -> tuple[float, ...]:
    """Each operator's part of the band over all the time."""
    columns = zip(*(moment.used for moment in moments), strict=True)
    return tuple([sum(column) / len(moments) for column in columns])


def mean_utility(utility: Callable[[float], float], parts: Sequence[float]) -> float:
    """Over a row of parts of the band, of equal lengths.

    Balances are bounded, so in the long run every operator's mean is at most 1/n whatever it does. Then with a strictly
    concave utility every row that is not 1/n throughout is worth less (Jensen): W/n is the strict best answer. With a
    linear one all rows of the same mean are worth the same, and the equilibrium holds only weakly (T2).
    """
    return sum(utility(part) for part in parts) / len(parts)
