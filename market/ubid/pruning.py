"""Which bids can be left out without changing who wins, or what anybody pays.

A bid is left out once better bids of no larger footprint (higher value, or as high and earlier) already ask for more
than slot 1 has: in every allocation with it, one of those is not used and can stand in for it. Without any one of
them the same holds, because their sum leaves room for the bid itself and so for one of them: prices stay exact.
Reference: the dominance rule with a count, which this tightens, of winner determination with switching bundles.
"""

from __future__ import annotations

from collections.abc import Sequence

from market.ubid.bids import Bid, seniority
from market.ubid.forecast import Bundle


def prune(bids: Sequence[Bid], first_slot_units: int) -> list[Bid]:
    """The bids that matter, by arrival and then id. `bids` stand in that order and fit the forecast."""
    ranked = sorted(bids, key=_falling_value)  # sorting is stable: equal values stay by arrival and id
    uniform = all(min(bundle) == max(bundle) for bundle in {bid.bundle for bid in bids})
    kept = (_prune_uniform if uniform else _prune_any)(ranked, first_slot_units)
    kept.sort(key=seniority)
    return kept


def _prune_uniform(ranked: Sequence[Bid], first_slot_units: int) -> list[Bid]:
    """By two numbers: what the kept bids of at most a duration and at most a rate ask for is a sum in a tree."""
    rates = {rate: place for place, rate in enumerate(sorted({bid.bundle[0] for bid in ranked}), 1)}
    longest = max((len(bid.bundle) for bid in ranked), default=0)
    tree = [[0] * (len(rates) + 1) for _ in range(longest + 1)]
    closed = [first_slot_units + 1] * (
        longest + 1
    )  # by duration, the least rate of which nothing more is kept
    kept: list[Bid] = []
    for bid in ranked:
        slots, rate = len(bid.bundle), bid.bundle[0]
        if rate >= closed[slots]:
            continue
        if _asked(tree, slots, rates[rate]) > first_slot_units:
            closed[slots:] = [min(rate, least) for least in closed[slots:]]
        else:
            kept.append(bid)
            _ask(tree, slots, rates[rate], rate)
    return kept


def _asked(tree: list[list[int]], slots: int, place: int) -> int:
    total = 0
    while slots:
        row, k = tree[slots], place
        while k:
            total += row[k]
            k &= k - 1
        slots &= slots - 1
    return total


def _ask(tree: list[list[int]], slots: int, place: int, rate: int) -> None:
    width = len(tree[0])
    while slots < len(tree):
        row, k = tree[slots], place
        while k < width:
            row[k] += rate
            k += k & -k
        slots += slots & -slots


def _prune_any(ranked: Sequence[Bid], first_slot_units: int) -> list[Bid]:
    """By comparing footprints, of which there are few: as many as modes times durations."""
    kept: list[Bid] = []
    asked: dict[Bundle, int] = {}  # units of slot 1 that the kept bids of a bundle ask for
    smaller: dict[Bundle, list[Bundle]] = {}  # the kept bundles with no larger footprint
    closed: set[Bundle] = set()
    for bid in ranked:
        bundle = bid.bundle
        if bundle in closed:
            continue
        if bundle not in smaller:
            smaller[bundle] = [other for other in asked if fits_into(other, bundle)]
        if sum(map(asked.__getitem__, smaller[bundle])) > first_slot_units:
            closed.add(bundle)
            continue
        if bundle not in asked:
            asked[bundle] = 0
            for other, known in smaller.items():
                if other not in closed and fits_into(bundle, other):
                    known.append(bundle)
        asked[bundle] += bundle[0]
        kept.append(bid)
    return kept


def _falling_value(bid: Bid) -> int:
    return -bid.value_ubc


def fits_into(small: Bundle, large: Bundle) -> bool:
    """Whether `small` asks in no slot for more than `large`."""
    return (
        len(small) <= len(large)
        and small[0] <= large[0]
        and all(mine <= theirs for mine, theirs in zip(small, large, strict=False))
    )
