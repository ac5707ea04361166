"""The lists that SMF and AMF of Open5GS show beside their metrics, of PDU sessions that a PCF simulator knows.

Shapes, names and paging are the original's; a UE without radio is idle. Pure; `InfoServer` serves them over HTTP/1.
"""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from lab.ran.pcf_simulator import Flow, PduSession

HOST = "127.0.0.1"
MOST_PER_PAGE = 100
RING = 1_024
"""Numbers of connections: an index of a ring, which says nothing of who came first."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A PDU session with its flows, and the UE's number at its gNB, if it is connected."""

    session: PduSession
    flows: Sequence[Flow]
    ran_ue_ngap_id: int | None = None
    located_us: int = 0
    """When it was heard last, UTC; 0: just now."""


def pdu_items(listed: Iterable[Listed]) -> list[dict[str, Any]]:
    """As `smf_dump_pdu_info` has them: one item a subscriber, one object a session."""
    items: dict[str, dict[str, Any]] = {}
    for one in listed:
        session, active = one.session, one.ran_ue_ngap_id is not None
        item = items.setdefault(session.supi, {"supi": session.supi, "pdu": [], "ue_activity": "idle"})
        if active:
            item["ue_activity"] = "active"
        addresses = {"ipv4": session.ipv4, "ipv6": session.ipv6}
        item["pdu"].append({
            "psi": session.psi,
            "dnn": session.dnn,
            **{name: address for name, address in addresses.items() if address},
            "snssai": {"sst": session.sst, "sd": session.sd},
            "qos_flows": [{"qfi": qfi, "5qi": flow.qos_index} for qfi, flow in enumerate(one.flows, 1)],
            "n3": {"gnb": {"teid": 76, "addr": "[192.168.168.100]:2152"}},
            "pdu_state": "active" if active else "inactive",
            "ue_location_timestamp": 1778223227627488,
        })  # fmt: skip
    return list(items.values())


def ue_items(listed: Iterable[Listed]) -> list[dict[str, Any]]:
    """As `amf_dump_ue_info` has them, shortened."""
    items: dict[str, dict[str, Any]] = {}
    for index, one in enumerate(listed):
        connected = one.ran_ue_ngap_id is not None
        gnb = {
            "ostream_id": 1,
            "amf_ue_ngap_id": RING - index,
            "ran_ue_ngap_id": one.ran_ue_ngap_id,
            "gnb_id": 411,
            "cell_id": 0,
        }
        items[one.session.supi] = {
            "supi": one.session.supi,
            "cm_state": "connected" if connected else "idle",
            "gnb": gnb if connected else {"ostream_id": 0, "status": "not-connected"},
            "location": {"timestamp": one.located_us or time.time_ns() // 1_000},
            "ambr": {"downlink": 1_000_000_000, "uplink": 1_000_000_000},
        }
    return list(items.values())


def write_page(items: Sequence[dict[str, Any]], path: str, page: int, page_size: int) -> bytes:
    """One page, and where the next one is, if there is one."""
    size = min(page_size or MOST_PER_PAGE, MOST_PER_PAGE)
    shown = list(items[page * size : (page + 1) * size])
    pager: dict[str, Any] = {"page": page, "page_size": size, "count": len(shown)}
    if len(items) > (page + 1) * size:
        pager["next"] = f"{path}?page={page + 1}&page_size={size}"
    return json.dumps({"items": shown, "pager": pager}).encode()


class InfoServer:
    """Both lists on one port of `host` while the block runs; `listed` is asked for each page."""

    def __init__(self, listed: Callable[[], Iterable[Listed]], host: str = HOST, port: int = 0) -> None:
        self.host, self.port = host, port
        self.asked: list[str] = []
        """Every path."""
        self._listed = listed
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None, "it was not started"
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, which ends with the server, too: whoever asked may be gone without a word."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._serving.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.split(" ")[1])
        match = re.match(r"GET (/pdu-info|/ue-info)\?page=(\d+)&page_size=(\d+) HTTP/1", head)
        if match is None:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            items = pdu_items(self._listed()) if match[1] == "/pdu-info" else ue_items(self._listed())
            body = write_page(items, match[1], int(match[2]), int(match[3]))
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body
            )
        await writer.drain()
        writer.close()
        await writer.wait_closed()
