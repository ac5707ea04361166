"""The data beside the page: one JSON file for each exhibit, one CSV file for each table and each chart of it.

Pure: names and texts come out, `__main__` writes them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from lab.papers.exhibit import Cell, Exhibit, Plot, Verdict


@dataclass(frozen=True, slots=True)
class Run:
    """How a report came about. `began` is UTC as text, `took_s` seconds of a clock on the wall."""

    began: str
    took_s: float
    machine: str
    version: str
    command: str
    seeds: int
    quick: bool


def stem_of(exhibit: Exhibit) -> str:
    """What the files of an exhibit begin with: 003-figure-3.4."""
    return exhibit.claim.id.replace("/", "-")


def data_files(exhibits: Sequence[Exhibit], run: Run) -> dict[str, str]:
    """Texts by file name. summary.json has every verdict and how the run was made."""
    files = {"summary.json": _json(_summary(exhibits, run))}
    for exhibit in exhibits:
        stem, finding = stem_of(exhibit), exhibit.finding
        files[f"{stem}.json"] = _json(_page(exhibit))
        for number, rows in enumerate(finding.tables, 1):
            files[f"{stem}-table-{number}.csv"] = _csv(rows.head, rows.rows)
        for number, plot in enumerate(finding.plots, 1):
            files[f"{stem}-chart-{number}.csv"] = _csv(*_plot_rows(plot))
    files["parameters.csv"] = _csv(("exhibit", "parameter", "value", "why"), chosen_rows(exhibits))
    return files


def count_verdicts(exhibits: Iterable[Exhibit]) -> Mapping[Verdict, int]:
    counts = dict.fromkeys(Verdict, 0)
    for exhibit in exhibits:
        counts[exhibit.finding.verdict] += 1
    return counts


def chosen_rows(exhibits: Iterable[Exhibit]) -> list[tuple[Cell, ...]]:
    """Every parameter that the papers do not give, once for each exhibit that has it."""
    return [
        (exhibit.claim.id, each.name, each.value, each.why)
        for exhibit in exhibits
        for each in exhibit.finding.chosen
    ]


def _summary(exhibits: Sequence[Exhibit], run: Run) -> dict[str, object]:
    return {
        "run": asdict(run),
        "synthetic": True,
        "verdicts": {verdict.value: count for verdict, count in count_verdicts(exhibits).items()},
        "exhibits": {
            exhibit.claim.id: {"verdict": exhibit.finding.verdict.value, "reason": exhibit.finding.reason}
            for exhibit in exhibits
        },
    }


def _page(exhibit: Exhibit) -> dict[str, object]:
    claim, finding = exhibit.claim, exhibit.finding
    return {
        "id": claim.id,
        "kind": claim.kind.value,
        "name": claim.name,
        "title": claim.title,
        "theirs": claim.theirs,
    } | (asdict(finding) | {"verdict": finding.verdict.value})


def _plot_rows(plot: Plot) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    """Long form, as statistics programs read it: a row for each point."""
    head = ("series", "theirs", plot.x_label, plot.y_label, "low", "high")
    rows: list[tuple[Cell, ...]] = []
    for series in plot.series:
        for number, (x, y) in enumerate(series.points):
            low, high = (side[number] if side else None for side in (series.low, series.high))
            rows.append((series.name, "yes" if series.is_theirs else "", x, y, low, high))
    return head, rows


def _csv(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    return text.getvalue()


def _json(page: object) -> str:
    return json.dumps(page, indent=1, ensure_ascii=False) + "\n"
