"""How the reconciliation looks in a terminal and as JSON. Pure: values in, a rich table and plain values out."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from operatord.reconciling import Outcome, Reconciled
from wire.units import format_duration, format_size

_STYLES = {Outcome.AGREES: "green", Outcome.DISAGREES: "bold red", Outcome.OPEN: "dim"}


def reconciliation_table(rows: Sequence[Reconciled]) -> Table:
    """One line for each grant at each provider; what does not agree is said below it."""
    table = Table(title="accounting against the meter" if rows else "there is nothing to compare")
    for name in (
        "grant",
        "sessions",
        "accounted up",
        "metered up",
        "accounted down",
        "metered down",
        "lasted",
        "",
    ):
        table.add_column(name, justify="left" if name in ("grant", "") else "right")
    for row in rows:
        ours, theirs = row.accounted, row.metered
        table.add_row(
            row.grant_id.hex()[:12],
            str(ours.sessions),
            format_size(ours.up_bytes),
            format_size(theirs.up_bytes),
            format_size(ours.down_bytes),
            format_size(theirs.down_bytes),
            format_duration(ours.duration_s),
            f"[{_STYLES[row.outcome]}]{row.outcome.value}[/]",
        )
    return table


def complaints(rows: Sequence[Reconciled]) -> list[str]:
    """Every sentence that does not hold."""
    return [finding.text for row in rows for finding in row.findings if not finding.ok]


def count_judged(rows: Sequence[Reconciled]) -> int:
    """Grants that could be compared at all."""
    return sum(row.outcome is not Outcome.OPEN for row in rows)


def say_judged(rows: Sequence[Reconciled]) -> str:
    """`3 grants judged, 1 not yet`; nothing judged is no agreement, and is said."""
    judged = count_judged(rows)
    if not rows:
        return "nothing was compared: neither accounting nor a meter has told of a grant"
    said = f"{judged} grant{'' if judged == 1 else 's'} judged, {len(rows) - judged} not yet"
    return said if judged else f"nothing was compared: {said}"


def describe_rows(rows: Sequence[Reconciled]) -> list[dict[str, Any]]:
    """For JSON, and for a report."""
    return [
        {
            "grant": row.grant_id.hex(),
            "provider_id": row.provider_id.hex(),
            "outcome": row.outcome.value,
            "ok": row.outcome is not Outcome.DISAGREES,
            "judged": row.outcome is not Outcome.OPEN,
            "sessions": row.accounted.sessions,
            "accounted_up_bytes": row.accounted.up_bytes,
            "accounted_down_bytes": row.accounted.down_bytes,
            "accounted_s": row.accounted.duration_s,
            "metered_up_bytes": row.metered.up_bytes,
            "metered_down_bytes": row.metered.down_bytes,
            "metered_least_ms": row.metered.least_ms,
            "metered_most_ms": row.metered.most_ms,
            "findings": [
                {"check": one.check, "ok": one.ok, "severity": one.severity.value, "text": one.text}
                for one in row.findings
            ],
        }
        for row in rows
    ]
