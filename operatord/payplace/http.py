"""The door for merchants: HTTP, octets as docs/payments.md lists them. Decides nothing: the `Settler` does.

    GET  /v1/payplace/announcement         head and signature of the block that may be signed now; 204: none
    GET  /v1/payplace/blocks/ROOT          a block, as a stream
    GET  /v1/payplace/kept                 CBOR map: merchant id -> leaf, of each member of M
    POST /v1/payplace/micropayments        channel numbers, 4 octets each -> CBOR map: channel -> micropayment
    POST /v1/payplace/signatures           merchant id 32 | period 8 | signature 48 -> 204 once it is on disk
    POST /v1/payplace/vouchers             key 96 | possession 48 | payout account 33 -> tau_s 8 | voucher 48

Nobody has to say who he is: what is shown is everybody's, and what is taken is signed. 400 says what could not be read,
404 that it is not there, 503 that the chain is away.
"""

import asyncio
from collections.abc import Callable, Iterable

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from ledger.payplace import bls
from operatord.payplace.merchant import Office
from wire.cbor import Key, Value, write_cbor
from wire.errors import DecodeError, ShellError
from wire.ids import PUBLIC_KEY_SIZE, PublicKey

MAX_BODY_BYTES = 1 << 20
"""260,000 channel numbers: a merchant with more consumers asks twice."""
SIGNATURE_BODY, VOUCHER_BODY = 32 + 8 + 48, 96 + 48 + PUBLIC_KEY_SIZE
OCTETS, CBOR = "application/octet-stream", "application/cbor"


def create_app(office: Office, tell: Callable[[str], None]) -> FastAPI:
    """The application in front of one operator."""
    app = FastAPI(title="Airgrant payouts", version="1", docs_url=None, redoc_url=None, openapi_url=None)

    async def answer(work: Callable[[], Response]) -> Response:
        try:
            return await asyncio.to_thread(work)
        except LookupError as error:
            return PlainTextResponse(str(error.args[0]), 404)
        except DecodeError as error:
            return PlainTextResponse(str(error), 400)
        except ShellError as error:
            tell(str(error))
            return PlainTextResponse("try again later", 503)

    @app.get("/v1/payplace/announcement")
    async def announcement() -> Response:
        return await answer(lambda: _announcement(office))

    @app.get("/v1/payplace/blocks/{root}")
    async def block(root: str) -> Response:
        return await answer(lambda: StreamingResponse(office.block(_root(root)), media_type=OCTETS))

    @app.get("/v1/payplace/kept")
    async def kept() -> Response:
        return await answer(lambda: _cbor(office.kept().items()))

    @app.post("/v1/payplace/micropayments")
    async def micropayments(request: Request) -> Response:
        body = await _read_body(request)
        return await answer(lambda: _cbor(office.micropayments(_numbers(body)).items()))

    @app.post("/v1/payplace/signatures")
    async def signatures(request: Request) -> Response:
        body = await _read_body(request)
        return await answer(lambda: _take_signature(office, body))

    @app.post("/v1/payplace/vouchers")
    async def vouchers(request: Request) -> Response:
        body = await _read_body(request)
        return await answer(lambda: _vouch(office, body))

    return app


async def _read_body(request: Request) -> bytes:
    """What is longer is cut, and so cannot be read."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return b""
    return body


def _announcement(office: Office) -> Response:
    octets = office.announcement()
    return Response(status_code=204) if octets is None else Response(octets, media_type=OCTETS)


def _take_signature(office: Office, body: bytes) -> Response:
    if len(body) != SIGNATURE_BODY:
        raise DecodeError(f"a signature comes in {SIGNATURE_BODY} octets, not {len(body)}")
    office.take_signature(body[:32], int.from_bytes(body[32:40], "big"), body[40:])
    return Response(status_code=204)


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
    if not body or len(body) % 4:
        raise DecodeError("channel numbers come in 4 octets each, at least one and at most a megabyte")
    return [int.from_bytes(body[at : at + 4], "big") for at in range(0, len(body), 4)]


def _cbor(values: Iterable[tuple[Key, Value]]) -> Response:
    return Response(write_cbor(dict(values)), media_type=CBOR)
