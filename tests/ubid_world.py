"""Random session auctions from a seed, and the slow, plain way to clear one."""

from __future__ import annotations

import random
from collections.abc import Sequence

from market.ubid.bids import Bid, Terms
from market.ubid.bundles import Modes, NoBundle, Policy, Request, offer
from market.ubid.forecast import Forecast

OPEN_NS = 1 << 60


def bid(number: int, bundle: Sequence[int], value_ubc: int) -> Bid:
    return Bid(number.to_bytes(4, "big"), number, tuple(bundle), value_ubc)


def bids_of(*pairs: tuple[Sequence[int], int]) -> list[Bid]:
    return [bid(number, bundle, value) for number, (bundle, value) in enumerate(pairs)]


def terms(*units: int, reserve_ubc: int = 0) -> Terms:
    return Terms(Forecast(units), OPEN_NS, reserve_ubc)


def random_auction(
    seed: int,
    bids: int,
    most_units: int = 20,
    slots: int = 5,
    modes: tuple[int, ...] = (1, 3, 5),
    policy: Policy = Policy.FLOOR,
    values: int = 1000,
) -> tuple[Terms, list[Bid]]:
    """A forecast that goes up and down, and bids for what is offered under it."""
    chance = random.Random(seed)
    forecast = Forecast(tuple(chance.randint(1, most_units) for _ in range(slots)))
    found: list[Bid] = []
    while len(found) < bids:
        request = Request(chance.choice(modes), chance.randint(1, slots))
        bundle = offer(request, forecast, Modes(modes), policy)
        if not isinstance(bundle, NoBundle):
            found.append(bid(len(found), bundle, chance.randint(1, values)))
        elif not any(forecast.units[0] >= mode for mode in modes):
            forecast = Forecast((most_units, *forecast.units[1:]))
    return Terms(forecast, OPEN_NS), found


def random_auction_over(units: tuple[int, ...], bids: int, modes: tuple[int, ...], seed: int) -> list[Bid]:
    """Bids for the best modes that are there, under a forecast that is given."""
    chance = random.Random(seed)
    found: list[Bid] = []
    while len(found) < bids:
        request = Request(chance.choice(modes), chance.randint(1, len(units)))
        bundle = offer(request, Forecast(units), Modes(modes), Policy.FLOOR)
        if not isinstance(bundle, NoBundle):
            found.append(bid(len(found), bundle, chance.randint(1, 1000)))
    return found


def fits(bids: Sequence[Bid], units: Sequence[int]) -> bool:
    return all(
        sum(each.bundle[slot] for each in bids if len(each.bundle) > slot) <= there
        for slot, there in enumerate(units)
    )


def best_sets(bids: Sequence[Bid], units: Sequence[int]) -> tuple[int, list[list[Bid]]]:
    """The most value, and every set that has it, by trying all sets."""
    found: dict[int, list[list[Bid]]] = {}
    for mask in range(1 << len(bids)):
        some = [each for number, each in enumerate(bids) if mask >> number & 1]
        if fits(some, units):
            found.setdefault(sum(each.value_ubc for each in some), []).append(some)
    most = max(found)
    return most, found[most]
