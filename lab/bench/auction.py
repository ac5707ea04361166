"""Session auctions: winners and every VCG price, beside HiGHS: one solve for the winners, one more for each of them.

Bids are drawn from a seed: sessions of 1 to 20 slots, worth their units and slots times a log-normal factor. HiGHS is
asked through scipy with a gap of zero, on all bids where that ends in seconds, and in the same run. Memory is that of a
process of its own, before it imports the auction and after it cleared one, and it never imports numpy. What an agent
with a budget learns is measured on 20 seeds of a synthetic market (auction_scenarios.py), beside users who do not.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lab.auction_scenarios import SCENARIOS, courses, last_shares, last_shares_of_attainable, naive_shares
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
HIGHS_PRUNED = "HiGHS, one solve and one for each winner, of the bids that matter"

PAPER_DIPS, WIDE_DIPS = {1: 2, 9: 4, 14: 7}, {1: 20, 9: 40, 14: 50}
"""What three slots, counted from 0, have left: all less than the largest mode, so that most bids switch."""

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
    """How much of it: auctions for agreement, bids in the large one, and markets with an agent."""

    optima: int = 500
    re_solves: int = 100
    many: int = 1_000
    most: int = 100_000
    seeds: int = 20
    users: int = 100


def run(progress: Callable[[str], None]) -> list[Figure]:
    """All figures, at the full sizes."""
    return measure(progress, Sizes())


def measure(progress: Callable[[str], None], sizes: Sizes) -> list[Figure]:
    """Times in milliseconds, the fastest of 25; agreement as a count; memory in kilobytes."""
    progress("uniform bids")
    flat = Forecast((500,) * SLOTS)
    many, most = uniform(sizes.many, flat, WIDE, 1), uniform(sizes.most, flat, WIDE, 2)
    small, rates = uniform(100, Forecast((50,) * SLOTS), PAPER, 3), uniform(sizes.many, flat, PAPER, 4)
    wider = uniform(100, Forecast((120,) * SLOTS), PAPER, 3)
    dips, narrows = dips_of(60, PAPER_DIPS), dips_of(500, WIDE_DIPS)
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
    wide = drawn(sizes.many, narrows, WIDE, Policy.FLOOR, 5)
    thin = drawn(sizes.many, dips_of(500, PAPER_DIPS), PAPER, Policy.FLOOR, 5)
    for terms, bids in (switching, wide, thin):
        switches = sum(min(bid.bundle) < max(bid.bundle) for bid in bids)
        progress(f"{switches} of {sizes.many} bids switch, {terms.forecast.units[0]} units")
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
    figures += [
        _timed(
            f"{sizes.many} bids, 500 units, three slots of 20 to 50, modes of 10 to 59: every payment",
            wide,
            1000,
            HIGHS_PRUNED,
            _every_payment_of_those_that_matter,
        ),
        _timed(
            f"{sizes.many} bids, 500 units, three slots of 2 to 7, modes of 1 to 9: every payment",
            thin,
            1000,
            HIGHS_PRUNED,
            _every_payment_of_those_that_matter,
        ),
    ]
    progress("a box's budget")
    figures += [
        _timed("100 bids, 50 units, plain Python", small, 2, HIGHS_ONCE, _one_solve),
        _timed("100 bids, 120 units, plain Python", wider, None, HIGHS_ONCE, _one_solve),
        Figure("100 bids: memory over a Python that runs", box_memory_kb(), "kB", 5_000, "lower"),
    ]
    progress("an agent with a budget, day after day")
    figures += learning(sizes.seeds, sizes.users)
    progress("agreement with HiGHS")
    return [
        *figures,
        Figure(
            "payments of switching bids, 500 units, that a solve without each winner finds",
            sum(agreeing_payments(*each) for each in (wide, thin)),
            "payments",
            sum(len(clear(*each).sales) for each in (wide, thin)),
        ),
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


def learning(seeds: int, users: int) -> list[Figure]:
    """What an agent with a budget wins of the most it could, on days 70 to 80, by scenario."""
    settings = {name: replace(setting, users=users) for name, setting in SCENARIOS.items()}
    naive = naive_shares(settings["among rationed users"], range(seeds))
    figures = [
        Figure("users with a budget who do not learn (synthetic): mean", _percent(naive), "%", 50, "lower")
    ]
    goals = {"among rationed users": (95, 80)}
    for name in ("among rationed users", "among greedy users", "neutral start", "10 learners"):
        found = last_shares(courses(settings[name], range(seeds)))
        median, mean = goals.get(name, (None, None))
        middle = 100 * statistics.median(found)
        figures.append(Figure(f"an agent that learns, {name} (synthetic): median", middle, "%", median))
        figures.append(Figure(f"an agent that learns, {name} (synthetic): mean", _percent(found), "%", mean))
    crowded = settings["among greedy users"]
    found = last_shares_of_attainable(crowded, courses(crowded, range(seeds)), range(seeds))
    what = "an agent that learns, among greedy users (synthetic), of the best plan: mean"
    return [*figures, Figure(what, _percent(found), "%")]


def _percent(found: Sequence[float]) -> float:
    return 100 * statistics.fmean(found)


def dips_of(units: int, dips: dict[int, int]) -> Forecast:
    """The same in each slot but those named, counted from 0."""
    return Forecast(tuple(dips.get(slot, units) for slot in range(SLOTS)))


def agreeing_payments(terms: Terms, bids: Sequence[Bid]) -> int:
    """How many winners pay what a solve without them says, of all bids that matter to it."""
    outcome = clear(terms, bids)
    kept = prune(bids, terms.forecast.units[0])
    program = _highs(terms, kept)
    places = {bid.bid_id: place for place, bid in enumerate(kept)}
    assert program.optimum == outcome.value_ubc, "HiGHS finds another value"
    return sum(
        sale.price_ubc == program.without(places[sale.bid.bid_id]) - outcome.value_ubc + sale.bid.value_ubc
        for sale in outcome.sales
    )


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


def _every_payment_of_those_that_matter(terms: Terms, bids: Sequence[Bid]) -> None:
    units = terms.forecast.units
    _every_payment(terms, narrow(prune(bids, units[0]), units))


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
    ours = min(_milliseconds(lambda: clear(*auction)) for _ in range(25))
    theirs = _milliseconds(lambda: alternative(*auction))
    return Figure(what, ours, "ms", goal_ms, "lower", Against(rival, theirs))


def _milliseconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000
