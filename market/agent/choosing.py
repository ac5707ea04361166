"""What to do for one need: buy a grant, pay as one goes, wait for a better quote, or stay with the plan.

    gain = what it is worth - what it costs - the way there - what is expected to be lost on sellers that do not serve

The largest gain is taken if it is more than the plan gives, fits into what may be spent *at the worst*, and if waiting
is not expected to give more. How it stands with waiting is optimal stopping: of n looks that are left, by the costs
that this device has seen,

    worth of n looks = mean over what was seen of max(gain at that cost, worth of n - 1 looks),   of none: the plan

so that an application that can wait for an hour is choosy at first and takes anything worth its price at the end. With
fewer than five looks seen nobody waits for what he does not know; a plan that gives something is not put off for less
than it gives, and who has none loses nothing by waiting. Every alternative is kept, with what it costs, what it costs
at the worst, and why it was not taken. Pure; integers; ties go to the lower worst case, then to grants.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from market.agent.quotes import (
    Need,
    PostedPrice,
    Quote,
    doubt_ubc,
    expected_ubc,
    signed_ubc,
    switching_ubc,
    way_s,
    worst_ubc,
)
from market.metered import MEGABYTE, MINUTE_S
from wire.units import PPM, U63_MAX, format_money

LEAST_SEEN = 5
"""Looks that have to be remembered before anybody waits because of them."""
MOST_LOOKS = 100
"""Further ahead the worth of waiting does not change to speak of."""


class Choice(Enum):
    """What is done. PLAN may be nothing at all."""

    BUY = "buy"
    METERED = "metered"
    WAIT = "wait"
    PLAN = "plan"


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """What the user has anyway: how much of the worth it gives (a plan that is throttled: less), and what a megabyte of
    it costs above its quota. By default he has none.
    """

    worth_ppm: int = 0
    per_megabyte_ubc: int = 0

    def gain_ubc(self, need: Need) -> int:
        """Nobody has to use it."""
        cost_ubc = -(-self.per_megabyte_ubc * need.expected_bytes // MEGABYTE)
        return max(0, need.worth_ubc * self.worth_ppm // PPM - cost_ubc)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whether one may wait. `seen`: what the best quote of each earlier look cost for a minute, None where nobody sold;
    `looks_left`: how often one can look again before it is too late.
    """

    seen: tuple[int | None, ...] = ()
    looks_left: int = 0


@dataclass(frozen=True, slots=True)
class Weighed:
    """One alternative. `refused`: why it is out of the question, a fixed word; empty: it could be taken."""

    quote: Quote
    expected_ubc: int
    worst_ubc: int | None
    switching_ubc: int
    doubt_ubc: int
    gain_ubc: int
    refused: str = ""

    @property
    def cost_ubc(self) -> int:
        """All that it is expected to cost, the user's time too."""
        return self.expected_ubc + self.switching_ubc + self.doubt_ubc


@dataclass(frozen=True, slots=True)
class Decision:
    """`taken` for BUY and METERED. `waiting_ubc` is what waiting is worth, `plan_ubc` what the plan is."""

    choice: Choice
    taken: Weighed | None
    alternatives: tuple[Weighed, ...]
    plan_ubc: int
    waiting_ubc: int
    why: str


def decide(
    need: Need,
    quotes: Sequence[Quote],
    room_ubc: int,
    now_s: int,
    plan: PlanTerms | None = None,
    outlook: Outlook | None = None,
) -> Decision:
    """`room_ubc`: what may be signed at the worst (market/agent/envelopes.py)."""
    plan_ubc = (plan or PlanTerms()).gain_ubc(need)
    outlook = outlook or Outlook()
    waiting_ubc = worth_of_waiting_ubc(need, outlook, plan_ubc)
    weighed = sorted((weigh(need, quote, room_ubc, now_s) for quote in quotes), key=_order)
    best = next((one for one in weighed if not one.refused), None)
    may_wait = outlook.looks_left > 0
    if best is not None and best.gain_ubc > plan_ubc and not (may_wait and waiting_ubc > best.gain_ubc):
        kind = Choice.BUY if isinstance(best.quote.terms, PostedPrice) else Choice.METERED
        return Decision(kind, best, tuple(weighed), plan_ubc, waiting_ubc, _why(best, weighed))
    worth_it = waiting_ubc > plan_ubc or not plan_ubc
    choice = Choice.WAIT if may_wait and worth_it else Choice.PLAN
    why = _why_not(best, weighed, plan_ubc, waiting_ubc)
    return Decision(choice, None, tuple(weighed), plan_ubc, waiting_ubc, why)


def weigh(need: Need, quote: Quote, room_ubc: int, now_s: int) -> Weighed:
    """One quote against one need."""
    expected, worst = expected_ubc(need, quote.terms), worst_ubc(need, quote.terms)
    there, doubt = switching_ubc(need, quote.steps), doubt_ubc(need, quote)
    gain_ubc = need.worth_ubc - expected - there - doubt
    refused = _refuse(need, quote, expected, worst, room_ubc, now_s)
    return Weighed(quote, expected, worst, there, doubt, gain_ubc, refused)


def _refuse(
    need: Need, quote: Quote, expected_ubc: int, worst_ubc: int | None, room_ubc: int, now_s: int
) -> str:
    """In order of precedence."""
    if quote.valid_until_s <= now_s + way_s(quote.steps):
        return "quote_expired"
    if worst_ubc is None:
        return "bound_unknown"
    if max(worst_ubc, expected_ubc) > U63_MAX:
        return "not_an_amount"
    if isinstance(quote.terms, PostedPrice):
        most_ubc = need.at_most_ubc
        if most_ubc is not None and worst_ubc > most_ubc:
            return "over_at_most"
    elif worst_ubc < (signed := signed_ubc(need, quote.terms)):
        return "deposit_used" if quote.terms.left_ubc < signed else "over_at_most"
    return "over_envelope" if worst_ubc > room_ubc else ""


def worth_of_waiting_ubc(need: Need, outlook: Outlook, plan_ubc: int) -> int:
    """What is expected of the looks that are left; what the plan gives where too little was seen."""
    if len(outlook.seen) < LEAST_SEEN:
        return plan_ubc
    gains = [plan_ubc if cost is None else gain_at_ubc(need, cost) for cost in outlook.seen]
    worth_ubc = plan_ubc
    for _ in range(min(outlook.looks_left, MOST_LOOKS)):
        worth_ubc = sum(max(gain, worth_ubc) for gain in gains) // len(gains)
    return worth_ubc


def gain_at_ubc(need: Need, minute_cost_ubc: int) -> int:
    """Of a quote that costs so much for a minute."""
    return need.worth_ubc - -(-minute_cost_ubc * need.duration_s // MINUTE_S)


def minute_cost_ubc(need: Need, decision: Decision) -> int | None:
    """What this look saw, for the outlook of later ones: the best that could be had, the user's time in it."""
    best = next((one for one in decision.alternatives if not one.refused), None)
    return None if best is None else -(-best.cost_ubc * MINUTE_S // need.duration_s)


def _order(one: Weighed) -> tuple[bool, int, int, bool, str]:
    worst_ubc = U63_MAX if one.worst_ubc is None else one.worst_ubc
    metered = not isinstance(one.quote.terms, PostedPrice)
    return bool(one.refused), -one.gain_ubc, worst_ubc, metered, one.quote.seller


def _why(best: Weighed, weighed: list[Weighed]) -> str:
    told = f"worth {format_money(best.gain_ubc)} more than it costs"
    ways = len(weighed)
    cheaper = min(weighed, key=lambda one: one.expected_ubc)
    if cheaper.expected_ubc >= best.expected_ubc:
        return f"{told}, the best of {ways} ways" if ways > 1 else told
    asks = f"{cheaper.quote.seller} asks {format_money(cheaper.expected_ubc)}"
    return f"{told}, the best of {ways} ways; {asks}, and {_but(cheaper, best)}"


def _but(cheaper: Weighed, best: Weighed) -> str:
    """Why somebody who asks less is not taken."""
    if cheaper.refused:
        return cheaper.refused
    if cheaper.doubt_ubc > best.doubt_ubc:
        return f"serves {cheaper.quote.served_ppm * 100 // PPM} of 100"
    return "the way there costs more than it saves"


def _why_not(best: Weighed | None, weighed: list[Weighed], plan_ubc: int, waiting_ubc: int) -> str:
    if not weighed:
        return "nobody sells what is wanted"
    if best is None:
        return "; ".join(f"{one.quote.seller}: {one.refused}" for one in weighed)
    gain, plan = format_money(best.gain_ubc), format_money(plan_ubc)
    if best.gain_ubc <= plan_ubc:
        return f"{best.quote.seller} is the best, and gains {gain}, where without it one has {plan}"
    return f"{best.quote.seller} gains {gain}, and waiting is expected to gain {format_money(waiting_ubc)}"
