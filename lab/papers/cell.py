"""003 4.3, sessions in an LTE cell with and without admission: figures 4.1 and 4.3, in lab/ran's model of a cell.

The paper's traces and simulator are not here. What was chosen in their place, and how much hangs on it, is in
docs/cell-lab.md; kinds of sessions, bit rates, twelve blocks and twenty users are the paper's.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from lab.papers.exhibit import Chosen, Effort, Finding, Findings, Plot, Rows, Series, Verdict, judged
from lab.papers.spread import spread
from lab.ran.session_waste import FAIR, MAX_CI, Admission, Waste, run_sessions

WAYS = (Admission.NONE, Admission.FORECAST, Admission.BLOCKS)
NAMES = {
    Admission.NONE: "everybody let in",
    Admission.FORECAST: "by bit rates (the paper's)",
    Admission.BLOCKS: "by blocks of each link (ours)",
}
_SEE = ("lab/ran/session_waste.py", "docs/cell-lab.md")
CHOSEN = (
    Chosen(
        "load", "3 times 4 Mbit/s", "the trace is private; the cell has to be crowded for anything to fail"
    ),
    Chosen(
        "forecast of admission",
        "5 Mbit/s",
        '10 Mbit/s "for example", of a cell that carries 9.0 at its best (U11)',
    ),
    Chosen("durations, distances, patience", "lab/ran/session_waste.py, Chosen", "none are given"),
)
Runs = Mapping[tuple[float, Admission], Sequence[Waste]]


def findings(effort: Effort) -> Findings:
    seconds = 100 if effort.quick else 240
    effort = Effort(1, quick=True) if effort.quick else effort
    runs = {
        (fairness, way): [
            run_sessions(seed, admission=way, seconds=seconds, fairness=fairness)
            for seed in range(effort.seeds)
        ]
        for fairness in ((FAIR,) if effort.quick else (FAIR, MAX_CI))
        for way in (WAYS if fairness == MAX_CI else WAYS[:2])
    }
    return {
        "003/figure-4.1": _waste(runs, effort),
        "003/figure-4.3": _failures(runs, effort),
    }


def _percent(found: Sequence[Waste], what: str) -> list[float]:
    return [100 * getattr(each, what) for each in found]


def _scheduler(fairness: float) -> str:
    return "proportional fair" if fairness == FAIR else "MAX C/I"


def _table(runs: Runs) -> Rows:
    rows = tuple(
        (
            _scheduler(fairness),
            NAMES[way],
            f"{spread(_percent(found, 'wasted_share')):.0f}",
            f"{spread(_percent(found, 'used_share')):.0f}",
            f"{spread([each.completed for each in found]):.1f}",
            f"{spread([each.failed for each in found]):.1f}",
            f"{spread([each.refused for each in found]):.1f}",
        )
        for (fairness, way), found in runs.items()
    )
    head = ("scheduler", "admission", "blocks wasted, %", "blocks used, %", "completed", "failed", "refused")
    return Rows("Mean over seeds, and the middle 90 %", head, rows)


def waste_verdict(none_percent: float, admitted_percent: float) -> tuple[Verdict, tuple[str, ...]]:
    """The bar: above 40 % of the blocks wasted without admission, below 5 % with it."""
    return judged(
        Verdict.SHAPE,
        {
            "above 40 % of the blocks wasted without admission": none_percent > 40,
            "below 5 % wasted with it": admitted_percent < 5,
        },
    )


def _waste(runs: Runs, effort: Effort) -> Finding:
    none, admitted = (spread(_percent(runs[FAIR, way], "wasted_share")) for way in WAYS[:2])
    first = [
        spread(_percent(runs[key], "wasted_share")) for way in WAYS[:2] if (key := (MAX_CI, way)) in runs
    ]
    best_first = " and ".join(f"{each:.0f} %" for each in first) or "not in a quick run"
    used = [spread(_percent(runs[FAIR, way], "used_share")) for way in WAYS[:2]]
    bad = [seed for seed, each in enumerate(runs[FAIR, Admission.FORECAST]) if each.wasted_share >= 0.05]
    points = [
        (float(number), spread(_percent(found, "wasted_share")))
        for number, found in enumerate(runs.values(), 1)
    ]
    verdict, missed = waste_verdict(none.mean, admitted.mean)
    return Finding(
        verdict,
        f"Under proportional fairness {none:.0f} % of the blocks go to sessions that fail, and {admitted:.0f} % "
        f"with the "
        f"paper's admission, with {used[0].mean:.0f} and {used[1].mean:.0f} % of the blocks in use. With the "
        f"best link first, "
        f"which the paper has: {best_first}.",
        "Theirs: 47 % and below 5 %. The numbers rest on a private trace. With the best link first a sum of bit "
        "rates says "
        "nothing about who gets blocks: waste remains, unless blocks are counted by each user's own link (ours).",
        calibrated=("load and forecast, so that the cell is crowded",),
        predicted=("that admission by bit rates wastes next to nothing under fairness, and not under MAX C/I",),
        failures=missed + tuple(f"proportional fair, admitted, seed {seed}: 5 % or more wasted" for seed in bad),
        plots=(
            Plot("Blocks wasted", "row of the table", "% of blocks spent", (
                Series("ours", tuple((x, each.mean) for x, each in points), tuple(each.low for _, each in points),
                       tuple(each.high for _, each in points), dots=True),
                Series("47 %", ((1.0, 47.0), (float(len(points)), 47.0)), is_theirs=True),
                Series("5 %", ((1.0, 5.0), (float(len(points)), 5.0)), is_theirs=True),
            ), y_low=0.0),
        ),
        tables=(_table(runs),),
        seeds=effort.seeds,
        chosen=CHOSEN,
        see=_SEE,
    )  # fmt: skip


def _failures(runs: Runs, effort: Effort) -> Finding:
    none, admitted = (
        spread([100 * each.failed / max(1, each.failed + each.completed) for each in runs[FAIR, way]])
        for way in WAYS[:2]
    )
    failed = [statistics.fmean(each.failed for each in runs[FAIR, way]) for way in WAYS[:2]]
    verdict, missed = judged(
        Verdict.SHAPE,
        {
            "a tenth as many fail, or fewer (theirs: 3 of 100)": failed[1] <= 0.1 * failed[0] > 0,
            "flows by bit rate, which the figure draws: not modelled": False,
        },
    )
    return Finding(
        verdict,
        f"Of the sessions that ended {none:.0f} % had failed without admission and {admitted:.0f} % with it "
        f"(proportional "
        "fair); the others were refused before they began.",
        "Theirs: 3 unsatisfied sessions beside 100, of a number that is not said. Bit rates of single flows are "
        "not kept by "
        "our model, so the histograms are not drawn.",
        predicted=("how many fail less",),
        failures=missed,
        tables=(_table(runs),),
        seeds=effort.seeds,
        chosen=CHOSEN,
        see=_SEE,
    )
