"""How results look: a table for the terminal (Rich), a table for the page docs/performance.md (Markdown).

Text only: nothing is measured, read or written here.
"""

from __future__ import annotations

import re

from rich.markup import escape
from rich.table import Table

from lab.bench.result import Figure, Result

BELOW = "below goal"

EQUAL = 1.05
"""A ratio closer to 1 than this says nothing: two runs differ as much."""


def format_number(value: float) -> str:
    """A number for people: three significant digits below 1,000, whole with separators above."""
    if value != 0 and abs(value) < 1000 and value != int(value):
        return f"{value:.3g}"
    return f"{value:,.0f}"


def format_goal(figure: Figure) -> str:
    """`≥ 3,000`, `≤ 160`, or nothing."""
    if figure.goal is None:
        return ""
    return f"{'≥' if figure.better == 'higher' else '≤'} {format_number(figure.goal)}"


def format_against(figure: Figure) -> str:
    """`1,892 (plain Sawtooth batch): 9.6x better`, or nothing."""
    if figure.against is None:
        return ""
    text = f"{format_number(figure.against.value)} ({figure.against.name})"
    ratio = figure.ratio
    if ratio is None:
        return text
    if 1 / EQUAL < ratio < EQUAL:
        return f"{text}: about equal"
    return f"{text}: {ratio:,.3g}x better" if ratio > 1 else f"{text}: {1 / ratio:,.3g}x worse"


def format_verdict(figure: Figure) -> str:
    """`ok`, `below goal`, or nothing where there is no goal."""
    if figure.goal is None:
        return ""
    return "ok" if figure.ok else BELOW


def terminal_table(result: Result) -> Table:
    """The table that `make bench` prints."""
    table = Table(title=result.name, caption=f"{result.machine}\n{result.command}", title_justify="left")
    table.add_column("figure", overflow="fold", ratio=3)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("goal", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("beside it, in the same run", overflow="fold", ratio=2)
    for figure in result.figures:
        verdict = format_verdict(figure)
        style = {"ok": "green", BELOW: "bold red"}.get(verdict, "dim")
        table.add_row(
            escape(figure.what),  # brackets are no markup
            format_number(figure.value),
            figure.unit,
            format_goal(figure),
            f"[{style}]{verdict}[/]" if verdict else "",
            escape(format_against(figure)),
        )
    return table


def markdown_table(result: Result) -> str:
    """The table that stands in docs/performance.md."""
    lines = ["| figure | value | goal | | beside it, in the same run |", "|---|---:|---:|---|---|"]
    for figure in result.figures:
        cells = (
            figure.what,
            f"{format_number(figure.value)} {figure.unit}".strip(),
            format_goal(figure),
            f"**{BELOW}**" if not figure.ok else format_verdict(figure),
            format_against(figure),
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join((f"`{result.command}` on {result.machine}:", "", *lines))


def replace_between_markers(page: str, name: str, text: str) -> str:
    """`page` with `text` between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` (appended if absent)."""
    begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    block = f"{begin}\n{text}\n{end}"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if pattern.search(page):
        return pattern.sub(lambda _: block, page)
    return f"{page.rstrip()}\n\n## {name}\n\n{block}\n"
