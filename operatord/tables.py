"""How the reconciliation looks in a terminal and as JSON. Pure: values in, a rich table and plain values out."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from operatord.reconciling import Outcome, Overhead, Reconciled
from operatord.state import Box
from wire.units import format_duration, format_size

OVERHEAD_DIFFERS_BYTES = 2
"""Of TCP acknowledgements, 52 bytes each, they are 4 %: just more than is accepted."""
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


def say_overheads(overheads: Sequence[Overhead], boxes: Iterable[Box]) -> list[str]:
    """What [boxes.NAME] should rather say: a sentence for each direction in which it is too far off."""
    of_provider: dict[bytes, list[Box]] = {}
    for box in boxes:
        of_provider.setdefault(box.provider.provider_id, []).append(box)
    said = []
    for one in overheads:
        for box in of_provider.get(one.provider_id, []):
            for direction, tenths, told_bytes in (
                ("up", one.up_tenths, box.up_overhead_bytes),
                ("down", one.down_tenths, box.down_overhead_bytes),
            ):
                if tenths is not None and abs(tenths - 10 * told_bytes) >= 10 * OVERHEAD_DIFFERS_BYTES:
                    said.append(
                        f"{box.name} counts {tenths // 10}.{tenths % 10} octets beyond IP for each packet {direction}; "
                        f"[boxes.{box.name}] {direction}_overhead_bytes is {told_bytes}"
                    )
    return said


def describe_overheads(overheads: Sequence[Overhead]) -> list[dict[str, Any]]:
    """For JSON, in octets per packet."""
    return [
        {
            "provider_id": one.provider_id.hex(),
            "up_overhead_bytes": None if one.up_tenths is None else one.up_tenths / 10,
            "down_overhead_bytes": None if one.down_tenths is None else one.down_tenths / 10,
        }
        for one in overheads
    ]


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
