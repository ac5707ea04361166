"""The clearing house's service: takes auctions and bids by HTTP and MQTT, and settles auctions in time.

Runs in the ledger's process, over whatever engine orders the ledger's blocks (ledger/ordering.py). What is taken is on
disk before it is answered, so a restart loses no bid: the log is applied again and each auction goes on where it was.
The *clerk* looks which auctions are due and does the next step of each, several at once: asks keepers, the ledger, the
provider, and submits the batch. A step that led nowhere is done again after a pause that grows.
Raises ShellError when the disk fails. Reference: Bandcoin 5.4, table 1; docs/decisions/0027.
"""

import asyncio
import base64
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, TypeVar

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from ledger.clearing.book import Book, Listing, with_key
from ledger.clearing.callback import ask_keeper, ask_provider
from ledger.clearing.door import MAX_BIDS, MAX_WINNERS_SHARED, Refusal
from ledger.clearing.events import BidsDropped, Event, OfferRejected, write_event
from ledger.clearing.house import (
    AskKeepers,
    AskLedger,
    AskProvider,
    Close,
    House,
    Step,
    Submit,
    rest_of,
)
from ledger.clearing.keeping import MAX_AHEAD_S, tell_time_secret, time_key, time_secret
from ledger.clearing.ledger_view import LedgerView
from ledger.clearing.log import ClearingLog
from ledger.clearing.opening import FEW, ManyAtOnce
from ledger.clearing.pages import AuctionListPage, AuctionPage, EntryPage, LogPage, show_auction
from ledger.clearing.request import AuctionRequest, CreateAuction, GetBid, PlaceBid
from ledger.ordering import Orderer
from wire.auction import MAX_AUCTION_BYTES
from wire.auction_receipt import AuctionReceipt, Status, write_auction_receipt
from wire.auction_terms import AUCTION_ID_SIZE
from wire.errors import DecodeError, ShellError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.sealed_bid import MAX_SEALED_BID_BYTES

POLL_S = 0.25
"""How often the clerk looks which auctions are due."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
"""Before a step is tried again: twice as long each time."""
MAX_CALLS = 4
"""Providers and keepers waited for at once, in threads of their own: slow ones delay auctions and nothing else."""
MAX_PAGE = 100
MAX_ENTRIES = 500
CBOR = "application/cbor"

Answer = TypeVar("Answer")
AuctionId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="auction id in hex")]
BidId = Annotated[str, Path(pattern="^0[23][0-9a-f]{64}$", description="the key that signed the bid, in hex")]
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
    ) -> None:
        self._view = LedgerView(orderer.application)
        self._orderer, self._key, self._log, self._tell = orderer, key, log, tell
        self._keepers = keepers
        self._opener = ManyAtOnce()
        self.book = Book(self._view.ledger_id, with_key(key), self._opener)
        self.book.load(list(log.entries()), time.time_ns())
        max_winners = MAX_WINNERS_SHARED if orderer.application.shared else MAX_BIDS
        self._house = House(self.book, key, self._view.has, max_winners)
        self._lock = threading.Lock()
        self._calls = ThreadPoolExecutor(MAX_CALLS, "auction-callback")
        self._stopped: Refusal | None = None
        self._busy: set[bytes] = set()
        self._pauses: dict[bytes, tuple[float, float]] = {}

    def close(self) -> None:
        self._calls.shutdown(cancel_futures=True)
        self._opener.close()
        self._log.close()

    # ---- CreateAuction, Bid, GetBid

    def take_auction(self, encoded: bytes) -> bytes:
        """The signed receipt. Raises DecodeError for what is no auction; ShellError."""
        with self._lock:
            said = self._stopped or self._house.take_auction(encoded, self._view.standing_of, time.time_ns())
            if not isinstance(said, AuctionReceipt | Refusal):
                self._note(said)
                said = next(reversed(self.book.listings.values())).receipt()
        if isinstance(said, Refusal):
            said = AuctionReceipt(
                bytes(AUCTION_ID_SIZE), Status.ERROR, reason=said.reason, detail=said.detail
            )
        return self._sign(said)

    def take_bid(self, auction_id: bytes, encoded: bytes) -> bytes:
        """The signed receipt. Raises DecodeError for what is no sealed bid; ShellError."""
        with self._lock:
            said = self._stopped or self._house.take_bid(
                auction_id, encoded, self._view.standing_of, self._view.find, time.time_ns()
            )
            if not isinstance(said, AuctionReceipt | Refusal):
                self._note(said)
                listing = self.book.listings[auction_id]
                said = listing.receipt(listing.last)
                if len(listing.bids) == FEW:
                    self._opener.start()
        if isinstance(said, Refusal):
            said = AuctionReceipt(auction_id, Status.ERROR, reason=said.reason, detail=said.detail)
        return self._sign(said)

    def get_bid(self, auction_id: bytes, bid_id: PublicKey) -> bytes:
        """The signed receipt: UNKNOWN for a bid, or an auction, that is not here."""
        with self._lock:
            listing = self.book.listings.get(auction_id)
            receipt = AuctionReceipt(auction_id, Status.UNKNOWN, bid_id)
            if listing is not None:
                receipt = listing.receipt(bid_id)
        return self._sign(receipt)

    def answer(self, request: AuctionRequest) -> bytes:
        """The same three for whoever has no HTTP. Raises DecodeError, ShellError."""
        match request:
            case CreateAuction(auction):
                return self.take_auction(auction)
            case PlaceBid(auction_id, bid):
                return self.take_bid(auction_id, bid)
            case GetBid(auction_id, bid_id):
                return self.get_bid(auction_id, bid_id)

    def find(self, auction_id: bytes) -> AuctionPage | None:
        with self._lock:
            listing = self.book.listings.get(auction_id)
            return None if listing is None else show_auction(listing)

    def pages(self, after: int, limit: int) -> AuctionListPage:
        with self._lock:
            listings = list(self.book.listings.values())
            shown = [show_auction(listing) for listing in listings[after : after + limit]]
        more = after + limit < len(listings)
        return AuctionListPage(auctions=shown, after=after + limit if more else None)

    def entries(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        with self._lock:
            return self._log.after(after, limit)

    def _sign(self, receipt: AuctionReceipt) -> bytes:
        return write_auction_receipt(receipt, self._key, self._view.ledger_id)

    def _note(self, event: Event) -> None:
        """On disk, and then true. Called with the lock."""
        entry = write_event(event)
        self._log.append([entry])
        self.book.apply(event, entry)

    # ---- The clerk

    async def run(self) -> None:
        """Settles auctions until cancelled. A house that fails takes nothing any more and says so; the ledger, in the
        same process, goes on. Its auctions go on where they were with the next start.
        """
        try:
            await self._settle()
        except Exception as error:  # noqa: BLE001 ours, whatever it is: told with its traceback, and the house is shut
            self._stopped = Refusal("house_stopped", "the clearing house failed, and waits for its operator")
            self._tell("clearing house stopped: " + "".join(traceback.format_exception(error)))

    async def _settle(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                for step in await asyncio.to_thread(self._due):
                    self._busy.add(step.listing.auction_id)
                    tasks.create_task(self._do(step))
                await asyncio.sleep(POLL_S)

    def _due(self) -> list[Step]:
        now_s, now = int(time.time()), time.monotonic()
        with self._lock:
            self.book.forget(now_s * 10**9)
            return [step for step in self._house.steps(now_s) if self._is_ready(step, now)]

    def _next(self, listing: Listing) -> Step:
        with self._lock:
            return self._house.next_step(listing, int(time.time()))

    def _is_ready(self, step: Step, now: float) -> bool:
        auction_id = step.listing.auction_id
        return auction_id not in self._busy and self._pauses.get(auction_id, (0.0, 0.0))[0] <= now

    async def _do(self, step: Step) -> None:
        """The steps of one auction, one after the other as long as each leads somewhere."""
        auction_id = step.listing.auction_id
        try:
            while await self._take_step(step) and step.listing.is_active:
                step = await asyncio.to_thread(self._next, step.listing)
        finally:
            self._busy.discard(auction_id)
        _, pause_s = self._pauses.pop(auction_id, (0.0, FIRST_PAUSE_S))
        if step.listing.is_active:
            self._pauses[auction_id] = time.monotonic() + pause_s, min(LONGEST_PAUSE_S, 2 * pause_s)

    async def _take_step(self, step: Step) -> bool:
        match step:
            case AskKeepers():
                told = await self._call(self._ask_keepers, step.listing)
                return await asyncio.to_thread(
                    self._decide, step, lambda now_ns: self._house.take_secrets(step.listing, told, now_ns)
                )
            case AskLedger():
                balances = self._view.balances(step.accounts)
                return await asyncio.to_thread(
                    self._decide,
                    step,
                    lambda now_ns: self._house.take_balances(step.listing, balances, now_ns),
                )
            case AskProvider():
                try:
                    answer = await self._call(
                        ask_provider, step.listing.auction.offer_callback, step.question
                    )
                except ShellError as error:
                    return self._note_trouble(step.listing, Refusal("provider_away", error.detail))
                return await asyncio.to_thread(
                    self._decide, step, lambda now_ns: self._house.take_answer(step.listing, answer, now_ns)
                )
            case Submit():
                return await self._submit(step)
            case Close():
                return await asyncio.to_thread(
                    self._decide, step, lambda now_ns: self._house.close(step, now_ns)
                )

    async def _call(self, ask: Callable[..., Answer], *arguments: object) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._calls, ask, *arguments)

    async def _submit(self, step: Submit) -> bool:
        rest = rest_of(step.batch, self._view.has)
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

    def _decide(self, step: Step, decide: Callable[[int], Event | Refusal | None]) -> bool:
        """Writes down what the house makes of it; whether the auction can go on at once."""
        with self._lock:
            event = decide(time.time_ns())
            if isinstance(event, Refusal):
                return self._note_trouble(step.listing, event)
            if event is not None:
                self._note(event)
        if not step.listing.is_active:
            self._tell_end(step.listing)
        if isinstance(event, OfferRejected):
            self._tell(f"auction {step.listing.auction_id.hex()}: {event.reason}: {event.detail}")
        if isinstance(event, BidsDropped):
            self._tell(f"auction {step.listing.auction_id.hex()}: {len(event.drops)} bids dropped")
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
            else f"settled, {len(listing.awards)} winners"
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
            elif key.keeper in self._keepers:
                try:
                    told[place] = ask_keeper(self._keepers[key.keeper], key.time_s)
                except ShellError as error:
                    self._tell(f"keeper {key.keeper}: {error}")
        return told


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
        return await _answer(request, MAX_AUCTION_BYTES, service.take_auction)

    @app.get("/v1/auctions")
    def list_auctions(
        after: After = 0, limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20
    ) -> AuctionListPage:
        """All auctions of this house, in the order in which they came."""
        return service.pages(after, limit)

    @app.get("/v1/auctions/{auction_id}", response_model=AuctionPage)
    def get_auction(auction_id: AuctionId) -> AuctionPage | JSONResponse:
        """One auction, with its bids as far as they may be seen."""
        page = service.find(bytes.fromhex(auction_id))
        return page or _refuse(404, "unknown_auction", f"no auction {auction_id}")


def _add_bids(app: FastAPI, service: ClearingService) -> None:
    @app.post("/v1/auctions/{auction_id}/bids")
    async def bid(auction_id: AuctionId, request: Request) -> Response:
        """A sealed bid, or in an open auction a signed `allocate`, in; a signed receipt out (both CBOR)."""
        return await _answer(
            request, MAX_SEALED_BID_BYTES, lambda body: service.take_bid(bytes.fromhex(auction_id), body)
        )

    @app.get("/v1/auctions/{auction_id}/bids/{bid_id}")
    def get_bid(auction_id: AuctionId, bid_id: BidId) -> Response:
        """What became of a bid: a signed receipt (CBOR)."""
        return Response(service.get_bid(bytes.fromhex(auction_id), PublicKey.parse(bid_id)), media_type=CBOR)


def _add_time_keys(app: FastAPI, key: PrivateKey) -> None:
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


async def _answer(request: Request, maximum: int, take: Callable[[bytes], bytes]) -> Response:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > maximum:
            return _refuse(413, "too_large", f"at most {maximum} bytes")
    try:
        return Response(await asyncio.to_thread(take, body), media_type=CBOR)
    except DecodeError as error:
        return _refuse(422, "unreadable", str(error))


def _refuse(status: int, error: str, detail: str) -> JSONResponse:
    return JSONResponse({"error": error, "detail": detail}, status)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
