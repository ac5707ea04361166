"""Session auctions: winners and every VCG price, beside HiGHS: one solve for the winners, one more for each of them.

Bids are drawn from a seed: sessions of 1 to 20 slots, worth their units and slots times a log-normal factor. HiGHS is
asked through scipy with a gap of zero, on all bids where that ends in seconds, and in the same run. Memory is that of a
process of its own, before it imports the auction and after it cleared one, and it never imports numpy.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.bench.result import Against, Figure
from market.ubid.auction import clear
from market.ubid.bids import Bid, Terms
from market.ubid.bundles import Modes, NoBundle, Policy, Request, offer
from market.ubid.forecast import Forecast
from market.ubid.integer_program import IntegerProgram
from market.ubid.narrowing import narrow
from market.ubid.pruning import prune

SLOTS, WIDE, PAPER = 20, (10, 17, 24, 31, 38, 45, 52, 59), (1, 3, 5, 9)
"""Modes in units of the capacity, and the paper's 0.5, 1.5, 2.5 and 4.5 Mbit/s in units of 0.5 Mbit/s."""

HIGHS, HIGHS_ONCE = "HiGHS, one solve and one for each winner", "HiGHS, one solve of the bids that matter"
HIGHS_ALL = "HiGHS, one solve of all bids, no payment"

BOX_PROGRAM = """
import sys
def resident_kb():
    return int(open("/proc/self/statm").read().split()[1]) * 4
import dataclasses, enum, itertools, math, typing
before = resident_kb()
from market.ubid.auction import clear
from market.ubid.bids import Bid, Terms
from market.ubid.forecast import Forecast
bids = [Bid(bytes([n]), n, ((1, 3, 5, 9)[n % 4],) * (1 + n % 20), 1000 + 7919 * n % 1009) for n in range(100)]
assert clear(Terms(Forecast((50,) * 20), 1000), bids).sales
assert "numpy" not in sys.modules
print(resident_kb() - before)
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of it: auctions for agreement, and bids in the large one."""

    optima: int = 500
    re_solves: int = 100
    many: int = 1_000
    most: int = 100_000


def run(progress: Callable[[str], None]) -> list[Figure]:
    """All figures, at the full sizes."""
    return measure(progress, Sizes())


def measure(progress: Callable[[str], None], sizes: Sizes) -> list[Figure]:
    """Times in milliseconds, the fastest of five; agreement as a count; memory in kilobytes."""
    progress("uniform bids")
    flat = Forecast((500,) * SLOTS)
    many, most = uniform(sizes.many, flat, WIDE, 1), uniform(sizes.most, flat, WIDE, 2)
    small, rates = uniform(100, Forecast((50,) * SLOTS), PAPER, 3), uniform(sizes.many, flat, PAPER, 4)
    wider = uniform(100, Forecast((120,) * SLOTS), PAPER, 3)
    dips = Forecast(
        tuple(2 if slot == 1 else 4 if slot == 9 else 7 if slot == 14 else 60 for slot in range(SLOTS))
    )
    figures = [
        _timed(
            f"{sizes.many} uniform bids, 500 units: winners and every payment",
            many,
            10,
            HIGHS,
            _every_payment,
        ),
        _timed(f"{sizes.many} uniform bids, 500 units, modes of 1 to 9", rates, 10, HIGHS_ONCE, _one_solve),
        _timed(f"{sizes.most} uniform bids, 500 units", most, 1500, HIGHS_ONCE, _one_solve),
    ]
    progress("switching bids")
    switching = drawn(sizes.many, dips, PAPER, Policy.FLOOR, 5)
    fluid = drawn(sizes.many, dips, PAPER, Policy.FLUID, 5)
    progress(f"{sum(min(bid.bundle) < max(bid.bundle) for bid in switching[1])} of {sizes.many} bids switch")
    figures += [
        _timed(
            f"{sizes.many} bids, 60 units, most of which switch (floor)",
            switching,
            1000,
            HIGHS_ALL,
            _one_solve_of_all,
        ),
        _timed(
            f"{sizes.many} bids, 60 units, most of which switch (fluid)",
            fluid,
            1000,
            HIGHS_ALL,
            _one_solve_of_all,
        ),
    ]
    progress("a box's budget")
    figures += [
        _timed("100 bids, 50 units, plain Python", small, 2, HIGHS_ONCE, _one_solve),
        _timed("100 bids, 120 units, plain Python", wider, None, HIGHS_ONCE, _one_solve),
        Figure("100 bids: memory over a Python that runs", box_memory_kb(), "kB", 5_000, "lower"),
    ]
    progress("agreement with HiGHS")
    return [
        *figures,
        Figure(
            "auctions of the value that HiGHS finds", agreeing_optima(sizes.optima), "auctions", sizes.optima
        ),
        Figure(
            "auctions of the prices of full re-solves",
            agreeing_prices(sizes.re_solves),
            "auctions",
            sizes.re_solves,
        ),
    ]


def uniform(count: int, forecast: Forecast, modes: tuple[int, ...], seed: int) -> tuple[Terms, list[Bid]]:
    """Bids for the same rate in each slot; the forecast is flat."""
    return drawn(count, forecast, modes, Policy.FLUID, seed)


def drawn(
    count: int, forecast: Forecast, modes: tuple[int, ...], policy: Policy, seed: int
) -> tuple[Terms, list[Bid]]:
    """Bids for what is offered under a policy."""
    chance = random.Random(seed)
    bids: list[Bid] = []
    while len(bids) < count:
        request = Request(chance.choice(modes), chance.randint(1, len(forecast.units)))
        bundle = offer(request, forecast, Modes(modes), policy)
        if not isinstance(bundle, NoBundle):
            value = max(1, round(sum(bundle) * 1000 * chance.lognormvariate(0, 0.5)))
            bids.append(Bid(len(bids).to_bytes(4, "big"), len(bids), bundle, value))
    return Terms(forecast, count), bids


def box_memory_kb() -> float:
    """By how much a process grows that imports the auction and clears one of 100 bids."""
    answer = subprocess.run([sys.executable, "-c", BOX_PROGRAM], capture_output=True, text=True, check=True)
    return float(answer.stdout)


def agreeing_optima(count: int) -> int:
    """How many random auctions have the value that HiGHS finds."""
    return sum(clear(*each).value_ubc == _highs(*each).optimum for each in map(_random, range(count)))


def agreeing_prices(count: int) -> int:
    """How many random auctions have, for every bid, the price of a solve without it; losers pay nothing."""
    return sum(_prices_agree(*_random(seed)) for seed in range(10_000, 10_000 + count))


def _prices_agree(terms: Terms, bids: Sequence[Bid]) -> bool:
    outcome = clear(terms, bids)
    prices = {sale.bid: sale.price_ubc for sale in outcome.sales}
    program = _highs(terms, bids)
    return all(
        program.without(j) - outcome.value_ubc + (bid.value_ubc if bid in prices else 0) == prices.get(bid, 0)
        for j, bid in enumerate(bids)
    )


def _random(seed: int) -> tuple[Terms, list[Bid]]:
    chance = random.Random(seed)
    forecast = Forecast(tuple(chance.randint(5, 40) for _ in range(chance.randint(1, 12))))
    modes = chance.choice([(1, 3, 5), (2, 4), (1, 3, 5, 9), (3, 5)])
    return drawn(chance.randint(5, 40), forecast, modes, chance.choice(list(Policy)), seed)


def _highs(terms: Terms, bids: Sequence[Bid]) -> IntegerProgram:
    return IntegerProgram([bid.value_ubc for bid in bids], [bid.bundle for bid in bids], terms.forecast.units)


def _every_payment(terms: Terms, bids: Sequence[Bid]) -> None:
    program = _highs(terms, bids)
    for winner in program.winners():
        program.without(winner)


def _one_solve(terms: Terms, bids: Sequence[Bid]) -> None:
    units = terms.forecast.units
    _highs(terms, narrow(prune(bids, units[0]), units))


def _one_solve_of_all(terms: Terms, bids: Sequence[Bid]) -> None:
    _highs(terms, bids)


def _timed(
    what: str,
    auction: tuple[Terms, list[Bid]],
    goal_ms: float | None,
    rival: str,
    alternative: Callable[[Terms, Sequence[Bid]], None],
) -> Figure:
    ours = min(_milliseconds(lambda: clear(*auction)) for _ in range(5))
    theirs = _milliseconds(lambda: alternative(*auction))
    return Figure(what, ours, "ms", goal_ms, "lower", Against(rival, theirs))


def _milliseconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000
