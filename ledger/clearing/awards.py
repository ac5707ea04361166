"""Who wins what, and for how much: the auctions of `market/` on bids that have been opened.

Pure integer arithmetic on what the bids say; neither order nor number of calls matters. Ties go to the bid that came
first. A session auction sells bundles of the same units in each slot from the first one on, by exact VCG among the bids
that are worth most, so many as `most_sessions` says. With so few the knapsack in plain Python is enough: here and at
every auditor neither numpy nor a solver is needed, and the result is the same on every machine. Who wins pays no less
than the best bid that was one too many was worth: so the least bid with which he had won, as among the others.
Reference: Bandcoin 5.4.2, 5.4.3, with the faults B4 and B5 mended in market/; 003 4.1 (docs/decisions/0040).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from market import proportional_share, vickrey
from market.ubid import auction as ubid
from market.ubid.bids import Bid, Terms, reserve_price, screen, seniority
from market.ubid.forecast import Forecast
from market.ubid.winners import PLAIN_CELLS, solver_of
from wire.allocate import Allocate
from wire.auction_terms import AuctionKind, AuctionTerms
from wire.ids import PublicKey
from wire.sealed_bid import Unlocked
from wire.transaction import SignedTransaction

MAX_SESSIONS = 1_000
"""Bids that one session auction takes, whatever it sells: a box has some hundred people around it, and opening so many
takes a second.
"""


@dataclass(frozen=True, slots=True)
class OpenBid:
    """A bid that can be read: `transaction` is the signed `allocate`, `price_ubc` the most that `account` pays.

    `at_ns` is when it came (UTC); no two bids of a house have the same. With `unlocked` it was sealed, and neither its
    sealing nor its signature is verified yet: enough to lose, and no more.
    """

    account: PublicKey
    price_ubc: int
    at_ns: int
    transaction: SignedTransaction
    unlocked: Unlocked | None = None

    @property
    def bundle(self) -> tuple[int, ...]:
        """Units in each slot, as a session auction reads the bid; the others read no more than its price."""
        action = self.transaction.transaction.action
        assert isinstance(action, Allocate), "a bid is one"
        return (action.allocations,) * action.slots


@dataclass(frozen=True, slots=True)
class Award:
    """`units` for `price_ubc` in all, which is never above the bid; of a session auction in each of `slots`, else 0."""

    bid: OpenBid
    units: int
    price_ubc: int
    slots: int = 0


def contenders(terms: AuctionTerms, bids: Iterable[OpenBid]) -> list[OpenBid]:
    """The bids on which the result depends: those that win, and the one that sets the price. What any other says, or
    whether it is good at all, changes nothing. Of a session auction all: who loses reads what others' bids left him.
    """
    if terms.mark.kind is not AuctionKind.VICKREY:
        return list(bids)
    ranked = sorted(bids, key=lambda bid: (-bid.price_ubc, bid.at_ns, bid.transaction.transaction_id))
    return ranked[: terms.max_allocations + 1]


def clear_bids(terms: AuctionTerms, bids: Iterable[OpenBid]) -> tuple[Award, ...]:
    """The winners, the best first, of a session auction by arrival; empty if nobody bids enough."""
    if terms.mark.kind is AuctionKind.SESSION:
        return _clear_sessions(terms, bids)
    named = {bid.transaction.transaction_id: bid for bid in bids}
    units, minimum_ubc = terms.max_allocations, terms.mark.min_price_ubc
    if terms.mark.kind is AuctionKind.VICKREY:
        sealed = [vickrey.Bid(name, bid.price_ubc, bid.at_ns) for name, bid in named.items()]
        clearing = vickrey.clear(sealed, units, minimum_ubc)
        return tuple(Award(named[won.bid_id], 1, clearing.price_ubc) for won in clearing.winners)
    amounts = [proportional_share.Bid(name, bid.price_ubc, bid.at_ns) for name, bid in named.items()]
    shares = proportional_share.clear(amounts, units, max(1, minimum_ubc))
    return tuple(Award(named[share.bid.bid_id], share.units, share.bid.amount_ubc) for share in shares)


def most_sessions(forecast: Sequence[int]) -> int:
    """How many bids a session auction compares: so many that the tables of every price stay small enough for plain
    Python. Bundles are uniform and from slot 1 on, so no more units are ever told apart than are free in it.
    """
    return min(MAX_SESSIONS, PLAIN_CELLS // (forecast[0] + 1) - 1)


def prices_that_win(
    terms: AuctionTerms, bids: Iterable[OpenBid], awards: Iterable[Award]
) -> dict[bytes, int]:
    """Transaction id -> what each session that lost would have had to exceed, ubc, beside all the others as they were:
    one more wins whatever ties there are, one less does not. Nothing of those that were one too many.

    It is `market.ubid.auction.price_to_win`, of all at once: without somebody who lost, the others are worth what they
    are worth together, and two passes over all bids say of each what the best set with it is worth.
    """
    sold, won = _session_terms(terms), {award.bid.transaction.transaction_id for award in awards}
    good, _ = _compared(sold, map(_session_bid, bids))
    good.sort(key=lambda bid: -len(bid.bundle))
    tables = solver_of(good, sold.forecast.units)(())
    return {
        bid.bid_id: max(tables.optimum - (tables.with_(j) - bid.value_ubc), reserve_price(sold, bid.bundle))
        for j, bid in enumerate(good)
        if bid.bid_id not in won
    }


def _clear_sessions(terms: AuctionTerms, bids: Iterable[OpenBid]) -> tuple[Award, ...]:
    """What breaks a rule of the auction takes no part, though the door lets none in: an auditor applies any log."""
    named = {bid.transaction.transaction_id: bid for bid in bids}
    sold = _session_terms(terms)
    good, shut_out_ubc = _compared(sold, map(_session_bid, named.values()))
    return tuple(
        Award(
            named[sale.bid.bid_id],
            sale.bid.bundle[0],
            max(sale.price_ubc, shut_out_ubc),
            len(sale.bid.bundle),
        )
        for sale in ubid.clear(sold, good).sales
    )


def _session_terms(terms: AuctionTerms) -> Terms:
    mark = terms.mark
    return Terms(Forecast(mark.forecast), mark.bids_until_s * 10**9, mark.min_price_ubc)


def _compared(sold: Terms, bids: Iterable[Bid]) -> tuple[list[Bid], int]:
    """The bids that are worth most, by worth and then arrival, and what the best one was worth for which there was no
    place, 0 if there was for all. What breaks a rule takes no place.
    """
    good, _ = screen(sold, bids)
    good.sort(key=lambda bid: (-bid.value_ubc, *seniority(bid)))
    most = most_sessions(sold.forecast.units)
    return good[:most], good[most].value_ubc if len(good) > most else 0


def _session_bid(bid: OpenBid) -> Bid:
    return Bid(bid.transaction.transaction_id, bid.at_ns, bid.bundle, bid.price_ubc)
