"""The receipt of a cycle: what was paid for what, and what the same use would have cost otherwise. Pure; integers.

In: the decisions of a cycle that came to something, with their alternatives' terms. Out: totals, for each application,
and counterfactuals. A counterfactual is held against what was paid in those same sessions, and in no others: one that
was there in three sessions of five is compared in these three. It counts what was really had (seconds, octets), whole
grants and whole intervals, and neither the user's time nor the risk of sellers nobody tried: a price, not a promise.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from market.agent.quotes import PostedPrice, Terms, had_cost_ubc


@dataclass(frozen=True, slots=True)
class Alternative:
    """One that was weighed; `refused` as market/agent/choosing.py says."""

    seller: str
    terms: Terms
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Had:
    """One decision that led to something. `served`: None where nothing was paid for."""

    number: int
    at_s: int
    application: str
    seller: str
    manner: str
    paid_ubc: int
    expected_ubc: int
    worst_ubc: int
    seconds: int
    ip_bytes: int
    reason: str
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True)
class Total:
    """Of one application."""

    application: str
    sessions: int
    paid_ubc: int
    seconds: int
    ip_bytes: int


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """In so many sessions it was there; what it would have cost, and what was paid in them."""

    name: str
    sessions: int
    would_ubc: int
    paid_ubc: int

    @property
    def saved_ubc(self) -> int:
        """Below 0: it would have been cheaper."""
        return self.would_ubc - self.paid_ubc


@dataclass(frozen=True, slots=True)
class Receipt:
    """Of one cycle."""

    sessions: tuple[Had, ...]
    totals: tuple[Total, ...]
    counterfactuals: tuple[Counterfactual, ...]

    @property
    def paid_ubc(self) -> int:
        return sum(one.paid_ubc for one in self.sessions)


HINDSIGHT, GRANTS, METERED = "the cheapest, in hindsight", "always a grant", "always paying as one goes"


def receipt_of(sessions: Iterable[Had]) -> Receipt:
    """In the order in which they were."""
    had = tuple(sorted(sessions, key=lambda one: (one.at_s, one.number)))
    names = list(dict.fromkeys(one.application for one in had))
    return Receipt(had, tuple(_total(name, had) for name in names), tuple(_counterfactuals(had)))


def _total(application: str, had: tuple[Had, ...]) -> Total:
    ours = [one for one in had if one.application == application]
    return Total(
        application,
        len(ours),
        sum(one.paid_ubc for one in ours),
        sum(one.seconds for one in ours),
        sum(one.ip_bytes for one in ours),
    )


def _counterfactuals(had: tuple[Had, ...]) -> list[Counterfactual]:
    """The best in hindsight, each manner, and each seller alone."""
    sellers = list(dict.fromkeys(other.seller for one in had for other in one.alternatives))
    made = [
        _compare(HINDSIGHT, had, lambda _: True),
        _compare(GRANTS, had, lambda other: isinstance(other.terms, PostedPrice)),
        _compare(METERED, had, lambda other: not isinstance(other.terms, PostedPrice)),
        *(_compare(f"{name} alone", had, _is_of(name)) for name in sorted(sellers)),
    ]
    return [one for one in made if one.sessions]


def _is_of(seller: str) -> Callable[[Alternative], bool]:
    return lambda other: other.seller == seller


def _compare(name: str, had: tuple[Had, ...], counts: Callable[[Alternative], bool]) -> Counterfactual:
    """With the cheapest of those that count, where one was there and something was served."""
    sessions = would_ubc = paid_ubc = 0
    for one in had:
        costs = [
            had_cost_ubc(other.terms, one.seconds, one.ip_bytes)
            for other in one.alternatives
            if one.seconds and other.refused in _COULD_BE_HAD and counts(other)
        ]
        if costs:
            sessions, would_ubc, paid_ubc = sessions + 1, would_ubc + min(costs), paid_ubc + one.paid_ubc
    return Counterfactual(name, sessions, would_ubc, paid_ubc)


_COULD_BE_HAD = frozenset({"", "over_envelope", "over_at_most"})
"""What was refused for the user's own limits could have been had by somebody without them."""
