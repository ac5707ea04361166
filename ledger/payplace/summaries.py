"""What is said on the ledger about access points and devices, and a score made of it for whoever chooses.

A summary counts for what its publisher is worth to the reader: totals are kept apart by publisher, and nobody's word
about one span of time counts twice. Reference: Datanet 5.5.5.   Units: seconds, octets, parts per thousand.
"""

from collections.abc import Iterable

from ledger.payplace.entries import UsageSummary, summary_key
from ledger.payplace.views import read_summary
from ledger.rejection import Reason, Rejected
from ledger.state import Draft, read_account
from wire.ids import PublicKey
from wire.payplace_summary import PublishSummary
from wire.units import U63_MAX


def publish_summary(draft: Draft, issuer: PublicKey, action: PublishSummary, now_s: int) -> Rejected | None:
    if read_account(draft, action.subject) is None:
        return Rejected(Reason.UNKNOWN_ACCOUNT, f"no account {action.subject}")
    before = read_summary(draft, action.subject, issuer) or UsageSummary(0, 0, 0, 0, 0)
    if action.from_s < before.until_s:
        return Rejected(Reason.SUMMARY_OVERLAPS, f"up to {before.until_s} it has been told of")
    if action.until_s > now_s:
        return Rejected(Reason.SUMMARY_IN_FUTURE, f"until {action.until_s}, and it is {now_s}")
    total = UsageSummary(
        action.until_s,
        _add(before.sessions, action.sessions),
        _add(before.completed, action.completed),
        _add(before.served_s, action.served_s),
        _add(before.served_bytes, action.served_bytes),
    )
    draft.put(summary_key(action.subject.key_id, issuer.key_id), total)
    return None


def reliability_permille(summaries: Iterable[UsageSummary]) -> int:
    """The share of sessions served as promised, of these publishers; 500 of whom nobody knows anything.

    As if there had been one good and one bad session more: a few good ones do not make a perfect score.
    """
    known = list(summaries)
    sessions, completed = sum(one.sessions for one in known), sum(one.completed for one in known)
    return (completed + 1) * 1_000 // (sessions + 2)


def _add(before: int, more: int) -> int:
    """Stops at the largest number that an entry holds."""
    return min(before + more, U63_MAX)
