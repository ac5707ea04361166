"""A gNB without a radio: the WebSocket remote control of srsRAN Project 25.10 and OCUDU 26.04 over a model of a cell.

The socket is that of a library which is not ours (`websockets`), so that our own client hears a second opinion: text
frames of at most 16 KiB, no TLS and no password, closed after a silence. What is answered is `remote_commands`, what is
told is `gnb_metrics`, what happens meanwhile is `cell_model`, run at the pace of the wall clock or faster. `restart`
ends every connection and makes the cell anew from the file's slices: what was set over the socket is gone.
It listens on the loopback unless it is told otherwise.   Units: seconds; report period in ms, as in the gNB's file.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from lab.ran.cell_model import Cell
from lab.ran.gnb_metrics import UE_CREATE, UE_REMOVE, Snapshot, UeEvent, du_report, scheduler_report, snapshot
from lab.ran.remote_commands import answer

MOST_PAYLOAD_BYTES = 16 * 1024
IDLE_TIMEOUT_S = 120.0
STEP_S = 0.002
"""The cell runs in steps of so long, so that a request never waits longer than one of them takes."""
TEXT_ONLY = '{"error":"This WebSocket server only supports opcode TEXT messages"}'


@dataclass(frozen=True, slots=True)
class GnbSettings:
    """What stands in the gNB's file. `speed` is how many seconds of the cell pass in one of ours; 0 stops its time."""

    plmn: str = "00101"
    host: str = "127.0.0.1"
    port: int = 0
    du_report_period_ms: int = 1_000
    enable_json: bool = True
    idle_timeout_s: float = IDLE_TIMEOUT_S
    reply_delay_s: float = 0.0
    """How long the gNB takes to answer, to try a client's patience."""
    speed: float = 1.0


class Connection(ServerConnection):
    """One client. Any byte from it, a ping too, puts off the end of an idle connection."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.heard_s = time.monotonic()
        self.subscribed = False

    def data_received(self, data: bytes) -> None:
        self.heard_s = time.monotonic()
        super().data_received(data)


@dataclass(slots=True)
class GnbSimulator:
    """A running gNB; `running_gnb` makes one. `log` is the gNB's own, which no client sees."""

    settings: GnbSettings
    new_cell: Callable[[], Cell]
    cell: Cell
    log: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    has_quit: bool = False
    port: int = 0
    """Where it listens; the same after a restart."""
    _clients: set[Connection] = field(default_factory=set)
    _server: Server | None = None

    @property
    def url(self) -> str:
        return f"ws://{self.settings.host}:{self.port}"

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._clients)

    async def restart(self, away_s: float = 0.0) -> None:
        """The gNB dies and comes again: connections end without a word, ratios are those of the file, and UEs
        get RNTIs in the order in which they come back: each that of another one.
        """
        await self.close()
        await asyncio.sleep(away_s)
        self.cell = self.new_cell()
        known = list(self.cell.ues)
        self.cell.renumber(dict(zip(known, [*known[1:], *known[:1]], strict=True)))
        await self.open()

    async def open(self) -> None:
        """Listen."""
        self._server = await serve(
            self._talk,
            self.settings.host,
            self.port or self.settings.port,
            create_connection=Connection,
            max_size=MOST_PAYLOAD_BYTES,
            compression=None,
            ping_interval=None,
            close_timeout=1.0,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def close(self) -> None:
        """Be gone, as a killed process is."""
        self._end()
        assert self._server is not None
        await self._server.wait_closed()

    def _end(self) -> None:
        assert self._server is not None
        for client in self._clients:
            client.transport.abort()
        self._server.close()

    async def live(self) -> None:
        """Run the cell at its pace, and report; for ever."""
        period_s = self.settings.du_report_period_ms / 1_000
        due_s = time.monotonic()
        while self.settings.speed:
            cell, before = self.cell, snapshot(self.cell)
            for _ in range(max(1, round(period_s / STEP_S))):
                cell.run(STEP_S)
                due_s += STEP_S / self.settings.speed
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            if cell is self.cell:
                self._publish(before)

    def _publish(self, before: Snapshot) -> None:
        now, stamp = self.cell.ues.keys(), _timestamp()
        came = (UeEvent(self.cell.slot, rnti, UE_CREATE) for rnti in now - before.tallies.keys())
        went = (UeEvent(self.cell.slot, rnti, UE_REMOVE) for rnti in before.tallies.keys() - now)
        frames = scheduler_report(self.cell, before, stamp, (*came, *went)), du_report(stamp)
        for frame in frames:
            broadcast((client for client in self._clients if client.subscribed), frame)

    async def _talk(self, connection: ServerConnection) -> None:
        assert isinstance(connection, Connection)
        self._clients.add(connection)
        try:
            while (frame := await self._next_frame(connection)) is not None:
                await self._obey(connection, frame)
        except ConnectionClosed:
            pass
        finally:
            self._clients.discard(connection)
        await connection.close()

    async def _next_frame(self, client: Connection) -> str | bytes | None:
        """The next frame; None, and the end, after a silence."""
        while (left_s := client.heard_s + self.settings.idle_timeout_s - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    return await client.recv()
        return None

    async def _obey(self, client: Connection, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            await client.send(TEXT_ONLY)
            return
        self.received.append(frame)
        if self.settings.reply_delay_s:
            await asyncio.sleep(self.settings.reply_delay_s)
        made = answer(frame, self.cell, self.settings.plmn, _timestamp(), metrics=self.settings.enable_json)
        self.log += made.log
        if made.subscribes is not None:
            client.subscribed = made.subscribes
        await client.send(made.text)
        if made.quits:
            self.has_quit = True
            self._end()


def _timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")


@contextlib.asynccontextmanager
async def running_gnb(new_cell: Callable[[], Cell], settings: GnbSettings) -> AsyncIterator[GnbSimulator]:
    """A gNB that listens and lives until the block ends. `new_cell` makes the cell of the file, at every start."""
    gnb = GnbSimulator(settings, new_cell, new_cell())
    await gnb.open()
    living = asyncio.create_task(gnb.live())
    try:
        yield gnb
    finally:
        living.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await living
        await gnb.close()
