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
    kept: list[Bid] = []
    asked: dict[Bundle, int] = {}  # units of slot 1 that the kept bids of a bundle ask for
    smaller: dict[Bundle, list[Bundle]] = {}  # the kept bundles with no larger footprint
    closed: set[Bundle] = set()
    for bid in sorted(bids, key=_falling_value):  # sorting is stable: equal values stay by arrival and id
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
                if other not in closed and fits_into(bundle, other) and bundle not in known:
                    known.append(bundle)
        asked[bundle] += bundle[0]
        kept.append(bid)
    kept.sort(key=seniority)
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
