"""The product's loop over a model of a cell, text by text and without a clock: report, decide, request, answer.

Each period the cell runs, tells its metrics as the gNB's JSON, our reader reads them, our controller decides, and what
it changes is asked for in the gNB's words and obeyed by the simulator's remote control. Only sockets and waiting are
left out, so that an hour of a cell takes minutes and happens the same way each time.
Units: seconds of the cell; bit/s of IP where a floor is named, as the buyer counts them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lab.ran.cell_model import BLOCK_SHARE, Cell, Ue
from lab.ran.gnb_metrics import scheduler_report, snapshot
from lab.ran.remote_commands import answer
from ran_slicing.controller import (
    CellFull,
    Controller,
    ControllerSettings,
    Promise,
    admit,
    measure,
    ratios,
    withdraw,
)
from ran_slicing.estimate import SliceSample
from ran_slicing.link import LinkReport, McsTable, bits_per_prb
from ran_slicing.messages import MAX_SLICES_PER_REQUEST, read_message, write_policy
from ran_slicing.metrics import CellReport, UeReport
from ran_slicing.share import EVERYTHING, CellShape, Ratio, with_headers
from ran_slicing.snssai import Snssai
from wire.units import NS_PER_S, PPM

PLMN = "00101"
HEADERS_PPM = round((BLOCK_SHARE - 1) * PPM)


@dataclass(slots=True)
class ClosedLoop:
    """A cell with its controller. `slot_of` says which UE holds which slot, as the core's join table would."""

    cell: Cell
    controller: Controller
    slot_of: dict[int, Snssai] = field(default_factory=dict)
    in_force: dict[Snssai, Ratio] = field(default_factory=dict)
    requests: int = 0
    frozen: bool = False
    """Shares stay as they were sold: what there would be without a loop."""
    last: dict[int, UeReport] = field(default_factory=dict)

    def sell(self, rnti: int, floor_bps: int, ceil_bps: int = 0, bits_per_prb: int = 0) -> CellFull | None:
        """Promise a floor to the UE; the reason if the cell is full. The UE has to be in a slot's slice. What a PRB
        carries for it is known from the last report, if there was one with it, or is told.
        """
        ue = self.cell.ues[rnti]
        assert ue.slice_name is not None
        snssai = Snssai(*ue.slice_name)
        promise = Promise(snssai, with_headers(floor_bps, HEADERS_PPM), with_headers(ceil_bps, HEADERS_PPM))
        known = self.last.get(rnti)
        made = admit(self.controller, promise, self._now_ns, _bits(known) if known else bits_per_prb)
        if isinstance(made, CellFull):
            return made
        self.controller = made
        self.slot_of[rnti] = snssai
        self._ask()
        return None

    def end(self, rnti: int) -> None:
        """The promise is over: its slot is as it stands in the gNB's file."""
        self.controller = withdraw(self.controller, self.slot_of[rnti])
        self._request({EVERYTHING: [self.slot_of.pop(rnti)]})
        self._ask()

    def step(self, period_s: float) -> None:
        """One report period of the cell, and what follows from it."""
        before = snapshot(self.cell)
        self.cell.run(period_s)
        seen = read_message(scheduler_report(self.cell, before, "2026-01-01T00:00:00").encode())
        assert isinstance(seen, CellReport)
        self.last = {ue.rnti: ue for ue in seen.cells[0].ues}
        if not self.frozen:
            self.controller = measure(self.controller, samples(self.last, self.slot_of), self._now_ns)
            self._ask()

    @property
    def _now_ns(self) -> int:
        return round(self.cell.now_s * NS_PER_S)

    def _ask(self) -> None:
        """Request what differs from what was last asked for: one request for each pair, sixteen slices in each."""
        wanted = ratios(self.controller)
        changed: dict[Ratio, list[Snssai]] = {}
        for snssai, ratio in wanted.items():
            if self.in_force.get(snssai) != ratio:
                changed.setdefault(ratio, []).append(snssai)
        self._request(changed)
        self.in_force = wanted

    def _request(self, changed: Mapping[Ratio, list[Snssai]]) -> None:
        for ratio, slices in changed.items():
            for start in range(0, len(slices), MAX_SLICES_PER_REQUEST):
                request = write_policy(PLMN, slices[start : start + MAX_SLICES_PER_REQUEST], ratio)
                made = answer(request.decode(), self.cell, PLMN, "2026-01-01T00:00:00")
                assert not made.log, made.log
                self.requests += 1


def shape_of(cell: Cell) -> CellShape:
    """What the gNB's file says of this cell."""
    return CellShape(cell.carrier.prbs, cell.carrier.downlink_slots_per_s)


def new_loop(cell: Cell, settings: ControllerSettings | None = None) -> ClosedLoop:
    """Nothing is sold yet."""
    return ClosedLoop(cell, Controller(settings or ControllerSettings(), shape_of(cell)))


def samples(ues: Mapping[int, UeReport], slot_of: Mapping[int, Snssai]) -> Iterable[SliceSample]:
    """One for each slot; there is one UE in a slot."""
    for rnti, snssai in slot_of.items():
        ue = ues.get(rnti)
        if ue is not None:
            yield SliceSample(snssai, ue.dl_bps, ue.dl_waiting_bytes, _bits(ue))


def _bits(ue: UeReport) -> int:
    link = LinkReport(ue.dl_mcs, ue.cqi, ue.dl_ok, ue.dl_lost, ue.dl_layers_ppm)
    return bits_per_prb(link, McsTable.QAM64, 132)


def delivered_bits(ues: Iterable[Ue]) -> dict[int, int]:
    """IP bits that each UE got so far."""
    return {ue.rnti: ue.tally.delivered_bits for ue in ues}
