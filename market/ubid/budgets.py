"""How a day's budget is spent without learning, and the most that it could buy: the baselines and (4.17) of 003.

No bid is above what is left. What is left at the end of a day is worth nothing, so all of it may go.
Reference: 003 4.9.   Units: micro-bandcoin (ubc).
"""

from __future__ import annotations

from collections.abc import Sequence


def greedy_bid(worth_ubc: int, left_ubc: int) -> int:
    """All that a session is worth, while there is money."""
    return min(worth_ubc, left_ubc)


def rationed_bid(worth_ubc: int, left_ubc: int, budget_ubc: int, session: int, sessions: int) -> int:
    """At most the session's equal share; what the sessions before it (`session` counts from 0) left comes on top."""
    spent_ubc = budget_ubc - left_ubc
    return max(0, min(worth_ubc, budget_ubc * (session + 1) // sessions - spent_ubc))


def most_utility(worths_ubc: Sequence[int], prices_ubc: Sequence[int | None], budget_ubc: int) -> int:
    """U_max: the most worth whose critical prices the budget pays; None is a session for which nothing was offered.

    Every best choice for some sum of money is kept, so the time is at most two to the number of sessions.
    """
    best = {0: 0}  # by what was spent, what was won
    for worth_ubc, price_ubc in zip(worths_ubc, prices_ubc, strict=True):
        if price_ubc is None:
            continue
        for spent_ubc, won_ubc in list(best.items()):
            then_ubc = spent_ubc + price_ubc
            if then_ubc <= budget_ubc:
                best[then_ubc] = max(best.get(then_ubc, 0), won_ubc + worth_ubc)
    return max(best.values())
