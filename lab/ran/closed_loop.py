"""The product's cell over a model of a cell, text by text and without a clock: report, decide, request, answer.

Each period the cell runs and tells its metrics as the gNB's JSON; `ran_slicing.cell` hears them and decides; what it
says is obeyed by the simulator's remote control, whose answer it hears in turn. Only sockets and waiting are left out,
so that an hour of a cell takes minutes and happens the same way each time. As the daemon does, it sells without
knowing whose RNTI is whose, tells each second what the box sent to each grant, what the cell lost of it included, and
every five seconds whom the core lists as connected. A loop that is `told` is what there would be if somebody knew who
is who: a figure beside the other, never instead of it. A buyer is a number; it is his RNTI too until he connects anew.
Units: seconds of the cell; bit/s of IP where a floor is named, as the buyer counts them.
"""

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from lab.ran.cell_model import Cell, Ue
from lab.ran.gnb_file import PLMN, new_state
from lab.ran.gnb_metrics import UE_CREATE, UE_REMOVE, UeEvent, scheduler_report, snapshot
from lab.ran.remote_commands import answer
from ran_slicing.cell import State, step
from ran_slicing.cell_commands import GrantSlot, Note, RefuseSlot, ReportRatio
from ran_slicing.cell_events import (
    DeadlineReached,
    Event,
    GnbConnected,
    GnbSaid,
    GrantsCounted,
    SliceEnded,
    SliceSold,
    UesListed,
)
from ran_slicing.core_info import Listed, Radio
from ran_slicing.gnb import SendPing, SendText
from ran_slicing.share import CellShape
from ran_slicing.snssai import Snssai
from wire.units import NS_PER_S, Now

STAMP = "2026-01-01T00:00:00.000"
COUNT_S = 1.0
"""How often the box's counters are read, as by the daemon."""
LOOK_S = 5.0
"""How often the core's list is taken."""
CONNECTIONS = 1_024
"""Numbers of the AMF's: it gives them anew in the order in which connections ended, and has done so for long."""


@dataclass(slots=True)
class ClosedLoop:
    """A cell of the model, and the product's state of it. A grant's id is made of its UE's RNTI."""

    cell: Cell
    state: State
    frozen: bool = False
    """Reports are not heard and shares stay as they are: what there would be without a loop."""
    told: bool = False
    """It is told which RNTI is whose: what there would be if somebody knew."""
    requests: int = 0
    notes: list[Note] = field(default_factory=list)
    rntis: dict[int, int] = field(default_factory=dict)
    """Of each number that has connected, its RNTI."""
    refused: dict[int, str] = field(default_factory=dict)
    """Buyers of whom the cell said no, and why; also after it had said yes."""
    _radios: dict[int, Radio] = field(default_factory=dict)
    _listed: dict[str, Radio] | None = None
    _located_ns: dict[int, int] = field(default_factory=dict)
    _stayed: frozenset[tuple[str, Snssai]] = frozenset()
    _look_s: float = 0.0
    _looked_ns: int = 0
    _reported: set[int] = field(default_factory=set)
    _before: dict[int, int] = field(default_factory=dict)
    """What had come for each buyer when he bought, bits."""
    _count_s: float = 0.0
    _ring: deque[int] = field(default_factory=lambda: deque(_worn_ring()))

    def connect(self, who: int, rnti: int) -> None:
        """A UE that is in the cell with this RNTI now has a connection to the core."""
        self._end_connection(who)
        number = self._ring.popleft()
        self.rntis[who] = rnti
        self._radios[who] = Radio(411, 1, number, number)
        self._located_ns[who] = round(self.cell.now_s * NS_PER_S)

    def disconnect(self, who: int) -> None:
        """It has none any more; the gNB has forgotten it."""
        self.cell.remove_ue(self.rntis.pop(who))
        self._end_connection(who)

    def _end_connection(self, who: int) -> None:
        if who in self._radios:
            self._ring.append(self._radios.pop(who).amf_ue_ngap_id)

    def lists(self, who: int) -> bool:
        """Whether the daemon has seen it in the core's list as it is connected now."""
        return who in self._radios and (self._listed or {}).get(supi_of(who)) == self._radios[who]

    def sell(
        self,
        who: int,
        floor_bps: int,
        ceil_bps: int = 0,
        snssai: Snssai | None = None,
        *,
        reserved: bool = False,
    ) -> str:
        """Promise a floor to a UE, in the slot in which it is or is to come; the refusal, or nothing. What is sent to
        it is counted once it is there (`count`).
        """
        self.rntis.setdefault(who, who)
        if snssai is None:
            name = self.cell.ues[self.rntis[who]].slice_name
            assert name is not None
            snssai = Snssai(*name)
            self.count(who)
        self.refused.pop(who, None)
        self.tell(SliceSold(grant_of(who), floor_bps, ceil_bps, snssai, supi=supi_of(who), reserved=reserved))
        return self.refused.get(who, "")

    def count(self, who: int) -> None:
        """From now on the box counts what it sends to it."""
        self._before[who] = self.cell.ues[self.rntis[who]].arrived_bits

    def end(self, who: int) -> None:
        """The promise is over, and the UE is gone."""
        self.tell(SliceEnded(grant_of(who)))
        self._before.pop(who, None)
        self.disconnect(who)

    def step(self, period_s: float) -> None:
        """One report period of the cell, and what follows from it."""
        before = snapshot(self.cell)
        self.cell.run(period_s)
        if self.frozen:
            return
        self.tell(DeadlineReached())
        if self.told:
            truth = {supi_of(who): rnti for who, rnti in self.rntis.items()}
            self.state = self.state._replace(
                arrived=self.state.arrived._replace(rnti_of=truth), stays=frozenset(self._stays(self.rntis))
            )
        self.tell(GnbSaid(scheduler_report(self.cell, before, STAMP, self._events()).encode()))
        if self.cell.now_s >= self._count_s:
            self._count_s = self.cell.now_s + COUNT_S
            self.tell(GrantsCounted(tuple(self._sent_bytes())))
        if self.cell.now_s >= self._look_s:
            self._look_s = self.cell.now_s + LOOK_S
            self._look()

    def _events(self) -> list[UeEvent]:
        """Who came and went since the report before."""
        known, here = self._reported, set(self.cell.ues)
        self._reported = here
        gone = [UeEvent(self.cell.slot, rnti, UE_REMOVE) for rnti in sorted(known - here)]
        return [*gone, *(UeEvent(self.cell.slot, rnti, UE_CREATE) for rnti in sorted(here - known))]

    def _look(self) -> None:
        """The daemon hears of the list when it is another than before."""
        radios = {supi_of(who): radio for who, radio in self._radios.items()}
        located_ns = {supi_of(who): self._located_ns[who] for who in self._radios}
        since_ns, self._looked_ns = self._looked_ns, round(self.cell.now_s * NS_PER_S)
        stays = frozenset(self._stays(self._radios))
        if (radios, stays) != (self._listed, self._stayed):
            self._listed, self._stayed = radios, stays
            self.tell(UesListed(Listed(radios, since_ns, self._looked_ns, located_ns), stays))

    def _stays(self, whose: Iterable[int]) -> Iterable[tuple[str, Snssai]]:
        """Who has a session in which slice; not those in the gNB's default one."""
        for who in whose:
            ue = self.cell.ues.get(self.rntis[who])
            if ue is not None and ue.slice_name is not None:
                yield supi_of(who), Snssai(*ue.slice_name)

    def _sent_bytes(self) -> Iterable[tuple[bytes, int]]:
        """The box's counters: what it handed to the cell, whatever became of it there."""
        for who, before in self._before.items():
            yield grant_of(who), (self.cell.ues[self.rntis[who]].arrived_bits - before) // 8

    def tell(self, event: Event) -> None:
        """One event, and what it leads to until nothing more is said."""
        events = deque([event])
        while events:
            now = Now(round(self.cell.now_s * NS_PER_S), 0)
            self.state, commands = step(self.state, events.popleft(), now)
            for command in commands:
                match command:
                    case SendText(text):
                        events.append(GnbSaid(self._answer(text)))
                    case RefuseSlot(grant_id, reason):
                        who = int.from_bytes(grant_id)
                        self.refused[who] = reason
                        self._before.pop(who, None)
                    case Note():
                        self.notes.append(command)
                    case SendPing() | ReportRatio() | GrantSlot():
                        pass
                    case _:
                        raise AssertionError(command)

    def _answer(self, text: bytes) -> bytes:
        made = answer(text.decode(), self.cell, PLMN, STAMP)
        assert all("list is full" in line for line in made.log), made.log
        self.requests += 1
        return made.text.encode()


def _worn_ring() -> list[int]:
    """As it is after some hours."""
    return random.Random(CONNECTIONS).sample(range(1, CONNECTIONS + 1), CONNECTIONS)


def grant_of(who: int) -> bytes:
    """A grant's id."""
    return who.to_bytes(16)


def supi_of(who: int) -> str:
    """A subscriber's name in the core."""
    return f"imsi-00101{who:010d}"


def shape_of(cell: Cell) -> CellShape:
    """What the gNB's file says of this cell."""
    return CellShape(cell.carrier.prbs, cell.carrier.downlink_slots_per_s)


def new_loop(
    cell: Cell, *, sell_ratio: int | None = None, keep_ratio: int | None = None, told: bool = False
) -> ClosedLoop:
    """Connected; nothing is sold yet, and every slot is blocked."""
    slots = [Snssai(*each.name) for each in cell.slices if each.name is not None]
    state = new_state(slots, shape_of(cell), sell_ratio=sell_ratio, keep_ratio=keep_ratio)
    loop = ClosedLoop(cell, state, told=told)
    loop.tell(GnbConnected())
    return loop


def delivered_bits(ues: Iterable[Ue]) -> dict[int, int]:
    """IP bits that each UE got so far."""
    return {ue.rnti: ue.tally.delivered_bits for ue in ues}
