"""How long a gNB takes to answer our client, and how long until its metrics show the effect.

Our client is the product's: its socket (ran_slicing/websocket.py) and its conversation (ran_slicing/gnb.py). Each
change gives a UE with more data than it can get another share; the effect is confirmed by the first report whose rate
is past the middle between before and after.   Units: seconds.
"""

import asyncio
import random
import time
from dataclasses import dataclass, field

from lab.ran.gnb_process import FIRST_RNTI
from ran_slicing.cell_events import GnbConnected, GnbLost, GnbSaid
from ran_slicing.gnb import (
    Command,
    RatioTaken,
    Reconnect,
    SendPing,
    SendText,
    Session,
    answered,
    connected,
    heard,
    want,
)
from ran_slicing.messages import Refusal, Reply, read_message
from ran_slicing.metrics import CellReport
from ran_slicing.share import Ratio
from ran_slicing.snssai import Snssai
from ran_slicing.websocket import RemoteControl
from wire.errors import ShellError

PLMN = "00101"
SLOT = Snssai(1, 1)
LOW, HIGH = Ratio(6, 6), Ratio(20, 20)
"""3 and 10 of 51 PRBs, nothing beyond."""
EFFECTS = 40
PERIOD_S = 0.1
"""Of the gNB's reports."""
DEADLINE_S = 60.0
_phase = random.Random(1)


@dataclass(frozen=True, slots=True)
class Requests:
    """What was measured."""

    round_trips_s: tuple[float, ...]
    effects_s: tuple[float, ...]


@dataclass(slots=True)
class _Client:
    """The product's conversation with one gNB, as the daemon drives it."""

    control: RemoteControl
    session: Session = field(default_factory=lambda: Session(PLMN, frozenset({SLOT})))
    took_ns: list[int] = field(default_factory=list)
    rates: asyncio.Queue[tuple[float, int]] = field(default_factory=asyncio.Queue)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    lost: str = ""

    def report(self, event: GnbConnected | GnbLost | GnbSaid) -> None:
        now_ns = time.monotonic_ns()
        if isinstance(event, GnbConnected):
            self._apply(*connected(self.session, now_ns))
        elif isinstance(event, GnbSaid):
            self._hear(event.text, now_ns)
        else:
            self.lost = str(event)
            self.settled.set()

    def _hear(self, text: bytes, now_ns: int) -> None:
        match read_message(text):
            case Reply() | Refusal() as answer:
                self._apply(*answered(self.session, answer, now_ns))
            case CellReport() as report:
                self.session = heard(self.session, now_ns)
                for ue in report.cells[0].ues:
                    if ue.rnti == FIRST_RNTI:
                        self.rates.put_nowait((time.monotonic(), ue.dl_bps))
            case _:
                pass

    def _apply(self, session: Session, commands: list[Command]) -> None:
        self.session = session
        for command in commands:
            match command:
                case SendText(text):
                    self.control.send_text(text)
                case SendPing():
                    self.control.send_ping()
                case RatioTaken():
                    self.took_ns.append(command.took_ns)
                case Reconnect(detail):
                    self.lost = detail
                case _:
                    self.lost = str(command)
        if self.session.is_settled or self.lost:
            self.settled.set()

    async def set(self, ratio: Ratio) -> None:
        """Ask, and wait for the answer."""
        self.settled.clear()
        self._apply(*want(self.session, {SLOT: ratio}, time.monotonic_ns()))
        await self.settled.wait()
        if self.lost:
            raise ShellError("gNB", self.lost)


def measure_requests(host: str, port: int, count: int, effects: int = EFFECTS) -> Requests:
    """Against the gNB at this port; ShellError if the connection is lost or it takes for ever."""
    try:
        return asyncio.run(asyncio.wait_for(_measure(host, port, count, effects), DEADLINE_S))
    except TimeoutError:
        raise ShellError("gNB", f"no end within {DEADLINE_S:g} s") from None


async def _measure(host: str, port: int, count: int, effects: int) -> Requests:
    client = _Client(RemoteControl(host, port))
    client.control.start(client.report)
    try:
        await client.settled.wait()
        steady_bps = [await _steady_bps(client, ratio) for ratio in (HIGH, LOW)]
        middle_bps = sum(steady_bps) / 2
        seen_s = [await _effect(client, (HIGH, LOW)[index % 2], middle_bps) for index in range(effects)]
        client.took_ns.clear()
        for index in range(count):
            await client.set((HIGH, LOW)[index % 2])
        return Requests(tuple(each / 1e9 for each in client.took_ns), tuple(seen_s))
    finally:
        await client.control.close()


async def _steady_bps(client: _Client, ratio: Ratio) -> float:
    """The rate of the third report after the change: the first may be of before, the second of both."""
    await client.set(ratio)
    _drain(client)
    reports = [await client.rates.get() for _ in range(3)]
    return reports[-1][1]


async def _effect(client: _Client, ratio: Ratio, middle_bps: float) -> float:
    """From the request, at any moment of a report period, to the first report that shows it."""
    await asyncio.sleep(_phase.random() * PERIOD_S)
    _drain(client)
    began_s = time.monotonic()
    await client.set(ratio)
    while True:
        at_s, rate_bps = await client.rates.get()
        if (rate_bps > middle_bps) == (ratio is HIGH):
            return at_s - began_s


def _drain(client: _Client) -> None:
    while not client.rates.empty():
        client.rates.get_nowait()
