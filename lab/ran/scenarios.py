"""What the cell is put through: floors sold in a full cell, links that get worse, a pause, more wishes than PRBs.

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
from lab.ran.sources import full_buffer, random_packets, steady
from lab.ran.transport_block import block_bits, mcs_at

KEPT = 0.95
"""A window counts as kept at so much of the floor."""
WINDOW_S = 1.0
FLOORS_BPS = (500_000, 1_000_000, 1_500_000, 2_000_000, 3_000_000)
DEMAND = 1.3
"""A buyer asks for so much more than his floor: without that, a floor is never tried."""
CEIL = 1.25
"""The box lets no more through than that, as it shapes what it hands to the cell."""
WEAK_DB = (0.0, 5.0)
WEAK_FLOORS_BPS = (500_000, 1_000_000)
"""The first buyers of a full cell are at its edge, and ask for little."""
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


@dataclass(frozen=True, slots=True)
class Floor:
    """One buyer: what he bought, what each second gave him, and how the loop moved his share."""

    rnti: int
    floor_bps: int
    window_bps: tuple[float, ...]
    points: tuple[Point, ...]
    mean_snr_db: float
    joined: bool
    """At the end the loop knew which UE of the metrics this is."""

    @property
    def is_weak(self) -> bool:
        """At the edge of the cell."""
        return self.mean_snr_db <= WEAK_DB[1]

    @property
    def kept(self) -> int:
        """How many windows reached the floor, as nearly as counts."""
        return sum(rate >= KEPT * self.floor_bps for rate in self.window_bps)


@dataclass(frozen=True, slots=True)
class FullCell:
    """A cell with more load than it carries. `others_bps` is what all who bought nothing got together, per window."""

    seed: int
    load: float
    capacity_bps: float
    floors: tuple[Floor, ...]
    refused: int
    others_bps: tuple[float, ...]
    used_share: float
    requests_per_s: float

    @property
    def windows(self) -> int:
        return sum(len(each.window_bps) for each in self.floors)

    @property
    def kept_share(self) -> float:
        """Of all windows of all buyers."""
        return sum(each.kept for each in self.floors) / max(1, self.windows)

    @property
    def worst(self) -> float:
        """The worst window, as a part of its floor."""
        return min(rate / each.floor_bps for each in self.floors for rate in each.window_bps)


def full_cell(
    seed: int,
    *,
    seconds: int = 60,
    ues: int = 20,
    buyers: int = 10,
    load: float = 1.5,
    report_s: float = REPORT_S,
    fading: FadingSettings | None = None,
    sliced: bool = True,
    weak: int = 2,
    told: bool = False,
) -> FullCell:
    """Twenty UEs at distances, half of them with a floor, half as much load again as the cell carries. Of the buyers
    `weak` are at its edge. `sliced` False: nothing is sold, everybody is in the gNB's default slice, and the same
    floors are only looked at. `told`: the loop is told whose RNTI is whose.
    """
    chance = random.Random(seed)
    cell, snrs_db = Cell(Carrier(), seed), [chance.uniform(8, 24) for _ in range(ues)]
    wanted = {rnti: chance.choice(FLOORS_BPS) for rnti in range(1, buyers + 1)}
    for rnti in range(1, weak + 1):
        snrs_db[rnti - 1], wanted[rnti] = chance.uniform(*WEAK_DB), chance.choice(WEAK_FLOORS_BPS)
    capacity_bps = _capacity_bps(cell.carrier, snrs_db)
    others = ues - buyers
    for rnti, snr_db in enumerate(snrs_db, start=1):
        if rnti <= buyers:
            cell.add_slice((1, rnti), 0, cell.carrier.prbs)
            arrivals = steady(wanted[rnti] * min(DEMAND, CEIL), seed * 1_000 + rnti)
        else:
            left_bps = load * capacity_bps - min(DEMAND, CEIL) * sum(wanted.values())
            arrivals = random_packets(max(left_bps / others, 100_000), seed * 1_000 + rnti)
        name = (1, rnti) if sliced and rnti <= buyers else None
        cell.add_ue(rnti, name, snr_db, fading or FadingSettings(), arrivals)
    loop = new_loop(cell, told=told)
    loop.step(report_s)
    sold = _sell_all(loop, wanted) if sliced else wanted
    _run(loop, WARM_UP_S, report_s)
    used, offered, asked = cell.used_prbs, cell.offered_prbs, loop.requests
    windows, others_bps, points = _watch(loop, seconds, report_s, sold)
    return FullCell(
        seed,
        load,
        capacity_bps,
        tuple(
            Floor(
                rnti,
                sold[rnti],
                tuple(windows[rnti]),
                tuple(points[rnti]),
                mean_snr_db=snrs_db[rnti - 1],
                joined=rnti in loop.state.joined.slot_of,
            )
            for rnti in sold
        ),
        refused=buyers - len(sold),
        others_bps=tuple(others_bps),
        used_share=(cell.used_prbs - used) / (cell.offered_prbs - offered),
        requests_per_s=(loop.requests - asked) / seconds,
    )


def _sell_all(loop: ClosedLoop, wanted: dict[int, int]) -> dict[int, int]:
    """Whom the cell still has room for; the others go on in the gNB's default slice, as guests."""
    sold = {}
    for rnti, floor_bps in wanted.items():
        if loop.sell(rnti, floor_bps, round(CEIL * floor_bps)) is None:
            sold[rnti] = floor_bps
        else:
            _make_guest(loop.cell, rnti)
    return sold


def _make_guest(cell: Cell, rnti: int) -> None:
    ue = cell.ues[rnti]
    for each in cell.slices:
        each.ues = [known for known in each.ues if known is not ue]
    cell.slices[0].ues.append(ue)


def _capacity_bps(carrier: Carrier, snrs_db: Sequence[float]) -> float:
    """What the cell carries if all UEs have the same time: the mean of what each would get alone."""
    alone = [block_bits(mcs_at(snr_db), carrier.prbs) * carrier.downlink_slots_per_s for snr_db in snrs_db]
    return sum(alone) / len(alone)


def _run(loop: ClosedLoop, seconds: float, report_s: float) -> None:
    for _ in range(round(seconds / report_s)):
        loop.step(report_s)


Seen = tuple[dict[int, list[float]], list[float], dict[int, list[Point]]]


def _watch(loop: ClosedLoop, seconds: int, report_s: float, sold: dict[int, int]) -> Seen:
    windows: dict[int, list[float]] = {rnti: [] for rnti in sold}
    points: dict[int, list[Point]] = {rnti: [] for rnti in sold}
    others_bps: list[float] = []
    for _ in range(round(seconds / WINDOW_S)):
        start = delivered_bits(loop.cell.ues.values())
        for _ in range(round(WINDOW_S / report_s)):
            before = delivered_bits(loop.cell.ues.values())
            loop.step(report_s)
            for rnti in sold:
                points[rnti].append(_point(loop, rnti, before[rnti], report_s))
        end = delivered_bits(loop.cell.ues.values())
        for rnti in sold:
            windows[rnti].append((end[rnti] - start[rnti]) / WINDOW_S)
        others_bps.append(sum(end[rnti] - start[rnti] for rnti in end if rnti not in sold) / WINDOW_S)
    return windows, others_bps, points


def _point(loop: ClosedLoop, rnti: int, before_bits: int, report_s: float) -> Point:
    ue = loop.cell.ues[rnti]
    held = loop.cell.find_slice(ue.slice_name)
    assert held is not None
    rate_bps = (ue.tally.delivered_bits - before_bits) / report_s
    return Point(loop.cell.now_s, rate_bps, held.min_prb, held.max_prb, ue.snr_db)


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
        assert loop.sell(rnti, floor_bps, round(CEIL * floor_bps)) is None
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
        yield _point(loop, rnti, before, report_s)


def _bad_s(after: Sequence[Point], floor_bps: int, report_s: float) -> float:
    """The end of the last window of a second that is not kept, counted from the drop."""
    length, last_s = round(WINDOW_S / report_s), 0.0
    for start in range(len(after) - length + 1):
        window = after[start : start + length]
        if sum(point.rate_bps for point in window) / length < KEPT * floor_bps:
            last_s = (start + length) * report_s
    return last_s


# ---- A pause, and a full shop


@dataclass(frozen=True, slots=True)
class Pause:
    """A slice that is blocked for a while."""

    from_s: float
    to_s: float
    floor_bps: int
    points: tuple[Point, ...]
    paused_bps: float
    after_bps: float


def paused(seed: int, *, seconds: float = 4.0, report_s: float = REPORT_S) -> Pause:
    """A buyer's slice is paused (the meter is not paid), and resumed."""
    cell = Cell(Carrier(), seed)
    cell.add_slice((1, 1), 0, cell.carrier.prbs)
    cell.add_ue(1, (1, 1), 18.0, FadingSettings(), steady(CEIL * 3_000_000, seed))
    for rnti in range(2, 8):
        cell.add_ue(rnti, None, 16.0, FadingSettings(), full_buffer())
    loop = new_loop(cell)
    loop.step(report_s)
    assert loop.sell(1, 3_000_000, round(CEIL * 3_000_000)) is None
    points = [*_points(loop, 1, seconds, report_s)]
    from_s = cell.now_s
    loop.pause(1)
    quiet = [*_points(loop, 1, seconds, report_s)]
    to_s = cell.now_s
    loop.resume(1)
    again = [*_points(loop, 1, seconds, report_s)]
    late = [point.rate_bps for point in again[round(1.0 / report_s) :]]
    still = [point.rate_bps for point in quiet[1:]]
    return Pause(
        from_s,
        to_s,
        3_000_000,
        (*points, *quiet, *again),
        paused_bps=sum(still) / len(still),
        after_bps=sum(late) / len(late),
    )


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
    sold: dict[int, int] = {}
    refusal = ""
    for rnti in cell.ues:
        refused = loop.sell(rnti, floor_bps, round(CEIL * floor_bps))
        if refused is None:
            sold[rnti] = floor_bps
        else:
            refusal = refusal or refused.reason
            _make_guest(cell, rnti)
    assert refusal
    _run(loop, WARM_UP_S, report_s)
    windows, _, _ = _watch(loop, seconds, report_s, sold)
    rates = [rate for rnti in sold for rate in windows[rnti]]
    kept = sum(rate >= KEPT * floor_bps for rate in rates) / len(rates)
    return FullShop(len(sold), refusal, kept, floor_bps)
