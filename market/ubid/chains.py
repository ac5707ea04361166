"""The constraints of an auction as few chains of slots, each of which is one dimension of a knapsack.

All sessions start in slot 1, so those that still run in a slot are those of at least its number. Bids that are taken
up by falling duration therefore fill a chain of slots in which each session asks for the same in every slot with one
number, the units used: after a session of duration d it may not exceed the least capacity of the chain's slots up to
d. Uniform bids are one chain, whatever the forecast is. Bundles that switch make more, one for each level to which
the forecast cuts them. A slot that has room for everybody is in no chain.
Reference: two-pass winner determination; where 003 Theorems 1-4 choose slots by rules that fail (U2-U4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

from market.ubid.forecast import Bundle


@dataclass(frozen=True, slots=True)
class Chains:
    """`sizes[c]` units of chain c; for each bundle, by chain, what it adds and what may be used once it is in."""

    sizes: tuple[int, ...]
    weights: tuple[tuple[int, ...], ...]
    limits: tuple[tuple[int, ...], ...]

    @property
    def cells(self) -> int:
        """How many states a knapsack over these chains has."""
        cells = 1
        for size in self.sizes:
            cells *= size + 1
        return cells


def chain(bundles: Sequence[Bundle], capacity: Sequence[int]) -> Chains:
    """The chains of `bundles`, which stand by falling duration and fit `capacity` one by one."""
    kinds = list(dict.fromkeys(bundles))
    columns = [_column(kinds, slots, capacity) for slots in _chains_of(kinds, bundles, capacity)]
    if not columns:  # there is room for everybody: one chain in which nobody asks for anything
        columns = [((0,) * len(kinds), (0,) * len(kinds))]
    numbers = {kind: number for number, kind in enumerate(kinds)}
    rows = [numbers[bundle] for bundle in bundles]
    weight_rows = list(zip(*(weights for weights, _ in columns), strict=True))
    limit_rows = list(zip(*(limits for _, limits in columns), strict=True))
    return Chains(
        tuple(max(limits, default=0) for _, limits in columns),
        tuple(weight_rows[row] for row in rows),
        tuple(limit_rows[row] for row in rows),
    )


def _chains_of(
    kinds: Sequence[Bundle], bundles: Sequence[Bundle], capacity: Sequence[int]
) -> list[list[int]]:
    """Lists of slots, counted from 0; each slot joins the first chain whose last slot asks for the same."""
    longest = max(map(len, kinds), default=0)
    asked = [0] * longest
    for bundle in bundles:
        for slot, demand in enumerate(bundle):
            asked[slot] += demand
    chains: list[list[int]] = []
    for slot in range(longest):
        if asked[slot] <= capacity[slot]:
            continue
        for slots in chains:
            if all(kind[slots[-1]] == kind[slot] for kind in kinds if len(kind) > slot):
                slots.append(slot)
                break
        else:
            chains.append([slot])
    return chains


def _column(
    kinds: Sequence[Bundle], slots: Sequence[int], capacity: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Weight and limit of each kind in one chain, both divided by what all weights have in common."""
    first = slots[0]
    weights = [kind[first] if len(kind) > first else 0 for kind in kinds]
    common = gcd(*weights)
    most = sum(capacity)  # no limit, for a session that ends before the chain begins
    limits = [
        min((capacity[slot] for slot in slots if slot < len(kind)), default=most) // common for kind in kinds
    ]
    bound = max((limit for limit, weight in zip(limits, weights, strict=True) if weight), default=0)
    return tuple(weight // common for weight in weights), tuple(min(limit, bound) for limit in limits)
