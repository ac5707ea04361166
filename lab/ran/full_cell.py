"""A full cell that sells: buyers come one by one, are moved into slots, and have floors among others who take the rest.

It runs as the daemon does. A buyer's UE comes into the lobby's slice, buys some seconds later (weighed by its link, if
it was seen to come), registers again with another RNTI in its slot, is in force once the core's list shows it there,
and is sent what the box lets through from then on. Meanwhile others pass by. Nobody says which RNTI is whose, unless
the loop is `told`. The seconds of a floor begin in the very report in which it is in force, whatever the clock says,
and go on to the end, or until the loop says that it does not fit after all: then its buyer is owed it, the second in
which that is said is missed, and he goes on as a guest. The core's lists begin at another moment with each seed.
Units: seconds of the cell, bit/s of IP, PRBs, dB.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from lab.ran.cell_model import Carrier, Cell
from lab.ran.closed_loop import LOOK_S, ClosedLoop, new_loop
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
IN_FORCE_S = AWAY_S + CONNECTS_S + LOOK_S + 1.0
"""From flight mode on, in which every buyer has to be in force: one list more, and a second for its answer."""
ALIKE_FLOOR_BPS, ALIKE_LOAD_BPS, ALIKE_DB = 1_000_000, 3_000_000, (14.0, 18.0)
"""An ordinary load: what everybody else wants is no more than that, so that each gets about what a buyer is sent."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Who is in the cell and what they do: twenty UEs at distances, half of them buyers, half as much load again as
    the cell carries; `weak` of the buyers at its edge.
    """

    ues: int = 20
    buyers: int = 10
    weak: int = 2
    load: float = 1.5
    fading: FadingSettings = field(default_factory=FadingSettings)
    sliced: bool = True
    """False: nothing is sold, everybody is in the gNB's default slice, and the same floors are only looked at."""
    together: bool = False
    """All buyers come, buy and register in the same moments: nobody is known by coming."""
    alike: bool = False
    """All floors are the same, all links alike, and the others together want what makes each look like a buyer."""
    lobby_bps: int = 0
    """What each buyer downloads in the lobby, before he buys and until he registers again."""
    returns_s: float = 0.0
    """So often each buyer's UE comes back with another RNTI: idle for a moment, and back; 0: never."""
    reconnects: bool = True
    """It does so with a new connection to the core; False: it only has another RNTI (re-establishment)."""


FULL = Scene()
ORDINARY = Scene(buyers=4, weak=0, alike=True, returns_s=30.0, reconnects=False)
"""Sixteen others who look like the four buyers, and no list that tells when a buyer's RNTI is another."""
RETURNING = Scene(returns_s=30.0)
LOBBY = Scene(lobby_bps=3_000_000)


@dataclass(frozen=True, slots=True)
class Floor:
    """One buyer who paid: what he bought, what each second gave him, and how the loop moved his share."""

    who: int
    floor_bps: int
    window_bps: tuple[float, ...]
    points: tuple[Point, ...]
    mean_snr_db: float
    joined_s: float | None
    """Until the loop knew for the first time which UE of the metrics this is, from when the floor was in force; None:
    never.
    """
    owed: bool
    """It was paid for and then said not to fit, or never in force: he is owed it from there on. The last of
    `window_bps` is then the second in which that was said.
    """
    pauses: int = 0
    """How often the loop paused his slot while it was in force."""

    @property
    def is_weak(self) -> bool:
        """At the edge of the cell."""
        return self.mean_snr_db <= WEAK_DB[1]

    @property
    def kept(self) -> int:
        """How many windows reached the floor, as nearly as counts; the one in which it was ended did not."""
        whole = self.window_bps[:-1] if self.owed else self.window_bps
        return sum(rate >= KEPT * self.floor_bps for rate in whole)

    @property
    def began_well(self) -> bool:
        """Its first second was kept."""
        return self.kept > 0 and self.window_bps[0] >= KEPT * self.floor_bps


@dataclass(frozen=True, slots=True)
class FullCell:
    """A cell with more load than it carries. Of those who `asked`, `refused` heard no before they paid; `floors` are of
    all others. `sold_bps` and `others_bps` are what those with a floor and those without got together, in each of the
    last seconds.
    """

    seed: int
    load: float
    capacity_bps: float
    asked: int
    floors: tuple[Floor, ...]
    refused: int
    sold_bps: tuple[float, ...]
    others_bps: tuple[float, ...]
    used_share: float
    requests_per_s: float
    wrong_s: float
    """For so long, of all slots together, somebody else's UE was taken for that of a slot."""
    early_s: float
    """For so long, of all slots together, a buyer's own UE was taken for that of his slot while still in the lobby."""

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
    returns_s: float = 0.0
    reports: int = 0
    """Of the second that has begun, and what they brought."""
    bits: int = 0
    window_bps: list[float] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    joined_s: float | None = None
    refused: bool = False
    owed: bool = False
    pauses: int = 0


def full_cell(
    seed: int,
    scene: Scene = FULL,
    *,
    seconds: int = 60,
    report_s: float = REPORT_S,
    told: bool = False,
) -> FullCell:
    """A scene, looked at for `seconds` from when the last of its buyers has to be in force. `told`: the loop is told
    whose RNTI is whose. The same seed gives the same buyers at the same times, `told` or not.
    """
    return _Story(seed, scene).play(seconds, report_s, told=told)


class _Story:
    """The cell, who is in it, and what happens next."""

    def __init__(self, seed: int, scene: Scene) -> None:
        self.seed, self.scene = seed, scene
        self.chance = chance = random.Random(seed)
        self.phases = random.Random(f"phases {seed}")
        self.cell = Cell(Carrier(), seed)
        self.next_rnti = 1
        ues, buyers, weak = scene.ues, scene.buyers, scene.weak
        snrs_db = [chance.uniform(*(ALIKE_DB if scene.alike else (8.0, 24.0))) for _ in range(ues)]
        floors_bps = [ALIKE_FLOOR_BPS if scene.alike else chance.choice(FLOORS_BPS) for _ in range(buyers)]
        for place in chance.sample(range(buyers), weak):
            snrs_db[place], floors_bps[place] = chance.uniform(*WEAK_DB), chance.choice(WEAK_FLOORS_BPS)
        times = _together(buyers) if scene.together else _one_by_one(chance, buyers)
        self.buyers = [
            _Buyer(who, floor_bps, snr_db, *when)
            for who, (floor_bps, snr_db, when) in enumerate(
                zip(floors_bps, snrs_db[:buyers], times, strict=True), start=1
            )
        ]
        self.capacity_bps = _capacity_bps(self.cell.carrier, snrs_db)
        for buyer in self.buyers:
            self.cell.add_slice((1, buyer.who), 0, self.cell.carrier.prbs)
        left_bps = scene.load * self.capacity_bps - CEIL * sum(floors_bps)
        each_bps = ALIKE_LOAD_BPS if scene.alike else max(left_bps / (ues - buyers), 100_000)
        for snr_db in snrs_db[buyers:]:
            rnti = self._new_rnti()
            arrivals = steady if scene.alike else random_packets
            self.cell.add_ue(rnti, None, snr_db, scene.fading, arrivals(each_bps, seed * 1_000 + rnti))
        self.passes_s = chance.expovariate(1 / PASSES_S)
        self.passing: list[tuple[float, int]] = []
        self.connecting: list[tuple[float, int, int]] = []
        self.paused_ns = 0
        self.wrong = self.early = 0

    def open(self, *, told: bool) -> ClosedLoop:
        """The loop, whose lists, counters and reports begin at some moment between two of the cell's fifth seconds."""
        self.cell.run(self.phases.uniform(0, LOOK_S))
        return new_loop(self.cell, told=told)

    def play(self, seconds: int, report_s: float, *, told: bool) -> FullCell:
        loop = self.open(told=told)
        ready_s = max(buyer.registers_s for buyer in self.buyers) + IN_FORCE_S
        while self.cell.now_s < ready_s:
            self._step(loop, report_s)
        used, offered, asked = self.cell.used_prbs, self.cell.offered_prbs, loop.requests
        last = [self._second(loop, report_s) for _ in range(seconds)]
        for buyer in self.buyers:
            if buyer.phase not in ("served", "guest"):
                self._end(buyer)
        return FullCell(
            self.seed,
            self.scene.load,
            self.capacity_bps,
            len(self.buyers),
            tuple(_floor(buyer) for buyer in self.buyers if not buyer.refused),
            refused=sum(buyer.refused for buyer in self.buyers),
            sold_bps=tuple(sold_bps for sold_bps, _ in last),
            others_bps=tuple(others_bps for _, others_bps in last),
            used_share=(self.cell.used_prbs - used) / (self.cell.offered_prbs - offered),
            requests_per_s=(loop.requests - asked) / seconds,
            wrong_s=self.wrong * report_s,
            early_s=self.early * report_s,
        )

    def _second(self, loop: ClosedLoop, report_s: float) -> tuple[float, float]:
        """What a second gave to those with a floor, and to others."""
        steps = [self._step(loop, report_s) for _ in range(round(WINDOW_S / report_s))]
        sold_bits, all_bits = (sum(part) for part in zip(*steps, strict=True))
        return sold_bits / WINDOW_S, (all_bits - sold_bits) / WINDOW_S

    def _step(self, loop: ClosedLoop, report_s: float) -> tuple[int, int]:
        """A report period: what happens, and how many bits came, for those with a floor and in all."""
        now_s = self.cell.now_s
        for entry in [entry for entry in self.connecting if entry[0] <= now_s]:
            self.connecting.remove(entry)
            loop.connect(*entry[1:])
        self._pass_by(loop, now_s)
        for buyer in self.buyers:
            self._act(loop, buyer, now_s)
        served = [buyer for buyer in self.buyers if buyer.phase == "served"]
        before = {rnti: ue.tally.delivered_bits for rnti, ue in self.cell.ues.items()}
        loop.step(report_s)
        came = {rnti: ue.tally.delivered_bits - before[rnti] for rnti, ue in self.cell.ues.items()}
        for buyer in served:
            buyer.points.append(point_of(self.cell, buyer.rnti, before[buyer.rnti], report_s))
            buyer.bits += came[buyer.rnti]
            buyer.reports += 1
            if buyer.reports == round(WINDOW_S / report_s) and buyer.who not in loop.refused:
                _end_window(buyer)
            if buyer.joined_s is None and _is_joined(buyer, loop):
                buyer.joined_s = max(0.0, self.cell.now_s - buyer.since_s - report_s)
        self._count_pauses(loop, served)
        self._judge(loop)
        return sum(came[buyer.rnti] for buyer in served), sum(came.values())

    def _count_pauses(self, loop: ClosedLoop, served: Collection[_Buyer]) -> None:
        pause = loop.state.pause
        if pause is not None and pause.asked_ns > self.paused_ns:
            self.paused_ns = pause.asked_ns
            for buyer in served:
                buyer.pauses += pause.snssai == Snssai(1, buyer.who)

    def _judge(self, loop: ClosedLoop) -> None:
        """Which of the UEs that are in the cell the loop takes for those of slots in which they are not."""
        own = {buyer.rnti: buyer for buyer in self.buyers if buyer.phase != "guest"}
        for rnti, slot in loop.state.joined.slot_of.items():
            if rnti in self.cell.ues:
                buyer = own.get(rnti)
                if buyer is None or slot != Snssai(1, buyer.who):
                    self.wrong += 1
                elif buyer.phase not in ("registered", "served"):
                    self.early += 1

    def _act(self, loop: ClosedLoop, buyer: _Buyer, now_s: float) -> None:
        """What a buyer does next, when its time has come."""
        match buyer.phase:
            case "away" if now_s >= buyer.comes_s:
                self._enter(buyer, None)
                buyer.phase = "in the lobby"
                if not self.scene.sliced:
                    self._serve(buyer, now_s)
            case "in the lobby" if now_s >= buyer.buys_s:
                refusal = loop.sell(
                    buyer.who, buyer.floor_bps, round(CEIL * buyer.floor_bps), Snssai(1, buyer.who)
                )
                buyer.phase, buyer.refused = ("guest", True) if refusal else ("bought", False)
                if refusal:
                    self._send(buyer)
            case "bought" if now_s >= buyer.registers_s:
                loop.disconnect(buyer.who)
                buyer.phase = "in flight"
            case "in flight" if now_s >= buyer.registers_s + AWAY_S:
                self._enter(buyer, (1, buyer.who))
                buyer.phase = "registered"
            case "registered" | "served" if buyer.who in loop.refused:
                make_guest(self.cell, buyer.rnti)
                self._end(buyer)
            case "registered" if loop.lists(buyer.who):
                loop.count(buyer.who)
                self._serve(buyer, now_s)
            case "served" if self.scene.returns_s and now_s >= buyer.returns_s:
                buyer.returns_s += self.scene.returns_s
                self._return(loop, buyer)
            case _:
                pass

    def _enter(self, buyer: _Buyer, name: tuple[int, int] | None) -> None:
        buyer.rnti = self._new_rnti()
        bps = self.scene.lobby_bps if name is None else 0
        arrivals = steady(bps, self.seed * 1_000 + buyer.who) if bps else silence()
        self.cell.add_ue(buyer.rnti, name, buyer.snr_db, self.scene.fading, arrivals)
        self.connecting.append((self.cell.now_s + CONNECTS_S, buyer.who, buyer.rnti))

    def _serve(self, buyer: _Buyer, now_s: float) -> None:
        """From here on his floor is in force, and its seconds count."""
        self._send(buyer)
        buyer.phase, buyer.since_s = "served", now_s
        buyer.returns_s = now_s + self.phases.uniform(0, self.scene.returns_s)

    def _end(self, buyer: _Buyer) -> None:
        """He paid, and does not have it: the second that has begun is missed."""
        _end_window(buyer)
        buyer.phase, buyer.owed = "guest", True

    def _return(self, loop: ClosedLoop, buyer: _Buyer) -> None:
        """The same UE with another RNTI, in the same moment; what waited for it is lost."""
        sent_bits = self.cell.ues[buyer.rnti].arrived_bits
        self.cell.remove_ue(buyer.rnti)
        buyer.rnti = self._new_rnti()
        ue = self.cell.add_ue(buyer.rnti, (1, buyer.who), buyer.snr_db, self.scene.fading)
        ue.arrived_bits = sent_bits
        loop.rntis[buyer.who] = buyer.rnti
        self._send(buyer)
        if self.scene.reconnects:
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
            self.cell.add_ue(rnti, None, self.chance.uniform(8, 24), self.scene.fading, steady(50_000, rnti))
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


def _end_window(buyer: _Buyer) -> None:
    buyer.window_bps.append(buyer.bits / WINDOW_S)
    buyer.reports = buyer.bits = 0


def _floor(buyer: _Buyer) -> Floor:
    return Floor(
        buyer.who,
        buyer.floor_bps,
        tuple(buyer.window_bps),
        tuple(buyer.points),
        mean_snr_db=buyer.snr_db,
        joined_s=buyer.joined_s,
        owed=buyer.owed,
        pauses=buyer.pauses,
    )


def _capacity_bps(carrier: Carrier, snrs_db: Sequence[float]) -> float:
    """What the cell carries if all UEs have the same time: the mean of what each would get alone."""
    alone = [block_bits(mcs_at(snr_db), carrier.prbs) * carrier.downlink_slots_per_s for snr_db in snrs_db]
    return sum(alone) / len(alone)
