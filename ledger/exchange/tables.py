"""How the exchange's book looks to a person: tables for a terminal, through rich."""

import time
from collections.abc import Iterable, Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from ledger.exchange.book import PAYOUT, Case
from ledger.exchange.entry import Entry
from ledger.exchange.rates import Rate, format_minor
from ledger.exchange.reconciling import Finding, Sums
from wire.units import format_money

MAX_FIELD_CHARACTERS = 72


def case_table(cases: Iterable[Case], title: str, rates: Mapping[str, Rate]) -> Table:
    """One line a case."""
    table = Table("since (UTC)", "case", "money", "account or payment", "stage", title=title)
    for case in cases:
        event = case.event
        amount = _pays(case, rates) if case.kind == PAYOUT else event.text("amount")
        money = f"{amount} {event.text('currency')}".strip()
        ubc = event.count("ubc")
        table.add_row(
            _instant(event.time_s),
            escape(case.key),
            f"{money}{' = ' * bool(money and ubc)}{format_money(ubc) if ubc else ''}",
            escape(event.text("account") or event.text("payment")),
            f"[red]{escape(case.stage)}[/]" if case.refused else escape(case.stage),
        )
    return table


def payout_lines(cases: Iterable[Case], rates: Mapping[str, Rate]) -> list[str]:
    """What the bank, or a person, has to pay and has paid: somebody pays by it, so that nothing is ever cut."""
    lines = []
    for case in (one for one in cases if one.kind == PAYOUT):
        event = case.event
        ubc = event.count("ubc") if case.unpaid else event.count("ubc") - case.returned_ubc
        lines += [
            f"[bold]{_pays(case, rates)} {escape(event.text('currency'))}[/] to {escape(event.text('destination'))}",
            f"    payout {event.text('id')}",
            f"    for {format_money(ubc)}, asked for {_instant(event.time_s)} UTC, {escape(case.stage)}",
        ]
    return lines or ["no payouts"]


def _pays(case: Case, rates: Mapping[str, Rate]) -> str:
    """A payout's amount as people write it; nothing if the currency is no longer sold."""
    rate = rates.get(case.event.text("currency"))
    return "" if rate is None else format_minor(case.pays_minor, rate.decimals)


def line_table(entries: Iterable[Entry]) -> Table:
    """The audit table itself."""
    table = Table("line", "when (UTC)", "case", "step", "what", title="audit table")
    for entry in entries:
        said = ", ".join(
            f"{name}={str(value)[:MAX_FIELD_CHARACTERS]}" for name, value in sorted(entry.fields.items())
        )
        table.add_row(
            str(entry.number), _instant(entry.time_s), escape(entry.key), entry.step.value, escape(said)
        )
    return table


def reconciliation(findings: Sequence[Finding], sums: Sums) -> list[Table | str]:
    """What adds up, and what does not."""
    table = Table("what", "bandcoins", title="ledger and audit table")
    for what, ubc in (
        ("deposited by this exchange", sums.deposited_ubc),
        ("withdrawn by it", sums.withdrawn_ubc),
        ("in hand for payouts", sums.in_hand_ubc),
        ("sent to it unasked", sums.unclaimed_ubc),
        ("shortfall of reversals", sums.shortfall_ubc),
    ):
        table.add_row(what, format_money(ubc))
    said = [f"[bold red]✗[/] {escape(one.key)}: {escape(one.text)}" for one in findings]
    return [table, *(said or ["[green]✓[/] the books agree"])]


def _instant(utc_s: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(utc_s))
