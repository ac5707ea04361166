"""The clearing house's service: takes auctions and bids by HTTP and MQTT, and settles auctions in time.

Runs in the ledger's process, over whatever engine orders the ledger's blocks (ledger/ordering.py). What is taken is on
disk before it is answered, so a restart loses no bid: the log is applied again and each auction goes on where it was.
A bid has the time at which it arrived, however many are before it: the *writer* decides on all that wait in their order
and brings them to the disk together. The *clerk* looks which auctions are due and does the next step of each, several
at once: asks the ledger, keepers, the provider, and submits the batch. A step that led nowhere is done again after a
pause that grows.
Raises ShellError when the disk fails. Reference: Bandcoin 5.4, table 1; docs/decisions/0027.
"""

import asyncio
import base64
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from ledger.clearing.book import BEGINNING, Book, Listing, Place, with_key
from ledger.clearing.callback import ask_keeper, ask_provider
from ledger.clearing.door import KEEPER_CLOCK, MAX_BIDS, MAX_WINNERS_SHARED, Refusal
from ledger.clearing.events import Event, OfferRejected, Unsealed, read_event, write_event
from ledger.clearing.house import (
    MAY_HAVE_LANDED,
    AskKeepers,
    AskLedger,
    AskProvider,
    Close,
    House,
    Step,
    Submit,
    Wait,
)
from ledger.clearing.keeper_clocks import KeeperClocks, TimePage
from ledger.clearing.keeping import MAX_AHEAD_S, tell_time_secret, time_key, time_secret
from ledger.clearing.ledger_view import LedgerView
from ledger.clearing.log import ClearingLog
from ledger.clearing.opening import FEW, ManyAtOnce
from ledger.clearing.pages import (
    AuctionListPage,
    AuctionPage,
    AuctionSummary,
    BidListPage,
    EntryPage,
    LogPage,
    choose_listings,
    list_auctions,
    show_auction,
    show_bids,
    summarise,
)
from ledger.clearing.turns import Turns
from ledger.ordering import Orderer
from ledger.submission import Batch
from wire.auction import MAX_AUCTION_BYTES, read_auction
from wire.auction_list import write_auction_list
from wire.auction_receipt import AuctionReceipt, Status, write_auction_receipt
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
from wire.auction_terms import AUCTION_ID_SIZE
from wire.errors import DecodeError, ShellError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.sealed_bid import MAX_SEALED_BID_BYTES

POLL_S = 0.25
"""How often the clerk looks which auctions are due."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
"""Before a step is tried again: twice as long each time."""
MAX_CALLS = 32
"""Providers waited for at once, in threads of their own, five seconds each at most: if all auctions that a house can
have were strangers' who say nothing, one more would be asked within 160 s of the 600 s that it has.
"""
MAX_KEEPER_CALLS = 8
"""Auctions whose keepers are asked at once, whom the operator named."""
SILENT_S = 3.0
"""A keeper that did not answer is left alone for so long, however many auctions want it."""
MAX_OPENINGS = 4
"""CreateAuction at once: each asks keepers what time it is."""
MAX_WAITING = 20_000
"""Requests that wait for the writer, some 25 MB and ten seconds of its work; more are refused."""
MAX_PAGE = 100
MAX_BIDS_SHOWN = 1_000
MAX_ENTRIES = 500
MAX_RUNNING_SHOWN = 25
"""On the page for people."""
CBOR = "application/cbor"

_STOPPED = Refusal("house_stopped", "the clearing house failed, and waits for its operator")
Answer = TypeVar("Answer")
AuctionId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="auction id in hex")]
_ACCOUNT = "^0[23][0-9a-f]{64}$"
BidId = Annotated[str, Path(pattern=_ACCOUNT, description="the key that signed the bid, in hex")]
Second = Annotated[int, Path(ge=1, le=2**62, description="UTC")]
After = Annotated[int, Query(ge=0, le=2**62)]


class ClearingService:
    """One house. `keepers` says where others tell their secrets; `tell` gets a sentence when an auction is over."""

    def __init__(
        self,
        orderer: Orderer,
        key: PrivateKey,
        log: ClearingLog,
        keepers: Mapping[PublicKey, str],
        tell: Callable[[str], None],
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._view = LedgerView(orderer.application)
        self._orderer, self._key, self._log, self._tell = orderer, key, log, tell
        self._keepers = keepers
        self._opener = ManyAtOnce()
        self.book = Book(self._view.ledger_id, with_key(key), self._opener)
        place = _read_place(log)
        self.book.load(lambda: log.entries(place.number, place.head), time.time_ns(), place)
        log.begin_after(self.book.needless())
        max_winners = MAX_WINNERS_SHARED if orderer.application.shared else MAX_BIDS
        self._house = House(self.book, key, self._view.has, max_winners, self._view.is_past)
        self._clocks = KeeperClocks(keepers)
        self._lock = threading.Lock()
        self._arrival = threading.Lock()
        self._waiting: deque[Arrived] = deque()
        self._max_waiting = max_waiting
        self._writer = ThreadPoolExecutor(1, "auction-writer")
        self._calls = ThreadPoolExecutor(MAX_CALLS, "auction-callback")
        self._keeper_calls = ThreadPoolExecutor(MAX_KEEPER_CALLS, "auction-keepers")
        self._openings = ThreadPoolExecutor(MAX_OPENINGS, "auction-opening")
        self._turns = Turns(MAX_CALLS)
        self._silent: dict[PublicKey, float] = {}
        self._stopped: Refusal | None = None
        self._busy: set[bytes] = set()
        self._pauses: dict[bytes, tuple[float, float]] = {}

    def close(self) -> None:
        self._writer.shutdown()
        for pool in (self._calls, self._keeper_calls, self._openings):
            pool.shutdown(cancel_futures=True)
        self._opener.close()
        self._log.close()

    # ---- CreateAuction, Bid, GetBid, ListAuctions

    def ask(self, request: AuctionRequest) -> "Future[bytes]":
        """The answer to come: a signed receipt, or a signed list. Does not wait; what it is about, it says now."""
        match request:
            case CreateAuction(auction):
                return self._openings.submit(self.take_auction, auction)
            case PlaceBid(auction_id, bid):
                return self.place_bid(auction_id, bid)
            case GetBid(auction_id, bid_id):
                return self._writer.submit(self.get_bid, auction_id, bid_id)
            case ListAuctions():
                return self._writer.submit(self.list_auctions, request)
            case AskTimeKey(time_s):
                return self._writer.submit(self.get_time_key, time_s)
            case AskQuestion(auction_id):
                return self._writer.submit(self.get_question, auction_id)
            case AnswerQuestion(auction_id, offer):
                return self._writer.submit(self.take_answer, auction_id, offer)

    def take_auction(self, encoded: bytes) -> bytes:
        """The signed receipt."""
        try:
            said = self._check_auction(encoded)
            if not isinstance(said, AuctionReceipt | Refusal):
                with self._lock:
                    self._take_waiting()
                    said = self._stopped or self._house.take_auction(
                        encoded, self._view.seller_of, time.time_ns()
                    )
                    if not isinstance(said, AuctionReceipt | Refusal):
                        self._note(said)
                        said = next(reversed(self.book.listings.values())).receipt()
        except DecodeError as error:
            said = Refusal("unreadable", str(error))
        except ShellError:
            said = _STOPPED
        return self._sign(_receipt_of(said, bytes(AUCTION_ID_SIZE)))

    def _check_auction(self, encoded: bytes) -> Event | AuctionReceipt | Refusal:
        """All that can be asked without the lock, as keepers are away at times. Raises DecodeError."""
        said = self._house.take_auction(encoded, self._view.seller_of, time.time_ns())
        if isinstance(said, AuctionReceipt | Refusal):
            return said
        return self._clocks.check(read_auction(encoded, self._view.ledger_id), self._key.public) or said

    def place_bid(self, auction_id: bytes, encoded: bytes) -> "Future[bytes]":
        """The signed receipt to come. The bid came now."""
        arrived = Arrived(auction_id, encoded)
        arrived.answer.set_running_or_notify_cancel()  # whoever hangs up has bid all the same
        with self._arrival:
            if len(self._waiting) >= self._max_waiting:
                refusal = Refusal("too_many_wait", f"{self._max_waiting} bids wait: send it again")
                arrived.answer.set_result(self._sign(_receipt_of(refusal, auction_id)))
                return arrived.answer
            arrived.at_ns = time.time_ns()
            self._waiting.append(arrived)
        self._writer.submit(self._write)
        return arrived.answer

    def take_bid(self, auction_id: bytes, encoded: bytes) -> bytes:
        """The signed receipt, once it is there."""
        return self.place_bid(auction_id, encoded).result()

    def _write(self) -> None:
        with self._lock:
            self._take_waiting()

    def _take_waiting(self) -> None:
        """Every bid that has arrived, in that order, with one flush. Called with the lock, before anything else is
        written down: so what came before it stands before it.
        """
        arrived = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not arrived:
            return
        entries: list[bytes] = []
        try:
            said = [(one, self._take_one(one, entries)) for one in arrived]
            self._log.append(entries)
        except Exception as error:  # noqa: BLE001 the book may be ahead of the log: nothing more is taken
            self._stop("clearing house stopped: " + "".join(traceback.format_exception(error)))
            said = [(one, _STOPPED) for one in arrived]
        for one, answer in said:
            one.answer.set_result(self._sign(_receipt_of(answer, one.auction_id)))

    def _take_one(self, one: "Arrived", entries: list[bytes]) -> AuctionReceipt | Refusal:
        if self._stopped is not None:
            return self._stopped
        try:
            said = self._house.take_bid(
                one.auction_id, one.encoded, self._view.standing_of, self._view.find, one.at_ns
            )
        except DecodeError as error:
            return Refusal("unreadable", str(error))
        if isinstance(said, AuctionReceipt | Refusal):
            return said
        entries.append(write_event(said))
        self.book.apply(said, entries[-1])
        listing = self.book.listings[one.auction_id]
        if len(listing.bids) == FEW:
            self._openings.submit(self._opener.start)  # it takes a second, for which no bid waits
        return listing.receipt(listing.last)

    def get_bid(self, auction_id: bytes, bid_id: PublicKey) -> bytes:
        """The signed receipt: UNKNOWN for a bid, or an auction, that is not here."""
        with self._lock:  # what is signed is on the disk
            listing = self.book.listings.get(auction_id)
            receipt = AuctionReceipt(auction_id, Status.UNKNOWN, bid_id)
            if listing is not None:
                receipt = listing.receipt(bid_id)
        return self._sign(receipt)

    # ---- For providers that nobody can call: they ask what a house asks the others

    def get_time_key(self, time_s: int) -> bytes:
        """This house's, signed; a signed receipt for a time that is too far ahead, or none."""
        if time_s > time.time() + MAX_AHEAD_S:
            refusal = Refusal("too_far", f"time keys are given out {MAX_AHEAD_S} s ahead")
            return self._sign(_receipt_of(refusal, bytes(AUCTION_ID_SIZE)))
        try:
            return time_key(self._key, time_s)
        except DecodeError as error:
            return self._sign(_receipt_of(Refusal("unreadable", str(error)), bytes(AUCTION_ID_SIZE)))

    def get_question(self, auction_id: bytes) -> bytes:
        """The signed question; while or because there is none the auction's signed receipt, which says why."""
        with self._lock:
            listing = self.book.listings.get(auction_id)
            if listing is not None and self._house.may_answer(listing, int(time.time())):
                return self._house.question(listing)
            receipt = AuctionReceipt(auction_id, Status.UNKNOWN) if listing is None else listing.receipt()
        return self._sign(receipt)

    def take_answer(self, auction_id: bytes, offer: bytes) -> bytes:
        """The auction's signed receipt; the clerk submits what was taken. Of what is no answer nothing is noted, as
        anybody can send it.
        """
        try:
            with self._lock:
                self._take_waiting()
                said = self._stopped or self._take_answer(auction_id, offer)
        except ShellError:
            said = _STOPPED
        return self._sign(_receipt_of(said, auction_id))

    def _take_answer(self, auction_id: bytes, offer: bytes) -> AuctionReceipt | Refusal:
        """Called with the lock. After the ledger's no the same answer is submitted again after a pause only. Raises
        ShellError.
        """
        listing = self.book.listings.get(auction_id)
        if listing is None:
            return AuctionReceipt(auction_id, Status.UNKNOWN)
        rests = auction_id in self._busy or self._pauses.get(auction_id, (0.0, 0.0))[0] > time.monotonic()
        if (rests and listing.rejected[0]) or not self._house.may_answer(listing, int(time.time())):
            return listing.receipt()
        event = self._house.take_answer(listing, offer, time.time_ns())
        if isinstance(event, Refusal):
            return event
        self._note(event)
        return listing.receipt()

    # ---- What is shown

    def list_auctions(self, request: ListAuctions) -> bytes:
        """The signed list."""
        return write_auction_list(list_auctions(self._listings(), request), self._key, self._view.ledger_id)

    def _listings(self) -> list[Listing]:
        return list(self.book.listings.values())

    def find(self, auction_id: bytes) -> AuctionPage | None:
        with self._lock:
            listing = self.book.listings.get(auction_id)
            return None if listing is None else show_auction(listing, MAX_BIDS_SHOWN)

    def bids(self, auction_id: bytes, after: int, limit: int) -> BidListPage | None:
        with self._lock:
            listing = self.book.listings.get(auction_id)
            return None if listing is None else show_bids(listing, after, limit)

    def pages(self, wanted: ListAuctions, limit: int) -> AuctionListPage:
        found, after = choose_listings(self._listings(), wanted, limit)
        return AuctionListPage(auctions=[summarise(listing) for listing in found], after=after)

    def running(self) -> list[AuctionSummary]:
        """The first that are not over."""
        return self.pages(ListAuctions(active=True), MAX_RUNNING_SHOWN).auctions

    def entries(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        return self._log.after(after, limit)

    def _sign(self, receipt: AuctionReceipt) -> bytes:
        return write_auction_receipt(receipt, self._key, self._view.ledger_id)

    def _note(self, event: Event) -> None:
        """On disk, and then true. Called with the lock. Raises ShellError, and then the house is stopped."""
        entry = write_event(event)
        try:
            self._log.append([entry])
        except ShellError as error:
            self._stop(f"clearing house stopped: {error}")
            raise
        self.book.apply(event, entry)

    def _stop(self, text: str) -> None:
        self._stopped = _STOPPED
        self._tell(text)

    # ---- The clerk

    async def run(self) -> None:
        """Settles auctions until cancelled. A house that fails takes nothing any more and says so; the ledger, in the
        same process, goes on. Its auctions go on where they were with the next start.
        """
        try:
            await self._settle()
        except Exception as error:  # noqa: BLE001 ours, whatever it is: told with its traceback, and the house is shut
            self._stop("clearing house stopped: " + "".join(traceback.format_exception(error)))

    async def _settle(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while self._stopped is None:
                for step in await asyncio.to_thread(self._due):
                    self._busy.add(step.listing.auction_id)
                    tasks.create_task(self._do(step))
                await asyncio.sleep(POLL_S)

    def _due(self) -> list[Step]:
        now_s, now = int(time.time()), time.monotonic()
        with self._lock:
            if self.book.forget(now_s * 10**9):
                self._log.begin_after(self.book.needless())
            return [step for step in self._house.steps(now_s) if self._is_ready(step, now)]

    def _next(self, listing: Listing) -> Step | None:
        with self._lock:
            return self._house.next_step(listing, int(time.time()))

    def _is_ready(self, step: Step, now: float) -> bool:
        """On a shared ledger blocks are of a second or two ago: what is due by our clock may not be by the ledger's."""
        auction_id, mark = step.listing.auction_id, step.listing.auction.terms.mark
        if isinstance(step, AskLedger) and not self._view.is_past(mark.bids_until_s):
            return False
        if isinstance(step, AskKeepers) and not self._view.is_past(mark.clearing_s):
            return False
        return auction_id not in self._busy and self._pauses.get(auction_id, (0.0, 0.0))[0] <= now

    async def _do(self, step: Step) -> None:
        """The steps of one auction, one after the other as long as each leads somewhere."""
        auction_id = step.listing.auction_id
        following: Step | None = step
        led = True
        try:
            while following is not None and led and step.listing.is_active:
                led = await self._take_step(following)
                if led:
                    following = await asyncio.to_thread(self._next, step.listing)
            _, pause_s = self._pauses.pop(auction_id, (0.0, FIRST_PAUSE_S))
            if not led:
                longer_s = pause_s if isinstance(following, Wait) else min(LONGEST_PAUSE_S, 2 * pause_s)
                self._pauses[auction_id] = time.monotonic() + pause_s, longer_s
        finally:
            self._busy.discard(auction_id)

    async def _take_step(self, step: Step) -> bool:
        match step:
            case AskLedger():
                return await self._look(step.listing)
            case AskKeepers():
                told = await _in(self._keeper_calls, self._ask_keepers, step.listing)
                return await asyncio.to_thread(self._unseal, step, told)
            case Wait():
                return self._note_trouble(step.listing, step.why)
            case AskProvider():
                try:
                    answer = await self._ask_provider(step)
                except ShellError as error:
                    return self._note_trouble(step.listing, Refusal("provider_away", error.detail))
                return await asyncio.to_thread(
                    self._decide, step, lambda now_ns: self._house.take_answer(step.listing, answer, now_ns)
                )
            case Submit():
                return await self._submit(step)
            case Close():
                return await self._close(step)

    async def _ask_provider(self, step: AskProvider) -> bytes:
        """Raises ShellError."""
        url = step.listing.auction.offer_callback
        async with self._turns.turn(step.listing.auction_id, url):
            return await _in(self._calls, ask_provider, url, step.question)

    async def _submit(self, step: Submit) -> bool:
        rest = await asyncio.to_thread(self._rest, step.listing)
        if not rest.transactions:
            return await asyncio.to_thread(
                self._decide, step, lambda now_ns: self._house.settled(step.listing, now_ns)
            )
        outcomes = await self._orderer.order([rest])
        outcome = outcomes[0] if outcomes else None
        if outcome is None:
            return False
        return await asyncio.to_thread(
            self._decide,
            step,
            lambda now_ns: self._house.take_outcome(step.listing, rest, outcome, now_ns),
        )

    async def _close(self, step: Close) -> bool:
        """Where a batch may have landed, once no block comes any more in which it could: what is ordered here now is
        behind it.
        """
        if step.listing.phase in MAY_HAVE_LANDED and not self._orderer.application.shared:
            await self._orderer.order([])
        return await asyncio.to_thread(self._decide, step, lambda now_ns: self._house.close(step, now_ns))

    def _rest(self, listing: Listing) -> Batch:
        with self._lock:
            return self._house.rest(listing)

    async def _look(self, listing: Listing) -> bool:
        """What bidders had, once no block before the guard comes any more: what is ordered here now is behind it. The
        auction is void if a keeper's clock has become fast or slow since it was opened: bids may have been read.
        """
        wrong = await _in(self._keeper_calls, self._clocks.check, listing.auction, self._key.public)
        if wrong is not None and wrong.reason == KEEPER_CLOCK:
            step = Close(listing, wrong.reason, wrong.detail)
            return await asyncio.to_thread(self._decide, step, lambda now_ns: self._house.close(step, now_ns))
        if not self._orderer.application.shared:
            await self._orderer.order([])
        return await asyncio.to_thread(self._count, listing)

    def _count(self, listing: Listing) -> bool:
        """What everybody who bid had, behind the last bid in the log."""
        with self._lock:
            self._take_waiting()
            if self._stopped is not None:
                return False
            until_s = listing.auction.terms.mark.bids_until_s
            found = self._view.balances_before(until_s, listing.by_account)
            if found is None:
                words = f"the house was away, and does not know what bidders had before {until_s}"
                return self._note_trouble(listing, Refusal("funds_unknown", words))
            self._note(self._house.take_balances(listing, *found, time.time_ns()))
        return True

    def _unseal(self, step: Step, told: Mapping[int, bytes]) -> bool:
        """Bids are opened while others are taken: nothing of this auction changes any more."""
        listing = step.listing
        said = self._house.take_secrets(listing, told, time.time_ns())
        if isinstance(said, Unsealed):
            listing.ready = self.book.open_bids(listing, said.secrets)
        return self._decide(step, lambda now_ns: self._house.take_secrets(listing, told, now_ns))

    def _decide(self, step: Step, decide: Callable[[int], Event | Refusal | None]) -> bool:
        """Writes down what the house makes of it; whether the auction can go on at once."""
        with self._lock:
            self._take_waiting()
            if self._stopped is not None:
                return False
            event = decide(time.time_ns())
            if isinstance(event, Refusal):
                return self._note_trouble(step.listing, event)
            if event is not None:
                self._note(event)
        if not step.listing.is_active:
            self._turns.forget(step.listing.auction_id)
            self._tell_end(step.listing)
            with self._lock:
                step.listing.shrink()
        if isinstance(event, OfferRejected):
            self._tell(f"auction {step.listing.auction_id.hex()}: {event.reason}: {event.detail}")
        return not isinstance(event, OfferRejected)

    def _note_trouble(self, listing: Listing, refusal: Refusal) -> bool:
        """Why the auction stands still: shown, told, and its reason if it never goes on. Nothing has happened."""
        if listing.rejected != (refusal.reason, refusal.detail):
            listing.rejected = refusal.reason, refusal.detail
            self._tell(f"auction {listing.auction_id.hex()}: {refusal.reason}: {refusal.detail}")
        return False

    def _tell_end(self, listing: Listing) -> None:
        receipt = listing.receipt()
        end = (
            f"{receipt.reason}: {receipt.detail}"
            if receipt.reason
            else f"settled, {len(listing.awards)} {'winner' if len(listing.awards) == 1 else 'winners'}"
        )
        self._tell(f"auction {listing.auction_id.hex()}: {end}")

    def _ask_keepers(self, listing: Listing) -> dict[int, bytes]:
        """Until enough have told; the house's own secret first, as it is at hand."""
        told: dict[int, bytes] = {}
        keys = listing.auction.read_time_keys()
        for place, key in sorted(enumerate(keys), key=lambda pair: pair[1].keeper != self._key.public):
            if len(told) >= listing.lock.threshold:
                break
            if key.keeper == self._key.public:
                told[place] = time_secret(self._key, key.time_s)
            elif key.keeper in self._keepers and not self._is_silent(key.keeper):
                try:
                    told[place] = ask_keeper(self._keepers[key.keeper], key.time_s)
                except ShellError as error:
                    self._silent[key.keeper] = time.monotonic()
                    self._tell(f"keeper {key.keeper}: {error}")
        return told

    def _is_silent(self, keeper: PublicKey) -> bool:
        failed_s = self._silent.get(keeper)
        return failed_s is not None and time.monotonic() < failed_s + SILENT_S


async def _in(pool: ThreadPoolExecutor, ask: Callable[..., Answer], *arguments: object) -> Answer:
    return await asyncio.get_running_loop().run_in_executor(pool, ask, *arguments)


@dataclass(slots=True)
class Arrived:
    """A bid that waits for the writer, and when it came."""

    auction_id: bytes
    encoded: bytes
    at_ns: int = 0
    answer: "Future[bytes]" = field(default_factory=Future)


def _receipt_of(said: AuctionReceipt | Refusal, auction_id: bytes) -> AuctionReceipt:
    if isinstance(said, AuctionReceipt):
        return said
    return AuctionReceipt(auction_id, Status.ERROR, said.bid_id, reason=said.reason, detail=said.detail)


def _read_place(log: ClearingLog) -> Place:
    """Behind what a start passes over."""
    number, entry, head = log.start()
    return Place(number, read_event(entry).at_ns, head) if number else BEGINNING


# ---- HTTP


def add_routes(app: FastAPI, service: ClearingService, key: PrivateKey) -> None:
    """CreateAuction, ListAuctions, Bid, GetBid, the log, and the time keys of this house, under /v1."""
    _add_auctions(app, service)
    _add_bids(app, service)
    _add_time_keys(app, key)

    @app.get("/v1/clearing-log")
    def get_log(after: After = 0, limit: Annotated[int, Query(ge=1, le=MAX_ENTRIES)] = 100) -> LogPage:
        """The house's log, as it is: before an auction is cleared nobody can read the bids in it, nor can the house."""
        found = service.entries(after, limit)
        entries = [EntryPage(number=number, entry=_base64(entry)) for number, entry in found]
        return LogPage(
            house=str(key.public), entries=entries, after=found[-1][0] if len(found) == limit else None
        )


def _add_auctions(app: FastAPI, service: ClearingService) -> None:
    @app.post("/v1/auctions")
    async def create_auction(request: Request) -> Response:
        """A signed auction in, a signed receipt out (both CBOR)."""
        return await _answer(request, MAX_AUCTION_BYTES, lambda body: service.ask(CreateAuction(body)))

    @app.get("/v1/auctions")
    def list_auctions(
        after: After = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20,
        provider: Annotated[str | None, Query(pattern=_ACCOUNT)] = None,
        active: Annotated[bool, Query(description="only those that take bids or are being cleared")] = False,  # noqa: FBT002 it comes in a URL
    ) -> AuctionListPage:
        """Auctions of this house, in the order in which they came, without their bids."""
        whose = None if provider is None else PublicKey.parse(provider)
        return service.pages(ListAuctions(after, whose, active), limit)

    @app.get("/v1/auctions/{auction_id}", response_model=AuctionPage)
    def get_auction(auction_id: AuctionId) -> AuctionPage | JSONResponse:
        """One auction, with the first of its bids as far as they may be seen."""
        page = service.find(bytes.fromhex(auction_id))
        return page or _refuse(404, "unknown_auction", f"no auction {auction_id}")


def _add_bids(app: FastAPI, service: ClearingService) -> None:
    @app.post("/v1/auctions/{auction_id}/bids")
    async def bid(auction_id: AuctionId, request: Request) -> Response:
        """A sealed bid, or in an open auction a signed `allocate`, in; a signed receipt out (both CBOR)."""
        return await _answer(
            request,
            MAX_SEALED_BID_BYTES,
            lambda body: service.place_bid(bytes.fromhex(auction_id), body),
        )

    @app.get("/v1/auctions/{auction_id}/bids", response_model=BidListPage)
    def get_bids(
        auction_id: AuctionId,
        after: After = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_BIDS_SHOWN)] = 100,
    ) -> BidListPage | JSONResponse:
        """An auction's bids as far as they may be seen, in the order in which they came."""
        page = service.bids(bytes.fromhex(auction_id), after, limit)
        return page or _refuse(404, "unknown_auction", f"no auction {auction_id}")

    @app.get("/v1/auctions/{auction_id}/bids/{bid_id}")
    def get_bid(auction_id: AuctionId, bid_id: BidId) -> Response:
        """What became of a bid: a signed receipt (CBOR)."""
        return Response(service.get_bid(bytes.fromhex(auction_id), PublicKey.parse(bid_id)), media_type=CBOR)


def _add_time_keys(app: FastAPI, key: PrivateKey) -> None:
    @app.get("/v1/time")
    def get_time() -> TimePage:
        """What time it is here: a house that names this keeper in an auction compares."""
        return TimePage(utc_ns=time.time_ns())

    @app.get("/v1/time-keys/{time_s}")
    def get_time_key(time_s: Second) -> Response:
        """This house's time key of a second, signed (CBOR): what is sealed to it can be opened from then on."""
        if time_s > time.time() + MAX_AHEAD_S:
            return _refuse(404, "too_far", f"time keys are given out {MAX_AHEAD_S} s ahead")
        return Response(time_key(key, time_s), media_type=CBOR)

    @app.get("/v1/time-secrets/{time_s}")
    def get_time_secret(time_s: Second) -> Response:
        """The secret of a time key, 32 octets, once its second has come."""
        secret = tell_time_secret(key, time_s, int(time.time()))
        if secret is None:
            return _refuse(404, "too_early", f"the secret of {time_s} is told then")
        return Response(secret, media_type="application/octet-stream")


async def _answer(request: Request, maximum: int, take: "Callable[[bytes], Future[bytes]]") -> Response:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > maximum:
            return _refuse(413, "too_large", f"at most {maximum} bytes")
    return Response(await asyncio.wrap_future(take(bytes(body))), media_type=CBOR)


def _refuse(status: int, error: str, detail: str) -> JSONResponse:
    return JSONResponse({"error": error, "detail": detail}, status)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
