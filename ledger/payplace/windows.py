"""When an operator's blocks are notarised, and when funds are frozen: two questions to a clock that is given.

    k beta - delta      k beta          k beta + gamma      k beta + gamma + delta        (k + 1) beta - delta
    | frozen            | window k      | frozen            | open: withdrawals, registrations   | frozen

Seconds count from the block in which the operator registered; the first window is k = 1. All bounds are inclusive.
Reference: PayPlace 6.4 (Timing Considerations), figure 6.5.   Units: seconds.
"""

from dataclasses import dataclass

from ledger.payplace.entries import PayOperator
from wire.payplace_registration import Times


@dataclass(frozen=True, slots=True)
class Phase:
    """`window`: the number k of the commitment window that runs, 0 if none does; it began at `began_s`.

    `opened_s`: since when the open time runs, or the last one before this freeze.
    """

    frozen: bool
    window: int
    began_s: int
    opened_s: int


MAX_CHALLENGE_S = 365 * 86_400
"""A year: who asks for more than that wants nobody to shift, and 32 bits have room for it in every contract."""


def are_times_sound(times: Times) -> bool:
    """Something is left of a period beside its freeze, and who looks once a period sees every shift in time."""
    frozen_s = times.window_s + 2 * times.finality_s
    return (
        times.window_s >= 1
        and frozen_s < times.period_s
        and times.period_s + times.window_s <= times.challenge_s <= MAX_CHALLENGE_S
    )


def phase_at(operator: PayOperator, now_s: int) -> Phase:
    passed_s = now_s - operator.start_s
    period_s, thaw_s = operator.period_s, operator.window_s + operator.finality_s
    nearest = (passed_s + operator.finality_s) // period_s  # the last window whose freeze has begun
    begin_s = nearest * period_s
    frozen = nearest >= 1 and passed_s <= begin_s + thaw_s
    in_window = nearest >= 1 and begin_s <= passed_s <= begin_s + operator.window_s
    last_freeze = nearest - 1 if frozen else nearest
    opened_s = operator.start_s + (last_freeze * period_s + thaw_s + 1 if last_freeze >= 1 else 0)
    window = nearest if in_window else 0
    return Phase(frozen, window, operator.start_s + begin_s if in_window else 0, opened_s)
