"""A regret budget: how much more than without offers an agent may ever spend, in money, and whether it may take one.

    advise(wants, proven, regret, price, room) -> take it or not, and why
    reserve(price) -> taken -> settle(what was paid, what would have been paid)

An offer counts in full from when it is taken until its cycle is over, because what it saves is certain only then. At
the end it is known to the micro-bandcoin what the same cycle would have cost without offers, and the difference is
settled: what was lost is used up, what was gained fills the budget again, never above what it was. So what an agent has
spent is at no time more than `budget_ubc` above what it would have spent, where a cycle costs at most its offers more
than it would have: shadow.py says who lives so. Of whoever lives otherwise the budget is used up, and no offer fits.
Pure; integers.   Units: micro-bandcoin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wire.units import U63_MAX


@dataclass(frozen=True, slots=True)
class Regret:
    """`lost_ubc` in the cycles that are over, 0 at least; `open_ubc` for offers in this one."""

    budget_ubc: int
    lost_ubc: int = 0
    open_ubc: int = 0

    def __post_init__(self) -> None:
        for amount in (self.budget_ubc, self.lost_ubc, self.open_ubc):
            assert type(amount) is int, f"{amount!r} is no whole amount"
            assert 0 <= amount <= U63_MAX, f"an amount of {amount}"
        assert self.lost_ubc + self.open_ubc <= self.budget_ubc, "more than the budget"

    @property
    def left_ubc(self) -> int:
        """What an offer may cost now."""
        return self.budget_ubc - self.lost_ubc - self.open_ubc


@dataclass(frozen=True, slots=True)
class Advice:
    """`why` is a fixed word: worth_it, not_worth_it, unproven, over_regret, over_envelope, not_an_amount."""

    take: bool
    why: str


def advise(
    *, wants: bool, proven: bool, regret: Regret, price_ubc: int, room_ubc: int | None = None
) -> Advice:
    """Whether to take an offer at that price: in order of precedence. `wants`: what was learned says so; `room_ubc`:
    what the envelopes of market/agent/envelopes.py leave. Where the answer is no, one does what one does without
    offers.
    """
    if not 0 <= price_ubc <= U63_MAX:
        return Advice(take=False, why="not_an_amount")
    if not wants:
        return Advice(take=False, why="not_worth_it")
    if not proven:
        return Advice(take=False, why="unproven")
    if price_ubc > regret.left_ubc:
        return Advice(take=False, why="over_regret")
    if room_ubc is not None and price_ubc > room_ubc:
        return Advice(take=False, why="over_envelope")
    return Advice(take=True, why="worth_it")


def reserve(regret: Regret, price_ubc: int) -> Regret:
    """With an offer taken. What does not fit was not advised."""
    return replace(regret, open_ubc=regret.open_ubc + price_ubc)


def settle(regret: Regret, paid_ubc: int, would_ubc: int) -> Regret:
    """The cycle is over: `paid_ubc` was paid in all, and `would_ubc` would have been without offers. A loss above the
    budget was not the agent's, and leaves nothing of it.
    """
    assert min(paid_ubc, would_ubc) >= 0, "nobody is paid for using a network"
    lost = max(0, regret.lost_ubc + paid_ubc - would_ubc)
    return replace(regret, lost_ubc=min(lost, regret.budget_ubc), open_ubc=0)
