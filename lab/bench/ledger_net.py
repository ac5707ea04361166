"""What four operators together make durable in a second: all of it, from a customer's bytes to the signed receipt.

Four CometBFTs, four ledgers, four brokers and their customers share the cores of one machine (lab/ledger_net), so a
figure is what is left to each of a dozen programs; four machines do more. Each purchase is signed, travels by MQTT to
one of the four operators, is decided by more than two thirds of them, lies on the disk of that operator's ledger, and
has been answered with a verified receipt when it counts. Compared with Bandcoin's paper.

And an auction in which thousands win, in one batch with the offer: from its clearing second until the batch is in all
four ledgers, and how long a purchase that somebody else makes meanwhile waits at most, as one batch is one block.
Reference: Bandcoin 6.2, 5.4.
"""

from __future__ import annotations

import math
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lab.bench.result import RESULTS, Against, Figure
from lab.ledger_net.auctions import open_sales, place_open_bids
from lab.ledger_net.lots import PROPSHARE, Lot, dues
from lab.ledger_net.market import Market, Purchase, Sale
from lab.ledger_net.sites import Site, Sites, open_sites, wait_until_agreed
from lab.processes import wait_until
from wire.create import Create
from wire.errors import ShellError
from wire.keys import PrivateKey
from wire.money_actions import Deposit

SEED_BULK, SEED_SINGLE = 13_000, 1
BULK_GOAL, SINGLE_GOAL, LATENCY_GOAL_S = 30_000, 300, 1.5
BID_UBC = 1_000
SETTLED_WITHIN_S = 300.0
SEED = "Bandcoin's paper, as published"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured: rounds of which the median counts, and what is in each; winners of one auction."""

    rounds: int = 3
    singles: int = 2_000
    idle: int = 60
    bulks: int = 4
    consumers: int = 50_000
    winners: int = 5_000


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
            figures += _measure_auction(sites, market, sizes, progress)
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


def _measure_auction(
    sites: Sites, market: Market, sizes: Sizes, progress: Callable[[str], None]
) -> list[Figure]:
    """A proportional share of open bids, all of which win: what is decided is one batch, and one block."""
    progress(f"four operators, {sizes.winners:,} bidders open accounts")
    bidders = [PrivateKey.generate() for _ in range(sizes.winners)]
    _take_effect(sites, market, [market.sign(Create(key.public), key) for key in bidders])
    _take_effect(
        sites, market, [market.sign(Deposit(key.public, BID_UBC), sites.exchange) for key in bidders]
    )
    clears_in_s = 15 + sizes.winners // 200
    bids_ubc = (BID_UBC,) * sizes.winners
    lot = Lot("field", "alice", PROPSHARE, sizes.winners, 1, bids_ubc, clears_in_s, keepers=())
    with open_sales(sites, market, [lot]) as (opened,):
        progress(f"four operators, {sizes.winners:,} bids")
        sale = place_open_bids(market, opened, bidders)
        progress(f"four operators, an auction with {sizes.winners:,} winners")
        clearing_s = sale.auction.terms.mark.clearing_s
        time.sleep(max(0.0, clearing_s - time.time()))
        taken_s, waited_s = _wait_for_money(sites, market, sale)
    batch = f"an auction with {sizes.winners:,} winners, in one batch"
    return [
        Figure(
            f"four operators: {batch}, from its clearing second to all four ledgers",
            taken_s,
            "s",
            None,
            "lower",
        ),
        Figure(
            f"four operators: {batch}: the longest wait of a purchase meanwhile", waited_s, "s", None, "lower"
        ),
    ]


def _take_effect(sites: Sites, market: Market, purchases: Sequence[Purchase]) -> None:
    left = market.hand_round(sites.everybody, purchases, timeout_s=60.0, together=250)
    assert not left, f"{len(left)} transactions have no answer: {sites.everybody[0].remarks}"
    market.check(purchases)
    wait_until_agreed(sites.everybody)


def _wait_for_money(sites: Sites, market: Market, sale: Sale) -> tuple[float, float]:
    """Until every ledger says that the provider has all of it: since the clearing second, and the longest that a
    purchase took meanwhile, one after the other at another operator.
    """
    due_ubc = sum(one.price_ubc for one in dues(sale.lot))
    account = f"accounts/{sale.auction.terms.provider}"
    ended = threading.Event()
    with ThreadPoolExecutor(1) as hand:
        longest = hand.submit(_buy_until, ended, sites["carol"], market)
        try:
            for site in sites.everybody:
                wait_until(
                    partial(_has, site, account, due_ubc), f"{site.name} has the auction", SETTLED_WITHIN_S
                )
            taken_s = time.time() - sale.auction.terms.mark.clearing_s
        finally:
            ended.set()
        return round(taken_s, 1), round(longest.result(), 1)


def _has(site: Site, account: str, balance_ubc: int) -> bool:
    try:
        return bool(site.read(account)["balance_ubc"] == balance_ubc)
    except ShellError:  # its ledger is busy with the batch
        return False


def _buy_until(ended: threading.Event, site: Site, market: Market) -> float:
    """Seconds of the slowest purchase."""
    slowest_s = 0.0
    with site.client(SETTLED_WITHIN_S) as client:
        while not ended.is_set():
            (purchase,) = market.purchases(1)
            begun = time.perf_counter()
            client.submit(purchase.encoded)
            slowest_s = max(slowest_s, time.perf_counter() - begun)
    return slowest_s


def _rate(sites: Sites, market: Market, purchases: Sequence[Purchase], count: int) -> float:
    begun = time.perf_counter()
    left = market.hand_round(sites.everybody, purchases, timeout_s=120.0, together=len(purchases))
    taken_s = time.perf_counter() - begun
    assert not left, f"{len(left)} purchases have no answer: {sites.everybody[0].remarks}"
    market.check(purchases)
    return count / taken_s
