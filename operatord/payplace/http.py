"""The door for merchants: HTTP, octets as docs/payments.md lists them. Decides nothing: the `Settler` does.

    GET  /v1/payplace/announcement         head and signature of the block that may be signed now; 204: none
    GET  /v1/payplace/blocks/ROOT          a block, as a stream
    GET  /v1/payplace/kept                 CBOR map: merchant id -> leaf, of each member of M
    POST /v1/payplace/micropayments        channel numbers, 4 octets each -> CBOR map: channel -> micropayment
    POST /v1/payplace/signatures           merchant id 32 | period 8 | signature 48 -> 204 once it is on disk
    POST /v1/payplace/vouchers             key 96 | possession 48 | payout account 33 -> tau_s 8 | voucher 48

Nobody has to say who he is: what is shown is everybody's, and what is taken is signed. Whatever costs something has a
turnstile of its own, so that who asks for one thing too often keeps nobody from another. Signatures that come while
others are verified are verified together. 400 says what could not be read, 404 that it is not there, 503 that the chain
is away, or that too many ask: in both cases later is better.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from ledger.payplace import bls
from ledger.payplace.payout_leaf import MAX_ENTRIES
from operatord.payplace.merchant import Office
from operatord.payplace.settling import Brought
from wire.cbor import Key, Value, write_cbor
from wire.errors import DecodeError, ShellError
from wire.ids import PUBLIC_KEY_SIZE, PublicKey

CHANNEL_SIZE = 4
NUMBERS_BODY = CHANNEL_SIZE * MAX_ENTRIES
"""As many consumers as a leaf names: an answer has 2.6 MB at most."""
SIGNATURE_BODY, VOUCHER_BODY = 32 + 8 + 48, 96 + 48 + PUBLIC_KEY_SIZE
OCTETS, CBOR = "application/octet-stream", "application/cbor"
AT_ONCE, WAITING = 2, 200
"""Of one kind of question: threads that work at it, and who waits for them."""
MAX_SIGNATURES, MAX_OF_ONE = 2_000, 4
"""That wait while others are verified, and of these in one merchant's name."""


class Desk(Office, Protocol):
    """An office that takes signatures by the hundred."""

    def take_signatures(self, brought: Sequence[Brought]) -> list[str]: ...


class TooManyError(Exception):
    """Ask again later."""


REFUSED = (LookupError, DecodeError, ShellError, TooManyError)


class Turnstile:
    """Few at once, some who wait, and nobody more. Raises TooManyError."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._left = at_once + waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        if not self._left:
            raise TooManyError
        self._left -= 1
        try:
            async with self._room:
                yield
        finally:
            self._left += 1


class Gathering:
    """Signatures on their way to the desk: one batch after the other, each of all that came meanwhile."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._waiting: deque[tuple[Brought, asyncio.Future[str]]] = deque()
        self._names: Counter[bytes] = Counter()
        self._working = asyncio.Lock()

    async def take(self, brought: Brought) -> str:
        """Why it is not taken; empty once it is on disk. Raises TooManyError, ShellError."""
        name = brought[0]
        if len(self._waiting) >= MAX_SIGNATURES or self._names[name] >= MAX_OF_ONE:
            raise TooManyError
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._names[name] += 1
        self._waiting.append((brought, answer))
        try:
            async with self._working:
                if not answer.done():
                    await self._work()
            return await answer
        finally:
            self._names[name] -= 1
            if not self._names[name]:
                del self._names[name]

    async def _work(self) -> None:
        """At all that waits."""
        batch = list(self._waiting)
        self._waiting.clear()
        fault: Exception = TooManyError()  # if somebody ends us meanwhile
        try:
            said = await asyncio.to_thread(self._desk.take_signatures, [brought for brought, _ in batch])
            for (_, answer), why in zip(batch, said, strict=True):
                if not answer.done():
                    answer.set_result(why)
        except ShellError as error:
            fault = error
        finally:
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(fault)
                    answer.exception()  # whoever has gone does not ask for it


def create_app(office: Desk, tell: Callable[[str], None]) -> FastAPI:
    """The application in front of one operator."""
    app = FastAPI(title="Airgrant payouts", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    shown, numbers, vouching, gathering = Turnstile(), Turnstile(), Turnstile(at_once=1), Gathering(office)

    async def answer(turnstile: Turnstile, work: Callable[[], Response]) -> Response:
        try:
            async with turnstile.turn():
                return await asyncio.to_thread(work)
        except REFUSED as error:
            return _refusal(error, tell)

    @app.get("/v1/payplace/announcement")
    async def announcement() -> Response:
        return await answer(shown, lambda: _announcement(office))

    @app.get("/v1/payplace/blocks/{root}")
    async def block(root: str) -> Response:
        return await answer(shown, lambda: StreamingResponse(office.block(_root(root)), media_type=OCTETS))

    @app.get("/v1/payplace/kept")
    async def kept() -> Response:
        return await answer(shown, lambda: _cbor(office.kept().items()))

    @app.post("/v1/payplace/micropayments")
    async def micropayments(request: Request) -> Response:
        body = await _read_body(request, NUMBERS_BODY)
        return await answer(numbers, lambda: _cbor(office.micropayments(_numbers(body)).items()))

    @app.post("/v1/payplace/signatures")
    async def signatures(request: Request) -> Response:
        try:
            said = await gathering.take(_signature(await _read_body(request, SIGNATURE_BODY)))
        except REFUSED as error:
            return _refusal(error, tell)
        return PlainTextResponse(said, 400) if said else Response(status_code=204)

    @app.post("/v1/payplace/vouchers")
    async def vouchers(request: Request) -> Response:
        body = await _read_body(request, VOUCHER_BODY)
        return await answer(vouching, lambda: _vouch(office, body))

    return app


def _refusal(error: Exception, tell: Callable[[str], None]) -> Response:
    """What is said of it."""
    match error:
        case LookupError():
            return PlainTextResponse(str(error.args[0]), 404)
        case DecodeError():
            return PlainTextResponse(str(error), 400)
        case ShellError():
            tell(str(error))
    return PlainTextResponse("try again later", 503)


async def _read_body(request: Request, most: int) -> bytes:
    """What is longer is cut, and so cannot be read."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return b""
    return body


def _announcement(office: Office) -> Response:
    octets = office.announcement()
    return Response(status_code=204) if octets is None else Response(octets, media_type=OCTETS)


def _signature(body: bytes) -> Brought:
    if len(body) != SIGNATURE_BODY:
        raise DecodeError(f"a signature comes in {SIGNATURE_BODY} octets, not {len(body)}")
    return body[:32], int.from_bytes(body[32:40], "big"), body[40:]


def _vouch(office: Office, body: bytes) -> Response:
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
