"""`airgrant bid` on a real cable, for people and for scripts: who wins is in, who loses is told, who is cut off asks.

The other side is the seller of the playbook, and the fake access point for the way in; `make lab-auction` has the real
ones.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from device.bid_cli import bid, keep_bid, place_bid
from device.bidding import MakeBid, Placed
from device.console import DONE, NO, WORLD
from device.fake_access_point import FakeAccessPoint
from device.keeping import kept_folder, load_kept
from device.wallet import Wallet, create_wallet
from nas_tunnel.lobby import (
    GROUP,
    MAX_LOBBY_BYTES,
    PORT,
    AskBid,
    Discover,
    Join,
    Leave,
    Purchase,
    read_lobby,
    write_lobby,
)
from tests.cable import cable_between
from tests.device.bidding_world import BAND, LEDGER, LEDGER_ID, PINNED, PROVIDER, QOS, Seller, auction
from wire.auction import write_auction
from wire.auction_receipt import Status
from wire.grant import grant_id_of

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

INTERFACE, OTHER_END = "bidsta0", "bidap0"
WORDS = ["--down", "3M", "--up", "1M", "--for", "40s", "--worth", "0.09", "--over", "lobby"]
APART_S, AUCTIONS = 4, 20
"""Two seconds until no more bids are taken, and two more; who starts slowly bids in one of the next."""


@pytest.fixture(scope="module")
def cable() -> Iterator[None]:
    with cable_between(INTERFACE, OTHER_END):
        yield


@dataclass
class Shop:
    """`seller` for auctions, `door` for the way in."""

    wallet: Wallet
    seller: Seller
    door: FakeAccessPoint

    def answer(self, data: bytes) -> bytes | None:
        message = read_lobby(data)
        if isinstance(message, Discover | Join | Leave):
            return self.door.answer(data)
        said = self.seller.answer(message, int(time.time()))
        return None if said is None else write_lobby(said)

    def hold(self) -> set[int]:
        """Auctions, one after the other; when they are cleared (UTC)."""
        first_s = int(time.time()) + APART_S
        clearings = [first_s + number * APART_S for number in range(AUCTIONS)]
        self.seller.held = [auction(at_s) for at_s in clearings]
        return set(clearings)

    def bid(self, *more: str) -> int:
        return bid(["--wallet", str(self.wallet.path), "--interface", INTERFACE, *WORDS, *more])

    def kept_bids(self) -> int:
        return len(list(kept_folder(self.wallet.path).glob("*.bid")))


@pytest.fixture
def shop(cable: None, tmp_path: Path) -> Iterator[Shop]:
    wallet = create_wallet(tmp_path / "wallet.pem", PINNED)
    door = FakeAccessPoint(wallet.account, lambda: int(time.time()), PROVIDER, LEDGER, LEDGER_ID)
    door.qos, door.band = QOS, BAND
    shop = Shop(wallet, Seller(held=[], consumer=wallet.key), door)
    stop, stopped = socket.socketpair()
    server = threading.Thread(target=_serve, args=(shop, stopped))
    server.start()
    yield shop
    stop.send(b"x")
    server.join(timeout=10)
    for end in (stop, stopped):
        end.close()
    assert not server.is_alive()


def _serve(shop: Shop, stop: socket.socket) -> None:
    index = socket.if_nametoindex(OTHER_END)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as lobby:
        lobby.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        lobby.bind(("::", PORT))
        membership = struct.pack("=16si", socket.inet_pton(socket.AF_INET6, GROUP), index)
        lobby.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
        lobby.settimeout(0.05)
        stop.setblocking(False)
        while not _is_over(stop):
            try:
                data, sender = lobby.recvfrom(MAX_LOBBY_BYTES + 1)
            except TimeoutError:
                continue
            answer = shop.answer(data)
            if answer is not None:
                lobby.sendto(answer, sender)


def _is_over(stop: socket.socket) -> bool:
    try:
        return bool(stop.recv(1))
    except BlockingIOError:
        return False


def test_who_wins_is_in_and_reads_what_he_paid(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.hold()
    assert shop.bid() == DONE
    said = capsys.readouterr()
    assert "3 x 2 (units x slots) for 0.04 BC, bid 0.09 BC" in said.out
    assert "at least 3 Mbit/s down and 1.5 Mbit/s up" in said.out
    assert "sealed to the house alone" in said.err
    (grant,) = load_kept(shop.wallet, int(time.time())).grants
    assert list(shop.door.joined) == [grant.grant.grant_id]
    assert shop.kept_bids() == 0


def test_who_loses_is_told_for_scripts_and_for_people(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.seller.word = (Status.CANCELLED, "outbid", "would have won with more than 0.1 BC", 100_000)
    clearings = shop.hold()
    assert shop.bid("--json") == NO
    page = json.loads(capsys.readouterr().out)
    assert (page["ok"], page["reason"], page["wins_above_ubc"]) == (False, "outbid", 100_000)
    assert (page["source"], page["units"], page["slots"]) == ("ledger", 3, 2)
    assert page["clearing_s"] in clearings
    assert bytes.fromhex(page["receipt"])
    shop.hold()
    assert shop.bid() == NO
    said = " ".join(capsys.readouterr().err.split())
    assert "no: outbid: 3 units for 2 slots" in said
    assert "more than 0.1 BC would have won" in said
    assert shop.kept_bids() == 0


def test_who_is_cut_off_asks_first_what_became_of_his_bid(
    shop: Shop, capsys: pytest.CaptureFixture[str], eventually
) -> None:
    """Interrupted between bid and word: the next command has what the first one paid for."""
    shop.seller.silent = {AskBid, Purchase}
    shop.hold()
    code = "import sys; from device.bid_cli import bid; sys.exit(bid(sys.argv[1:]))"
    words = ["--wallet", str(shop.wallet.path), "--interface", INTERFACE, *WORDS, "--json"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, env={**os.environ}, text=True
    ) as first:
        eventually(lambda: bool(shop.seller.taken), "the house has the bid", 30)
        eventually(lambda: shop.kept_bids() == 1, "and it is kept", 10)
        first.send_signal(signal.SIGINT)
        said, _ = first.communicate(timeout=30)
    page = json.loads(said)
    assert (first.returncode, page["reason"]) == (130, "interrupted")
    assert "cannot be withdrawn" in page["detail"]
    shop.seller.silent = set()
    assert shop.bid("--json") == DONE
    again = json.loads(capsys.readouterr().out)
    assert again["transaction"] == page["transaction"]
    assert list(shop.door.joined) == [bytes.fromhex(again["grant"])]
    assert shop.kept_bids() == 0


def _keep(shop: Shop, *clearings_s: int) -> list[Placed]:
    """Bids of before, of which nobody said what became of them."""
    shop.seller.held = [auction(at_s) for at_s in clearings_s]
    placed = [
        place_bid(MakeBid(one, write_auction(one, PROVIDER, LEDGER_ID), 90_000, 3, 2), shop.wallet)
        for one in shop.seller.held
    ]
    for one in placed:
        keep_bid(shop.wallet, one)
    return placed


def test_every_bid_before_is_asked_for(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Two that won: in with the one that lasts longer, and the other's grant is not lost."""
    now_s = int(time.time())
    _, longest = _keep(shop, now_s - 5, now_s - 3)
    shop.seller.taken |= {one.auction_id for one in shop.seller.held}
    assert shop.bid() == DONE
    said = capsys.readouterr()
    assert "for 0.04 BC, bid 0.09 BC" in said.out
    assert "another one has won for 0.04 BC: `airgrant buy --grant" in said.err
    grants = load_kept(shop.wallet, now_s).grants
    assert len(grants) == 2
    assert list(shop.door.joined) == [grant_id_of(longest.transaction_id)]
    assert shop.kept_bids() == 0
    assert len(list(kept_folder(shop.wallet.path).glob("*.receipt"))) == 2


def test_after_a_bid_that_never_ran_it_bids_anew(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    (never,) = _keep(shop, int(time.time()) - 15)
    held = shop.seller.held
    shop.hold()
    shop.seller.held = held + shop.seller.held
    assert shop.bid() == DONE
    said = capsys.readouterr()
    assert "the bid before: expired: the bid never ran, and nothing was charged" in said.err
    assert grant_id_of(never.transaction_id) not in shop.door.joined
    assert shop.kept_bids() == 0


def test_nobody_answers(cable: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wallet = create_wallet(tmp_path / "alone.pem", PINNED)
    words = ["--wallet", str(wallet.path), "--interface", INTERFACE, *WORDS, "--within", "2s", "--json"]
    assert bid(words) == WORLD
    assert json.loads(capsys.readouterr().out)["reason"] == "no_access_point"
