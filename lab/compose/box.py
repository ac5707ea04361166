"""The box of the compose labs: the product's cell and core loops, and the clock, sockets and timer around them.

In: sales from whoever tells the story. Out: who is in the core, what the gNB answered, what was noted. It decides
nothing; a sale is one slot at the gNB, and one flow at the core.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from ran_slicing import cell
from ran_slicing.cell_commands import Command, GrantSlot, Note, RefuseSlot, ReportRatio
from ran_slicing.cell_events import DeadlineReached, Event, GrantsCounted, SliceEnded, SliceSold
from ran_slicing.core import Core
from ran_slicing.core_info import Stay
from ran_slicing.core_plan import CoreReport, Service
from ran_slicing.core_settings import CoreSettings
from ran_slicing.gnb import Reconnect, SendPing, SendText
from ran_slicing.n5 import AppSession
from ran_slicing.snssai import Snssai
from ran_slicing.websocket import RemoteControl
from wire.errors import ShellError
from wire.units import Now

GRANT = b"the only one"


@dataclass(slots=True)
class Box:
    """`state` is None where there is no gNB to be told anything (UERANSIM)."""

    core: Core
    state: cell.State | None = None
    control: RemoteControl | None = None
    report: CoreReport = CoreReport((), {}, {})
    said: list[Command] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _timer: asyncio.TimerHandle | None = None

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
        self._tell(SliceSold(GRANT, session.rates.floor_down_bps, session.rates.ceiling_down_bps, snssai))
        refusals = [word for word in self.said if isinstance(word, RefuseSlot)]
        if refusals:
            raise ShellError("cell", refusals[0].reason)

    def count(self, received_bytes: int) -> None:
        """What reached the UE since whenever."""
        self._tell(GrantsCounted(((GRANT, received_bytes),)))

    def end(self) -> None:
        """Nothing is sold any more."""
        self.core.want({})
        self._tell(SliceEnded(GRANT))

    async def until(self, holds: Callable[[], object], what: str, within_s: float) -> None:
        """Wait for a fact. Raises ShellError at the deadline, with what is known."""
        try:
            async with asyncio.timeout(within_s):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            last = [word for word in self.said if isinstance(word, Note)][-3:]
            known = f"{self.report.served}, {self.report.lists_failed or f'{len(self.report.stays)} stays'}, {last}"
            raise ShellError("lab", f"{what}: not within {within_s:g} s; {known}") from None

    # ---- Between loops and sockets

    def hear_core(self, report: CoreReport) -> None:
        self.report = report
        self._changed.set()

    def hear_gnb(self, event: Event) -> None:
        self._tell(event)

    def close_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self, event: Event) -> None:
        if self.state is None or self.control is None:
            return
        now = Now(time.monotonic_ns(), time.time_ns() // 1_000_000)
        self.state, commands = cell.step(self.state, event, now)
        for command in commands:
            self._obey(self.control, command)
        self.close_timer()
        due_ns = cell.next_deadline_ns(self.state)
        if due_ns is not None:
            wait_s = max(0.0, (due_ns - now.mono_ns) / 1e9)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._tell, DeadlineReached())
        self._changed.set()

    def _obey(self, control: RemoteControl, command: Command) -> None:
        match command:
            case SendText(text):
                control.send_text(text)
            case SendPing():
                control.send_ping()
            case Reconnect(detail):
                control.reconnect(detail)
            case GrantSlot() | RefuseSlot() | Note() | ReportRatio():
                self.said.append(command)


@contextlib.asynccontextmanager
async def running_box(
    core_settings: CoreSettings, state: cell.State | None = None, gnb: tuple[str, int] | None = None
) -> AsyncIterator[Box]:
    """Looking and connecting already, until the block ends."""
    box = Box(Core(core_settings), state, RemoteControl(*gnb) if gnb is not None else None)
    box.core.start(box.hear_core)
    if box.control is not None:
        box.control.start(box.hear_gnb)
    try:
        yield box
    finally:
        box.close_timer()
        if box.control is not None:
            await box.control.close()
        await box.core.close()
