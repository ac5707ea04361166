"""The service over a real engine on disk: bids survive a restart, the clock settles auctions, others may be away.

Provider's desk and house answer by HTTP on this host; the engine is the embedded one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from ledger.clearing.audit import audit_log, wanted_funds
from ledger.clearing.book import KEPT_NS
from ledger.clearing.events import AuctionClosed, FundsTaken, OfferTaken, Unsealed, read_event
from ledger.clearing.house import AskKeepers
from ledger.clearing.house_client import HouseClient
from ledger.clearing.keeping import time_key
from ledger.clearing.ledger_view import LedgerView
from ledger.clearing.ledger_word import ReplayedLedger
from ledger.clearing.log import ClearingLog
from ledger.clearing.offer_desk import create_desk
from ledger.clearing_service import MAX_WAITING, ClearingService, add_routes
from ledger.database import open_to_read
from ledger.engine import Engine
from ledger.entries import Share
from ledger.genesis import Genesis
from ledger.http import listen, serve
from ledger.opening import open_application
from ledger.ordering import Alone
from ledger.state import read_account, read_share
from ledger.submission import Executed
from tests.ledger.test_client import Speak, ledger_that, says
from tests.ledger_world import BAND, QOS
from wire.auction import Auction, write_auction
from wire.auction_bid import conceal_bid, make_bid
from wire.auction_list import AuctionList, ListedAuction, read_auction_list
from wire.auction_receipt import AuctionReceipt, Status, read_auction_receipt, write_auction_receipt
from wire.auction_request import (
    AnswerQuestion,
    AskQuestion,
    AskTimeKey,
    AuctionRequest,
    CreateAuction,
    GetBid,
    ListAuctions,
    PlaceBid,
)
from wire.auction_terms import GUARD_S, AuctionKind, AuctionMark, AuctionTerms
from wire.create import Create
from wire.errors import DecodeError, ShellError
from wire.generate_offer import derive_nonce, offer_of, read_generate_offer
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Deposit, Transfer
from wire.sealed_bid import read_sealed_bid
from wire.time_key import read_time_key
from wire.transaction import Action, Transaction, sign_transaction

KEY, EXCHANGE, PROVIDER, ALICE, BOB, CAROL, OTHER = (PrivateKey.generate() for _ in range(7))
VICKREY, PROPSHARE = AuctionKind.VICKREY, AuctionKind.PROPSHARE


@dataclass
class Town:
    """A ledger with a provider and three buyers of 1,000 ubc, and a clearing house that can be started again."""

    folder: Path
    said: list[str] = field(default_factory=list)
    heard: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.genesis = Genesis((KEY.public,), EXCHANGE.public, int(time.time()) - 1, 60)
        self.application = open_application(self.folder / "ledger.db", self.genesis)
        self.engine = Engine(self.application)
        self.ledger_id = self.genesis.ledger_id
        people = (PROVIDER, ALICE, BOB, CAROL)
        self.commit(*((Create(key.public), key) for key in people))
        self.commit(*((Deposit(key.public, 1_000), EXCHANGE) for key in people[1:]))
        self.start()

    def start(
        self, keepers: dict[PublicKey, str] | None = None, max_waiting: int = MAX_WAITING
    ) -> ClearingService:
        log = ClearingLog(self.folder / "clearing.db", KEY.public.octets, self.ledger_id)
        self.service = ClearingService(Alone(self.engine), KEY, log, keepers or {}, self.hear, max_waiting)
        return self.service

    def hear(self, text: str) -> None:
        """What the service tells its operator."""
        self.said.append(text)
        self.heard()

    def close(self) -> None:
        self.service.close()
        self.application.store.close()

    def commit(self, *actions: tuple[Action, PrivateKey]) -> None:
        signed = [
            sign_transaction(Transaction(action, os.urandom(8), int(time.time()) + 60), key, self.ledger_id)
            for action, key in actions
        ]
        outcomes = self.engine.commit(signed, int(time.time()))
        assert all(isinstance(outcome, Executed) for outcome in outcomes), outcomes

    def auction(self, callback: str, kind: AuctionKind = VICKREY, units: int = 1, **changes: Any) -> Auction:
        """To be cleared within two seconds after the guard."""
        mark = changes.pop("mark", None) or AuctionMark(kind, int(time.time()) + GUARD_S + 2, 10)
        keys = (time_key(KEY, mark.clearing_s),) if mark.kind is VICKREY else ()
        terms = AuctionTerms(PROVIDER.public, mark, BAND, units, 60, QOS)
        fields = {"time_keys": keys, "threshold": len(keys), **changes}
        return Auction(terms, fields.pop("epoch", 1), callback, KEY.public, **fields)

    def take(self, auction: Auction) -> bytes:
        receipt = self.read(self.service.take_auction(write_auction(auction, PROVIDER, self.ledger_id)))
        assert receipt.status is Status.ACTIVE, receipt
        return receipt.auction_id

    def bid(self, auction: Auction, key: PrivateKey, price_ubc: int) -> PublicKey:
        receipt = self.read(self.service.take_bid(auction.auction_id, self.make_bid(auction, key, price_ubc)))
        assert receipt.status is Status.PENDING, receipt
        assert receipt.bid_id is not None
        return receipt.bid_id

    def make_bid(self, auction: Auction, key: PrivateKey, price_ubc: int) -> bytes:
        bid = make_bid(auction, price_ubc, key, self.ledger_id, os.urandom(8))
        if not auction.is_sealed:
            return bid
        return conceal_bid(auction, bid, key, PrivateKey.generate(), self.ledger_id, os.urandom(16))

    def read(self, receipt: bytes) -> Any:
        return read_auction_receipt(receipt, KEY.public, self.ledger_id)

    def status(self, auction: Auction, name: PublicKey) -> Status:
        status: Status = self.read(self.service.get_bid(auction.auction_id, name)).status
        return status

    def balance(self, key: PrivateKey) -> int:
        account = read_account(self.application.state, key.public)
        assert account is not None
        return account.balance_ubc


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    yield made
    made.close()


@contextlib.asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """The URL at which it answers."""
    listening = listen("127.0.0.1", 0)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(serve(app, listening))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        task.cancel()
    listening.close()


async def until(town: Town, fact: Callable[[], bool], deadline_s: float = 20.0) -> None:
    """Runs the service until something is so; looks whenever it tells something."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    town.heard = lambda: loop.call_soon_threadsafe(told.set)
    async with asyncio.timeout(deadline_s), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(town.service.run())
        while not fact():
            await told.wait()
            told.clear()
        running.cancel()
    town.heard = lambda: None


def desk(town: Town) -> FastAPI:
    return create_desk(PROVIDER, KEY.public, town.ledger_id, town.said.append)


def test_an_auction_from_its_opening_to_the_ledger(town: Town) -> None:
    async def scenario() -> None:
        async with serving(desk(town)) as url:
            auction = town.auction(f"{url}/offer", units=2)
            town.take(auction)
            names = [town.bid(auction, key, price) for key, price in ((ALICE, 300), (BOB, 200), (CAROL, 100))]
            assert {town.status(auction, name) for name in names} == {Status.PENDING}
            assert [one.auction_id for one in town.service.running()] == [auction.auction_id.hex()]
            await until(town, lambda: not town.service.book.active)
            assert town.service.running() == []
            statuses = [town.status(auction, name) for name in names]
            assert statuses == [Status.EXECUTED, Status.EXECUTED, Status.CANCELLED]

    asyncio.run(scenario())
    assert [town.balance(key) for key in (ALICE, BOB, CAROL, PROVIDER)] == [900, 900, 1_000, 200]
    assert any("settled, 2 winners" in line for line in town.said)


def test_a_restart_loses_no_bid_and_the_auction_goes_on(town: Town) -> None:
    async def scenario() -> None:
        async with serving(desk(town)) as url:
            auction = town.auction(f"{url}/offer")
            town.take(auction)
            first = town.bid(auction, ALICE, 300)
            town.service.close()
            town.start()
            second = town.bid(auction, BOB, 200)
            town.service.close()
            town.start()
            assert {town.status(auction, name) for name in (first, second)} == {Status.PENDING}
            await until(town, lambda: not town.service.book.active)
            assert town.status(auction, first) is Status.EXECUTED
            town.service.close()
            town.start()
            assert town.status(auction, first) is Status.EXECUTED
            assert town.status(auction, second) is Status.CANCELLED

    asyncio.run(scenario())
    assert (town.balance(ALICE), town.balance(PROVIDER)) == (800, 200)


def test_an_open_auction_by_shares_and_by_http(town: Town) -> None:
    app = FastAPI()
    add_routes(app, town.service, KEY)

    async def scenario() -> None:
        async with serving(desk(town)) as url, serving(app) as house_url:
            auction = town.auction(f"{url}/offer", PROPSHARE, 7)
            client = HouseClient(house_url, KEY.public, town.ledger_id)
            await asyncio.to_thread(by_http, town, client, auction)
            await until(town, lambda: not town.service.book.active)
            page: Any = await asyncio.to_thread(client.page, f"auctions/{auction.auction_id.hex()}")
            assert [bid["units"] for bid in page["bids"]] == [4, 2, 1]
            receipt = await asyncio.to_thread(client.bid_status, auction.auction_id, ALICE.public)
            assert receipt.status is Status.EXECUTED

    asyncio.run(scenario())
    assert town.balance(PROVIDER) == 1_000


def by_http(town: Town, client: HouseClient, auction: Auction) -> None:
    encoded = write_auction(auction, PROVIDER, town.ledger_id)
    created = client.create(encoded)
    assert (created.status, created.number) == (Status.ACTIVE, 1)
    assert client.create(encoded) == created
    for key, price in ((ALICE, 500), (BOB, 300), (CAROL, 200)):
        bid = town.make_bid(auction, key, price)
        receipt = client.bid(auction.auction_id, bid)
        assert (receipt.bid_id, receipt.status) == (key.public, Status.PENDING)
        assert client.bid(auction.auction_id, bid) == receipt
    assert client.auction(auction.auction_id) == auction
    assert client.bid_status(auction.auction_id, OTHER.public).status is Status.UNKNOWN
    page: Any = client.page("auctions")
    assert [one["auction_id"] for one in page["auctions"]] == [auction.auction_id.hex()]
    assert client.page(f"auctions?provider={ALICE.public}")["auctions"] == []
    assert len(client.page(f"auctions?provider={PROVIDER.public}&active=true")["auctions"]) == 1  # type: ignore[arg-type]
    assert page["auctions"][0]["bids_until_s"] == auction.terms.mark.clearing_s - GUARD_S
    first: Any = client.page(f"auctions/{auction.auction_id.hex()}/bids?limit=2")
    rest: Any = client.page(f"auctions/{auction.auction_id.hex()}/bids?after={first['after']}")
    assert ([one["price_ubc"] for one in first["bids"] + rest["bids"]], rest["after"]) == (
        [500, 300, 200],
        None,
    )
    now: Any = client.page("time")
    assert abs(now["utc_ns"] - time.time_ns()) < 10**9
    log: Any = client.page("clearing-log?after=1&limit=2")
    assert [entry["number"] for entry in log["entries"]] == [2, 3]
    assert log["after"] == 3
    encoded_key, key_read = client.time_key(int(time.time()) + 60)
    assert (key_read.keeper, bool(encoded_key)) == (KEY.public, True)
    for path, why in (
        (f"time-secrets/{int(time.time()) + 60}", "too_early"),
        (f"time-keys/{int(time.time()) + 10**9}", "too_far"),
        (f"auctions/{bytes(32).hex()}", "unknown_auction"),
        (f"auctions/{bytes(32).hex()}/bids", "unknown_auction"),
    ):
        with pytest.raises(LookupError, match=why):
            client._ask(path)
    assert len(client._ask(f"time-secrets/{int(time.time()) - 1}")) == 32
    with pytest.raises(LookupError, match="unreadable"):
        client.create(b"x")
    with pytest.raises(LookupError, match="too_large"):
        client.create(bytes(5_000))
    with pytest.raises(LookupError, match="unknown_auction"):
        client.bid(bytes(32), b"x")
    with pytest.raises(LookupError, match="unreadable"):
        client.bid(auction.auction_id, b"x")


def test_a_receipt_for_something_else_is_none(town: Town) -> None:
    """A house that drops a bid and answers with what it gave another bidder, signed as ever."""
    auction = town.auction("http://127.0.0.1:1/offer")
    other = town.auction("http://127.0.0.1:1/offer", PROPSHARE)
    mine = town.make_bid(auction, BOB, 900)
    his = read_sealed_bid(town.make_bid(auction, ALICE, 60), town.ledger_id).bid_key

    def lies(auction_id: bytes, name: PublicKey | None) -> Speak:
        receipt = AuctionReceipt(auction_id, Status.PENDING, name, 2, 5, bytes(32))
        return says("200 OK", write_auction_receipt(receipt, KEY, town.ledger_id))

    for answer in (lies(auction.auction_id, his), lies(auction.auction_id, None), lies(bytes(32), his)):
        with ledger_that(answer) as url, pytest.raises(ShellError, match=r"another bid|spoke of auction"):
            HouseClient(url, KEY.public, town.ledger_id).bid(auction.auction_id, mine)
    answer = lies(auction.auction_id, his)
    with ledger_that(answer) as url:
        assert HouseClient(url, KEY.public, town.ledger_id).bid_status(auction.auction_id, his).number == 2
    with ledger_that(answer) as url, pytest.raises(ShellError, match="spoke of another bid"):
        HouseClient(url, KEY.public, town.ledger_id).bid_status(auction.auction_id, BOB.public)
    with ledger_that(answer) as url, pytest.raises(ShellError, match="spoke of auction"):
        HouseClient(url, KEY.public, town.ledger_id).create(write_auction(other, PROVIDER, town.ledger_id))


def test_a_provider_that_is_away_is_told_of_and_asked_again(town: Town) -> None:
    async def scenario() -> None:
        listening = listen("127.0.0.1", 0)
        port = listening.getsockname()[1]
        listening.close()
        auction = town.auction(f"http://127.0.0.1:{port}/offer")
        town.take(auction)
        name = town.bid(auction, ALICE, 300)
        await until(town, lambda: any("provider_away" in line for line in town.said))
        assert town.status(auction, name) is Status.PENDING
        page = town.service.find(auction.auction_id)
        assert page is not None
        assert (page.status, page.reason, page.bids[0].reason) == ("active", "provider_away", "provider_away")
        later = listen("127.0.0.1", port)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(serve(desk(town), later))
            await until(town, lambda: not town.service.book.active)
            task.cancel()
        later.close()
        assert any(thread.name.startswith("auction-callback") for thread in threading.enumerate())
        assert town.status(auction, name) is Status.EXECUTED

    asyncio.run(scenario())
    assert town.balance(ALICE) == 990


def test_a_keeper_whose_clock_steps_after_the_opening_voids_the_auction(town: Town) -> None:
    """Right when the auction was opened; at the guard three seconds fast, and may have told its secret."""
    app, ahead_ns = FastAPI(), [0]

    @app.get("/v1/time")
    def get_time() -> dict[str, int]:
        return {"utc_ns": time.time_ns() + ahead_ns[0]}

    async def scenario() -> None:
        async with serving(app) as url:
            town.service.close()
            town.start({OTHER.public: url})
            auction = town.auction("http://127.0.0.1:1/offer")
            key = time_key(OTHER, auction.terms.mark.clearing_s)
            auction = replace(auction, time_keys=(key,), threshold=1)
            await asyncio.to_thread(town.take, auction)
            name = town.bid(auction, ALICE, 300)
            town.service.close()
            ahead_ns[0] = 3 * 10**9
            town.start({OTHER.public: url})
            await until(town, lambda: not town.service.book.active)
            receipt = town.read(town.service.get_bid(auction.auction_id, name))
            assert (receipt.status, receipt.reason) == (Status.CANCELLED, "keeper_clock")

    asyncio.run(scenario())
    entries = [entry for _, entry in town.service.entries(0, 100)]
    assert not any(isinstance(event, FundsTaken | Unsealed) for event in map(read_event, entries))
    assert [one.wrong for one in audit_log(entries, town.ledger_id).auctions] == [""]


def test_strangers_whose_callbacks_say_nothing_hold_up_nobody(town: Town) -> None:
    """Forty free accounts open auctions and never answer; an honest one a second later is asked all the same."""
    strangers = [PrivateKey.generate() for _ in range(40)]
    town.commit(*((Create(key.public), key) for key in strangers))

    async def scenario(silent: str) -> None:
        async with serving(desk(town)) as url:
            mark = AuctionMark(PROPSHARE, int(time.time()) + GUARD_S + 4, 0)
            for key in strangers:
                terms = AuctionTerms(key.public, mark, BAND, 1, 60, QOS)
                auction = Auction(terms, 1, silent, KEY.public)
                town.service.take_auction(write_auction(auction, key, town.ledger_id))
                town.service.take_bid(auction.auction_id, town.make_bid(auction, BOB, 1))
            honest = town.auction(f"{url}/offer", mark=replace(mark, clearing_s=mark.clearing_s + 1))
            town.take(honest)
            name = town.bid(honest, ALICE, 300)
            await until(town, lambda: town.status(honest, name) is not Status.PENDING, 15)
            assert town.status(honest, name) is Status.EXECUTED
            assert len(town.service.book.active) == len(strangers)
            other = town.auction(f"{url}/offer", PROPSHARE, epoch=2)
            opened = town.service.ask(CreateAuction(write_auction(other, PROVIDER, town.ledger_id))).result(3)
            assert town.read(opened).status is Status.ACTIVE

    with socket.create_server(("127.0.0.1", 0), backlog=100) as nobody:
        asyncio.run(scenario(f"http://127.0.0.1:{nobody.getsockname()[1]}/offer"))


def test_a_house_that_fails_stops_and_the_ledger_goes_on(town: Town) -> None:
    """Its disk is gone when the auction is to be cleared."""

    async def scenario() -> None:
        async with serving(desk(town)) as url:
            auction = town.auction(f"{url}/offer")
            town.take(auction)
            town.bid(auction, ALICE, 300)
            bid = town.make_bid(auction, BOB, 300)
            town.service._log.close()
            await town.service.run()
            assert "clearing house stopped" in town.said[-1]
            refused = town.read(town.service.take_bid(auction.auction_id, bid))
            assert (refused.status, refused.reason) == (Status.ERROR, "house_stopped")

    asyncio.run(scenario())
    town.commit((Transfer(BOB.public, 1), ALICE))
    assert town.balance(BOB) == 1_001


def test_keepers_are_asked_over_http_and_one_may_be_away(town: Town) -> None:
    """Two of three: the house, another house, and one that nobody reaches."""
    away = PrivateKey.generate()
    other = FastAPI()
    add_routes(other, town.service, OTHER)

    async def scenario() -> None:
        async with serving(desk(town)) as url, serving(other) as other_url:
            town.service.close()
            town.start({OTHER.public: other_url, away.public: "http://127.0.0.1:1"})
            auction = town.auction(f"{url}/offer")
            clearing_s = auction.terms.mark.clearing_s
            keys = tuple(time_key(key, clearing_s) for key in (away, OTHER, KEY))
            auction = Auction(auction.terms, 1, f"{url}/offer", KEY.public, threshold=2, time_keys=keys)
            await asyncio.to_thread(town.take, auction)
            name = town.bid(auction, ALICE, 300)
            await until(town, lambda: not town.service.book.active)
            assert town.status(auction, name) is Status.EXECUTED

    asyncio.run(scenario())


def test_a_bid_came_when_it_arrived_however_long_it_waits_for_the_disk(
    town: Town, eventually: Callable[..., None]
) -> None:
    """The house is busy from before the last bids until after they were due; then all are written at once."""
    auction = town.auction("http://127.0.0.1:1/offer")
    town.take(auction)
    until_s = auction.terms.mark.bids_until_s
    with town.service._lock:
        early = [
            town.service.place_bid(auction.auction_id, town.make_bid(auction, key, 300))
            for key in (ALICE, BOB, CAROL)
        ]
        garbage = town.service.place_bid(auction.auction_id, b"x")
        eventually(lambda: time.time() >= until_s, "the guard has come", 10)
        late = town.service.place_bid(auction.auction_id, town.make_bid(auction, ALICE, 400))
        assert not any(answer.done() for answer in (*early, late))
    receipts = [town.read(answer.result(5)) for answer in early]
    assert [receipt.status for receipt in receipts] == [Status.PENDING] * 3
    assert [receipt.number for receipt in receipts] == [2, 3, 4]
    assert all(receipt.at_ns < until_s * 10**9 for receipt in receipts)
    assert town.read(late.result(5)).reason == "too_late"
    assert town.read(garbage.result(5)).reason == "unreadable"
    assert [number for number, _ in town.service.entries(0, 10)] == [1, 2, 3, 4]


def test_what_bidders_have_stands_in_the_log_before_anybody_can_read_a_bid(town: Town) -> None:
    async def scenario() -> None:
        async with serving(desk(town)) as url:
            auction = town.auction(f"{url}/offer")
            town.take(auction)
            town.bid(auction, ALICE, 300)
            town.bid(auction, BOB, 200)
            await until(town, lambda: not town.service.book.active)

    asyncio.run(scenario())
    events = [read_event(entry) for _, entry in town.service.entries(0, 100)]
    (funds,) = (event for event in events if isinstance(event, FundsTaken))
    (unsealed,) = (event for event in events if isinstance(event, Unsealed))
    assert dict(funds.balances_ubc) == {ALICE.public: 1_000, BOB.public: 1_000}
    assert funds.height == town.application.head.height - 1
    assert unsealed.at_ns - funds.at_ns > (GUARD_S - 1) * 10**9


def test_a_house_that_looks_late_notes_the_last_block_before_the_guard(
    town: Town, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    """Alice's money is gone in the very second of the guard; who looks later sees what she had before."""

    async def scenario() -> None:
        async with serving(desk(town)) as url:
            auction = town.auction(f"{url}/offer")
            town.take(auction)
            names = [town.bid(auction, key, price) for key, price in ((ALICE, 300), (BOB, 200))]
            town.commit((Transfer(OTHER.public, 5), CAROL))
            until_s = auction.terms.mark.bids_until_s
            await asyncio.to_thread(eventually, lambda: time.time() >= until_s, "the guard has come")
            town.commit((Transfer(OTHER.public, 750), ALICE), (Deposit(BOB.public, 70), EXCHANGE))
            town.commit((Deposit(ALICE.public, 40), EXCHANGE))
            await until(town, lambda: not town.service.book.active)
            assert town.status(auction, names[0]) is Status.EXECUTED

    town.commit((Create(OTHER.public), OTHER))
    asyncio.run(scenario())
    entries = [entry for _, entry in town.service.entries(0, 100)]
    (funds,) = (event for event in map(read_event, entries) if isinstance(event, FundsTaken))
    assert dict(funds.balances_ubc) == {ALICE.public: 1_000, BOB.public: 1_000}
    with contextlib.closing(open_to_read(tmp_path / "ledger.db")) as store:
        word = ReplayedLedger(store, town.ledger_id, wanted_funds(entries))
        found = audit_log(entries, town.ledger_id, word)
    assert found.holds, found


def test_a_house_that_cannot_know_what_bidders_had_says_so_and_reads_no_bid(
    town: Town, eventually: Callable[..., None]
) -> None:
    """It was away at the guard, and blocks were made without it."""
    auction = town.auction("http://127.0.0.1:1/offer")
    town.take(auction)
    town.bid(auction, ALICE, 300)
    town.service.close()
    eventually(lambda: time.time() >= auction.terms.mark.bids_until_s, "the guard has come")
    town.commit((Deposit(BOB.public, 5), EXCHANGE))
    town.start()
    asyncio.run(until(town, lambda: any("funds_unknown" in line for line in town.said)))
    events = [read_event(entry) for _, entry in town.service.entries(0, 100)]
    assert not any(isinstance(event, FundsTaken | Unsealed) for event in events)


def test_on_a_shared_ledger_the_house_waits_for_a_block_after_the_guard(town: Town) -> None:
    """What its own clock says is not enough: its node may be behind, or the network stand still."""
    application, view = town.application, LedgerView(town.application)
    application.shared = True
    guard_s = application.time_s + 100
    assert not view.is_past(guard_s)
    application.finalise(application.height + 1, guard_s - 1, [])
    application.commit()
    assert not view.is_past(guard_s)
    application.finalise(application.height + 1, guard_s, [])
    application.commit()
    assert view.is_past(guard_s)
    assert view.balances_before(guard_s, [ALICE.public]) == (application.head.height, {ALICE.public: 1_000})


def test_on_a_shared_ledger_keepers_are_asked_once_the_ledger_would_settle(town: Town) -> None:
    """Its blocks are of a second or two ago: an offer that comes too early is refused, and alarms who reads the log."""
    auction = town.auction("http://127.0.0.1:1/offer")
    town.take(auction)
    listing, clearing_s = town.service.book.listings[auction.auction_id], auction.terms.mark.clearing_s
    application = town.application
    application.shared = True
    for time_s, ready in ((clearing_s - 1, False), (clearing_s, True)):
        application.finalise(application.height + 1, time_s, [])
        application.commit()
        assert town.service._is_ready(AskKeepers(listing), 0.0) is ready


def test_requests_over_a_topic_are_answered_without_waiting(town: Town) -> None:
    auction = town.auction("http://127.0.0.1:1/offer", PROPSHARE, 7)
    encoded = write_auction(auction, PROVIDER, town.ledger_id)
    created = town.read(town.service.ask(CreateAuction(encoded)).result(5))
    assert created.status is Status.ACTIVE
    bid = town.make_bid(auction, ALICE, 300)
    placed = town.read(town.service.ask(PlaceBid(auction.auction_id, bid)).result(5))
    got = town.read(town.service.ask(GetBid(auction.auction_id, ALICE.public)).result(5))
    assert placed == got
    listed = read_auction_list(town.service.ask(ListAuctions()).result(5), KEY.public, town.ledger_id)
    assert listed == AuctionList((ListedAuction(encoded, Status.ACTIVE, 1, 1),))


async def ask(town: Town, request: AuctionRequest) -> bytes:
    return await asyncio.wrap_future(town.service.ask(request))


Eventually = Callable[..., None]
"""The fixture."""


async def question_of(town: Town, auction_id: bytes, eventually: Eventually) -> bytes:
    """As a box asks, until there is one."""
    found: list[bytes] = []

    def is_there() -> bool:
        said = town.service.ask(AskQuestion(auction_id)).result(10)
        try:
            read_generate_offer(said, KEY.public, town.ledger_id)
        except DecodeError:
            assert town.read(said).status is Status.ACTIVE
            return False
        found.append(said)
        return True

    await asyncio.to_thread(eventually, is_there, "there is a question", 30)
    return found[0]


async def until_over(town: Town, auction_id: bytes, eventually: Eventually) -> None:
    def is_over() -> bool:
        said = town.service.ask(AskQuestion(auction_id)).result(10)
        status: Status = town.read(said).status
        return status is Status.INACTIVE

    await asyncio.to_thread(eventually, is_over, "the auction is over", 30)


async def session_auction(town: Town) -> Auction:
    """Of six units for two slots of a minute; its time key by a request as well."""
    clearing_s = int(time.time()) + GUARD_S + 4
    time_key_of = await ask(town, AskTimeKey(clearing_s))
    assert read_time_key(time_key_of).time_s == clearing_s
    mark = AuctionMark(AuctionKind.SESSION, clearing_s, 10, (6, 6))
    auction = town.auction("", units=6, mark=mark, time_keys=(time_key_of,), threshold=1)
    created = await ask(town, CreateAuction(write_auction(auction, PROVIDER, town.ledger_id)))
    assert town.read(created).status is Status.ACTIVE
    return auction


async def bid_for(
    town: Town, auction: Auction, key: PrivateKey, units: int, slots: int, worth: int
) -> PublicKey:
    bid = make_bid(auction, worth, key, town.ledger_id, os.urandom(8), units, slots)
    sealed = conceal_bid(auction, bid, key, PrivateKey.generate(), town.ledger_id, os.urandom(16))
    receipt = town.read(await ask(town, PlaceBid(auction.auction_id, sealed)))
    assert receipt.status is Status.PENDING, receipt
    name: PublicKey = receipt.bid_id
    return name


def boxed(town: Town, question: bytes, auction: Auction) -> bytes:
    asked = read_generate_offer(question, KEY.public, town.ledger_id)
    transaction = Transaction(offer_of(auction, asked), derive_nonce(question), asked.valid_until_s)
    return sign_transaction(transaction, PROVIDER, town.ledger_id).envelope.encoded


def test_a_box_that_nobody_can_call_asks_for_the_question_and_brings_the_offer(
    town: Town, eventually: Eventually
) -> None:
    async def scenario() -> None:
        auction = await session_auction(town)
        name = auction.auction_id
        bids = [
            await bid_for(town, auction, *one)
            for one in ((ALICE, 3, 2, 900), (BOB, 2, 1, 500), (CAROL, 3, 1, 400))
        ]
        assert town.read(await ask(town, AskQuestion(name))).status is Status.ACTIVE
        assert town.read(await ask(town, AnswerQuestion(name, b"x"))).status is Status.ACTIVE, (
            "it is not asked yet"
        )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(town.service.run())
            question = await question_of(town, name, eventually)
            await lie(name)
            offer = boxed(town, question, auction)
            for _ in range(3):
                assert town.read(await ask(town, AnswerQuestion(name, offer))).reason == ""
            await until_over(town, name, eventually)
            running.cancel()
        over = town.read(await ask(town, AnswerQuestion(name, offer)))
        assert (over.status, over.reason) == (Status.INACTIVE, "")
        said = [town.read(await ask(town, GetBid(name, one))) for one in bids]
        assert [(one.status, one.wins_above_ubc) for one in said] == [
            (Status.EXECUTED, None), (Status.EXECUTED, None), (Status.CANCELLED, 500),
        ]  # fmt: skip
        share = read_share(town.application.state, PROVIDER.public, ALICE.public.octets)
        assert share == Share(True, 3, 400, 2)

    async def lie(name: bytes) -> None:
        """Anybody can send it: nothing is noted of it, and the auction does not stand still."""
        before = town.service.book.number
        for rubbish in (b"", b"x", town.service.entries(0, 1)[0][1]):
            said = town.read(await ask(town, AnswerQuestion(name, rubbish)))
            assert (said.status, said.reason) == (Status.ERROR, "provider_lies")
        page = town.service.find(name)
        assert page is not None
        assert (town.service.book.number, page.reason) == (before, "")

    asyncio.run(scenario())
    assert [town.balance(key) for key in (ALICE, BOB, CAROL, PROVIDER)] == [600, 600, 1_000, 800]


def test_after_the_ledgers_no_a_box_may_ask_and_answer_as_often_as_it_likes(
    town: Town, eventually: Eventually
) -> None:
    """Each answer that is taken is an entry: after a no the house takes the next one after a pause."""

    async def scenario() -> None:
        auction = await session_auction(town)
        name = auction.auction_id
        bid = await bid_for(town, auction, ALICE, 3, 2, 900)
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(town.service.run())
            offer = boxed(town, await question_of(town, name, eventually), auction)
            town.commit((Transfer(PROVIDER.public, 999), ALICE))
            reasons = set[str]()
            while "winner_unfunded" not in reasons:
                for _ in range(50):
                    said = town.read(await ask(town, AnswerQuestion(name, offer)))
                    assert said.status is Status.ACTIVE
                    reasons.add(said.reason)
            running.cancel()
        assert town.status(auction, bid) is Status.PENDING
        events = [read_event(entry) for _, entry in town.service.entries(0, 500)]
        assert 1 <= sum(isinstance(event, OfferTaken) for event in events) < 9

    asyncio.run(scenario())
    assert town.balance(ALICE) == 1


def test_what_a_house_says_to_other_questions(town: Town) -> None:
    async def scenario() -> None:
        called = town.auction("http://127.0.0.1:1/offer", PROPSHARE)
        town.take(called)
        unknown, far_s = bytes(32), int(time.time()) + 10**7
        for request, status, reason in (
            (AskTimeKey(far_s), Status.ERROR, "too_far"),
            (AskQuestion(unknown), Status.UNKNOWN, ""),
            (AnswerQuestion(unknown, b"x"), Status.UNKNOWN, ""),
            (AskQuestion(called.auction_id), Status.ACTIVE, ""),
            (AnswerQuestion(called.auction_id, b"x"), Status.ACTIVE, ""),
        ):
            said = town.read(await ask(town, request))
            assert (said.status, said.reason) == (status, reason)

    asyncio.run(scenario())


def test_a_full_house_says_so(town: Town) -> None:
    town.service.close()
    town.start(max_waiting=1)
    with town.service._lock:
        first, second = (town.service.place_bid(bytes(32), b"x") for _ in range(2))
        assert town.read(second.result(5)).reason == "too_many_wait"
    assert town.read(first.result(5)).reason == "unknown_auction"


def test_a_start_passes_over_what_is_long_over(town: Town) -> None:
    auction = town.auction("http://127.0.0.1:1/offer", PROPSHARE)
    town.take(auction)
    town.bid(auction, ALICE, 300)
    closed = AuctionClosed(time.time_ns(), auction.auction_id, "no_bids", "")
    town.service._note(closed)
    assert town.service.book.forget(time.time_ns() + 2 * KEPT_NS)
    town.service._log.begin_after(town.service.book.needless())
    head = town.service.book.head
    town.service.close()
    service = town.start()
    assert (service.book.number, service.book.head, service.book.at_ns) == (3, head, closed.at_ns)
    assert service.book.listings == {}
    town.take(town.auction("http://127.0.0.1:1/offer", PROPSHARE, 3))
    assert [number for number, _ in service.entries(0, 10)] == [1, 2, 3, 4]


def test_the_log_alone_says_who_won(town: Town) -> None:
    """An auditor needs no key of the house."""

    async def scenario() -> None:
        async with serving(desk(town)) as url:
            auction = town.auction(f"{url}/offer")
            town.take(auction)
            for key, price in ((ALICE, 300), (BOB, 200)):
                town.bid(auction, key, price)
            await until(town, lambda: not town.service.book.active)

    asyncio.run(scenario())
    audit = audit_log([entry for _, entry in town.service.entries(0, 100)], town.ledger_id)
    (found,) = audit.auctions
    assert [(award.bid.account, award.price_ubc) for award in found.awards] == [(ALICE.public, 200)]
    assert (found.settled, found.wrong) == (True, "")
    assert audit.heads[-1] == town.service.book.head


def test_what_is_refused_leaves_no_entry(town: Town) -> None:
    auction = town.auction("http://127.0.0.1:1/offer")
    wrong = Auction(
        auction.terms, 7, auction.offer_callback, KEY.public, threshold=1, time_keys=auction.time_keys
    )
    receipt = town.read(town.service.take_auction(write_auction(wrong, PROVIDER, town.ledger_id)))
    assert (receipt.status, receipt.reason, receipt.number) == (Status.ERROR, "epoch_moved", 0)
    assert town.read(town.service.take_auction(b"x")).reason == "unreadable"
    town.take(auction)
    bid = town.make_bid(auction, OTHER, 50)
    refused = town.read(town.service.take_bid(auction.auction_id, bid))
    assert (refused.status, refused.reason) == (Status.ERROR, "unknown_issuer")
    assert refused.bid_id == read_sealed_bid(bid, town.ledger_id).bid_key
    junk = town.read(town.service.take_bid(auction.auction_id, b"x"))
    assert (junk.reason, junk.bid_id) == ("unreadable", None)
    assert len(town.service.entries(0, 10)) == 1
    assert town.service.find(bytes(32)) is None


def test_a_log_that_was_changed_is_refused(town: Town) -> None:
    town.take(town.auction("http://127.0.0.1:1/offer"))
    town.service.close()
    database = sqlite3.connect(town.folder / "clearing.db")
    database.executescript("DROP TRIGGER entries_stay; UPDATE entries SET encoded = x'00';")
    database.close()
    with pytest.raises(ShellError, match="does not follow"):
        town.start()
    (town.folder / "clearing.db").unlink()
    town.start()


def test_there_is_no_time_key_of_no_time(town: Town) -> None:
    """Said in words, and nobody is alarmed: any client may ask."""
    receipt = town.read(town.service.get_time_key(0))
    assert (receipt.status, receipt.reason) == (Status.ERROR, "unreadable")
    assert "time_s is 0" in receipt.detail
    assert read_time_key(town.service.get_time_key(1)).time_s == 1
