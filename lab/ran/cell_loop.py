"""What a daemon does around `ran_slicing.cell`, and nothing else: the clock, the one timer, the gNB's socket.

In: facts, from whoever tells the story. Out: what the cell said to them; whoever looks decides what that means. The
scenarios on a socket, the box of the compose labs and the tests all run this loop; apd, which has grants, a meter and a
core besides, runs its own (`apd/core.py` around `apd/cell.py`). Imports `wire` and `ran_slicing` only, so that the
compose image has it whole.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from ran_slicing.cell import State, next_deadline_ns, step
from ran_slicing.cell_commands import Command, GrantSlot, Note, RefuseSlot, ReportRatio
from ran_slicing.cell_events import DeadlineReached, Event
from ran_slicing.gnb import Reconnect, SendPing, SendText
from ran_slicing.websocket import RemoteControl
from wire.units import Now

UNTIL_S = 30.0
"""For what takes a second or two, on a machine that does much else."""

Said = GrantSlot | RefuseSlot | Note | ReportRatio


@dataclass(slots=True)
class CellLoop:
    """A cell with its gNB at the other end of a socket; from `running_cell`."""

    state: State
    control: RemoteControl
    said: list[Said] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set after each event; whoever waits for something else as well may give one of its own."""
    _timer: asyncio.TimerHandle | None = None

    @property
    def notes(self) -> list[Note]:
        return [word for word in self.said if isinstance(word, Note)]

    @property
    def taken(self) -> list[ReportRatio]:
        """The changes of slots that the gNB took."""
        return [word for word in self.said if isinstance(word, ReportRatio)]

    def tell(self, event: Event) -> list[Said]:
        """One event; its commands are obeyed at once. What the cell said to it."""
        now = Now(time.monotonic_ns(), time.time_ns() // 1_000_000)
        self.state, commands = step(self.state, event, now)
        said = [word for command in commands for word in self._obey(command)]
        self.said += said
        self._arm(now)
        self.changed.set()
        return said

    def hear(self, fact: Event) -> None:
        """From the socket, or from the timer."""
        self.tell(fact)

    async def until(self, holds: Callable[[], object], within_s: float = UNTIL_S) -> None:
        """Wait for a fact, looked at with each event, metrics mostly. Raises TimeoutError."""
        await wait_for(holds, self.changed, within_s)

    async def close(self) -> None:
        """The gNB keeps what it was told."""
        await self.control.close()
        if self._timer is not None:
            self._timer.cancel()

    def _obey(self, command: Command) -> list[Said]:
        match command:
            case SendText(text):
                self.control.send_text(text)
            case SendPing():
                self.control.send_ping()
            case Reconnect(detail):
                self.control.reconnect(detail)
            case GrantSlot() | RefuseSlot() | Note() | ReportRatio():
                return [command]
        return []

    def _arm(self, now: Now) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due_ns = next_deadline_ns(self.state)
        if due_ns is not None:
            wait_s = max(0.0, (due_ns - now.mono_ns) / 1e9)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self.hear, DeadlineReached())


async def wait_for(holds: Callable[[], object], changed: asyncio.Event, within_s: float) -> None:
    """Look again after each change until it is so. Several may wait for one event. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not holds():
            changed.clear()
            await changed.wait()


@contextlib.asynccontextmanager
async def running_cell(
    state: State, host: str, port: int, changed: asyncio.Event | None = None
) -> AsyncIterator[CellLoop]:
    """Connecting already, until the block ends."""
    cell = CellLoop(state, RemoteControl(host, port), changed=changed or asyncio.Event())
    cell.control.start(cell.hear)
    try:
        yield cell
    finally:
        await cell.close()
