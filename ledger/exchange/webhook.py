"""The exchange's door: gateways' notifications and owners' requests over HTTP, for a proxy with TLS before it.

    POST /braintree   a notification (form)          GET /braintree?bt_challenge=   Braintree tries the address
    POST /saleor      a webhook (JSON, Saleor-Signature)
    POST /payouts     a signed payout request        GET /payouts/{id}              how far it is, and for how much
    GET  /health

200 says that it is on disk, or was already; then the sender may forget it. 400 is for what nobody signed or can read:
it is counted and not kept. 503 says that the disk failed: send it again. A shell: what is genuine is decided by the
adapters, what it means by ledger/exchange/judging.py.
"""

import asyncio
import urllib.parse
from collections import Counter
from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Path, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from ledger.exchange import braintree, saleor
from ledger.exchange.desk import Desk
from ledger.exchange.events import Event
from ledger.exchange.payout_request import MAX_PAYOUT_REQUEST_BYTES, PayoutRequest, read_payout_request
from ledger.exchange.rates import format_minor
from ledger.genesis import Genesis
from ledger.http import add_error_pages
from wire.errors import DecodeError, ShellError

Available = Callable[[PayoutRequest], int | None]
"""What the account of a request has, in ubc; None if the ledger has its transfer already. Raises ShellError."""
TransactionId = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


class Door:
    """What the pages need. `wake` is called when something new is on disk; `available` says what is there for a payout;
    `counters` counts what was sent away.
    """

    def __init__(
        self,
        desk: Desk,
        genesis: Genesis,
        wake: Callable[[], None],
        available: Available,
        credentials: braintree.Credentials | None,
        shop: saleor.Shop | None,
    ) -> None:
        self.desk = desk
        self.genesis = genesis
        self.wake = wake
        self.available = available
        self.credentials = credentials
        self.shop = shop
        self.counters: Counter[str] = Counter()


def create_app(door: Door) -> FastAPI:
    """The application over one desk."""
    app = FastAPI(title="Airgrant exchange", version="1", openapi_url=None)
    add_error_pages(app)
    _add_gateways(app, door)
    _add_payouts(app, door)

    @app.get("/health")
    def get_health() -> dict[str, object]:
        with door.desk.lock:
            waiting = sum(1 for _ in door.desk.book.open_cases())
            return {"lines": door.desk.book.last_number, "open": waiting, "counters": dict(door.counters)}

    @app.exception_handler(DecodeError)
    async def say_wrong(request: Request, error: DecodeError) -> JSONResponse:
        door.counters[f"{request.url.path}: {type(error).__name__}"] += 1
        return JSONResponse({"error": "not_accepted", "detail": str(error)}, 400)

    @app.exception_handler(ShellError)
    async def say_later(_request: Request, error: ShellError) -> JSONResponse:
        return JSONResponse({"error": "try_again", "detail": error.what}, 503)

    return app


def _add_gateways(app: FastAPI, door: Door) -> None:
    if door.credentials is not None:
        credentials = door.credentials

        @app.get("/braintree")
        def try_braintree(bt_challenge: str) -> PlainTextResponse:
            return PlainTextResponse(braintree.answer_challenge(bt_challenge, credentials))

        @app.post("/braintree")
        async def post_braintree(request: Request) -> Response:
            body = await _read_body(request, 2 * braintree.MAX_PAYLOAD_BYTES)
            signature, payload = read_form(body, "bt_signature", "bt_payload")
            return await _take(door, braintree.read_notification(signature, payload, credentials))

    if door.shop is not None:
        shop = door.shop

        @app.post("/saleor")
        async def post_saleor(request: Request) -> Response:
            body = await _read_body(request, saleor.MAX_BODY_BYTES)
            signature = request.headers.get("Saleor-Signature", "")
            return await _take(door, saleor.read_webhook(body, signature, shop))


def _add_payouts(app: FastAPI, door: Door) -> None:
    @app.post("/payouts")
    async def post_payout(request: Request) -> Response:
        body = await _read_body(request, MAX_PAYOUT_REQUEST_BYTES)
        wanted = read_payout_request(body, door.genesis.exchange, door.genesis.ledger_id)
        await asyncio.to_thread(door.desk.check_payout, wanted)
        available_ubc = await asyncio.to_thread(door.available, wanted)
        key, new = await asyncio.to_thread(door.desk.take_payout, wanted, available_ubc)
        door.wake()
        return JSONResponse(_show(door, key) | {"new": new})

    @app.get("/payouts/{transaction_id}")
    def get_payout(transaction_id: TransactionId) -> Response:
        key = f"payout:{transaction_id}"
        if key not in door.desk.book.cases:
            return JSONResponse({"error": "unknown_payout", "detail": f"no payout {transaction_id}"}, 404)
        return JSONResponse(_show(door, key))


def _show(door: Door, key: str) -> dict[str, object]:
    """Not where the money goes: that is the owner's."""
    with door.desk.lock:
        case = door.desk.book.cases[key]
        event = case.event
        rate = door.desk.rules.rates.get(event.text("currency"))
        return {
            "payout": key.removeprefix("payout:"),
            "stage": case.stage,
            "minor": case.pays_minor,
            "pays": "" if rate is None else format_minor(case.pays_minor, rate.decimals),
            "currency": event.text("currency"),
            "amount_ubc": event.count("ubc"),
        }


async def _take(door: Door, event: Event) -> Response:
    new = await asyncio.to_thread(door.desk.take, event)
    door.wake()
    return JSONResponse({"key": event.key, "new": new})


async def _read_body(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise DecodeError(f"body: more than {max_bytes} bytes")
    return bytes(body)


def read_form(body: bytes, *names: str) -> list[str]:
    """Of application/x-www-form-urlencoded, each once. Raises DecodeError."""
    try:
        fields = urllib.parse.parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=20)
    except ValueError as error:
        raise DecodeError(f"form: {error}") from error
    values = [fields.get(name, []) for name in names]
    if any(len(one) != 1 for one in values):
        raise DecodeError(f"form: {' and '.join(names)} are needed, each once")
    return [one[0] for one in values]
