"""Random session auctions, and the reductions of chapter 4 as they are printed: what ubid.py tries them on.

A reduction keeps the capacity constraints of some slots and drops the others; the best set under what is left is found
exactly, so that a reduction is wrong where that set does not fit. Slots are numbered from 1, as printed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from market.ubid.bids import Bid, Terms
from market.ubid.bundles import Modes, NoBundle, Policy, Request, offer
from market.ubid.forecast import Bundle, Forecast
from market.ubid.winners import determine

OPEN_NS = 1 << 60


@dataclass(frozen=True, slots=True)
class Drawn:
    """One auction: forecast, modes, the requests and what was offered for them, the bids."""

    forecast: Forecast
    modes: tuple[int, ...]
    bids: tuple[Bid, ...]

    @property
    def terms(self) -> Terms:
        return Terms(self.forecast, OPEN_NS)


def bid(number: int, bundle: Sequence[int], value_ubc: int) -> Bid:
    return Bid(number.to_bytes(4, "big"), number, tuple(bundle), value_ubc)


def draw(
    chance: random.Random,
    *,
    modes: tuple[int, ...],
    slots: int = 5,
    bids: int = 7,
    most_units: int = 14,
    rising: bool = False,
    policy: Policy = Policy.FLOOR,
) -> Drawn:
    """At least the smallest mode is there in every slot, so that everybody is offered something."""
    units = [chance.randint(modes[0], most_units) for _ in range(slots)]
    forecast = Forecast(tuple(sorted(units) if rising else units))
    found = []
    for number in range(bids):
        request = Request(chance.choice(modes), chance.randint(1, slots))
        bundle = offer(request, forecast, Modes(modes), policy)
        assert not isinstance(bundle, NoBundle)
        found.append(bid(number, bundle, chance.randint(1, 100)))
    return Drawn(forecast, modes, tuple(found))


def uniform(chance: random.Random, *, rising: bool, equal_length: bool = False, slots: int = 5) -> Drawn:
    """Bids that ask for the same in each of their slots."""
    units = [chance.randint(1, 12) for _ in range(slots)]
    forecast = Forecast(tuple(sorted(units) if rising else units))
    length = chance.randint(1, slots)
    found = []
    for number in range(7):
        duration = length if equal_length else chance.randint(1, slots)
        room = min(forecast.units[:duration])
        found.append(bid(number, (chance.randint(1, min(4, room)),) * duration, chance.randint(1, 100)))
    return Drawn(forecast, (1, 2, 3, 4), tuple(found))


def fits(bids: Iterable[Bid], units: Sequence[int]) -> bool:
    demand = [0] * len(units)
    for each in bids:
        for slot, wanted in enumerate(each.bundle):
            demand[slot] += wanted
    return all(wanted <= there for wanted, there in zip(demand, units, strict=True))


def best_checking(slots: Iterable[int], drawn: Drawn) -> list[Bid]:
    """The winners if only these slots had a capacity."""
    checked = set(slots)
    everything = sum(max(each.bundle) for each in drawn.bids)
    units = [there if slot in checked else everything for slot, there in enumerate(drawn.forecast.units, 1)]
    return [award.bid for award in determine(drawn.bids, units).awards]


def upswitch_slots(drawn: Drawn, shift: int) -> list[int]:
    """Theorem 3: slot 1 and the slots of upswitches; printed with shift 0, and what is meant with 1."""
    switches = {
        slot + shift
        for each in drawn.bids
        for slot, (now, then) in enumerate(pairwise(each.bundle), 1)
        if then > now
    }
    return sorted({1, *switches})


def printed_slots(drawn: Drawn) -> list[int]:
    """Algorithm 2, read as charitably as it goes: bids that have ended are summed, and the last slot is taken."""
    slots, worst = [], Fraction(0)
    for tau, there in enumerate(drawn.forecast.units, 1):
        asked = sum(each.bundle[0] for each in drawn.bids)
        worst = max(worst, Fraction(asked, there))
        if any(len(each.bundle) == tau for each in drawn.bids):
            slots.append(tau)
            worst = Fraction(0)
    return slots


def tightest_slots(drawn: Drawn) -> list[int]:
    """What holds for uniform bids: in each interval between distinct durations, the slot with the least capacity."""
    slots, begin = [], 1
    for end in sorted({len(each.bundle) for each in drawn.bids}):
        slots.append(min(range(begin, end + 1), key=lambda slot: drawn.forecast.units[slot - 1]))
        begin = end + 1
    return slots


def widest_ratio_slot(drawn: Drawn) -> int:
    """Theorem 4, equal durations: the slot with the largest ratio of demand to its own capacity."""
    length = len(drawn.bids[0].bundle)
    return min(range(1, length + 1), key=lambda slot: drawn.forecast.units[slot - 1])


def value_of(bids: Iterable[Bid]) -> int:
    return sum(each.value_ubc for each in bids)


def bundle_of(units: int, slots: int) -> Bundle:
    return (units,) * slots
