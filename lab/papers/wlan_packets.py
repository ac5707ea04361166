"""003 4.4 as packets: evenings of lab/admission on the real shaper, and what figures 4.7 and 4.8 become by them.

One evening each, with seed 0, as they last; intervals over seeds are the fluid model's (wlan.py), whose evening of seed
0 is the same one. Nothing may compute beside it: chapters.py has it run alone. Outside of the sandbox nothing is
played, and the findings say so.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.admission.judge import DISTANCE_SHARE, LATENCY_INCENTIVE_MS, LATENCY_MS, left_out
from lab.admission.measuring import BEST_MS, KEPT_SHARE, REAL_TIME_MS, Outcome
from lab.admission.page import HEAD, delivered, distance_plot, latency_plot, row
from lab.admission.plan import QUEUE_PACKETS
from lab.admission.scenarios import (
    FLOORS_50,
    G_CROWD,
    PAPERS,
    PAPERS_MINUTE_S,
    QUICK_MINUTE_S,
    play_all,
    quick,
)
from lab.papers.exhibit import NOT_BUILT, Chosen, Effort, Finding, Plot, Rows, Series, Verdict, judged
from wire.errors import ConfigError, ShellError

SEE = ("lab/admission", "docs/papers.md")
QUICK_MINUTES = 16
ADMITTED = ("50-one-queue", "50-floors", "50-incentive", "75-clients-40-incentive")
"""On an air that carries what admission counts with."""
PACKETS_CHOSEN = (
    Chosen("a minute of the evening as packets", f"{PAPERS_MINUTE_S:g} s", "rates and queues are as they are"),
    Chosen("packets", "conferences 150 a second, streams of 1,250 octets, UDP, downlink", "iPerf, it says"),
    Chosen("the access point's queue", f"{QUEUE_PACKETS:,} packets", "Linux's default; theirs is not said"),
    Chosen("satisfied", f"{KEPT_SHARE:.0%} of the rate, and of the distances below {REAL_TIME_MS:g} ms",
           "the text has no share"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evenings:
    """What was played, by name. `fit`: at these the machine kept time; `late`: the others, of which `words` tells."""

    fit: Mapping[str, Outcome]
    words: str
    late: frozenset[str] = frozenset()

    def played(self, names: Sequence[str]) -> list[Outcome]:
        """Of these names; none at all if one of them is late: a part of the evenings is no answer."""
        return [] if self.late.intersection(names) else [self.fit[name] for name in names if name in self.fit]


def play_evenings(effort: Effort) -> Evenings:
    """Two minutes; two evenings of a dozen clients, some seconds each, in a quick run."""
    if not os.environ.get("AIRGRANT_SANDBOX"):
        return Evenings({}, "No packets were played: they need the sandbox (make papers has it).")
    scenarios = quick((G_CROWD, FLOORS_50), minutes=QUICK_MINUTES) if effort.quick else PAPERS
    minute_s = QUICK_MINUTE_S if effort.quick else PAPERS_MINUTE_S
    with tempfile.TemporaryDirectory() as folder:
        try:
            outcomes = play_all(scenarios, minute_s, Path(folder), lambda _: None)
        except (ShellError, ConfigError) as refusal:
            return Evenings({}, f"No packets were played: {refusal}.")
    fit = {each.scenario.name: each for each in outcomes if not each.unfit}
    unfit = "; ".join(left_out(outcomes))
    late_ms = max((each.late_p99_ms for each in fit.values()), default=0.0)
    size = f"{scenarios[0].clients} clients, one evening each"
    kept = f"Packets: {size}; 99 % left within {late_ms:.1f} ms of when they were due." if fit else ""
    missed = f" The machine did not keep time, so that these say nothing: {unfit}." if unfit else ""
    late = frozenset(each.scenario.name for each in outcomes if each.unfit)
    return Evenings(fit, f"{kept}{missed}".strip(), late)


def latency_verdict(
    admitted: Sequence[Outcome], eager: Sequence[Outcome], crowd: Outcome | None
) -> tuple[Verdict, tuple[str, ...]]:
    """`admitted` without incentives, `eager` with them. What the figure draws without admission is one of its parts."""
    if not admitted or not eager or crowd is None:
        return judged(Verdict.SHAPE, {"packets: not all of the evenings were played": False})
    above = 1 - (crowd.below_40_share or 0.0)
    return judged(
        Verdict.SHAPE,
        {
            "each admitted real-time session's mean latency is below 50 ms": _worst(admitted) < LATENCY_MS,
            "20 ms at most with incentives": _worst(eager) <= LATENCY_INCENTIVE_MS,
            "80 % of the packets within 40 ms with admission": all(
                (each.below_40_share or 0.0) >= DISTANCE_SHARE for each in admitted
            ),
            "80 % within 20 ms with incentives": all(
                (each.below_20_share or 0.0) >= DISTANCE_SHARE for each in eager
            ),
            f"80 % above 40 ms without admission (ours {above:.0%}: a queue alone does not do it)": above
            >= 0.8,
        },
    )


def latency_finding(evenings: Evenings) -> Finding:
    """Figure 4.7."""
    played = evenings.played(ADMITTED)
    admitted = [each for each in played if not each.scenario.incentive]
    eager = [each for each in played if each.scenario.incentive]
    crowd = evenings.fit.get("g-crowd")
    if not admitted:
        return _nothing(evenings)
    verdict, missed = latency_verdict(admitted, eager, crowd)
    with_them = f", {_worst(eager):.2f} ms with incentives" if eager else ""
    without = "" if crowd is None else (
        f" Without admission {1 - (crowd.below_40_share or 0):.0%} of the packets are 40 ms or more behind the one "
        f"before, and by RFC 3550, which iPerf reports, {1 - (crowd.jitter_below_40_share or 0):.0%} have such jitter."
    )  # fmt: skip
    return Finding(
        verdict,
        f"The worst admitted real-time session has a mean latency of {_worst(admitted):.2f} ms{with_them}; "
        f"{min(each.below_40_share or 0 for each in admitted):.1%} of the packets come within {REAL_TIME_MS:g} ms, "
        f"{min(each.below_20_share or 0 for each in played):.1%} within {BEST_MS:g} ms.{without}",
        "What is let in finds no queue, so that ours is far below their 25 to 50 ms: those are the radio's, which is "
        "not played. Nor is what makes jitter without admission: a full queue is late evenly. It takes collisions and "
        f"retries, or a capacity that changes. {evenings.words}",
        calibrated=("the air carries what admission counts with, as in the source",),
        predicted=("latency and distances, of real packets through the kernel",),
        failures=missed,
        plots=(
            latency_plot("Latency of real-time packets", _named(evenings, ("g-crowd", *ADMITTED))),
            distance_plot(
                "Distances between packets of conferences", _named(evenings, ("g-crowd", *ADMITTED))
            ),
        ),
        tables=evening_tables("One evening each", evenings),
        chosen=PACKETS_CHOSEN,
        see=SEE,
    )


def rates_verdict(admitted: Sequence[Outcome]) -> tuple[Verdict, tuple[str, ...]]:
    """Every admitted session, in every evening."""
    return judged(
        Verdict.SHAPE,
        {
            f"{each.scenario.name}: every admitted session at its rate (ours {each.satisfied} of {each.admitted})": (
                each.satisfied == each.admitted
            )
            for each in admitted
        },
    )


def rates_finding(evenings: Evenings) -> Finding:
    """Figure 4.8."""
    admitted = evenings.played(ADMITTED)
    if not admitted:
        return _nothing(evenings)
    verdict, missed = rates_verdict(admitted)
    satisfied, of = sum(each.satisfied for each in admitted), sum(each.admitted for each in admitted)
    others = evenings.fit.get("30-others-floors")
    beyond = evenings.fit.get("50-sold-of-g")
    more = "" if others is None else (
        f" Beside {others.refused} refused sessions that go on regardless, floors keep {others.satisfied} of "
        f"{others.admitted}."
    )  # fmt: skip
    more += (
        ""
        if beyond is None
        else (
            f" On an air that carries {beyond.scenario.air_mbps:.1f} (U11) {beyond.satisfied} of {beyond.admitted} do."
        )
    )
    return Finding(
        verdict,
        f"{satisfied} of {of} admitted sessions play at their rate from beginning to end.{more}",
        f"It holds as long as the air carries what admission counts with. {evenings.words}",
        calibrated=("the air carries what admission counts with, as in the source",),
        predicted=("that each session has its rate, of real packets through the kernel",),
        failures=missed,
        plots=(
            Plot("Admitted sessions by what they got", "rate asked for, Mbit/s", "got, Mbit/s", tuple(
                Series(each.scenario.name, tuple((one.rate_mbps, one.mean_mbps) for one in each.sessions), dots=True)
                for each in _named(evenings, (*ADMITTED, "50-sold-of-g"))
            ), y_low=0.0),
        ),
        tables=evening_tables("One evening each", evenings),
        chosen=PACKETS_CHOSEN,
        see=SEE,
    )  # fmt: skip


def evening_tables(title: str, evenings: Evenings, names: Sequence[str] = ()) -> tuple[Rows, ...]:
    """The lab's own table, of those named or of all; none of none."""
    outcomes = _named(evenings, names) if names else list(evenings.fit.values())
    rows = tuple((each.scenario.name, *row(each)) for each in outcomes)
    return (Rows(title, ("evening", *HEAD), rows),) if rows else ()


def packet_plots(
    evenings: Evenings, names: Sequence[str], *, delivered_only: bool = False
) -> tuple[Plot, ...]:
    """Throughput, and latency, of those that were played."""
    shown = _named(evenings, names)
    if not shown:
        return ()
    drawn = Plot("Packets delivered", "minute", "Mbit/s", tuple(
        Series(each.scenario.name, delivered(each)) for each in shown
    ), y_low=0.0)  # fmt: skip
    return (drawn,) if delivered_only else (drawn, latency_plot("Latency of real-time packets", shown))


def _named(evenings: Evenings, names: Sequence[str]) -> list[Outcome]:
    return [evenings.fit[name] for name in names if name in evenings.fit]


def _worst(outcomes: Sequence[Outcome]) -> float:
    return max((each.latency_worst_ms or 0.0 for each in outcomes), default=0.0)


def _nothing(evenings: Evenings) -> Finding:
    return Finding(Verdict.CANNOT, NOT_BUILT.ours, reason=evenings.words, see=SEE)
