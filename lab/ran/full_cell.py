"""A full cell that sells: buyers come one by one, are moved into slots, and have floors among others who take the rest.

It runs as the daemon does. A buyer's UE comes into the lobby's slice, buys some seconds later (weighed by its link, if
it was seen to come), registers again with another RNTI in its slot, is in force once the core's list shows it there,
and is sent what the box lets through from then on. Meanwhile others pass by. Nobody says which RNTI is whose, unless
the loop is `told`. A floor counts from the first whole second in which it is in force to the end, or until the loop
says that it does not fit after all (then its buyer is owed it, and goes on as a guest).
Units: seconds of the cell, bit/s of IP, PRBs, dB.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.ran.cell_model import Carrier, Cell
from lab.ran.closed_loop import ClosedLoop, new_loop
from lab.ran.fading import FadingSettings
from lab.ran.scenarios import CEIL, KEPT, REPORT_S, WINDOW_S, Point, make_guest, point_of
from lab.ran.sources import random_packets, silence, steady
from lab.ran.transport_block import block_bits, mcs_at
from ran_slicing.snssai import Snssai

FLOORS_BPS = (500_000, 1_000_000, 1_500_000, 2_000_000, 3_000_000)
WEAK_DB = (0.0, 5.0)
WEAK_FLOORS_BPS = (500_000, 1_000_000)
"""Some buyers of a full cell are at its edge, and ask for little."""
COMES_S = 4.0
"""Between two buyers who come into the lobby, in the mean; by chance."""
BUYS_S, REGISTERS_S, AWAY_S = (2.0, 20.0), (3.0, 8.0), 1.0
"""From there to the purchase, from the purchase to flight mode, and in it."""
CONNECTS_S = 0.2
"""From a UE's RNTI to its connection in the core."""
PASSES_S, STAYS_S = 12.0, 4.0
"""Between two UEs that only pass by, in the mean, and how long each is connected."""
FIRST_RNTI, PASSER = 0x4600, 1_000
"""Where RNTIs begin, and the subscribers of those who pass by."""


@dataclass(frozen=True, slots=True)
class Floor:
    """One buyer: what he bought, what each second gave him, and how the loop moved his share."""

    who: int
    floor_bps: int
    window_bps: tuple[float, ...]
    points: tuple[Point, ...]
    mean_snr_db: float
    joined: bool
    """At the end, or when it was said not to fit, the loop knew which UE of the metrics this is."""
    joined_s: float | None
    """Until it did for the first time, from when the floor was in force; None: never."""
    owed: bool
    """It was in force, and then said not to fit: he is owed it from there on."""

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
    """A cell with more load than it carries. `refused` heard no before they paid. `sold_bps` and `others_bps` are what
    those with a floor and those without got together, in each of the last windows.
    """

    seed: int
    load: float
    capacity_bps: float
    floors: tuple[Floor, ...]
    refused: int
    sold_bps: tuple[float, ...]
    others_bps: tuple[float, ...]
    used_share: float
    requests_per_s: float
    wrong_s: float
    """For so long, of all slots together, somebody else's UE was taken for that of a slot."""

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


@dataclass(slots=True)
class _Buyer:
    """What he does, when, and what became of it."""

    who: int
    floor_bps: int
    snr_db: float
    comes_s: float
    buys_s: float
    registers_s: float
    rnti: int = 0
    phase: str = "away"
    since_s: float = 0.0
    window_bps: list[float] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    joined_s: float | None = None
    owed: bool = False


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
    together: bool = False,
) -> FullCell:
    """Twenty UEs at distances, half of them buyers, half as much load again as the cell carries; looked at for
    `seconds` from when the last of them is in force. Of the buyers `weak` are at its edge. `sliced` False: nothing is
    sold, everybody is in the gNB's default slice, and the same floors are only looked at. `told`: the loop is told
    whose RNTI is whose. `together`: all buyers come, buy and register in the same moments: nobody is known by coming.
    """
    story = _Story(
        seed, ues, buyers, weak, load, fading or FadingSettings(), sliced=sliced, together=together
    )
    return story.play(seconds, report_s, told=told)


class _Story:
    """The cell, who is in it, and what happens next."""

    def __init__(
        self,
        seed: int,
        ues: int,
        buyers: int,
        weak: int,
        load: float,
        fading: FadingSettings,
        *,
        sliced: bool,
        together: bool,
    ) -> None:
        self.seed, self.load, self.fading, self.sliced = seed, load, fading, sliced
        self.chance = chance = random.Random(seed)
        self.cell = Cell(Carrier(), seed)
        self.next_rnti = 1
        snrs_db = [chance.uniform(8, 24) for _ in range(ues)]
        floors_bps = [chance.choice(FLOORS_BPS) for _ in range(buyers)]
        for place in chance.sample(range(buyers), weak):
            snrs_db[place], floors_bps[place] = chance.uniform(*WEAK_DB), chance.choice(WEAK_FLOORS_BPS)
        times = _together(buyers) if together else _one_by_one(chance, buyers)
        self.buyers = [
            _Buyer(who, floor_bps, snr_db, *when)
            for who, (floor_bps, snr_db, when) in enumerate(
                zip(floors_bps, snrs_db[:buyers], times, strict=True), start=1
            )
        ]
        self.capacity_bps = _capacity_bps(self.cell.carrier, snrs_db)
        left_bps = load * self.capacity_bps - CEIL * sum(floors_bps)
        for buyer in self.buyers:
            self.cell.add_slice((1, buyer.who), 0, self.cell.carrier.prbs)
        for snr_db in snrs_db[buyers:]:
            rnti = self._new_rnti()
            arrivals = random_packets(max(left_bps / (ues - buyers), 100_000), seed * 1_000 + rnti)
            self.cell.add_ue(rnti, None, snr_db, fading, arrivals)
        self.passes_s = chance.expovariate(1 / PASSES_S)
        self.passing: list[tuple[float, int]] = []
        self.connecting: list[tuple[float, int, int]] = []
        self.wrong = 0

    def play(self, seconds: int, report_s: float, *, told: bool) -> FullCell:
        loop = new_loop(self.cell, told=told)
        reports = round(WINDOW_S / report_s)
        last: list[tuple[float, float]] = []
        used = offered = asked = 0
        while len(last) < seconds:
            settled = all(buyer.phase in ("served", "guest") for buyer in self.buyers)
            if settled and not last:
                used, offered, asked = self.cell.used_prbs, self.cell.offered_prbs, loop.requests
            watched = [buyer for buyer in self.buyers if buyer.phase == "served"]
            start = self._delivered()
            for _ in range(reports):
                self._step(loop, report_s, watched)
            gone = self._window(watched, start)
            if settled:
                last.append(gone)
        offered_prbs = self.cell.offered_prbs - offered
        return FullCell(
            self.seed,
            self.load,
            self.capacity_bps,
            tuple(_floor(buyer, loop) for buyer in self.buyers if buyer.window_bps),
            refused=sum(not buyer.window_bps for buyer in self.buyers),
            sold_bps=tuple(sold_bps for sold_bps, _ in last),
            others_bps=tuple(others_bps for _, others_bps in last),
            used_share=(self.cell.used_prbs - used) / offered_prbs,
            requests_per_s=(loop.requests - asked) / seconds,
            wrong_s=self.wrong * report_s,
        )

    def _delivered(self) -> dict[int, int]:
        return {rnti: ue.tally.delivered_bits for rnti, ue in self.cell.ues.items()}

    def _window(self, watched: Sequence[_Buyer], start: dict[int, int]) -> tuple[float, float]:
        """What the last second gave to each buyer who had a floor all the while, and to them and to others in all."""
        end = self._delivered()
        all_bps = sum(bits - start.get(rnti, 0) for rnti, bits in end.items()) / WINDOW_S
        sold_bps = 0.0
        for buyer in watched:
            if buyer.phase == "served":
                rate_bps = (end[buyer.rnti] - start[buyer.rnti]) / WINDOW_S
                buyer.window_bps.append(rate_bps)
                sold_bps += rate_bps
        return sold_bps, all_bps - sold_bps

    def _step(self, loop: ClosedLoop, report_s: float, watched: Sequence[_Buyer]) -> None:
        now_s = self.cell.now_s
        for entry in [entry for entry in self.connecting if entry[0] <= now_s]:
            self.connecting.remove(entry)
            loop.connect(*entry[1:])
        self._pass_by(loop, now_s)
        for buyer in self.buyers:
            self._act(loop, buyer, now_s)
        before = {buyer.who: self.cell.ues[buyer.rnti].tally.delivered_bits for buyer in watched}
        loop.step(report_s)
        for buyer in watched:
            buyer.points.append(point_of(self.cell, buyer.rnti, before[buyer.who], report_s))
        for buyer in self.buyers:
            if buyer.phase == "served" and buyer.joined_s is None and _is_joined(buyer, loop):
                buyer.joined_s = max(0.0, self.cell.now_s - buyer.since_s - report_s)
        homes = {buyer.rnti: Snssai(1, buyer.who) for buyer in self.buyers if buyer.phase != "guest"}
        self.wrong += sum(homes.get(rnti) != slot for rnti, slot in loop.state.joined.slot_of.items())

    def _act(self, loop: ClosedLoop, buyer: _Buyer, now_s: float) -> None:
        """What a buyer does next, when its time has come."""
        match buyer.phase:
            case "away" if now_s >= buyer.comes_s:
                self._enter(buyer, None)
                buyer.phase = "in the lobby" if self.sliced else "served"
                if not self.sliced:
                    self._send(buyer)
            case "in the lobby" if now_s >= buyer.buys_s:
                refusal = loop.sell(
                    buyer.who, buyer.floor_bps, round(CEIL * buyer.floor_bps), Snssai(1, buyer.who)
                )
                buyer.phase = "guest" if refusal else "bought"
                if refusal:
                    self._send(buyer)
            case "bought" if now_s >= buyer.registers_s:
                loop.disconnect(buyer.who)
                buyer.phase = "in flight"
            case "in flight" if now_s >= buyer.registers_s + AWAY_S:
                self._enter(buyer, (1, buyer.who))
                buyer.phase = "registered"
            case "registered" if loop.lists(buyer.who):
                loop.count(buyer.who)
                self._send(buyer)
                buyer.phase, buyer.since_s = "served", now_s
            case "served" if buyer.who in loop.refused:
                make_guest(self.cell, buyer.rnti)
                buyer.phase, buyer.owed = "guest", True
            case _:
                pass

    def _enter(self, buyer: _Buyer, name: tuple[int, int] | None) -> None:
        buyer.rnti = self._new_rnti()
        self.cell.add_ue(buyer.rnti, name, buyer.snr_db, self.fading, silence())
        self.connecting.append((self.cell.now_s + CONNECTS_S, buyer.who, buyer.rnti))

    def _send(self, buyer: _Buyer) -> None:
        self.cell.start(buyer.rnti, steady(CEIL * buyer.floor_bps, self.seed * 1_000 + buyer.who))

    def _pass_by(self, loop: ClosedLoop, now_s: float) -> None:
        """UEs that connect for a moment, and buy nothing."""
        for entry in [entry for entry in self.passing if entry[0] <= now_s]:
            self.passing.remove(entry)
            loop.disconnect(entry[1])
        if now_s >= self.passes_s:
            self.passes_s = now_s + self.chance.expovariate(1 / PASSES_S)
            rnti = self._new_rnti()
            self.cell.add_ue(rnti, None, self.chance.uniform(8, 24), self.fading, steady(50_000, rnti))
            self.connecting.append((now_s + CONNECTS_S, PASSER + rnti, rnti))
            self.passing.append((now_s + STAYS_S, PASSER + rnti))

    def _new_rnti(self) -> int:
        self.next_rnti += 1
        return FIRST_RNTI + self.next_rnti


def _one_by_one(chance: random.Random, buyers: int) -> list[tuple[float, float, float]]:
    """When each comes, buys, and switches to flight mode and back."""
    times, comes_s = [], 1.0
    for _ in range(buyers):
        comes_s += chance.expovariate(1 / COMES_S)
        buys_s = comes_s + chance.uniform(*BUYS_S)
        times.append((comes_s, buys_s, buys_s + chance.uniform(*REGISTERS_S)))
    return times


def _together(buyers: int) -> list[tuple[float, float, float]]:
    return [(1.0, 4.0, 8.0)] * buyers


def _is_joined(buyer: _Buyer, loop: ClosedLoop) -> bool:
    return loop.state.joined.slot_of.get(buyer.rnti) == Snssai(1, buyer.who)


def _floor(buyer: _Buyer, loop: ClosedLoop) -> Floor:
    return Floor(
        buyer.who,
        buyer.floor_bps,
        tuple(buyer.window_bps),
        tuple(buyer.points),
        mean_snr_db=buyer.snr_db,
        joined=buyer.owed or _is_joined(buyer, loop),
        joined_s=buyer.joined_s,
        owed=buyer.owed,
    )


def _capacity_bps(carrier: Carrier, snrs_db: Sequence[float]) -> float:
    """What the cell carries if all UEs have the same time: the mean of what each would get alone."""
    alone = [block_bits(mcs_at(snr_db), carrier.prbs) * carrier.downlink_slots_per_s for snr_db in snrs_db]
    return sum(alone) / len(alone)
