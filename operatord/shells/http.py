"""The door for FreeRADIUS: HTTP on loopback, JSON in the form of rlm_rest.

POST /v1/authorise answers 200 with the attributes of the Access-Accept, or 401 with a Reply-Message that names the
reason; POST /v1/accounting 204 once the record is on disk; GET /v1/status what an owner wants to know, GET /metrics the
same for Prometheus (operatord/metrics.py). A question that cannot be read is refused as `bad_request`, accounting with
400. Decides nothing: `Desk` does.

FreeRADIUS expands each value of an answer as if it stood in its configuration, secrets of other boxes included. So each
one says `do_xlat: false`, and what a box or a station wrote is repeated to nobody but our own log.
"""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from operatord.accounting import read_accounting
from operatord.authorising import Accepted, Decision
from operatord.metrics import Timing, measure
from operatord.reply import Attributes
from operatord.request import AuthoriseRequest, read_authorise_request
from operatord.sessions import AccountingRecord, BoxRestarted
from wire.errors import DecodeError
from wire.metrics_text import CONTENT_TYPE, format_metrics

MAX_BODY_BYTES = 64 * 1024
"""A RADIUS packet has 4,096 octets; as JSON a few times that."""
MAX_MESSAGE_BYTES = 253
"""What one attribute holds (RFC 2865 clause 5)."""
BAD_REQUEST = "bad_request"
_NO = _UNREADABLE = 401
"""To rlm_rest a refusal, whose body it reads; it would not read that of a 400."""


class Desk(Protocol):
    """Whoever decides."""

    async def authorise(self, request: AuthoriseRequest) -> Decision: ...

    async def account(self, record: AccountingRecord | BoxRestarted) -> None: ...

    def status(self) -> dict[str, Any]: ...

    def note(self, kind: str, text: str) -> None: ...


def create_app(desk: Desk) -> FastAPI:
    """The application in front of one desk."""
    app = FastAPI(title="Airgrant operator", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    timing = Timing()

    @app.post("/v1/authorise")
    async def authorise(request: Request) -> Response:
        """May this key join here?"""
        nonlocal timing
        began_ns = time.monotonic_ns()
        answer = await _answer(desk, request, lambda page: _authorise(desk, page), _UNREADABLE)
        timing = timing.with_question(time.monotonic_ns() - began_ns)
        return answer

    @app.post("/v1/accounting")
    async def account(request: Request) -> Response:
        """What an access point tells of a session."""
        return await _answer(desk, request, lambda page: _account(desk, page), 400)

    @app.get("/v1/status")
    async def status() -> Response:
        """Permits, uses, sessions and counters."""
        return JSONResponse(desk.status())

    @app.get("/metrics")
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(format_metrics(measure(desk.status(), timing)), media_type=CONTENT_TYPE)

    return app


async def _answer(
    desk: Desk, request: Request, handle: Callable[[object], Awaitable[Response]], unreadable: int
) -> Response:
    try:
        return await handle(_parse(await _read_body(request)))
    except DecodeError as error:
        desk.note(f"{request.url.path.rpartition('/')[2]}: {type(error).__name__}", str(error))
        return JSONResponse(_reply({"Reply-Message": BAD_REQUEST}), unreadable)


async def _read_body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise DecodeError(f"at most {MAX_BODY_BYTES} bytes are accepted")
    return body


def _parse(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"no JSON: {error}") from None


async def _authorise(desk: Desk, page: object) -> Response:
    decision = await desk.authorise(read_authorise_request(page))
    if isinstance(decision, Accepted):
        return JSONResponse(_reply(decision.attributes))
    message = f"{decision.reason}: {decision.detail}".encode()[:MAX_MESSAGE_BYTES].decode(errors="ignore")
    return JSONResponse(_reply({"Reply-Message": message}), _NO)


def _reply(attributes: Attributes) -> dict[str, Any]:
    """Attributes of the answer in rlm_rest's form, to be taken as they are."""
    return {
        f"reply:{name}": {"do_xlat": False, "value": list(value) if isinstance(value, tuple) else [value]}
        for name, value in attributes.items()
    }


async def _account(desk: Desk, page: object) -> Response:
    record = read_accounting(page, int(time.time()))
    await desk.account(record)
    return Response(status_code=204)
