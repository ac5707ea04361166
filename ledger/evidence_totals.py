"""Usage reports against grants: may this grant have got these bytes in this time?

In: the rows of a report, what earlier records said, a way to look up grants. Out: findings and the new totals.
Sums stop at 2^63 - 1 and fail there: no report can lead beyond what a store can hold.
A row of a metered pass (wire/metered_pass.py), which its id says it is, is no misfit: the ledger sold nothing there and
pays nobody for it. Its operator holds it against accounting and payments (operatord/meters.py).
Rates may be 2 % above the ceiling. Two allowances are made for how a box works, and both are named: a counter is read
some milliseconds after its instant, and a data cap is enforced when the box next looks at the counter.
Reference: the unit price of an offer buys `qos` times `allocations` (Bandcoin 5.1.1); units: bytes at the IP
layer, ms UTC.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ledger.chain_state import GrantUsage
from ledger.findings import Finding, Severity, note
from wire.grant import Grant
from wire.ids import PublicKey
from wire.meter_record import UsageReport, UsageRow
from wire.metered_pass import has_pass_mark
from wire.qos import Qos
from wire.units import U63_MAX

FindGrant = Callable[[bytes], Grant | None]
"""Looks a grant up by its id; None if the ledger never made it."""

RATE_TOLERANCE_PERCENT = 2
READING_SLACK_MS = 250
"""A shaper's bucket and the jitter of reading counters, at both ends of an interval."""
CAP_SLACK_MS = 2_000
"""How long a session may run at its ceiling before the box notices that its data cap is reached."""
SHORTFALL_SLACK_MS = 30_000
"""A box judges an interval once it is over, and some last 15 s: a report may tell the shortfall of time before it."""
FORGET_AFTER_MS = 3_600_000
"""Totals of a grant are kept so long after its end; later rows fail by their time."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One row with its grant, what that grant bought, the milliseconds that interval and grant have in common, and
    the past.
    """

    row: UsageRow
    grant: Grant
    qos: Qos
    report: UsageReport
    overlap_ms: int
    before: GrantUsage


def check_totals(
    report: UsageReport, usage: Mapping[bytes, GrantUsage], provider: PublicKey, find_grant: FindGrant
) -> tuple[list[Finding], dict[bytes, GrantUsage]]:
    """(findings, totals with this report). One summing-up finding if everything fits, else one for each misfit."""
    totals = {
        grant: use
        for grant, use in usage.items()
        if use.ends_s * 1_000 + FORGET_AFTER_MS > report.from_utc_ms
    }
    findings: list[Finding] = []
    provider_id = provider.provider_id
    for row in report.rows:
        grant = find_grant(row.grant_id)
        if grant is None:
            if has_pass_mark(row.grant_id):
                findings.append(
                    note("totals", f"pass {row.grant_id.hex()}: sold by no ledger, paid as it goes")
                )
            else:
                findings.append(_misfit(row, "the ledger made no such grant, or it is not shown"))
            continue
        before = totals.get(row.grant_id, GrantUsage(0, grant.ends_s, 0))
        item = _Row(row, grant, grant.total_qos, report, _overlap_ms(report, grant), before)
        if grant.provider_id != provider_id:
            # Partners serve each other's buyers; whether it is one the providers know, and the ledger does not.
            served = (
                f"grant {row.grant_id.hex()}: is a grant of provider {grant.provider_id.hex()}, served here"
            )
            findings.append(note("totals", served))
        findings += [_misfit(row, text) for check in _ROW_CHECKS for text in check(item)]
        used_bytes = min(_used_bytes(item), U63_MAX)
        totals[row.grant_id] = GrantUsage(used_bytes, grant.ends_s, max(report.to_utc_ms, before.to_utc_ms))
    return findings or [note("totals", f"{len(report.rows)} sessions within their grants")], totals


def most_bytes(grant: Grant) -> int:
    """More than this, both directions, no grant can carry in all its time: its ceilings with their tolerance, and
    within its cap what a box needs to notice. Whoever adds up several meters has to ask, as each may be within it.
    """
    qos = grant.total_qos
    ceil_bps = qos.ceil_down_bps + qos.ceil_up_bps
    time_ms = grant.duration_s * 1_000 + READING_SLACK_MS
    carried_bytes = ceil_bps * time_ms * (100 + RATE_TOLERANCE_PERCENT) // (8 * 1_000 * 100)
    if not qos.data_cap_bytes:
        return carried_bytes
    return min(carried_bytes, qos.data_cap_bytes + ceil_bps * CAP_SLACK_MS // 8_000)


# Each check says what does not fit; nothing if all is well.


def _check_window(item: _Row) -> Iterator[str]:
    if item.overlap_ms == 0 and item.row.down_bytes + item.row.up_bytes:
        yield f"has bytes outside the grant's time ({item.grant.starts_s}..{item.grant.ends_s} s)"


def _check_rates(item: _Row) -> Iterator[str]:
    for direction, count_bytes, ceil_bps in (
        ("down", item.row.down_bytes, item.qos.ceil_down_bps),
        ("up", item.row.up_bytes, item.qos.ceil_up_bps),
    ):
        # bits <= ceiling * seconds * 1.02, in integers
        at_most = ceil_bps * (item.overlap_ms + READING_SLACK_MS) * (100 + RATE_TOLERANCE_PERCENT)
        if count_bytes * 8 * 1_000 * 100 > at_most:
            yield f"{count_bytes} bytes {direction} in {item.overlap_ms} ms exceed the ceiling of {ceil_bps} bit/s"


def _check_shortfall(item: _Row) -> Iterator[str]:
    """No more can be missing than was promised."""
    for direction, missing_bytes, floor_bps in (
        ("down", item.row.down_shortfall_bytes, item.qos.floor_down_bps),
        ("up", item.row.up_shortfall_bytes, item.qos.floor_up_bps),
    ):
        time_ms = item.report.to_utc_ms - item.report.from_utc_ms + SHORTFALL_SLACK_MS
        if missing_bytes * 8 * 1_000 * 100 > floor_bps * time_ms * (100 + RATE_TOLERANCE_PERCENT):
            yield f"{missing_bytes} bytes {direction} are missing, more than its floor of {floor_bps} bit/s promises"


def _check_cap(item: _Row) -> Iterator[str]:
    cap_bytes = item.qos.data_cap_bytes
    used_bytes = _used_bytes(item)
    slack_bytes = (item.qos.ceil_down_bps + item.qos.ceil_up_bps) * CAP_SLACK_MS // 8_000
    if cap_bytes and used_bytes > cap_bytes + slack_bytes:
        yield f"{used_bytes} bytes in all exceed the data cap of {cap_bytes}"


def _check_sum(item: _Row) -> Iterator[str]:
    used_bytes = _used_bytes(item)
    if used_bytes > U63_MAX:
        yield f"{used_bytes} bytes in all are more than 2^63 - 1"


def _check_doubles(item: _Row) -> Iterator[str]:
    if item.report.from_utc_ms < item.before.to_utc_ms:
        yield "was reported for this time before"


_ROW_CHECKS = (_check_window, _check_rates, _check_shortfall, _check_cap, _check_sum, _check_doubles)


def _used_bytes(item: _Row) -> int:
    """All that was reported of a grant, this row included."""
    return item.before.used_bytes + item.row.down_bytes + item.row.up_bytes


def _overlap_ms(report: UsageReport, grant: Grant) -> int:
    starts_ms = max(report.from_utc_ms, grant.starts_s * 1_000)
    return max(0, min(report.to_utc_ms, grant.ends_s * 1_000) - starts_ms)


def _misfit(row: UsageRow, text: str) -> Finding:
    return Finding("totals", ok=False, severity=Severity.CLAIM, text=f"grant {row.grant_id.hex()}: {text}")
