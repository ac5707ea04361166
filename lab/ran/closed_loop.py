"""The product's cell over a model of a cell, text by text and without a clock: report, decide, request, answer.

Each period the cell runs and tells its metrics as the gNB's JSON; `ran_slicing.cell` hears them and decides; what it
says is obeyed by the simulator's remote control, whose answer it hears in turn. Only sockets and waiting are left out,
so that an hour of a cell takes minutes and happens the same way each time. As the daemon does, it sells without
knowing whose RNTI is whose, and tells each second what the box sent to each grant, what the cell lost of it included.
A loop that is `told` the RNTI is what there would be if somebody knew: a figure beside the other, never instead of it.
Units: seconds of the cell; bit/s of IP where a floor is named, as the buyer counts them.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from lab.ran.cell_model import Cell, Ue
from lab.ran.gnb_file import PLMN, new_state
from lab.ran.gnb_metrics import UE_REMOVE, UeEvent, scheduler_report, snapshot
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
    SlicePaused,
    SliceResumed,
    SliceSold,
)
from ran_slicing.gnb import SendPing, SendText
from ran_slicing.share import CellShape
from ran_slicing.snssai import Snssai
from wire.units import NS_PER_S, Now

STAMP = "2026-01-01T00:00:00.000"
COUNT_S = 1.0
"""How often the box's counters are read, as by the daemon."""


@dataclass(slots=True)
class ClosedLoop:
    """A cell of the model, and the product's state of it. A grant's id is made of its UE's RNTI."""

    cell: Cell
    state: State
    frozen: bool = False
    """Reports are not heard and shares stay as they are: what there would be without a loop."""
    told: bool = False
    """Sales come with the RNTI: what there would be if somebody knew."""
    requests: int = 0
    notes: list[Note] = field(default_factory=list)
    _said: list[GrantSlot | RefuseSlot] = field(default_factory=list)
    _before: dict[int, int] = field(default_factory=dict)
    """What had come for each buyer when he bought, bits."""
    _count_s: float = 0.0

    def sell(self, rnti: int, floor_bps: int, ceil_bps: int = 0) -> RefuseSlot | None:
        """Promise a floor to the UE, in the slot in which it is; the refusal if there is one."""
        ue = self.cell.ues[rnti]
        assert ue.slice_name is not None
        self._said.clear()
        self.tell(
            SliceSold(
                grant_of(rnti), floor_bps, ceil_bps, Snssai(*ue.slice_name), rnti=rnti if self.told else None
            )
        )
        (said,) = self._said
        if isinstance(said, RefuseSlot):
            return said
        self._before[rnti] = ue.arrived_bits
        return None

    def pause(self, rnti: int) -> None:
        self.tell(SlicePaused(grant_of(rnti)))

    def resume(self, rnti: int) -> None:
        self.tell(SliceResumed(grant_of(rnti)))

    def end(self, rnti: int) -> None:
        """The promise is over, and the UE is gone."""
        self.tell(SliceEnded(grant_of(rnti)))
        del self._before[rnti]
        self.cell.remove_ue(rnti)

    def step(self, period_s: float) -> None:
        """One report period of the cell, and what follows from it."""
        before = snapshot(self.cell)
        self.cell.run(period_s)
        if self.frozen:
            return
        self.tell(DeadlineReached())
        gone = [
            UeEvent(self.cell.slot, rnti, UE_REMOVE) for rnti in before.tallies.keys() - self.cell.ues.keys()
        ]
        self.tell(GnbSaid(scheduler_report(self.cell, before, STAMP, gone).encode()))
        if self.cell.now_s >= self._count_s:
            self._count_s = self.cell.now_s + COUNT_S
            self.tell(GrantsCounted(tuple(self._sent_bytes())))

    def _sent_bytes(self) -> Iterable[tuple[bytes, int]]:
        """The box's counters: what it handed to the cell, whatever became of it there."""
        for rnti, before in self._before.items():
            yield grant_of(rnti), (self.cell.ues[rnti].arrived_bits - before) // 8

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
                    case GrantSlot() | RefuseSlot():
                        self._said.append(command)
                    case Note():
                        self.notes.append(command)
                    case SendPing() | ReportRatio():
                        pass
                    case _:
                        raise AssertionError(command)

    def _answer(self, text: bytes) -> bytes:
        made = answer(text.decode(), self.cell, PLMN, STAMP)
        assert all("list is full" in line for line in made.log), made.log
        self.requests += 1
        return made.text.encode()


def grant_of(rnti: int) -> bytes:
    """A grant's id."""
    return rnti.to_bytes(16, "big")


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
