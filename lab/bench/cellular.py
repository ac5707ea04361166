"""The cellular path: floors kept in a model of a cell, requests to a gNB, codecs, what it all weighs.

The cell is lab/ran/cell_model.py, in its own time and from seeds, so that these figures are the same on each machine;
requests go over a real socket to a gNB without a radio in a process of its own, and codecs run beside pycrate.
"""

from __future__ import annotations

import compileall
import importlib
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lab.bench.cellular_requests import PERIOD_S, measure_requests
from lab.bench.result import Against, Figure
from lab.percentile import percentile
from lab.ran.fading import STATIC, FadingSettings
from lab.ran.full_cell import FULL, LOBBY, ORDINARY, RETURNING, FullCell, Scene, full_cell
from lab.ran.gnb_file import new_state, slots_of
from lab.ran.gnb_process import FIRST_RNTI, new_cell
from lab.ran.lab_run import (
    begun_share,
    kept_each_s,
    kept_share,
    others_share,
    owed,
    pauses_each_minute,
    refused,
    weak_share,
)
from lab.ran.restarts import restarts
from lab.ran.scenarios import drops
from lab.ran.session_waste import FAIR, MAX_CI, Admission, Waste, run_sessions
from wire.errors import ShellError

Progress = Callable[[str], None]

ROOT = Path(__file__).resolve().parents[2]
SEEDS = (1, 2, 3)
FULL_S, ASIDE_S = 60, 30
"""How long the cells of the figure with the goal are looked at, and those beside it."""
KEPT_GOAL_PERCENT, BACK_GOAL_S, ROUND_TRIP_GOAL_MS, IMPORT_GOAL_MB, WASTE_GOAL_PERCENT = 99, 2, 10, 3, 5
AWAY_S = (0.0, 0.5, 1.0, 2.0)
WASTE_S, WASTE_SEEDS = 240, (1, 2, 3, 4)
PAPER_WASTE_PERCENT, WASTE_BAND_POINTS, USED_GOAL_PERCENT = 47, 8, 90
"""Figure 4.1: 47 % without admission, below 5 % with it, "preserving nearly full utilization"."""
HARD = FadingSettings(paths=2, coherence_s=0.1, shadow_db=5.0, shadow_memory_s=3.0)
"""A narrow channel behind corners: fades of ten decibels that last."""
CODECS: Final = ("lab.bench.cellular_codecs", "lab.bench.cellular_nas", "lab.bench.cellular_purchase")
IMPORT_ROUNDS = 5
DAEMON = "apd.__main__ apd.daemon apd.core apd.config"
GNB = "ran_slicing.gnb_config ran_slicing.cell ran_slicing.websocket"
CELL = f"{GNB} ran_slicing.core ran_slicing.http2_client ran_slicing.mongo apd.cell apd.cell_places apd.shells.cell"
"""What the daemon imports with a section [cell], a core included."""
SIGNALLING = (
    "nas_tunnel.eap_box nas_tunnel.pco_desk nas_tunnel.nas_5gs nas_tunnel.eps_nas nas_tunnel.lte_sib nas_tunnel.nr_sib "
    "nas_tunnel.segments nas_tunnel.cell_offer"
)
"""What speaks with devices before they are let in; of the codecs the daemon loads none."""
IN_NAS = "apd.signalling apd.sib apd.shells.signalling"
"""What the daemon imports with a section [cell.signalling]."""


def run(progress: Progress) -> list[Figure]:
    """All figures, in the order of the goals."""
    return [
        *floors(progress),
        *worse_links(progress),
        *requests(progress),
        *codecs(progress),
        *import_cost(progress),
        *waste(progress),
    ]


# ---- Floors


def floors(
    progress: Progress, seconds: int = FULL_S, aside_s: int = ASIDE_S, seeds: Sequence[int] = SEEDS
) -> Iterator[Figure]:
    """Twenty UEs, fading, half as much load again as the cell carries; buyers come as they do to the daemon."""

    def play(scene: Scene, *, told: bool = False, long: bool = False) -> list[FullCell]:
        return [full_cell(seed, scene, seconds=seconds if long else aside_s, told=told) for seed in seeds]

    progress(f"{len(seeds)} full cells of twenty UEs, {seconds} s of each after all have come")
    sliced = play(FULL, long=True)
    progress("the same, if the loop is told which UE is whose")
    told = play(FULL, told=True, long=True)
    progress("the same without slices")
    plain = play(Scene(sliced=False))
    yield _kept(
        f"seconds in which a sold floor was kept to 95 %, from the moment in which it is in force "
        f"({sum(each.windows for each in sliced):,} seconds of {sum(len(each.floors) for each in sliced)} buyers, "
        f"150 % load)",
        sliced,
        KEPT_GOAL_PERCENT,
        Against("the same UEs without slices", 100 * kept_share(plain)),
    )
    yield from _beside_who_knows(sliced, told)
    yield from _of_the_cell(sliced, plain)
    progress("the same, if all buyers come in one moment")
    together = play(Scene(together=True))
    yield _kept(
        "kept if all buyers come in one moment: nobody is known by coming", together, KEPT_GOAL_PERCENT
    )
    progress("an ordinary load")
    ordinary = play(ORDINARY, long=True)
    yield _kept(
        "kept beside sixteen UEs that each get what a buyer is sent; his RNTI is another every 30 s, no list tells",
        ordinary,
        KEPT_GOAL_PERCENT,
    )
    yield _wrong("the same: seconds of slots in which somebody else's UE was taken for the buyer's", ordinary)
    progress("buyers who go idle")
    returning = play(RETURNING, long=True)
    yield _kept(
        "kept if each buyer's UE goes idle and comes back with a new RNTI every 30 s",
        returning,
        KEPT_GOAL_PERCENT,
    )
    yield Figure(
        "the same: pauses of a paid slot in a minute",
        pauses_each_minute(returning),
        "1/min",
        None,
        "lower",
        Against("UEs that stay", pauses_each_minute(sliced)),
    )
    yield _wrong(
        "the same: seconds of slots in which somebody else's UE was taken for a returning one", returning
    )
    progress("buyers who download in the lobby")
    lobby = play(LOBBY)
    yield _kept(
        "kept if each buyer downloads 3 Mbit/s in the lobby until he registers", lobby, KEPT_GOAL_PERCENT
    )
    yield Figure(
        f"the same: of {sum(each.asked for each in lobby)} buyers those refused, or ended and owed",
        refused(lobby) + owed(lobby),
        "buyers",
        None,
        "lower",
        Against("buyers who are silent there", refused(sliced) + owed(sliced)),
    )
    yield Figure(
        "the same: seconds of slots in which a UE was taken to be in them while still in the lobby",
        sum(each.early_s for each in lobby),
        "s",
        0,
        "lower",
    )
    yield _wrong(
        "such seconds of somebody else's UE in the full cells, those in one moment and these included",
        [*sliced, *together, *lobby],
    )
    progress("the same with deep fades, and with the gNB's usual report period")
    hard = full_cell(1, Scene(fading=HARD), seconds=aside_s)
    yield _kept("kept if links fade by ten decibels, one cell", [hard])
    yield _kept("kept with a report each second, one cell", [full_cell(1, seconds=aside_s, report_s=1.0)])


def _beside_who_knows(sliced: Sequence[FullCell], told: Sequence[FullCell]) -> Iterator[Figure]:
    """Of the same buyers, also those who were refused: what they would have if the loop knew whose UE is whose."""
    oracle, asked = "the loop is told which UE is whose", sum(each.asked for each in sliced)
    for what, count in (
        (f"of {asked} buyers who asked those refused before they paid", refused),
        ("of them those who paid and were ended, and are owed it", owed),
    ):
        yield Figure(what, count(sliced), "buyers", None, "lower", Against(oracle, count(told)))
    yield Figure(
        "kept seconds of each buyer who asked, the refused included",
        kept_each_s(sliced),
        "s",
        None,
        "higher",
        Against(oracle, kept_each_s(told)),
    )
    for what, share in (
        ("floors whose very first second was kept", begun_share),
        ("kept seconds of buyers at the cell's edge, 0 to 5 dB, who paid", weak_share),
    ):
        yield Figure(what, 100 * share(sliced), "%", None, "higher", Against(oracle, 100 * share(told)))


def _of_the_cell(sliced: Sequence[FullCell], plain: Sequence[FullCell]) -> Iterator[Figure]:
    floors = [floor for each in sliced for floor in each.floors]
    yield Figure(
        "from a floor in force until its UE is found, p95 (never: until the end)",
        percentile(
            [len(floor.window_bps) if floor.joined_s is None else floor.joined_s for floor in floors], 0.95
        ),
        "s",
        None,
        "lower",
    )
    yield Figure("the worst second of all, of its floor", 100 * min(each.worst for each in sliced), "%")
    yield Figure("resource blocks in use", 100 * min(each.used_share for each in sliced), "%")
    yield Figure(
        "best effort gets the rest: of what the cell carries",
        100 * others_share(sliced),
        "%",
        None,
        "higher",
        Against("the same UEs without slices", 100 * others_share(plain)),
    )
    yield Figure(
        "requests to the gNB", statistics.mean(each.requests_per_s for each in sliced), "1/s", None, "lower"
    )


def _kept(
    what: str, runs: Sequence[FullCell], goal: float | None = None, against: Against | None = None
) -> Figure:
    return Figure(what, 100 * kept_share(runs), "%", goal, "higher", against)


def _wrong(what: str, runs: Sequence[FullCell]) -> Figure:
    return Figure(what, sum(each.wrong_s for each in runs), "s", 0, "lower")


def worse_links(progress: Progress, seeds: Sequence[int] = SEEDS) -> Iterator[Figure]:
    """A buyer's link loses 6 dB at once."""
    progress("links that lose 6 dB")
    still = [drop for seed in seeds for drop in drops(seed, fading=STATIC)]
    fixed = [drop for seed in seeds for drop in drops(seed, fading=STATIC, frozen=True)]
    moving, left = (
        [drop.bad_s for seed in seeds for drop in drops(seed, frozen=frozen)] for frozen in (False, True)
    )
    yield Figure(
        f"reconvergence after 6 dB less: last tenth of a second below the floor, slowest of {len(still)}",
        max(drop.short_s for drop in still),
        "s",
        BACK_GOAL_S,
        "lower",
        Against(
            f"the share left as it was, looked at for {fixed[0].looked_s:g} s", max(d.short_s for d in fixed)
        ),
    )
    yield Figure(
        "the same on fading links: end of the last second below the floor, p95",
        percentile(moving, 0.95),
        "s",
        BACK_GOAL_S,
        "lower",
        Against("the share left as it was", percentile(left, 0.95)),
    )


# ---- Requests


def requests(progress: Progress, count: int = 1_000) -> Iterator[Figure]:
    """Our client and a gNB of another process, over a real socket."""
    progress(f"{count:,} requests to a gNB that runs a cell meanwhile")
    with gnb_process(
        "--slots", "4", "--others", "8", "--still", "--period-ms", f"{1_000 * PERIOD_S:.0f}"
    ) as port:
        seen = measure_requests("127.0.0.1", port, count)
    milliseconds = [1e3 * value for value in seen.round_trips_s]
    yield Figure(
        "slice change: request to answer, p99",
        percentile(milliseconds, 0.99),
        "ms",
        ROUND_TRIP_GOAL_MS,
        "lower",
    )
    yield Figure("slice change: request to answer, p50", percentile(milliseconds, 0.5), "ms", None, "lower")
    yield Figure(
        "slice change: request to confirmed effect (metrics each 100 ms show the rate), p50",
        1e3 * percentile(seen.effects_s, 0.5),
        "ms",
        None,
        "lower",
    )
    yield Figure("the same, slowest", 1e3 * max(seen.effects_s), "ms", None, "lower")
    progress("a gNB that restarts")
    slots = slots_of(8)
    sales = [(slot, FIRST_RNTI + index, 1_000_000) for index, slot in enumerate(slots)]
    back = restarts(new_state(slots), lambda: new_cell(8, 4), sales, AWAY_S)
    yield Figure(
        f"a gNB that restarted and forgot everything: until {len(sales)} floors stand again, slowest of {len(back)}",
        max(each.back_s for each in back),
        "s",
        None,
        "lower",
    )


@contextmanager
def gnb_process(*options: str) -> Iterator[int]:
    """A gNB without a radio in a process of its own; gives its port."""
    words = [sys.executable, "-m", "lab.ran.gnb_process", *options]
    child = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line.strip().isdigit():
            raise ShellError("lab.ran.gnb_process", f"said {line!r} instead of its port")
        yield int(line)
    finally:
        child.kill()
        child.communicate()


# ---- Codecs and weight


def codecs(progress: Progress) -> Iterator[Figure]:
    """Rows of the other files: broadcasts with their late joiners, NAS, and purchases in it."""
    for name in CODECS:
        yield from importlib.import_module(name).run(progress)


def import_cost(progress: Progress) -> Iterator[Figure]:
    """Resident memory of the daemon's modules with and without what is cellular, medians of fresh processes."""
    progress("resident memory of imports")
    for package in (
        "apd",
        "nas_tunnel",
        "ran_slicing",
        "tc_shaper",
        "wire",
    ):  # as installed: with their bytecode
        compileall.compile_dir(ROOT / package, quiet=1)
    sets = {
        "": DAEMON,
        "gNB": f"{DAEMON} {GNB}",
        "cell": f"{DAEMON} {CELL}",
        "nas": f"{DAEMON} {CELL} {IN_NAS}",
        "all": f"{DAEMON} {CELL} {IN_NAS} {SIGNALLING}",
    }
    seen = {
        name: statistics.median(resident_mb(names) for _ in range(IMPORT_ROUNDS))
        for name, names in sets.items()
    }
    theirs = resident_mb(f"{DAEMON} pycrate_mobile.NAS pycrate_asn1dir.RRCNR pycrate_asn1dir.RRCLTE")
    beside = Against("pycrate's NAS and RRC", theirs - seen[""])
    yield Figure(
        "import cost over the daemon without cellular: all that it loads with a section [cell], gNB and core",
        seen["cell"] - seen[""],
        "MB",
        IMPORT_GOAL_MB,
        "lower",
    )
    yield Figure("of it without a core", seen["gNB"] - seen[""], "MB", None, "lower")
    yield Figure(
        "the same with a section [cell.signalling], which others do not load",
        seen["nas"] - seen[""],
        "MB",
        None,
        "lower",
    )
    yield Figure(
        "the same with everything that is spoken before a device is let in (NAS, EAP, broadcasts)",
        seen["all"] - seen[""],
        "MB",
        None,
        "lower",
        beside,
    )
    yield Figure("the daemon's modules without them", seen[""], "MB", None, "lower")


def resident_mb(modules: str) -> float:
    """VmRSS of a fresh Python that imported these."""
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmRSS')))"
    )
    words = [sys.executable, "-c", code, *modules.split()]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if said.returncode:
        raise ShellError("import", said.stderr.strip()[-300:])
    return int(said.stdout) * 1_024 / 1e6


# ---- Waste


def waste(progress: Progress, seconds: int = WASTE_S, seeds: Sequence[int] = WASTE_SEEDS) -> Iterator[Figure]:
    """After figure 4.1 of the session paper: its blocks, users, kinds of sessions and admission; the rest is chosen."""
    for fairness, name in ((MAX_CI, "MAX C/I, as in the paper"), (FAIR, "proportional fair")):
        progress(f"sessions that come by chance, {seconds} s of {len(seeds)} cells, {name}")
        free, careful, by_blocks = (
            [run_sessions(seed, admission=way, seconds=seconds, fairness=fairness) for seed in seeds]
            for way in (Admission.NONE, Admission.FORECAST, Admission.BLOCKS)
        )
        wasted = _wasted_percent(free)
        yield Figure(
            f"blocks spent on sessions that fail, everybody let in, {name}",
            wasted,
            "%",
            None,
            "lower",
            Against("the paper", PAPER_WASTE_PERCENT),
        )
        yield Figure(
            "how far that is from the paper's",
            abs(wasted - PAPER_WASTE_PERCENT),
            "points",
            WASTE_BAND_POINTS,
            "lower",
        )
        yield from _admission(careful, free, f"admission by bit rates as in the paper, {name}")
        yield from _admission(by_blocks, free, f"admission by blocks of each user's own link, {name}")
    progress("the same with a slice for each session")
    free, sliced = (
        [run_sessions(seed, admission=way, seconds=seconds) for seed in seeds]
        for way in (Admission.NONE, Admission.SLICES)
    )
    yield from _admission(sliced, free, "a slice for each session")


def _admission(runs: Sequence[Waste], free: Sequence[Waste], name: str) -> Iterator[Figure]:
    """Refusing everybody wastes nothing: so a way of admission is also held to what it makes of the cell."""
    yield Figure(
        f"blocks spent on sessions that fail, {name}",
        _wasted_percent(runs),
        "%",
        WASTE_GOAL_PERCENT,
        "lower",
        Against("everybody let in", _wasted_percent(free)),
    )
    yield Figure(
        f"blocks in use, {name}",
        100 * statistics.mean(each.used_share for each in runs),
        "%",
        USED_GOAL_PERCENT,
        "higher",
        Against("everybody let in", 100 * statistics.mean(each.used_share for each in free)),
    )
    completed = statistics.mean(each.completed for each in free)
    yield Figure(
        f"sessions that completed, {name}",
        statistics.mean(each.completed for each in runs),
        "sessions",
        completed,
        "higher",
        Against("everybody let in", completed),
    )


def _wasted_percent(runs: Sequence[Waste]) -> float:
    return 100 * statistics.mean(each.wasted_share for each in runs)
