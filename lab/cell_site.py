"""A small cell around one box: `python -m apd run` with [cell], a gNB without a radio, a core that lists its UEs.

The box's cable is the user plane: at its other end are the UEs, each an address on one interface. gNB, PCF, the lists
of SMF and AMF and, where a program for it was built, the store of subscribers run in the box's namespace, as on a real
box. The played ledger of lab/box.py sells. Run it only inside the lab's sandbox.
"""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeVar

from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from lab.box import BOX_MAC, INTERFACE, BoxSite, box_site
from lab.ran.cell_model import Carrier, Cell, Slice
from lab.ran.core_lists import HOST, InfoServer, Listed
from lab.ran.fading import STATIC
from lab.ran.gnb_file import format_gnb_file, slots_of
from lab.ran.gnb_simulator import GnbSettings, GnbSimulator, running_gnb
from lab.ran.http2_server import Http2Server
from lab.ran.pcf_simulator import PcfSimulator, PduSession, Subscriber
from lab.ran.subscriber_store import PROGRAM
from nas_tunnel.lobby import PORT, Announcement, Discover, Join, Leave, LobbyMessage, read_lobby, write_lobby
from ran_slicing.bson import read_document
from ran_slicing.snssai import Snssai, format_sd, parse_sd
from wire.errors import ShellError
from wire.grant import Grant, write_grant
from wire.ids import MacAddress
from wire.join_request import JoinPurpose, JoinRequest, write_join_request

T = TypeVar("T")
BOX_ADDRESS = "10.45.0.1"
LOBBY = Snssai(1, 0xBB)
ANSWER_DEADLINE_S = 12.0
SLOTS = 2
READY_DEADLINE_S = 20.0


def ue_address(number: int) -> IPv4Address:
    """10.45.0.2 is UE 1's."""
    return IPv4Address(f"10.45.0.{number + 1}")


def supi(number: int) -> str:
    return f"imsi-{1_010_000_000_000 + number:015d}"


@dataclass(slots=True)
class CoreHouse:
    """gNB and core, in a thread with a loop of its own."""

    gnb: GnbSimulator
    pcf: PcfSimulator
    lists: InfoServer
    pcf_server: Http2Server
    loop: asyncio.AbstractEventLoop
    subscribers: dict[str, Subscriber] = field(default_factory=dict)
    """Where no store runs."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(READY_DEADLINE_S)

    def call(self, function: Callable[[], T]) -> T:
        """In the loop, between two of its steps."""

        async def inside() -> T:
            return function()

        return self.run(inside())

    def attach(self, number: int, slice_: Snssai, address: IPv4Address | None = None) -> None:
        """UE `number` has a session in this slice, and no other."""
        self.detach(number)
        session = PduSession(
            supi(number), slice_.sst, format_sd(slice_.sd), "internet", str(address or ue_address(number))
        )
        self.call(lambda: self.pcf.sessions.append(session))

    def detach(self, number: int) -> None:
        kept = [session for session in self.pcf.sessions if session.supi != supi(number)]
        self.call(lambda: self.pcf.sessions.__setitem__(slice(None), kept))

    def slice(self, snssai: Snssai) -> Slice:
        """What the gNB's scheduler has of it now."""
        found = self.gnb.cell.find_slice((snssai.sst, snssai.sd))
        assert found is not None, f"{snssai} does not stand in the gNB's file"
        return found


@dataclass(slots=True)
class CellSite:
    """The box, its cell, and what UEs say."""

    box: BoxSite
    house: CoreHouse
    store: str
    """The URI of the store of subscribers."""

    def join(self, grant: Grant, ue: int = 1, *, named: IPv4Address | None = None) -> LobbyMessage:
        """What the box answers to this grant, from UE `ue`, which names itself unless `named` is said."""
        shown = write_grant(grant, self.box.ledger.key, self.box.ledger.ledger_id)
        request = self._request(JoinPurpose.JOIN, grant, ue, named)
        return self.ask(Join(shown, request), ue)

    def leave(self, grant: Grant, ue: int = 1) -> LobbyMessage:
        return self.ask(Leave(grant.grant_id, self._request(JoinPurpose.LEAVE, grant, ue, None)), ue)

    def _request(self, purpose: JoinPurpose, grant: Grant, ue: int, named: IPv4Address | None) -> bytes:
        announcement = self.ask(Discover(), ue)
        if not isinstance(announcement, Announcement):
            raise ShellError("lobby", f"nothing on offer: {announcement}")
        request = JoinRequest(
            purpose=purpose,
            grant_id=grant.grant_id,
            station=named or ue_address(ue),
            bssid=MacAddress.parse(BOX_MAC),
            challenge=announcement.challenge,
        )
        return write_join_request(request, self.box.consumer)

    def ask(self, message: LobbyMessage, ue: int = 1) -> LobbyMessage:
        """Say something in the lobby from a UE's address; the answer, asked for again meanwhile."""
        with self.box.station.call(lambda: _open(ue)) as lobby:
            deadline_s = time.monotonic() + ANSWER_DEADLINE_S
            while time.monotonic() < deadline_s:
                if self.is_blocked(ue):
                    time.sleep(0.1)  # the cell carries nothing of it, as a radio would
                    continue
                lobby.sendto(write_lobby(message), (BOX_ADDRESS, PORT))
                with contextlib.suppress(TimeoutError):
                    return read_lobby(lobby.recv(2_048))
        raise ShellError("lobby", f"no answer to {type(message).__name__} within {ANSWER_DEADLINE_S} s")

    def is_blocked(self, ue: int) -> bool:
        """Whether every slice in which it has a session may use nothing of the cell."""
        slices = [
            Snssai(one.sst, parse_sd(one.sd)) for one in self.house.pcf.sessions if one.supi == supi(ue)
        ]
        return bool(slices) and all(self.house.slice(one).max_prb == 0 for one in slices)

    def send_down(self, ue: int, packets: int, payload_bytes: int = 1_000) -> int:
        """Datagrams to a UE; the octets of the IP packets that the box let pass."""
        passed = 0
        target = (str(ue_address(ue)), 9_000)
        with self.box.namespace.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            for _ in range(packets):
                with contextlib.suppress(PermissionError):  # it may reach the lobby only
                    passed += 28 + sender.sendto(bytes(payload_bytes), target)
        return passed


def _open(ue: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((str(ue_address(ue)), 0))
    opened.settimeout(2.0)
    return opened


@contextlib.contextmanager
def cell_site(folder: Path, *, ues: int = 3, settings: str = "", store: bool = False) -> Iterator[CellSite]:
    """The site for the length of a block; apd is not started yet. With `store` a store of subscribers runs, with a
    document of each UE's subscriber in the lobby's slice.
    """
    with box_site(folder, settings=settings) as box, contextlib.ExitStack() as stack:
        addresses = [f"addr add {BOX_ADDRESS}/16 dev {INTERFACE}"]
        box.namespace.ip(*addresses)
        box.station.ip(*(f"addr add {ue_address(number + 1)}/16 dev {INTERFACE}" for number in range(ues)))
        uri = stack.enter_context(_store(box, ues)) if store else "mongodb://127.0.0.1:1/open5gs"
        house = stack.enter_context(_house(box, uri if store else ""))
        _rewrite_config(box, house, uri)
        try:
            yield CellSite(box, house, uri)
        finally:  # first who connects, then who is connected to
            if box.apd is not None and box.apd.running:
                box.apd.stop()


@contextlib.contextmanager
def _house(box: BoxSite, store: str) -> Iterator[CoreHouse]:
    started: list[CoreHouse] = []
    ready, over = threading.Event(), asyncio.Event()

    async def live() -> None:
        documents: dict[str, Subscriber] = {}
        client = MongoClient[RawBSONDocument](store, document_class=RawBSONDocument) if store else None

        def subscriber(imsi: str) -> Subscriber | None:
            if client is None:
                return documents.get(imsi)
            found = client["open5gs"]["subscribers"].find_one({"imsi": imsi})
            return None if found is None else read_document(bytes(found.raw))

        pcf = PcfSimulator(subscriber)
        lists = InfoServer(lambda: [Listed(session, pcf.flows(session), 7) for session in pcf.sessions])
        server = Http2Server(pcf.answer)
        settings = GnbSettings(du_report_period_ms=100)
        async with running_gnb(_new_cell, settings) as gnb, lists, server:
            started.append(CoreHouse(gnb, pcf, lists, server, asyncio.get_running_loop(), documents))
            ready.set()
            await over.wait()
        if client is not None:
            client.close()

    thread = box.namespace.call(lambda: _start(lambda: asyncio.run(live())))
    if not ready.wait(READY_DEADLINE_S):
        raise ShellError("cell site", "gNB and core did not start")
    try:
        yield started[0]
    finally:
        started[0].loop.call_soon_threadsafe(over.set)
        thread.join(READY_DEADLINE_S)


def _start(work: Callable[[], None]) -> threading.Thread:
    """It stays in the namespace of whoever starts it."""
    thread = threading.Thread(target=work, name="core-house", daemon=True)
    thread.start()
    return thread


def _new_cell() -> Cell:
    """A slot for each of two buyers, and a UE in each."""
    cell = Cell(Carrier(), 1)
    for number, snssai in enumerate([*slots_of(SLOTS), LOBBY]):
        name = (snssai.sst, snssai.sd)
        cell.add_slice(name, 0, 1)
        cell.add_ue(0x4601 + number, name, 20.0, STATIC)
    return cell


@contextlib.contextmanager
def _store(box: BoxSite, ues: int) -> Iterator[str]:
    documents = box.folder / "documents"
    documents.mkdir(parents=True)
    child = box.household.start("ferretdb", [PROGRAM, documents, f"{HOST}:0"], namespace=box.namespace)
    port = child.wait_for_line(r"^mongodb://[^:]+:(\d+)/")[1]
    uri = f"mongodb://{HOST}:{port}/"

    def fill() -> None:
        with MongoClient[dict[str, Any]](uri) as client:
            client["open5gs"]["subscribers"].insert_many([_document(number + 1) for number in range(ues)])

    box.namespace.call(fill)
    yield f"{uri}open5gs"
    child.stop()


def _document(number: int) -> dict[str, Any]:
    session = {"name": "internet", "type": 1, "qos": {"index": 9}}
    slices = [{"sst": LOBBY.sst, "sd": format_sd(LOBBY.sd), "default_indicator": True, "session": [session]}]
    return {"imsi": supi(number).removeprefix("imsi-"), "slice": slices}


def slice_of_document(site: CellSite, number: int) -> str:
    """The differentiator in a subscriber's document, as the core would read it."""

    def find() -> Mapping[str, Any]:
        with MongoClient[dict[str, Any]](site.store.removesuffix("open5gs")) as client:
            imsi = supi(number).removeprefix("imsi-")
            found = client["open5gs"]["subscribers"].find_one({"imsi": imsi})
        assert found is not None, f"no subscriber {number}"
        return found

    return str(site.box.namespace.call(find)["slice"][0]["sd"])


def _rewrite_config(box: BoxSite, house: CoreHouse, store: str) -> None:
    """The box's file with [cell] in place of [shaper], and the gNB's file beside it."""
    (box.folder / "gnb.yml").write_text(format_gnb_file([*slots_of(SLOTS), LOBBY], house.gnb.port))
    head, _, rest = box.config.read_text().partition("[shaper]")
    tail = rest[rest.index("[ledger]") :]
    slots = ", ".join(f'"{snssai}"' for snssai in slots_of(SLOTS))
    cell = f"""\
[cell]
gnb_files = ["gnb.yml"]
slots = [{slots}]

[cell.user_plane]
interface = "{INTERFACE}"
lobby_slice = "{LOBBY}"

[cell.core]
pcf_host = "{HOST}"
pcf_port = {house.pcf_server.port}
smf_host = "{HOST}"
smf_metrics_port = {house.lists.port}
amf_host = "{HOST}"
amf_metrics_port = {house.lists.port}
store_uri = "{store}"
look_s = 1

"""
    head = head.replace("[box]", f'[box]\nbssid = "{BOX_MAC}"')
    box.config.write_text(head + cell + tail)
