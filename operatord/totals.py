"""What an operator says on the ledger of sessions that are over: totals of a time for each box's owner and consumer.

In: sessions as they end, and totals of times that are over. Out: what is to be kept, and what is to be published. Never
who was where: a total names one account, a span that is as long for everybody, seconds rounded down to ten minutes and
octets to ten megabytes; and what has fewer than `least_sessions` waits for more. Of a box at which one consumer alone
was, in a time in which it was nowhere else, the two totals are alike: that is what rounding cannot hide.

    thrown out      its consumer did not keep its word; nor did the seller, if anything was paid: nobody can tell which
    nothing paid    counts against the consumer alone, or whoever joins and pays nothing could slander for nothing
    left unpaid     was no session

Pure. Reference: Datanet 5.5.5; market/reliability.py.   Units: seconds (UTC), octets.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from operatord.commands import KeepTotal, SessionOver, TellSummary
from wire.ids import PublicKey
from wire.payplace_summary import PublishSummary
from wire.units import U32_MAX, U63_MAX

COARSE_S, COARSE_BYTES = 600, 10_000_000


@dataclass(frozen=True, slots=True)
class SummaryRules:
    """A summary each `period_s`, of whom has so many sessions that are not told."""

    period_s: int
    least_sessions: int


@dataclass(frozen=True, slots=True)
class Total:
    """Of one subject in the time that began at `from_s`."""

    from_s: int
    subject: PublicKey
    sessions: int
    completed: int
    served_s: int
    served_bytes: int


def count_session(over: SessionOver, rules: SummaryRules, now_s: int) -> list[KeepTotal]:
    """For whom it counts."""
    if over.kept and not over.paid:
        return []
    from_s = now_s - now_s % rules.period_s
    subjects = [over.consumer, over.seller] if over.paid else [over.consumer]
    return [KeepTotal(from_s, one, over.kept, over.served_s, over.served_bytes) for one in subjects]


def plan_summaries(
    totals: Iterable[Total], telling: Collection[PublicKey], rules: SummaryRules, until_s: int
) -> Iterator[TellSummary]:
    """Of times that were over at `until_s`. Of whom something is being told already, the next comes after it."""
    ordered = sorted(totals, key=lambda total: (total.subject, total.from_s))
    for subject, group in groupby(ordered, key=lambda total: total.subject):
        of_it = [total for total in group if total.from_s < until_s]
        sessions = sum(total.sessions for total in of_it)
        if subject not in telling and sessions >= rules.least_sessions:
            yield TellSummary(_sum_up(subject, of_it, until_s))


def closed_s(rules: SummaryRules, now_s: int) -> int:
    """When the last time that is over ended."""
    return now_s - now_s % rules.period_s


def _sum_up(subject: PublicKey, totals: list[Total], until_s: int) -> PublishSummary:
    sessions = min(sum(total.sessions for total in totals), U32_MAX)
    return PublishSummary(
        subject,
        min(total.from_s for total in totals),
        until_s,
        sessions,
        min(sum(total.completed for total in totals), sessions),
        _coarse(sum(total.served_s for total in totals), COARSE_S, U32_MAX),
        _coarse(sum(total.served_bytes for total in totals), COARSE_BYTES, U63_MAX),
    )


def _coarse(number: int, step: int, most: int) -> int:
    return min(number, most) // step * step
