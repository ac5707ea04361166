"""How outcomes and sums look in a terminal. Pure: values in, what rich prints out."""

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from ledger.reports.outcome import Outcome, severity_of
from ledger.reports.sum_up import Sum, total_of
from ledger.reports.words import CHECKS, SEVERITIES
from wire.units import format_size

HOLDS, FAILS = "[green]✓[/]", "[bold red]✗[/]"


def outcome_lines(outcomes: Sequence[Outcome], trust_digest: bytes, unused: Sequence[str] = ()) -> list[Any]:
    """For each file a verdict, and what does not hold with its meaning; `unused`: keys that are named as revoked, and
    that none of these boxes has.
    """
    lines: list[Any] = []
    for outcome in outcomes:
        lines += _file_lines(outcome)
    lines += [f"[yellow]no file is of key {one}, which is named as revoked[/]" for one in unused]
    held = sum(one.ok for one in outcomes)
    if short := sum(one.is_short for one in outcomes):
        lines.append(f"{FAILS} {short} of {len(outcomes)} files are older than the time that was asked about")
    lines.append(f"{held} of {len(outcomes)} files hold; trusted was what sha256 {trust_digest.hex()} names")
    return lines


def _file_lines(outcome: Outcome) -> list[str]:
    mark = HOLDS if outcome.ok and not outcome.is_short else FAILS
    lines = [f"{mark} [bold]{escape(outcome.file)}[/]: {escape(outcome.sentence)}"]
    if outcome.key_id:
        lines.append(f"    meter {outcome.key_id} of provider {outcome.provider[:16]}…, {outcome.rows} rows")
    if outcome.complete:
        lines.append(f"    shown to record {outcome.end_sequence}, {outcome.end_head or 'none'}")
    if outcome.partner_rows:
        lines.append(f"    {outcome.partner_rows} rows are of grants that another provider sold")
    if outcome.unmetered_ms:
        seconds = f"{outcome.unmetered_ms // 1_000}.{outcome.unmetered_ms % 1_000:03}"
        lines.append(f"    [yellow]unmetered[/] {seconds} s in {outcome.unmetered_times} times")
    if outcome.complete_text and not outcome.complete:
        lines.append(f"    {FAILS} complete: {escape(outcome.complete_text)}")
        lines.append(f"      {CHECKS['complete'].otherwise}")
    for check, count in outcome.failures.items():
        lines.append(f"    {FAILS} {escape(check)}: fails {count} times. {_meaning(check)}")
        first = next((one for one in outcome.faults if one.check == check), None)
        if first is not None:
            lines.append(
                f"      record {first.sequence}, {SEVERITIES[severity_of(first)]}: {escape(first.text)}"
            )
    return lines


def _meaning(check: str) -> str:
    return CHECKS[check].otherwise


def sum_table(sums: dict[str, Sum], by: str) -> Table:
    """A line for each group, and the total."""
    table = Table(by, "rows", "down", "up", "shortfall down", "up", "unattested", "disputed", "forged")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, one in sums.items():
        table.add_row(escape(name), *_cells(one))
    table.add_section()
    table.add_row("total", *_cells(total_of(sums)))
    return table


def _cells(one: Sum) -> list[str]:
    disputed = f"{one.disputed_rows} ({format_size(one.disputed_bytes)})" if one.disputed_rows else "0"
    return [
        str(one.rows),
        format_size(one.down_bytes),
        format_size(one.up_bytes),
        format_size(one.down_shortfall_bytes),
        format_size(one.up_shortfall_bytes),
        str(one.unattested_rows),
        disputed,
        str(one.forged_rows),
    ]
