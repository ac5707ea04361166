"""Winners and prices that count what a session displaces later: expected social cost, and that seen in hindsight.

*Expected* (4.4, 4.5): winners have the most value of now plus the mean over scenarios of what still fits later. The
scenarios are drawn before bids open and are an argument here, and the maximum over them is exact: only so is
bidding the truth best (U10). A price is rounded up, which is the least whole bid that wins, and never exceeds the bid.
*Realised* (4.9): once the longest session is over, the most that all others could have had without the session, less
the most beside it. It may exceed the bid, so it is charged up to a cap that was agreed before, or not at all.
Reference: 003 4.7.2, signs as in (4.5) and (4.6). Sessions begin in different slots: this is an integer program.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from market.ubid.bids import Bid, Rejected, Terms, screen
from market.ubid.forecast import Bundle, Forecast
from market.ubid.integer_program import most_value


@dataclass(frozen=True, slots=True)
class LaterBid:
    """A bid of the auction `begins` slots later: its bundle starts `begins` slots after slot 1."""

    begins: int
    bundle: Bundle
    value_ubc: int


Scenario = tuple[LaterBid, ...]
"""What may be bid in the auctions to come."""


@dataclass(frozen=True, slots=True)
class ExpectedSale:
    """A winner, and the expected social cost that it pays now."""

    bid: Bid
    price_ubc: int


@dataclass(frozen=True, slots=True)
class ExpectedOutcome:
    """Winners by arrival and then id; `welfare_ubc` is the sum of the maximum over all `scenarios`."""

    sales: tuple[ExpectedSale, ...]
    rejected: tuple[Rejected, ...]
    welfare_ubc: int
    scenarios: int


def clear_looking_ahead(terms: Terms, bids: Iterable[Bid], scenarios: Sequence[Scenario]) -> ExpectedOutcome:
    """The outcome by (4.4) and (4.5). The forecast covers the slots of later bids too. Undecided if HiGHS gives up.

    No reserve price: what a session displaces is its price. Ties go by arrival and then id, as far as that is possible.
    """
    assert terms.reserve_ubc == 0, "an expected social cost has no reserve price"
    assert scenarios, "expectation over no scenario"
    good, rejected = screen(terms, bids)
    program = _Program(good, scenarios, terms.forecast)
    most = program.most()
    sure: list[int] = []
    for j in range(len(good)):
        if program.most((*sure, j)) == most:
            sure.append(j)
    times = len(scenarios)
    sales = [
        ExpectedSale(good[j], -((most - times * good[j].value_ubc - program.most(barred=(j,))) // times))
        for j in sure
    ]
    return ExpectedOutcome(tuple(sales), tuple(rejected), most, times)


class _Program:
    """The extensive form: the bids of now once, those of each scenario beside them; values times the scenarios."""

    def __init__(self, bids: Sequence[Bid], scenarios: Sequence[Scenario], horizon: Forecast) -> None:
        slots = range(len(horizon.units))
        later = [(number, each) for number, scenario in enumerate(scenarios) for each in scenario]
        self._values = [each.value_ubc * len(scenarios) for each in bids]
        self._values += [each.value_ubc for _, each in later]
        self._rows = [
            [_demand(each.bundle, slot) for each in bids]
            + [_demand(each.bundle, slot - each.begins) if number == row else 0 for number, each in later]
            for row in range(len(scenarios))
            for slot in slots
        ]
        self._capacity = list(horizon.units) * len(scenarios)

    def most(self, sure: Iterable[int] = (), barred: Iterable[int] = ()) -> int:
        """The welfare, summed over scenarios; below zero if `sure` does not fit."""
        answer = most_value(self._values, self._rows, self._capacity, sure, barred)
        return -1 if answer is None else answer[0]


def realised_cost(bundle: Bundle, others: Sequence[LaterBid], horizon: Forecast) -> int:
    """(4.9) of a session that had `bundle`; `others` are the bids of its auction (begins 0) and of those to its end."""
    slots = range(len(horizon.units))
    rows = [[_demand(each.bundle, slot - each.begins) for each in others] for slot in slots]
    values = [each.value_ubc for each in others]
    beside = [there - _demand(bundle, slot) for slot, there in enumerate(horizon.units)]
    free, taken = most_value(values, rows, horizon.units), most_value(values, rows, beside)
    assert free is not None, "no bid has to win"
    assert taken is not None, "nor here"
    return free[0] - taken[0]


@dataclass(frozen=True, slots=True)
class NoCap:
    """Nothing is charged in hindsight to whom no cap was agreed with."""


def realised_price(cost_ubc: int, cap_ubc: int | None) -> int | NoCap:
    """What is charged of a realised cost: at most the cap, itself at most the bid. The operator bears the rest."""
    return NoCap() if cap_ubc is None else min(cost_ubc, cap_ubc)


def _demand(bundle: Bundle, slot: int) -> int:
    return bundle[slot] if 0 <= slot < len(bundle) else 0
