"""One cell's downlink, slot by slot: slices with a least and a most share, UEs with fading channels and queues.

It schedules as srsRAN Project 25.10 and OCUDU do, by reading their inter-slice scheduler: a slice with a minimum is
two candidates in a slot, one up to the minimum that goes before everything, one from there to the maximum that waits
its turn (priority, then slots since last served, then least average); within a slice UEs are ordered by proportional
fairness; a UE gets one block in a slot. From the last follows what surprises on a real gNB: a lone UE in a slice with
a minimum gets that minimum and no more, unless no other slice stands between its two candidates.
Everything is drawn from seeds: two cells made alike are alike. Slots of the uplink are not modelled, they just pass.
Reference: 3GPP TS 28.541 clause 4.3.36; lab/ran/transport_block.py for what a block carries.   Units: bits, PRBs, s.
"""

import heapq
import math
import random
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

from lab.ran.fading import Channel, FadingSettings
from lab.ran.sources import Arrivals, silence
from lab.ran.transport_block import MCS_SNR_DB, block_table, cqi_at, mcs_at

SliceName = tuple[int, int | None]
"""(sst, sd)."""

GRANTS_PER_SLOT = 8
"""Of one slice, at most (intra_slice_scheduler.cpp); a quarter of its waiting UEs, at least one."""
LEAST_GRANT_PRBS = 4
LONGEST_WAIT = 255
"""Slots since a slice was served count up to eight bits."""
BLER_SLOPE_DB = 0.6
"""From one block lost in ten to one in a hundred: how steep a decoder's curve is."""
STEP_DOWN_DB, STEP_UP_DB = 0.09, 0.01
"""The outer loop's steps at a lost block and at one that arrived: in balance at a tenth lost."""
OUTER_LOOP_DB = (-15.0, 5.0)
BLOCK_SHARE = 1.015
"""Bits of a block for a bit of IP: headers of SDAP, PDCP, RLC and MAC, of 1,400-byte packets about 1.5 %."""
LEAST_QUEUE_BITS = 64 * 12_000
RESCALE_AT = 1e30
AVERAGE_KEEPS = 0.99


@dataclass(frozen=True, slots=True)
class Carrier:
    """What the cell has: 20 MHz at 30 kHz by default, TDD with seven of ten slots downlink."""

    prbs: int = 51
    slot_s: float = 0.0005
    pattern: str = "DDDDDDDSUU"
    """A slot that is not D carries no data here; the special slot's few symbols are left out."""
    ssb_prbs: int = 20
    ssb_period_slots: int = 40
    """The synchronisation block takes its PRBs out of one slot in so many."""
    channel_period_slots: int = 20
    """How often channels move and are reported."""
    fairness: float = 2.0
    """`pf_fairness_coeff` of the gNB: 1 is proportional fairness as in books, 2 its default."""
    fairness_memory_slots: int = 1_000
    queue_s: float = 0.3
    """What a queue holds at most, in seconds of what its channel bears on the whole carrier; the rest is lost."""

    @property
    def downlink_slots_per_s(self) -> int:
        return round(self.pattern.count("D") / len(self.pattern) / self.slot_s)


FDD = Carrier(prbs=106, slot_s=0.001, pattern="D", ssb_period_slots=20, channel_period_slots=10)
"""20 MHz at 15 kHz, as the ZMQ laboratories use."""


@dataclass(slots=True)
class Tally:
    """What is counted of a UE. `sent_bits` are transport blocks that arrived, `delivered_bits` what they held.
    Subtract an older copy for what was in between.
    """

    ok: int = 0
    lost: int = 0
    sent_bits: int = 0
    delivered_bits: int = 0
    prbs: int = 0
    mcs: int = 0
    cqi: int = 0
    cqi_reports: int = 0

    def copy(self) -> "Tally":
        return replace(self)

    def since(self, before: "Tally") -> "Tally":
        """What was counted after `before` was copied."""
        return Tally(*(getattr(self, each.name) - getattr(before, each.name) for each in fields(Tally)))


@dataclass(slots=True)
class Ue:
    """One UE. `slice_name` None: the gNB's default slice."""

    rnti: int
    slice_name: SliceName | None
    channel: Channel
    arrivals: Arrivals
    started_s: float
    arrived_bits: int = 0
    """What came for it, `dropped_bits` included, which found no room in its queue."""
    backlog_bits: int = 0
    dropped_bits: int = 0
    tally: Tally = field(default_factory=Tally)
    snr_db: float = 0.0
    outer_loop_db: float = 0.0
    mcs: int = 0
    loss: float = 0.0
    """The chance that a block sent now is lost."""
    served: float = 1.0
    slot_served: int = -1
    queue_bits: int = 0


@dataclass(slots=True)
class Slice:
    """A slice of the cell as the scheduler sees it, PRBs."""

    name: SliceName | None
    min_prb: int
    max_prb: int
    dedicated_prb: int = 0
    priority: int = 0
    ues: list[Ue] = field(default_factory=list)
    last_slot: int = -LONGEST_WAIT
    average_prb: float = 0.0
    averaged_slot: int = 0
    prbs_this_slot: int = 0
    used_prbs: int = 0


_Candidate = tuple[bool, int, int, int, int, int, int]
"""(below its minimum, priority, slots waited, how little it gets, index of slice, first PRB, end); largest first."""


class Cell:
    """The cell: make it, add slices and UEs, `run` it, read counters. `slot` counts slots of both directions."""

    def __init__(self, carrier: Carrier, seed: int) -> None:
        self.carrier = carrier
        self.slot = 0
        self.slices: list[Slice] = [Slice(None, 0, carrier.prbs)]
        self.ues: dict[int, Ue] = {}
        self.prbs_used_by_pattern_slot = [0] * len(carrier.pattern)
        self.used_prbs = 0
        self.offered_prbs = 0
        self._seed = seed
        self._chance = random.Random(seed)
        self._due: list[tuple[float, int, int]] = []
        self._scale = 1.0
        self._served: list[Slice] = []
        self._downlink = [letter == "D" for letter in carrier.pattern]
        self._blocks = block_table(carrier.prbs)

    @property
    def now_s(self) -> float:
        """Since the cell was made."""
        return self.slot * self.carrier.slot_s

    def add_slice(
        self, name: SliceName, min_prb: int, max_prb: int, *, dedicated_prb: int = 0, priority: int = 0
    ) -> None:
        """A slice that stands in the gNB's file."""
        assert self.find_slice(name) is None, name
        self.slices.append(Slice(name, min_prb, max_prb, dedicated_prb, priority))

    def find_slice(self, name: SliceName | None) -> Slice | None:
        return next((each for each in self.slices if each.name == name), None)

    def add_ue(
        self,
        rnti: int,
        slice_name: SliceName | None,
        mean_snr_db: float,
        fading: FadingSettings,
        arrivals: Arrivals | None = None,
    ) -> Ue:
        """A UE with a session in a slice; in the default slice if the gNB does not know that one."""
        assert rnti not in self.ues, rnti
        channel = Channel(mean_snr_db, fading, self._seed * 65_537 + rnti)
        ue = Ue(rnti, slice_name, channel, arrivals or silence(), self.now_s, served=self._scale)
        ue.snr_db = channel.snr_db
        self._adapt(ue, ue.snr_db)
        (self.find_slice(slice_name) or self.slices[0]).ues.append(ue)
        self.ues[rnti] = ue
        self._schedule_arrival(ue)
        return ue

    def remove_ue(self, rnti: int) -> None:
        """The UE is gone, with what waited for it."""
        ue = self.ues.pop(rnti)
        for each in self.slices:
            each.ues = [known for known in each.ues if known is not ue]
        self._due = [entry for entry in self._due if entry[2] != rnti]
        heapq.heapify(self._due)

    def start(self, rnti: int, arrivals: Arrivals) -> None:
        """From now on this is sent to a UE for which nothing came before."""
        ue = self.ues[rnti]
        ue.arrivals, ue.started_s = arrivals, self.now_s
        self._schedule_arrival(ue)

    def renumber(self, rntis: Mapping[int, int]) -> None:
        """Give each UE another RNTI, by a permutation of them."""
        for rnti, ue in self.ues.items():
            ue.rnti = rntis[rnti]
        self.ues = {ue.rnti: ue for ue in self.ues.values()}
        self._due = [(due_s, bits, rntis[rnti]) for due_s, bits, rnti in self._due]
        heapq.heapify(self._due)

    def run(self, seconds: float, every_slot: Callable[[], None] | None = None) -> None:
        """Run on."""
        for _ in range(round(seconds / self.carrier.slot_s)):
            self.run_slot()
            if every_slot is not None:
                every_slot()

    def run_slot(self) -> None:
        """One slot."""
        self._take_arrivals()
        if self.slot % self.carrier.channel_period_slots == 0:
            self._move_channels()
        place = self.slot % len(self._downlink)
        if self._downlink[place]:
            self.prbs_used_by_pattern_slot[place] += self._schedule()
        self.slot += 1

    # ---- Arrivals and channels

    def _schedule_arrival(self, ue: Ue) -> None:
        arrival = next(ue.arrivals, None)
        if arrival is not None:
            heapq.heappush(self._due, (ue.started_s + arrival[0], arrival[1], ue.rnti))

    def _take_arrivals(self) -> None:
        now_s = self.now_s
        while self._due and self._due[0][0] <= now_s:
            _, bits, rnti = heapq.heappop(self._due)
            ue = self.ues[rnti]
            room = max(0, max(ue.queue_bits, bits) - ue.backlog_bits)
            ue.arrived_bits += bits
            ue.backlog_bits += min(bits, room)
            ue.dropped_bits += bits - min(bits, room)
            self._schedule_arrival(ue)

    def _move_channels(self) -> None:
        """Each UE reports what it heard a period ago; the gNB trusts it as far as its blocks arrived."""
        seconds = self.carrier.channel_period_slots * self.carrier.slot_s
        for ue in self.ues.values():
            reported_db = ue.snr_db
            ue.channel.advance(seconds)
            ue.snr_db = ue.channel.snr_db
            self._adapt(ue, reported_db)
            ue.tally.cqi += cqi_at(reported_db)
            ue.tally.cqi_reports += 1

    def _adapt(self, ue: Ue, reported_db: float) -> None:
        ue.mcs = mcs_at(reported_db + ue.outer_loop_db)
        ue.loss = loss(ue.snr_db - MCS_SNR_DB[ue.mcs])
        whole_bps = self._blocks[ue.mcs][-1] * self.carrier.downlink_slots_per_s
        ue.queue_bits = max(LEAST_QUEUE_BITS, round(whole_bps * self.carrier.queue_s))

    # ---- Scheduling

    def _schedule(self) -> int:
        """Give out the PRBs of this slot; how many were used."""
        free = self.carrier.prbs
        if self.slot % self.carrier.ssb_period_slots == 0:
            free -= self.carrier.ssb_prbs
        self.offered_prbs += free
        left = free
        queue = self._candidates()
        while queue and left > 0:
            *_, index, start, stop = queue.pop()
            if queue and queue[-1][4] == index:
                *_, other_start, other_stop = queue.pop()
                start, stop = min(start, other_start), max(stop, other_stop)
            chosen = self.slices[index]
            if start <= chosen.prbs_this_slot < stop:
                left -= self._serve(chosen, min(stop - chosen.prbs_this_slot, left))
        self._end_slot()
        self.used_prbs += free - left
        return free - left

    def _candidates(self) -> list[_Candidate]:
        """Of each slice one or two, the first to be served last (inter_slice_scheduler.cpp, slot_indication). Of slices
        for which nothing waits only those two are kept that could stand between the two of another.
        """
        found: list[_Candidate] = []
        least_idle: _Candidate | None = None
        most_idle: _Candidate | None = None
        for index, each in enumerate(self.slices):
            if each.max_prb <= 0:
                continue
            low, high = each.min_prb, each.max_prb
            waited = min(self.slot - each.last_slot, LONGEST_WAIT)
            least = LONGEST_WAIT - min(round(self._average_prb(each)), LONGEST_WAIT)
            split = 0 < low < high
            whole = (0 < low == high, each.priority, waited, least, index, low if split else 0, high)
            first = (True, each.priority, waited, least, index, 0, low) if split else None
            for ue in each.ues:
                if ue.backlog_bits:
                    found.append(whole)
                    if first:
                        found.append(first)
                    break
            else:
                below = first or (whole if whole[0] else None)
                if below and (least_idle is None or below < least_idle):
                    least_idle = below
                if not whole[0] and (most_idle is None or whole > most_idle):
                    most_idle = whole
        if found:
            found += [each for each in (least_idle, most_idle) if each is not None]
            found.sort()
        return found

    def _average_prb(self, each: Slice) -> float:
        """Of the last hundred slots or so."""
        passed = self.slot - each.averaged_slot
        if passed:
            each.average_prb *= AVERAGE_KEEPS**passed
            each.averaged_slot = self.slot
        return each.average_prb

    def _serve(self, chosen: Slice, prbs: int) -> int:
        """Give up to `prbs` to UEs of a slice, best first; how many were taken."""
        waiting = [ue for ue in chosen.ues if ue.backlog_bits and ue.slot_served != self.slot]
        if not waiting:
            return 0
        if len(waiting) > 1:
            waiting.sort(key=self._fair_order, reverse=True)
        grants = min(max(len(waiting) // 4, 1), GRANTS_PER_SLOT)
        usual = max(-(-prbs // grants), LEAST_GRANT_PRBS)
        left = prbs
        for ue in waiting:
            most = left if left < 2 * usual else usual
            left -= self._send(ue, most)
            if left <= 0:
                break
        taken = prbs - left
        chosen.prbs_this_slot += taken
        chosen.used_prbs += taken
        chosen.last_slot = self.slot
        self._served.append(chosen)
        return taken

    def _fair_order(self, ue: Ue) -> float:
        """The rate of now over the rate so far to the power of the fairness coefficient."""
        return self._blocks[ue.mcs][-1] / math.pow(ue.served / self._scale, self.carrier.fairness)

    def _send(self, ue: Ue, most: int) -> int:
        """One block to a UE, of so many PRBs at most; how many it took."""
        sizes = self._blocks[ue.mcs]
        prbs = min(most, bisect_left(sizes, ue.backlog_bits * BLOCK_SHARE))
        bits = sizes[prbs]
        ue.slot_served = self.slot
        ue.served += bits * self._scale
        tally = ue.tally
        tally.prbs += prbs
        tally.mcs += ue.mcs
        arrived = self._chance.random() >= ue.loss
        if arrived:
            payload = min(ue.backlog_bits, int(bits / BLOCK_SHARE))
            ue.backlog_bits -= payload
            tally.ok += 1
            tally.sent_bits += bits
            tally.delivered_bits += payload
            ue.outer_loop_db = min(ue.outer_loop_db + STEP_UP_DB, OUTER_LOOP_DB[1])
        else:
            tally.lost += 1
            ue.outer_loop_db = max(ue.outer_loop_db - STEP_DOWN_DB, OUTER_LOOP_DB[0])
        return prbs

    def _end_slot(self) -> None:
        for each in self._served:
            each.average_prb = self._average_prb(each) + (1 - AVERAGE_KEEPS) * each.prbs_this_slot
            each.prbs_this_slot = 0
        self._served.clear()
        self._scale *= 1 + 1 / self.carrier.fairness_memory_slots
        if self._scale > RESCALE_AT:
            for ue in self.ues.values():
                ue.served = max(ue.served / self._scale, 1e-12)
            self._scale = 1.0


def loss(margin_db: float) -> float:
    """The chance that a block is lost, by how far the channel is above what its MCS needs: a tenth at nothing."""
    return 1 / (1 + 9 * math.exp(min(margin_db / BLER_SLOPE_DB * 2.4, 50.0)))
