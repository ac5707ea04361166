"""The compose lab `apd` without its images: apd, shop and buyer as the files start them, at the addresses of the files.

Core, gNB and UE are the simulators of lab/ran; all but the UE stand in one namespace, as they would behind one bridge.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

import pytest
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from lab.compose import bought_slice
from lab.compose.__main__ import main
from lab.compose.shop import Place, open_shop
from lab.compose.sold_slice import BUYER, compose_lab, run
from lab.compose.subscribers import LOBBY, SLOT_1
from lab.namespaces import Namespace, Port, namespaces, plug
from lab.ran.core_lists import InfoServer, Listed
from lab.ran.gnb_simulator import GnbSettings, GnbSimulator, running_gnb
from lab.ran.http2_server import Http2Server
from lab.ran.pcf_simulator import PcfSimulator, PduSession
from lab.ran.subscriber_store import SubscriberStore
from ran_slicing.bson import read_document
from ran_slicing.snssai import Snssai, format_sd
from ran_slicing.store_address import StoreAddress
from ran_slicing.subscriber import COLLECTION
from tests.lab.compose.simulated_lab import Air, new_cell

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "lab/compose"
AMF, SMF, PCF, UPF, STORE, GNB, SHOP = (f"10.53.1.{last}" for last in (12, 13, 17, 20, 30, 40, 60))
UE = "10.45.0.2"


class Cell:
    """Core and gNB, in a loop of their own, which `begin` started."""

    def __init__(self) -> None:
        self.ready, self.over = threading.Event(), asyncio.Event()
        self.gnb: GnbSimulator
        self.pcf: PcfSimulator
        self.lists: InfoServer
        self.loop: asyncio.AbstractEventLoop

    def begin(self) -> threading.Thread:
        """In the namespace of whoever calls."""
        thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="cell", daemon=True)
        thread.start()
        return thread

    async def _live(self) -> None:
        with MongoClient[RawBSONDocument](f"mongodb://{STORE}/", document_class=RawBSONDocument) as client:
            self.pcf = PcfSimulator(lambda imsi: _document(client, imsi))
            self.attach(LOBBY)
            self.loop = asyncio.get_running_loop()

            def listed() -> list[Listed]:
                return [Listed(session, self.pcf.flows(session), 7) for session in self.pcf.sessions]

            settings = GnbSettings(du_report_period_ms=100, host=GNB, port=8001)
            async with (
                InfoServer(listed, SMF, 9090) as self.lists,
                InfoServer(listed, AMF, 9090),
                Http2Server(self.pcf.answer, host=PCF, port=7777),
                running_gnb(new_cell, settings) as self.gnb,
            ):
                transport, _ = await self.loop.create_datagram_endpoint(
                    lambda: Air(lambda: self.gnb.cell), (UPF, 9401)
                )
                self.ready.set()
                await self.over.wait()
                transport.close()

    def attach(self, snssai: Snssai) -> None:
        """The UE registers, and has a session in this slice."""
        self.pcf.sessions[:] = [PduSession(BUYER, snssai.sst, format_sd(snssai.sd), "internet", UE)]

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.over.set)


def _document(client: MongoClient[RawBSONDocument], imsi: str) -> Any:
    found = client["open5gs"][COLLECTION].find_one({"imsi": imsi})
    return None if found is None else read_document(bytes(found.raw))


@contextlib.contextmanager
def running_cell(box: Namespace, folder: Path) -> Iterator[Cell]:
    with ExitStack() as stack:
        store = SubscriberStore(folder, StoreAddress(STORE, 27_017, "open5gs"))
        box.call(lambda: stack.enter_context(store))
        stored = box.call(
            lambda: main(["subscribers", "--store", f"mongodb://{STORE}/open5gs", "--one-slice"])
        )
        assert stored == 0
        cell = Cell()
        thread = box.call(cell.begin)
        assert cell.ready.wait(20)
        try:
            yield cell
        finally:
            cell.end()
            thread.join(20)


def buy_as_run_sh_does(ues: Namespace, wallet: Path) -> tuple[int, dict[str, Any]]:
    (line,) = re.findall(r"python3 (airgrant.py buy .*?)\n}", (COMPOSE / "run.sh").read_text(), re.DOTALL)
    words = line.replace("\\\n", " ").replace("/shop/buyer.pem", str(wallet)).split()
    done = subprocess.run(
        ues.argv([sys.executable, *words]), cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.returncode, json.loads(done.stdout)


def test_a_ue_buys_is_moved_comes_back_and_has_its_floor(
    needs: Callable[..., None],
    go_program: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    needs("mosquitto", "ip", "nft")
    go_program("ferretdb")
    place = Place(tmp_path / "shop", gnb=COMPOSE / "srsran/gnb.yaml", remote=COMPOSE / "apd/remote.yaml")
    with namespaces() as make, ExitStack() as stack:
        box, ues = make("compose-lab"), make("compose-ues")
        plug(
            Port(box, "ogstun", addresses=(IPv4Interface("10.45.0.1/16"),)),
            Port(ues, "tun_srsue", addresses=(IPv4Interface(f"{UE}/16"),)),
        )
        box.ip(*(f"addr add {address}/32 dev lo" for address in (AMF, SMF, PCF, UPF, STORE, GNB, SHOP)))
        cell = stack.enter_context(running_cell(box, tmp_path / "store"))
        household = box.call(lambda: stack.enter_context(open_shop(place)))
        apd = household.start("apd", [sys.executable, "-m", "apd", "run", place.apd], namespace=box)

        def status() -> dict[str, Any]:
            words = [
                sys.executable,
                "-m",
                "apd",
                "status",
                "--json",
                "--socket",
                str(place.folder / "apd.sock"),
            ]
            said = subprocess.run(words, capture_output=True, text=True, check=False)
            found: dict[str, Any] = json.loads(said.stdout) if said.returncode == 0 else {}
            return found

        apd.wait_for(lambda: status().get("enrolled") is True, "the ledger knows its meter", 20)
        apd.wait_for(lambda: status().get("offer") is not None, "it has an offer", 20)
        apd.wait_for(lambda: "core_connected" in apd.said and "gnb_connected" in apd.said, "the cell", 20)
        code, said = buy_as_run_sh_does(ues, place.wallet)
        assert (code, said["reason"]) == (1, "other_slice"), said
        cell.attach(SLOT_1)
        looked = len(cell.lists.asked)
        apd.wait_for(lambda: len(cell.lists.asked) > looked + 1, "apd looks again", 20)
        code, said = buy_as_run_sh_does(ues, place.wallet)
        assert code == 0, said
        assert said["charged_ubc"] is None, "it was paid for"
        found = cell.gnb.cell.find_slice((SLOT_1.sst, SLOT_1.sd))
        assert found is not None
        assert found.min_prb > 0
        assert box.call(lambda: run(compose_lab("apd"), bought_slice.play)) == 0
        apd.stop()
    told = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in told[1:4]] == ["ok  "] * 3
    assert "sold 2.00 Mbit/s, each second got" in told[3]
