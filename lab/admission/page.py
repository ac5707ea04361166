"""What `make lab-admission` leaves: result.json for scripts, and a page for people that needs nothing from outside.

Pure: outcomes come in, texts go out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from string import Template

from lab import markup
from lab.admission.measuring import Outcome
from lab.admission.plan import Scheduler
from lab.markup import text
from lab.papers.exhibit import Plot, Series
from lab.papers.plot import THEIRS, draw, styles_of
from lab.playing import Finding

TEMPLATE = Path(__file__).parents[1] / "report_page.html"
STYLE = Path(__file__).parents[1] / "papers" / "page.css"
SHOWN = ("g-crowd", "50-floors", "50-incentive", "50-sold-of-g")
SCHEDULED = ("30-others-floors", "30-others-one-queue", "30-others-turns", "30-others-one-turn")
WORDS = {
    Scheduler.FLOORS: "floors",
    Scheduler.FIFO: "one queue",
    Scheduler.TURNS: "in turns",
    Scheduler.GROUPED: "in turns, others one",
}
LET_IN = {
    (False, False): "all",
    (False, True): "all, low",
    (True, False): "admitted",
    (True, True): "incentive",
}
"""By (admission, incentive)."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where results come from. `began` is UTC as text."""

    began: str
    took_s: float
    machine: str
    version: str
    command: str
    minute_s: float


def format_result(
    outcomes: Sequence[Outcome], findings: Sequence[Finding], unjudged: Sequence[str], run: Provenance
) -> str:
    """JSON: everything that the page shows, and every session."""
    value = {
        "ok": all(finding.ok for finding in findings) and not unjudged,
        "synthetic": True,
        "run": asdict(run),
        "findings": [asdict(finding) for finding in findings],
        "not_judged": list(unjudged),
        "evenings": [_plain(asdict(outcome)) for outcome in outcomes],
    }
    return json.dumps(value, indent=1) + "\n"


def _plain(value: object) -> object:
    match value:
        case Mapping():
            return {key: _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case Enum():
            return value.value
        case float():
            return None if math.isnan(value) else round(value, 6)  # not a number: a session that got none
        case _:
            return value


HEAD = (
    "Mbit/s", "clients", "let in", "order", "refused", "satisfied", "wasted, %", "busiest, Mbit/s", "latency, ms",
    "worst, ms", "within 40 ms, %", "within 20 ms, %", "browsing, %",
)  # fmt: skip


def row(outcome: Outcome) -> tuple[str, ...]:
    """An evening as a row of `HEAD`."""
    scenario = outcome.scenario
    below_air = scenario.air_mbps < scenario.capacity_mbps
    capacity = f"{scenario.capacity_mbps:g}{f' of {scenario.air_mbps:g}' if below_air else ''}"
    return (
        capacity,
        str(scenario.clients),
        LET_IN[scenario.admission, scenario.incentive],
        f"{WORDS[scenario.scheduler]}{', others' if scenario.refused_go_on else ''}",
        f"{outcome.refused}/{outcome.wishes}",
        f"{outcome.satisfied}/{outcome.admitted}",
        f"{100 * outcome.wasted_share:.1f}",
        f"{outcome.busiest_mbps:.1f}",
        _number(outcome.latency_ms),
        _number(outcome.latency_worst_ms),
        _percent(outcome.below_40_share),
        _percent(outcome.below_20_share),
        _percent(outcome.browsing_kept_share),
    )


def format_page(
    outcomes: Sequence[Outcome], findings: Sequence[Finding], unjudged: Sequence[str], run: Provenance
) -> str:
    """The whole page."""
    broken = sum(not finding.ok for finding in findings)
    verdict = f"{broken} of {len(findings)} claims do not hold." if broken else "Every claim holds."
    waiting = (
        markup.section("Not judged", "The machine did not keep time at these evenings: they say nothing.",
                       markup.bullets(map(text, unjudged), "gaps"))
        if unjudged
        else ""
    )  # fmt: skip
    rows = [(text(each.scenario.name), *map(text, row(each))) for each in outcomes]
    style = "good" if not broken else "bad"
    body = (
        "<h1>A crowd of sessions on one access point, with and without admission</h1>"
        f'<p class="verdict {style}">{verdict}</p>'
        '<p class="lead">Real packets through the real shaper: HTB classes that come and go as sessions do, in network '
        "namespaces. Clients have five sessions in a row, conferences at 1.5 Mbit/s and streams at 4.5, and browse at "
        f"50 kbit/s. A minute of the evening lasts {run.minute_s:g} s here; rates, packets and queues are as they are. "
        "The wishes are synthetic, and one evening each: intervals over seeds are the fluid model's, in the papers' "
        "report.</p>"
        f"{waiting}"
        + markup.section("What they show", "", _findings(findings))
        + markup.section("Evenings", "Satisfied: 95 % of the rate over the whole session, and for conferences 95 % of "
                         "the packets less than 40 ms behind the one before. Wasted: bytes delivered to sessions that "
                         "were not satisfied. Worst: the mean of the session that had the worst. Others: refused "
                         "sessions go on regardless.",
                         markup.table(("evening", *map(text, HEAD)), rows, numeric=tuple(range(5, 14))))
        + markup.section("Charts", "", f'<div class="plots">{"".join(map(_plot, plots(outcomes)))}</div>')
        + markup.section("Whether the machine kept time", "Sender and receiver are one process each, ahead of ordinary "
                         "ones where the kernel lets them. What comes is stamped by the kernel.", _fitness(outcomes))
        + markup.section("What is not played", "", markup.bullets(map(text, NOT_PLAYED), "gaps"))
    )  # fmt: skip
    page = TEMPLATE.read_text(encoding="utf-8").replace("</style>", STYLE.read_text("utf-8") + "</style>", 1)
    page = page.replace("<span>report</span>", "<span>admission</span>", 1)
    footer = (
        f"Made by {run.command} in {run.took_s:.0f} s, version {run.version}, on {run.machine}, {run.began}."
    )
    return Template(page).substitute(
        title="A crowd of sessions, with and without admission", body=body, footer=text(footer)
    )


NOT_PLAYED = (
    "The radio: the air is a rate and a queue of 1,000 packets. What 802.11g carries of one sender, 30.5 Mbit/s, is "
    "Bianchi's model; collisions, distances and retries, which make jitter on a real channel, are not there.\n"
    "The uplink: all flows go towards the clients.\n"
    "Applications that adapt: every sender keeps its rate, as iPerf does over UDP.\n"
    "fq_codel, CAKE, and a DRR of the kernel's own, where the kernel has none of them. In turns is how HTB lends: by "
    "deficit round robin to classes without floors."
).splitlines()


def plots(outcomes: Sequence[Outcome]) -> list[Plot]:
    """Of the evenings that there are: throughput, latency, distances between packets."""
    named = {outcome.scenario.name: outcome for outcome in outcomes}
    shown = [named[name] for name in SHOWN if name in named]
    scheduled = [named[name] for name in SCHEDULED if name in named]
    drawn: list[Plot] = []
    if shown:
        asked = tuple((float(n), each.asked_mbps) for n, each in enumerate(shown[0].by_minute))
        drawn.append(Plot("Delivered", "minute of the evening", "Mbit/s", (
            *(Series(each.scenario.name, delivered(each)) for each in shown),
            Series("asked for, without incentives", asked, is_theirs=True),
        ), y_low=0.0))  # fmt: skip
        drawn.append(latency_plot("How long real-time packets took", shown))
        drawn.append(distance_plot("Distances between packets of conferences", shown))
    if scheduled:
        drawn.append(latency_plot("The same beside refused sessions that go on", scheduled))
        drawn.append(distance_plot("Distances between packets beside them", scheduled))
    return [plot for plot in drawn if any(series.points for series in plot.series)]


def delivered(outcome: Outcome) -> tuple[tuple[float, float], ...]:
    """Mbit/s by minute."""
    return tuple((float(n), each.delivered_mbps) for n, each in enumerate(outcome.by_minute))


def latency_plot(title: str, outcomes: Sequence[Outcome]) -> Plot:
    """Mean latency of conferences by minute, logarithmic: 10 us and less are 10 us."""
    return Plot(title, "minute of the evening", "ms", tuple(
        Series(each.scenario.name, tuple(
            (float(n), max(0.01, minute.latency_ms))
            for n, minute in enumerate(each.by_minute) if minute.latency_ms is not None
        ))
        for each in outcomes
    ), log_y=True)  # fmt: skip


def distance_plot(title: str, outcomes: Sequence[Outcome]) -> Plot:
    """The distribution of distances."""
    return Plot(title, "ms", "% of packets that are nearer", tuple(
        Series(each.scenario.name, tuple((at, 100 * share) for at, share in each.distances)) for each in outcomes
    ), log_x=True, marks=((40.0, "40 ms"),), y_low=0.0, y_high=105.0)  # fmt: skip


def _plot(plot: Plot) -> str:
    drawn = markup.figure(plot.title, "", lambda width: draw(plot, width), markup.WIDE_PX)
    entries = [
        (f"l-{style}", "asked for" if style == THEIRS else series.name)
        for series, style in zip(plot.series, styles_of(plot), strict=True)
    ]
    return drawn.replace("</figure>", markup.legend(*entries) + "</figure>")


def _findings(findings: Sequence[Finding]) -> str:
    rows = [
        (
            f'<span class="tag {"good" if each.ok else "bad"}">{"holds" if each.ok else "does not hold"}</span>',
            text(each.promise),
            text(each.seen),
        )
        for each in findings
    ]
    return markup.table(("", "claim", "seen"), rows)


def _fitness(outcomes: Sequence[Outcome]) -> str:
    rows = [
        (
            text(each.scenario.name),
            f"{each.late_p99_ms:.1f}",
            f"{each.late_most_ms:.1f}",
            "yes" if each.real_time else "no",
            f"{each.sender_processor_s:.1f}",
            f"{each.receiver_processor_s:.1f}",
            f"{each.changes:,}",
            f"{each.change_most_ms:.1f}",
            f"{each.load:.1f}",
        )
        for each in outcomes
    ]
    head = ("evening", "late, 99 %, ms", "latest, ms", "ahead of others", "sender, s", "receiver, s",
            "changes of the tree", "longest, ms", "load")  # fmt: skip
    return markup.table(head, rows, numeric=(1, 2, 4, 5, 6, 7, 8))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"
