"""The page of a run of the cellular laboratory: what was promised of a cell, whether it held, and what it looked like.

From a `LabRun` to text; charts are lab/charts.py's, the frame is that of the demo's report.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from string import Template

from lab import markup
from lab.charts import Band, Era, Line, Words, distribution_chart, line_chart
from lab.markup import WHOLE_PX, WIDE_PX, bullets, format_axis_rate, format_seconds, percentile, text
from lab.ran.full_cell import Floor, FullCell
from lab.ran.lab_run import Claim, LabRun, claims, kept_share, others_share
from lab.ran.late_joiner import Acquisition
from lab.ran.scenarios import KEPT, Drop, Point
from lab.ran.session_waste import FAIR, Admission, Waste
from wire.units import format_rate

TEMPLATE = Path(__file__).parents[1] / "report_page.html"
MADE_BY = (
    "Made by make lab-ran, from seeds: the same run gives the same page. The numbers are in result.json."
)
HEIGHT_PX = 230

ABOUT = """A model of one small cell (20 MHz, 51 resource blocks, fading links) behind a gNB’s own words: our
controller reads its metrics and asks for shares, as it would of srsRAN Project or OCUDU. A gNB gives shares of resource
blocks; what was sold is bits per second. The loop between the two is what is tried here."""
ABOUT_FLOORS = """Twenty UEs at distances ask for half as much again as the cell carries. Ten of them come one by one
to buy a floor, register again in their slots, and ask for more than it all the time, of which the box lets 1.25 times
through. Two of them are at the edge of the cell, at 0 to 5 dB. Nobody tells the loop which UE of the gNB’s metrics is
whose: it sees who comes there and in the core’s list, compares bytes, and pauses a doubtful slot for a moment.
Whose link is known to be too bad is refused; of the others each second counts from the moment in which the floor was in
force, and the one in which it was said not to fit after all is missed."""
ABOUT_DROPS = """A buyer’s link loses 6 dB at once: the same resource blocks carry a quarter to a third less. Nobody may
have much more than his floor here, as what he has beyond it would hide the drop."""
ABOUT_WASTE = """Twelve resource blocks, calls and streams that come by chance. A session that stands still for too long
has failed, and all that was spent on it was wasted. The paper’s admission lets a session in while the sum of bit rates
stays below a careful forecast; ours sells it a slice while resource blocks last. Figure 4.1 of the session paper has
47 % without and about 5 % with admission. The kinds of sessions and their rates are the paper’s; its traces are not
public, so shares, arrivals, durations and patience are chosen here, and the load is on the axis. Curves are with
proportional fairness, the table has MAX C/I too. With a slice each, far fewer blocks are in use: one block of twelve
is the smallest share, and a lone UE in a slice with a minimum gets that minimum in a slot and no more."""
ABOUT_JOINERS = """A device that switches on anywhere in the cycle, every fifth segment lost, one segment every 160 ms.
The bound is the time in which the cell sends each segment once."""
WAYS = (
    ("everybody comes in", "second", Admission.NONE),
    ("the paper’s admission", "offered", Admission.FORECAST),
    ("a slice for each session", "delivered", Admission.SLICES),
)


def format_page(run: LabRun, machine: str, lasted_s: float) -> str:
    """The whole page as text."""
    judged = claims(run)
    wrong = sum(not claim.held for claim in judged)
    verdict = "every promise held" if not wrong else f"{wrong} of {len(judged)} promises did not hold"
    sections = (
        _opening(judged, verdict, machine, lasted_s),
        _tiles(run),
        _floors(run),
        _drops(run),
        _waste(run.waste),
        _joiners(run.joiners),
    )
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=f"Airgrant in a cell: {verdict}", body="\n".join(sections), footer=text(MADE_BY)
    )


def _opening(judged: Sequence[Claim], verdict: str, machine: str, lasted_s: float) -> str:
    held = all(claim.held for claim in judged)
    style, sign = ("good", "✓") if held else ("bad", "✗")
    rows = [
        (
            text(claim.what),
            text(claim.seen),
            '<span class="tag good">✓ held</span>'
            if claim.held
            else '<span class="tag bad">✗ did not hold</span>',
        )
        for claim in judged
    ]
    headline = "Floors in bits per second, kept with shares of resource blocks"
    return (
        f'<header><p class="verdict {style}"><span aria-hidden="true">{sign}</span> {text(verdict)}</p>'
        f'<h1>{headline if held else "This run did not keep every promise"}</h1><p class="lead">{ABOUT}</p>'
        f"{bullets((text(machine), f'{lasted_s:.0f} s of computing'), 'facts')}</header><br>"
        f"{markup.section('What was promised', '', markup.table(('Promise', 'Seen', ''), rows))}"
    )


def _tiles(run: LabRun) -> str:
    load = _headline_load(run.waste)
    none, slices = (_waste_at(run.waste, load, each) for each in (Admission.NONE, Admission.SLICES))
    slowest = max(drop.short_s for drop in run.still_drops)
    shown = (
        (
            f"{kept_share(run.full):.2%}",
            f"of seconds at their floor in an overloaded cell; {kept_share(run.unsliced):.0%} without slices",
        ),
        (f"{slowest:.1f} <small>s</small>", "until the floor is back after 6 dB less, slowest"),
        (f"{others_share(run.full):.0%}", "of the cell’s capacity left to those who bought nothing"),
        (
            f"{none:.0%} → {slices:.1%}",
            f"of resource blocks wasted, without and with admission, at load {load:g}",
        ),
    )
    tiles = "".join(f'<li class="tile"><b>{value}</b><span>{what}</span></li>' for value, what in shown)
    return f'<ul class="tiles">{tiles}</ul>'


# ---- Floors


def _floors(run: LabRun) -> str:
    first = run.full[0]
    moving = sorted(first.floors, key=_unrest, reverse=True)[:2]
    figures = [_floor_figure(floor) for floor in moving]
    figures.append(_windows_figure(run))
    figures.append(_others_figure(first))
    legend = markup.legend(
        ("l-delivered", "delivered, or with slices"),
        ("l-second", "resource blocks given as minimum, or without slices"),
        ("l-offered", "the loop is told which UE is whose"),
        ("box l-band", "the floor, and what may come beyond it"),
    )
    rows = [
        (
            str(run_.seed),
            str(floor.who),
            format_rate(floor.floor_bps),
            format_rate(round(sum(floor.window_bps) / len(floor.window_bps))),
            f"{min(floor.window_bps) / floor.floor_bps:.0%}",
            f"{floor.kept} of {len(floor.window_bps)}{', ended and owed' if floor.owed else ''}",
        )
        for run_ in run.full
        for floor in run_.floors
    ]
    head = ("Cell", "Buyer", "Floor", "Delivered", "Worst second", "Seconds kept")
    table = markup.table(head, rows, numeric=(0, 1, 2, 3, 4, 5))
    return markup.section(
        "Floors in a full cell",
        ABOUT_FLOORS,
        f'<div class="plots">{"".join(figures)}</div>{legend}',
        ("Buyers as a table", table),
    )


def _unrest(floor: Floor) -> float:
    """How much a buyer's share moved: the busiest make the best pictures."""
    shares = [point.min_prb for point in floor.points]
    return float(max(shares, default=0) - min(shares, default=0))


def _floor_figure(floor: Floor) -> str:
    points = _every_half_second(floor.points)
    begin, end = floor.points[0].at_s, floor.points[-1].at_s
    highest = max(point.rate_bps for point in points) * 1.25
    most_prb = 1.6 * max(1, *(point.min_prb for point in points))
    scale = highest / most_prb
    lines = [
        Line(
            "share",
            "second",
            tuple((p.at_s, p.min_prb * scale) for p in points),
            lambda y: f"{y / scale:.0f} PRB",
        ),
        Line("delivered", "delivered", tuple((p.at_s, p.rate_bps) for p in points), _rate),
    ]
    band = Band(
        "band", begin, end, floor.floor_bps, 1.25 * floor.floor_bps, f"floor {format_rate(floor.floor_bps)}"
    )
    shares = [point.min_prb for point in floor.points]
    words = Words(
        f"Buyer {floor.who}",
        f"Floor {format_rate(floor.floor_bps)}; {floor.kept} of {len(floor.window_bps)} seconds kept; the share moved "
        f"between {min(shares)} and {max(shares)} resource blocks.",
        format_seconds,
        format_axis_rate,
    )
    return markup.figure(
        f"Buyer {floor.who}, floor {format_rate(floor.floor_bps)}",
        f"half-second means; share between {min(shares)} and {max(shares)} PRBs",
        _chart(lines, [band], words, highest),
        WIDE_PX,
    )


def _windows_figure(run: LabRun) -> str:
    samples = [
        ("with slices", "delivered", _window_shares(run.full)),
        ("told", "offered", _window_shares(run.told)),
        ("without", "second", _window_shares(run.unsliced)),
    ]
    words = Words(
        "Seconds by what they delivered",
        f"{kept_share(run.full):.2%} with slices, {kept_share(run.told):.2%} if the loop is told which UE is whose, "
        f"{kept_share(run.unsliced):.0%} without slices, reach {KEPT:.0%} of a floor.",
        "{:g} %".format,
        "{:.0%}".format,
    )
    return markup.figure(
        "All seconds of all buyers",
        "share of seconds that delivered no more than so much of their floor",
        lambda width: distribution_chart(samples, words, width=width, height=HEIGHT_PX, limit=(95.0, "95 %")),
        WIDE_PX,
    )


def _window_shares(runs: Sequence[FullCell]) -> list[float]:
    return [100 * rate / floor.floor_bps for run in runs for floor in run.floors for rate in floor.window_bps]


def _others_figure(run: FullCell) -> str:
    sold = run.sold_bps
    lines = [
        Line("sold", "second", tuple(enumerate(sold, start=1)), _rate),
        Line("best effort", "delivered", tuple(enumerate(run.others_bps, start=1)), _rate),
    ]
    highest = 1.25 * max([*sold, *run.others_bps])
    words = Words(
        "Who got what",
        f"Buyers {format_rate(round(sum(sold) / len(sold)))} together, all others "
        f"{format_rate(round(sum(run.others_bps) / len(run.others_bps)))}; {run.used_share:.1%} of the PRBs were used.",
        format_seconds,
        format_axis_rate,
    )
    return markup.figure(
        "Who got what",
        f"buyers together (orange) and best effort together (blue); {run.used_share:.1%} of all PRBs in use",
        _chart(lines, [], words, highest),
        WIDE_PX,
    )


# ---- Drops


def _drops(run: LabRun) -> str:
    worst = max(range(len(run.still_drops)), key=lambda index: run.still_drops[index].short_s)
    figures = [
        _drop_figure("With the loop", run.still_drops[worst]),
        _drop_figure("With the share that it had", run.fixed_drops[worst]),
        _drop_figure("With the loop, and fading", max(run.fading_drops, key=_bad), fading=True),
        _back_figure(run),
    ]
    legend = markup.legend(
        ("l-delivered", "delivered"),
        ("l-second", "resource blocks given as minimum"),
        ("box l-band", "within 5 % of the floor"),
    )
    return markup.section(
        "A link gets worse", ABOUT_DROPS, f'<div class="plots">{"".join(figures)}</div>{legend}'
    )


def _drop_figure(name: str, drop: Drop, *, fading: bool = False) -> str:
    shares = [point.min_prb for point in drop.points]
    ends = (
        f"a second below the floor until {drop.bad_s:.1f} s"
        if fading
        else f"below the floor until {drop.short_s:.1f} s"
    )
    sub = f"6 dB less at 0 s; {shares[0]} PRBs before, {shares[-1]} at the end; {ends}"
    draw = _rate_and_share(name, drop.points, drop.at_s, drop.floor_bps, (), sub)
    return markup.figure(name, sub, draw, WIDE_PX)


def _rate_and_share(
    name: str, points: Sequence[Point], zero_s: float, floor_bps: int, eras: tuple[Era, ...], described: str
) -> Callable[[int], str]:
    highest = 1.2 * max(point.rate_bps for point in points)
    scale = highest / (1.5 * max(1, *(point.min_prb for point in points)))
    lines = [
        Line(
            "share",
            "second",
            tuple((p.at_s - zero_s, p.min_prb * scale) for p in points),
            lambda y: f"{y / scale:.0f} PRB",
        ),
        Line("delivered", "delivered", tuple((p.at_s - zero_s, p.rate_bps) for p in points), _rate),
    ]
    begin, end = points[0].at_s - zero_s, points[-1].at_s - zero_s
    band = Band("band", begin, end, KEPT * floor_bps, floor_bps / KEPT, f"floor {format_rate(floor_bps)}")
    return _chart(lines, [band], Words(name, described, format_seconds, format_axis_rate, eras), highest)


def _bad(drop: Drop) -> float:
    return drop.bad_s


def _back_figure(run: LabRun) -> str:
    samples = [
        ("with the loop", "delivered", [max(drop.short_s, 0.05) for drop in run.still_drops]),
        ("share fixed", "second", [max(drop.short_s, 0.05) for drop in run.fixed_drops]),
    ]
    words = Words(
        "Until the floor is back",
        f"Slowest with the loop: {max(samples[0][2]):.1f} s; the fixed share was looked at for "
        f"{run.fixed_drops[0].looked_s:g} s.",
        "{:g} s".format,
        "{:.0%}".format,
    )
    return markup.figure(
        "Until the floor is back",
        "share of drops over within the time; orange: the share stays as it was",
        lambda width: distribution_chart(
            samples, words, width=width, height=HEIGHT_PX, limit=(2.0, "goal 2 s")
        ),
        WIDE_PX,
    )


# ---- Waste and late joiners


def _waste(seen: Sequence[Waste]) -> str:
    shares, used = (
        [
            Line(
                name,
                style,
                tuple(
                    (each.load, 100 * pick(each))
                    for each in seen
                    if each.admission is way and each.fairness == FAIR
                ),
                "{:.1f} %".format,
            )
            for name, style, way in WAYS
        ]
        for pick in (_wasted, _used)
    )
    rows = [
        (
            f"{each.load:g}",
            text(each.admission.value),
            "fair" if each.fairness else "MAX C/I",
            f"{each.wasted_share:.1%}",
            f"{each.used_share:.0%}",
            str(each.completed),
            str(each.failed),
            str(each.refused),
        )
        for each in seen
    ]
    head = ("Load", "Let in", "Served", "Wasted", "PRBs in use", "Completed", "Failed", "Refused")
    table = markup.table(head, rows, numeric=(0, 3, 4, 5, 6, 7))
    described = "; ".join(f"load {row[0]} {row[1]}, {row[2]}: {row[3]} wasted" for row in rows)
    highest = 1.2 * max([60.0, *(100 * each.wasted_share for each in seen)])
    figures = (
        markup.figure(
            "Wasted",
            "resource blocks spent on sessions that failed, by offered load",
            _chart(shares, [], Words("Wasted", described, "{:g}".format, "{:.0f} %".format), highest),
            WIDE_PX,
        ),
        markup.figure(
            "In use",
            "resource blocks in use, by offered load",
            _chart(used, [], Words("In use", described, "{:g}".format, "{:.0f} %".format), 110.0),
            WIDE_PX,
        ),
    )
    legend = markup.legend(*((f"l-{style}", name) for name, style, _ in WAYS))
    return markup.section(
        "Sessions that fail",
        ABOUT_WASTE,
        f'<div class="plots">{"".join(figures)}</div>{legend}',
        ("As a table", table),
    )


def _wasted(each: Waste) -> float:
    return each.wasted_share


def _used(each: Waste) -> float:
    return each.used_share


def _headline_load(seen: Sequence[Waste]) -> float:
    """Where most is wasted without admission."""
    return max(
        (each for each in seen if each.admission is Admission.NONE and each.fairness == FAIR), key=_wasted
    ).load


def _waste_at(seen: Sequence[Waste], load: float, admission: Admission) -> float:
    return next(
        each.wasted_share
        for each in seen
        if each.load == load and each.admission is admission and each.fairness == FAIR
    )


def _joiners(found: Sequence[Acquisition]) -> str:
    rows = [
        (
            text(each.carriage),
            str(each.content_bytes),
            str(each.segments),
            f"{each.bound_ms / 1000:.2f} s",
            f"{each.wait_ms(0.5) / 1000:.2f} s",
            f"{each.wait_ms(0.9) / 1000:.2f} s",
            f"{each.wait_ms(0.99) / 1000:.2f} s",
            f"{each.within_bound:.0%}",
        )
        for each in found
    ]
    head = (
        "Carriage",
        "Bytes",
        "Segments",
        "Each sent once",
        "Half waited",
        "90 %",
        "99 %",
        "Within the bound",
    )
    table = markup.table(head, rows, numeric=tuple(range(1, 8)))
    few, many = (pick(found, key=lambda each: each.segments) for pick in (min, max))
    samples = [
        (f"{each.carriage}: {each.segments}", style, [wait / 1000 for wait in each.waits_ms])
        for each, style in ((few, "delivered"), (many, "second"))
    ]
    words = Words(
        "Late joiners",
        "; ".join(
            f"{name} segments: half within {percentile(waits, 0.5):.2f} s" for name, _, waits in samples
        ),
        "{:g} s".format,
        "{:.0%}".format,
    )
    drawn = markup.figure(
        "How long the offer takes",
        f"share of joiners who had it within the time: {text(few.carriage)} (blue), {text(many.carriage)} (orange)",
        lambda width: distribution_chart(samples, words, width=width, height=HEIGHT_PX),
        WHOLE_PX,
        whole=True,
    )
    return markup.section("Late joiners", ABOUT_JOINERS, f'<div class="plots">{drawn}</div>{table}')


# ---- Drawing


def _chart(lines: Sequence[Line], bands: Sequence[Band], words: Words, y_high: float) -> Callable[[int], str]:
    def draw(width: int) -> str:
        return line_chart(lines, bands, words, width=width, height=HEIGHT_PX, y_high=y_high)

    return draw


def _every_half_second(points: Sequence[Point]) -> list[Point]:
    """Means of five reports: a tenth of a second is a noisy thing to look at."""
    grouped = [points[start : start + 5] for start in range(0, len(points) - 4, 5)]
    return [
        Point(
            group[-1].at_s,
            sum(p.rate_bps for p in group) / 5,
            group[-1].min_prb,
            group[-1].max_prb,
            group[-1].snr_db,
        )
        for group in grouped
    ]


def _rate(bps: float) -> str:
    return format_rate(round(bps))
