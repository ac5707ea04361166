"""What four operators together make durable in a second: all of it, from a customer's bytes to the signed receipt.

Four CometBFTs, four ledgers, four brokers and their customers share the cores of one machine (lab/ledger_net), so a
figure is what is left to each of a dozen programs; four machines do more. Each purchase is signed, travels by MQTT to
one of the four operators, is decided by more than two thirds of them, lies on the disk of that operator's ledger, and
has been answered with a verified receipt when it counts. Compared with the seed's text.
Reference: Bandcoin 6.2.
"""

from __future__ import annotations

import math
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.bench.result import RESULTS, Against, Figure
from lab.ledger_net.market import Market, Purchase
from lab.ledger_net.sites import Sites, open_sites, wait_until_agreed

SEED_BULK, SEED_SINGLE = 13_000, 1
BULK_GOAL, SINGLE_GOAL, LATENCY_GOAL_S = 30_000, 300, 1.5
SEED = "the seed's chain, as its text says"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured: rounds of which the median counts, and what is in each."""

    rounds: int = 3
    singles: int = 2_000
    idle: int = 60
    bulks: int = 4
    consumers: int = 50_000


def measure(progress: Callable[[str], None], sizes: Sizes = Sizes()) -> list[Figure]:
    """All figures. Raises ShellError where the sandbox, CometBFT or a broker is missing."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    logs = Path(tempfile.mkdtemp(prefix=".ledger-net-", dir=RESULTS))
    try:
        with open_sites(logs, progress) as sites:
            market = Market(sites.exchange, sites.network.genesis.ledger_id)
            market.open(sites.everybody)
            figures = _measure_idle(sites, market, sizes, progress)
            figures += _measure_singles(sites, market, sizes, progress)
            figures += _measure_bulks(sites, market, sizes, progress)
            wait_until_agreed(sites.everybody)
            return figures
    finally:
        shutil.rmtree(logs)


def _measure_idle(
    sites: Sites, market: Market, sizes: Sizes, progress: Callable[[str], None]
) -> list[Figure]:
    """One purchase at a time, when nothing else happens."""
    progress("four operators, one purchase at a time")
    taken_s = []
    with sites.everybody[0].client() as client:
        for purchase in market.purchases(sizes.idle):
            begun = time.perf_counter()
            client.submit(purchase.encoded)
            taken_s.append(time.perf_counter() - begun)
    taken_s.sort()
    late = taken_s[math.ceil(0.95 * len(taken_s)) - 1]
    what = "four operators: from a purchase to its signed receipt, nothing else under way"
    return [
        Figure(f"{what}, 95th percentile", round(late, 3), "s", LATENCY_GOAL_S, better="lower"),
        Figure(f"{what}, median", round(statistics.median(taken_s), 3), "s", better="lower"),
    ]


def _measure_singles(
    sites: Sites, market: Market, sizes: Sizes, progress: Callable[[str], None]
) -> list[Figure]:
    progress(f"four operators, {sizes.singles:,} signed purchases under way")
    rates = [
        _rate(sites, market, market.purchases(sizes.singles), sizes.singles) for _ in range(sizes.rounds)
    ]
    rate = round(statistics.median(rates))
    what = "four operators: single signed transactions, durable, each with its signed receipt"
    return [Figure(what, rate, "transactions/s", SINGLE_GOAL, against=Against(SEED, SEED_SINGLE))]


def _measure_bulks(
    sites: Sites, market: Market, sizes: Sizes, progress: Callable[[str], None]
) -> list[Figure]:
    progress(f"four operators, {sizes.bulks} purchases for {sizes.consumers:,} consumers under way")
    count = sizes.bulks * sizes.consumers
    rates = []
    for _ in range(sizes.rounds):
        bulks = [market.bulk(sizes.consumers) for _ in range(sizes.bulks)]
        rates.append(_rate(sites, market, bulks, count))
    what = f"four operators: bulk allocation of {sizes.consumers:,} consumers, durable"
    rate = round(statistics.median(rates))
    return [Figure(what, rate, "allocations/s", BULK_GOAL, against=Against(SEED, SEED_BULK))]


def _rate(sites: Sites, market: Market, purchases: Sequence[Purchase], count: int) -> float:
    begun = time.perf_counter()
    left = market.hand_round(sites.everybody, purchases, timeout_s=120.0, together=len(purchases))
    taken_s = time.perf_counter() - begun
    assert not left, f"{len(left)} purchases have no answer: {sites.everybody[0].remarks}"
    market.check(purchases)
    return count / taken_s
