"""Who wins and what each winner's presence costs the others, exactly: (4.1) and the VCG prices of 003.

Winners are the set of most value. Among several, bids are taken up by arrival and then id, and each is in if some set
of most value that agrees with what was decided before has it. A price is (most value without the bid) less (what the
others have with it). A bid that leaves room for nobody else is compared with all others together, and is in no table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from market.ubid.bids import Bid, seniority
from market.ubid.chains import chain
from market.ubid.narrowing import narrow
from market.ubid.plain_knapsack import PlainKnapsack
from market.ubid.pruning import prune

PLAIN_CELLS = 20_000
"""Bids times states up to which plain Python is quick: about a millisecond for each pass."""

MOST_STATES = 1 << 22
"""States that bids over several chains may reach: at 40 bytes 168 MB, and a second."""

ARRAY_CELLS = 1 << 24
"""Bids times states up to which tables are kept: 268 MB for both of them."""


class Tables(Protocol):
    """What every solver answers; bids are numbered as they were given to it."""

    @property
    def optimum(self) -> int: ...

    def winners(self) -> list[int]: ...

    def without(self, j: int, /) -> int: ...

    def with_(self, j: int, /) -> int: ...


Solver = Callable[[Iterable[int]], Tables]
"""Tables in which the bids of these numbers must win."""


@dataclass(frozen=True, slots=True)
class Award:
    """A bid that won, and what its winning costs the others."""

    bid: Bid
    cost_ubc: int


@dataclass(frozen=True, slots=True)
class Awards:
    """The winners by arrival and then id, and the value of all of them together."""

    awards: tuple[Award, ...]
    value_ubc: int


def determine(bids: Sequence[Bid], capacity: Sequence[int]) -> Awards:
    """Winners and prices. `bids` have been screened, and stand by arrival and then id."""
    kept = narrow(prune(bids, capacity[0]), capacity)
    lone, rest = _lone(kept, capacity[0])
    rest.sort(key=_falling_duration)
    solver = solver_of(rest, capacity)
    tables = solver(())
    chosen = _earliest(solver, tables, rest)
    best = max(lone, key=_value, default=None)  # the first of equals, which is the earliest
    if best is None or not _beats(best, tables.optimum, [rest[j] for j in chosen]):
        least = 0 if best is None else best.value_ubc
        awards = [
            Award(rest[j], max(without, least) - tables.optimum + rest[j].value_ubc)
            for j, without in chosen.items()
        ]
        return Awards(tuple(sorted(awards, key=_award_seniority)), tables.optimum)
    others = [tables.optimum, *(bid.value_ubc for bid in lone if bid is not best)]
    return Awards((Award(best, max(others)),), best.value_ubc)


def most_welfare(bids: Sequence[Bid], capacity: Sequence[int]) -> int:
    """The value of the best set alone. `bids` as for `determine`."""
    lone, rest = _lone(narrow(prune(bids, capacity[0]), capacity), capacity[0])
    rest.sort(key=_falling_duration)
    return max([solver_of(rest, capacity)(()).optimum, *map(_value, lone)])


def solver_of(bids: Sequence[Bid], capacity: Sequence[int]) -> Solver:
    """The cheapest solver that is exact; `bids` stand by falling duration."""
    values = [bid.value_ubc for bid in bids]
    bundles = [bid.bundle for bid in bids]
    chains = chain(bundles, capacity)
    cells = (len(bids) + 1) * chains.cells
    if len(chains.sizes) == 1 and cells <= PLAIN_CELLS:
        return lambda sure: PlainKnapsack(chains, values, sure)
    if len(chains.sizes) > 1:
        from market.ubid.reached_knapsack import ReachedKnapsack, reach

        reached = reach(chains, MOST_STATES)
        if reached is not None:
            return lambda sure: ReachedKnapsack(reached, values, sure)
    if cells <= ARRAY_CELLS:
        from market.ubid.array_knapsack import ArrayKnapsack

        return lambda sure: ArrayKnapsack(chains, values, sure)
    from market.ubid.integer_program import IntegerProgram

    return lambda sure: IntegerProgram(values, bundles, capacity, sure)


def _lone(kept: Sequence[Bid], first_slot_units: int) -> tuple[list[Bid], list[Bid]]:
    """Bids beside which nobody fits, and the others."""
    demands = sorted(bid.bundle[0] for bid in kept)[:2]
    lone: list[Bid] = []
    rest: list[Bid] = []
    for bid in kept:
        mine = bid.bundle[0]
        least = demands[-1] if mine == demands[0] else demands[0]  # of somebody else
        (lone if len(kept) > 1 and mine + least > first_slot_units else rest).append(bid)
    return lone, rest


def _earliest(solver: Solver, tables: Tables, bids: Sequence[Bid]) -> dict[int, int]:
    """The winners among equals, each with the most value without it. A best set all needed is the only one."""
    most = tables.optimum
    found = {j: tables.without(j) for j in tables.winners()}
    if max(found.values(), default=-1) < most:
        return found
    chosen: dict[int, int] = {}
    sure: list[int] = []
    agreeing = tables
    for j in sorted(range(len(bids)), key=lambda number: seniority(bids[number])):
        if agreeing.with_(j) == most:
            chosen[j] = tables.without(j)
            if agreeing.without(j) == most:
                sure.append(j)
                agreeing = solver(sure)
    return chosen


def _beats(lone: Bid, most: int, others: Sequence[Bid]) -> bool:
    if lone.value_ubc != most:
        return lone.value_ubc > most
    return seniority(lone) < min(map(seniority, others))


def _value(bid: Bid) -> int:
    return bid.value_ubc


def _falling_duration(bid: Bid) -> int:
    return -len(bid.bundle)


def _award_seniority(award: Award) -> tuple[int, bytes]:
    return seniority(award.bid)
