"""003 4.3, the second half: guarantees beside background traffic, encoding switches and three schedulers (4.2, 4.4).

Computed in lab/admission/cell_crowd.py's cell; the first half (4.1, 4.3) is cell.py's.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.admission.cell_crowd import DRAWN, SCHEDULERS, FlowGot, divide, draw, run_cell
from lab.papers.exhibit import Cell, Chosen, Effort, Finding, Findings, Plot, Rows, Series, Verdict, judged
from lab.ran.session_waste import APPLICATIONS, CHOSEN, MAX_CI, USERS

ADMITTED, OTHERS = 5, 11
CAREFUL_BPS, BOLD_BPS = 3_000_000, CHOSEN.forecast_bps
SECONDS, QUICK_SECONDS = 20.0, 6.0
CALL, VIDEO, MUSIC = (each.name for each in APPLICATIONS)
_SEE = ("lab/admission/cell_crowd.py", "lab/ran/cell_model.py", "docs/papers.md")
_CHOSEN = (
    Chosen("forecast of admission", f"{CAREFUL_BPS / 1e6:g} Mbit/s, and {BOLD_BPS / 1e6:g} beside it",
           '10 Mbit/s "for example", of a cell that carries 9.0 at its best (U11) and half of it on most links'),
    Chosen("deficit round robin", "proportional fairness with an exponent of 20",
           "who got least bits goes first, whatever his channel"),
    Chosen("players", "chunks of 2 s, 6 s ahead at most, down a rate with less than 1 s ahead", "none is given"),
    Chosen("seconds of the cell", f"{SECONDS:g} for each run", "sessions begin and end with it"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SeedRuns:
    """Of one seed: five admitted and eleven others; the admitted by (forecast, scheduler); everybody let in."""

    few: Sequence[FlowGot]
    full: Mapping[tuple[int, str], Sequence[FlowGot]]
    everybody: Sequence[FlowGot]


def findings(effort: Effort) -> Findings:
    """One seed and one forecast in a quick run."""
    seeds = 1 if effort.quick else effort.seeds
    runs = [
        run_seed(seed, QUICK_SECONDS, (CAREFUL_BPS,))
        if effort.quick
        else run_seed(seed, SECONDS, (CAREFUL_BPS, BOLD_BPS))
        for seed in range(seeds)
    ]
    return {"003/figure-4.2": _beside(runs), "003/figure-4.4": _schedulers(runs)}


def run_seed(seed: int, seconds: float, forecasts: Sequence[int]) -> SeedRuns:
    """The same users throughout."""
    wanted = draw(seed, DRAWN)
    few, rest = divide(wanted, BOLD_BPS, ADMITTED)
    others = [each for each in rest if each.application.name != MUSIC][:OTHERS]
    full: dict[tuple[int, str], Sequence[FlowGot]] = {}
    for forecast_bps in forecasts:
        admitted, refused = divide(wanted, forecast_bps, DRAWN)
        for name, fairness in SCHEDULERS.items():
            got = run_cell(seed, fairness, admitted, refused[:OTHERS], seconds)
            full[forecast_bps, name] = [each for each in got if each.admitted]
    return SeedRuns(
        run_cell(seed, MAX_CI, few, others, seconds),
        full,
        run_cell(seed, MAX_CI, [], wanted[:USERS], seconds),
    )


def beside_verdict(admitted: float, others: float) -> tuple[Verdict, tuple[str, ...]]:
    """Shares satisfied: theirs are 4 of 5 and 1 of 11."""
    return judged(
        Verdict.SHAPE,
        {
            "four of five admitted sessions succeed": admitted >= 0.8,
            f"most of the others fail (ours {1 - others:.0%}, theirs 10 of 11)": others < 0.5,
        },
    )


def _beside(runs: Sequence[SeedRuns]) -> Finding:
    mine = [_share(each for each in run.few if each.admitted) for run in runs]
    theirs = [_share(each for each in run.few if not each.admitted) for run in runs]
    verdict, missed = beside_verdict(statistics.fmean(mine), statistics.fmean(theirs))
    table = tuple(
        (seed, sum(each.satisfied for each in run.few if each.admitted),
         sum(each.admitted for each in run.few),
         sum(each.satisfied for each in run.few if not each.admitted),
         sum(not each.admitted for each in run.few))
        for seed, run in enumerate(runs)
    )  # fmt: skip
    return Finding(
        verdict,
        f"Of five admitted sessions {5 * statistics.fmean(mine):.1f} succeed, of eleven others "
        f"{11 * statistics.fmean(theirs):.1f}, with the best link first and the admitted before all others.",
        "What is guaranteed is kept. How many of the others succeed is a matter of load, of which theirs is said to be "
        "high; they succeed at the lowest rate of their service.",
        calibrated=("the others want video, so that the cell is congested",),
        predicted=("that the admitted keep their rates",),
        failures=missed,
        tables=(Rows("Satisfied", ("seed", "admitted, satisfied", "admitted", "others, satisfied", "others"), table),),
        seeds=len(runs),
        chosen=_CHOSEN,
        see=_SEE,
    )  # fmt: skip


def schedulers_verdict(
    served: Mapping[str, float], switching: float, without: float
) -> tuple[Verdict, tuple[str, ...]]:
    """`served`: shares of the admitted that were satisfied; then shares of video streams that switched."""
    return judged(
        Verdict.SHAPE,
        {
            f"(a) no admitted video stream switches (ours {switching:.0%})": switching < 0.005,
            f"(a) others do where everybody is let in (ours {without:.0%})": without > 0.1,
            "(b), (c) each scheduler serves 80 % of the admitted or more": min(served.values()) >= 0.8,
        },
    )


def _schedulers(runs: Sequence[SeedRuns]) -> Finding:
    keys = list(runs[0].full)
    served = {
        name: statistics.fmean(_share(run.full[forecast_bps, name]) for run in runs)
        for forecast_bps, name in keys
        if forecast_bps == CAREFUL_BPS
    }
    switching = _switching(each for run in runs for each in run.full[CAREFUL_BPS, "MAX C/I"])
    without = _switching(each for run in runs for each in run.everybody)
    verdict, missed = schedulers_verdict(served, switching, without)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (forecast_bps / 1e6, name, *(
            _percent(each for run in runs for each in run.full[forecast_bps, name] if each.application == kind.name)
            for kind in APPLICATIONS
        ), _percent(each for run in runs for each in run.full[forecast_bps, name]),
         f"{100 * _switching(each for run in runs for each in run.full[forecast_bps, name]):.0f}")
        for forecast_bps, name in keys
    )  # fmt: skip
    drawn = tuple(
        Series(f"{name}, {forecast_bps / 1e6:g} Mbit/s", tuple(
            (float(n), 100 * _share(
                each for run in runs for each in run.full[forecast_bps, name] if each.application == kind.name
            ))
            for n, kind in enumerate(APPLICATIONS, 1)
        ), dots=True)
        for forecast_bps, name in keys
    )  # fmt: skip
    head = ("forecast, Mbit/s", "scheduler", *(f"{kind.name}, %" for kind in APPLICATIONS), "all, %",
            "video streams that switch, %")  # fmt: skip
    kinds = ", ".join(f"{n} {each.name}" for n, each in enumerate(APPLICATIONS, 1))
    words = "; ".join(f"{name} {share:.0%}" for name, share in served.items())
    return Finding(
        verdict,
        f"Admitted up to {CAREFUL_BPS / 1e6:g} Mbit/s, beside {OTHERS} others, are satisfied: {words}. Of their video "
        f"streams {switching:.0%} switch (MAX C/I), of everybody's without admission {without:.0%}.",
        "As in the text, streams are served best by the best link first and calls by deficit round robin. All of it "
        "hangs on the forecast: with 5 Mbit/s, which this cell carries on good links only, calls fail by half.",
        calibrated=("a forecast at which most of what is admitted is served",),
        predicted=("which scheduler serves what best",),
        failures=missed,
        plots=(Plot("Admitted sessions satisfied", kinds, "%", drawn, y_low=0.0, y_high=105.0),),
        tables=(Rows("Admitted and satisfied, over all seeds", head, rows),),
        seeds=len(runs),
        chosen=_CHOSEN,
        see=_SEE,
    )  # fmt: skip


def _share(flows: Iterable[FlowGot]) -> float:
    """Of these, satisfied; all of none."""
    satisfied = [each.satisfied for each in flows]
    return sum(satisfied) / len(satisfied) if satisfied else 1.0


def _percent(flows: Iterable[FlowGot]) -> str:
    return f"{100 * _share(flows):.0f}"


def _switching(flows: Iterable[FlowGot]) -> float:
    """Of the video streams among these, those that changed their rate."""
    switched = [each.switches > 0 for each in flows if each.application == VIDEO]
    return sum(switched) / len(switched) if switched else 0.0
