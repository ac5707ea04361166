"""The door for merchants: HTTP, octets as docs/payments.md lists them. Decides nothing: the `Settler` does.

    GET  /v1/payplace/announcement         head and signature of the block that may be signed now; 204: none
    GET  /v1/payplace/blocks/ROOT          a block, as a stream
    GET  /v1/payplace/kept                 CBOR map: merchant id -> leaf, of each member of M
    POST /v1/payplace/micropayments        channel numbers, 4 octets each -> CBOR map: channel -> micropayment
    POST /v1/payplace/signatures           merchant id 32 | period 8 | signature 48 -> 204 once it is on disk
    POST /v1/payplace/vouchers             key 96 | possession 48 | payout account 33 -> tau_s 8 | voucher 48

Nobody has to say who he is: what is shown is everybody's, and what is taken is signed. The announcement comes from
memory. Whatever costs something has a turnstile of its own, so that who asks for one thing too often keeps nobody from
another, and places by host, so that he keeps nobody else from that one (`crowds`). 400 says what could not be read, 404
that it is not there, 503 that the chain is away, or that too many ask: in both cases later is better.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from ledger.payplace import bls
from ledger.payplace.payout_leaf import MAX_ENTRIES
from operatord.payplace.crowds import Desk, Gathering, TooManyError, Turnstile, host_of
from operatord.payplace.merchant import Shown
from operatord.payplace.settling import Brought
from wire.cbor import Key, Value, write_cbor
from wire.errors import DecodeError, ShellError
from wire.ids import PUBLIC_KEY_SIZE, PublicKey

CHANNEL_SIZE = 4
NUMBERS_BODY = CHANNEL_SIZE * MAX_ENTRIES
"""As many consumers as a leaf names: an answer has 2.6 MB at most."""
SIGNATURE_BODY, VOUCHER_BODY = 32 + 8 + 48, 96 + 48 + PUBLIC_KEY_SIZE
OCTETS, CBOR = "application/octet-stream", "application/cbor"
STREAMS, STREAMS_OF_ONE, WRITE_S = 64, 8, 20.0
"""Blocks that are read at once, of these by one host, and seconds for each piece of one."""


class Office(Shown, Desk, Protocol):
    """What the door is in front of."""


REFUSED = (LookupError, DecodeError, ShellError, TooManyError)


class Streamed(StreamingResponse):
    """Octets that go out while the reader takes them, with a place among those that do; 503 if there is none. Who does
    not take a piece within `write_s` is left.
    """

    def __init__(self, pieces: Iterator[bytes], streams: Turnstile, host: str, write_s: float) -> None:
        super().__init__(pieces, media_type=OCTETS)
        self._streams, self._host, self._write_s = streams, host, write_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._write_s):
                await send(message)

        try:
            async with self._streams.turn(self._host):
                await super().__call__(scope, receive, send_in_time)
        except TooManyError:
            await _later()(scope, receive, send)
        except (TimeoutError, ClientDisconnect):
            pass  # the server ends a connection whose answer stays unfinished


def create_app(office: Office, tell: Callable[[str], None], write_s: float = WRITE_S) -> FastAPI:
    """The application in front of one operator."""
    app = FastAPI(title="Airgrant payouts", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    shown, numbers, vouching, gathering = Turnstile(), Turnstile(), Turnstile(at_once=1), Gathering(office)
    streams = Turnstile(STREAMS, 0, STREAMS_OF_ONE)

    async def answer(turnstile: Turnstile, request: Request, work: Callable[[], Response]) -> Response:
        try:
            async with turnstile.turn(_host(request)):
                return await asyncio.to_thread(work)
        except REFUSED as error:
            return _refusal(error, tell)

    @app.get("/v1/payplace/announcement")
    async def announcement() -> Response:
        try:
            return _announcement(office)
        except REFUSED as error:
            return _refusal(error, tell)

    @app.get("/v1/payplace/blocks/{root}")
    async def block(root: str, request: Request) -> Response:
        def stream() -> Response:
            return Streamed(office.block(_root(root)), streams, _host(request), write_s)

        return await answer(shown, request, stream)

    @app.get("/v1/payplace/kept")
    async def kept(request: Request) -> Response:
        return await answer(shown, request, lambda: _cbor(office.kept().items()))

    @app.post("/v1/payplace/micropayments")
    async def micropayments(request: Request) -> Response:
        body = await _read_body(request, NUMBERS_BODY)
        return await answer(numbers, request, lambda: _cbor(office.micropayments(_numbers(body)).items()))

    @app.post("/v1/payplace/signatures")
    async def signatures(request: Request) -> Response:
        try:
            brought = _signature(await _read_body(request, SIGNATURE_BODY))
            said = await gathering.take(brought, _host(request))
        except REFUSED as error:
            return _refusal(error, tell)
        return PlainTextResponse(said, 400) if said else Response(status_code=204)

    @app.post("/v1/payplace/vouchers")
    async def vouchers(request: Request) -> Response:
        body = await _read_body(request, VOUCHER_BODY)
        return await answer(vouching, request, lambda: _vouch(office, body))

    return app


def _host(request: Request) -> str:
    return host_of(request.client.host) if request.client else ""


def _refusal(error: Exception, tell: Callable[[str], None]) -> Response:
    """What is said of it."""
    match error:
        case LookupError():
            return PlainTextResponse(str(error.args[0]), 404)
        case DecodeError():
            return PlainTextResponse(str(error), 400)
        case ShellError():
            tell(str(error))
    return _later()


def _later() -> Response:
    return PlainTextResponse("try again later", 503)


async def _read_body(request: Request, most: int) -> bytes:
    """What is longer is cut, and so cannot be read."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return b""
    return body


def _announcement(office: Shown) -> Response:
    octets = office.announcement()
    return Response(status_code=204) if octets is None else Response(octets, media_type=OCTETS)


def _signature(body: bytes) -> Brought:
    if len(body) != SIGNATURE_BODY:
        raise DecodeError(f"a signature comes in {SIGNATURE_BODY} octets, not {len(body)}")
    return body[:32], int.from_bytes(body[32:40], "big"), body[40:]


def _vouch(office: Shown, body: bytes) -> Response:
    if len(body) != VOUCHER_BODY:
        raise DecodeError(f"a registration comes in {VOUCHER_BODY} octets, not {len(body)}")
    key, possession = bls.PublicKey.of_compressed(body[:96]), bls.Signature.of_compressed(body[96:144])
    tau_s, voucher = office.vouch(key, possession, _account(body[144:]))
    return Response(tau_s.to_bytes(8, "big") + voucher.compressed, media_type=OCTETS)


def _account(octets: bytes) -> PublicKey:
    try:
        return PublicKey(octets)
    except ValueError as error:
        raise DecodeError(str(error)) from None


def _root(text: str) -> bytes:
    try:
        root = bytes.fromhex(text)
    except ValueError:
        root = b""
    if len(root) != 32:
        raise DecodeError("a root has 64 hexadecimal digits")
    return root


def _numbers(body: bytes) -> list[int]:
    if not body or len(body) % CHANNEL_SIZE:
        raise DecodeError(f"channel numbers come in 4 octets each, at least one and at most {MAX_ENTRIES}")
    return [int.from_bytes(body[at : at + CHANNEL_SIZE], "big") for at in range(0, len(body), CHANNEL_SIZE)]


def _cbor(values: Iterable[tuple[Key, Value]]) -> Response:
    return Response(write_cbor(dict(values)), media_type=CBOR)
