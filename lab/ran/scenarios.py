"""What the cell is put through: links that get worse, more wishes than PRBs; a full cell is lab/ran/full_cell.py.

Each scenario is a function of sizes and a seed, and returns what was seen as values: windows, rates, instants. Who
judges them is the benchmark, who draws them the page.
Units: seconds of the cell, bit/s of IP, PRBs.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.ran.cell_model import Carrier, Cell
from lab.ran.closed_loop import ClosedLoop, delivered_bits, new_loop
from lab.ran.fading import FadingSettings
from lab.ran.sources import full_buffer, steady

KEPT = 0.95
"""A window counts as kept at so much of the floor."""
WINDOW_S = 1.0
CEIL = 1.25
"""Of a floor: the box lets no more through, as it shapes what it hands to the cell, and a buyer is sent as much."""
DROP_FLOORS_BPS = (1_000_000, 1_400_000, 2_000_000, 2_800_000)
"""Different, so that bytes tell whose UE is whose: what is tried is the loop. A full cell has equal ones, too."""
REPORT_S = 0.1
WARM_UP_S = 3.0
SETTLE_S = 15.0
"""UEs are found in some seconds; a share begins with what an unknown link might need, and comes down slowly."""


@dataclass(frozen=True, slots=True)
class Point:
    """A slot's slice in one report period."""

    at_s: float
    rate_bps: float
    min_prb: int
    max_prb: int
    snr_db: float


def make_guest(cell: Cell, rnti: int) -> None:
    """It goes on in the gNB's default slice."""
    ue = cell.ues[rnti]
    for each in cell.slices:
        each.ues = [known for known in each.ues if known is not ue]
    cell.slices[0].ues.append(ue)


def _run(loop: ClosedLoop, seconds: float, report_s: float) -> None:
    for _ in range(round(seconds / report_s)):
        loop.step(report_s)


def _watch(loop: ClosedLoop, seconds: int, report_s: float, sold: Sequence[int]) -> list[float]:
    """What each of these got in each second."""
    rates: list[float] = []
    for _ in range(round(seconds / WINDOW_S)):
        start = delivered_bits(loop.cell.ues.values())
        _run(loop, WINDOW_S, report_s)
        end = delivered_bits(loop.cell.ues.values())
        rates += [(end[rnti] - start[rnti]) / WINDOW_S for rnti in sold]
    return rates


def point_of(cell: Cell, rnti: int, before_bits: int, report_s: float) -> Point:
    """Now, with what came since `before_bits` had come."""
    ue = cell.ues[rnti]
    held = cell.find_slice(ue.slice_name)
    assert held is not None
    rate_bps = (ue.tally.delivered_bits - before_bits) / report_s
    return Point(cell.now_s, rate_bps, held.min_prb, held.max_prb, ue.snr_db)


# ---- A link gets worse


@dataclass(frozen=True, slots=True)
class Drop:
    """A link that became worse at `at_s`. `short_s` is when the last report period below the floor ended, `bad_s` when
    the last whole second below it did; both since the drop, 0 if there was none, no later than `looked_s`.
    """

    rnti: int
    at_s: float
    floor_bps: int
    looked_s: float
    short_s: float
    bad_s: float
    points: tuple[Point, ...]


def drops(
    seed: int,
    *,
    drop_db: float = 6.0,
    buyers: int = len(DROP_FLOORS_BPS),
    look_s: float = 5.0,
    fading: FadingSettings | None = None,
    report_s: float = REPORT_S,
    frozen: bool = False,
    told: bool = False,
) -> list[Drop]:
    """One buyer after the other loses `drop_db` at once, in a cell that others keep full. Nobody may have much more
    than his floor, or what he has beyond it would hide the drop.
    """
    chance = random.Random(seed)
    cell = Cell(Carrier(), seed)
    for rnti in range(1, buyers + 1):
        cell.add_slice((1, rnti), 0, cell.carrier.prbs)
        arrivals = steady(CEIL * DROP_FLOORS_BPS[rnti - 1], seed * 1_000 + rnti)
        cell.add_ue(rnti, (1, rnti), chance.uniform(16, 22), fading or FadingSettings(), arrivals)
    for rnti in range(buyers + 1, buyers + 7):
        cell.add_ue(rnti, None, chance.uniform(8, 24), FadingSettings(), full_buffer())
    loop = new_loop(cell, told=told)
    loop.step(report_s)
    for rnti in range(1, buyers + 1):
        floor_bps = DROP_FLOORS_BPS[rnti - 1]
        assert loop.sell(rnti, floor_bps, round(CEIL * floor_bps)) == ""
    _run(loop, SETTLE_S, report_s)
    loop.frozen = frozen
    return [_drop(loop, rnti, drop_db, look_s, report_s) for rnti in range(1, buyers + 1)]


def _drop(loop: ClosedLoop, rnti: int, drop_db: float, look_s: float, report_s: float) -> Drop:
    """The second before is looked at too, so that a picture shows what there was."""
    floor_bps = DROP_FLOORS_BPS[rnti - 1]
    points = [*_points(loop, rnti, WINDOW_S, report_s)]
    at_s = loop.cell.now_s
    loop.cell.ues[rnti].channel.mean_snr_db -= drop_db
    after = [*_points(loop, rnti, look_s, report_s)]
    low_s = [point.at_s - at_s for point in after if point.rate_bps < KEPT * floor_bps]
    return Drop(
        rnti,
        at_s,
        floor_bps,
        look_s,
        short_s=max(low_s, default=0.0),
        bad_s=_bad_s(after, floor_bps, report_s),
        points=(*points, *after),
    )


def _points(loop: ClosedLoop, rnti: int, seconds: float, report_s: float) -> Iterator[Point]:
    for _ in range(round(seconds / report_s)):
        before = loop.cell.ues[rnti].tally.delivered_bits
        loop.step(report_s)
        yield point_of(loop.cell, rnti, before, report_s)


def _bad_s(after: Sequence[Point], floor_bps: int, report_s: float) -> float:
    """The end of the last window of a second that is not kept, counted from the drop."""
    length, last_s = round(WINDOW_S / report_s), 0.0
    for start in range(len(after) - length + 1):
        window = after[start : start + length]
        if sum(point.rate_bps for point in window) / length < KEPT * floor_bps:
            last_s = (start + length) * report_s
    return last_s


# ---- A full shop


@dataclass(frozen=True, slots=True)
class FullShop:
    """Buyers who come until the cell is sold, and what the first refusal said."""

    admitted: int
    refusal: str
    kept_share: float
    floor_bps: int


def full_shop(
    seed: int, *, seconds: int = 10, floor_bps: int = 2_000_000, report_s: float = REPORT_S
) -> FullShop:
    """Everybody wants the same; who does not fit is told, and nobody who is in suffers."""
    chance = random.Random(seed)
    cell = Cell(Carrier(), seed)
    for rnti in range(1, 31):
        cell.add_slice((1, rnti), 0, cell.carrier.prbs)
        arrivals = steady(CEIL * floor_bps, seed * 1_000 + rnti)
        cell.add_ue(rnti, (1, rnti), chance.uniform(12, 24), FadingSettings(), arrivals)
    loop = new_loop(cell)
    loop.step(report_s)
    sold: list[int] = []
    refusal = ""
    for rnti in cell.ues:
        refused = loop.sell(rnti, floor_bps, round(CEIL * floor_bps))
        refusal = refusal or refused
        if refused:
            make_guest(cell, rnti)
        else:
            sold.append(rnti)
    assert refusal
    _run(loop, WARM_UP_S, report_s)
    for rnti in loop.refused.keys() & sold:  # by their own links they did not fit
        sold.remove(rnti)
        make_guest(cell, rnti)
    rates = _watch(loop, seconds, report_s, sold)
    kept = sum(rate >= KEPT * floor_bps for rate in rates) / len(rates)
    return FullShop(len(sold), refusal, kept, floor_bps)
