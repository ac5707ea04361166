"""The product's cell over a real socket: what the daemon does around `ran_slicing.cell`, and nothing else.

It connects, hears, keeps the one timer, obeys. Sales come from whoever calls `sell`; what was refused or noted is kept
for whoever looks. `restarts` is the scenario that needs a socket: a gNB that forgets everything, again and again.
Units: seconds, bit/s of IP.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from lab.ran.cell_model import Cell
from lab.ran.gnb_simulator import GnbSettings, GnbSimulator, running_gnb
from ran_slicing.cell import State, next_deadline_ns, step
from ran_slicing.cell_commands import Command, GrantSlot, Note, RefuseSlot, ReportRatio
from ran_slicing.cell_events import DeadlineReached, Event, SliceEnded, SlicePaused, SliceSold
from ran_slicing.gnb import Reconnect, SendPing, SendText
from ran_slicing.snssai import Snssai
from ran_slicing.websocket import RemoteControl
from wire.units import Now


@dataclass(slots=True)
class LiveCell:
    """A cell with its gNB at the other end of a socket; from `live_cell`."""

    state: State
    control: RemoteControl
    notes: list[Note] = field(default_factory=list)
    taken: list[ReportRatio] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _said: list[GrantSlot | RefuseSlot] = field(default_factory=list)
    _timer: asyncio.TimerHandle | None = None

    def tell(self, event: Event) -> None:
        """One event; its commands are obeyed at once."""
        self.state, commands = step(self.state, event, Now(time.monotonic_ns(), time.time_ns()))
        for command in commands:
            self._obey(command)
        self._arm()
        self.changed.set()

    def sell(
        self, grant_id: bytes, floor_bps: int, ceil_bps: int, snssai: Snssai, rnti: int
    ) -> GrantSlot | RefuseSlot:
        """A floor for the UE in that slot, which somebody knows."""
        self._said.clear()
        self.tell(SliceSold(grant_id, floor_bps, ceil_bps, snssai, rnti=rnti))
        (answer,) = self._said
        return answer

    def pause(self, grant_id: bytes) -> None:
        self.tell(SlicePaused(grant_id))

    def end(self, grant_id: bytes) -> None:
        self.tell(SliceEnded(grant_id))

    async def until(self, holds: Callable[[], bool], within_s: float = 10.0) -> None:
        """Wait for a fact about this cell; TimeoutError."""
        async with asyncio.timeout(within_s):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self.control.close()

    def _obey(self, command: Command) -> None:
        match command:
            case SendText(text):
                self.control.send_text(text)
            case SendPing():
                self.control.send_ping()
            case Reconnect(detail):
                self.control.reconnect(detail)
            case GrantSlot() | RefuseSlot():
                self._said.append(command)
            case Note():
                self.notes.append(command)
            case ReportRatio():
                self.taken.append(command)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due_ns = next_deadline_ns(self.state)
        if due_ns is not None:
            wait_s = max(0.0, (due_ns - time.monotonic_ns()) / 1e9)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self.tell, DeadlineReached())


@contextlib.asynccontextmanager
async def live_cell(state: State, host: str, port: int) -> AsyncIterator[LiveCell]:
    """Connecting already, until the block ends."""
    cell = LiveCell(state, RemoteControl(host, port))
    cell.control.start(cell.tell)
    try:
        yield cell
    finally:
        await cell.close()


# ---- A gNB that restarts


@dataclass(frozen=True, slots=True)
class Restart:
    """`forgotten`: its slices stood as in the file when it came back. `back_s`: until all stood as they were sold."""

    away_s: float
    forgotten: bool
    back_s: float


def restarts(
    state: State,
    new_cell: Callable[[], Cell],
    sales: Sequence[tuple[Snssai, int, int]],
    away_s: Sequence[float],
) -> list[Restart]:
    """Sell floors, (slot, RNTI, bit/s), and restart the gNB once for each time that it is to stay away."""
    return asyncio.run(_restarts(state, new_cell, sales, away_s))


async def _restarts(
    state: State,
    new_cell: Callable[[], Cell],
    sales: Sequence[tuple[Snssai, int, int]],
    away_s: Sequence[float],
) -> list[Restart]:
    settings = GnbSettings(du_report_period_ms=100)
    async with running_gnb(new_cell, settings) as gnb, live_cell(state, settings.host, gnb.port) as cell:
        for index, (snssai, rnti, floor_bps) in enumerate(sales):
            answer = cell.sell(bytes([index]) * 16, floor_bps, floor_bps, snssai, rnti)
            assert isinstance(answer, GrantSlot), answer
        await cell.until(lambda: _stands(gnb, sales))
        return [await _restart(gnb, cell, sales, each) for each in away_s]


async def _restart(
    gnb: GnbSimulator, cell: LiveCell, sales: Sequence[tuple[Snssai, int, int]], away_s: float
) -> Restart:
    """What stands is looked up in the gNB itself: its answers prove nothing."""
    await gnb.restart(away_s)
    began_s = time.monotonic()
    forgotten = not _stands(gnb, sales)
    await cell.until(lambda: _stands(gnb, sales), within_s=20.0)
    return Restart(away_s, forgotten, time.monotonic() - began_s)


def _stands(gnb: GnbSimulator, sales: Sequence[tuple[Snssai, int, int]]) -> bool:
    found = [gnb.cell.find_slice((snssai.sst, snssai.sd)) for snssai, _, _ in sales]
    return all(each is not None and each.min_prb > 0 for each in found)
