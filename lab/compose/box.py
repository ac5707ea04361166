"""The box of the compose labs: the product's cell and core loops beside each other.

In: sales from whoever tells the story. Out: who is in the core, what the gNB answered, what was noted. It decides
nothing; a sale is one slot at the gNB, and one flow at the core.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from lab.ran.cell_loop import CellLoop, running_cell, wait_for
from ran_slicing.cell import State
from ran_slicing.cell_commands import RefuseSlot
from ran_slicing.cell_events import GrantsCounted, SliceEnded, SliceSold
from ran_slicing.core import Core
from ran_slicing.core_info import Stay
from ran_slicing.core_plan import CoreReport, Service
from ran_slicing.core_settings import CoreSettings
from ran_slicing.n5 import AppSession
from ran_slicing.snssai import Snssai
from wire.errors import ShellError

GRANT = b"the only one"


@dataclass(slots=True)
class Box:
    """`cell` is None where there is no gNB to be told anything (UERANSIM). From `running_box`."""

    core: Core
    cell: CellLoop | None
    report: CoreReport = CoreReport((), {}, {})
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set after each event of the cell, and each report of the core."""

    def stay(self, supi: str, snssai: Snssai) -> Stay | None:
        """This subscriber's session in this slice, if the core shows it with an address."""
        found = (one for one in self.report.stays if (one.supi, one.snssai) == (supi, snssai) and one.ipv4)
        return next(found, None)

    @property
    def service(self) -> Service | None:
        """How the flow stands at the core."""
        served = self.report.served.get(GRANT)
        return None if served is None else served.service

    def sell(self, session: AppSession, snssai: Snssai) -> None:
        """A floor from now on. Raises ShellError where the cell has no room."""
        self.core.want({GRANT: session})
        if self.cell is None:
            return
        sale = SliceSold(GRANT, session.rates.floor_down_bps, session.rates.ceiling_down_bps, snssai)
        for word in self.cell.tell(sale):
            if isinstance(word, RefuseSlot):
                raise ShellError("cell", word.reason)

    def count(self, received_bytes: int) -> None:
        """What reached the UE since whenever."""
        if self.cell is not None:
            self.cell.tell(GrantsCounted(((GRANT, received_bytes),)))

    def end(self) -> None:
        """Nothing is sold any more."""
        self.core.want({})
        if self.cell is not None:
            self.cell.tell(SliceEnded(GRANT))

    def hear_core(self, report: CoreReport) -> None:
        self.report = report
        self.changed.set()

    async def until(self, holds: Callable[[], object], what: str, within_s: float) -> None:
        """Wait for a fact. Raises ShellError at the deadline, with what is known."""
        try:
            await wait_for(holds, self.changed, within_s)
        except TimeoutError:
            last = [] if self.cell is None else self.cell.notes[-3:]
            known = f"{self.report.served}, {self.report.lists_failed or f'{len(self.report.stays)} stays'}, {last}"
            raise ShellError("lab", f"{what}: not within {within_s:g} s; {known}") from None


@contextlib.asynccontextmanager
async def running_box(
    core_settings: CoreSettings, state: State | None = None, gnb: tuple[str, int] | None = None
) -> AsyncIterator[Box]:
    """Looking and connecting already, until the block ends."""
    async with contextlib.AsyncExitStack() as stack:
        changed, cell = asyncio.Event(), None
        if state is not None and gnb is not None:
            cell = await stack.enter_async_context(running_cell(state, *gnb, changed))
        box = Box(Core(core_settings), cell, changed=changed)
        stack.push_async_callback(box.core.close)
        box.core.start(box.hear_core)
        yield box
