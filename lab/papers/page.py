"""The page that a person reads with the papers beside it: every exhibit, theirs and ours, and what is wrong in them.

Pure: exhibits come in, a page that needs nothing from elsewhere goes out. The style sheet is the demo's report's with
a few lines more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

from lab import markup
from lab.markup import text
from lab.papers.exhibit import Cell, Exhibit, Finding, Plot, Rows, Verdict, is_unbuilt
from lab.papers.faults import FAULTS, Fault, Named
from lab.papers.files import Run, chosen_rows, count_verdicts, stem_of
from lab.papers.plot import THEIRS, draw, format_number, styles_of
from lab.papers.registry import PAPERS, Paper, part_of

TEMPLATE = Path(__file__).parents[1] / "report_page.html"
STYLE = Path(__file__).with_name("page.css")
LONG_TABLE = 12
"""Rows above which a table is folded away."""
BACK = "../../"
"""From build/papers to the repository."""

_TAGS = {
    Verdict.REPRODUCED: "good",
    Verdict.SHAPE: "good soft",
    Verdict.REFUTED: "bad",
    Verdict.CANNOT: "plain",
    Verdict.DRAWING: "quiet",
}
_MEANING = {
    Verdict.REPRODUCED: "the stated number or statement comes out, or holds in every instance that was tried",
    Verdict.SHAPE: "the source gives a figure or rests on private data: what it shows comes out, not its numbers",
    Verdict.REFUTED: "it is wrong as printed: a counterexample stands beside it, and what holds instead",
    Verdict.CANNOT: "with the reason, which may be that we have not built it",
    Verdict.DRAWING: "how parts hang together: it states no result",
}


def format_report(exhibits: Sequence[Exhibit], tests: Mapping[str, Sequence[Named]], run: Run) -> str:
    """The whole page. `tests` are those named after faults (faults.py)."""
    body = "\n".join(
        (
            _opening(exhibits, run),
            *(_paper(paper, exhibits) for paper in PAPERS),
            _faults(tests),
            _parameters(exhibits),
        )
    )
    page = TEMPLATE.read_text(encoding="utf-8").replace("</style>", STYLE.read_text("utf-8") + "</style>", 1)
    page = page.replace("<span>report</span>", "<span>the four papers</span>", 1)
    footer = (
        f"Made by {run.command} in {run.took_s:.0f} s, version {run.version}, on {run.machine}, {run.began}."
    )
    return Template(page).substitute(
        title="The four papers, theirs beside ours", body=body, footer=text(footer)
    )


def _opening(exhibits: Sequence[Exhibit], run: Run) -> str:
    counts = count_verdicts(exhibits)
    tiles = "".join(
        f'<li class="tile"><b class="{_TAGS[verdict].split()[0]}">{count}</b><span>{text(verdict.value)}</span>'
        f'<span class="means">{text(_MEANING[verdict])}</span></li>'
        for verdict, count in counts.items()
    )
    unbuilt = [exhibit for exhibit in exhibits if is_unbuilt(exhibit.finding)]
    missing = (
        f"<p><strong>{len(unbuilt)} of {len(exhibits)} are not built yet</strong> and say so below.</p>"
        if unbuilt
        else ""
    )
    quick = (
        f"<p><strong>A quick run: {run.seeds} seeds.</strong> Intervals are wide, and the sweeps are coarse. "
        "<code>make papers</code> makes the whole one.</p>"
        if run.quick
        else ""
    )
    jump = " ".join(f'<a href="#p{paper.key}">{text(paper.name)}</a>' for paper in PAPERS)
    return (
        "<h1>The four papers: what they claim, and what comes out here</h1>"
        '<p class="lead">Every table, figure, proposition and algorithm of the papers in their order, theirs beside '
        "ours. Whatever rests on traffic or users is <strong>synthetic</strong>: the papers' traces are "
        "private. Where "
        f"chance is involved, results are over {run.seeds} seeds, shown as the mean and the range of the middle 90 % "
        "of seeds unless it says otherwise. "
        "<em>Calibrated</em> is what was set so that a result comes out, and no evidence; <em>predicted</em> "
        "came out "
        "without having been set. The papers' figures are known by their captions and prose only.</p>"
        f'{quick}{missing}<p class="jump">{jump} <a href="#faults">Faults</a> <a href="#parameters">Parameters</a> '
        f'<a href="data/summary.json">Data</a></p><ul class="tiles five">{tiles}</ul>'
    )


def _paper(paper: Paper, exhibits: Sequence[Exhibit]) -> str:
    mine = [exhibit for exhibit in exhibits if exhibit.claim.paper == paper.key]
    parts = paper.parts or {"": ""}
    body = "".join(
        _part(heading, [exhibit for exhibit in mine if part_of(exhibit.claim) == number])
        for number, heading in parts.items()
    )
    return (
        f'<div class="paper" id="p{paper.key}"><h2 class="big">{text(paper.key)} · {text(paper.name)}</h2>'
        f'<p class="lead">{text(paper.about)}</p></div>{body}'
    )


def _part(heading: str, exhibits: Sequence[Exhibit]) -> str:
    rows = [
        (
            f'<a href="#{stem_of(exhibit)}">{text(exhibit.claim.name)}</a>'
            if _has_more(exhibit.finding)
            else f'<span id="{stem_of(exhibit)}">{text(exhibit.claim.name)}</span>',
            text(exhibit.claim.title),
            _tag(exhibit.finding.verdict),
            "" if _has_more(exhibit.finding) else _short(exhibit.finding),
        )
        for exhibit in exhibits
    ]
    overview = markup.table(("Exhibit", "What it is", "Verdict", ""), rows)
    title = f"<h2>{text(heading)}</h2>" if heading else ""
    full = "".join(_exhibit(exhibit) for exhibit in exhibits if _has_more(exhibit.finding))
    return f'<section class="overview">{title}{overview}</section>{full}'


def _has_more(finding: Finding) -> bool:
    """Drawings and what is not there are one line of the overview."""
    return finding.verdict in {Verdict.REPRODUCED, Verdict.SHAPE, Verdict.REFUTED} or bool(
        finding.plots or finding.tables
    )


def _short(finding: Finding) -> str:
    if finding.verdict is Verdict.DRAWING:
        return f"{text(finding.ours)}{_links(finding.see)}"
    return f"{text(finding.reason)}{_links(finding.see)}"


def _exhibit(exhibit: Exhibit) -> str:
    claim, finding = exhibit.claim, exhibit.finding
    reason = f'<p class="reason">{text(finding.reason)}</p>' if finding.reason else ""
    plots = "".join(_plot(plot, whole=len(finding.plots) == 1) for plot in finding.plots)
    tables = "".join(_table(rows) for rows in finding.tables)
    many = "seed" if finding.seeds == 1 else "seeds"
    seeds = f'<span class="seeds">{finding.seeds} {many}, synthetic</span>' if finding.seeds else ""
    seeds += f'<span class="seeds">{finding.draws:,} random instances</span>' if finding.draws else ""
    stem = stem_of(exhibit)
    return (
        f'<section class="exhibit" id="{stem}"><div class="head"><h2>{text(claim.name)}</h2>'
        f"<span>{text(claim.title)}</span>{_tag(finding.verdict)}</div>"
        f'<div class="pair"><div><h3>Theirs</h3><p>{text(claim.theirs)}</p></div>'
        f"<div><h3>Ours {seeds}</h3><p>{text(finding.ours)}</p>{reason}</div></div>"
        f"{f'<div class=plots>{plots}</div>' if plots else ''}{tables}{_honesty(finding)}"
        f'<p class="data"><a href="data/{stem}.json">data</a>{_links(finding.see)}</p></section>'
    )


def _honesty(finding: Finding) -> str:
    """What was set, what came out, where it fails."""
    parts = (
        ("Calibrated", finding.calibrated),
        ("Predicted", finding.predicted),
        ("Does not hold at", finding.failures),
        ("Chosen by us", tuple(f"{each.name} = {each.value}: {each.why}" for each in finding.chosen)),
    )
    return "".join(
        f'<div class="honest"><b>{name}</b>{markup.bullets(map(text, said), "said")}</div>'
        for name, said in parts
        if said
    )


def _plot(plot: Plot, *, whole: bool) -> str:
    drawn = markup.figure(
        plot.title,
        "",
        lambda width: draw(plot, width),
        markup.WHOLE_PX if whole else markup.WIDE_PX,
        whole=whole,
    )
    entries = [
        (f"l-{style}", f"{series.name} (theirs)" if style == THEIRS else series.name)
        for series, style in zip(plot.series, styles_of(plot), strict=True)
    ]
    return drawn.replace("</figure>", markup.legend(*entries) + "</figure>")


def _table(rows: Rows) -> str:
    numeric = [
        index
        for index in range(len(rows.head))
        if all(isinstance(row[index], int | float | None) for row in rows.rows)
    ]
    cells = [tuple(map(_format_cell, row)) for row in rows.rows]
    drawn = markup.table(tuple(map(text, rows.head)), cells, caption=text(rows.title), numeric=numeric)
    if len(rows.rows) <= LONG_TABLE:
        return drawn
    return f"<details><summary>{text(rows.title)}: {len(rows.rows)} rows</summary>{drawn}</details>"


def _format_cell(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return text(cell)
    return f"{cell:,}" if isinstance(cell, int) else format_number(cell)


def _tag(verdict: Verdict) -> str:
    return f'<span class="tag {_TAGS[verdict]}">{text(verdict.value)}</span>'


def _links(paths: Sequence[str]) -> str:
    return "".join(f' <a href="{BACK}{path}"><code>{text(path)}</code></a>' for path in paths)


def _faults(tests: Mapping[str, Sequence[Named]]) -> str:
    rows = [
        (
            f"<b>{fault.id}</b> {fault.severity}",
            text(fault.where),
            f"{text(fault.what)}<br><em>{text(fault.example)}</em>",
            text(fault.ours),
            _proof(fault, tests.get(fault.id, ())),
        )
        for fault in FAULTS
    ]
    tested = sum(bool(tests.get(fault.id)) for fault in FAULTS)
    table = markup.table(("", "Where", "What is wrong, and an example", "Ours", "Tests named after it"), rows)
    lead = (
        f"{len(FAULTS)} entries; {tested} have tests of their name, in which the printed form fails and ours "
        f"does not. "
        "H breaks a claim of safety or optimality, or an honest run; M is a wrong formula; L a slip."
    )
    return f'<section id="faults"><h2>Faults found in the papers</h2><p>{lead}</p>{table}</section>'


def _proof(fault: Fault, tests: Sequence[Named]) -> str:
    if tests:
        return "<br>".join(
            f'<a href="{BACK}{test.path}#L{test.line}" title="{text(test.path)}:{test.line}">'
            f"<code>{text(test.name).replace('_', '_<wbr>')}</code></a>"
            for test in tests
        )
    return text(fault.elsewhere) or '<span class="plain">no test of that name yet</span>'


def _parameters(exhibits: Sequence[Exhibit]) -> str:
    merged: dict[tuple[Cell, ...], list[str]] = {}
    for where, *what in chosen_rows(exhibits):
        merged.setdefault(tuple(what), []).append(str(where))
    rows = [(*(text(str(cell)) for cell in what), text(", ".join(where))) for what, where in merged.items()]
    table = markup.table(("Parameter", "Value", "Why", "Where"), rows)
    return (
        '<section id="parameters"><h2>What the papers do not say, and what is said here</h2><p>Every free parameter in '
        f"one place; <a href=data/parameters.csv>as a file</a>.</p>{table}</section>"
    )
