"""What `make lab-auction` leaves: result.json for scripts, and a page for people that needs nothing from outside.

Pure: what was seen comes in, text goes out. Times are seconds since the first clearing.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from html import escape

from lab.auction.cast import BIDDERS, OPEN_S, RESERVE_UBC, SLOTS, STATIONS, UNIT, UNITS, Due
from lab.auction.verdict import BidSeen, Books, Served, dues
from lab.charts import Band, Era, Line, Words, line_chart
from lab.playing import Finding
from wire.units import PPM, format_money, format_rate

CHART_PX, LANE_PX = 960, 120
UNIT_PX = 34
_LEFT_PX = 60
_PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Minutes by auction</title>
<style>
:root {{ --ink: #1a1a1a; --soft: #5b6470; --page: #fff; --rule: #8884; --ada: #1d5fd0; --ben: #b8520a; --cem: #12704a;
  --eve: #7a4fb5; --finn: #7a8494; --band: #d9efe6; --band-edge: #4f9f82; --free: #eef1f5; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6e6e6; --soft: #a9b3c1; --page: #161616; --ada: #7fb0ff;
  --ben: #f0a35e; --cem: #63d3a2; --eve: #c0a1ee; --finn: #98a1af; --band: #17372d; --band-edge: #3f8f73;
  --free: #232932; }} }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem;
  color: var(--ink); background: var(--page); }}
h2 {{ margin-top: 2.2rem; }} h3 {{ margin: 1.1rem 0 .2rem; font-size: 1rem; }}
p.soft, small {{ color: var(--soft); }} small {{ font-weight: 400; }}
table {{ border-collapse: collapse; width: 100%; margin: 1rem 0; display: block; overflow-x: auto; }}
th, td {{ text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--rule);
  vertical-align: top; }}
td.n, th.n {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.held {{ color: #17692f; }} .broken {{ color: #b3261e; font-weight: bold; }}
@media (prefers-color-scheme: dark) {{ .held {{ color: #6fcf8f; }} .broken {{ color: #ff8a80; }} }}
.wide {{ overflow-x: auto; }} svg {{ width: 100%; min-width: 40rem; height: auto; display: block; }}
svg text {{ fill: var(--soft); font: 12px system-ui, sans-serif; }}
svg .on {{ fill: #fff; font-weight: 600; }} @media (prefers-color-scheme: dark) {{ svg .on {{ fill: #161616; }} }}
svg .free {{ fill: var(--free); }} svg .grid {{ stroke: var(--rule); }} svg .axis {{ stroke: var(--soft); }}
svg .band {{ fill: var(--band); }} svg .band-edge {{ stroke: var(--band-edge); }}
svg .era {{ fill: var(--free); opacity: .8; }} svg .line {{ fill: none; stroke-width: 2; stroke-linejoin: round; }}
svg .ada {{ stroke: var(--ada); }} svg .ben {{ stroke: var(--ben); }} svg .cem {{ stroke: var(--cem); }}
svg .eve {{ stroke: var(--eve); }} svg .finn {{ stroke: var(--finn); }}
svg rect.ada {{ fill: var(--ada); stroke: none; }} svg rect.ben {{ fill: var(--ben); stroke: none; }}
svg rect.cem {{ fill: var(--cem); stroke: none; }} svg rect.eve {{ fill: var(--eve); stroke: none; }}
</style></head><body>
<h1>Minutes by auction</h1>
<p>An access point has {units} units of {unit} to sell. Every {slot_s} seconds it holds an auction of what it forecasts
to be free in the next {slots} slots; devices seal bids and send them through the access point; the operator's clearing
house finds the set of bids that is worth most together, and every winner pays what the others lose by him.
{verdict}</p>
<p class="soft">Ledger, clearing house, broker, access point, shaper and devices are the real programs, devices by the
command <code>airgrant bid</code>. What is not here is the radio: cables and a shared limit stand for it. Everybody
pushes all the time, in both directions, whether he has paid or not; Finn never pays.</p>
<h2>What was sold</h2>{grid}
<p class="soft">A column is a slot, a row a unit. Each winner's block is his share, with what he paid for it. The least
price is {reserve} for a unit and slot.</p>
<h2>Bids</h2>{bids}
<p class="soft">A winner pays the least with which he would have won, whatever he bid: what the others lose by him. So
it is best to bid what it is worth. The last column is the same by trying every set of bids.</p>
<h2>What everybody got</h2>
<p class="soft">Towards each station, counted by its own kernel. The green field is what was sold, from the floor, which
is guaranteed, to the ceiling; outside of it nothing may come through. Seconds since the first clearing; grey: bids are
taken.</p>{lanes}
<h2>Winners</h2>{served}
<h2>Promises</h2>{promises}
<h2>What happened</h2>{events}
</body></html>
"""


@dataclass(frozen=True, slots=True)
class Lane:
    """One station: what came to it, by time."""

    name: str
    points: tuple[tuple[float, float], ...]
    """(seconds, bits per second towards it)"""


@dataclass(frozen=True, slots=True)
class Moment:
    """What happened, and when."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is drawn beside the account."""

    lanes: tuple[Lane, ...]
    moments: tuple[Moment, ...]


def format_result(books: Books, findings: Sequence[Finding], drawn: Drawn) -> str:
    """JSON: `ok`, and everything that the page shows."""
    value = {
        "ok": all(finding.ok for finding in findings),
        "slot_s": books.slot_s,
        "promises": [asdict(one) for one in findings],
        "bids": [
            {**asdict(seen), "due": {"won": due.won, "pays_ubc": due.pays_ubc, "out": due.out}}
            for seen, due in dues(books)
        ],
        "auctions": [asdict(one) for one in books.auctions],
        "served": [{**asdict(one), "of_floor_ppm": _of_floor_ppm(one)} for one in books.served],
        "away": None if books.away is None else asdict(books.away),
        "quiet": [asdict(one) for one in books.quiet],
        "slots": [asdict(one) for one in books.slots],
        "balances_ubc": books.balances,
        "meter": asdict(books.meter),
        "moments": [asdict(one) for one in drawn.moments],
    }
    return json.dumps(value, indent=2) + "\n"


def format_page(books: Books, findings: Sequence[Finding], drawn: Drawn) -> str:
    broken = sum(not finding.ok for finding in findings)
    return _PAGE.format(
        verdict=f"<strong>{broken} promises are broken.</strong>" if broken else "Every promise held.",
        units=UNITS,
        unit=f"{format_rate(UNIT.floor_down_bps)} down and {format_rate(UNIT.floor_up_bps)} up",
        slot_s=books.slot_s,
        slots=SLOTS,
        reserve=format_money(RESERVE_UBC),
        grid=_grid(books),
        bids=_table(
            ("auction", "who", "wanted", "bid", "came to", "paid", "by every set of bids"),
            (_bid_row(books, seen, due) for seen, due in dues(books)),
        ),
        lanes="".join(_lane(books, lane) for lane in drawn.lanes),
        served=_table(
            (
                "who",
                "in after",
                "measured for",
                "floor down",
                "had down",
                "floor up",
                "had up",
                "of the floor",
            ),
            (_served_row(one) for one in books.served),
        ),
        promises=_table(("", "promise", "seen"), ((_mark(one), one.promise, one.seen) for one in findings)),
        events=_table(("s", "what"), ((f"{one.at_s:.1f}", one.text) for one in drawn.moments)),
    )


# ---- Tables


def _bid_row(books: Books, seen: BidSeen, due: Due) -> tuple[object, ...]:
    bid = seen.bid
    wanted = f"{bid.units} units for {bid.slots * books.slot_s} s"
    reason = "" if seen.won else seen.reason
    if seen.wins_above_ubc is not None:
        reason += f": more than {format_money(seen.wins_above_ubc)} would have won"
    elif not seen.won and not seen.clearing_s:
        reason += ": told before anything was signed"
    is_due = f"wins, {format_money(due.pays_ubc)}" if due.won else due.out or "loses"
    paid = format_money(seen.paid_ubc) if seen.won else ""
    worth = format_money(bid.worth_ubc)
    return seen.round + 1, bid.bidder, wanted, worth, "won" if seen.won else reason, paid, is_due


def _served_row(one: Served) -> tuple[object, ...]:
    return (
        one.bidder,
        f"{one.in_after_s:.1f} s",
        f"{one.measured_s:.0f} s",
        format_rate(one.floor_down_bps),
        _mbit(one.down_bps),
        format_rate(one.floor_up_bps),
        _mbit(one.up_bps),
        f"{_of_floor_ppm(one) / 10_000:.1f} %",
    )


def _of_floor_ppm(one: Served) -> int:
    return min(one.down_bps * PPM // one.floor_down_bps, one.up_bps * PPM // one.floor_up_bps)


def _mbit(bps: float) -> str:
    return f"{bps / 1e6:.2f} Mbit/s"


def _mark(finding: Finding) -> str:
    return "held" if finding.ok else "broken"


_NUMBERS = {
    "bid",
    "paid",
    "in after",
    "measured for",
    "floor down",
    "had down",
    "floor up",
    "had up",
    "of the floor",
    "s",
}


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    style = [' class="n"' if head in _NUMBERS else "" for head in heads]
    head = "".join(f"<th{one}>{escape(name)}</th>" for one, name in zip(style, heads, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f"<td{one}>{_cell(cell)}</td>" for one, cell in zip(style, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(cell: object) -> str:
    text = escape(str(cell))
    return f'<span class="{text}">{text}</span>' if text in {"held", "broken"} else text


# ---- Drawings


def _grid(books: Books) -> str:
    """Slots and units, and whose they were. Blocks are laid from the ground up, the longest first."""
    first_s = books.auctions[0].clearing_s
    shares = [one for one in books.bids if one.won]
    count = (
        max(round((one.clearing_s - first_s) / books.slot_s) + one.bid.slots for one in shares)
        if shares
        else 1
    )
    count = max(count, len(books.auctions))
    wide = (CHART_PX - _LEFT_PX) / count
    high = UNITS * UNIT_PX
    parts = [f'<rect class="free" x="{_LEFT_PX}" y="0" width="{CHART_PX - _LEFT_PX}" height="{high}"/>']
    parts += [
        f'<text x="{_LEFT_PX - 8}" y="{high - (number - 0.5) * UNIT_PX + 4:.0f}" text-anchor="end">{number}</text>'
        for number in range(1, UNITS + 1)
    ]
    taken = [0] * count
    for one in sorted(shares, key=lambda one: (-one.bid.slots, one.clearing_s)):
        from_slot = round((one.clearing_s - first_s) / books.slot_s)
        base = max(taken[from_slot : from_slot + one.bid.slots])
        taken[from_slot : from_slot + one.bid.slots] = [base + one.bid.units] * one.bid.slots
        parts += _block(one, _LEFT_PX + from_slot * wide, high - (base + one.bid.units) * UNIT_PX, wide)
    for number in range(count):
        x = _LEFT_PX + number * wide
        from_s, to_s = number * books.slot_s, (number + 1) * books.slot_s
        label = f"auction {number + 1}: " if number < len(books.auctions) else ""
        parts.append(f'<line class="grid" x1="{x:.0f}" x2="{x:.0f}" y1="0" y2="{high + 8}"/>')
        parts.append(f'<text x="{x + 6:.0f}" y="{high + 18}">{label}{from_s} to {to_s} s</text>')
    title = "Units that were sold in each slot, by winner"
    size = f'viewBox="0 0 {CHART_PX} {high + 26}"'
    return f'<div class="wide"><svg {size} role="img" aria-label="{title}">{"".join(parts)}</svg></div>'


def _block(one: BidSeen, x: float, y: float, wide: float) -> list[str]:
    width, height = wide * one.bid.slots - 4, one.bid.units * UNIT_PX - 4
    text = f"{one.bid.bidder}: {one.bid.units} units, {format_money(one.paid_ubc)}"
    place = f'x="{x + 2:.1f}" y="{y + 2:.1f}" width="{width:.1f}" height="{height:.1f}" rx="5"'
    return [
        f'<rect class="{escape(one.bid.bidder)}" {place}/>',
        f'<text class="on" x="{x + 14:.1f}" y="{y + height / 2 + 6:.1f}">{escape(text)}</text>',
    ]


def _lane(books: Books, lane: Lane) -> str:
    first_s = books.auctions[0].clearing_s
    shares = [one for one in books.bids if one.won and one.bid.bidder == lane.name]
    bands = [
        Band(
            "band",
            one.clearing_s - first_s,
            one.clearing_s - first_s + one.bid.slots * books.slot_s,
            one.bid.units * UNIT.floor_down_bps,
            one.bid.units * UNIT.ceil_down_bps,
        )
        for one in shares
    ]
    eras = tuple(
        Era(one.clearing_s - first_s - OPEN_S, one.clearing_s - first_s - 2, f"auction {number + 1}")
        for number, one in enumerate(books.auctions)
    )
    words = Words(
        lane.name, "Rate towards the station", lambda s: f"{s:.0f} s", lambda bps: f"{bps / 1e6:g} M", eras
    )
    line = Line(lane.name, lane.name, lane.points, _mbit)
    high = max([2e6, *(band.high * 1.1 for band in bands)])
    chart = line_chart([line], bands, words, width=CHART_PX, height=LANE_PX, y_high=high)
    words_on_it = escape(_lane_words(books, lane.name))
    return f'<h3>{escape(lane.name)} <small>{words_on_it}</small></h3><div class="wide">{chart}</div>'


def _lane_words(books: Books, name: str) -> str:
    if name not in BIDDERS:
        return "never pays"
    said = [
        f"auction {one.round + 1}: " + (f"won, paid {format_money(one.paid_ubc)}" if one.won else one.reason)
        for one in books.bids
        if one.bid.bidder == name
    ]
    return "; ".join(said)


assert set(BIDDERS) < set(STATIONS), "every bidder is a station"
