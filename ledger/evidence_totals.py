"""Usage reports against grants: may this grant have got these bytes in this time?

In: the rows of a report, what earlier records said, a way to look up grants. Out: findings and the new totals.
Rates may be 2 % above the ceiling. Two allowances are made for how a box works, and both are named: a counter is read
some milliseconds after its instant, and a data cap is enforced when the box next looks at the counter.
Reference: the unit price of an offer buys `qos` times `allocations` (Bandcoin 5.1.1); units: bytes at the IP
layer, ms UTC.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ledger.chain_state import GrantUsage
from ledger.findings import Finding, Severity, judge, note
from wire.grant import Grant
from wire.ids import PublicKey
from wire.meter_record import UsageReport, UsageRow

FindGrant = Callable[[bytes], Grant | None]
"""Looks a grant up by its id; None if the ledger never made it."""

RATE_TOLERANCE_PERCENT = 2
READING_SLACK_MS = 250
"""A shaper's bucket and the jitter of reading counters, at both ends of an interval."""
CAP_SLACK_MS = 2_000
"""How long a session may run at its ceiling before the box notices that its data cap is reached."""
FORGET_AFTER_MS = 3_600_000
"""Totals of a grant are kept so long after its end; later rows fail by their time."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One row with its grant, the milliseconds that interval and grant have in common, and what was known before."""

    row: UsageRow
    grant: Grant
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
    for row in report.rows:
        grant = find_grant(row.grant_id)
        if grant is None:
            findings.append(_misfit(row, "the ledger made no such grant"))
            continue
        before = totals.get(row.grant_id, GrantUsage(0, grant.ends_s, 0))
        findings += _check_row(_Row(row, grant, report, _overlap_ms(report, grant), before), provider)
        used_bytes = before.used_bytes + row.down_bytes + row.up_bytes
        totals[row.grant_id] = GrantUsage(used_bytes, grant.ends_s, max(report.to_utc_ms, before.to_utc_ms))
    return findings or [note("totals", f"{len(report.rows)} sessions within their grants")], totals


def _check_row(item: _Row, provider: PublicKey) -> list[Finding]:
    return [finding for check in _ROW_CHECKS for finding in check(item, provider) if not finding.ok]


def _check_provider(item: _Row, provider: PublicKey) -> Sequence[Finding]:
    ok = item.grant.provider_id == provider.provider_id
    return [_claim(item.row, f"is a grant of provider {item.grant.provider_id.hex()}", ok=ok)]


def _check_window(item: _Row, provider: PublicKey) -> Sequence[Finding]:
    del provider
    ok = item.overlap_ms > 0 or item.row.down_bytes + item.row.up_bytes == 0
    window = f"{item.grant.starts_s}..{item.grant.ends_s} s"
    return [_claim(item.row, f"has bytes outside the grant's time ({window})", ok=ok)]


def _check_rates(item: _Row, provider: PublicKey) -> Sequence[Finding]:
    del provider
    qos, row = item.grant.total_qos, item.row
    directions = (("down", row.down_bytes, qos.ceil_down_bps), ("up", row.up_bytes, qos.ceil_up_bps))
    return [_check_rate(item, *direction) for direction in directions]


def _check_rate(item: _Row, direction: str, count_bytes: int, ceil_bps: int) -> Finding:
    # bits <= ceiling * seconds * 1.02, in integers
    ok = count_bytes * 8 * 1_000 * 100 <= ceil_bps * (item.overlap_ms + READING_SLACK_MS) * (
        100 + RATE_TOLERANCE_PERCENT
    )
    text = f"{count_bytes} bytes {direction} in {item.overlap_ms} ms exceed the ceiling of {ceil_bps} bit/s"
    return _claim(item.row, text, ok=ok)


def _check_cap(item: _Row, provider: PublicKey) -> Sequence[Finding]:
    del provider
    qos = item.grant.total_qos
    used_bytes = item.before.used_bytes + item.row.down_bytes + item.row.up_bytes
    slack_bytes = (qos.ceil_down_bps + qos.ceil_up_bps) * CAP_SLACK_MS // 8_000
    ok = not qos.data_cap_bytes or used_bytes <= qos.data_cap_bytes + slack_bytes
    return [_claim(item.row, f"{used_bytes} bytes in all exceed the data cap of {qos.data_cap_bytes}", ok=ok)]


def _check_doubles(item: _Row, provider: PublicKey) -> Sequence[Finding]:
    del provider
    ok = item.report.from_utc_ms >= item.before.to_utc_ms
    return [_claim(item.row, "was reported for this time before", ok=ok)]


_ROW_CHECKS = (_check_provider, _check_window, _check_rates, _check_cap, _check_doubles)


def _overlap_ms(report: UsageReport, grant: Grant) -> int:
    starts_ms = max(report.from_utc_ms, grant.starts_s * 1_000)
    return max(0, min(report.to_utc_ms, grant.ends_s * 1_000) - starts_ms)


def _claim(row: UsageRow, bad: str, *, ok: bool) -> Finding:
    name = f"grant {row.grant_id.hex()}"
    return judge("totals", Severity.CLAIM, ok=ok, good=name, bad=f"{name}: {bad}")


def _misfit(row: UsageRow, bad: str) -> Finding:
    return _claim(row, bad, ok=False)
