"""All that the compose files would start, as simulators on the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from lab.compose.load import read_order, write_count
from lab.compose.sold_slice import BUYER, STRANGER, Lab
from lab.compose.subscribers import LOBBY, SLOT_1, store_subscribers
from lab.ran.cell_model import FDD, Cell
from lab.ran.core_lists import HOST, InfoServer, Listed
from lab.ran.fading import STATIC
from lab.ran.gnb_simulator import GnbSettings, running_gnb
from lab.ran.http2_server import Http2Server
from lab.ran.pcf_simulator import PcfSimulator, PduSession
from lab.ran.sources import steady
from ran_slicing.bson import read_document
from ran_slicing.core_settings import CoreSettings
from ran_slicing.snssai import format_sd
from ran_slicing.store_address import StoreAddress
from ran_slicing.subscriber import COLLECTION

GNB_FILE = Path(__file__).parents[3] / "lab/compose/srsran/gnb.yaml"
BUYERS_RNTI = 0x4601


def new_cell() -> Cell:
    cell = Cell(FDD, 1)
    for slot in (LOBBY, SLOT_1, replace(SLOT_1, sd=2)):
        assert slot.sd is not None
        cell.add_slice((slot.sst, slot.sd), 0, FDD.prbs)
    cell.add_ue(BUYERS_RNTI, (1, 1), 18.0, STATIC, steady(4e6, 0))
    return cell


@dataclass
class Air(asyncio.DatagramProtocol):
    """Source and sink at once: while traffic is ordered, it says what the cell's UE has got."""

    cell: Callable[[], Cell]
    orders: int = 0
    sees_all: bool = True
    """Or only a quarter of what the UE got."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)  # before Python 3.12 it is none by name

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        assert read_order(data) is not None
        self.orders += 1
        bits = self.cell().ues[BUYERS_RNTI].tally.delivered_bits
        self.transport.sendto(write_count(bits // (8 if self.sees_all else 32)), addr)


@contextlib.asynccontextmanager
async def simulated(
    store: StoreAddress, *, radio: bool, rules: bool = True, sees_all: bool = True
) -> AsyncIterator[Lab]:
    """All that compose would start, on the loopback."""
    await store_subscribers(store)
    uri = f"mongodb://{store.host}:{store.port}/"
    client = MongoClient[RawBSONDocument](
        uri, document_class=RawBSONDocument
    )  # as the PCF has its own driver

    def subscriber(imsi: str) -> Any:
        found = client[store.database][COLLECTION].find_one({"imsi": imsi})
        return None if found is None else read_document(bytes(found.raw))

    pcf = PcfSimulator(subscriber)
    pcf.sessions += [
        PduSession(BUYER, 1, format_sd(SLOT_1.sd), "internet", "10.45.0.2"),
        PduSession(STRANGER, 1, format_sd(LOBBY.sd), "internet", "10.45.0.3"),
    ]
    lists = InfoServer(lambda: [Listed(session, pcf.flows(session), 7) for session in pcf.sessions])
    settings = GnbSettings(du_report_period_ms=100)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(client)
        server = await stack.enter_async_context(Http2Server(pcf.answer))
        await stack.enter_async_context(lists)
        gnb = await stack.enter_async_context(running_gnb(new_cell, settings))
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Air(lambda: gnb.cell, sees_all=sees_all), (HOST, 0)
        )
        stack.callback(transport.close)
        core = CoreSettings(
            pcf_host=HOST,
            pcf_port=server.port,
            smf_host=HOST,
            smf_metrics_port=lists.port,
            store_uri=f"{uri}{store.database}",
            look_s=1,
        )
        source = transport.get_extra_info("sockname")
        yield Lab(
            core,
            (HOST, free_udp_port()),
            source,
            GNB_FILE if radio else None,
            (HOST, gnb.port) if radio else None,
        )


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
