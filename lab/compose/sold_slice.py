"""One sold slice in a running lab, end to end: before the sale, during it, after it. Prints what it measured.

    srsran      the slot is blocked at the gNB; a floor is sold, the gNB and the core are told, and the UE gets it in
                every second; it ends, and the slot is blocked again
    ueransim    there is no radio to be told: the core makes the flow for the buyer, and for nobody else, and ends it

Exit status: 0 everything held, 1 something did not, and it says what.   Units: bit/s of UDP payload, seconds.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from lab.compose.box import Box, running_box
from lab.compose.load import Address, Order, read_count, write_order
from lab.compose.subscribers import LOBBY, SLOT_1, SLOT_2
from ran_slicing import cell
from ran_slicing.core_plan import Service
from ran_slicing.core_settings import CoreSettings
from ran_slicing.gnb_config import read_gnb_files, refuse_fatal
from ran_slicing.n5 import AppSession, Rates
from ran_slicing.settings import CellSettings
from ran_slicing.snssai import Snssai
from wire.errors import ConfigError, ShellError

BUYER, STRANGER = "imsi-001010000000001", "imsi-001010000000002"
FLOOR_BPS, OFFERED_BPS = 2_000_000, 4_000_000
RATES = Rates(FLOOR_BPS, 200_000, 2 * OFFERED_BPS, 1_000_000)
ENOUGH = 0.95
"""Of the floor, in each second."""
LEAK = 0.05
"""What may pass a blocked slot, of what is offered: what was under way."""
MEDIA_5QI = 2


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a UE may take to appear and the core to answer; what passes before the rate counts; how long it is
    measured. Whole seconds.
    """

    appear_s: int = 60
    answer_s: int = 20
    settle_s: int = 3
    measure_s: int = 6


@dataclass(frozen=True, slots=True)
class Lab:
    """Where the parts are. `gnb_file` is None where the gNB cannot be told anything."""

    core: CoreSettings
    counts: Address
    source: Address
    gnb_file: Path | None
    remote: Address | None = None
    pace: Pace = Pace()


def compose_lab(name: str) -> Lab:
    """Of the compose files, as seen from the service `airgrant`."""
    core = CoreSettings(
        pcf_host="10.53.1.17",
        smf_host="10.53.1.13",
        amf_host="10.53.1.12",
        store_uri="mongodb://10.53.1.30/open5gs",
        notification_uri="http://10.53.1.40:18574/n5",
        look_s=1,
    )
    gnb_file = Path("/etc/airgrant/gnb.yaml") if name == "srsran" else None
    return Lab(core, ("10.53.1.40", 9400), ("10.53.1.20", 9401), gnb_file)


def read_cell(file: Path) -> tuple[cell.State, Address]:
    """A cell that sells both slots of the gNB's file, and its remote control. Raises ConfigError."""
    config, findings = read_gnb_files([(str(file), file.read_text())])
    refuse_fatal(findings)
    settings = CellSettings(gnb_files=(file,), slots=(str(SLOT_1), str(SLOT_2)))
    return cell.start(settings, config), (config.host, config.port)


Story = Callable[[Lab], Coroutine[Any, Any, Sequence[str]]]
"""What did not hold, once it is told. Raises ShellError and ConfigError where it cannot go on."""


class Verdicts:
    """What held and what did not, as it is told."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def note(self, holds: object, what: str) -> None:
        print(f"{'ok  ' if holds else 'FAIL'}  {what}", flush=True)
        if not holds:
            self.failed.append(what)


class Meter:
    """Traffic to one UE while it is asked for, and the sink's count of it."""

    def __init__(self, lab: Lab, ear: socket.socket, ue: IPv4Address) -> None:
        self._lab, self._ear, self._ue = lab, ear, ue
        self.received_bytes = 0

    async def seconds(self, box: Box, count: int) -> list[int]:
        """Offer OFFERED_BPS for so many seconds; the payload of each, bit/s."""
        loop, rates = asyncio.get_running_loop(), []
        for _ in range(count):
            begin, until = self.received_bytes, loop.time() + 1.0
            while (left_s := until - loop.time()) > 0:
                self._ear.sendto(write_order(Order(str(self._ue), OFFERED_BPS)), self._lab.source)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left_s, 0.25)):
                        self._take(await loop.sock_recv(self._ear, 1_000), box)
            rates.append(8 * (self.received_bytes - begin))
        return rates

    def _take(self, message: bytes, box: Box) -> None:
        count = read_count(message)
        if count is not None:
            self.received_bytes = count
            box.count(count)


@contextlib.asynccontextmanager
async def metering(lab: Lab, ue: IPv4Address) -> AsyncIterator[Meter]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.setblocking(False)
        ear.bind(lab.counts)
        yield Meter(lab, ear, ue)


async def play(lab: Lab) -> Sequence[str]:
    """The story; what did not hold. Raises ShellError and ConfigError where it cannot go on."""
    verdicts = Verdicts()
    state, gnb = (None, None) if lab.gnb_file is None else read_cell(lab.gnb_file)
    async with running_box(lab.core, state, lab.remote or gnb) as box:
        await box.until(
            lambda: box.stay(BUYER, SLOT_1), f"{BUYER} has a session in slot {SLOT_1}", lab.pace.appear_s
        )
        stay = box.stay(BUYER, SLOT_1)
        assert stay is not None
        assert stay.ipv4 is not None
        verdicts.note(True, f"{BUYER} is {stay.ipv4} in slot {SLOT_1}")
        async with metering(lab, stay.ipv4) as meter:
            if state is not None:
                await _see_blocked(box, meter, verdicts, lab.pace, "before the sale")
            session = AppSession(stay.ipv4, BUYER, SLOT_1, stay.dnn, RATES)
            box.sell(session, SLOT_1)
            await _see_sold(box, meter, verdicts, lab.pace, radio=state is not None)
            box.end()
            await _see_flow_gone(box, verdicts, lab.pace)
            if state is not None:
                await _see_blocked(box, meter, verdicts, lab.pace, "after the sale")
    return verdicts.failed


async def _see_blocked(box: Box, meter: Meter, verdicts: Verdicts, pace: Pace, when: str) -> None:
    await meter.seconds(box, pace.settle_s)
    rates = await meter.seconds(box, 2)
    verdicts.note(
        max(rates) <= LEAK * OFFERED_BPS, f"{when} the slot carries {_mbps(rates)} of {_mbps([OFFERED_BPS])}"
    )


async def _see_sold(box: Box, meter: Meter, verdicts: Verdicts, pace: Pace, *, radio: bool) -> None:
    await box.until(lambda: box.service is Service.CONFIRMED, "the core shows the flow", pace.answer_s)
    see_flows(box, verdicts, SLOT_1)
    await see_floor(box, meter, verdicts, pace, ENOUGH * FLOOR_BPS if radio else 1)
    if radio:
        taken = [] if box.cell is None else box.cell.taken
        took_ms = max((word.took_ns for word in taken), default=0) / 1e6
        verdicts.note(
            taken, f"the gNB took {len(taken)} changes of the slot, the slowest in {took_ms:.1f} ms"
        )


def see_flows(box: Box, verdicts: Verdicts, snssai: Snssai) -> None:
    """The buyer, in this slot, has a flow that guarantees a rate; nobody else has."""
    stay = box.stay(BUYER, snssai)
    verdicts.note(
        stay and stay.flows_of(MEDIA_5QI) == 1, f"the core gives the buyer one flow of 5QI {MEDIA_5QI}"
    )
    stranger = box.stay(STRANGER, LOBBY)
    if stranger is not None:
        verdicts.note(stranger.flows_of(MEDIA_5QI) == 0, "and nobody else")


async def see_floor(box: Box, meter: Meter, verdicts: Verdicts, pace: Pace, least_bps: float) -> None:
    """What arrives in each second, once the loop had its time."""
    await meter.seconds(box, pace.settle_s)
    rates = await meter.seconds(box, pace.measure_s)
    verdicts.note(min(rates) >= least_bps, f"sold {_mbps([FLOOR_BPS])}, each second got {_mbps(rates)}")


async def _see_flow_gone(box: Box, verdicts: Verdicts, pace: Pace) -> None:
    def is_gone() -> bool:
        stay = box.stay(BUYER, SLOT_1)
        return stay is not None and stay.flows_of(MEDIA_5QI) == 0

    await box.until(is_gone, "the core ends the flow", pace.answer_s)
    verdicts.note(True, "it is over: the core shows the flow no more")


def _mbps(rates: Sequence[int]) -> str:
    low, high = min(rates) / 1e6, max(rates) / 1e6
    return f"{low:.2f} Mbit/s" if low == high else f"{low:.2f} to {high:.2f} Mbit/s"


def run(lab: Lab, story: Story = play) -> int:
    """The exit status."""
    try:
        failed = asyncio.run(story(lab))
    except (ShellError, ConfigError) as error:
        print(f"FAIL  {error}", flush=True)
        return 1
    print(f"{len(failed)} of these did not hold." if failed else "A slice was sold, and kept.", flush=True)
    return 1 if failed else 0
