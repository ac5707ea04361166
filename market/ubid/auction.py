"""An auction from its bids to its outcome: who took part, who won, at what price, and what a loser would have needed.

Prices are VCG with a reserve: a bid below the reserve price takes no part, and a winner pays what its winning costs the
others, or the reserve price if that is more. That is the least bid with which it would have won, so bidding
what a bundle is worth is best whatever the others do. It says nothing about durations (003 Lemma 4), and revenue
may fall when a bidder comes or rise when capacity is withheld (U5, U6): `withholding_gain` says by how much.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from market.ubid.bids import Bid, Rejected, Terms, reserve_price, screen
from market.ubid.forecast import Forecast, without
from market.ubid.winners import determine, most_welfare


@dataclass(frozen=True, slots=True)
class Sale:
    """A bid that won, and what it pays: at least the reserve price, at most its value."""

    bid: Bid
    price_ubc: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Winners, losers and those who took no part, each by arrival and then id; an auction without bids has none."""

    sales: tuple[Sale, ...]
    losers: tuple[Bid, ...]
    rejected: tuple[Rejected, ...]
    value_ubc: int

    @property
    def revenue_ubc(self) -> int:
        """What all winners pay together."""
        return sum(sale.price_ubc for sale in self.sales)


def clear(terms: Terms, bids: Iterable[Bid]) -> Outcome:
    """The outcome of all bids that came; the order in which they are listed does not matter."""
    good, rejected = screen(terms, bids)
    awarded = determine(good, terms.forecast.units)
    sales = tuple(
        Sale(award.bid, max(award.cost_ubc, reserve_price(terms, award.bid.bundle)))
        for award in awarded.awards
    )
    won = {sale.bid.bid_id for sale in sales}
    losers = tuple(bid for bid in good if bid.bid_id not in won)
    return Outcome(sales, losers, tuple(rejected), awarded.value_ubc)


def price_to_win(terms: Terms, bids: Iterable[Bid], bid: Bid) -> int:
    """What `bid`, which fits the forecast, would have had to exceed; of a winner, what it pays.

    A bid of exactly this wins only if ties go its way.
    """
    good, _ = screen(terms, bids)
    others = [other for other in good if other.bid_id != bid.bid_id]
    beside = without(terms.forecast, [bid.bundle])
    fitting, _ = screen(replace(terms, forecast=beside), others)
    cost = most_welfare(others, terms.forecast.units) - most_welfare(fitting, beside.units)
    return max(cost, reserve_price(terms, bid.bundle))


def withholding_gain(terms: Terms, bids: Iterable[Bid], units: int) -> int:
    """By how much revenue changes if the operator hides `units` of each slot. It may be more than zero (U5)."""
    listed = list(bids)
    hidden = Forecast(tuple(max(0, there - units) for there in terms.forecast.units))
    return clear(replace(terms, forecast=hidden), listed).revenue_ubc - clear(terms, listed).revenue_ubc
