"""What happens to the network: purchases all the time, and one trouble after the other.

Each chapter ends with all operators at one app hash, and with every purchase that was handed to somebody either known
to have taken effect or handed to somebody else, with the same bytes.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass

from lab.ledger_net.auctions import check_sealed, open_sales, place_bids, wait_until_settled
from lab.ledger_net.lots import KEEPERS, LOTS, THRESHOLD
from lab.ledger_net.market import Market, Purchase
from lab.ledger_net.sites import Site, Sites, wait_until_agreed
from lab.processes import Child, wait_until
from ledger.entries import account_key
from wire.errors import ShellError

WAVE = 240
"""Purchases of one chapter that are under way when trouble comes."""
CONSUMERS = 5_000
"""Of one purchase."""
BEFORE_TROUBLE = 40
"""How many of them have been answered by then."""
PATIENCE_S = 8.0
"""How long customers wait for an operator that is silent."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Chapter:
    """What was done to the network, what came of it, and how many purchases it had."""

    title: str
    outcome: str
    purchases: int


def play(sites: Sites, market: Market, tell: Tell) -> list[Chapter]:
    """All chapters. Raises ShellError, TimeoutError where a promise does not hold."""
    chapters = []
    for chapter in (_quiet, _same_to_all, _auctions, _killed, _cut_off, _newcomer, _tampered, _all_killed):
        chapters.append(chapter(sites, market, tell))
        tell(f"{chapters[-1].title}: {chapters[-1].outcome}")
    return chapters


def _quiet(sites: Sites, market: Market, _tell: Tell) -> Chapter:
    market.open(sites.everybody)
    purchases = [*market.purchases(WAVE), market.bulk(CONSUMERS)]
    _settle(sites, market, purchases, market.hand_round(sites.everybody, purchases))
    return Chapter("purchases at all four operators", "all took effect, one app hash", len(purchases))


def _same_to_all(sites: Sites, market: Market, _tell: Tell) -> Chapter:
    """Every operator gets the same bytes at the same time."""
    purchases = market.purchases(WAVE // 4)
    with ThreadPoolExecutor(len(sites.everybody)) as hands:
        left = list(hands.map(lambda site: market.hand(site, purchases), sites.everybody))
    assert not any(left), "an operator was silent"
    _settle(sites, market, purchases, [])
    return Chapter("the same purchases handed to every operator", "each took effect once", len(purchases))


def _auctions(sites: Sites, market: Market, tell: Tell) -> Chapter:
    """At two houses at once; the keeper that is asked first is dead when the time comes."""
    dave = sites["dave"]
    keepers = f"{THRESHOLD} of {', '.join(KEEPERS[:-1])} and {KEEPERS[-1]}"
    with open_sales(sites, market, LOTS) as opened:
        tell(
            f"alice and bob: an auction each, cleared in {opened[0].lot.clears_in_s} s, its bids sealed to {keepers}"
        )
        sales = [place_bids(sites, market, sale) for sale in opened]
        for sale in sales:
            check_sealed(sites, sale)
        count = sum(len(sale.bids) for sale in sales)
        tell(f"{count} bids through four operators wait; dave is killed, and a keeper with him")
        dave.end(Child.kill)
        market.sales.extend(wait_until_settled(market, sale) for sale in sales)
    tell("alice and bob: each cleared with one other keeper; dave comes back")
    dave.start()
    dave.wait_until_ready()
    wait_until_agreed(sites.everybody)
    outcome = "each batch of an offer and its winning bids landed whole"
    return Chapter("two houses auction, and a keeper is killed before the time", outcome, count)


def _killed(sites: Sites, market: Market, tell: Tell) -> Chapter:
    dave, others = sites["dave"], sites.others("dave")
    with _wave(market, sites.everybody) as (purchases, left):
        tell("dave: both programs killed")
        dave.end(Child.kill)
    again = market.purchases(WAVE // 4)
    _settle(sites, market, [*purchases, *again], [*left.result(), *again], others)
    _check_status(sites["alice"], away="dave")
    dave.start()
    dave.wait_until_ready()
    wait_until_agreed(sites.everybody)
    return Chapter("dave is killed, and comes back by replay", _lost(left), len(purchases) + len(again))


def _check_status(site: Site, away: str) -> None:
    """Its status names who is away, and that the others decide."""
    status = site.status()
    gone = [one["name"] for one in status["operators"] if not one["connected"] and one["power"]]
    if gone != [away] or not status["decides"] or status["name"] != site.name:
        raise ShellError(site.name, f"its status says that {gone} are away, and {status['decides']}")


def _cut_off(sites: Sites, market: Market, tell: Tell) -> Chapter:
    carol, others = sites["carol"], sites.others("carol")
    with _wave(market, sites.everybody) as (purchases, left):
        tell("carol: cut off from the others")
        sites.cut("carol")
    silent = market.purchases(10)
    unheard = market.hand(carol, silent, timeout_s=3.0)
    if len(unheard) != len(silent):
        raise ShellError("carol", "confirmed purchases without the others")
    again = market.purchases(WAVE // 4)
    _settle(sites, market, [*purchases, *again], [*left.result(), *again], others)
    sites.heal("carol")
    wait_until_agreed(sites.everybody)
    _settle(sites, market, silent, unheard)
    count = len(purchases) + len(again) + len(silent)
    return Chapter("carol is cut off, confirms nothing, and catches up", _lost(left), count)


def _newcomer(sites: Sites, market: Market, tell: Tell) -> Chapter:
    tell("eve: joins with a snapshot of the state")
    sites.start_with_log(sites.newcomer)
    sites.newcomer.wait_until_ready()
    with _wave(market, [*sites.everybody, sites.newcomer]) as (purchases, left):
        pass
    _settle(sites, market, purchases, left.result())
    wait_until_agreed([*sites.everybody, sites.newcomer])
    assert sites.newcomer.comet is not None
    if "Snapshot restored" not in sites.newcomer.comet.said:
        raise ShellError("eve", "did not begin with a snapshot")
    return Chapter("eve joins by state sync, without a vote", _lost(left), len(purchases))


def _tampered(sites: Sites, market: Market, tell: Tell) -> Chapter:
    """Somebody gives himself money in the file of one operator."""
    dave, others = sites["dave"], sites.others("dave")
    dave.end(Child.stop)
    _enrich(dave, market)
    dave.start_ledger()
    assert dave.ledger is not None
    if dave.ledger.wait(30.0) == 0 or "the state is not the one of block" not in dave.ledger.said:
        raise ShellError("dave", f"serves a file that was changed: {dave.ledger.tail()}")
    tell("dave: refuses the file, and begins anew with the others' log")
    purchases = market.purchases(WAVE // 4)
    _settle(sites, market, purchases, purchases, others)
    dave.forget()
    sites.start_with_log(dave)
    dave.wait_until_ready()
    wait_until_agreed(sites.everybody)
    outcome = "refused; it votes again with the others' log"
    return Chapter("dave's file is changed behind its back", outcome, len(purchases))


def _enrich(site: Site, market: Market) -> None:
    """An entry of the state, by SQL: the provider has what a buyer has."""
    provider, buyer = (account_key(key.public.key_id) for key in (market.provider, market.buyers[0]))
    with closing(sqlite3.connect(site.database)) as database, database:
        (value,) = database.execute("SELECT value FROM state WHERE key = ?", (buyer,)).fetchone()
        database.execute("UPDATE state SET value = ? WHERE key = ?", (value, provider))


def _all_killed(sites: Sites, market: Market, tell: Tell) -> Chapter:
    everybody = [*sites.everybody, sites.newcomer]
    with _wave(market, sites.everybody) as (purchases, left):
        tell("everybody: killed at once, as by a power cut")
        for site in everybody:
            site.end(Child.kill)
    unheard = left.result()
    for site in everybody:
        site.start()
    for site in everybody:
        site.wait_until_ready()
    _settle(sites, market, purchases, unheard)
    wait_until_agreed(everybody)
    return Chapter("everybody is killed at once, and starts again", _lost(left), len(purchases))


@contextmanager
def _wave(market: Market, sites: Sequence[Site]) -> Iterator[tuple[list[Purchase], "Future[list[Purchase]]"]]:
    """Purchases that are under way in the block, the first of them answered."""
    purchases, before = market.purchases(WAVE), len(market.done)
    with ThreadPoolExecutor(1) as hand:
        left = hand.submit(market.hand_round, sites, purchases, PATIENCE_S)
        wait_until(lambda: len(market.done) >= before + BEFORE_TROUBLE, "the first answers", 30.0)
        yield purchases, left


def _settle(
    sites: Sites,
    market: Market,
    purchases: Sequence[Purchase],
    unheard: Sequence[Purchase],
    among: Sequence[Site] | None = None,
) -> None:
    """Whatever nobody heard of is handed to others, until all are known to have taken effect, at one app hash."""
    among = among or sites.everybody
    silent = market.hand_round(among, unheard) if unheard else []
    if silent:
        remarks = "; ".join(site.remarks[-1] for site in among if site.remarks)
        raise ShellError("network", f"{len(silent)} purchases have no answer: {remarks}")
    market.check(purchases)
    wait_until_agreed(among)


def _lost(left: "Future[list[Purchase]]") -> str:
    return f"{len(left.result())} unanswered purchases handed on, all took effect once"
